# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proxmox nodes with segments: guests on the bridges, and a cluster over a segment or over nothing but loopbacks."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest
from corosync import Cluster
from figures import record
from probe import argv, probing, rest, until
from standing import Fabric

NODES = ("infra-72-45-36", "infra-72-45-37", "infra-72-45-38")
SEGMENT = {node: [f"192.168.202.{node[-2:]}"] for node in NODES}


def loopbacks(fabric: Fabric) -> dict[str, list[str]]:
    return {node: [fabric.loopback(node, 4), fabric.loopback(node, 6)] for node in NODES}


@pytest.fixture
def guests(fabric: Fabric) -> Iterator[dict[str, str]]:
    """A guest on vmbr601 of each node: a namespace behind a port that is named as Proxmox names those of guests."""
    addresses = {}
    for number, node in enumerate(NODES, start=1):
        addresses[node] = f"10.60.1.{number}"
        fabric.ask(
            node,
            f"ip netns add guest && ip link add tap100i0 mtu 9000 type veth peer name eth0 mtu 9000 netns guest && "
            f"ip link set dev tap100i0 master vmbr601 up && ip -n guest addr add 10.60.1.{number}/24 dev eth0 && "
            f"ip -n guest link set dev eth0 up",
        )
    try:
        yield addresses
    finally:
        for node in NODES:
            fabric.shell(node, "ip link del dev tap100i0; ip netns del guest")


def test_guests_talk_with_frames_of_9000_bytes(fabric: Fabric, guests: dict[str, str]) -> None:
    for node in NODES:
        for other, address in guests.items():
            if other != node:
                fabric.ask(node, f"ip netns exec guest ping -n -M do -s 8972 -c 1 -W 5 {address}")
    # and know nothing of the nodes
    for address in ("192.168.202.36", fabric.loopback(NODES[0], 4)):
        assert fabric.shell(NODES[0], f"ip netns exec guest ping -n -c 1 -W 1 {address}").returncode != 0


def test_a_change_in_place_keeps_the_guests(fabric: Fabric, guests: dict[str, str]) -> None:
    """The bridge's MTU is put right again under a running guest, which loses no packet."""
    node, other = NODES[0], NODES[1]
    target = guests[other]
    fabric.ask(node, f"ip netns exec guest ping -n -c 1 -W 5 {target}")
    fabric.ask(node, "ip link set dev vmbr601 mtu 1500")
    ping = subprocess.Popen(
        argv(fabric, node, "ip", "netns", "exec", "guest", "ping", "-n", "-i", "0.05", "-c", "300", target),
        stdout=subprocess.PIPE,
        text=True,
    )
    done = fabric.play("site", "--limit", f"localhost,{node}", "--tags", "overlay")
    assert done.status == 0, done.output[-3000:]
    assert done.changed() == {node: 1}
    out = ping.communicate(timeout=60)[0]
    assert " 0% packet loss" in out, out[-300:]
    (tap,) = fabric.json(node, "ip -j link show dev tap100i0")
    assert tap["master"] == "vmbr601"


def test_a_node_passes_nothing_of_evpn_on(fabric: Fabric) -> None:
    """What the routers get from a node begins there, although it knows the routes of all the others."""
    for node in NODES:
        own = fabric.loopback(node, 4)
        known = fabric.json(node, "vtysh -c 'show bgp l2vpn evpn route type multicast json'")
        assert len([key for key in known if ":" in key]) > len(fabric.nodes[node]["overlay"]["segments"]), known
        for router in ("leaf1", "leaf2"):
            neighbor = fabric.link(node, router)[1]
            shown = fabric.json(router, f"vtysh -c 'show bgp l2vpn evpn neighbors {neighbor} routes json'")
            assert shown, f"{router} has nothing of {node}"
            from_where = {key.partition(":")[0] for key in shown if key[:1].isdigit() and ":" in key}
            assert from_where == {own}, shown


@pytest.mark.parametrize("over", ["the segment", "two loopback links"])
def test_a_cluster_and_a_lost_router(fabric: Fabric, over: str) -> None:
    addresses = SEGMENT if over == "the segment" else loopbacks(fabric)
    cluster = Cluster(fabric, addresses)
    begun = time.monotonic()
    try:
        cluster.wait()
        quorum_s = time.monotonic() - begun
        wanted = {number: [True, True] for number in range(len(addresses[NODES[0]]))}
        until(lambda: all(member.links() == wanted for member in cluster.members), "all links are up")
        before = cluster.rings()
        ends = [(node, fabric.link(node, "leaf1")) for node in NODES]
        one, two = (addresses[node][0] for node in NODES[:2])
        with probing(fabric, NODES[:2], (one, two), flows=8, settle_s=5) as probe:
            fabric.twin(
                faults=[
                    {"node": "leaf1", "interface": at_router, "kind": "down"} for dummy, (dummy2, at_router) in ends
                ]
            )
            for node, (interface, dummy) in ends:
                lost = f"vtysh -c 'show bgp neighbors {interface} json'"
                until(
                    lambda n=node, i=interface, c=lost: fabric.json(n, c)[i]["bgpState"] != "Established",
                    f"{node} lost it",
                )
            rest(10)  # a loss would show: token 3650 ms with three nodes, and consensus 1.2 times that
            assert cluster.whole()
            assert cluster.rings() == before, "the membership changed meanwhile"
            fabric.twin(faults=[])
            fabric.verify()
        # What the network did meanwhile, to tell it from a machine that is too busy for corosync.
        network = f"longest gap between two of the nodes {probe.result.gap_ms:.0f} ms" if probe.result else ""
        assert cluster.whole()
        assert cluster.rings() == before, network + cluster.members[0].log()
        # And it does depend on the network: without both routers a node is out.
        cut = [
            {"node": NODES[0], "interface": fabric.link(NODES[0], leaf)[0], "kind": "silent"}
            for leaf in ("leaf1", "leaf2")
        ]
        fabric.twin(faults=cut)
        until(lambda: cluster.members[1].votes() == (True, 2), "the others go on with two votes", 60)
        until(lambda: not cluster.members[0].votes()[0], "the node that is cut off has no quorum", 30)
        fabric.twin(faults=[])
        cluster.wait(90)
    finally:
        fabric.twin(faults=[])
        cluster.stop()
    fabric.verify()
    figure = f"quorate after {quorum_s:.1f} s; membership unchanged; {network}"
    record(
        "evpn",
        f"corosync over {over}, a router lost",
        figure,
        1,
        "three nodes, token 3000 ms, all links to one router down",
    )
