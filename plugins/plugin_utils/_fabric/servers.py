# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers that are attached to a segment: machines beside the routing, whose legs are ports of VTEPs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from . import addressing
from .errors import Path, Problems, format_path
from .model import Fabric
from .overlay_model import Leg, Member, Segment, Server
from .segments import read_addresses

# What belongs to a node of the routing.
_ROUTED = (
    "id",
    "asn",
    "router_id",
    "loopback4",
    "loopback6",
    "uplinks",
    "default_originate",
    "gateway",
    "bfd",
    "allowas_in",
)


def is_attached(raw: dict[str, Any] | None) -> bool:
    return "attached" in (raw or {})


def check_servers(raw_servers: dict[str, Any], data: dict[str, Any], problems: Problems) -> None:
    """What can be said before the links are read: that nothing else leads to a server."""
    for name, raw in raw_servers.items():
        path: Path = ("nodes", name)
        functions = [f for f in raw.get("functions") or [] if f]
        if functions != ["server"] and not problems.touches((*path, "functions")):
            problems.add("attached_function", path, functions=", ".join(functions) or "those of a router")
        for key in _ROUTED:
            if key in raw:
                problems.add("attached_key", (*path, key), key=key)
    ends: list[tuple[Path, str]] = [
        ((*path, key), text)
        for index, raw in enumerate(data.get("links") or [])
        for path in [("links", index)]
        for key, text in (raw or {}).items()
        if key in ("a", "b") and text
    ]
    ends += [
        (("nodes", name, "uplinks", interface), text)
        for name, raw in (data.get("nodes") or {}).items()
        for interface, text in ((raw or {}).get("uplinks") or {}).items()
    ]
    for path, text in ends:
        node = text.partition(":")[0]
        if node in raw_servers:
            problems.add("attached_link", path, node=node)


def read_servers(
    raw_servers: dict[str, Any], segments: tuple[Segment, ...], fabric: Fabric, problems: Problems
) -> tuple[dict[str, Server], tuple[Segment, ...]]:
    """The servers, and the segments with the ports that lead to them."""
    servers: dict[str, Server] = {}
    known = {segment.name: segment for segment in segments}
    used = {(end.node, end.interface): format_path(link.path) for link in fabric.links for end in (link.a, link.b)}
    for segment in segments:
        for member in segment.members.values():
            used |= {(member.node, port): f"segments.{segment.name}" for port in member.ports}
    for name, raw in raw_servers.items():
        attached = raw.get("attached") or {}
        path: Path = ("nodes", name, "attached")
        found = known.get(attached.get("segment", ""))
        if found is None:
            if "segment" in attached and not problems.touches(("segments",)):
                problems.add(
                    "attached_unknown_segment",
                    (*path, "segment"),
                    segment=attached["segment"],
                    known=", ".join(known) or "none",
                )
            continue
        server = Server(
            name=name,
            segment=found.name,
            legs=tuple(_legs(attached, path, found, used, problems)),
            addresses=tuple(addressing.interface_address(a) for a in attached.get("addresses") or [] if a),
            mode=attached.get("mode", "move"),
            shared_mac=attached.get("shared_mac", False),
            managed=raw.get("managed", True),
            release=raw.get("release", "trixie"),
            site=raw.get("site"),
            rack=raw.get("rack"),
        )
        servers[name] = server
        known[found.name] = _with_ports(found, server)
    _check_addresses(servers, known, problems)
    return servers, tuple(known.values())


def _legs(
    attached: dict[str, Any],
    path: Path,
    segment: Segment,
    used: dict[tuple[str, str], str],
    problems: Problems,
) -> list[Leg]:
    legs = []
    for interface, text in (attached.get("legs") or {}).items():
        node, port = text.split(":", 1)
        here: Path = (*path, "legs", interface)
        if node not in segment.members:
            if not problems.touches(("segments", segment.name)) and not problems.touches(("nodes", node)):
                members = ", ".join(segment.members) or "none"
                problems.add("attached_not_member", here, node=node, segment=segment.name, known=members)
            continue
        owner = used.setdefault((node, port), format_path(here))
        if owner != format_path(here):
            problems.add("segment_port_taken", here, port=port, node=node, other=owner)
        legs.append(Leg(interface, node, port))
    return legs


def _with_ports(segment: Segment, server: Server) -> Segment:
    members = dict(segment.members)
    for leg in server.legs:
        member: Member = members[leg.node]
        if leg.port not in member.ports:
            members[leg.node] = replace(member, ports=(*member.ports, leg.port))
    return replace(segment, members=members)


def _check_addresses(servers: dict[str, Server], segments: dict[str, Segment], problems: Problems) -> None:
    """Also where there are no servers: the addresses of gateways and members."""
    for segment in segments.values():
        book = read_addresses(segment, problems)
        for server in servers.values():
            if server.segment == segment.name:
                for address in server.addresses:
                    book.add(address, ("nodes", server.name, "attached", "addresses"), server.name, problems)
