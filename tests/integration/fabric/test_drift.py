# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody changed by hand: `--check --diff` reports exactly that, the next run puts exactly that back.

Each change is made on a node of its own, so that one run shows them all, and none is told for the other.
"""

from __future__ import annotations

from dataclasses import dataclass

from standing import Fabric


@dataclass(frozen=True)
class Drift:
    """One change by hand, and the words by which the diff shows it."""

    node: str
    script: str
    shown: str
    tasks: int = 1


VTYSH = "vtysh -c 'configure terminal' "
DRIFTS = (
    Drift("pve1", VTYSH + "-c 'router bgp {asn}' -c 'neighbor {uplink} description by hand'", "description by hand"),
    Drift("pve2", VTYSH + "-c 'no ip prefix-list fabric-own-ipv4'", "ip prefix-list fabric-own-ipv4 seq 10"),
    Drift("ceph1", VTYSH + "-c 'route-map fabric-by-hand permit 10'", "route-map fabric-by-hand permit 10"),
    # Two tasks: the address, and FRR's routes that had it as their source.
    Drift("gw1", "ip address del {loopback} dev lo", "{loopback}", 2),
    Drift("tor1", "ip link set dev {uplink} mtu 1500", "1500"),
    Drift("tor2", "sysctl -q -w net.ipv4.fib_multipath_hash_policy=0", "fib_multipath_hash_policy"),
)
SAVED = Drift("pve1", "sed -i s/fabric-uplink/fabric-by-hand/ /etc/frr/frr.conf", "frr.conf")


def told_and_undone(fabric: Fabric, *drifts: Drift) -> None:
    expected = {drift.node: drift.tasks for drift in drifts}
    words = {
        name: {
            "asn": node["asn"],
            "uplink": node["underlay"]["interfaces"][0]["name"],
            "loopback": node["loopback"]["ipv4"],
        }
        for name, node in fabric.nodes.items()
    }
    for drift in drifts:
        fabric.ask(drift.node, drift.script.format(**words[drift.node]))
    try:
        told = fabric.play("site", "--check", "--diff")
        assert told.status == 0, told.output[-3000:]
        assert told.changed() == expected, told.output[-3000:]
        for drift in drifts:
            assert drift.shown.format(**words[drift.node]) in told.output, told.output[-6000:]
    finally:
        done = fabric.play("site")
    assert done.status == 0, done.output[-3000:]
    assert done.changed() == expected, f"check mode changed something, or the run did more: {done.output[-3000:]}"
    assert fabric.play("site", "--check", "--diff").changed() == {}


def test_drift_is_reported_and_undone(fabric: Fabric) -> None:
    told_and_undone(fabric, *DRIFTS)


def test_drift_of_the_saved_file(fabric: Fabric) -> None:
    told_and_undone(fabric, SAVED)
