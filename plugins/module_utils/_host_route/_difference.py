# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""From what is there to what is wanted: the target, the commands with their inverses, and texts for people. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ansible_collections.routed.fabric.plugins.module_utils._host_route._options import Wanted
from ansible_collections.routed.fabric.plugins.module_utils._host_route._state import (
    Route,
    Rule,
    State,
    neighbour_words,
    proxy_words,
    route_identity,
    route_words,
    rule_words,
    shown,
)


class Change(NamedTuple):
    command: str  # as `ip -batch` reads it
    inverse: tuple[str, ...]
    family: str = "inet"  # inet6: for `ip -6`; only rules need it
    removal: bool = False


def target_of(wanted: Wanted, got: State, present: bool, purge: bool) -> State:
    """
    What shall be ours in the end. The entries of others are as they were, without those that become ours.

    present: what is wanted, and without purge the rest of ours too. absent: without purge ours without what is listed.
    """
    if not present:
        routes, neighbours, proxies, rules = {}, {}, {}, {}
        if not purge:
            routes = {key: route for key, route in got.routes.items() if key not in wanted.routes}
            neighbours = {key: value for key, value in got.neighbours.items() if key not in wanted.neighbours}
            proxies = {key: None for key in got.proxies if key not in wanted.proxies}
            if routes:
                rules = dict(got.rules)
        return got._replace(routes=routes, neighbours=neighbours, proxies=proxies, rules=rules)
    kept = got if not purge else got._replace(routes={}, neighbours={}, proxies={}, rules={})
    return State(
        routes={**kept.routes, **wanted.routes},
        neighbours={**kept.neighbours, **{key: lladdr for key, (lladdr, dummy) in wanted.neighbours.items()}},
        proxies={**kept.proxies, **dict.fromkeys(wanted.proxies)},
        # A rule of somebody else that says the same is enough.
        rules={**kept.rules, **{rule: None for rule in wanted.rules if rule not in got.other_rules}},
        other_neighbours={k: v for k, v in got.other_neighbours.items() if k not in wanted.neighbours},
        other_proxies={k: v for k, v in got.other_proxies.items() if k not in wanted.proxies},
        other_rules=got.other_rules,
    )


def as_seen(target: State, got: State) -> State:
    """The target with the interfaces that the kernel chose for routes without one."""
    return target._replace(routes={key: _settled(route, got.routes.get(key)) for key, route in target.routes.items()})


def _settled(route: Route, there: Route | None) -> Route:
    """Without an interface the kernel chose one; that choice is no difference."""
    if there and len(route.hops) == len(there.hops) == 1 and not route.hops[0].dev:
        hop = route.hops[0]._replace(dev=there.hops[0].dev)
        return route._replace(hops=(hop,))
    return route


def is_empty(state: State) -> bool:
    return not (state.routes or state.neighbours or state.proxies)


def difference(got: State, target: State, protocol: int) -> list[Change]:
    """
    The commands from `got` to `target`, new things first: a packet that finds the route finds the neighbour too, and
    a route whose metric changes is there twice for a moment instead of not at all.
    """
    return [*_additions(got, target, protocol), *_removals(got, target, protocol)]


def _additions(got: State, target: State, protocol: int) -> Iterator[Change]:
    for rule in target.rules:
        if rule not in got.rules:
            words = rule_words(rule, protocol)
            yield Change(f"rule add {words}", (f"rule del {words}",), rule.family)
    for key, lladdr in target.neighbours.items():
        if got.neighbours.get(key) != lladdr:
            yield Change(
                f"neigh replace {neighbour_words(key, lladdr, protocol)}", _former_neighbour(got, key, protocol)
            )
    # A gateway can be behind another of our routes, so those without one come first.
    missing = [route for key, route in target.routes.items() if not _same(route, got.routes.get(key))]
    for route in sorted(missing, key=lambda route: any(hop.via for hop in route.hops)):
        former, words = got.routes.get(route.key), route_words(route, protocol)
        if former is None:
            # Not `replace`: a route of somebody else with this prefix and metric is refused by the kernel.
            yield Change(f"route add {words}", (f"route del {route_identity(route, protocol)}",))
        else:
            yield Change(f"route replace {words}", (f"route replace {route_words(former, protocol)}",))
    for key in target.proxies:
        if key not in got.proxies:
            inverse = [f"neigh del proxy {proxy_words(key, 0)}"]
            if key in got.other_proxies:
                inverse.append(f"neigh add proxy {proxy_words(key, got.other_proxies[key])}")
            yield Change(f"neigh add proxy {proxy_words(key, protocol)}", tuple(inverse))


def _former_neighbour(got: State, key: tuple[str, str], protocol: int) -> tuple[str, ...]:
    if key in got.neighbours:
        return (f"neigh replace {neighbour_words(key, got.neighbours[key], protocol)}",)
    # A protocol number stays on an entry that is only replaced, so it goes first.
    forget = f"neigh del {key[0]} dev {key[1]}"
    if key in got.other_neighbours:
        return forget, f"neigh replace {neighbour_words(key, *got.other_neighbours[key])}"
    return (forget,)


def _removals(got: State, target: State, protocol: int) -> Iterator[Change]:
    for key in got.proxies:
        if key not in target.proxies:
            words = proxy_words(key, protocol)
            yield Change(f"neigh del proxy {proxy_words(key, 0)}", (f"neigh add proxy {words}",), removal=True)
    gone = [route for key, route in got.routes.items() if key not in target.routes]
    for route in sorted(gone, key=lambda route: not any(hop.via for hop in route.hops)):
        inverse = f"route add {route_words(route, protocol)}"
        yield Change(f"route del {route_identity(route, protocol)}", (inverse,), removal=True)
    for key, lladdr in got.neighbours.items():
        if key not in target.neighbours:
            inverse = f"neigh replace {neighbour_words(key, lladdr, protocol)}"
            yield Change(f"neigh del {key[0]} dev {key[1]}", (inverse,), removal=True)
    for rule in got.rules:
        if rule not in target.rules:
            words = rule_words(rule, protocol)
            yield Change(f"rule del {words}", (f"rule add {words}",), rule.family, removal=True)


def _same(route: Route, there: Route | None) -> bool:
    return there is not None and _settled(route, there) == there


def describe(state: State) -> dict[str, Any]:
    """For `before` and `after`: one line an entry, in ip's words."""
    return {
        "routes": [_route_line(route) for route in sorted(state.routes.values())],
        "neighbours": [f"{key[0]} dev {key[1]} lladdr {lladdr}" for key, lladdr in sorted(state.neighbours.items())],
        "proxies": [f"{address} dev {interface}" for address, interface in sorted(state.proxies)],
        "rules": [_rule_line(rule) for rule in sorted(state.rules)],
    }


def _route_line(route: Route) -> str:
    words = route_words(route, 0).replace(" proto 0", "", 1)
    return words.replace(route.destination, shown(route.destination), 1)


def _rule_line(rule: Rule) -> str:
    return f"{'ipv6' if rule.family == 'inet6' else 'ipv4'} pref {rule.priority} lookup {rule.table}"


def as_options(state: State, sysctl: dict[str, dict[str, bool]]) -> dict[str, Any]:
    """What is ours in the form of the module's options. A route with several next hops has no such form: left out."""
    neighbours = dict(state.neighbours)
    routes = []
    for route in sorted(state.routes.values()):
        if len(route.hops) > 1:
            continue
        option: dict[str, Any] = {"address": shown(route.destination), "metric": route.metric}
        if route.kind != "unicast":
            option["type"] = route.kind
        for hop in route.hops:
            option.update({"interface": hop.dev} if hop.dev else {})
            option.update({"via": hop.via} if hop.via else {})
            option.update({"onlink": True} if hop.onlink else {})
            lladdr = neighbours.get((hop.via or shown(route.destination), hop.dev))
            option.update({"lladdr": lladdr} if lladdr else {})
        if route.source:
            option["source"] = route.source
        routes.append(option)
    return {
        "routes": routes,
        "proxy": {
            "entries": [{"address": address, "interface": interface} for address, interface in sorted(state.proxies)],
            "interfaces": [{"interface": name, **values} for name, values in sorted(sysctl.items())],
        },
    }


def in_batches(changes: Iterable[Change], chunk: int) -> Iterator[list[Change]]:
    """
    Runs of changes that one `ip -batch` can take: of one option set, and removals in pieces of `chunk`, so that
    daemons that listen to the kernel can follow.
    """
    batch: list[Change] = []
    for change in changes:
        full = bool(batch) and (
            (change.family, change.removal) != (batch[0].family, batch[0].removal)
            or (change.removal and len(batch) >= chunk)
        )
        if full:
            yield batch
            batch = []
        batch.append(change)
    if batch:
        yield batch
