# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that has lost one router is not reached through another host, and would be without the plan's filters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from standing import Fabric

FAMILIES = {4: "ipv4", 6: "ipv6"}


@pytest.fixture
def cut(fabric: Fabric) -> Iterator[None]:
    """tor1 and pve2 lose their link; afterwards all is as before."""
    interface, _ = fabric.link("pve2", "tor1")
    fabric.ask("pve2", f"ip link set dev {interface} down")
    try:
        yield
    finally:
        fabric.ask("pve2", f"ip link set dev {interface} up")
        assert fabric.play("site").status == 0
        fabric.verify()


def paths(fabric: Fabric, family: int) -> list[str]:
    """Over which interfaces tor1 hears of pve2's loopback."""
    address = fabric.loopback("pve2", family)
    length = {4: 32, 6: 128}[family]
    shown = fabric.json("tor1", f"vtysh -c 'show bgp {FAMILIES[family]} unicast {address}/{length} json'")
    return [path["peer"]["interface"] for path in shown.get("paths", ()) if "interface" in path["peer"]]


def open_filters(fabric: Fabric, opened: bool) -> None:
    """What a configuration by hand does not have: pve1's export filter and tor1's import filter for it."""
    _, at_router = fabric.link("pve1", "tor1")
    for family in FAMILIES.values():
        for node, neighbor, name in (
            ("pve1", "fabric-uplink", f"fabric-export-{family} out"),
            ("tor1", at_router, f"fabric-from-pve1-{family} in"),
        ):
            asn = fabric.nodes[node]["asn"]
            fabric.vtysh(
                node,
                "configure terminal",
                f"router bgp {asn}",
                "no bgp ebgp-requires-policy",
                f"address-family {family} unicast",
                f"{'no ' if opened else ''}neighbor {neighbor} route-map {name}",
            )


@pytest.mark.usefixtures("cut")
def test_no_transit_through_a_host(fabric: Fabric) -> None:
    _, to_pve2 = fabric.link("pve2", "tor1")
    for family in FAMILIES:
        fabric.wait(f"tor1 loses IPv{family} to pve2", lambda family=family: to_pve2 not in paths(fabric, family))
        assert paths(fabric, family) == []

    # The same cut without the filters: pve1 does carry it, so the test can tell.
    open_filters(fabric, True)
    _, to_pve1 = fabric.link("pve1", "tor1")
    for family in FAMILIES:
        fabric.wait(
            f"tor1 reaches pve2 over pve1 by IPv{family}", lambda family=family: to_pve1 in paths(fabric, family)
        )

    # And the site playbook closes them again.
    done = fabric.play("site", "--tags", "frr")
    assert done.status == 0, done.output[-3000:]
    assert set(done.changed()) == {"pve1", "tor1"}
    for family in FAMILIES:
        fabric.wait(f"tor1 loses IPv{family} to pve2 again", lambda family=family: not paths(fabric, family))
