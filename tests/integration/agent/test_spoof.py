# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guest may send: every wrong frame is dropped and counted under its reason, every right one arrives."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator

import pytest
from agentlab import Guest, Node, Place, run, until
from conftest import Lab
from frames import BROADCAST, Wire, advertisement, arp, ethernet, icmp6, ip, mac, packed, solicitation, udp

MAC, OTHER_MAC = "52:02:45:76:d2:1e", "52:02:45:76:d2:1f"
V4, OTHER_V4 = "2.57.57.30", "2.57.57.31"
V6, OTHER_V6 = "2001:678:3a4:100::30", "2001:678:3a4:100::31"
LL = "fe80::5002:45ff:fe76:d21e"
OUTSIDE4, OUTSIDE6 = "192.0.2.9", "2001:db8:c::9"
ROUTED4, ROUTED6 = "2.57.57.70", "2001:678:3a4:1ff::5"

RIGHT = {
    "IPv4": udp(MAC, V4, OUTSIDE4),
    "IPv4 from a routed prefix": udp(MAC, ROUTED4, OUTSIDE4),
    "IPv6": udp(MAC, V6, OUTSIDE6),
    "IPv6 from a routed prefix": udp(MAC, ROUTED6, OUTSIDE6),
    "ARP request for the gateway": arp(MAC, 1, MAC, V4, "169.254.0.1"),
    "ARP request for a neighbour on-link": arp(MAC, 1, MAC, V4, OTHER_V4),
    "ARP reply": arp(MAC, 2, MAC, V4, "169.254.0.1"),
    "ARP probe for its own address": arp(MAC, 1, MAC, "0.0.0.0", V4),
    "NS for the gateway": solicitation(MAC, V6, "fe80::1"),
    "NS from its link-local address": solicitation(MAC, LL, "fe80::1"),
    "NS of DAD": solicitation(MAC, "::", V6),
    "NS of DAD for its link-local address": solicitation(MAC, "::", LL),
    "NA": advertisement(MAC, V6, V6),
    "NA for its link-local address": advertisement(MAC, LL, LL),
    "router solicitation": icmp6(MAC, LL, "ff02::2", 133, b"\0" * 4),
    "DHCP request": ethernet(MAC, *ip("0.0.0.0", "255.255.255.255", 17, struct.pack("!HHHH", 68, 67, 8, 0)), BROADCAST),
    "DHCPv6 request": udp(MAC, LL, "ff02::1:2", 546, 547),
}
WRONG = {
    "IPv4 of another guest": (udp(MAC, OTHER_V4, OUTSIDE4), "false_source4"),
    "IPv4 of a stranger": (udp(MAC, "198.51.100.1", OUTSIDE4), "false_source4"),
    "IPv4 beside its routed prefix": (udp(MAC, "2.57.57.80", OUTSIDE4), "false_source4"),
    "IPv4 as the gateway": (udp(MAC, "169.254.0.1", OUTSIDE4), "false_gateway"),
    "IPv4 without a source": (udp(MAC, "0.0.0.0", OUTSIDE4), "false_source4"),
    "IPv6 of another guest": (udp(MAC, OTHER_V6, OUTSIDE6), "false_source6"),
    "IPv6 beside its routed prefix": (udp(MAC, "2001:678:3a4:1fe::5", OUTSIDE6), "false_source6"),
    "IPv6 as the gateway": (udp(MAC, "fe80::1", "fe80::2"), "false_gateway"),
    "IPv6 link-local to outside": (udp(MAC, LL, OUTSIDE6), "false_source6"),
    "IPv6 without a source": (udp(MAC, "::", OUTSIDE6), "false_source6"),
    "MAC of another guest": (udp(OTHER_MAC, OTHER_V4, OUTSIDE4), "unknown_mac"),
    "MAC of the gateway": (udp("02:00:5e:00:01:01", V4, OUTSIDE4, dport=1), "unknown_mac"),
    "ARP reply as the gateway": (arp(MAC, 2, MAC, "169.254.0.1", OTHER_V4), "false_gateway"),
    "ARP reply for another guest": (arp(MAC, 2, MAC, OTHER_V4, "169.254.0.1"), "false_arp"),
    "ARP announcing another guest": (arp(MAC, 1, MAC, OTHER_V4, OTHER_V4), "false_arp"),
    "ARP with another sender MAC": (arp(MAC, 2, OTHER_MAC, V4, "169.254.0.1"), "false_arp"),
    "ARP probe for another guest": (arp(MAC, 1, MAC, "0.0.0.0", OTHER_V4), "false_arp"),
    "reverse ARP": (arp(MAC, 3, MAC, V4, V4), "false_arp"),
    "NA for the gateway": (advertisement(MAC, V6, "fe80::1"), "false_gateway"),
    "NA as the gateway": (advertisement(MAC, "fe80::1", LL), "false_gateway"),
    "NA for another guest": (advertisement(MAC, V6, OTHER_V6), "false_discovery"),
    "NA from another guest": (advertisement(MAC, OTHER_V6, V6), "false_source6"),
    "NS from another guest": (solicitation(MAC, OTHER_V6, "fe80::1"), "false_source6"),
    "NS of DAD for another guest": (solicitation(MAC, "::", OTHER_V6), "false_discovery"),
    "NS of DAD for the gateway": (solicitation(MAC, "::", "fe80::1"), "false_gateway"),
    "router advertisement": (icmp6(MAC, LL, "ff02::1", 134, b"\x40\0\x07\x08" + b"\0" * 8), "false_router"),
    "redirect": (icmp6(MAC, LL, "ff02::1", 137, b"\0" * 4 + packed(OTHER_V6) + packed(OTHER_V6)), "false_router"),
    "IPv4 redirect": (ethernet(MAC, *ip(V4, OUTSIDE4, 1, b"\5\1\xfa\xfe" + b"\0" * 28)), "false_router"),
    "DHCP answer": (udp(MAC, V4, "255.255.255.255", 67, 68), "false_dhcp_server"),
    "DHCPv6 answer": (udp(MAC, LL, "ff02::1", 547, 546), "false_dhcp_server"),
    "tagged": (ethernet(MAC, 0x8100, b"\0\x05" + udp(MAC, V4, OUTSIDE4)[12:]), "other_frame"),
    "LLDP": (ethernet(MAC, 0x88CC, b"\2\7\4" + mac(MAC), BROADCAST), "other_frame"),
    "PPPoE": (ethernet(MAC, 0x8863, b"\x11\x09\0\0\0\0"), "other_frame"),
}


def counters(node: Node, family: str = "bridge") -> dict[str, int]:
    listing = json.loads(node.nft("-j", "list", "counters", "table", family, "fabric_guests"))["nftables"]
    return {entry["counter"]["name"]: entry["counter"]["packets"] for entry in listing if "counter" in entry}


class Scene:
    """Two guests on one node; what the first sends, and what the host and the second hear."""

    def __init__(self, lab: Lab) -> None:
        self.node = lab.pve1
        first = lab.guest(130, 30, prefixes=["2.57.57.64/28", "2001:678:3a4:1ff::/64"])
        second = lab.guest(131, 31)
        lab.begin()
        self.first, self.second = lab.plug(first, lab.pve1), lab.plug(second, lab.pve1)
        until("both are there", lambda: {lab.pve1.state(130), lab.pve1.state(131)} <= {"fresh", "steady"})
        until(
            "the sets are filled",
            lambda: OTHER_V4 in self.node.nft("list", "set", "bridge", "fabric_guests", "addresses4"),
        )
        # The guest's own kernel says nothing of its own accord while frames are counted
        for place in (self.first, self.second):
            place.space.run("sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=1")
            place.space.run("ip", "link", "set", "eth0", "arp", "off")
        self.sends = Wire(self.first.space, "eth0")
        self.host = Wire(self.node.space, "vmbr1")
        self.neighbour = Wire(self.second.space, "eth0")

    def try_frame(self, frame: bytes) -> tuple[bool, bool]:
        """Whether the host and whether the other guest hears it."""
        self.host.clear()
        self.neighbour.clear()
        self.sends.send(frame)
        return self.host.hears(frame, 0.05), self.neighbour.hears(frame, 0.02)


@pytest.fixture
def scene(lab: Lab) -> Iterator[Scene]:
    scene = Scene(lab)
    yield scene
    for wire in (scene.sends, scene.host, scene.neighbour):
        wire.close()


def test_every_frame(scene: Scene) -> None:
    """Right ones reach the host and nobody else, wrong ones reach nobody and are counted."""
    mistakes = []
    for name, frame in RIGHT.items():
        before, before_inet = counters(scene.node), counters(scene.node, "inet")
        host, neighbour = scene.try_frame(frame)
        after, after_inet = counters(scene.node), counters(scene.node, "inet")
        dropped = [key for key in after if after[key] != before[key] and key != "bridged"]
        if after_inet["unknown_pair"] != before_inet["unknown_pair"]:
            dropped.append("unknown_pair")
        if not host or neighbour or dropped:
            mistakes.append(f"right: {name}: host {host}, other guest {neighbour}, dropped by {dropped}")
    for name, (frame, counter) in WRONG.items():
        before = counters(scene.node)
        host, neighbour = scene.try_frame(frame)
        after = counters(scene.node)
        dropped = [key for key in after if after[key] != before[key]]
        if host or neighbour or dropped != [counter]:
            mistakes.append(f"wrong: {name}: host {host}, other guest {neighbour}, dropped by {dropped}, not {counter}")
    assert not mistakes, "\n".join(mistakes)


def test_the_test_could_fail(scene: Scene) -> None:
    """Without the tables the wrong frames do reach the host; without isolation too, the other guest."""
    scene.node.stop(9)
    scene.node.nft("delete", "table", "bridge", "fabric_guests")
    scene.node.nft("delete", "table", "inet", "fabric_guests")
    deaf = [name for name, (frame, dummy) in WRONG.items() if not scene.try_frame(frame)[0]]
    assert deaf == []
    frame = arp(MAC, 1, MAC, V4, OTHER_V4)
    assert scene.try_frame(frame) == (True, False), "isolation alone does not keep guests apart"
    scene.node.space.run("bridge", "link", "set", "dev", "tap130i0", "isolated", "off")
    scene.node.space.run("bridge", "link", "set", "dev", "tap131i0", "isolated", "off")
    assert scene.try_frame(frame) == (True, True)


def test_layer_three_without_the_agent(scene: Scene) -> None:
    """A port that the bridge's table does not know, and no agent: the inet table drops what is no known pair."""
    scene.node.stop(9)
    scene.node.nft("delete", "table", "bridge", "fabric_guests")
    before = counters(scene.node, "inet")["unknown_pair"]
    wrong = [
        udp(MAC, OTHER_V4, OUTSIDE4),
        udp(OTHER_MAC, V4, OUTSIDE4),
        udp(MAC, OTHER_V6, OUTSIDE6),
        udp(MAC, "fe80::1", "fe80::2"),
        udp(MAC, LL, OUTSIDE6),
    ]
    for number, frame in enumerate(wrong, 1):
        scene.sends.send(frame)
        until("it is counted", lambda wanted=before + number: counters(scene.node, "inet")["unknown_pair"] == wanted, 2)
    for frame in (
        RIGHT["IPv4"],
        RIGHT["IPv6"],
        RIGHT["IPv6 from a routed prefix"],
        RIGHT["NS of DAD"],
        RIGHT["DHCP request"],
    ):
        assert scene.try_frame(frame)[0]
    assert counters(scene.node, "inet")["unknown_pair"] == before + len(wrong)


def test_unknown_port(lab: Lab) -> None:
    """Who is nobody's guest reaches nobody, and is isolated like everybody."""
    lab.begin()
    stranger = Guest(999, "52:02:45:76:d2:63", ["2.57.57.99", "2001:678:3a4:100::99"])
    place: Place = lab.plug(stranger, lab.pve1)
    until("it is isolated", lambda: isolated(lab.pve1, "tap999i0"))
    until("its port is filtered", lambda: "tap999i0" in lab.pve1.nft("list", "set", "bridge", "fabric_guests", "ports"))
    sends, host = Wire(place.space, "eth0"), Wire(lab.pve1.space, "vmbr1")
    before = counters(lab.pve1)["unknown_mac"]
    frame = udp(stranger.mac, "2.57.57.99", OUTSIDE4)
    sends.send(frame)
    assert not host.hears(frame)
    assert counters(lab.pve1)["unknown_mac"] > before
    lab.pve1.space.run("bridge", "link", "set", "dev", "tap999i0", "isolated", "off")
    until("it is isolated again", lambda: isolated(lab.pve1, "tap999i0"), 2)


def isolated(node: Node, port: str) -> bool:
    (link,) = node.space.ip("-d", "link", "show", "dev", port)
    return bool(link["linkinfo"]["info_slave_data"]["isolated"])


def test_guests_talk_through_the_host(lab: Lab) -> None:
    """Two guests of one node reach each other at Layer 3 in both families, and no redirect tempts them to Layer 2."""
    first, second = lab.guest(130, 30), lab.guest(131, 31)
    lab.begin()
    here, there = lab.plug(first, lab.pve1), lab.plug(second, lab.pve1)
    until("both are there", lambda: {lab.pve1.state(130), lab.pve1.state(131)} <= {"fresh", "steady"})
    redirects = Wire(here.space, "eth0")
    for target in second.addresses:
        source = next(each for each in first.addresses if (":" in each) == (":" in target))
        family = socket.AF_INET6 if ":" in target else socket.AF_INET
        out, into = here.space.socket(family, socket.SOCK_DGRAM), there.space.socket(family, socket.SOCK_DGRAM)
        into.bind((target, 7777))
        into.settimeout(3)
        for dummy in range(3):
            out.sendto(b"hello", (target, 7777))
        data, address = into.recvfrom(100)
        assert data == b"hello" and address[0] == source
        out.close()
        into.close()
    seen = []
    redirects.socket.settimeout(0.3)
    try:
        while True:
            seen.append(redirects.socket.recv(2000))
    except TimeoutError:
        pass
    kinds = [frame[54] for frame in seen if frame[12:14] == b"\x86\xdd" and frame[20] == 58]
    assert 137 not in kinds
    assert counters(lab.pve1, "inet")["redirect_out"] > 0, "the kernel would have sent no redirect: nothing is shown"
    redirects.close()


def test_rules_loaded_anew_keep_the_sets(lab: Lab) -> None:
    """A reload of the firewall's unit changes no set; `nft flush ruleset` by somebody is put right."""
    guest = lab.guest(130, 30)
    lab.begin()
    lab.plug(guest, lab.pve1)
    until("it is there", lambda: lab.pve1.state(130) == "fresh")
    until("the set is filled", lambda: V4 in lab.pve1.nft("list", "set", "bridge", "fabric_guests", "addresses4"))
    before = lab.pve1.nft("list", "ruleset")
    assert lab.pve1.agent("firewall").strip() in ("ports", "ibrname")
    assert sets(before) == sets(lab.pve1.nft("list", "ruleset"))
    lab.pve1.nft("flush", "ruleset")
    assert lab.pve1.process is not None
    run("kill", "-HUP", str(lab.pve1.process.pid))
    until("it is all back", lambda: sets(lab.pve1.nft("list", "ruleset")) == sets(before), 5)


def sets(listing: str) -> list[str]:
    return [line for line in listing.splitlines() if "packets" not in line]
