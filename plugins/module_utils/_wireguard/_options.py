# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""The modules' options as typed data; all that can be refused without the node is refused here. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Union

from ansible_collections.routed.fabric.plugins.module_utils._wireguard._keys import Secret, key_problem
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._model import (
    Interface,
    Peer,
    WireguardError,
    allowed_order,
    is_address,
    is_ipv6,
    join_endpoint,
    split_endpoint,
)

MAIN_TABLE = 254
# Of all that is wrong, this much is told.
MOST_PROBLEMS = 10
# What a unit's name, a file's name and the kernel all take.
_NAME = re.compile(r"^[A-Za-z0-9_.][A-Za-z0-9_.-]{0,14}$")
# `wg show all`, `wg show interfaces`, and two directories below net.ipv4.conf.
_RESERVED = ("all", "interfaces", "default", "lo", ".", "..")
_HOST_NAME = re.compile(
    r"^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$"
)
_LEAST_MTU, _MOST_MTU = 1280, 65535
_MOST_TABLE = 4294967295

_Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


class _RefusedError(ValueError):
    """What is wrong with one value; the caller knows its path."""


class WantedPeers(NamedTuple):
    peers: dict[str, Peer]  # by public key, in the order of the option
    paths: dict[str, str]  # public key → the option that names it
    tables: dict[str, int | None]  # public key → table of its routes; 0: none; None: the interface's


def refuse(problems: Sequence[str]) -> None:
    if problems:
        more = len(problems) - MOST_PROBLEMS
        raise WireguardError("; ".join(problems[:MOST_PROBLEMS]) + (f"; and {more} more" if more > 0 else ""))


def name_problem(name: str, path: str) -> list[str]:
    if name in _RESERVED:
        return [f"{path}: '{name}' has a meaning of its own for the kernel or for `wg`; take another name"]
    if not _NAME.match(name):
        return [f"{path}: '{name}' is no name for an interface: 1 to 15 letters, digits and _ . -, not - first"]
    return []


def wanted_interface(options: Mapping[str, Any]) -> Interface:
    """Raises WireguardError with the option's path and value. No key: `private_key` None."""
    found = name_problem(options["name"], "name")
    private_key = None
    if options.get("private_key") is not None:
        problem = key_problem(options["private_key"])
        if problem:
            found.append(f"private_key: {problem}")
        private_key = Secret(options["private_key"])
    port = options.get("listen_port") or 0
    if options.get("listen_port") is not None and not 1 <= port <= 65535:
        found.append(f"listen_port: {port} is not between 1 and 65535")
    if not _LEAST_MTU <= options["mtu"] <= _MOST_MTU:
        found.append(f"mtu: {options['mtu']} is not between {_LEAST_MTU} (the least that IPv6 takes) and {_MOST_MTU}")
    if not 0 <= options["fwmark"] <= 0xFFFFFFFF:
        found.append(f"fwmark: {options['fwmark']} is not between 0 and {0xFFFFFFFF}")
    table = options.get("table") or 0
    found += _table_problem("table", table)
    addresses: list[str] = []
    for index, text in enumerate(options["addresses"]):
        try:
            address = _interface_address(text)
            if address in addresses:
                raise _RefusedError(f"{address} stands here twice")
            addresses.append(address)
        except _RefusedError as exc:
            found.append(f"addresses[{index}]: {exc}")
    refuse(found)
    return Interface(private_key, port, tuple(addresses), options["mtu"], options["fwmark"], table)


def wanted_peers(options: Mapping[str, Any]) -> WantedPeers:
    """Raises WireguardError with each option's path and value."""
    found = name_problem(options["interface"], "interface")
    if not 0 <= options["metric"] <= _MOST_TABLE:
        found.append(f"metric: {options['metric']} is not between 0 and {_MOST_TABLE}")
    if not 5 <= options["protocol"] <= 255:
        found.append(f"protocol: {options['protocol']} is not between 5 and 255")
    wanted = WantedPeers({}, {}, {})
    absent = options["state"] == "absent"
    if absent and not options["peers"]:
        found.append(
            "peers: with `state: absent` the peers to remove have to be named; an empty list with `state: present` "
            "and `purge: true` removes all of them"
        )
    for index, item in enumerate(options["peers"]):
        path = f"peers[{index}]"
        problems = _peer(path, item, wanted)
        # What should never have been there can be removed.
        found += [line for line in problems if line.startswith(f"{path}.public_key")] if absent else problems
    if not absent:
        found += overlaps({key: (wanted.paths[key], peer.allowed_ips) for key, peer in wanted.peers.items()})
    refuse(found)
    return wanted


def _peer(path: str, item: Mapping[str, Any], wanted: WantedPeers) -> list[str]:
    found = []
    key = item["public_key"]
    problem = key_problem(key)
    if problem:
        found.append(f"{path}.public_key: {problem}")
    elif key in wanted.peers:
        found.append(f"{path}.public_key: {key} stands here twice, first as {wanted.paths[key]}")
        return found
    preshared_key = None
    if item.get("preshared_key") is not None:
        problem = key_problem(item["preshared_key"])
        if problem:
            found.append(f"{path}.preshared_key: {problem}")
        preshared_key = Secret(item["preshared_key"])
    name = item.get("name") or ""
    if not name.isprintable() or name != name.strip() or name.startswith("["):
        found.append(f"{path}.name: {name!r} is no single line of text")
    keepalive = item.get("persistent_keepalive") or 0
    if not 0 <= keepalive <= 65535:
        found.append(f"{path}.persistent_keepalive: {keepalive} is not between 0 (off) and 65535 seconds")
    table = item.get("table")
    found += _table_problem(f"{path}.table", table or 0)

    allowed: list[str] = []
    for position, text in enumerate(item.get("allowed_ips") or ()):
        try:
            prefix = _prefix(text)
            if prefix in allowed:
                raise _RefusedError(f"{prefix} stands here twice")
            allowed.append(prefix)
        except _RefusedError as exc:
            found.append(f"{path}.allowed_ips[{position}]: {exc}")
    endpoint = ""
    if item.get("endpoint"):
        try:
            endpoint = _endpoint(item["endpoint"])
        except _RefusedError as exc:
            found.append(f"{path}.endpoint: {exc}")
    allowed.sort(key=allowed_order)
    wanted.peers[key] = Peer(key, tuple(allowed), endpoint, preshared_key, keepalive, name)
    wanted.paths[key] = path
    wanted.tables[key] = table
    return found


def loops(wanted: WantedPeers, interface_table: int) -> list[str]:
    """
    Endpoints inside their own allowed_ips: what is sent to them would go into the tunnel that needs them.

    `::/0` and `0.0.0.0/0` hold every endpoint; they are refused only where they become a route in main. In another
    table they are for what a rule sends there.
    """
    found = []
    for key, peer in wanted.peers.items():
        if not peer.endpoint:
            continue
        host = split_endpoint(peer.endpoint)[0].partition("%")[0]
        if not is_address(host):
            continue
        address = ipaddress.ip_address(host)
        chosen = wanted.tables[key]
        table = interface_table if chosen is None else chosen
        for prefix in peer.allowed_ips:
            network = ipaddress.ip_network(prefix)
            if address.version != network.version or address not in network:
                continue
            if network.prefixlen:
                found.append(
                    f"{wanted.paths[key]}.endpoint: {peer.endpoint} is inside of its own allowed_ips {prefix}, so the "
                    "tunnel would have to run through itself"
                )
            elif table == MAIN_TABLE:
                found.append(
                    f"{wanted.paths[key]}.endpoint: {peer.endpoint} is inside of its own allowed_ips {prefix}, which "
                    f"table {table} (main) would lead into the tunnel; take another table and a rule"
                )
    return found


def overlaps(peers: Mapping[str, tuple[str, Iterable[str]]]) -> list[str]:
    """
    Prefixes of one peer that lie in those of another. `peers`: public key → how to call it, its prefixes.

    Sorted, a prefix stands right behind those that hold it, so one pass with a stack finds them.
    """
    rows = sorted(
        (
            (network.version, int(network.network_address), network.prefixlen, key, network)
            for key, (dummy, prefixes) in peers.items()
            for network in map(ipaddress.ip_network, prefixes)
        ),
        key=lambda row: row[:4],
    )
    found, around = list[str](), list[tuple[_Network, str]]()
    for row in rows:
        key, network = row[3:]
        while around and not _holds(around[-1][0], network):
            around.pop()
        for other, other_key in reversed(around):
            if other_key != key:
                what = "is what" if other == network else f"lies in {other}, which"
                found.append(
                    f"{peers[key][0]}.allowed_ips: {network} {what} {peers[other_key][0]} has; "
                    "a prefix belongs to one peer of an interface"
                )
                break
        around.append((network, key))
    return found


def _holds(outer: _Network, inner: _Network) -> bool:
    return (
        outer.version == inner.version
        and outer.prefixlen <= inner.prefixlen
        and int(outer.network_address) == int(inner.network_address) & int(outer.netmask)
    )


def _table_problem(path: str, table: int) -> list[str]:
    if not 0 <= table <= _MOST_TABLE:
        return [f"{path}: {table} is not between 0 (no routes) and {_MOST_TABLE}"]
    if table == 255:
        return [f"{path}: 255 is the kernel's own table `local`"]
    return []


def _interface_address(text: str) -> str:
    try:
        value = ipaddress.ip_interface(text)
    except ValueError as exc:
        raise _RefusedError(f"'{text}' is not an address with a length") from exc
    if value.ip.is_multicast or value.ip.is_unspecified or value.ip.is_loopback:
        raise _RefusedError(f"{text} is not a unicast address")
    return f"{value.ip}/{value.network.prefixlen}"


def _prefix(text: str) -> str:
    try:
        network = ipaddress.ip_network(text, strict=False)
        address = ipaddress.ip_interface(text).ip
    except ValueError as exc:
        raise _RefusedError(f"'{text}' is not a prefix") from exc
    if "%" in text:
        raise _RefusedError(f"'{text}' has a zone, which no prefix has")
    if address != network.network_address:
        raise _RefusedError(f"'{text}' has bits behind its length; the prefix is {network}")
    return str(network)


def _endpoint(text: str) -> str:
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not host or (is_ipv6(host) and not bracketed):
        raise _RefusedError(
            f"'{text}' is no endpoint; write 192.0.2.1:51820, [2001:db8::1]:51820 or vpn.example.net:51820"
        )
    if not port.isascii() or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise _RefusedError(f"the port of '{text}' is not between 1 and 65535")
    plain = host.strip("[]")
    address, percent, zone = plain.partition("%")
    if is_address(plain) and bracketed == is_ipv6(plain):
        value = ipaddress.ip_address(address)
        if value.is_multicast or value.is_unspecified:
            raise _RefusedError(f"{text} is not the address of one machine")
        return join_endpoint(f"{value}{percent}{zone}", int(port))
    if bracketed or not _HOST_NAME.match(plain) or plain.replace(".", "").isdecimal():
        raise _RefusedError(f"'{plain}' is neither an address nor a name")
    return join_endpoint(plain.lower(), int(port))
