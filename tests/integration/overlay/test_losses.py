# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A reflector, a router, a switch or the link between the sites is lost: what can go on goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from figures import accepting
from probe import probing, until
from servers import address, leg, note, power, put_on
from standing import Fabric

SOURCE, TARGET = "DC02Server01", "DC01Server01"
HOW = "server to server between the sites, UDP echo each 10 ms, 4 flows, worst"


def lost(fabric: Fabric, node: str, peer: str) -> Callable[[], bool]:
    """Whether a node's session with a peer is down; it has to be up now."""
    neighbor = next(s["neighbor"] for s in fabric.nodes[node]["verify"]["sessions"] if s["peer"] == peer)

    def state() -> str:
        shown = fabric.json(node, f"vtysh -c 'show bgp neighbors {neighbor} json'")
        return str(next(entry for entry in shown.values() if isinstance(entry, dict))["bgpState"])

    until(lambda: state() == "Established", f"{node} has a session with {peer}", 60)
    return lambda: state() != "Established"


def reflector(fabric: Fabric) -> Callable[[], bool]:
    gone = lost(fabric, "DC02S01", "DC01RR01")
    power(fabric, "DC01RR01", on=False)
    return gone


def router(fabric: Fabric) -> Callable[[], bool]:
    gone = lost(fabric, "DC01S01", "DC01R01")
    power(fabric, "DC01R01", on=False)
    return gone


def switch(fabric: Fabric) -> Callable[[], bool]:
    power(fabric, "DC01S01", on=False)
    return lambda: leg(fabric, TARGET) == "eth1"


def inter_site(fabric: Fabric) -> Callable[[], bool]:
    gone = lost(fabric, "DC02R01", "DC01R01")
    fabric.twin(faults=[{"node": "DC01R01", "interface": "eth2", "kind": "down"}])
    return gone


def inter_site_silently(fabric: Fabric) -> Callable[[], bool]:
    gone = lost(fabric, "DC02R01", "DC01R01")
    fabric.twin(faults=[{"node": "DC01R01", "interface": "eth2", "kind": "silent"}])
    return gone


CASES = {
    "a reflector without power": (reflector, "DC01RR01"),
    "a router without power": (router, "DC01R01"),
    "a switch without power": (switch, "DC01S01"),
    "the link between the sites down": (inter_site, ""),
    "the link between the sites silent": (inter_site_silently, ""),
}
SMALL = ("a switch without power",)


@pytest.mark.parametrize("what", CASES if accepting() else SMALL)
def test_what_can_goes_on(fabric: Fabric, what: str) -> None:
    lose, node = CASES[what]
    put_on(fabric, TARGET, "eth0")
    put_on(fabric, SOURCE, "eth0")
    addresses = (address(fabric, SOURCE), address(fabric, TARGET))
    probes = []
    try:
        with probing(fabric, (SOURCE, TARGET), addresses, flows=4, settle_s=5) as probe:
            gone = lose(fabric)
            until(gone, f"it is lost: {what}", 40)
        assert probe.result is not None
        probes.append(probe.result)
        # It is lost still, and they talk.
        assert gone()
        fabric.ask(SOURCE, f"ping -n -c 3 -i 0.2 -W 2 {addresses[1]}")
    finally:
        fabric.twin(faults=[])
        if node:
            power(fabric, node, on=True)
        fabric.verify()
    note(f"lost: {what}", probes, HOW)
    if what == "a reflector without power":
        assert probes[0].gap_ms <= 50 + 2 * probes[0].late_ms, "forwarding does not need the reflectors"
    put_on(fabric, TARGET, "eth0")
