# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must be seen on a live node: the expectations of the role verify."""

from __future__ import annotations

from typing import Any

from .. import addressing
from ..addressing import DEFAULT_ROUTE
from ..model import Fabric, Node
from ..numbers import GUEST_METRICS, NFT_TABLES, ROUTE_PROTOCOLS
from . import ceph, extension_policy, overlay, policy, reflectors, tunnels
from .guests import guest_table
from .propagation import Heard, Reach
from .sessions import Session


def verify(
    fabric: Fabric, node: Node, sessions: list[Session], reach: Reach, wireguard: dict[str, Any] | None, *, twin: bool
) -> dict[str, Any]:
    """*wireguard*: the node's part of the plan of that name."""
    return {
        "sessions": _sessions(fabric, node, sessions, twin),
        "loopbacks": _loopbacks(fabric, node, reach),
        "ecmp": _ecmp(fabric, node, reach),
        "advertised": _advertised(fabric, node, sessions, reach, twin),
        "accepted": {family: _accepted(fabric, node, family) for family in addressing.FAMILIES},
        **_overlay(fabric, node),
        **_guests(fabric, node, sessions),
        **({"learned_prefixes": prefixes} if (prefixes := extension_policy.learned(fabric, node)) else {}),
        **tunnels.verify(wireguard),
        **_ceph(fabric, node),
    }


def _overlay(fabric: Fabric, node: Node) -> dict[str, Any]:
    """Left out where there is nothing to see."""
    segments = overlay.verify(fabric, node)
    found: dict[str, Any] = {"segments": segments} if segments else {}
    if node.gateway and node.gateway.nat:
        found["nat"] = {"table": NFT_TABLES["gateway"], "uplink": node.gateway.uplink}
    return found


def _guests(fabric: Fabric, node: Node, sessions: list[Session]) -> dict[str, Any]:
    """Where guests are is not planned, but what may be advertised for them is, and how a node with guests looks."""
    found: dict[str, Any] = {}
    if fabric.guest_prefixes and (node.is_router or fabric.has_guests(node)):
        found["guest_prefixes"] = list(fabric.guest_prefixes)
        found["guest_neighbors"] = [s.neighbor for s in sessions]
    if fabric.has_guests(node):
        found["guests"] = {
            "table": guest_table(node),
            "protocol": ROUTE_PROTOCOLS["fabric-guest"],
            "metrics": dict(GUEST_METRICS),
        }
    return found


def _ceph(fabric: Fabric, node: Node) -> dict[str, Any]:
    found = ceph.verify(fabric, node)
    return {"ceph": found} if found else {}


def _afis(families: tuple[str, ...], evpn: bool = False) -> list[str]:
    return [f"{family}_unicast" for family in families] + (["l2vpn_evpn"] if evpn else [])


def _sessions(fabric: Fabric, node: Node, sessions: list[Session], twin: bool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"neighbor": s.neighbor, "peer": s.peer, "afis": _afis(s.families, s.evpn), "bfd": s.bfd} for s in sessions
    ]
    for u in policy.node_upstreams(fabric, node):
        if u.in_twin or not twin:
            families = policy.upstream_families(u, fabric)
            found.append({"neighbor": u.neighbor or u.interface, "peer": u.name, "afis": _afis(families), "bfd": u.bfd})
    return found + reflectors.verify_sessions(fabric, node) + extension_policy.verify_sessions(fabric, node)


def _loopbacks(fabric: Fabric, node: Node, reach: Reach) -> list[dict[str, Any]]:
    found = []
    for family in fabric.families:
        for name, heard in reach.loopbacks[family].items():
            interfaces = heard.interfaces.get(node.name)
            if name != node.name and interfaces:
                found.append(
                    {"node": name, "address": fabric.nodes[name].loopbacks[family], "uplinks": list(interfaces)}
                )
    return found


def _ecmp(fabric: Fabric, node: Node, reach: Reach) -> list[dict[str, Any]]:
    found = []
    for family in fabric.families:
        routes: list[tuple[str, Heard]] = [(DEFAULT_ROUTE[family], reach.defaults[family])]
        routes += [*reach.outside[family].items(), *reach.segments[family].items()]
        routes += [
            (addressing.host_prefix(fabric.nodes[n].loopbacks[family]), h) for n, h in reach.loopbacks[family].items()
        ]
        for prefix, heard in routes:
            interfaces = heard.interfaces.get(node.name, ())
            if len(interfaces) > 1:
                found.append({"prefix": prefix, "interfaces": list(interfaces)})
    return found


def _advertised(fabric: Fabric, node: Node, sessions: list[Session], reach: Reach, twin: bool) -> list[dict[str, Any]]:
    """Per neighbour exactly what is sent; what the plan cannot know is left out (see :func:`_predictable`)."""
    found: list[dict[str, Any]] = []

    def given(prefix: str) -> bool:
        return not twin or any(u.in_twin and r.prefix == prefix for u in fabric.upstreams for r in u.accept)

    if _predictable(fabric, node, twin):
        for s in sessions:
            entry: dict[str, Any] = {"neighbor": s.neighbor}
            for family in s.families:
                sent = [
                    addressing.host_prefix(fabric.nodes[name].loopbacks[family])
                    for name, heard in reach.loopbacks[family].items()
                    if s.key in heard.sent
                ]
                sent += [p for p, heard in reach.outside[family].items() if s.key in heard.sent and given(p)]
                sent += [p for p, heard in reach.segments[family].items() if s.key in heard.sent]
                if s.key in reach.defaults[family].sent:
                    sent.append(DEFAULT_ROUTE[family])
                entry[family] = sorted(sent)
            found.append(entry)
    found += extension_policy.verify_advertised(fabric, node)
    for u in policy.node_upstreams(fabric, node):
        if (u.in_twin or not twin) and not any(rule.ge or rule.le for rule in u.announce):
            announced = {
                family: sorted(rule.prefix for rule in u.announce if rule.family == family)
                for family in policy.upstream_families(u, fabric)
            }
            found.append({"neighbor": u.neighbor or u.interface, **announced})
    return found


def _predictable(fabric: Fabric, node: Node, twin: bool) -> bool:
    """Whether what *node* sends follows from the plan alone.

    A host sends what is its own. A router passes on what others give it: an unmanaged router may do otherwise than
    planned, and of an upstream's `0.0.0.0/0 le 24` nobody knows what comes.
    """
    if twin:
        return True
    open_upstreams = [u for u in fabric.upstreams if any(r.ge or r.le for r in u.accept)]
    if not node.is_router:
        return not any(u.node == node.name for u in open_upstreams)
    return not open_upstreams and all(n.managed for n in fabric.nodes.values())


def _accepted(fabric: Fabric, node: Node, family: str) -> list[str]:
    """Prefixes inside of which every BGP route of the node lies; 0.0.0.0/0 and ::/0 mean the default route itself."""
    prefixes = [prefix for rule in policy.accepted(fabric, family) for prefix in rule.covers()]
    for upstream in policy.node_upstreams(fabric, node):
        prefixes += [rule.prefix for rule in upstream.announce if rule.family == family]
    prefixes += extension_policy.bgp(fabric, node, family, tunnelled=True)
    return list(dict.fromkeys(prefixes))
