# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a router is told that somebody else manages, where the plan has a renderer for its platform."""

from __future__ import annotations

from ..addressing import PrefixRule, contains
from ..model import Fabric, Node
from ..peer_config import junos
from . import policy
from .sessions import Session


def router_config(fabric: Fabric, node: Node, live: list[Session]) -> str | None:
    """None for nodes that are managed, and for other platforms."""
    if node.managed or node.platform != "junos":
        return None
    ports = []
    for session in live:
        peer = fabric.nodes[session.peer]
        rules = [r for f in session.families for r in _from(fabric, node, peer, f)]
        mtu = next(link.mtu for link in fabric.links for end in (link.a, link.b) if _is(end, session))
        default = policy.originates_default_to(node, peer)
        ports.append(junos.Port(session.interface, peer.name, peer.asn, mtu, tuple(rules), default))
    return junos.render(
        junos.Router(
            name=node.name,
            asn=node.asn,
            router_id=node.router_id,
            loopbacks=dict(node.loopbacks),
            families=fabric.families,
            ports=tuple(ports),
            announce=tuple(_announced(fabric, node)),
            bfd=_bfd(fabric, live),
        )
    )


def _from(fabric: Fabric, node: Node, peer: Node, family: str) -> list[PrefixRule]:
    return policy.accepted_by(fabric, node, family) if peer.is_router else policy.owned(fabric, peer, family)


def _announced(fabric: Fabric, node: Node) -> list[PrefixRule]:
    """The fabric's prefixes but for the default route, which has a term of its own."""
    rules = [rule for family in fabric.families for rule in policy.accepted(fabric, family) if rule.length > 0]
    own = [f"{address}/{128 if ':' in address else 32}" for address in node.loopbacks.values()]
    return [rule for rule in rules if not any(rule.prefix == p and contains(rule.prefix, p) for p in own)]


def _is(end: object, session: Session) -> bool:
    return (getattr(end, "node", ""), getattr(end, "interface", "")) == (session.node, session.interface)


def _bfd(fabric: Fabric, live: list[Session]) -> tuple[int, int] | None:
    bfd = fabric.underlay.bfd
    return (bfd.interval_ms, bfd.multiplier) if bfd and any(session.bfd for session in live) else None
