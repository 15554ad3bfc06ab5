# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In the twin only: what is outside of the border gateways' uplinks, as one container.

It has the next hops' addresses on one bridge, and an address that stands for the rest of the world.
"""

from __future__ import annotations

from typing import Any

from .. import addressing
from ..addressing import FAMILIES
from ..model import Fabric, Node
from ..numbers import TWIN_WORLD
from . import extensions

_NAME = "outside"
_BRIDGE = "uplinks"


def names(fabric: Fabric) -> list[str]:
    """Containers that are no nodes: what gateways lead to, and devices of extended subnets."""
    return [*([_NAME] if _gateways(fabric) else []), *(d.name for dummy, d in extensions.twin_devices(fabric))]


def groups(fabric: Fabric) -> dict[str, list[str]]:
    """Its own group, and the one of everything that the twin has to bring up."""
    found = names(fabric)
    return {"fabric_outside": found, "fabric": [*fabric.nodes, *fabric.servers, *found]}


def _gateways(fabric: Fabric) -> list[Node]:
    return [node for node in fabric.nodes.values() if node.gateway]


def twin_links(fabric: Fabric) -> list[dict[str, Any]]:
    return [
        {
            "a": {"node": node.name, "interface": node.gateway.uplink},
            "b": {"node": _NAME, "interface": f"eth{index}"},
            "mtu": 1500,
        }
        for index, node in enumerate(_gateways(fabric))
        if node.gateway
    ]


def fabric_nodes(fabric: Fabric) -> dict[str, dict[str, Any]]:
    interfaces = [f"eth{index}" for index in range(len(_gateways(fabric)))]
    return {
        name: {
            "name": name,
            "fabric": fabric.name,
            "platform": "debian",
            "managed": False,
            "release": "trixie",
            "functions": [],
            "outside": {"world": dict(TWIN_WORLD), "ip_batch": _batch(fabric, interfaces)},
            "twin": {
                "release": "trixie",
                "container": {"name": name, "release": "trixie"},
                "interfaces": interfaces,
            },
        }
        for name in ([_NAME] if _gateways(fabric) else [])
    }


def _batch(fabric: Fabric, interfaces: list[str]) -> list[str]:
    """Lines for `ip -force -batch`; a second time they change nothing."""
    lines = [f"link add dev {_BRIDGE} type bridge forward_delay 0", f"link set dev {_BRIDGE} up", "link set dev lo up"]
    lines += [f"link set dev {name} master {_BRIDGE} up" for name in interfaces]
    lines += [f"addr replace {addressing.host_prefix(address)} dev lo" for address in TWIN_WORLD.values()]
    for node in _gateways(fabric):
        for family in FAMILIES:
            lines += _next_hop(fabric, node, family)
    return list(dict.fromkeys(lines))


def _next_hop(fabric: Fabric, node: Node, family: str) -> list[str]:
    """The router that a gateway sends to, and the way back for what is not translated."""
    gateway = node.gateway
    if gateway is None or family not in gateway.next_hops:
        return []
    own = [a for a in gateway.addresses if addressing.family_of(a) == family]
    if not own:
        return []
    lines = [f"addr replace {gateway.next_hops[family]}/{own[0].partition('/')[2]} dev {_BRIDGE}"]
    pool = fabric.pools.loopback4 if family == "ipv4" else fabric.pools.loopback6
    back = (
        [pool]
        if pool
        else [addressing.host_prefix(n.loopbacks[family]) for n in fabric.nodes.values() if family in n.loopbacks]
    )
    back += [p for n in fabric.nodes.values() for p in n.announced if addressing.family_of(p) == family]
    if not (family == "ipv4" and gateway.nat and not gateway.nat_prefixes):
        lines += [f"route replace {prefix} via {own[0].partition('/')[0]}" for prefix in dict.fromkeys(back)]
    return lines
