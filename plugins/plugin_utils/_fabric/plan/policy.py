# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which prefixes a node owns, announces and accepts.

Policy as data: bgp.py writes it as route maps, propagation.py follows it.
"""

from __future__ import annotations

from .. import addressing
from ..addressing import DEFAULT_ROUTE, LENGTH, PrefixRule
from ..model import Fabric, Node, Upstream
from ..tunnel_model import is_address
from . import extension_policy, gateway


def own(node: Node, family: str) -> list[str]:
    """The prefixes that a node originates into the fabric."""
    loopback = [addressing.host_prefix(node.loopbacks[family])] if family in node.loopbacks else []
    return loopback + [prefix for prefix in node.announced if addressing.family_of(prefix) == family]


def outside(fabric: Fabric, node: Node, family: str) -> list[PrefixRule]:
    """What a node learns from its upstreams and passes on to the fabric; a gateway's is its default route."""
    rules = [rule for u in node_upstreams(fabric, node) for rule in u.accept if rule.family == family]
    if family in gateway.families(fabric, node):
        rules.append(PrefixRule(DEFAULT_ROUTE[family]))
    return _unique(rules)


def owned(fabric: Fabric, node: Node, family: str) -> list[PrefixRule]:
    """Everything that the others accept from this node, if it is not a router."""
    rules = [PrefixRule(prefix) for prefix in own(node, family)]
    if node.default_originate:
        rules.append(PrefixRule(DEFAULT_ROUTE[family]))
    if "proxmox" in node.functions:
        rules += _guests(fabric, family)
    rules += extension_policy.owned(fabric, node, family)
    return _unique(rules + outside(fabric, node, family))


def accepted(fabric: Fabric, family: str) -> list[PrefixRule]:
    """Everything that may be in the fabric's routing tables, widest first."""
    pool = fabric.pools.loopback4 if family == "ipv4" else fabric.pools.loopback6
    rules: list[PrefixRule] = []
    if pool:
        length = int(pool.rpartition("/")[2])
        rules.append(PrefixRule(pool, ge=LENGTH[family]) if length < LENGTH[family] else PrefixRule(pool))
    for node in fabric.nodes.values():
        rules += [PrefixRule(p) for p in own(node, family) if not (pool and addressing.contains(pool, p))]
    rules += _guests(fabric, family)
    rules += extension_policy.routed(fabric, family)
    if any(node.default_originate for node in fabric.nodes.values()):
        rules.append(PrefixRule(DEFAULT_ROUTE[family]))
    rules += [rule for node in fabric.nodes.values() for rule in outside(fabric, node, family)]
    rules += [rule for rule in fabric.underlay.accept if rule.family == family]
    return _unique(rules)


def accepted_by(fabric: Fabric, node: Node, family: str) -> list[PrefixRule]:
    """The same for one node: a border gateway that announces the default route does not take one from the fabric."""
    rules = accepted(fabric, family)
    if refuses_default(node):
        rules = [rule for rule in rules if rule.prefix != DEFAULT_ROUTE[family]]
    return rules


def refuses_default(node: Node) -> bool:
    return node.default_originate and "border_gateway" in node.functions


def originates_default_to(node: Node, peer: Node) -> bool:
    """A border gateway announces the default route to all its neighbours, a router to the hosts."""
    return node.default_originate and ("border_gateway" in node.functions or not peer.is_router)


def node_upstreams(fabric: Fabric, node: Node) -> list[Upstream]:
    return [u for u in fabric.upstreams if u.node == node.name]


def sends_from_interface(fabric: Fabric, node: Node) -> list[str]:
    """Interfaces to upstreams over which a node sends with the interface's address instead of its loopback's.

    Where a tunnel ends at such an address, its packets have to come from there: the far end lets in nothing else.
    (wireguard-go 0.0.20231211 answers with the route's preferred source, and whatever begins a handshake does.)
    """
    ends = [t.a.endpoint for t in fabric.tunnels if t.a.node == node.name]
    if not any(is_address(end) and end not in node.loopbacks.values() for end in ends):
        return []
    return list(dict.fromkeys(u.interface for u in node_upstreams(fabric, node) if not u.tunnel))


def upstream_families(upstream: Upstream, fabric: Fabric) -> tuple[str, ...]:
    """The families of a session with an upstream: the neighbour's own, or those of what is exchanged."""
    if upstream.neighbor:
        return (addressing.family_of(upstream.neighbor),)
    exchanged = {rule.family for rule in (*upstream.accept, *upstream.announce)}
    return tuple(f for f in addressing.FAMILIES if f in exchanged) or fabric.families


def _guests(fabric: Fabric, family: str) -> list[PrefixRule]:
    rules = []
    for prefix in fabric.guest_prefixes:
        if addressing.family_of(prefix) == family:
            maximum = LENGTH[family]
            rules.append(PrefixRule(prefix, le=None if prefix.endswith(f"/{maximum}") else maximum))
    return rules


def _unique(rules: list[PrefixRule]) -> list[PrefixRule]:
    return list(dict.fromkeys(rules))
