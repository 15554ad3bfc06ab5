# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VRRP by keepalived between the VTEPs of two sites, over the segment: what the account's author thought of.

It runs, and takes the seconds that VRRP takes. An anycast gateway (the variant of this fabric) is the better way: see
docs/guides/evpn.md.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from probe import Probe, probing, until
from rooted import Rooted, rootfs
from servers import BRIDGE, address, behind, note
from standing import Fabric

VIRTUAL = "10.1.0.254"
ROUTERS = {"DC01S01": ("10.1.0.2", 150), "DC02S01": ("10.1.0.3", 100)}  # address and priority
CLIENT = "DC02Server02"
ADVERTISEMENT_S = 1.0  # keepalived's default; a loss takes three of them and up to one more
CONFIGURATION = """
global_defs {{
  router_id {node}
  vrrp_version 3
}}
vrrp_instance lan {{
  interface {bridge}
  state BACKUP
  virtual_router_id 51
  priority {priority}
  advert_int {advertisement}
  virtual_ipaddress {{
    {virtual}/24 dev {bridge}
  }}
}}
"""


def holders(fabric: Fabric) -> list[str]:
    found = []
    for node in ROUTERS:
        (link,) = fabric.json(node, f"ip -j addr show dev {BRIDGE}")
        if any(item.get("local") == VIRTUAL for item in link["addr_info"]):
            found.append(node)
    return found


@pytest.fixture
def routers(fabric: Fabric) -> Iterator[dict[str, Rooted]]:
    root = rootfs("/usr/sbin/keepalived")
    made: dict[str, Rooted] = {}
    try:
        for node, (own, priority) in ROUTERS.items():
            fabric.ask(node, f"ip addr add {own}/24 dev {BRIDGE}")
            text = CONFIGURATION.format(
                node=node, bridge=BRIDGE, priority=priority, advertisement=ADVERTISEMENT_S, virtual=VIRTUAL
            )
            files = {"/etc/keepalived/keepalived.conf": text.encode()}
            made[node] = Rooted(fabric, node, root, files, "keepalived --dont-fork --log-console")
        yield made
    finally:
        for node, (own, dummy) in ROUTERS.items():
            if node in made:
                made[node].stop()
            fabric.shell(node, f"ip link set dev {BRIDGE} up")
            fabric.shell(node, f"ip addr del {own}/24 dev {BRIDGE}; ip addr del {VIRTUAL}/24 dev {BRIDGE}")
        fabric.verify()


def test_the_master_of_a_virtual_router_is_lost(fabric: Fabric, routers: dict[str, Rooted], runs: int) -> None:
    probes: list[Probe] = []
    for dummy in range(runs):
        until(lambda: holders(fabric) == ["DC01S01"], "the better one alone is the master", 30)
        fabric.ask(CLIENT, f"ping -n -c 2 -i 0.2 -W 5 {VIRTUAL}")
        # EVPN does not announce a bridge's own MAC address: what is sent to the master is flooded.
        (master,) = fabric.json("DC01S01", f"ip -j link show dev {BRIDGE}")
        assert behind(fabric, "DC02S02", master["address"]) == ""
        addresses = (address(fabric, CLIENT), VIRTUAL)
        with probing(fabric, (CLIENT, *ROUTERS), addresses, settle_s=6) as probe:
            fabric.ask("DC01S01", f"ip link set dev {BRIDGE} down")
            until(lambda: "DC02S01" in holders(fabric), "the other one is the master", 20)
        assert probe.result is not None
        probes.append(probe.result)
        fabric.ask("DC01S01", f"ip link set dev {BRIDGE} up")
    how = f"on two VTEPs, advertisements each {ADVERTISEMENT_S:g} s, the master's bridge set down; UDP echo each 10 ms"
    note("keepalived, the master lost", probes, how)
    # It works, and it takes as long as VRRP takes: more than two advertisements, no more than four and a moment.
    for result in probes:
        assert 2000 * ADVERTISEMENT_S < result.gap_ms < 4500 * ADVERTISEMENT_S, result
