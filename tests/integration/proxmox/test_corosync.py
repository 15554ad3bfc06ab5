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

PROGRAM = Path(__file__).resolve().parents[3] / "roles/fabric_online/files/fabric_online.py"


def online(node: Any, *options: str) -> str:
    return str(node.run(f"python3 - {' '.join(options)} 2>&1", stdin=PROGRAM.read_text(), check=False))


def test_quorum_over_the_loopbacks_and_one_link_is_enough(cluster: Any) -> None:
    first, *others = cluster.hosts
    peers = cluster.plan.nodes["pve1"]["proxmox"]["start_order"]["peers"]
    begun = time.monotonic()
    said = online(first, "--strict", "--deadline", "20", *peers)
    assert "the fabric is there" in said, said
    routes_s = time.monotonic() - begun
    said = online(first, "--deadline", "0", "192.0.2.1", "192.0.2.2")
    wanted = "after 0 s BGP has given neither a default route nor routes to most of 192.0.2.1, 192.0.2.2; going on"
    assert said.startswith(wanted), said
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
    assert "10.255.254.11:5405" in first.run("ss -Hlun")
    assert "[2001:db8:100::b]:5406" in first.run("ss -Hlun")

    # pve1's IPv4 address leaves the fabric, its IPv6 address stays; BGP's sessions stay up, too
    configure = ("configure terminal", f"router bgp {cluster.plan.nodes['pve1']['asn']}")
    loopback = cluster.plan.nodes["pve1"]["loopback"]
    first.vtysh(*configure, "address-family ipv4 unicast", f"no network {loopback['ipv4']}")
    gone = {0: [False, False], 1: [True, True]}
    until("link 0 of pve1 down", lambda: cluster.connected(first) == gone, 30)
    assert not others[0].run(f"ip route show {loopback['ipv4']}").strip()
    end = time.monotonic() + 9  # a loss would show: token (3650 ms with three nodes) and consensus (1.2 times that)
    while time.monotonic() < end:
        assert [cluster.votes(node) for node in cluster.hosts] == [(True, 3)] * 3

    # without the other one it is out: so the votes above did depend on the routes
    first.vtysh(*configure, "address-family ipv6 unicast", f"no network {loopback['ipv6']}")
    until("the rest goes on with two votes", lambda: all(cluster.votes(n) == (True, 2) for n in others), 40)
    until("pve1 without quorum", lambda: cluster.votes(first)[0] is False, 20)
    for family in ("ipv4", "ipv6"):
        first.vtysh(*configure, f"address-family {family} unicast", f"network {loopback[family]}")
    until("quorum of 3 again", lambda: all(cluster.votes(node) == (True, 3) for node in cluster.hosts), 60)

    record("proxmox", "routes to the peers", f"{routes_s:.1f} s", 1, "from FRR's configuration, four nodes, no BFD")
    record(
        "proxmox", "quorum over loopbacks", f"{quorum_s:.1f} s", 1, "start of corosync to 3 of 3 votes on every node"
    )
    print(f"routes {routes_s:.1f} s, quorum {quorum_s:.1f} s")
