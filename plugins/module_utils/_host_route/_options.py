# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""The module's options as typed data; everything that can be refused without reading the node is refused here. Pure."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.routed.fabric.plugins.module_utils._host_route._state import (
    MAIN_TABLE,
    EntryKey,
    Hop,
    Route,
    RouteKey,
    Rule,
    State,
    is_ipv6,
    shown,
)
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError

IPV6_METRIC = 1024  # what the kernel takes for 0
# Of all that is wrong, this much is told: with 10 000 routes one mistake in a template is 10 000 mistakes.
MOST_PROBLEMS = 10

_MAC = re.compile(r"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$")
_BOUNDS = {"protocol": (5, 255), "table": (1, 4294967295), "rule_priority": (1, 32765), "metric": (0, 4294967295)}
_LOCAL_TABLE = 255
SWITCHES = {"proxy_arp": "ipv4", "proxy_arp_pvlan": "ipv4", "proxy_ndp": "ipv6"}


class Wanted(NamedTuple):
    protocol: int
    table: int
    routes: dict[RouteKey, Route]
    neighbours: dict[EntryKey, tuple[str, str]]  # → link-layer address, the first option that names it
    proxies: dict[EntryKey, str]  # → the option that names it
    rules: tuple[Rule, ...]
    sysctl: dict[str, str]  # path below /proc/sys → value
    routed: dict[str, str]  # interface that carries a route or a neighbour → the first option that names it
    interfaces: dict[str, str]  # every interface → the first option that names it


class _RefusedError(ValueError):
    """What is wrong with one value; the caller knows its path."""


def wanted_of(options: Mapping[str, Any]) -> Wanted:
    """Raises IpError with each option's path and value."""
    found: list[str] = []
    for name, (least, most) in _BOUNDS.items():
        if not least <= options[name] <= most:
            found.append(f"{name}: {options[name]} is not between {least} and {most}")
    if options["table"] == _LOCAL_TABLE:
        found.append("table: 255 is the kernel's own table `local`")
    allowed = _Allowed(options["allowed_prefixes"], found)

    reader = _Reader(options, allowed)
    for index, item in enumerate(options["routes"]):
        reader.route(f"routes[{index}]", item)
    proxy = options["proxy"] or {}
    for index, item in enumerate(proxy.get("entries") or ()):
        reader.proxy_entry(f"proxy.entries[{index}]", item)
    for index, item in enumerate(proxy.get("interfaces") or ()):
        reader.proxy_interface(f"proxy.interfaces[{index}]", item)
    refuse(found + reader.problems)

    rules: tuple[Rule, ...] = ()
    if options["table"] != MAIN_TABLE:
        rules = tuple(Rule(family, options["rule_priority"], options["table"]) for family in ("inet", "inet6"))
    return reader.wanted._replace(rules=rules)


def refuse(problems: Sequence[str]) -> None:
    if problems:
        more = len(problems) - MOST_PROBLEMS
        raise IpError("; ".join(problems[:MOST_PROBLEMS]) + (f"; and {more} more" if more > 0 else ""))


def collisions(wanted: Wanted, got: State) -> list[str]:
    """Neighbour and proxy entries that belong to another protocol number; the kernel would just take them over."""
    found = []
    for key, (dummy, path) in wanted.neighbours.items():
        lladdr, mark = got.other_neighbours.get(key, ("", 0))
        if mark:
            found.append(
                f"{path}.lladdr: {key[0]} on '{key[1]}' has a permanent neighbour entry of protocol {mark} "
                f"({lladdr}), which is not ours to change"
            )
    for key, path in wanted.proxies.items():
        mark = got.other_proxies.get(key, 0)
        if mark:
            found.append(
                f"{path}.address: {key[0]} on '{key[1]}' has a proxy entry of protocol {mark}, "
                "which is not ours to change"
            )
    return found


def missing_interfaces(wanted: Wanted, links: Mapping[str, bool], other_names: Mapping[str, str]) -> list[str]:
    """Sentences about interfaces that are not there or are down. `links`: name → whether up."""
    found = []
    there = sorted(links)
    shown_names = ", ".join(there[:20]) + (f" and {len(there) - 20} more" if len(there) > 20 else "")
    for name, path in wanted.interfaces.items():
        if name in other_names:
            found.append(f"{path}: '{name}' is another name of '{other_names[name]}'; use that")
        elif name not in links:
            found.append(f"{path}: there is no interface '{name}' on this node; it has: {shown_names}")
        elif name in wanted.routed and not links[name]:
            found.append(
                f"{wanted.routed[name]}: '{name}' is down, so the kernel puts no route on it; bring it up first"
            )
    return found


class _Allowed:
    """Whether a prefix lies in one of many: a set lookup for each length that occurs."""

    def __init__(self, prefixes: Sequence[str] | None, problems: list[str]) -> None:
        self._prefixes = prefixes
        self._by_length: dict[tuple[int, int], set[int]] = {}  # family, length → networks
        for index, text in enumerate(prefixes or ()):
            try:
                family, value, length = _prefix(text)
            except _RefusedError as exc:
                problems.append(f"allowed_prefixes[{index}]: {exc}")
                continue
            self._by_length.setdefault((family, length), set()).add(value >> (_bits(family) - length))

    def check(self, family: int, value: int, length: int, text: str) -> None:
        if self._prefixes is None:
            return
        for (other, other_length), networks in self._by_length.items():
            if other == family and other_length <= length and value >> (_bits(family) - other_length) in networks:
                return
        listed = ", ".join(self._prefixes[:10]) + (", ..." if len(self._prefixes) > 10 else "")
        raise _RefusedError(f"{text} is outside of allowed_prefixes ({listed or 'which is empty'})")


class _Reader:
    """Takes the items one by one and remembers what came before, to tell what stands there twice."""

    def __init__(self, options: Mapping[str, Any], allowed: _Allowed) -> None:
        self._table: int = options["table"]
        self._metric: int = options["metric"]
        self._allowed = allowed
        self._first: dict[RouteKey, str] = {}
        self.problems: list[str] = []
        self.wanted = Wanted(options["protocol"], self._table, {}, {}, {}, (), {}, {}, {})

    def route(self, path: str, item: Mapping[str, Any]) -> None:
        name = "address"
        try:
            family, value, length = _prefix(item["address"])
            _unicast(family, value, length)
            self._allowed.check(family, value, length, item["address"])
            destination = f"{_text(family, value)}/{length}"
            metric = item.get("metric")
            name = "metric"
            metric = self._metric if metric is None else metric
            if not 0 <= metric <= _BOUNDS["metric"][1]:
                raise _RefusedError(f"{metric} is not between 0 and {_BOUNDS['metric'][1]}")
            if family == socket.AF_INET6 and metric == 0:
                metric = IPV6_METRIC
            key = (self._table, destination, metric)
            name = "address"
            if key in self._first:
                raise _RefusedError(
                    f"{shown(destination)} with metric {metric} stands here twice, first as {self._first[key]}"
                )
            self._first[key] = path
            name = "type"
            kind = item.get("type") or "unicast"
            hops: tuple[Hop, ...] = ()
            if kind == "unicast":
                name = "via"
                hops = (self._hop(path, item, destination),)
            else:
                for name in ("interface", "via", "onlink", "lladdr"):
                    if item.get(name):
                        raise _RefusedError(f"a route of type {kind} leads nowhere, so it has no {name}")
            name = "source"
            source = ""
            if item.get("source"):
                source_family, source_value = _address(item["source"])
                if source_family != family:
                    raise _RefusedError(f"{item['source']} and {shown(destination)} are of different families")
                source = _text(source_family, source_value)
            self.wanted.routes[key] = Route(destination, self._table, metric, kind, hops, source)
            name = "lladdr"
            if item.get("lladdr"):
                self._neighbour(path, item, destination, hops[0])
        except _RefusedError as exc:
            self.problems.append(f"{path}.{name}: {exc}")

    def _hop(self, path: str, item: Mapping[str, Any], destination: str) -> Hop:
        interface, via = item.get("interface") or "", ""
        if item.get("via"):
            family, value = _address(item["via"])
            via = _text(family, value)
            if not interface and family == socket.AF_INET6 and value >> 118 == 0xFE80 >> 6:
                raise _RefusedError(f"{via} is a link-local address, so `interface` has to say on which link")
            if family == socket.AF_INET and is_ipv6(destination):
                raise _RefusedError(f"{via} is an IPv4 address, which is no next hop for IPv6")
        elif not interface:
            raise _RefusedError(f"{shown(destination)} needs an interface or a next hop, or a type of its own")
        if item.get("onlink") and not (interface and via):
            raise _RefusedError("onlink is about a next hop on an interface, so it needs both")
        if interface:
            self._names(interface, f"{path}.interface", routed=True)
        return Hop(interface, via, bool(item.get("onlink")))

    def _neighbour(self, path: str, item: Mapping[str, Any], destination: str, hop: Hop) -> None:
        if not hop.dev:
            raise _RefusedError("a neighbour entry needs an interface")
        address = hop.via or shown(destination)
        if "/" in address:
            raise _RefusedError(f"{address} is no host, so it has no neighbour entry; give the next hop as via")
        lladdr = _lladdr(item["lladdr"])
        key = (address, hop.dev)
        former, first = self.wanted.neighbours.setdefault(key, (lladdr, path))
        if former != lladdr:
            raise _RefusedError(f"{lladdr} differs from {former}, which {first} gives to {address}")

    def proxy_entry(self, path: str, item: Mapping[str, Any]) -> None:
        try:
            family, value = _address(item["address"])
            _unicast(family, value, _bits(family))
            self._allowed.check(family, value, _bits(family), item["address"])
        except _RefusedError as exc:
            self.problems.append(f"{path}.address: {exc}")
            return
        key = (_text(family, value), item["interface"])
        if key in self.wanted.proxies:
            self.problems.append(f"{path}.address: {key[0]} on '{key[1]}' stands here twice")
        else:
            self.wanted.proxies[key] = path
            self._names(item["interface"], f"{path}.interface")

    def proxy_interface(self, path: str, item: Mapping[str, Any]) -> None:
        name = item["interface"]
        for switch, family in SWITCHES.items():
            if item.get(switch) is not None:
                key = f"net/{family}/conf/{name}/{switch}"
                if key in self.wanted.sysctl:
                    self.problems.append(f"{path}.interface: '{name}' stands here twice")
                    return
                self.wanted.sysctl[key] = "1" if item[switch] else "0"
        self._names(name, f"{path}.interface")

    def _names(self, interface: str, path: str, routed: bool = False) -> None:
        if not interface or len(interface) > 15 or "/" in interface or interface.split() != [interface]:
            self.problems.append(f"{path}: '{interface}' is no name of an interface")
            return
        self.wanted.interfaces.setdefault(interface, path)
        if routed:
            self.wanted.routed.setdefault(interface, path)


def _bits(family: int) -> int:
    return 128 if family == socket.AF_INET6 else 32


def _address(text: str) -> tuple[int, int]:
    """Family and value. inet_pton is as strict as ipaddress and ten times as fast."""
    family = socket.AF_INET6 if is_ipv6(text) else socket.AF_INET
    try:
        return family, int.from_bytes(socket.inet_pton(family, text), "big")
    except (OSError, UnicodeError) as exc:
        raise _RefusedError(f"'{text}' is not an address") from exc


def _prefix(text: str) -> tuple[int, int, int]:
    address, slash, length_text = text.partition("/")
    family, value = _address(address)
    bits = _bits(family)
    if not slash:
        return family, value, bits
    if not length_text.isdecimal() or not length_text.isascii() or int(length_text) > bits:
        raise _RefusedError(f"'{text}' has no length between 0 and {bits}")
    length = int(length_text)
    network = value >> (bits - length) << (bits - length)
    if network != value:
        raise _RefusedError(f"'{text}' has bits behind its length; the prefix is {_text(family, network)}/{length}")
    return family, value, length


def _text(family: int, value: int) -> str:
    """As the kernel's tools write it (RFC 5952; IPv4 in IPv6 differs between versions of ipaddress)."""
    return socket.inet_ntop(socket.AddressFamily(family), value.to_bytes(_bits(family) // 8, "big"))


def _unicast(family: int, value: int, length: int) -> None:
    """Raises for what no device has, and for a default route: our tables are looked up before main."""
    text = shown(f"{_text(family, value)}/{length}")
    if length == 0:
        raise _RefusedError(f"{text} is a default route, which would hide the main table")
    first = value >> (_bits(family) - 8)
    multicast = first == 0xFF if family == socket.AF_INET6 else first >= 224
    loopback = (
        value <= 1 if family == socket.AF_INET6 and length == 128 else family == socket.AF_INET and first in (0, 127)
    )
    if multicast or loopback:
        raise _RefusedError(f"{text} is not a unicast address")


def _lladdr(text: str) -> str:
    """A MAC, or for tunnels with many ends (GRE) the other end's address."""
    lowered = text.lower().replace("-", ":")
    if _MAC.match(lowered):
        if int(lowered[:2], 16) & 1 or lowered == "00:00:00:00:00:00":
            raise _RefusedError(f"{text} is not the address of one device")
        return lowered
    try:
        return _text(*_address(text))
    except _RefusedError as exc:
        raise _RefusedError(f"'{text}' is neither a MAC nor the address of a tunnel's end") from exc


def sysctl_switches(values: Iterable[tuple[str, str]]) -> dict[str, dict[str, bool]]:
    """Path → value, as interface → switch → whether on."""
    found: dict[str, dict[str, bool]] = {}
    for path, value in values:
        words = path.split("/")
        found.setdefault(words[3], {})[words[4]] = value == "1"
    return found
