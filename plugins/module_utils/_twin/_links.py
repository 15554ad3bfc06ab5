# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the links of a twin, veth pairs between the network namespaces of its nodes.

What is there, what is wanted and the difference are pure; `read` and `apply` are the transport (iproute2).

A node without power keeps its cables: its ends wait, down, in the twin's holding namespace, so that the other end stays
and sees a lost carrier, as with a real machine. They are moved back before the node's init runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ._names import TwinError, hold_interface_name, hold_netns_name, mac_address, netns_name
from ._podman import Podman

End = tuple[str, str]
"""(node, interface)"""

Place = tuple[str, str]
"""(network namespace, interface name in it)"""

Pair = frozenset[Place]
"""The two places of a veth pair."""

Links = Mapping[frozenset[End], int]
"""Wanted links with the MTU that they are made with."""


@dataclass(frozen=True)
class Changes:
    delete: list[Place] = field(default_factory=list)
    move: list[tuple[Place, Place]] = field(default_factory=list)
    create: list[tuple[End, Place, End, Place, int]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.delete or self.move or self.create)


def place(fabric: str, end: End, powered: Iterable[str]) -> Place:
    """Where an end belongs: with its node, or in the holding namespace when the node has no power."""
    node, interface = end
    if node in powered:
        return netns_name(fabric, node), interface
    return hold_netns_name(fabric), hold_interface_name(node, interface)


def pairs(
    dumps: Mapping[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]],
    hold: str = "",
) -> tuple[set[Pair], set[Place]]:
    """The veth pairs between the dumped namespaces, and the veth ends whose other end is in none of them.

    `dumps` maps a namespace to the results of `ip -j -d link` and `ip -j netns list-id` in it, taken in that order: the
    kernel gives a foreign namespace its number when it first shows a link that leads there. A pair whose two ends are
    in the same namespace belongs to the node and is not looked at, except in the holding namespace `hold`.
    """
    by_index: dict[tuple[str, int], str] = {}
    leads_to: dict[Place, tuple[str | None, int]] = {}
    for netns, (interfaces, numbers) in dumps.items():
        names = {entry["nsid"]: entry.get("name") for entry in numbers}
        for entry in interfaces:
            if entry.get("linkinfo", {}).get("info_kind") != "veth":
                continue
            by_index[netns, entry["ifindex"]] = entry["ifname"]
            if netns == hold and "link_netnsid" not in entry:
                leads_to[netns, entry["ifname"]] = (hold, entry.get("link_index", 0))
            elif "link_netnsid" in entry:
                leads_to[netns, entry["ifname"]] = (names.get(entry["link_netnsid"]), entry.get("link_index", 0))
    found: set[Pair] = set()
    strays: set[Place] = set()
    for here, (other_netns, other_index) in leads_to.items():
        other_name = by_index.get((other_netns, other_index)) if other_netns else None
        if other_netns is None or other_name is None:
            strays.add(here)
        else:
            found.add(frozenset((here, (other_netns, other_name))))
    return found, strays


def difference(fabric: str, found: set[Pair], strays: set[Place], wanted: Links, powered: Iterable[str]) -> Changes:
    """What to delete, to move between namespaces, and to create, in this order. Links that are right are not named."""
    powered = set(powered)
    nodes = {node for link in wanted for node, _interface in link}
    known: dict[Place, End] = {}
    for link in wanted:
        for end in link:
            known[place(fabric, end, nodes)] = end
            known[place(fabric, end, ())] = end
            # Half-way between the two, if a call was killed.
            known[netns_name(fabric, end[0]), hold_interface_name(*end)] = end
    changes = Changes()
    standing: set[frozenset[End]] = set()
    for pair in sorted(found, key=sorted):
        first, second = sorted(pair)
        ends = frozenset(known[where] for where in pair if where in known)
        if len(ends) < 2 or ends not in wanted or ends in standing:
            changes.delete.append(first)
            continue
        standing.add(ends)
        for where in (first, second):
            right = place(fabric, known[where], powered)
            if where != right:
                changes.move.append((where, right))
    changes.delete.extend(sorted(where for where in strays if where in known))
    for link in sorted(wanted, key=sorted):
        if link not in standing:
            a, b = sorted(link)
            changes.create.append((a, place(fabric, a, powered), b, place(fabric, b, powered), wanted[link]))
    return changes


def as_text(link: Iterable[End]) -> str:
    """`pve1:enp1 - tor1:swp1`, for results, diffs and messages."""
    return " - ".join(f"{node}:{interface}" for node, interface in sorted(link))


def existing_netns(podman: Podman, fabric_nodes: Iterable[str], fabric: str) -> set[str]:
    """Which of the twin's network namespaces are there."""
    listed = {entry["name"] for entry in json.loads(podman.beside("ip", "-j", "netns", "list") or "[]")}
    return listed & ({netns_name(fabric, node) for node in fabric_nodes} | {hold_netns_name(fabric)})


def _move(here: Place, there: Place, hold: str) -> list[list[str]]:
    """Between namespaces an end has the name that it holds with, which cannot clash with another's."""
    rename = ["link", "set", "dev", here[1], "name", there[1]]
    if here[0] == there[0]:
        return [["-n", here[0], *rename]]
    if here[0] == hold:
        return [["-n", hold, "link", "set", "dev", here[1], "netns", there[0]], ["-n", there[0], *rename]]
    return [
        ["-n", here[0], "link", "set", "dev", here[1], "down"],
        ["-n", here[0], *rename],
        ["-n", here[0], "link", "set", "dev", there[1], "netns", there[0]],
    ]


def read(podman: Podman, fabric: str, nodes: Iterable[str]) -> tuple[set[Pair], set[Place]]:
    """The pairs and stray ends of these nodes' network namespaces."""
    dumps = {}
    for netns in sorted(existing_netns(podman, nodes, fabric)):
        interfaces = json.loads(podman.beside("ip", "-n", netns, "-j", "-d", "link") or "[]")
        dumps[netns] = (interfaces, json.loads(podman.beside("ip", "-n", netns, "-j", "netns", "list-id") or "[]"))
    return pairs(dumps, hold_netns_name(fabric))


def apply(podman: Podman, fabric: str, changes: Changes) -> None:
    """Carry the changes out; what was done before a failure stays, and the next difference goes on from there."""
    for netns, interface in changes.delete:
        code, words = podman.try_beside("ip", "-n", netns, "link", "delete", interface)
        # Two strays can be each other's ends: the second goes with the first. So does what is in a dying namespace.
        if code != 0 and "Cannot find device" not in words:
            raise TwinError(f"`ip -n {netns} link delete {interface}` failed: {words.strip()}")
    for here, there in changes.move:
        for command in _move(here, there, hold_netns_name(fabric)):
            podman.beside("ip", *command)
    if changes.create:
        lines = []
        for a, (a_netns, a_name), b, (b_netns, b_name), mtu in changes.create:
            lines.append(
                f"link add {a_name} netns {a_netns} mtu {mtu} address {mac_address(fabric, *a)} type veth "
                f"peer name {b_name} netns {b_netns} mtu {mtu} address {mac_address(fabric, *b)}\n"
            )
        podman.beside("ip", "-batch", "-", stdin="".join(lines))
