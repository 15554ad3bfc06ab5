# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""BGP peers outside of the fabric."""

from __future__ import annotations

from typing import Any

from . import addressing
from .errors import Path, Problems, format_path
from .model import Fabric, Link, Node, Upstream

_NAMES = {"ipv4": "IPv4", "ipv6": "IPv6"}


def read_upstreams(
    raw_upstreams: dict[str, Any], fabric: Fabric, links: tuple[Link, ...], problems: Problems
) -> tuple[Upstream, ...]:
    """The upstreams in the order of the file, checked."""
    upstreams: list[Upstream] = []
    for name, raw in raw_upstreams.items():
        path: Path = ("upstreams", name)
        if raw is None or not {"node", "interface", "remote_as"} <= raw.keys():
            continue
        node = fabric.nodes.get(raw["node"])
        if node is None:
            if not problems.touches(("nodes", raw["node"])):
                problems.add(
                    "upstream_unknown_node", (*path, "node"), node=raw["node"], known=", ".join(sorted(fabric.nodes))
                )
            continue
        upstream = Upstream(
            name=name,
            node=raw["node"],
            interface=raw["interface"],
            addresses=tuple(addressing.interface_address(a) for a in raw.get("addresses") or [] if a),
            neighbor=addressing.address(raw["neighbor"]) if raw.get("neighbor") else None,
            remote_as=raw["remote_as"],
            accept=read_rules(raw.get("accept") or [], (*path, "accept"), problems),
            announce=read_rules(raw.get("announce") or [], (*path, "announce"), problems),
            multihop=raw.get("multihop"),
            bfd=raw.get("bfd", False),
            password=(raw.get("password") or {}).get("secret"),
            in_twin=bool(raw.get("addresses") and raw.get("neighbor")),
        )
        _check(upstream, node, links, upstreams, problems)
        upstreams.append(upstream)
    return tuple(upstreams)


def read_rules(raw: list[str | None], path: Path, problems: Problems) -> tuple[addressing.PrefixRule, ...]:
    """Prefixes with ge and le, whose bounds the schema cannot check."""
    rules = []
    for index, text in enumerate(raw):
        if not text:
            continue
        rule = addressing.prefix_rule(text)
        if addressing.rule_in_bounds(rule):
            rules.append(rule)
        else:
            maximum = addressing.LENGTH[rule.family]
            problems.add("prefix_bounds", (*path, index), value=f"'{text}'", length=rule.length, maximum=maximum)
    return tuple(rules)


def _check(upstream: Upstream, node: Node, links: tuple[Link, ...], others: list[Upstream], problems: Problems) -> None:
    path: Path = ("upstreams", upstream.name)
    if not node.managed:
        problems.add("upstream_unmanaged", (*path, "node"), node=node.name)
    if upstream.remote_as == node.asn:
        problems.add("upstream_own_as", (*path, "remote_as"), asn=node.asn, node=node.name)
    for link in links:
        for end in (link.a, link.b):
            if (end.node, end.interface) == (upstream.node, upstream.interface):
                problems.add(
                    "interface_used_twice",
                    (*path, "interface"),
                    interface=upstream.interface,
                    node=node.name,
                    other=format_path(link.path),
                )
    neighbor = upstream.neighbor
    if neighbor is None:
        if upstream.multihop and not problems.touches((*path, "neighbor")):
            problems.add("upstream_multihop_unnumbered", (*path, "multihop"))
        return
    if addressing.contains("fe80::/10", neighbor):
        problems.add("upstream_neighbor_scope", (*path, "neighbor"), neighbor=neighbor)
    own = {a.partition("/")[0] for a in upstream.addresses} | set(node.loopbacks.values())
    if neighbor in own:
        problems.add("upstream_neighbor_own", (*path, "neighbor"), neighbor=neighbor, node=node.name)
    for other in others:
        if other.node == upstream.node and other.neighbor == neighbor:
            problems.add(
                "upstream_neighbor_duplicate", (*path, "neighbor"), node=node.name, neighbor=neighbor, other=other.name
            )
    family = addressing.family_of(neighbor)
    for key, rules in (("accept", upstream.accept), ("announce", upstream.announce)):
        for index, rule in enumerate(rules):
            if rule.family != family:
                problems.add(
                    "upstream_family", (*path, key, index), prefix=rule.prefix, family=_NAMES[family], neighbor=neighbor
                )
