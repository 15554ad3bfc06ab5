# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Corosync over the loopbacks alone: no shared network, no multicast, two links of two families."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._proxmox import _corosync
from figures import record
from frrlab import until

PROGRAM = Path(__file__).resolve().parents[3] / "roles/proxmox/files/fabric_online.py"


def online(node: Any, *options: str) -> str:
    return str(node.run(f"python3 - {' '.join(options)} 2>&1", stdin=PROGRAM.read_text(), check=False))


def test_quorum_over_the_loopbacks_and_one_link_is_enough(cluster: Any) -> None:
    first, tor = cluster.hosts[0], cluster.nodes["tor1"]
    peers = cluster.plan.nodes["pve1"]["proxmox"]["start_order"]["peers"]
    begun = time.monotonic()
    said = online(first, "--strict", "--deadline", "20", *peers)
    assert "the fabric is there" in said, said
    routes_s = time.monotonic() - begun
    until(
        "all six addresses reachable",
        lambda: all(
            node.run(f"ping -c 1 -W 1 {entry[link]} >/dev/null && echo yes", check=False)
            for node in cluster.hosts
            for entry in cluster.plan.nodes["pve1"]["proxmox"]["cluster"]["nodes"]
            for link in ("link0", "link1")
        ),
    )

    # what would be read back on a node is what was planned
    planned = cluster.plan.nodes["pve1"]["proxmox"]["cluster"]
    found = _corosync.parse(cluster.configuration)
    assert _corosync.compare(found, planned["nodes"], "pve1") == (True, (), ())

    begun = time.monotonic()
    cluster.start_corosync()
    until("quorum of 3", lambda: all(cluster.votes(node) == (True, 3) for node in cluster.hosts), 30)
    quorum_s = time.monotonic() - begun
    everyone = {0: [True, True], 1: [True, True]}
    until("both links up", lambda: all(cluster.connected(node) == everyone for node in cluster.hosts), 20)
    assert "UNCONN" in first.run("ss -Hlun 'sport = :5405'") and "10.255.254.11" in first.run(
        "ss -Hlun 'sport = :5405'"
    )

    # IPv4 of pve1 leaves the fabric, IPv6 stays
    configure = ("configure terminal", "router bgp 65001", "address-family ipv4 unicast")
    tor.vtysh(*configure, "no neighbor pve1 activate")
    gone = {0: [False, False], 1: [True, True]}
    until("link 0 of pve1 down", lambda: cluster.connected(first) == gone, 30)
    assert not first.run("ip route show proto bgp").strip()
    end = time.monotonic() + 9  # a loss would show: token (3650 ms with three nodes) and consensus (1.2 times that)
    while time.monotonic() < end:
        assert [cluster.votes(node) for node in cluster.hosts] == [(True, 3)] * 3

    # without the other family, too, it is out, so the votes above did depend on the routes
    tor.vtysh(*configure[:2], "address-family ipv6 unicast", "no neighbor pve1 activate")
    others = cluster.hosts[1:]
    until("the rest goes on with two votes", lambda: all(cluster.votes(n) == (True, 2) for n in others), 40)
    assert cluster.votes(first)[0] is False
    said = online(first, "--deadline", "0", *peers)
    assert "after 0 s BGP has given neither a default route nor routes to most of" in said

    for family in ("ipv4", "ipv6"):
        tor.vtysh(*configure[:2], f"address-family {family} unicast", "neighbor pve1 activate")
    until("quorum of 3 again", lambda: all(cluster.votes(node) == (True, 3) for node in cluster.hosts), 60)
    record("proxmox", "routes to the peers", f"{routes_s:.1f} s", 1, "from FRR's configuration, four nodes, no BFD")
    record(
        "proxmox", "quorum over loopbacks", f"{quorum_s:.1f} s", 1, "start of corosync to 3 of 3 votes on every node"
    )
    print(f"routes {routes_s:.1f} s, quorum {quorum_s:.1f} s")
