# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A reflector, a router, a switch or the link between the sites is lost: what can go on goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from figures import accepting
from probe import probing, until
from servers import address, leg, note, power, put_on, received
from standing import Fabric

SOURCE, TARGET = "DC02Server01", "DC01Server01"
HOW = "server to server between the sites, UDP echo each 10 ms, 16 flows, worst"


def lost(fabric: Fabric, node: str, peer: str) -> Callable[[], bool]:
    """Whether a node's session with a peer is down; it has to be up now."""
    neighbor = next(s["neighbor"] for s in fabric.nodes[node]["verify"]["sessions"] if s["peer"] == peer)

    def state() -> str:
        shown = fabric.json(node, f"vtysh -c 'show bgp neighbors {neighbor} json'")
        return str(next(entry for entry in shown.values() if isinstance(entry, dict))["bgpState"])

    until(lambda: state() == "Established", f"{node} has a session with {peer}", 60)
    return lambda: state() != "Established"


def reflector(fabric: Fabric, dummy: str) -> Callable[[], bool]:
    gone = lost(fabric, "DC02S01", "DC01RR01")
    power(fabric, "DC01RR01", on=False)
    return gone


def router(fabric: Fabric, way: str) -> Callable[[], bool]:
    gone = lost(fabric, "DC01S01", way)
    power(fabric, way, on=False)
    return gone


def switch(fabric: Fabric, dummy: str) -> Callable[[], bool]:
    power(fabric, "DC01S01", on=False)
    return lambda: leg(fabric, TARGET) == "eth1"


def inter_site(fabric: Fabric, way: str, kind: str = "down") -> Callable[[], bool]:
    gone = lost(fabric, OTHER_END[way], way)
    fabric.twin(faults=[{"node": way, "interface": "eth2", "kind": kind}])
    return gone


def inter_site_silently(fabric: Fabric, way: str) -> Callable[[], bool]:
    return inter_site(fabric, way, "silent")


def taken(fabric: Fabric) -> str:
    """The router of the first site through which the packets come.

    It is one for all flows: the kernel keeps one route for each remote VTEP of a VXLAN device, whatever the flow.
    """
    found = {way: received(fabric, way, "eth2") for way in OTHER_END}
    way = max(found, key=lambda name: found[name])
    assert found[way] > 50, f"no flow is on what is to go: {found}"
    return way


OTHER_END = {"DC01R01": "DC02R01", "DC01R02": "DC02R02"}
# How it is lost, and whose power goes with it; `way` is the router that the packets take.
CASES: dict[str, tuple[Callable[[Fabric, str], Callable[[], bool]], str]] = {
    "a reflector without power": (reflector, "DC01RR01"),
    "a router without power": (router, "way"),
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
        with probing(fabric, (SOURCE, TARGET), addresses, flows=16, settle_s=5) as probe:
            way = taken(fabric)
            node = way if node == "way" else node
            gone = lose(fabric, way)
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
    # FRR has no BFD beside a point-to-point address (docs/decisions/0004-frr-behaviour.md): the variant has both.
    sessions = fabric.nodes["DC01R01"]["verify"]["sessions"]
    bfd = any(session["bfd"] for session in sessions if session["peer"] == "DC02R01")
    note(f"lost: {what}{', BFD between routers' if bfd else ''}", probes, HOW)
    if what == "a reflector without power":
        assert probes[0].gap_ms <= 50 + 2 * probes[0].late_ms, "forwarding does not need the reflectors"
    put_on(fabric, TARGET, "eth0")
