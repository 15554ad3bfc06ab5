# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking servers and VTEPs of the two datacenters."""

from __future__ import annotations

import statistics
from typing import Any

from figures import record
from probe import Probe, rest, until
from standing import Fabric

VNI = 100
BRIDGE = "lan100"
DEVICE = "vxlan100"
SERVERS = ("DC01Server01", "DC01Server02", "DC02Server01", "DC02Server02")
VTEPS = ("DC01S01", "DC01S02", "DC02S01", "DC02S02")


def address(fabric: Fabric, server: str, family: int = 4) -> str:
    addresses = fabric.nodes[server]["server"]["addresses"]
    return str(next(text for text in addresses if (":" in text) == (family == 6)).partition("/")[0])


def leg(fabric: Fabric, server: str) -> str:
    """The leg that has the address; empty while none has it."""
    own = address(fabric, server)
    for link in fabric.json(server, "ip -j addr show"):
        if any(item.get("local") == own for item in link["addr_info"]):
            return str(link["ifname"])
    return ""


def mac(fabric: Fabric, server: str) -> str:
    return str(fabric.json(server, f"ip -j link show dev {leg(fabric, server)}")[0]["address"])


def carriers(fabric: Fabric, server: str) -> set[str]:
    links = fabric.json(server, "ip -j link show")
    return {link["ifname"] for link in links if "LOWER_UP" in link["flags"]}


def behind(fabric: Fabric, vtep: str, address_of_mac: str) -> str:
    """Behind which VTEP a MAC address is, as a VTEP's kernel forwards to it; `local` for itself."""
    for entry in fabric.json(vtep, f"bridge -j fdb show br {BRIDGE}"):
        if entry["mac"] == address_of_mac:
            if "dst" in entry:
                return str(entry["dst"])
            if entry["ifname"] != DEVICE:
                return "local"
    return ""


def switch_of(fabric: Fabric, server: str, wanted_leg: str) -> str:
    """The VTEP at the other end of a leg."""
    end = {"node": server, "interface": wanted_leg}
    return str(next(link["a"]["node"] for link in fabric.links if link["b"] == end))


def settled(fabric: Fabric, server: str, wanted_leg: str) -> None:
    """The server is on a leg, and every VTEP forwards to it there."""
    until(lambda: leg(fabric, server) == wanted_leg, f"{server} on {wanted_leg}")
    there, at = mac(fabric, server), switch_of(fabric, server, wanted_leg)
    for vtep in VTEPS:
        wanted = "local" if vtep == at else fabric.loopback(at, 4)
        until(
            lambda vtep=vtep, wanted=wanted: behind(fabric, vtep, there) == wanted,
            f"{vtep} has {there} of {server} behind {wanted}",
        )


def put_on(fabric: Fabric, server: str, wanted_leg: str) -> None:
    if leg(fabric, server) != wanted_leg:
        fabric.ask(server, f"fabric-legs switch {wanted_leg}")
    settled(fabric, server, wanted_leg)


def note(name: str, probes: list[Probe], how: str) -> None:
    """Keep the distribution of the gaps, and how late the prober itself was."""
    gaps = sorted(round(probe.gap_ms) for probe in probes)
    figure = f"{' '.join(map(str, gaps))} ms (median {statistics.median(gaps):.0f})"
    late = max(probe.late_ms for probe in probes)
    print(f"{name}: {figure}; prober at most {late:.0f} ms late")
    record("evpn", name, figure, len(gaps), f"{how}; prober at most {late:.0f} ms late")


def power(fabric: Fabric, node: str, *, on: bool) -> None:
    """Take a node's power away, or give it back."""
    nodes: list[dict[str, Any]] = [
        {**entry["twin"]["container"], "powered": on or name != node} for name, entry in fabric.nodes.items()
    ]
    fabric.twin(nodes=nodes, links=fabric.links)


def received(fabric: Fabric, node: str, interface: str) -> int:
    """How many packets come in within half a second."""
    counts = []
    for pause_s in (0.5, 0.0):
        (link,) = fabric.json(node, f"ip -j -s link show dev {interface}")
        counts.append(int(link["stats64"]["rx"]["packets"]))
        rest(pause_s)
    return counts[1] - counts[0]
