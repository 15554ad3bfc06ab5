# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One spelling for every line, and no line that only says the default. Private to this collection.

Contracts: applying ``canonical`` twice equals applying it once; a line that it does not know passes through, in its
place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ansible_collections.routed.fabric.plugins.module_utils._frr._bgp import (
    INSTANCE,
    INSTANCE_ROWS,
    INTERFACE,
    LISTEN_RANGE,
    NEIGHBOR,
    automatic_route_target,
)
from ansible_collections.routed.fabric.plugins.module_utils._frr._defaults import NEWER, hidden
from ansible_collections.routed.fabric.plugins.module_utils._frr._family_neighbor_rows import FAMILY_NEIGHBOR_ROWS
from ansible_collections.routed.fabric.plugins.module_utils._frr._family_rows import (
    EVPN_ROWS,
    FAMILY_ROWS,
    ROUTE_TARGET,
    VNI_ROWS,
    decode_advertise,
    decode_aggregate,
    decode_network,
    decode_redistribute,
    encode_advertise,
    encode_aggregate,
    encode_network,
    encode_redistribute,
)
from ansible_collections.routed.fabric.plugins.module_utils._frr._lists import AS_PATH_LIST, COMMUNITY_LIST
from ansible_collections.routed.fabric.plugins.module_utils._frr._neighbor_rows import NEIGHBOR_ROWS, REMOTE_AS
from ansible_collections.routed.fabric.plugins.module_utils._frr._route_maps import ENTRY_ROWS, MATCH_ROWS, SET_ROWS
from ansible_collections.routed.fabric.plugins.module_utils._frr._rows import (
    MISSING,
    Clause,
    Row,
    join_no,
    split_no,
)
from ansible_collections.routed.fabric.plugins.module_utils._frr._words import (
    Line,
    address,
    prefix,
    sorted_communities,
    sorted_large_communities,
)
from ansible_collections.routed.fabric.plugins.module_utils._frr._zebra import BFD_ROWS, ND_ROWS

FORWARDING = re.compile(r"(no )?(ip|ipv6) forwarding")
SEQUENCED = re.compile(
    r"((?:ip|ipv6) prefix-list \S+|bgp as-path access-list \S+|bgp (?:large-)?community-list (?:standard|expanded) \S+)"
    r"(?: seq (\d+))? ((?:permit|deny)\b.*)"
)
PREFIX_ENTRY = re.compile(r"((?:ip|ipv6) prefix-list \S+ seq \d+ (?:permit|deny)) (\S+)(.*)")
STATIC = re.compile(r"(ip|ipv6) route (\S+) (.+)")
EVPN_ROUTE_TYPES = {"1": "ead", "2": "macip", "3": "multicast", "4": "es", "5": "prefix"}
MEMBER = re.compile(r"(?:^|interface (?:v6only )?)peer-group (\S+)$")
# Blocks that FRR does not print when nothing stands in them.
EMPTY_IS_NOTHING = re.compile(r"address-family .+|interface \S+|bfd")


def canonical(lines: Iterable[Line], version: tuple[int, int], profile: str) -> list[Line]:
    """The lines as FRR of that version and profile prints them."""
    numbered = _numbered(lines)
    blocks = _Blocks(numbered)
    result: list[Line] = []
    for context, line in numbered:
        for spelled in _spell(context, line, version, profile, blocks):
            result.append((context, spelled))
    result = _without_repeats(result)
    result = _joined_send_community(result)
    result = _without_default_activation(result)
    result = _without_group_copies(result, version)
    result = _without_automatic_route_targets(_without_implied_med(result))
    return _without_empty_blocks(result)


class _Blocks:
    """Which names are peer groups and which are unnumbered neighbors, per instance."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.unnumbered: set[tuple[str, str]] = set()
        for context, line in lines:
            if len(context) == 1 and (match := NEIGHBOR.fullmatch(line)) and INTERFACE.fullmatch(match[3]):
                self.unnumbered.add((context[0], match[2]))


def _numbered(lines: Iterable[Line]) -> list[Line]:
    """Entries without ``seq`` get the next multiple of 5, as FRR numbers them."""
    last: dict[str, int] = {}
    result: list[Line] = []
    for context, line in lines:
        text = line
        match = None if context else SEQUENCED.fullmatch(line.strip())
        if match:
            head = match[1]
            sequence = int(match[2]) if match[2] else last.get(head, 0) // 5 * 5 + 5
            last[head] = max(last.get(head, 0), sequence)
            text = f"{head} seq {sequence} {match[3]}"
        result.append((context, text))
    return result


def _spell(context: tuple[str, ...], line: str, version: tuple[int, int], profile: str, blocks: _Blocks) -> list[str]:
    """The line in FRR's spelling; no line for a default, more than one where FRR prints more than one."""
    if not context:
        return _spell_top(line)
    if context[0].startswith("route-map ") and len(context) == 1:
        return [_evpn_type(text) for text in _respell((*ENTRY_ROWS, *MATCH_ROWS, *SET_ROWS), line)]
    if context[0].startswith("vrf "):
        return _spell_static(line)
    if context[0].startswith("interface "):
        return _shown(_respell(ND_ROWS, line), "interface", version, profile)
    if context[0] == "bfd" and len(context) == 2:
        return _shown(_respell(BFD_ROWS, line), "bfd_profile", version, profile)
    if not INSTANCE.fullmatch(context[0]):
        return [line]
    if neighbor := NEIGHBOR.fullmatch(line):
        return _spell_neighbor(
            context, (bool(neighbor[1]), address(neighbor[2]), neighbor[3]), version, profile, blocks
        )
    if len(context) == 1:
        if match := LISTEN_RANGE.fullmatch(line):
            return [f"bgp listen range {prefix(match[1])} peer-group {match[2]}"]
        return _shown(_respell(INSTANCE_ROWS, line), "instance", version, profile)
    if len(context) == 3:
        return _shown(_respell(VNI_ROWS, line), "vni", version, profile)
    return _spell_family(context, line, version, profile)


def _spell_top(line: str) -> list[str]:
    if FORWARDING.fullmatch(line):
        return []  # follows the sysctl, which belongs to sysctl.d
    if match := PREFIX_ENTRY.fullmatch(line):
        return [f"{match[1]} {prefix(match[2])}{match[3]}"]
    if match := COMMUNITY_LIST.fullmatch(line):
        if match[2] == "expanded" or not match[6]:
            return [line]
        arrange = sorted_large_communities if match[1] == "large-community" else sorted_communities
        return [line[: len(line) - len(match[6])] + " ".join(arrange(match[6].split()))]
    if AS_PATH_LIST.fullmatch(line):
        return [line.rstrip()]
    if STATIC.fullmatch(line):
        return _spell_static(line)
    if match := re.fullmatch(r"(ip|ipv6) router-id (\S+)", line):
        return [f"{match[1]} router-id {address(match[2])}"]
    return [line]


def _spell_static(line: str) -> list[str]:
    """Order: where to, tag, distance, table. Distance 1 is the default."""
    match = STATIC.fullmatch(line)
    if not match:
        return [line]
    where: list[str] = []
    options: dict[str, str] = {}
    rest = iter(match[3].split())
    for item in rest:
        if item in ("tag", "table"):
            options[item] = f"{item} {next(rest, '')}"
        elif item.isdigit() and where:
            options["distance"] = "" if item == "1" else item
        elif item in ("label", "segments", "nexthop-vrf", "color", "vrf", "onlink", "bfd"):
            return [line]  # not ours
        else:
            where.append(address(item))
    tail = [options[key] for key in ("tag", "distance", "table") if options.get(key)]
    return [" ".join([match[1], "route", prefix(match[2]), *where, *tail])]


def _spell_neighbor(
    context: tuple[str, ...], clause: tuple[bool, str, str], version: tuple[int, int], profile: str, blocks: _Blocks
) -> list[str]:
    negated, name, words = clause
    if len(context) == 1:
        scopes = ["neighbor"]
        spelled = _respell_words((REMOTE_AS, *NEIGHBOR_ROWS), negated, words)
        # 9.1 and later print 255 hops, the command's default, as the bare word
        bare, full = (False, "ebgp-multihop"), (False, "ebgp-multihop 255")
        wanted = full if version < NEWER else bare
        spelled = [wanted if one in (bare, full) else one for one in spelled]
        if (context[0], name) in blocks.unnumbered:
            scopes.append("interface_neighbor")
    else:
        scopes = ["family_neighbor"]
        spelled = _respell_words(FAMILY_NEIGHBOR_ROWS, negated, words)
        if context[1].startswith("address-family l2vpn"):
            scopes.append("evpn_neighbor")
    dropped = frozenset().union(*(hidden(scope, version, profile) for scope in scopes))
    return [join_no(no, f"neighbor {name} {text}") for no, text in spelled if join_no(no, text) not in dropped]


def _spell_family(context: tuple[str, ...], line: str, version: tuple[int, int], profile: str) -> list[str]:
    for decode, encode in (
        (decode_network, encode_network),
        (decode_aggregate, encode_aggregate),
        (decode_redistribute, encode_redistribute),
        (decode_advertise, encode_advertise),
    ):
        item = decode(line)
        if item is not None:
            return [encode(item)]
    if context[1].startswith("address-family l2vpn"):
        return _shown(_respell(EVPN_ROWS, line), "evpn", version, profile)
    return _respell(FAMILY_ROWS, line)


def _respell_words(rows: Sequence[Row], negated: bool, words: str) -> list[Clause]:
    """Read with the table and written again: every spelling becomes FRR's."""
    for row in rows:
        value = row.decode(negated, words, None)
        if value is not MISSING:
            return row.encode(value)
    return [(negated, words)]


def _respell(rows: Sequence[Row], line: str) -> list[str]:
    return [join_no(*clause) for clause in _respell_words(rows, *split_no(line))]


def _shown(lines: list[str], scope: str, version: tuple[int, int], profile: str) -> list[str]:
    dropped = hidden(scope, version, profile)
    return [line for line in lines if line not in dropped]


def _evpn_type(line: str) -> str:
    head, dummy, kind = line.rpartition(" ")
    return f"{head} {EVPN_ROUTE_TYPES.get(kind, kind)}" if head == "match evpn route-type" else line


def _without_repeats(lines: list[Line]) -> list[Line]:
    """Each line of a block once. Lines that we do not know may legally repeat only if they are equal in effect."""
    return list(dict.fromkeys(lines))


def _joined_send_community(lines: list[Line]) -> list[Line]:
    """Nothing sent at all is one line, ``send-community all``, in FRR's output."""
    kinds = ("send-community", "send-community extended", "send-community large")
    present = set(lines)
    result: list[Line] = []
    for context, line in lines:
        match = NEIGHBOR.fullmatch(line) if len(context) == 2 else None
        if match and match[1] and match[3] in (*kinds, "send-community all"):
            head = f"no neighbor {match[2]} "
            if (context, f"{head}send-community all") in present or all(
                (context, head + kind) in present for kind in kinds
            ):
                line = f"{head}send-community all"  # noqa: PLW2901
        result.append((context, line))
    return _without_repeats(result)


def _without_default_activation(lines: list[Line]) -> list[Line]:
    """``activate`` is shown where it differs from the peer group's, or without one from the instance's default.

    The default is active for IPv4 unicast, unless the instance says ``no bgp default ipv4-unicast``.
    """
    off = {context[0] for context, line in lines if len(context) == 1 and line == "no bgp default ipv4-unicast"}
    member_of: dict[tuple[str, str], str] = {}
    said: dict[tuple[tuple[str, ...], str], bool] = {}
    for context, line in lines:
        match = NEIGHBOR.fullmatch(line) if context else None
        if match and len(context) == 1:
            if group := MEMBER.search(match[3]):
                member_of[(context[0], match[2])] = group[1]
        elif match and len(context) == 2 and match[3] == "activate":
            said[(context, match[2])] = not match[1]

    def usual(context: tuple[str, ...], name: str) -> bool:
        default = context[1] == "address-family ipv4 unicast" and context[0] not in off
        group = member_of.get((context[0], name))
        return default if group is None else said.get((context, group), default)

    result: list[Line] = []
    for context, line in lines:
        match = NEIGHBOR.fullmatch(line) if len(context) == 2 else None
        if match and match[3] == "activate" and usual(context, match[2]) == (not match[1]):
            continue
        result.append((context, line))
    return result


# A member's line that FRR does not print when the peer group has the same one.
COPIES = {
    1: re.compile(r"ebgp-multihop.*|ttl-security.*"),
    2: re.compile(r"route-map \S+ (in|out)|addpath-tx-.*"),
}


# FRR 10.3 shows a group's mode with its members, too. For 8.4 a group's says nothing to them, so theirs must be said.
SHOWN_COPY = re.compile(r"graceful-restart(-disable|-helper)?")


def _without_group_copies(lines: list[Line], version: tuple[int, int]) -> list[Line]:
    """A member's line may be its group's: hidden by FRR, or shown though nobody wrote it."""
    member_of: dict[tuple[str, str], str] = {}
    for context, line in lines:
        match = NEIGHBOR.fullmatch(line) if len(context) == 1 else None
        if match and (group := MEMBER.search(match[3])):
            member_of[(context[0], match[2])] = group[1]
    present = set(lines)
    result: list[Line] = []
    for context, line in lines:
        match = NEIGHBOR.fullmatch(line) if len(context) in COPIES else None
        shown = match and len(context) == 1 and version >= NEWER and SHOWN_COPY.fullmatch(match[3])
        if match and not match[1] and (shown or COPIES[len(context)].fullmatch(match[3])):
            group_name = member_of.get((context[0], match[2]))
            if group_name and (context, f"neighbor {group_name} {match[3]}") in present:
                continue
        result.append((context, line))
    return result


def _without_automatic_route_targets(lines: list[Line]) -> list[Line]:
    """FRR ignores a VNI's route target that is the automatic one, unless there is another besides it."""
    ways: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for context, line in lines:
        match = ROUTE_TARGET.fullmatch(line) if len(context) == 3 else None
        if match:
            ways.setdefault((context, match[1]), []).append(match[2])
    alone = {
        (context, f"route-target {way} {targets[0]}")
        for (context, way), targets in ways.items()
        if targets == [automatic_route_target(context[0], context[2])]
    }
    return [line for line in lines if line not in alone]


def _without_implied_med(lines: list[Line]) -> list[Line]:
    """``addpath-tx-bestpath-per-AS`` switches ``bgp deterministic-med`` on and keeps it on."""
    implied = {
        context[0] for context, line in lines if len(context) == 2 and line.endswith(" addpath-tx-bestpath-per-AS")
    }
    return [
        (context, line)
        for context, line in lines
        if not (len(context) == 1 and context[0] in implied and line.endswith("bgp deterministic-med"))
    ]


def _without_empty_blocks(lines: list[Line]) -> list[Line]:
    """Address families, interfaces and ``bfd`` without a line in them are not printed."""
    filled: set[tuple[str, ...]] = set()
    for context, line in lines:
        head = (*context, line)
        if not EMPTY_IS_NOTHING.fullmatch(line):
            filled.update(head[:depth] for depth in range(1, len(head)))
    return [
        (context, line) for context, line in lines if not EMPTY_IS_NOTHING.fullmatch(line) or (*context, line) in filled
    ]
