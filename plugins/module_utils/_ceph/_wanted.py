# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""What the caller wants of Ceph's network, checked for what can be said without the node. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional, Union

from ansible_collections.routed.fabric.plugins.module_utils._ceph._conf import Conf
from ansible_collections.routed.fabric.plugins.module_utils._ceph._errors import CephError

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Values = dict[str, Optional[str]]
"""Option → value as the file has it; None: it shall not be there. What is missing is left alone."""

NETWORKS = ("public_network", "cluster_network")
ADDRESSES = ("public_addr", "cluster_addr")
BINDS = ("ms_bind_ipv4", "ms_bind_ipv6")
OWNED = (*NETWORKS, *BINDS, "mon_host", *ADDRESSES)
PORTS = {"v2": 3300, "v1": 6789}
_FAMILY = {4: "IPv4", 6: "IPv6"}
_VECTOR = re.compile(r"(v1|v2):(\[[^\]]+\]|[^:,\[\]]+):(\d+)(/\d+)?$")
_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


@dataclass(frozen=True)
class Monitor:
    """A monitor with the address that it shall have; both protocols on their usual ports."""

    name: str
    address: Address


@dataclass(frozen=True)
class Wanted:
    sections: dict[str, Values]
    """Section of ceph.conf → values; `global` comes first."""
    monitors: tuple[Monitor, ...]
    mtu: int | None


def network(text: str, path: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as exc:
        raise CephError(f"{path}: '{text}' is no network: {exc}") from exc


def address(text: str, path: str) -> Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError as exc:
        raise CephError(f"{path}: '{text}' is no IP address; names are not taken, since they can move") from exc


def option_value(value: Any) -> str | None:
    """As ceph.conf has it; None takes the option away."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def vector(value: Address) -> str:
    """As `ceph mon set-addrs` and `ceph mon dump` have it."""
    host = f"[{value}]" if value.version == 6 else str(value)
    return "[" + ",".join(f"{protocol}:{host}:{port}" for protocol, port in PORTS.items()) + "]"


def host_addresses(text: str, path: str) -> list[Address]:
    """Every address in a mon_host, in whatever form it is written."""
    found: dict[Address, None] = {}
    depth, word = 0, ""
    for char in f"{text},":
        # an address in brackets inside of a vector's brackets
        depth += (char == "[") - (char == "]")
        if char in ", ;" and depth == 0:
            if word:
                found.update(dict.fromkeys(_entry(word, path)))
            word = ""
        else:
            word += char
    return list(found)


def _entry(word: str, path: str) -> list[Address]:
    inner = word[1:-1] if re.match(r"\[v[12]:.*\]$", word) else word
    if inner.startswith(("v1:", "v2:")):
        matches = [_VECTOR.match(part.strip()) for part in inner.split(",")]
        if not all(matches):
            raise CephError(
                f"{path}: '{word}' is no address of a monitor; write [v2:[2001:db8::1]:3300,v1:[2001:db8::1]:6789]"
            )
        return [address(match[2].strip("[]"), path) for match in matches if match]
    plain = re.match(r"\[([^\]]+)\](:\d+)?$", inner) or re.match(r"([0-9.]+):\d+$", inner)
    return [address(plain[1] if plain else inner, path)]


def wanted_network(params: Mapping[str, Any]) -> Wanted:
    """Raises CephError for what is wrong whatever the node looks like."""
    sections: dict[str, Values] = {"global": _values(params, "")}
    for number, entry in enumerate(params["sections"] or []):
        name, path = entry["name"], f"sections[{number}]"
        if name in sections:
            raise CephError(f"{path}: section '{name}' stands there twice; merge the two")
        if not re.match(r"(global|client|(mon|mgr|osd|mds)(\.[A-Za-z0-9_.-]+)?)$", name):
            raise CephError(
                f"{path}.name: '{name}' is no section of Ceph's daemons; use mon, osd, mgr, mds or one like osd.3"
            )
        sections[name] = _values(entry, f"{path}.")
    monitors: list[Monitor] = []
    for number, entry in enumerate(params["monitors"] or []):
        monitor = Monitor(entry["name"], address(entry["address"], f"monitors[{number}].address"))
        for other in monitors:
            if monitor.name == other.name or monitor.address == other.address:
                raise CephError(
                    f"monitors[{number}]: '{monitor.name}' with {monitor.address} stands beside '{other.name}' with "
                    f"{other.address}; names and addresses of monitors are unique"
                )
        monitors.append(monitor)
    return Wanted(sections, tuple(monitors), params["mtu"])


def _values(params: Mapping[str, Any], prefix: str) -> Values:
    found: Values = {}
    for key in NETWORKS:
        if params.get(key) is not None:
            networks = [network(text, f"{prefix}{key}") for text in params[key]]
            found[key] = ",".join(str(entry) for entry in networks) or None
    for key in BINDS:
        if params.get(key) is not None:
            found[key] = "true" if params[key] else "false"
    if params.get("mon_host") is not None:
        for text in params["mon_host"]:
            host_addresses(text, f"{prefix}mon_host")
        found["mon_host"] = ",".join(params["mon_host"]) or None
    for key in ADDRESSES:
        if params.get(key) is not None:
            found[key] = str(address(params[key], f"{prefix}{key}")) if params[key] else None
    return found


def apply(conf: Conf, wanted: Wanted) -> None:
    for section, values in wanted.sections.items():
        for key, value in values.items():
            before = conf.get(section, key)
            if before is None or value is None or not same(key, before, value):
                conf.set(section, key, value)


def same(key: str, a: str, b: str) -> bool:
    """Whether two ways to write a value mean the same: a file that is right is not rewritten for its spelling."""
    if a == b:
        return True
    try:
        if key in BINDS:
            return _WORDS[a.lower()] == _WORDS[b.lower()]
        if key in NETWORKS:
            return split_networks(a, key) == split_networks(b, key)
        if key in ADDRESSES:
            return address(a, key) == address(b, key)
        return False
    except (CephError, KeyError):
        return False


def split_networks(text: str | None, path: str) -> list[Network]:
    return [network(word, path) for word in re.split(r"[,;\s]+", text or "") if word]


def effective(conf: Conf, daemon: str) -> Values:
    """What counts for a daemon (`osd.3`): its own section before that of its kind before [global]."""
    kind = daemon.partition(".")[0]
    found: Values = dict.fromkeys(OWNED)
    for section in ("global", kind, daemon):
        found.update({key: value for key, value in conf.options(section).items() if key in OWNED})
    return found


def bound(values: Values) -> dict[int, bool]:
    """IP version → whether daemons bind it; Ceph's defaults are IPv4 alone."""
    found = {4: True, 6: False}
    for key, version in (("ms_bind_ipv4", 4), ("ms_bind_ipv6", 6)):
        text = values.get(key)
        if text:
            found[version] = _WORDS.get(text.lower(), False)
    return found


def check_families(values: Values, monitors: Sequence[Monitor], path: str) -> None:
    """One family for everything: a daemon that binds both needs an address of both in every list, or fails."""
    versions: dict[int, str] = {}
    for key in NETWORKS:
        for entry in split_networks(values.get(key), f"{path}{key}"):
            versions.setdefault(entry.version, f"{key} {entry}")
    for key in ADDRESSES:
        text = values.get(key)
        if text:
            value = address(text, f"{path}{key}")
            versions.setdefault(value.version, f"{key} {value}")
    for value in host_addresses(values.get("mon_host") or "", f"{path}mon_host"):
        versions.setdefault(value.version, f"mon_host {value}")
    for monitor in monitors:
        versions.setdefault(monitor.address.version, f"monitor {monitor.name} {monitor.address}")
    if len(versions) > 1:
        raise CephError(
            f"{path or 'global: '}{versions[4]} and {versions[6]} are of two families; give all networks, "
            "addresses and monitors one family"
        )
    for version, what in versions.items():
        flags = bound(values)
        other = 10 - version
        if not flags[version]:
            raise CephError(
                f"ms_bind_ipv{version} is false, and {what} is {_FAMILY[version]}; set ms_bind_ipv{version}: true"
            )
        if flags[other]:
            raise CephError(
                f"ms_bind_ipv{other} is true, and {what} is {_FAMILY[version]}: a daemon would look for an "
                f"{_FAMILY[other]} address, find none and not start; set ms_bind_ipv{other}: false"
            )


def check_monitors(values: Values, monitors: Sequence[Monitor]) -> None:
    networks = split_networks(values.get("public_network"), "public_network")
    if not networks:
        return
    listed = ", ".join(str(entry) for entry in networks)
    known = [(f"monitor {m.name}", m.address) for m in monitors]
    known += [("mon_host", a) for a in host_addresses(values.get("mon_host") or "", "mon_host")]
    for what, value in known:
        if not any(value in entry for entry in networks):
            raise CephError(f"{what}: {value} lies outside of public_network {listed}; correct one of the two")
