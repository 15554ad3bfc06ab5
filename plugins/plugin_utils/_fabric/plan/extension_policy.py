# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The routes of extended subnets' devices in BGP: what is announced, over which sessions, and what is preferred."""

from __future__ import annotations

from typing import Any

from .. import addressing
from ..addressing import FAMILIES, LENGTH, PrefixRule
from ..extension_model import Extension
from ..model import Fabric, Node
from ..numbers import (
    BGP_CONNECT_S,
    BGP_TIMERS,
    COMMUNITY_FRESH,
    COMMUNITY_OUTSIDE,
    EXTENSION_FRESH_WEIGHT,
    GUEST_METRICS,
    GUEST_PREPENDS,
    NAME_PREFIX,
    ROUTE_TABLES,
)

# FRR before 10 redistributes from main only.
TABLE_DIRECT = {"trixie": True, "bookworm": False}
FRESH = f"{NAME_PREFIX}fresh"
_DEVICE = {"vxlan": "ex-vx", "wireguard": "ex-wg", "gre": "ex-gre", "ssh": "tun"}
_MATCH = {"ipv4": "ip_prefix_list", "ipv6": "ipv6_prefix_list"}


def of(fabric: Fabric, node: Node) -> list[Extension]:
    """The extensions that *node* is an edge of, and takes part in."""
    return [e for e in fabric.extensions if e.active(node.name)]


def device(transport: str, peer: Node) -> str:
    """The name of the tunnel to *peer*."""
    return f"{_DEVICE[transport]}{peer.id}"


def bgp(fabric: Fabric, node: Node, family: str, tunnelled: bool | None = None) -> list[str]:
    """Prefixes of the extensions whose devices *node* announces; *tunnelled*: only those with tunnels, or without."""
    found = [p for e in of(fabric, node) if e.bgp and tunnelled in (None, e.tunnelled) for p in e.prefixes]
    return [p for p in dict.fromkeys(found) if addressing.family_of(p) == family]


def announces(fabric: Fabric, node: Node) -> bool:
    """Whether *node* announces devices to the underlay."""
    return any(bgp(fabric, node, family, tunnelled=False) for family in FAMILIES)


def routed(fabric: Fabric, family: str) -> list[PrefixRule]:
    """The devices' routes that the underlay carries."""
    return _rules([p for e in fabric.extensions if e.bgp and not e.tunnelled for p in e.prefixes], family)


def owned(fabric: Fabric, node: Node, family: str) -> list[PrefixRule]:
    """What the others accept from an edge: all edges own the whole subnet."""
    return _rules(bgp(fabric, node, family, tunnelled=False), family)


def _rules(prefixes: list[str], family: str) -> list[PrefixRule]:
    """Single addresses of these prefixes."""
    return [PrefixRule(p, ge=LENGTH[family]) for p in dict.fromkeys(prefixes) if addressing.family_of(p) == family]


def declared(fabric: Fabric, family: str) -> dict[str, str]:
    """Host route to the node that announces it to the underlay."""
    return {
        addressing.host_prefix(address): d.node
        for e in fabric.extensions
        if e.bgp and not e.tunnelled
        for d in e.present
        for address in d.addresses
        if addressing.family_of(address) == family
    }


def list_name(family: str) -> str:
    """All devices that the node announces anywhere."""
    return f"{NAME_PREFIX}devices-{family}"


def routed_name(family: str) -> str:
    """Those that the underlay carries."""
    return f"{NAME_PREFIX}devices-routed-{family}"


def tunnelled_name(family: str, direction: str = "") -> str:
    """Those that sessions in tunnels carry; with a direction, the route map of these sessions."""
    return f"{NAME_PREFIX}devices-tunnelled-{family}{f'-{direction}' if direction else ''}"


def prefix_lists(fabric: Fabric, node: Node, family: str) -> list[tuple[str, list[PrefixRule], str]]:
    """(name, rules, description) of the lists that the node needs."""
    lists = [
        (list_name(family), bgp(fabric, node, family), "devices of extended subnets"),
        (routed_name(family), bgp(fabric, node, family, tunnelled=False), "devices that the underlay carries"),
        (tunnelled_name(family), bgp(fabric, node, family, tunnelled=True), "devices that tunnels carry"),
    ]
    return [(name, _rules(prefixes, family), text) for name, prefixes, text in lists if prefixes]


def community_lists(fabric: Fabric, node: Node) -> list[dict[str, Any]]:
    if not any(e.bgp for e in of(fabric, node)):
        return []
    entry = {"sequence": 10, "action": "permit", "communities": [COMMUNITY_FRESH]}
    return [{"name": FRESH, "kind": "standard", "entries": [entry]}]


def redistribute(fabric: Fabric, node: Node, family: str) -> list[dict[str, Any]]:
    if not bgp(fabric, node, family):
        return []
    route_map = list_name(family)
    if not TABLE_DIRECT[node.release]:
        return [{"protocol": "kernel", "route_map": route_map}]
    tables = [ROUTE_TABLES["fabric-hosts"]]
    if any(e.learn for e in of(fabric, node)):
        tables.insert(0, ROUTE_TABLES["fabric-guests"])
    return [{"protocol": "table-direct", "table": table, "route_map": route_map} for table in tables]


def redistribute_entries(node: Node, internal: bool, family: str) -> list[dict[str, Any]]:
    """One entry a metric, as for guests: a fresh claim is told apart, and wins."""
    entries = []
    for state, metric in GUEST_METRICS.items():
        tags = [COMMUNITY_OUTSIDE, *([COMMUNITY_FRESH] if state == "fresh" else [])]
        settings: dict[str, Any] = {"community": {"values": tags, "additive": True}}
        if GUEST_PREPENDS[state] and not internal:
            settings["as_path_prepend"] = [node.asn] * GUEST_PREPENDS[state]
        entries.append({"match": {_MATCH[family]: list_name(family), "metric": metric}, "set": settings})
    return entries


def fresh_entry(name: str, family: str) -> dict[str, Any]:
    """A fresh claim of another edge beats the own route of this one, whose agent then takes it back."""
    return {"match": {_MATCH[family]: name, "community": {"list": FRESH}}, "set": {"weight": EXTENSION_FRESH_WEIGHT}}


def tunnel_entries(node: Node, family: str, outside: str) -> dict[str, list[dict[str, Any]]]:
    """The route maps of sessions in tunnels. Only what is this node's own goes out: the edges are a full mesh."""
    name = tunnelled_name(family)
    drop = {"comm_list_delete": outside}
    fresh = fresh_entry(name, family)
    return {
        "out": [{"match": {_MATCH[family]: name, "community": {"list": outside}}}],
        "in": [{**fresh, "set": {**fresh["set"], **drop}}, {"match": {_MATCH[family]: name}, "set": drop}],
    }


def static_routes(fabric: Fabric, node: Node) -> list[dict[str, Any]]:
    """What nobody has leads nowhere, so that the kernel does not answer for it by a default route."""
    prefixes = [p for e in of(fabric, node) if e.bgp for p in e.prefixes]
    return [{"prefix": p, "blackhole": True} for p in dict.fromkeys(prefixes)]


def tunnel_peers(fabric: Fabric, node: Node) -> list[tuple[str, Node]]:
    """(tunnel, edge) of each session in a tunnel."""
    found: dict[str, Node] = {}
    for e in of(fabric, node):
        if e.bgp and e.tunnelled:
            for name in e.edges:
                if name != node.name and e.active(name):
                    found[device(e.transport, fabric.nodes[name])] = fabric.nodes[name]
    return sorted(found.items(), key=lambda item: (item[1].id, item[0]))


def neighbors(fabric: Fabric, node: Node) -> list[dict[str, Any]]:
    return [
        {
            "neighbor": name,
            "interface": True,
            "remote_as": peer.asn,
            "capability_extended_nexthop": True,
            "description": f"edge {peer.name}",
            "timers": {**BGP_TIMERS, "connect_s": BGP_CONNECT_S},
            "advertisement_interval_s": 0,
        }
        for name, peer in tunnel_peers(fabric, node)
    ]


def family_neighbors(fabric: Fabric, node: Node, family: str) -> list[dict[str, Any]]:
    found = []
    for name, peer in tunnel_peers(fabric, node):
        entry: dict[str, Any] = {
            "neighbor": name,
            "activate": True,
            "route_map": {way: tunnelled_name(family, way) for way in ("in", "out")},
        }
        if peer.asn == node.asn:
            entry["next_hop_self"] = True
        found.append(entry)
    return found if bgp(fabric, node, family, tunnelled=True) else []


def verify_sessions(fabric: Fabric, node: Node) -> list[dict[str, Any]]:
    afis = [f"{family}_unicast" for family in FAMILIES if bgp(fabric, node, family, tunnelled=True)]
    return [
        {"neighbor": name, "peer": peer.name, "afis": afis, "bfd": False} for name, peer in tunnel_peers(fabric, node)
    ]


def verify_advertised(fabric: Fabric, node: Node) -> list[dict[str, Any]]:
    """The node's own devices, over every tunnel that carries their subnet."""
    found = []
    for name, peer in tunnel_peers(fabric, node):
        addresses = [
            a
            for e in of(fabric, node)
            if e.bgp and e.tunnelled and peer.name in e.edges and device(e.transport, peer) == name
            for d in e.present
            if d.node == node.name
            for a in d.addresses
        ]
        families = [family for family in FAMILIES if bgp(fabric, node, family, tunnelled=True)]
        found.append(
            {
                "neighbor": name,
                **{
                    family: sorted(addressing.host_prefix(a) for a in addresses if addressing.family_of(a) == family)
                    for family in families
                },
            }
        )
    return found


def learned(fabric: Fabric, node: Node) -> list[str]:
    """Prefixes of which nobody plans which addresses are in use."""
    extensions = fabric.extensions if node.is_router else of(fabric, node)
    return list(dict.fromkeys(p for e in extensions if e.bgp for p in e.learn))
