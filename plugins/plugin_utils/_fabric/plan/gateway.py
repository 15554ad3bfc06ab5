# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A border gateway: the default route that it announces while it has one itself, and the translation of addresses.

The route is not originated but redistributed: from a static route, which zebra takes away when the uplink has lost its
carrier, or from the kernel, where DHCP, a router advertisement or the network configuration put it. So nobody has to
notice that the uplink is gone: the announcement goes with the route.
"""

from __future__ import annotations

from typing import Any

from ..addressing import DEFAULT_ROUTE
from ..model import Fabric, Node
from ..numbers import COMMUNITY_OUTSIDE, NAME_PREFIX, NFT_TABLES
from ..overlay_model import Gateway

_MATCH = {"ipv4": "ip_prefix_list", "ipv6": "ipv6_prefix_list"}


def families(fabric: Fabric, node: Node) -> tuple[str, ...]:
    """The families of the default route that a gateway announces; none of another node."""
    if node.gateway is None or not node.gateway.announce:
        return ()
    return tuple(f for f in fabric.families if not node.gateway.next_hops or f in node.gateway.next_hops)


def _name(family: str) -> str:
    return f"{NAME_PREFIX}gateway-{family}"


def static_routes(node: Node) -> list[dict[str, Any]]:
    if node.gateway is None:
        return []
    return [
        {"prefix": DEFAULT_ROUTE[family], "next_hop": next_hop, "interface": node.gateway.uplink}
        for family, next_hop in node.gateway.next_hops.items()
    ]


def prefix_lists(fabric: Fabric, node: Node) -> list[dict[str, Any]]:
    return [
        {
            "name": _name(family),
            "afi": family,
            "description": "the default route of the uplink",
            "entries": [{"sequence": 10, "action": "permit", "prefix": DEFAULT_ROUTE[family]}],
        }
        for family in families(fabric, node)
    ]


def route_maps(fabric: Fabric, node: Node) -> list[dict[str, Any]]:
    """Through the uplink alone: the default route of a management network leads nowhere for others."""
    found = []
    for family in families(fabric, node):
        entry = {
            "sequence": 10,
            "action": "permit",
            "match": {_MATCH[family]: _name(family), "interface": node.gateway.uplink if node.gateway else ""},
            # the tag lets it out: see COMMUNITY_OUTSIDE
            "set": {"community": {"values": [COMMUNITY_OUTSIDE], "additive": True}},
        }
        found.append({"name": _name(family), "entries": [entry]})
    return found


def redistribute(fabric: Fabric, node: Node, family: str) -> list[dict[str, Any]]:
    if node.gateway is None or family not in families(fabric, node):
        return []
    protocol = "static" if family in node.gateway.next_hops else "kernel"
    return [{"protocol": protocol, "route_map": _name(family)}]


def gateway(node: Node) -> dict[str, Any] | None:
    """`fabric_node.gateway`, or None on a node that is none."""
    if node.gateway is None:
        return None
    found: dict[str, Any] = {"uplink": node.gateway.uplink, "table": NFT_TABLES["gateway"]}
    if node.gateway.nat:
        found["ruleset"] = ruleset(node.gateway)
    return found


def ruleset(found: Gateway) -> str:
    """What nft loads: the table anew, in one transaction. Nothing else of the machine's rules is touched."""
    table = f"table ip {NFT_TABLES['gateway']}"
    source = f"ip saddr {{ {', '.join(found.nat_prefixes)} }} " if found.nat_prefixes else ""
    return (
        "# Written by the Ansible collection routed.fabric (role border_gateway).\n"
        "# Do not edit: the next run puts this file back.\n"
        f"{table}\n"
        f"delete {table}\n"
        f"{table} {{\n"
        "\tchain postrouting {\n"
        "\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
        f'\t\toifname "{found.uplink}" {source}masquerade\n'
        "\t}\n"
        "}\n"
    )
