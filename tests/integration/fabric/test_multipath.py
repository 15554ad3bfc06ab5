# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sixteen flows between two loopbacks use both uplinks."""

from __future__ import annotations

import pytest
from figures import record
from standing import Fabric

FLOWS = 16
PACKETS = 200
SEND = """
import socket, sys
source, target = sys.argv[1:3]
family = socket.AF_INET6 if ":" in source else socket.AF_INET
for flow in range({flows}):
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.bind((source, 20000 + flow * 7))
        for _ in range({packets}):
            try:
                sender.sendto(b"flow", (target, 9))
            except ConnectionRefusedError:
                pass  # nobody listens there: the answer is an ICMP message
"""


def sent(fabric: Fabric, node: str) -> dict[str, int]:
    links = fabric.json(node, "ip -j -s link show")
    names = {interface["name"] for interface in fabric.nodes[node]["underlay"]["interfaces"]}
    return {link["ifname"]: link["stats64"]["tx"]["packets"] for link in links if link["ifname"] in names}


@pytest.mark.parametrize("family", [4, 6])
def test_flows_use_both_uplinks(fabric: Fabric, family: int) -> None:
    source, target = fabric.loopback("pve1", family), fabric.loopback("ceph1", family)
    before = sent(fabric, "pve1")
    script = SEND.format(flows=FLOWS, packets=PACKETS)
    fabric.ask("pve1", f"python3 -c '{script}' {source} {target}")
    after = sent(fabric, "pve1")
    share = {name: after[name] - before[name] for name in after}
    assert len(share) == 2
    assert sum(share.values()) >= FLOWS * PACKETS
    assert min(share.values()) >= PACKETS, f"one uplink carried less than one flow: {share}"
    figure = " / ".join(f"{count} on {name}" for name, count in share.items())
    record("spine", f"packets an uplink, IPv{family}", figure, 1, f"{FLOWS} UDP flows of {PACKETS} packets, counters")
