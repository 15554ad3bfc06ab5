# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices that are attached to different routers talk to each other, unchanged, and nobody is deceived."""

from __future__ import annotations

import pytest
from devicelab import Lab
from figures import accepting, record

# Free in the examples, and outside of what is learned.
FREE4, FREE6 = "20.0.0.77", "2001:db8:20::77"
LEARNED4, LEARNED6 = "20.0.0.201", "2001:db8:20:0:1::201"
PCAP = "/run/core.pcap"
RUNS = 10 if accepting() else 1


def test_every_device_reaches_every_other(lab: Lab) -> None:
    assert len(lab.devices) == 4
    assert not lab.ping_all(5 if accepting() else 1)
    transport = lab.extension.get("transport", "direct")
    record("l2-over-l3", f"pings {transport}", "24 of 24 ways", 1, "every device to every other, IPv4 and IPv6, 5 each")


def test_the_core_sees_tunnels_and_no_device(lab: Lab) -> None:
    transport = lab.extension.get("transport", "direct")
    assert transport != "direct"
    tunnel = {"vxlan": "udp port 4788", "wireguard": "udp portrange 52000-56095", "ssh": "tcp port 2211"}[transport]
    devices = "net 20.0.0.0/24 or net 2001:db8:20::/64"
    captures = [*lab.cores, lab.edge_of("node1")]
    for node in captures:
        lab.fabric.ask(
            node,
            f"rm -f {PCAP}; tcpdump -U -n -i any -w {PCAP} >/run/tcpdump.log 2>&1 & echo $! >/run/tcpdump.pid",
        )
    for node in captures:
        lab.fabric.wait(
            f"{node} listens", lambda node=node: "listening on" in lab.fabric.ask(node, "cat /run/tcpdump.log"), 20
        )
    for family in (4, 6):
        for source, target in (("node1", "node3"), ("node2", "node4"), ("node4", "node1")):
            lab.fabric.ask(source, f"ping -n -q -c 40 -i 0.01 {lab.address(target, family)}")

    def count(node: str, what: str) -> int:
        return int(lab.fabric.ask(node, f"tcpdump -n -r {PCAP} '{what}' 2>/dev/null | wc -l"))

    try:
        lab.fabric.wait("100 tunnel packets", lambda: sum(count(core, tunnel) for core in lab.cores) > 100, 20)
    finally:
        for node in captures:
            lab.fabric.ask(node, "kill $(cat /run/tcpdump.pid)")
    packets = sum(count(core, tunnel) for core in lab.cores)
    assert [count(core, devices) for core in lab.cores] == [0] * len(lab.cores)
    # the same question to an edge, whose ports carry the devices' packets, has another answer
    assert count(lab.edge_of("node1"), devices) > 100
    record(
        "l2-over-l3",
        f"core {transport}",
        f"{packets} tunnel packets, 0 with a device's address outside",
        1,
        "tcpdump on both core routers",
    )


def test_nothing_about_the_devices_is_configured_in_the_core(lab: Lab) -> None:
    assert lab.extension["transport"] != "direct"
    for core in lab.cores:
        shown = lab.fabric.ask(
            core,
            "vtysh -c 'show running-config'; ip route show table all; ip -6 route show table all; ip neigh; "
            "sysctl -a 2>/dev/null | grep 'proxy_.*= 1'; true",
        )
        assert "20.0.0." not in shown and "2001:db8:20:" not in shown and "proxy_" not in shown


def test_a_duplicate_is_detected(lab: Lab) -> None:
    for device, other in (("node1", "node3"), ("node3", "node2"), ("node3", "node4")):
        assert lab.is_duplicate4(device, lab.address(other, 4)), f"{device} may take the address of {other}"
        assert lab.is_duplicate6(device, lab.address(other, 6)), f"{device} may take the address of {other}"


def test_what_nobody_has_is_free_and_an_own_address_stays_the_own(lab: Lab) -> None:
    for device in ("node1", "node3"):
        assert not lab.is_duplicate4(device, FREE4)
        assert not lab.is_duplicate6(device, FREE6)
        assert not lab.is_duplicate4(device, lab.address(device, 4))


def test_with_a_default_route_nobody_answers_for_what_is_not_there(lab: Lab) -> None:
    edge = lab.edge_of("node1")
    uplink = lab.fabric.nodes[edge]["underlay"]["interfaces"][0]["name"]
    lab.fabric.ask(
        edge,
        f"ip route replace 0.0.0.0/0 via inet6 fe80::1 dev {uplink} metric 5; "
        f"ip -6 route replace default via fe80::1 dev {uplink} metric 5",
    )
    try:
        assert "via" in lab.fabric.ask(edge, "ip route get 8.8.8.8")
        assert not lab.has_answer("node1", FREE4)
        assert not lab.has_answer("node1", "8.8.8.8")
        assert not lab.is_duplicate6("node1", FREE6)
        assert lab.has_answer("node1", lab.address("node3", 4))
    finally:
        lab.fabric.ask(
            edge, f"ip route del 0.0.0.0/0 dev {uplink} metric 5; ip -6 route del default dev {uplink} metric 5"
        )


def test_a_learned_device_is_known_everywhere_and_forgotten_when_it_is_gone(lab: Lab) -> None:
    here, there = lab.edge_of("node1"), lab.edge_of("node3")
    for address, listing in ((LEARNED4, "ip route"), (LEARNED6, "ip -6 route")):
        lab.take("node1", address)
        try:
            lab.fabric.wait(f"{here} learns {address}", lambda a=address: a in lab.learned(here), 5)
            lab.fabric.wait(
                f"{there} hears of {address}",
                lambda a=address, show=listing: f"{a} " in lab.fabric.ask(there, f"{show} show proto bgp"),
                10,
            )
            lab.fabric.ask("node4", f"ping -n -c 2 -i 0.1 -W 1 {address}")
            assert lab.learned(there) == set()
        finally:
            lab.drop("node1", address)
        if accepting() or address == LEARNED4:  # each takes a quarter of a minute
            lab.fabric.wait(f"{here} forgets {address}", lambda a=address: a not in lab.learned(here), 30)
            lab.fabric.wait(
                f"{there} forgets {address}",
                lambda a=address, show=listing: f"{a} " not in lab.fabric.ask(there, f"{show} show proto bgp"),
                10,
            )


def test_what_is_not_allowed_is_not_learned(lab: Lab) -> None:
    here = lab.edge_of("node2")
    for address in (FREE4, FREE6, lab.address("node3", 4)):
        lab.take("node2", address)
        try:
            # it was heard: an address that is allowed comes after it
            lab.take("node2", "20.0.0.202")
            lab.fabric.wait("an allowed address is learned", lambda: "20.0.0.202" in lab.learned(here), 5)
            assert address not in lab.learned(here)
        finally:
            lab.drop("node2", address)
            lab.drop("node2", "20.0.0.202")
    lab.fabric.wait("it is forgotten", lambda: not lab.learned(here), 30)


@pytest.mark.parametrize("address", [LEARNED4, LEARNED6] if accepting() else [LEARNED4])
def test_a_device_moves(lab: Lab, address: str) -> None:
    """From one router to another and back, announced; probed from a device at either and from a third place."""
    places = ("node1", "node3")
    gaps: list[float] = []
    late: list[float] = []
    for place in places:
        lab.echo(place, address)
    lab.take(places[0], address)
    try:
        lab.fabric.wait("it is known", lambda: address in lab.learned(lab.edge_of(places[0])), 5)
        lab.fabric.ask("node4", f"ping -n -c 1 -W 2 {address}")
        for number in range(RUNS):
            old, new = places if number % 2 == 0 else places[::-1]

            lab.fabric.wait("the claim has settled", lambda old=old: lab.settled(lab.edge_of(old), address), 8)

            def move(old: str = old, new: str = new) -> None:
                lab.move(old, new, address)

            results = lab.probe(["node2", "node4"], address, 4.5, move)
            for source, result in results.items():
                assert result["tail_ms"] < 200, f"{source} has lost it: {result}"
                gaps.append(result["gap_ms"])
                late.append(result["late_ms"])
            edges = (lab.edge_of(old), lab.edge_of(new))
            lab.fabric.wait(f"{edges[0]} has given it up", lambda e=edges[0]: address not in lab.learned(e), 5)
            assert address in lab.learned(edges[1])
            # the former router leads to the new one, and asks nobody on its own port any more
            route = lab.fabric.json(edges[0], f"ip -j route get {address}")[0]
            assert route["dev"] != lab.port_of(old), route
    finally:
        for place in places:
            lab.drop(place, address)
            lab.end_echo(place)
    figure = f"{min(gaps):.0f} to {max(gaps):.0f} ms (packets up to {max(late):.0f} ms late)"
    family = 6 if ":" in address else 4
    print(f"\nmove, IPv{family}: {figure}")
    record(
        "l2-over-l3",
        f"move ipv{family} {lab.extension.get('transport', 'direct')}",
        figure,
        RUNS,
        "a learned device moves to another router; UDP echo each 10 ms from 2 devices",
    )
    assert max(gaps) <= 300 + 2 * max(late)


def _learned_routes(lab: Lab, edge: str) -> list[str]:
    shown = lab.fabric.ask(edge, "ip route show proto bgp; ip -6 route show proto bgp")
    return [line for line in shown.splitlines() if line.split()[0] in (LEARNED4, LEARNED6, "20.0.0.202")]


def test_the_second_run_moves_nothing_and_no_neighbour_flaps(lab: Lab) -> None:
    for edge in lab.edges:  # what an earlier test had learned goes by itself, and would be seen
        lab.fabric.wait(f"{edge} has forgotten all", lambda edge=edge: not lab.learned(edge), 30)
    for edge in lab.edges:  # and what the others say of it comes after that
        lab.fabric.wait(
            f"{edge} has no route to a learned device", lambda edge=edge: not _learned_routes(lab, edge), 30
        )
    for edge in lab.edges:
        lab.fabric.ask(edge, "ip -ts monitor neigh route >/run/monitor.log 2>&1 & echo $! >/run/monitor.pid")
    play = lab.fabric.play("site")
    try:
        assert play.status == 0, play.output[-3000:]
        assert play.changed() == {}
    finally:
        for edge in lab.edges:
            lab.fabric.ask(edge, "kill $(cat /run/monitor.pid)")
    for edge in lab.edges:
        log = lab.fabric.ask(edge, "cat /run/monitor.log")
        flaps = [line for line in log.splitlines() if "20.0.0." in line or "2001:db8:20:" in line]
        assert not flaps, f"{edge}: {flaps}"
