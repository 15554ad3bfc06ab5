# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model of the kernel needs to follow our commands, and how to make any wanted and any present state."""

from __future__ import annotations

from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._host_route._difference import Change
from ansible_collections.routed.fabric.plugins.module_utils._host_route._options import Wanted, wanted_of
from ansible_collections.routed.fabric.plugins.module_utils._host_route._state import Hop, Route, Rule, State
from hypothesis import strategies as st

OURS = 211


def options(**changes: Any) -> dict[str, Any]:
    """The module's options with their defaults."""
    return {
        "routes": [],
        "proxy": None,
        "allowed_prefixes": None,
        "protocol": OURS,
        "table": 101,
        "rule_priority": 1001,
        "metric": 11,
        **changes,
    }


def wanted(**changes: Any) -> Wanted:
    return wanted_of(options(**changes))


def empty() -> State:
    return State({}, {}, {}, {}, {}, {}, {})


class Kernel:
    """Takes commands as the real one does; what it would refuse raises AssertionError."""

    def __init__(self, state: State) -> None:
        self.state = State(*(dict(part) for part in state))

    def take(self, command: str, family: str) -> None:
        words = command.split()
        getattr(self, f"_{words[0]}")(words[1], words[2:], family)

    def run(self, changes: list[Change]) -> None:
        for change in changes:
            self.take(change.command, change.family)

    def undo(self, changes: list[Change]) -> None:
        for change in reversed(changes):
            for command in change.inverse:
                self.take(command, change.family)

    def _route(self, verb: str, words: list[str], _family: str) -> None:
        kind = words.pop(0) if words[0] in ("unreachable", "blackhole") else "unicast"
        destination, rest = words[0], words[1:]
        values, hop = {"dev": "", "via": "", "src": "", "onlink": ""}, kind == "unicast" and verb != "del"
        while rest:
            name = rest.pop(0)
            if name == "onlink":
                values[name] = "yes"
                continue
            if name == "via" and rest[0] == "inet6":
                rest.pop(0)
            values[name] = rest.pop(0)
        assert int(values["proto"]) == OURS
        hops = (Hop(values["dev"], values["via"], bool(values["onlink"])),) if hop else ()
        route = Route(destination, int(values["table"]), int(values["metric"]), kind, hops, values["src"])
        assert verb == "replace" or (route.key in self.state.routes) == (verb == "del")
        if verb == "del":
            del self.state.routes[route.key]
        else:
            self.state.routes[route.key] = route

    def _neigh(self, verb: str, words: list[str], _family: str) -> None:
        state = self.state
        proxy = words[0] == "proxy"
        words = words[1:] if proxy else words
        values = {"protocol": "0", **dict(zip(words[1::2], words[2::2]))}
        key, mark = (words[0], values["dev"]), int(values["protocol"])
        mine: dict[Any, Any] = state.proxies if proxy else state.neighbours
        others: dict[Any, Any] = state.other_proxies if proxy else state.other_neighbours
        if verb == "del":
            assert key in mine or key in others
            mine.pop(key, None)
            others.pop(key, None)
            return
        # An entry keeps its protocol number until another one is given.
        mark = mark or (OURS if key in mine else 0)
        value = None if proxy else values["lladdr"]
        mine.pop(key, None)
        others.pop(key, None)
        if mark == OURS:
            mine[key] = value
        else:
            others[key] = mark if proxy else (value, mark)

    def _rule(self, verb: str, words: list[str], family: str) -> None:
        assert words[0::2] == ["pref", "lookup", "protocol"]
        rule = Rule(family, int(words[1]), int(words[3]))
        assert (rule in self.state.rules) == (verb == "del")
        if verb == "del":
            del self.state.rules[rule]
        else:
            self.state.rules[rule] = None


DEVICES = ("br0", "up0")
ADDRESSES = ("203.0.113.9", "203.0.113.10", "2001:db8::9", "2001:db8::a")
MACS = ("52:54:00:00:00:01", "52:54:00:00:00:02")


@st.composite
def route_options(draw: st.DrawFn) -> dict[str, Any]:
    address = draw(st.sampled_from((*ADDRESSES, "203.0.113.0/28", "2001:db8:1::/64")))
    item: dict[str, Any] = {"address": address, "metric": draw(st.sampled_from((None, 0, 10)))}
    if draw(st.booleans()) and "/" in address:
        return {**item, "type": draw(st.sampled_from(("unreachable", "blackhole")))}
    item["interface"] = draw(st.sampled_from(DEVICES))
    if draw(st.booleans()):
        item.update(via=draw(st.sampled_from(("fe80::3", "2001:db8::1"))), onlink=draw(st.booleans()))
    if draw(st.booleans()):
        item["source"] = "2001:db8::1" if ":" in address else "192.0.2.1"
    return item


@st.composite
def any_wanted(draw: st.DrawFn) -> Wanted:
    routes = {(item["address"], item["metric"] or 0): item for item in draw(st.lists(route_options(), max_size=5))}
    lladdrs = {
        key: draw(st.sampled_from((None, *MACS))) for key in [(a, d) for a in (*ADDRESSES, "fe80::3") for d in DEVICES]
    }
    for item in routes.values():
        key = (item.get("via") or item["address"], item.get("interface"))
        if lladdrs.get(key):
            item["lladdr"] = lladdrs[key]
    entries = draw(st.lists(st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(DEVICES)), unique=True, max_size=3))
    return wanted(
        routes=list(routes.values()),
        proxy={"entries": [{"address": address, "interface": device} for address, device in entries]},
        table=draw(st.sampled_from((101, 254))),
    )


@st.composite
def any_state(draw: st.DrawFn) -> State:
    """What some earlier run may have left, with entries of others beside and under it."""
    from ansible_collections.routed.fabric.plugins.module_utils._host_route._difference import target_of

    former = target_of(draw(any_wanted()), empty(), present=True, purge=True)
    keys = [(address, device) for address in ADDRESSES for device in DEVICES]
    for key in draw(st.lists(st.sampled_from(keys), max_size=3)):
        if key not in former.neighbours:
            former.other_neighbours[key] = (draw(st.sampled_from(MACS)), draw(st.sampled_from((0, 212))))
    for key in draw(st.lists(st.sampled_from(keys), max_size=3)):
        if key not in former.proxies:
            former.other_proxies[key] = draw(st.sampled_from((0, 212)))
    if draw(st.booleans()) and not former.rules:
        former.other_rules[Rule("inet", 1001, 101)] = None
    return former
