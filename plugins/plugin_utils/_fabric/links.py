# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links: uplinks and the entries of `links` become one list, with both ends named and their addresses settled."""

from __future__ import annotations

from typing import Any

from . import addressing
from .errors import Path, Problems, format_path
from .model import End, Fabric, Link, LinkKind
from .plan.twin import twin_interface

_LENGTHS = {"ipv4": "/30 or /31", "ipv6": "/64, /126 or /127"}
_NAMES = {"ipv4": "IPv4", "ipv6": "IPv6"}


def read_links(data: dict[str, Any], fabric: Fabric, problems: Problems) -> tuple[Link, ...]:
    """All links in the order of the file. Ends at unknown nodes are reported, and the link left out."""
    links: list[Link] = []
    for name, raw in (data.get("nodes") or {}).items():
        for interface, far_end in ((raw or {}).get("uplinks") or {}).items():
            path: Path = ("nodes", name, "uplinks", interface)
            far = _end(far_end)
            if _ends_exist(fabric, [(far, path)], problems):
                links.append(Link(End(name, interface), far, "unnumbered", fabric.underlay.mtu, path))
    for index, raw in enumerate(data.get("links") or []):
        if not raw or "a" not in raw or "b" not in raw:
            continue
        path = ("links", index)
        a, b = _end(raw["a"]), _end(raw["b"])
        if not _ends_exist(fabric, [(a, (*path, "a")), (b, (*path, "b"))], problems):
            continue
        kind, addresses = _addresses(raw, path, problems)
        links.append(
            Link(
                End(a.node, a.interface, {f: ends[0] for f, ends in addresses.items()}),
                End(b.node, b.interface, {f: ends[1] for f, ends in addresses.items()}),
                kind,
                raw.get("mtu", fabric.underlay.mtu),
                path,
            )
        )
    for link in links:
        if link.a.node == link.b.node:
            problems.add("link_to_itself", link.path, node=link.a.node)
        _check_families(link, fabric, problems)
    _check_interfaces(links, fabric, problems)
    _check_addresses(links, fabric, problems)
    return tuple(links)


def _end(text: str) -> End:
    node, interface = text.split(":", 1)
    return End(node, interface)


def _ends_exist(fabric: Fabric, ends: list[tuple[End, Path]], problems: Problems) -> bool:
    complete = True
    for end, path in ends:
        if end.node not in fabric.nodes:
            complete = False
            if not problems.touches(("nodes", end.node)) and not problems.at(path):
                problems.add("link_unknown_node", path, node=end.node, known=", ".join(sorted(fabric.nodes)))
    return complete


def _addresses(raw: dict[str, Any], path: Path, problems: Problems) -> tuple[LinkKind, dict[str, tuple[str, str]]]:
    kind: LinkKind = "unnumbered"
    found: dict[str, tuple[str, str]] = {}
    for family in addressing.FAMILIES:
        value = raw.get(family)
        here = (*path, family)
        if value is None or (isinstance(value, dict) and ("a" not in value or "b" not in value)):
            continue
        if isinstance(value, str):
            prefix = addressing.prefix(value)
            ends = addressing.link_ends(prefix)
            if ends is None:
                problems.add("link_prefix_length", here, prefix=prefix, lengths=_LENGTHS[family])
                continue
            kind, found[family] = "numbered", ends
            continue
        a, b = (addressing.interface_address(value[end]) for end in ("a", "b"))
        if a.partition("/")[0] == b.partition("/")[0]:
            problems.add("link_same_address", here, address=a)
        elif ("/" in a) != ("/" in b):
            problems.add("link_mixed_lengths", here, a=a, b=b)
        elif "/" in a and not addressing.same_network(a, b):
            problems.add("link_two_networks", here, a=a, b=b)
        else:
            kind, found[family] = ("numbered" if "/" in a else "peer"), (a, b)
    return kind, found


def _check_families(link: Link, fabric: Fabric, problems: Problems) -> None:
    if problems.touches(link.path) or problems.touches(("pools",)):
        return
    if link.families == ("ipv4",) and "ipv6" in fabric.families:
        problems.add("link_family", link.path)
    for family in link.families:
        # IPv4 routes over IPv6 next hops are fine (RFC 8950); the other way round there is nothing to carry
        if family == "ipv4" and "ipv4" not in fabric.families:
            problems.add("link_family_unused", link.path, family=_NAMES[family], key=family)


def _check_interfaces(links: list[Link], fabric: Fabric, problems: Problems) -> None:
    used: dict[tuple[str, str], Path] = {}
    in_twin: dict[tuple[str, str], str] = {}
    for link in links:
        for end in (link.a, link.b):
            node = fabric.nodes[end.node]
            key = (end.node, end.interface)
            if key in used:
                other = format_path(used[key])
                problems.add("interface_used_twice", link.path, interface=end.interface, node=end.node, other=other)
                continue
            used[key] = link.path
            other_name = in_twin.setdefault((end.node, twin_interface(end.interface)), end.interface)
            if other_name != end.interface:
                problems.add(
                    "interface_twin_clash", link.path, interface=end.interface, other=other_name, node=end.node
                )
            linux = node.managed and node.platform in ("frr", "debian")
            if linux and ("/" in end.interface or len(end.interface) > 15):
                problems.add("interface_name", link.path, interface=end.interface, node=end.node)
            if end.interface == fabric.underlay.loopback_interface:
                problems.add("interface_loopback", link.path, interface=end.interface, node=end.node)


def _check_addresses(links: list[Link], fabric: Fabric, problems: Problems) -> None:
    """No address twice; a point-to-point address may be its node's loopback, and stand on several links of the node."""
    taken: dict[str, tuple[str, str, bool]] = {}
    for node in fabric.nodes.values():
        for address in node.loopbacks.values():
            taken.setdefault(address, (node.name, f"nodes.{node.name} (loopback)", True))
    for link in links:
        for end in (link.a, link.b):
            for text in end.addresses.values():
                host = text.partition("/")[0]
                node_name, where, shared = taken.setdefault(
                    host, (end.node, format_path(link.path), link.kind == "peer")
                )
                if where == format_path(link.path) and node_name == end.node:
                    continue
                if node_name != end.node or not (shared and link.kind == "peer"):
                    problems.add("address_taken", link.path, address=host, other=where)
