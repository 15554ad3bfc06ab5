# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""EVPN by route reflectors (RFC 4456): sessions between the loopbacks of VTEPs and reflectors.

A VTEP that has the reflectors' AS number is their iBGP client. Any other has an eBGP session over several hops, and
takes paths with its own AS in them, which are those of the other VTEPs of its AS. (FRR 10.3 could make it iBGP by
`local-as`; 8.4 refuses a local AS that is the neighbor's. Both forms were tried, and this one runs on both.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..model import Fabric, Node
from ..numbers import BGP_CONNECT_S, BGP_TIMERS, NAME_PREFIX, REFLECTOR_HOPS


@dataclass(frozen=True)
class Reflection:
    """One end of a session between loopbacks."""

    peer: str
    neighbor: str
    internal: bool
    client: bool
    """Whether the peer is a VTEP that this node serves."""

    @property
    def group(self) -> str:
        name = "vteps" if self.client else "reflectors"
        return f"{NAME_PREFIX}{name}" if self.internal else f"{NAME_PREFIX}{name}-external"


def is_reflector(node: Node) -> bool:
    return "route_reflector" in node.functions


def reflections(fabric: Fabric, node: Node) -> list[Reflection]:
    """The sessions of a node, none where EVPN goes over the underlay's own."""
    overlay = fabric.overlay
    if not overlay.reflected:
        return []
    peers = [other for other in fabric.nodes.values() if is_reflector(other) and other is not node]
    if is_reflector(node):
        peers += [other for other in fabric.nodes.values() if "vtep" in other.functions]
    elif "vtep" not in node.functions:
        return []
    return [
        Reflection(peer.name, peer.loopbacks[overlay.local], peer.asn == node.asn, not is_reflector(peer))
        for peer in peers
    ]


def instance(fabric: Fabric, node: Node) -> dict[str, Any]:
    """What the instance of a reflector has beside its neighbors."""
    if not fabric.overlay.reflected or not is_reflector(node):
        return {}
    found: dict[str, Any] = {"cluster_id": node.router_id}
    group = next((r.group for r in reflections(fabric, node) if r.client), None)
    if fabric.overlay.listen and group:
        ranges = [{"prefix": prefix, "peer_group": group} for prefix in fabric.overlay.listen]
        found["listen"] = {"limit": fabric.overlay.limit, "ranges": ranges}
    return found


def peer_groups(fabric: Fabric, node: Node) -> list[dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for reflection in reflections(fabric, node):
        if reflection.group in groups:
            continue
        group: dict[str, Any] = {
            "name": reflection.group,
            "remote_as": node.asn if reflection.internal else "external",
            "update_source": node.loopbacks[fabric.overlay.local],
            "timers": {**BGP_TIMERS, "connect_s": BGP_CONNECT_S},
            "advertisement_interval_s": 0,
        }
        if not reflection.internal:
            group["ebgp_multihop"] = REFLECTOR_HOPS
        if fabric.overlay.password:
            group["password"] = {"secret": fabric.overlay.password}
        groups[reflection.group] = group
    return list(groups.values())


def neighbors(fabric: Fabric, node: Node) -> list[dict[str, Any]]:
    """Without those that come by themselves from a prefix that the reflector listens to."""
    return [
        {"neighbor": r.neighbor, "peer_group": r.group, "description": r.peer}
        for r in reflections(fabric, node)
        if not (r.client and fabric.overlay.listen)
    ]


def family_neighbors(fabric: Fabric, node: Node, export: str, everything: str, from_host: str) -> list[dict[str, Any]]:
    """The groups in the family l2vpn evpn; the arguments are names of route maps."""
    found: dict[str, dict[str, Any]] = {}
    for r in reflections(fabric, node):
        entry: dict[str, Any] = {
            "neighbor": r.group,
            "activate": True,
            "route_map": {"in": from_host if r.client else everything, "out": export},
        }
        if r.client and r.internal:
            entry["route_reflector_client"] = True
        if not r.client and not r.internal:
            entry["allowas_in"] = 1
        found.setdefault(r.group, entry)
    return list(found.values())


def verify_sessions(fabric: Fabric, node: Node) -> list[dict[str, Any]]:
    return [
        {"neighbor": r.neighbor, "peer": r.peer, "afis": ["l2vpn_evpn"], "bfd": False}
        for r in reflections(fabric, node)
    ]
