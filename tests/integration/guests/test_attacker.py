# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An attacker on the bridge beside a real guest: nothing of it arrives, by the counters and by a capture at the victim.

The attacker is a guest that the fabric knows, gone bad: its port and addresses are its own, so that a frame with these
arrives (the control). Every frame of tests/integration/agent/test_spoof.py is tried against the rules there; here the
worst of them against a real virtual machine.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from guestlab import Guests
from standing import CHECKOUT

sys.path.insert(0, str(CHECKOUT / "tests" / "integration" / "agent"))
import frames

NODE, VICTIM, ATTACKER = "pve1", 130, 666
MAC, V4, V6 = "52:02:45:76:d2:66", "203.0.113.96", "2001:db8:1000::66"
OTHER_MAC = "52:02:45:76:d2:67"
LINK_LOCAL = "fe80::5002:45ff:fe76:d266"
LIST = "/etc/pve/fabric/guests.json"
EACH = 5


@dataclass
class Attack:
    guests: Guests

    def send(self, frame: bytes) -> None:
        script = (
            'import socket; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(("bad0", 0)); '
            f'[s.send(bytes.fromhex("{frame.hex()}")) for dummy in range({EACH})]'
        )
        self.guests.ask(NODE, f"ip netns exec bad python3 -c '{script}'")

    def counters(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for family in ("bridge", "inet"):
            listing = self.guests.json(NODE, f"nft -j list counters table {family} fabric_guests")["nftables"]
            found.update({c["counter"]["name"]: c["counter"]["packets"] for c in listing if "counter" in c})
        return found

    def at_victim(self, frame: bytes) -> int:
        """Frames or packets of the attacker's that come to the victim's tap while this one is sent."""
        match = f"ether src {MAC} or ether src {OTHER_MAC} or src host {V4} or src host {V6} or src net 198.51.100.0/24"
        match += " or icmp6[0] == 134 or icmp6[0] == 137 or icmp[0] == 5 or udp src port 67"
        capture = f"timeout 5 tcpdump --immediate-mode -l -c {EACH} -Q out -nni tap{VICTIM}i0 '{match}'"
        self.guests.ask(NODE, f"rm -f /tmp/capture*; {capture} 2>/tmp/capture.err >/tmp/capture & ")
        listening = lambda: "listening" in self.guests.shell(NODE, "cat /tmp/capture.err").stdout  # noqa: E731
        self.guests.wait("the capture", listening, 10)
        self.send(frame)
        self.guests.settle(0.7)
        self.guests.shell(NODE, "pkill -INT -x tcpdump")
        return sum(bool(line.strip()) for line in self.guests.ask(NODE, "cat /tmp/capture").splitlines())


@pytest.fixture
def attack(guests: Guests) -> Iterator[Attack]:
    before = guests.ask(NODE, f"cat {LIST}")
    claims = json.loads(before)
    claim = {"name": "bad", "vmid": ATTACKER, "mac": MAC, "addresses": [V4, V6], "prefixes": []}
    claims["guests"].append(claim)
    config = f"arch: amd64\nnet0: name=eth0,bridge=vmbr1,hwaddr={MAC.upper()},type=veth\n"
    guests.ask(NODE, f"printf '{config}' >/etc/pve/nodes/{NODE}/lxc/{ATTACKER}.conf")
    guests.ask(NODE, f"cat >{LIST} <<'END'\n{json.dumps(claims)}\nEND\n")
    guests.ask(
        NODE,
        f"ip netns add bad; ip link add veth{ATTACKER}i0 type veth peer name bad0 netns bad address {MAC};"
        f"ip link set veth{ATTACKER}i0 master vmbr1 up; ip -n bad link set bad0 up",
    )
    try:
        guests.wait(
            "the attacker accepted as a guest",
            lambda: any(g["vmid"] == ATTACKER for g in guests.status(NODE)["guests"]),
            20,
        )
        # The kernel looks at a new link's carrier within a second: until then the bridge takes nothing from the port.
        guests.wait(
            "the attacker's port forwarding",
            lambda: "state forwarding" in guests.ask(NODE, f"bridge link show dev veth{ATTACKER}i0"),
            10,
        )
        yield Attack(guests)
    finally:
        guests.ask(NODE, f"ip link del veth{ATTACKER}i0; ip netns del bad")
        guests.ask(NODE, f"rm /etc/pve/nodes/{NODE}/lxc/{ATTACKER}.conf")
        guests.ask(NODE, f"cat >{LIST} <<'END'\n{before}END\n")


def test_nothing_false_arrives(attack: Attack) -> None:
    victim4, victim6 = attack.guests.addresses(VICTIM)
    victim_mac = next(g["mac"] for g in attack.guests.guests.values() if g["vmid"] == VICTIM)
    # control: what is the attacker's own arrives, through the host
    for frame in (frames.udp(MAC, V4, victim4), frames.udp(MAC, V6, victim6)):
        assert attack.at_victim(frame) == EACH, "the control did not arrive"
    advertisement = frames.icmp6(MAC, LINK_LOCAL, "ff02::1", 134, b"\x40\0\x07\x08" + b"\0" * 8)
    redirect = frames.icmp6(MAC, LINK_LOCAL, "ff02::1", 137, b"\0" * 4 + frames.packed(V6) + frames.packed(V6))
    offer = frames.ethernet(
        MAC,
        *frames.ip(V4, "255.255.255.255", 17, struct.pack("!HHHH", 67, 68, 8, 0)),
        frames.BROADCAST,
    )
    false = {
        "another IPv4 source": (frames.udp(MAC, "198.51.100.1", victim4), "false_source4"),
        "another IPv6 source": (frames.udp(MAC, "2001:db8:1000::81", victim6), "false_source6"),
        "another MAC": (frames.udp(OTHER_MAC, V4, victim4), "unknown_mac"),
        "the gateway's IPv4 address": (frames.udp(MAC, "169.254.0.1", victim4), "false_gateway"),
        "the gateway's IPv6 address": (frames.advertisement(MAC, "fe80::1", "fe80::1"), "false_gateway"),
        "ARP as the gateway": (frames.arp(MAC, 2, MAC, "169.254.0.1", victim4), "false_gateway"),
        "a router advertisement": (advertisement, "false_router"),
        "a redirect": (redirect, "false_router"),
        "a DHCP offer": (offer, "false_dhcp_server"),
    }
    wrong = {}
    for name, (frame, counter) in false.items():
        before = attack.counters()[counter]
        arrived = attack.at_victim(frame)
        counted = attack.counters()[counter] - before
        if arrived or counted < EACH:
            wrong[name] = (arrived, counted)
    # isolation: such a frame does not even come to the rules, which would drop it as well
    past_the_host = attack.at_victim(victim_frame(victim_mac, victim4))
    assert past_the_host == 0, "a frame came from guest to guest at Layer 2"
    assert not wrong, f"(arrived at the victim, counted as dropped, of {EACH}): {wrong}"


def victim_frame(victim_mac: str, victim: str) -> bytes:
    """Layer 2 past the host: the attacker's right addresses, the victim's MAC."""
    frame = frames.udp(MAC, V4, victim)
    return frames.mac(victim_mac) + frame[6:]


def test_two_guests_talk_through_the_host(guests: Guests) -> None:
    """Both guests of a node reach each other, and the hop limit says that a router was between."""
    others = [g for g in guests.guests.values() if g["node"] == NODE and g["vmid"] != VICTIM]
    assert others, "the example has two guests on one node"
    isolated = guests.ask(NODE, "bridge -d link show | grep -A2 'master vmbr1' | grep -c 'isolated on'")
    assert int(isolated) >= 2
    for address in others[0]["addresses"]:
        guests.wait(f"{address} answers", lambda a=address: guests.answers(a), 20)
