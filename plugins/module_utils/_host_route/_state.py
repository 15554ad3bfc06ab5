# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""Routes, neighbours, proxy entries and rules as plain data, and how `ip` prints and reads them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

MAIN_TABLE = 254
# rtnetlink's numbers (`ip -N`) and iproute2's words for the types that we write.
KINDS = {"1": "unicast", "6": "blackhole", "7": "unreachable", "8": "prohibit"}

RouteKey = tuple[int, str, int]  # table, destination, metric: what the kernel tells routes apart by
EntryKey = tuple[str, str]  # address, interface


class Hop(NamedTuple):
    dev: str = ""
    via: str = ""
    onlink: bool = False
    weight: int = 1


class Route(NamedTuple):
    destination: str  # always with its length: 203.0.113.1/32
    table: int
    metric: int
    kind: str = "unicast"
    hops: tuple[Hop, ...] = ()  # none unless unicast; several only where somebody else made them
    source: str = ""

    @property
    def key(self) -> RouteKey:
        return self.table, self.destination, self.metric


class Rule(NamedTuple):
    family: str  # inet, inet6
    priority: int
    table: int


class State(NamedTuple):
    """What is ours (by protocol number), and the others' entries that stand in the way. No entry is in both."""

    routes: dict[RouteKey, Route]
    neighbours: dict[EntryKey, str]  # → link-layer address; permanent ones
    proxies: dict[EntryKey, None]
    rules: dict[Rule, None]
    other_neighbours: dict[EntryKey, tuple[str, int]]  # permanent ones → link-layer address, protocol (0: none)
    other_proxies: dict[EntryKey, int]  # → protocol (0: none)
    other_rules: dict[Rule, None]


def is_ipv6(text: str) -> bool:
    return ":" in text


def shown(destination: str) -> str:
    """The destination as people write it: a host without its length."""
    return destination.removesuffix("/128" if is_ipv6(destination) else "/32")


def state_of(
    protocol: int,
    tables: Iterable[int],
    *,
    routes: Mapping[str, Iterable[Mapping[str, Any]]],
    neighbours: Iterable[Mapping[str, Any]],
    proxies: Iterable[Mapping[str, Any]],
    rules: Mapping[str, Iterable[Mapping[str, Any]]],
) -> State:
    """
    The answers of `ip -N -j` as a State. `routes` (of our protocol only) and `rules` are by family.
    """
    state = State({}, {}, {}, {}, {}, {}, {})
    scope = set(tables)
    for family, entries in routes.items():
        for entry in entries:
            route = _route(family, entry)
            if route.table in scope:
                state.routes[route.key] = route
    for entry in neighbours:
        mark, key = int(entry.get("protocol", 0)), (entry["dst"], entry["dev"])
        if "PERMANENT" not in entry.get("state", ()) or "lladdr" not in entry:
            continue
        if mark == protocol:
            state.neighbours[key] = entry["lladdr"]
        else:
            state.other_neighbours[key] = (entry["lladdr"], mark)
    for entry in proxies:
        mark, key = int(entry.get("protocol", 0)), (entry["dst"], entry.get("dev", ""))
        if mark == protocol:
            state.proxies[key] = None
        else:
            state.other_proxies[key] = mark
    for family, entries in rules.items():
        for entry in entries:
            plain = set(entry) <= {"priority", "src", "table", "protocol"} and entry.get("src") == "all"
            if plain and "table" in entry:
                rule = Rule(family, int(entry["priority"]), int(entry["table"]))
                ours = int(entry.get("protocol", 0)) == protocol
                (state.rules if ours else state.other_rules)[rule] = None
    return state


def _route(family: str, entry: Mapping[str, Any]) -> Route:
    text = entry["dst"]
    if text == "default":
        text = "::/0" if family == "inet6" else "0.0.0.0/0"
    elif "/" not in text:
        text += "/128" if family == "inet6" else "/32"
    kind = str(entry.get("type", "unicast"))
    kind = KINDS.get(kind, kind)
    hops: tuple[Hop, ...] = ()
    if kind == "unicast":
        hops = tuple(_hop(hop) for hop in entry.get("nexthops", [entry]))
    table = int(entry.get("table", MAIN_TABLE))  # of all tables, `ip` does not name main
    return Route(text, table, int(entry.get("metric", 0)), kind, hops, entry.get("prefsrc", ""))


def _hop(entry: Mapping[str, Any]) -> Hop:
    via = entry.get("gateway") or entry.get("via", {}).get("host", "")
    return Hop(entry.get("dev", ""), via, "onlink" in entry.get("flags", ()), int(entry.get("weight", 1)))


def route_words(route: Route, protocol: int) -> str:
    """The route as `ip route replace` takes it. `src` stands before `via inet6`: behind it, it is refused."""
    words = [] if route.kind == "unicast" else [route.kind]
    words.append(route.destination)
    if route.source:
        words += ["src", route.source]
    if len(route.hops) == 1:
        words += _hop_words(route, route.hops[0])
    words += ["proto", str(protocol), "table", str(route.table), "metric", str(route.metric)]
    if len(route.hops) > 1:
        for hop in route.hops:
            words += ["nexthop", *_hop_words(route, hop), "weight", str(hop.weight)]
    return " ".join(words)


def _hop_words(route: Route, hop: Hop) -> list[str]:
    words = []
    if hop.via:
        words += ["via", "inet6", hop.via] if is_ipv6(hop.via) != is_ipv6(route.destination) else ["via", hop.via]
    if hop.dev:
        words += ["dev", hop.dev]
    if hop.onlink:
        words.append("onlink")
    return words


def route_identity(route: Route, protocol: int) -> str:
    """The route as `ip route del` finds it: another protocol's of the same prefix is never hit."""
    return f"{route.destination} proto {protocol} table {route.table} metric {route.metric}"


def neighbour_words(key: EntryKey, lladdr: str, protocol: int) -> str:
    mark = f" protocol {protocol}" if protocol else ""
    return f"{key[0]} lladdr {lladdr} dev {key[1]} nud permanent{mark}"


def proxy_words(key: EntryKey, protocol: int) -> str:
    mark = f" protocol {protocol}" if protocol else ""
    return f"{key[0]} dev {key[1]}{mark}"


def rule_words(rule: Rule, protocol: int) -> str:
    return f"pref {rule.priority} lookup {rule.table} protocol {protocol}"
