# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Words of FRR's configuration language: addresses, prefixes, communities. Private to this collection."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

Line = tuple[tuple[str, ...], str]

# 32-bit values of the names that FRR prints instead of numbers (RFC 1997, 3765, 7611, 7999, 8326).
WELL_KNOWN_COMMUNITIES = {
    "internet": 0x00000000,
    "graceful-shutdown": 0xFFFF0000,
    "accept-own": 0xFFFF0001,
    "route-filter-translated-v4": 0xFFFF0002,
    "route-filter-v4": 0xFFFF0003,
    "route-filter-translated-v6": 0xFFFF0004,
    "route-filter-v6": 0xFFFF0005,
    "llgr-stale": 0xFFFF0006,
    "no-llgr": 0xFFFF0007,
    "accept-own-nexthop": 0xFFFF0008,
    "blackhole": 0xFFFF029A,
    "no-export": 0xFFFFFF01,
    "no-advertise": 0xFFFFFF02,
    "local-AS": 0xFFFFFF03,
    "no-peer": 0xFFFFFF04,
}


def address(text: str) -> str:
    """The address as FRR prints it (lower case, compressed); anything else unchanged."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def prefix(text: str) -> str:
    """The prefix with its host bits cleared, as FRR prints it; anything else (``any``) unchanged."""
    if "/" not in text:
        return text
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return text


def afi_of(text: str) -> str | None:
    """``ipv4`` or ``ipv6`` of an address or prefix, None for anything else."""
    try:
        return f"ipv{ipaddress.ip_interface(text).version}"
    except ValueError:
        return None


def is_address(text: str) -> bool:
    return "/" not in text and afi_of(text) is not None


def community_value(text: str) -> int | None:
    """The community as a number; None for what is neither ``AA:NN`` nor a name."""
    if text in WELL_KNOWN_COMMUNITIES:
        return WELL_KNOWN_COMMUNITIES[text]
    high, colon, low = text.partition(":")
    if colon and high.isdigit() and low.isdigit() and int(high) < 65536 and int(low) < 65536:
        return int(high) << 16 | int(low)
    return None


def large_community_value(text: str) -> tuple[int, ...] | None:
    """The large community (RFC 8092) as three numbers, or None."""
    parts = text.split(":")
    if len(parts) == 3 and all(part.isdigit() and int(part) < 1 << 32 for part in parts):
        return tuple(int(part) for part in parts)
    return None


def sorted_communities(words: Iterable[str]) -> list[str]:
    """In FRR's order: by value, once each. Unchanged when one of them is not a community."""
    values = {word: community_value(word) for word in words}
    if any(value is None for value in values.values()):
        return list(words)
    return sorted(values, key=lambda word: values[word] or 0)


def sorted_large_communities(words: Iterable[str]) -> list[str]:
    values = {word: large_community_value(word) for word in words}
    if any(value is None for value in values.values()):
        return list(words)
    return sorted(values, key=lambda word: values[word] or ())


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key that puts 9 before 10."""
    parts: list[tuple[int, int, str]] = []
    number = ""
    for character in text + "\0":
        if character.isdigit() and character.isascii():
            number += character
            continue
        if number:
            parts.append((0, int(number), ""))
            number = ""
        parts.append((1, 0, character))
    return tuple(parts)
