# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that has lost one router is not reached through another host, and would be without the plan's filters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from standing import Fabric

VNI = 4711
KINDS = ("ipv4 unicast", "ipv6 unicast", "l2vpn evpn")


@pytest.fixture
def segment(fabric: Fabric) -> Iterator[None]:
    """A VXLAN segment between pve1 and pve2, made by hand: its type-3 routes are what EVPN has to carry."""
    nodes = ("pve1", "pve2")
    for node in nodes:
        fabric.ask(
            node,
            f"ip link add br{VNI} type bridge && ip link set dev br{VNI} up && ip link add vx{VNI} type vxlan id {VNI} "
            f"dstport 4789 local {fabric.loopback(node, 4)} nolearning && ip link set dev vx{VNI} master br{VNI} up",
        )
    try:
        yield
    finally:
        for node in nodes:
            fabric.ask(node, f"ip link del dev vx{VNI}; ip link del dev br{VNI}")


@pytest.fixture
def cut(fabric: Fabric, segment: None) -> Iterator[None]:
    """tor1 and pve2 lose their link, which until then carries all three; afterwards all is as before."""
    interface, at_router = fabric.link("pve2", "tor1")
    for kind in KINDS:
        fabric.wait(f"tor1 hears pve2 by {kind}", lambda kind=kind: at_router in heard(fabric, kind))
    fabric.ask("pve2", f"ip link set dev {interface} down")
    try:
        yield
    finally:
        fabric.ask("pve2", f"ip link set dev {interface} up")
        assert fabric.play("site").status == 0
        fabric.verify()


def heard(fabric: Fabric, kind: str) -> set[str]:
    """Over which interfaces tor1 hears of pve2."""
    if kind == "l2vpn evpn":
        command = "show bgp l2vpn evpn route type multicast json"
        shown = fabric.json("tor1", f"vtysh -c '{command}'")
        route = f"[3]:[0]:[32]:[{fabric.loopback('pve2', 4)}]"
        found = [
            path
            for distinguished in shown.values()
            if isinstance(distinguished, dict) and route in distinguished
            for paths in distinguished[route]["paths"]
            for path in (paths if isinstance(paths, list) else [paths])
        ]
        return {interface_of(fabric, path) for path in found}
    family = 4 if kind.startswith("ipv4") else 6
    address = f"{fabric.loopback('pve2', family)}/{32 if family == 4 else 128}"
    shown = fabric.json("tor1", f"vtysh -c 'show bgp {kind} {address} json'")
    return {path["peer"]["interface"] for path in shown.get("paths", ()) if "interface" in path["peer"]}


def interface_of(fabric: Fabric, path: dict[str, object]) -> str:
    """The neighbor that a path came from is the last AS that it has passed."""
    last = int(str(path["path"]).split()[0])
    node = next(name for name, node in fabric.nodes.items() if node["asn"] == last)
    return fabric.link(node, "tor1")[1]


def open_filters(fabric: Fabric) -> None:
    """What a configuration by hand does not have: pve1's export filters and tor1's import filters for it."""
    at_host, at_router = fabric.link("pve1", "tor1")
    filters = {
        "ipv4 unicast": ("fabric-uplink", "fabric-export-ipv4", "fabric-from-pve1-ipv4"),
        "ipv6 unicast": ("fabric-uplink", "fabric-export-ipv6", "fabric-from-pve1-ipv6"),
        "l2vpn evpn": (at_host, "fabric-export-evpn", "fabric-from-host-evpn"),
    }
    for kind, (neighbor, export, imported) in filters.items():
        for node, line in (
            ("pve1", f"no neighbor {neighbor} route-map {export} out"),
            ("tor1", f"no neighbor {at_router} route-map {imported} in"),
        ):
            instance = f"router bgp {fabric.nodes[node]['asn']}"
            family = f"address-family {kind}"
            fabric.vtysh(node, "configure terminal", instance, "no bgp ebgp-requires-policy", family, line)


@pytest.mark.usefixtures("cut")
def test_no_transit_through_a_host(fabric: Fabric) -> None:
    for kind in KINDS:
        fabric.wait(f"tor1 loses pve2 by {kind}", lambda kind=kind: not heard(fabric, kind))

    # The same cut without the filters: pve1 does carry it, so the test can tell.
    open_filters(fabric)
    _, to_pve1 = fabric.link("pve1", "tor1")
    for kind in KINDS:
        fabric.wait(f"tor1 hears pve2 over pve1 by {kind}", lambda kind=kind: heard(fabric, kind) == {to_pve1})

    # And the site playbook closes them again.
    done = fabric.play("site", "--tags", "frr")
    assert done.status == 0, done.output[-3000:]
    assert set(done.changed()) == {"pve1", "tor1"}
    for kind in KINDS:
        fabric.wait(f"tor1 loses pve2 by {kind} again", lambda kind=kind: not heard(fabric, kind))
