# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""From the peers that run to the wanted ones: target, difference, and the sections that lead there and back. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.routed.fabric.plugins.module_utils._host_route._state import Hop, Route, RouteKey
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._keys import NO_KEY
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._model import (
    Interface,
    Peer,
    Peers,
    describe,
    is_address,
    is_ipv6,
    join_endpoint,
    split_endpoint,
)

IPV6_METRIC = 1024  # what the kernel takes for 0


class Change(NamedTuple):
    """One peer that differs. None: not there."""

    before: Peer | None
    after: Peer | None


def stays_roamed(wanted: Peer, running: Peer | None, recorded: str, alive: bool) -> bool:
    """
    Whether the running endpoint is left alone although another one is declared: the peer has moved and answers from
    there. Not so when somebody declares another endpoint than last time (`recorded`, of the file).
    """
    return bool(running and running.endpoint and alive and recorded == wanted.endpoint)


def names_to_resolve(wanted: Peers, got: Peers, recorded: Mapping[str, str], alive: Iterable[str]) -> list[str]:
    """Public keys of the peers whose endpoint is a name that has to be looked up now."""
    living = set(alive)
    return [
        key
        for key, peer in wanted.items()
        if peer.endpoint
        and not is_address(split_endpoint(peer.endpoint)[0])
        and not stays_roamed(peer, got.get(key), recorded.get(key, ""), key in living)
    ]


def target_of(
    wanted: Peers,
    got: Peers,
    recorded: Mapping[str, str],
    alive: Iterable[str],
    resolved: Mapping[str, Sequence[str]],
    *,
    purge: bool,
) -> Peers:
    """
    What shall run. `recorded`: public key → endpoint in the file, as declared last time; `alive`: peers with a fresh
    handshake; `resolved`: public key → addresses of the endpoint that is a name, none where it could not be found out.
    """
    living = set(alive)
    target = {} if purge else dict(got)
    for key, peer in wanted.items():
        running = got.get(key)
        there = running.endpoint if running else ""
        endpoint = peer.endpoint
        if not endpoint or stays_roamed(peer, running, recorded.get(key, ""), key in living):
            endpoint = there  # `wg` has no way to take an endpoint away
        elif key in resolved:
            port = split_endpoint(endpoint)[1]
            choices = [join_endpoint(address, port) for address in resolved[key]]
            endpoint = there if there in choices or not choices else choices[0]
        target[key] = peer._replace(endpoint=endpoint, name="")
    return target


def difference(got: Peers, target: Peers) -> list[Change]:
    changes = [Change(got.get(key), peer) for key, peer in target.items() if got.get(key) != peer]
    return changes + [Change(peer, None) for key, peer in got.items() if key not in target]


def inverse(changes: Iterable[Change]) -> list[Change]:
    return [Change(change.after, change.before) for change in changes]


def sections(changes: Iterable[Change]) -> str:
    """
    The peers that are new or differ, for `wg addconf`. A section replaces the allowed IPs, so they are always whole;
    a prefix that moves from one of them to another arrives, whichever comes first.
    """
    text = ""
    for before, after in changes:
        if after is None:
            continue
        text += f"[Peer]\nPublicKey = {after.public_key}\n"
        if after.preshared_key != (before.preshared_key if before else None):
            text += f"PresharedKey = {after.preshared_key.reveal() if after.preshared_key else NO_KEY}\n"
        if after.endpoint and after.endpoint != (before.endpoint if before else ""):
            text += f"Endpoint = {after.endpoint}\n"
        if after.allowed_ips:
            text += f"AllowedIPs = {', '.join(after.allowed_ips)}\n"
        if after.keepalive != (before.keepalive if before else 0):
            text += f"PersistentKeepalive = {after.keepalive or 'off'}\n"
    return text


def removals(changes: Iterable[Change]) -> list[str]:
    return [change.before.public_key for change in changes if change.after is None and change.before]


def commands(name: str, changes: Iterable[Change]) -> list[str]:
    """What is done, in the words of `wg set` and with fingerprints instead of keys."""
    found = []
    for before, after in changes:
        if after is None:
            found.append(f"wg set {name} peer {before.public_key if before else ''} remove")
            continue
        former = before or Peer(after.public_key)
        words = []
        if after.preshared_key != former.preshared_key:
            words.append(f"preshared-key ({after.preshared_key.fingerprint if after.preshared_key else 'none'})")
        if after.endpoint and after.endpoint != former.endpoint:
            words.append(f"endpoint {after.endpoint}")
        if after.keepalive != former.keepalive:
            words.append(f"persistent-keepalive {after.keepalive or 'off'}")
        if after.allowed_ips != former.allowed_ips or not before:
            words.append(f"allowed-ips {','.join(after.allowed_ips) or '(none)'}")
        found.append(f"wg set {name} peer {after.public_key} {' '.join(words)}")
    return found


def filed(wanted: Peers, formerly: Sequence[Peer], purge: bool, absent: bool) -> tuple[Peer, ...]:
    """
    The peers of the file: the wanted ones as they were declared (a name stays a name), and without purge the others
    that stand in it. Those that stay keep their place.
    """
    if absent:
        return tuple(peer for peer in formerly if peer.public_key not in wanted)
    kept = [] if purge else [peer for peer in formerly if peer.public_key not in wanted]
    return (*kept, *wanted.values())


def routes_of(
    name: str, wanted: Peers, tables: Mapping[str, int | None], interface_table: int, metric: int
) -> dict[RouteKey, Route]:
    """The routes to the allowed IPs, each in its peer's table."""
    routes = {}
    for key, peer in wanted.items():
        chosen = tables.get(key)
        table = interface_table if chosen is None else chosen
        if not table:
            continue
        for prefix in peer.allowed_ips:
            value = IPV6_METRIC if is_ipv6(prefix) and metric == 0 else metric
            route = Route(prefix, table, value, "unicast", (Hop(name),))
            routes[route.key] = route
    return routes


def kept_routes(got: Mapping[RouteKey, Route], listed: Iterable[Peer | None]) -> dict[RouteKey, Route]:
    """Without purge: the routes that lead to none of the listed peers, as they were."""
    theirs = {prefix for peer in listed if peer for prefix in peer.allowed_ips}
    return {key: route for key, route in got.items() if route.destination not in theirs}


def shown_interface(interface: Interface, public_key: str | None) -> dict[str, Any]:
    """For `before`, `after` and `gathered`: no secret is in it."""
    return {
        "public_key": public_key,
        "listen_port": interface.listen_port,
        "addresses": sorted(interface.addresses),
        "mtu": interface.mtu,
        "fwmark": interface.fwmark,
        "table": interface.table,
    }


def as_options(peers: Peers, names: Mapping[str, str], tables: Mapping[str, int]) -> list[dict[str, Any]]:
    """Peers in the form of the option, without the preshared keys."""
    found = []
    for key, peer in sorted(peers.items()):
        option: dict[str, Any] = {"public_key": key, "allowed_ips": list(peer.allowed_ips)}
        option.update({"name": names[key]} if names.get(key) else {})
        option.update({"endpoint": peer.endpoint} if peer.endpoint else {})
        option.update({"persistent_keepalive": peer.keepalive} if peer.keepalive else {})
        option.update({"table": tables[key]} if tables.get(key) else {})
        found.append(option)
    return found


def lines(peers: Peers) -> list[str]:
    return [describe(peer) for dummy, peer in sorted(peers.items())]
