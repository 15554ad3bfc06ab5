# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the lines that are there to the lines that shall be: the fewest commands, in an order that breaks nothing.

Private to the collection. Pure. The order:

1. what refers is not yet touched: lists, route maps, BFD profiles, nd settings, static routes are added and changed in
place;
2. BGP instances that go, instances that come, and inside each instance (`_instance.py`): peers that go, groups, peers,
families;
3. what nothing refers to any more goes, users before the used.

Nothing that stays equal is issued again: FRR resets sessions on some commands even when the value is the old one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ansible_collections.routed.fabric.plugins.module_utils._frr import _instance
from ansible_collections.routed.fabric.plugins.module_utils._frr._slots import (
    Place,
    first_word,
    place,
    rule_of,
    undo,
)
from ansible_collections.routed.fabric.plugins.module_utils._frr._tree import Context, Line

# Blocks that exist when something in them does: never created or removed for their own sake.
CONTAINERS = ("interface", "vrf", "bfd", "address-family")
_LISTS = ("prefix-list", "access-list", "community-list", "large-community-list", "extcommunity-list")


def difference(got: Sequence[Line], wanted: Sequence[Line], shown: Sequence[Line] = ()) -> list[Line]:
    """`shown`: what FRR prints, where that is more than `got`, its canonical form.

    Commands, each with the block it is given in, that turn `got` into `wanted`. Empty exactly when nothing is to do."""
    have = _by_place(line for line in got if not _is_container(line))
    want = _by_place(line for line in wanted if not _is_container(line))
    additions: list[tuple[int, Line]] = []
    removals: list[tuple[int, Line]] = []

    for where, line in want.items():
        if _in_instance(line):
            continue
        old = have.get(where)
        if old is None:
            additions.append((_rank(line), line))
        elif old[1] != line[1]:
            if _must_clear(old, line):
                additions.append((_rank(line) - 1, (line[0], undo(*old))))
            additions.append((_rank(line), line))
    for where, line in reversed(list(have.items())):
        if _in_instance(line) or where in want or _goes_with_its_block(line, want):
            continue
        rank = _rank(line) - (1 if _hides(line, want) else 0)
        removals.append((rank, (_new_context(line[0], want), undo(*line))))
    additions, removals = _avoid_equal_entries(have, want, additions, removals)
    first, additions, removals, last = _apart(got, wanted, additions, removals)

    # An entry that goes from a list that stays is a change of that list, not the removal of an object.
    staying = {_object(line) for line in want.values()}
    gone = [(rank, line) for rank, line in removals if _object(_taken_back(line)) not in staying]
    changed = [(rank, line) for rank, line in removals if _object(_taken_back(line)) in staying]
    early = _advertisements(
        [line for dummy, line in sorted(additions + changed, key=lambda entry: entry[0])], have, want
    )
    late = [line for dummy, line in sorted(gone, key=lambda entry: -entry[0])]
    return [*first, *early, *_instance.difference(_instances(got), _instances(wanted), shown), *late, *last]


def _advertisements(commands: list[Line], have: dict[Place, Line], want: dict[Place, Line]) -> list[Line]:
    """FRR refuses an interval of advertisements above their lifetime, and any if that is 0: lifetime away, and back."""
    result: list[Line] = []
    for line in commands:
        context, text = line
        lifetime = place((context, "ipv6 nd ra-lifetime 1")) if text.startswith("ipv6 nd ra-interval ") else None
        old = have.get(lifetime) if lifetime else None
        if old and float(text.split()[-1]) / (1000 if " msec " in text else 1) > (int(old[1].split()[-1]) or 0):
            result = [entry for entry in result if entry != (context, "no ipv6 nd ra-lifetime")]
            result += [(context, "no ipv6 nd ra-lifetime"), line]
            if lifetime in want:
                result.append(want[lifetime])
        elif line not in result:
            result.append(line)
    # The lifetime that is wanted comes after the interval.
    later = [line for line in result if line[1].startswith("ipv6 nd ra-lifetime ")]
    contexts = {line[0] for line in later}
    ordered: list[Line] = []
    for position, line in enumerate(result):
        if line in later:
            continue
        ordered.append(line)
        following = result[position + 1 :]
        if line[0] in contexts and not any(other[0] == line[0] and other not in later for other in following):
            ordered += [entry for entry in dict.fromkeys(later) if entry[0] == line[0]]
            contexts.discard(line[0])
    return ordered + [line for line in dict.fromkeys(later) if line[0] in contexts]


def batches(commands: Sequence[Line]) -> list[list[Line]]:
    """The commands in runs of vtysh.

    FRR 10.3 makes one transaction of a run: it reorders what `_apart` needs apart, and one static route that it refuses
    takes every list and route map of the run with it in zebra and mgmtd, but not in bgpd.
    """
    runs: list[list[Line]] = []
    kind = ""
    for line in commands:
        its_kind = "deadly" if line[1].endswith(_DEADLY) else "policy" if _rank(line) in (10, 20) else "rest"
        if not runs or its_kind != kind:
            runs.append([])
            kind = its_kind
        runs[-1].append(line)
    return runs


# bgpd 8.4 and 10.3 die (strcmp of NULL in route_map_notify_pentry_dependencies) when a prefix list changes that a
# route map
# matches, or matched before one of its entries was deleted, while any entry of that map has this match: it has no
# argument.
_DEADLY = "match evpn default-route"


def _apart(
    got: Sequence[Line], wanted: Sequence[Line], additions: list[tuple[int, Line]], removals: list[tuple[int, Line]]
) -> tuple[list[Line], list[tuple[int, Line]], list[tuple[int, Line]], list[Line]]:
    """Where prefix lists change: the deadly match goes first and comes back last, in runs of their own."""
    if not any(re.match(r"(no )?(ip|ipv6) prefix-list ", line[1]) for dummy, line in additions + removals):
        return [], additions, removals, []
    first = [(context, f"no {_DEADLY}") for context, text in got if text == _DEADLY]
    last = [line for line in wanted if line[1] == _DEADLY]
    return (
        first,
        [entry for entry in additions if entry[1][1] != _DEADLY],
        [entry for entry in removals if entry[1][1] != f"no {_DEADLY}"],
        last,
    )


def _by_place(lines: Iterable[Line]) -> dict[Place, Line]:
    return {place(line): line for line in lines}


def _instances(lines: Iterable[Line]) -> list[Line]:
    return [line for line in lines if _in_instance(line)]


def _in_instance(line: Line) -> bool:
    return (line[0][0] if line[0] else line[1]).startswith("router bgp ")


def _is_container(line: Line) -> bool:
    return first_word(line[1]) in CONTAINERS and rule_of(*line)[0] is None and not _in_instance(line)


def _must_clear(old: Line, new: Line) -> bool:
    slot, dummy = rule_of(*new)
    return bool(slot and slot.clear_first and not new[1].startswith("no "))


def _goes_with_its_block(line: Line, want: dict[Place, Line]) -> bool:
    """True for a line of a route map or BFD profile that goes whole."""
    context = line[0]
    if not context or first_word(context[-1]) not in ("route-map", "profile"):
        return False
    return place((context[:-1], context[-1])) not in want


_DISCARDS = {"Null0", "blackhole", "reject"}


def _hides(line: Line, want: dict[Place, Line]) -> bool:
    """FRR refuses a next hop beside a discard route of the same prefix, so the one must go before the other comes."""
    context, text = line
    words = text.split()
    if words[1:2] != ["route"]:
        return False
    return any(
        other_context == context
        and other.split()[:3] == words[:3]
        and (other.split()[3] in _DISCARDS) != (words[3] in _DISCARDS)
        for other_context, other in want.values()
    )


def _new_context(context: Context, want: dict[Place, Line]) -> Context:
    """The block as it is called after the change: a route map's entry carries its action in its header."""
    if len(context) == 1:
        return (want.get(place(((), context[0])), ((), context[0]))[1],)
    return context


_RANKS = {"route-map": 20, "bfd": 30, "interface": 40}


def _rank(line: Line) -> int:
    """Objects before those that refer to them; lower is created earlier and removed later."""
    head = line[0][0] if line[0] else line[1]
    words = (head[3:] if head.startswith("no ") else head).split()
    if any(word in _LISTS for word in words[1:2]):
        return 10
    if words[0] in _RANKS:
        return _RANKS[words[0]]
    return 50


def _object(line: Line) -> tuple[str, ...]:
    """The named object that a top-level line is a part of."""
    head = line[0][0] if line[0] else line[1]
    words = (head[3:] if head.startswith("no ") else head).split()
    if words[0] == "bgp" and len(words) > 3 and words[1] in ("community-list", "large-community-list"):
        return (words[1], words[3])
    if words[0] == "bgp" and len(words) > 3:
        return (words[1], words[2], words[3])
    if words[0] == "bfd":
        return ("bfd", line[0][1] if len(line[0]) > 1 else line[1])
    return tuple(words[:3]) if words[0] in ("ip", "ipv6") else tuple(words[:2])


def _taken_back(line: Line) -> Line:
    context, text = line
    return context, text[3:] if text.startswith("no ") else text


def _avoid_equal_entries(
    have: dict[Place, Line],
    want: dict[Place, Line],
    additions: list[tuple[int, Line]],
    removals: list[tuple[int, Line]],
) -> tuple[list[tuple[int, Line]], list[tuple[int, Line]]]:
    """Take an entry away first where another number of the same list is to get its content.

    FRR refuses two entries of equal content in a prefix list, and drops the second one silently in the other lists.
    """
    holders: dict[tuple[str, ...], Place] = {}
    for where, line in have.items():
        content = _content(line)
        if content:
            holders[content] = where
    freed: set[Place] = set()
    for where, line in want.items():
        content = _content(line)
        holder = holders.get(content) if content else None
        if holder is not None and holder != where and have.get(where) != line:
            freed.add(holder)
    if not freed:
        return additions, removals
    first = [(9, (have[where][0], undo(*have[where]))) for where in have if where in freed]
    undone = {line for dummy, line in first}
    return first + additions, [entry for entry in removals if entry[1] not in undone]


def _content(line: Line) -> tuple[str, ...]:
    """(object, what an entry of a list says) or nothing."""
    context, text = line
    if context or " seq " not in text or text.startswith("no "):
        return ()
    words = text.split()
    position = words.index("seq")
    content = words[position + 2 :]
    if words[1] == "as-path":
        content = content[1:]  # FRR finds an entry to delete by its expression alone, whatever its number and action
    return (*words[:position], "seq", *content)
