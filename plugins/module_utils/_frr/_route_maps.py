# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Route maps: data <-> lines. Private to this collection.

``set community`` is sorted by value when FRR prints it, ``set large-community`` keeps the order it was given in.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._frr._rows import (
    MISSING,
    Row,
    check_rows,
    choice,
    decode_rows,
    encode_rows,
    number,
    split_no,
    text,
    value_of,
    word,
)
from ansible_collections.routed.fabric.plugins.module_utils._frr._words import (
    Line,
    address,
    natural,
    sorted_communities,
)

ROUTE_MAP = re.compile(r"route-map (\S+) (permit|deny) (\d+)")
METRICS = ("rtt", "+rtt", "-rtt")


def _list_reference(option: str, words: str) -> Row:
    """``match community NAME [exact-match]``."""

    def encode(value: Any) -> list[tuple[bool, str]]:
        return [(False, f"{words} {value['list']}{' exact-match' if value.get('exact') else ''}")]

    def decode(negated: bool, line: str, _so_far: Any) -> Any:
        match = re.fullmatch(rf"{words} (\S+)( exact-match)?", line)
        if negated or not match:
            return MISSING
        return {"list": match[1], "exact": True} if match[2] else {"list": match[1]}

    return Row(option, encode, decode, {"list": "NAME", "exact": True})


def _communities(option: str, words: str, arrange: Any) -> Row:
    """``set community A B [additive]``; no values: ``none``, which removes them all."""

    def encode(value: Any) -> list[tuple[bool, str]]:
        values = " ".join(arrange(value.get("values") or [])) or "none"
        return [(False, f"{words} {values}{' additive' if value.get('additive') else ''}")]

    def decode(negated: bool, line: str, _so_far: Any) -> Any:
        if negated or not line.startswith(words + " "):
            return MISSING
        values = line[len(words) + 1 :].split()
        result: dict[str, Any] = {}
        if values[-1] == "additive":
            result["additive"] = True
            values.pop()
        result["values"] = [] if values == ["none"] else values
        return result

    return Row(option, encode, decode, {"values": ["65000:1"], "additive": True})


def _addressed(option: str, words: str, sample: str = "2001:db8::1") -> Row:
    return value_of(option, words, address, sample, show=address)


def _as_numbers(line: str) -> list[int]:
    return [int(asn) for asn in line.split()]


def _metric(line: str) -> str:
    if not re.fullmatch(r"[+-]?\d+", line) and line not in METRICS:
        raise ValueError(line)
    return line


def _before(line: str, end: str) -> str:
    if not line.endswith(end):
        raise ValueError(line)
    return line[: -len(end)]


MATCH_ROWS = check_rows(
    [
        word("ip_prefix_list", "match ip address prefix-list"),
        word("ipv6_prefix_list", "match ipv6 address prefix-list"),
        word("ip_next_hop_prefix_list", "match ip next-hop prefix-list"),
        word("as_path", "match as-path"),
        _list_reference("community", "match community"),
        _list_reference("large_community", "match large-community"),
        word("interface", "match interface"),
        number("metric", "match metric"),
        number("tag", "match tag"),
        number("local_preference", "match local-preference"),
        value_of("peer", "match peer", address, "192.0.2.1", show=address),
        word("source_protocol", "match source-protocol"),
        word("evpn_route_type", "match evpn route-type"),
        number("evpn_vni", "match evpn vni"),
        choice("evpn_default_route", {True: [(False, "match evpn default-route")], False: []}),
    ]
)

SET_ROWS = check_rows(
    [
        value_of(
            "as_path_prepend",
            "set as-path prepend",
            _as_numbers,
            [65001, 65001],
            show=lambda asns: " ".join(str(asn) for asn in asns),
        ),
        number("as_path_prepend_last_as", "set as-path prepend last-as", 2),
        _communities("community", "set community", sorted_communities),
        _communities("large_community", "set large-community", list),
        value_of(
            "comm_list_delete", "set comm-list", lambda line: _before(line, " delete"), "NAME", lambda n: f"{n} delete"
        ),
        number("local_preference", "set local-preference"),
        value_of("metric", "set metric", _metric, "+5"),
        value_of("ip_next_hop", "set ip next-hop", address, "192.0.2.1", show=address),
        _addressed("ipv6_next_hop_global", "set ipv6 next-hop global"),
        choice("ipv6_next_hop_prefer_global", {True: [(False, "set ipv6 next-hop prefer-global")], False: []}),
        word("origin", "set origin", "igp"),
        _addressed("src", "set src"),
        number("tag", "set tag"),
        number("weight", "set weight"),
    ]
)

ENTRY_ROWS = check_rows(
    [
        text("description", "description"),
        word("call", "call"),
        value_of("on_match", "on-match", str, "goto 30"),
    ]
)


def render_route_maps(maps: list[dict[str, Any]]) -> list[Line]:
    lines: list[Line] = []
    for item in maps:
        for entry in item.get("entries") or []:
            head = f"route-map {item['name']} {entry['action']} {entry['sequence']}"
            lines.append(((), head))
            for rows, block in (
                (ENTRY_ROWS, entry),
                (MATCH_ROWS, entry.get("match") or {}),
                (SET_ROWS, entry.get("set") or {}),
            ):
                lines.extend(((head,), words) for dummy, words in encode_rows(rows, block))
    return lines


def gather_route_maps(lines: list[Line]) -> list[dict[str, Any]]:
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for context, line in lines:
        head = ROUTE_MAP.fullmatch(context[0] if context else line)
        if not head:
            continue
        entry = found.setdefault(head[1], {}).setdefault(
            int(head[3]), {"sequence": int(head[3]), "action": head[2], "match": {}, "set": {}}
        )
        if len(context) == 1:
            negated, words = split_no(line)
            for rows, block in ((ENTRY_ROWS, entry), (MATCH_ROWS, entry["match"]), (SET_ROWS, entry["set"])):
                if decode_rows(rows, block, negated, words):
                    break
    for entries in found.values():
        for entry in entries.values():
            for part in ("match", "set"):
                if not entry[part]:
                    del entry[part]
    return [
        {"name": name, "entries": [found[name][sequence] for sequence in sorted(found[name])]}
        for name in sorted(found, key=natural)
    ]
