# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prefix, AS-path and community lists: data <-> lines. Private to this collection.

Facts (FRR 8.4 and 10.3 print these alike):

- a line without ``seq`` gets the next multiple of 5; ``_canonical`` numbers such lines the same way;
- ``any`` and ``0.0.0.0/0 le 32`` are kept apart; ``ge`` and ``le`` are printed as they were given;
- community lists are sorted by value, AS-path and expanded lists keep their text.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._frr._words import (
    Line,
    afi_of,
    natural,
    prefix,
    sorted_communities,
    sorted_large_communities,
)

PREFIX_LIST = re.compile(r"(ip|ipv6) prefix-list (\S+) seq (\d+) (permit|deny) (\S+)(?: ge (\d+))?(?: le (\d+))?")
PREFIX_LIST_DESCRIPTION = re.compile(r"(ip|ipv6) prefix-list (\S+) description (.+)")
AS_PATH_LIST = re.compile(r"bgp as-path access-list (\S+) seq (\d+) (permit|deny) (.+)")
COMMUNITY_LIST = re.compile(
    r"bgp (community|large-community)-list (standard|expanded) (\S+) seq (\d+) (permit|deny)(?: (.+))?"
)

IP_OF_AFI = {"ipv4": "ip", "ipv6": "ipv6"}
AFI_OF_IP = {"ip": "ipv4", "ipv6": "ipv6"}


def render_prefix_lists(lists: list[dict[str, Any]]) -> list[Line]:
    lines: list[Line] = []
    for item in lists:
        head = f"{IP_OF_AFI[item['afi']]} prefix-list {item['name']}"
        if item.get("description"):
            lines.append(((), f"{head} description {item['description']}"))
        for entry in item.get("entries") or []:
            bounds = "".join(f" {bound} {entry[bound]}" for bound in ("ge", "le") if entry.get(bound) is not None)
            lines.append(((), f"{head} seq {entry['sequence']} {entry['action']} {prefix(entry['prefix'])}{bounds}"))
    return lines


def gather_prefix_lists(lines: list[Line]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}

    def named(ip: str, name: str) -> dict[str, Any]:
        return found.setdefault((ip, name), {"name": name, "afi": AFI_OF_IP[ip]})

    for context, line in lines:
        if context:
            continue
        if match := PREFIX_LIST_DESCRIPTION.fullmatch(line):
            named(match[1], match[2])["description"] = match[3]
        elif match := PREFIX_LIST.fullmatch(line):
            entry: dict[str, Any] = {"sequence": int(match[3]), "action": match[4], "prefix": match[5]}
            entry.update({bound: int(value) for bound, value in (("ge", match[6]), ("le", match[7])) if value})
            named(match[1], match[2]).setdefault("entries", []).append(entry)
    return [_in_sequence(found[key]) for key in sorted(found, key=lambda key: (key[0], natural(key[1])))]


def render_as_path_lists(lists: list[dict[str, Any]]) -> list[Line]:
    lines: list[Line] = []
    for item in lists:
        for entry in item.get("entries") or []:
            head = f"bgp as-path access-list {item['name']} seq {entry['sequence']}"
            lines.append(((), f"{head} {entry['action']} {entry['regex'].strip()}"))
    return lines


def gather_as_path_lists(lines: list[Line]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for context, line in lines:
        match = None if context else AS_PATH_LIST.fullmatch(line)
        if match:
            entry = {"sequence": int(match[2]), "action": match[3], "regex": match[4]}
            found.setdefault(match[1], {"name": match[1], "entries": []})["entries"].append(entry)
    return [_in_sequence(found[name]) for name in sorted(found, key=natural)]


def render_community_lists(lists: list[dict[str, Any]], large: bool) -> list[Line]:
    lines: list[Line] = []
    arrange = sorted_large_communities if large else sorted_communities
    for item in lists:
        kind = item.get("kind") or "standard"
        head = f"bgp {'large-' if large else ''}community-list {kind} {item['name']}"
        for entry in item.get("entries") or []:
            what = entry["regex"] if kind == "expanded" else " ".join(arrange(entry["communities"]))
            lines.append(((), f"{head} seq {entry['sequence']} {entry['action']} {what}"))
    return lines


def gather_community_lists(lines: list[Line], large: bool) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for context, line in lines:
        match = None if context else COMMUNITY_LIST.fullmatch(line)
        if not match or (match[1] == "large-community") != large or match[6] is None:
            continue
        what = {"regex": match[6]} if match[2] == "expanded" else {"communities": match[6].split()}
        entry = {"sequence": int(match[4]), "action": match[5], **what}
        found.setdefault(match[3], {"name": match[3], "kind": match[2], "entries": []})["entries"].append(entry)
    return [_in_sequence(found[name]) for name in sorted(found, key=natural)]


def family_of_prefix(text: str) -> str | None:
    """The family of a prefix-list entry's prefix; None for ``any``, which fits both."""
    return None if text == "any" else afi_of(text)


def _in_sequence(item: dict[str, Any]) -> dict[str, Any]:
    if "entries" in item:
        item["entries"].sort(key=lambda entry: entry["sequence"])
    return item
