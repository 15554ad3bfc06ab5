# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Border gateways: where they leave the fabric, and whose addresses are translated there."""

from __future__ import annotations

from typing import Any

from . import addressing
from .errors import Path, Problems, format_path
from .model import Fabric
from .overlay_model import Gateway

_NAMES = {"ipv4": "IPv4", "ipv6": "IPv6"}


def read_gateway(name: str, raw: dict[str, Any], problems: Problems) -> Gateway | None:
    """`nodes.X.gateway`, checked by itself."""
    given = raw.get("gateway")
    if not given or "uplink" not in given:
        return None
    path: Path = ("nodes", name, "gateway")
    if "border_gateway" not in (raw.get("functions") or []) and not problems.touches(("nodes", name, "functions")):
        problems.add("gateway_function", path)
    if raw.get("default_originate") and given.get("announce", True):
        problems.add("gateway_originate", path)
    nat = given.get("nat", False)
    gateway = Gateway(
        uplink=given["uplink"],
        addresses=tuple(addressing.interface_address(a) for a in given.get("addresses") or [] if a),
        next_hops=_next_hops(given, path, problems),
        announce=given.get("announce", True),
        nat=bool(nat),
        nat_prefixes=tuple(addressing.prefix(p) for p in nat if p) if isinstance(nat, list) else (),
    )
    for family, next_hop in gateway.next_hops.items():
        here: Path = (*path, "next_hops")
        own = [a for a in gateway.addresses if addressing.family_of(a) == family]
        if addressing.contains("fe80::/10", next_hop) or not own:
            continue
        if next_hop in {a.partition("/")[0] for a in own}:
            problems.add("gateway_next_hop_own", here, next_hop=next_hop)
        elif not any(addressing.contains(addressing.network_of(a)[0], next_hop) for a in own):
            problems.add("gateway_next_hop_elsewhere", here, next_hop=next_hop)
    return gateway


def _next_hops(given: dict[str, Any], path: Path, problems: Problems) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given.get("next_hops") or []:
        if text:
            address = addressing.address(text)
            family = addressing.family_of(address)
            if found.setdefault(family, address) != address:
                problems.add("gateway_next_hop_family", (*path, "next_hops"), family=_NAMES[family])
    return found


def check_uplinks(fabric: Fabric, problems: Problems) -> None:
    """An uplink leads out, so that nothing of the fabric may be there."""
    used = {(end.node, end.interface): format_path(link.path) for link in fabric.links for end in (link.a, link.b)}
    for segment in fabric.segments:
        for member in segment.members.values():
            used |= {(member.node, name): f"segments.{segment.name}" for name in (segment.bridge, *member.ports)}
    for node in fabric.nodes.values():
        if node.gateway and (node.name, node.gateway.uplink) in used:
            path: Path = ("nodes", node.name, "gateway", "uplink")
            other = used[(node.name, node.gateway.uplink)]
            problems.add("gateway_uplink_taken", path, interface=node.gateway.uplink, other=other)
