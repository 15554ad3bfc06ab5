# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a peer of the fabric is to be told that is not managed: the arguments of `peer_config.model`, as data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from .. import addressing
from ..addressing import PrefixRule
from ..model import End, Fabric, Node
from ..peer_config import ROUTER_PLATFORMS
from ..tunnel_model import Tunnel
from . import policy, tunnels
from .sessions import Session
from .tunnels import Keys


def of_router(fabric: Fabric, node: Node, live: list[Session]) -> dict[str, Any] | None:
    """None for nodes that are managed, and for platforms without a renderer."""
    if node.managed or node.platform not in ROUTER_PLATFORMS:
        return None
    return {
        "platform": node.platform,
        "router": {
            "name": node.name,
            "asn": node.asn,
            "router_id": node.router_id,
            "loopbacks": dict(node.loopbacks),
            "families": list(fabric.families),
            "ports": [_port(fabric, node, session) for session in live],
            "announce": _rules(_announced(fabric, node)),
            "bfd": _bfd(fabric, live),
        },
    }


def of_site(fabric: Fabric, tunnel: Tunnel, keys: Keys) -> dict[str, Any]:
    """Secrets are names until the role resolves them. `missing_keys`: of our end, where nobody knows it yet."""
    a, b = tunnel.a, tunnel.b
    wireguard = tunnels.wireguard_of_site(tunnel, keys)
    half = wireguard["interfaces"][0]["peers"][0]
    peer: dict[str, Any] = {
        "name": a.node[:15],
        "public_key": keys.get(a.node, {}).get(a.interface, ""),
        "allowed": half["allowed_ips"],
        "endpoint": a.endpoint,
        "port": a.listen_port,
        "keepalive_s": half["persistent_keepalive"],
    }
    if tunnel.preshared_key:
        peer["preshared_key"] = {"secret": tunnel.preshared_key}
    bgp = []
    for family, (near, far) in tunnel.ends().items() if tunnel.bgp else ():
        bgp.append(
            {
                "asn": b.asn,
                "router_id": b.router_id,
                "remote_asn": fabric.nodes[a.node].asn,
                "local_address": far.partition("/")[0],
                "remote_address": near.partition("/")[0],
                "announce": addressing.of_family(b.prefixes, family),
                "accept": addressing.of_family(a.prefixes, family),
            }
        )
    return {
        "platform": b.platform,
        "site": {
            "name": tunnel.name,
            "interface": b.interface,
            "peers": [peer],
            "prefixes": list(b.prefixes),
            "addresses": [[address, b.interface] for address in b.addresses]
            + [[address, lan] for lan, addresses in b.lans.items() for address in addresses],
            "listen_port": b.listen_port,
            "mtu": tunnel.mtu,
            "routes": [] if tunnel.bgp or tunnel.source_routing else list(a.prefixes),
            "source_routing": tunnel.source_routing,
            "stay": list(b.stay),
            "table": b.table,
            "interface_list": b.interface_list,
            "bgp": bgp,
            "version": list(b.version),
        },
        "missing_keys": [key for key in wireguard["missing_keys"] if key["node"] == a.node],
    }


def _port(fabric: Fabric, node: Node, session: Session) -> dict[str, Any]:
    peer = fabric.nodes[session.peer]
    return {
        "interface": session.interface,
        "peer": peer.name,
        "peer_asn": peer.asn,
        "mtu": next(link.mtu for link in fabric.links for end in (link.a, link.b) if _is(end, session)),
        "accept": _rules(rule for family in session.families for rule in _from(fabric, node, peer, family)),
        "default_route": policy.originates_default_to(node, peer),
    }


def _from(fabric: Fabric, node: Node, peer: Node, family: str) -> list[PrefixRule]:
    return policy.accepted_by(fabric, node, family) if peer.is_router else policy.owned(fabric, peer, family)


def _announced(fabric: Fabric, node: Node) -> list[PrefixRule]:
    """The fabric's prefixes but for the default route, which has a term of its own."""
    rules = [rule for family in fabric.families for rule in policy.accepted(fabric, family) if rule.length > 0]
    own = [addressing.host_prefix(address) for address in node.loopbacks.values()]
    return [rule for rule in rules if rule.prefix not in own]


def _rules(rules: Iterable[PrefixRule]) -> list[dict[str, Any]]:
    return [{key: value for key, value in asdict(rule).items() if value is not None} for rule in rules]


def _is(end: End, session: Session) -> bool:
    return (end.node, end.interface) == (session.node, session.interface)


def _bfd(fabric: Fabric, live: list[Session]) -> list[int] | None:
    bfd = fabric.underlay.bfd
    return [bfd.interval_ms, bfd.multiplier] if bfd and any(session.bfd for session in live) else None
