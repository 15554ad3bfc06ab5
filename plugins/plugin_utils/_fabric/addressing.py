# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses: parsing in all the forms of a fabric file, and allocation, which is always pool[id].

netaddr is imported when the first address is looked at, so that the documentation can be read without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .errors import MissingLibrary

FAMILIES = ("ipv4", "ipv6")
LENGTH = {"ipv4": 32, "ipv6": 128}
DEFAULT_ROUTE = {"ipv4": "0.0.0.0/0", "ipv6": "::/0"}
HALVES = {"ipv4": ("0.0.0.0/1", "128.0.0.0/1"), "ipv6": ("::/1", "8000::/1")}


def _netaddr() -> Any:
    try:
        import netaddr  # noqa: PLC0415 - see the module's docstring
    except ImportError as exc:
        raise MissingLibrary("netaddr") from exc
    return netaddr


def family_of(value: str) -> str:
    """``ipv6`` for whatever has a colon."""
    return "ipv6" if ":" in value else "ipv4"


def address(value: str) -> str:
    """An address in its canonical form (RFC 5952). Raises ValueError."""
    netaddr = _netaddr()
    try:
        # not inet_aton's short forms: 10.1 is a typing error
        return str(netaddr.IPAddress(value, flags=netaddr.INET_PTON))
    except (netaddr.AddrFormatError, ValueError, TypeError) as exc:
        raise ValueError(f"'{value}' is not an IP address") from exc


def prefix(value: str) -> str:
    """A prefix in its canonical form; host bits must be zero. Raises ValueError."""
    interface = interface_address(value)
    if "/" not in value:
        raise ValueError(f"'{value}' has no prefix length")
    network = str(_netaddr().IPNetwork(interface).cidr)
    if network != interface:
        raise ValueError(f"'{value}' has host bits set; its network is {network}")
    return network


def interface_address(value: str) -> str:
    """An address with or without a prefix length, canonical; the length stays as it was. Raises ValueError."""
    host, slash, length = value.partition("/")
    host = address(host)
    if not slash:
        return host
    if not length.isdigit() or int(length) > LENGTH[family_of(host)]:
        raise ValueError(f"'{value}' has no valid prefix length")
    return f"{host}/{int(length)}"


def same_network(a: str, b: str) -> bool:
    """Whether two interface addresses with lengths have the same network."""
    netaddr = _netaddr()
    return bool(netaddr.IPNetwork(a).cidr == netaddr.IPNetwork(b).cidr)


def network_of(value: str) -> tuple[str, str]:
    """The network of an interface address, and an address in it that a host may have, both with their length."""
    network = _netaddr().IPNetwork(value).cidr
    return str(network), f"{network[1 if network.size > 1 else 0]}/{network.prefixlen}"


@lru_cache(maxsize=65536)  # asked for every pair of node and pool, again for every node
def contains(outer: str, inner: str) -> bool:
    """Whether prefix *inner* (or address) lies inside of prefix *outer*."""
    netaddr = _netaddr()
    return family_of(outer) == family_of(inner) and netaddr.IPNetwork(inner) in netaddr.IPNetwork(outer)


def overlap(a: str, b: str) -> bool:
    return contains(a, b) or contains(b, a)


def spanning(values: list[str]) -> str:
    """The smallest prefix that contains all these addresses, which are of one family."""
    netaddr = _netaddr()
    if len(values) == 1:
        return host_prefix(values[0])
    return str(netaddr.spanning_cidr(values))


def from_pool(pool: str, index: int) -> str | None:
    """The address pool[index], None where the pool ends before it."""
    network = _netaddr().IPNetwork(pool)
    return str(network[index]) if index < network.size else None


def pool_last(pool: str) -> int:
    return int(_netaddr().IPNetwork(pool).size) - 1


def of_family(values: Iterable[str], family: str) -> list[str]:
    """Those of one family, in their order."""
    return [value for value in values if family_of(value) == family]


def host_prefix(value: str) -> str:
    """``192.0.2.1`` as ``192.0.2.1/32``."""
    return f"{value}/{LENGTH[family_of(value)]}"


def link_ends(value: str) -> tuple[str, str] | None:
    """The two ends of a numbered link, with lengths: the first two usable addresses; None where there are not two.

    A /31 and a /127 have no network address (RFC 3021, RFC 6164).
    """
    network = _netaddr().IPNetwork(value)
    bits = LENGTH[family_of(value)] - network.prefixlen
    if bits == 0 or (bits > 2 and network.prefixlen != 64):
        return None
    first = 0 if bits == 1 else 1
    return f"{network[first]}/{network.prefixlen}", f"{network[first + 1]}/{network.prefixlen}"


def asn_range(value: str) -> tuple[int, int]:
    """``64512-64999`` as its two ends. Raises ValueError."""
    match = re.fullmatch(r"(\d+)-(\d+)", value)
    if not match:
        raise ValueError(f"'{value}' is not a range of AS numbers")
    low, high = int(match[1]), int(match[2])
    if not 0 < low < high < 2**32 - 1:
        raise ValueError(f"'{value}' is not a range of AS numbers")
    return low, high


def mac_address(value: str) -> str:
    """The MAC address of one network interface, in lower case with colons. Raises ValueError."""
    match = re.fullmatch(r"([0-9A-Fa-f]{2})([:-])([0-9A-Fa-f]{2})(?:\2[0-9A-Fa-f]{2}){4}", value)
    if not match:
        raise ValueError(f"'{value}' is not a MAC address")
    if int(match[1], 16) & 1:
        raise ValueError(f"'{value}' is a multicast address, which no interface can have")
    if not value.strip("0:-"):
        raise ValueError(f"'{value}' is not a MAC address")
    return value.replace("-", ":").lower()


def span(value: str) -> tuple[int, int]:
    """The first and the last address of a prefix or address, as numbers: to compare thousands of them quickly."""
    host, _slash, length = value.partition("/")
    number = int(_netaddr().IPAddress(host))
    maximum = LENGTH[family_of(host)]
    size = 1 << (maximum - int(length or maximum))
    return number & -size, (number & -size) + size - 1


@dataclass(frozen=True)
class PrefixRule:
    """A prefix as a line of a prefix list."""

    prefix: str
    ge: int | None = None
    le: int | None = None

    @property
    def family(self) -> str:
        return family_of(self.prefix)

    @property
    def length(self) -> int:
        return int(self.prefix.rpartition("/")[2])

    def covers(self) -> list[str]:
        """Prefixes inside of which everything lies that the rule permits; 0.0.0.0/0 means the default route itself."""
        if self.length == 0 and (self.ge or self.le):
            return [*([] if self.ge else [self.prefix]), *HALVES[self.family]]
        return [self.prefix]


def prefix_rule(value: str) -> PrefixRule:
    """``192.0.2.0/24 ge 26 le 28``. Raises ValueError; the bounds are checked by :func:`rule_in_bounds`."""
    match = re.fullmatch(r"(\S+)(?: ge (\d+))?(?: le (\d+))?", value)
    if not match:
        raise ValueError(f"'{value}' is not a prefix with ge and le")
    return PrefixRule(prefix(match[1]), int(match[2]) if match[2] else None, int(match[3]) if match[3] else None)


def rule_in_bounds(rule: PrefixRule) -> bool:
    maximum = LENGTH[rule.family]
    low = rule.length
    if rule.ge is not None and not low < rule.ge <= maximum:
        return False
    return rule.le is None or max(low + 1, rule.ge or 0) <= rule.le <= maximum
