# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What FRR says of a guest that has left, in both releases, as the agent reads it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import frrlab
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "roles" / "routed_guests" / "files"))

from routed_guests import onward, taken, vtysh
from routed_guests.addresses import Network, parse

GUEST = ["2.57.57.30", "2001:678:3a4:100::30"]
CONFIG = """frr defaults datacenter
!
router bgp {asn}
 bgp router-id 10.0.0.{number}
 no bgp ebgp-requires-policy
 neighbor up interface remote-as external
 address-family ipv4 unicast
  {redistribute}
 exit-address-family
 address-family ipv6 unicast
  neighbor up activate
  {redistribute}
 exit-address-family
!
"""


@pytest.fixture(params=frrlab.RELEASES)
def nodes(request: pytest.FixtureRequest) -> Iterator[tuple[frrlab.Node, frrlab.Node]]:
    """Two neighbours; each announces the guests' routes of its kernel, from where its release can take them."""
    made: list[frrlab.Node] = []
    try:
        for name in ("pve1", "pve2"):
            made.append(frrlab.Node(name, request.param, "datacenter"))
        frrlab.link(made[0], "up", made[1], "up")
        for number, node in enumerate(made, 1):
            node.run(
                "ip link add vmbr1 type bridge; ip link set vmbr1 up; ip link add tap0 type veth peer name tap1;"
                "ip link set tap0 master vmbr1 up; ip link set tap1 up;"
                f"ip link add fabric-fwd type vxlan id 211 dstport 4787 local 2001:db8::{number} nolearning;"
                f"ip link set fabric-fwd addrgenmode none up; ip -6 addr add fe80::{number}/64 dev fabric-fwd"
            )
            redistribute = "redistribute kernel" if node.release == "bookworm" else "redistribute table-direct 100"
            node.start_frr(CONFIG.format(asn=65000 + number, number=number, redistribute=redistribute))
        frrlab.until("a session", lambda: "Established" in str(made[0].neighbors()), 60)
        yield made[0], made[1]
    finally:
        for node in made:
            node.stop()


def routes(node: frrlab.Node, verb: str, rest: str) -> None:
    table = "main" if node.release == "bookworm" else "100"
    for address in GUEST:
        via = rest.replace("via", "via inet6") if ":" not in address else rest
        node.run(f"ip route {verb} {address} {via} table {table} proto 212")


def selected(node: frrlab.Node) -> set[str]:
    """Distance and metric of the guests' routes that zebra has selected."""
    table = "" if node.release == "bookworm" else " table 100"
    lines = node.vtysh(f"show ip route{table}", f"show ipv6 route{table}").splitlines()
    return {line.split()[2] for line in lines if line.startswith("K>*") and line.split()[1].split("/")[0] in GUEST}


def asked(node: frrlab.Node) -> set[Network]:
    text = node.vtysh(*onward.commands([parse(address) for address in GUEST]))
    return {found for answer in vtysh.answers(text) if (found := onward.leads_onward(answer))}


def test_a_path_through_the_fabric_is_told_from_its_own(nodes: tuple[frrlab.Node, frrlab.Node]) -> None:
    """Nothing known, its own announcement, another's beside it, another's alone."""
    here, there = nodes
    assert asked(here) == set()
    routes(here, "add", "dev vmbr1 metric 11")
    frrlab.until("pve2 hears of the guest", lambda: asked(there) == {parse(address) for address in GUEST}, 20)
    assert asked(here) == set(), "its own announcement was taken for another's"
    routes(here, "add", "via fe80::2 dev fabric-fwd onlink metric 12")
    routes(here, "del", "dev vmbr1 metric 11")
    # An IPv4 route by way of an IPv6 neighbour is "directly connected" to FRR, and is announced all the same
    frrlab.until("FRR has taken it in", lambda: selected(here) == {"[0/12]"}, 20)
    assert asked(here) == set()
    assert asked(there) == {parse(address) for address in GUEST}, "what only forwards is announced no more"
    routes(there, "add", "dev vmbr1 metric 10")
    frrlab.until("pve1 sees the path to pve2", lambda: asked(here) == {parse(address) for address in GUEST}, 20)
    routes(here, "del", "via fe80::2 dev fabric-fwd onlink metric 12")
    assert asked(here) == {parse(address) for address in GUEST}
    routes(there, "del", "dev vmbr1 metric 10")
    frrlab.until("nobody has the guest", lambda: asked(here) == set(), 20)


def test_what_frr_has_taken_up(nodes: tuple[frrlab.Node, frrlab.Node]) -> None:
    """Kernel routes with their metrics, from where the release keeps them."""
    here = nodes[0]
    table = 254 if here.release == "bookworm" else 100

    def known() -> taken.Seen:
        return taken.known(vtysh.answers(here.vtysh(*taken.commands(table))))

    expected = {(f"{address}/{parse(address).length}", 11) for address in GUEST}
    assert not known() & expected
    routes(here, "add", "dev vmbr1 metric 11")
    frrlab.until("FRR has both", lambda: known() >= expected, 20)
    routes(here, "del", "dev vmbr1 metric 11")
    frrlab.until("FRR has neither", lambda: not known() & expected, 20)
