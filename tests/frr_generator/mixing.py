# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two configurations mixed into a third."""

from __future__ import annotations

import copy
import random
from typing import Any

from .values import (
    AS_PATH_LISTS,
    ASN,
    BFD_PROFILES,
    COMMUNITY_LISTS,
    GROUPS,
    LARGE_COMMUNITY_LISTS,
    PREFIX_LISTS,
    ROUTE_MAPS,
)

# Values that hang together: taken whole from one side or the other.
WHOLE = (
    "entries",
    "match",
    "set",
    "timers",
    "local_as",
    "bfd",
    "maximum_prefix",
    "advertise_map",
    "dup_addr_detection",
)
KEYS = (
    "name",
    "afi",
    "safi",
    "kind",
    "neighbor",
    "vrf",
    "prefix",
    "next_hop",
    "interface",
    "table",
    "vni",
    "protocol",
)


def mix(mine: Any, theirs: Any, rng: random.Random, rate: float) -> Any:
    if isinstance(mine, dict) and isinstance(theirs, dict):
        mixed: dict[str, Any] = {}
        for key in dict.fromkeys([*mine, *theirs]):
            if key in WHOLE or key not in mine or key not in theirs:
                source = theirs if rng.random() < rate else mine
                if key in source:
                    mixed[key] = copy.deepcopy(source[key])
            else:
                mixed[key] = mix(mine[key], theirs[key], rng, rate)
        return mixed
    if isinstance(mine, list) and mine and isinstance(mine[0], dict) and isinstance(theirs, list):
        return _mix_lists(mine, theirs, rng, rate)
    return copy.deepcopy(theirs if rng.random() < rate else mine)


def _identity(item: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(str(item.get(key)) for key in KEYS if not (key == "interface" and "neighbor" in item))


def _mix_lists(mine: list[Any], theirs: list[Any], rng: random.Random, rate: float) -> list[Any]:
    others = {_identity(item): item for item in theirs}
    mixed = []
    for item in mine:
        other = others.pop(_identity(item), None)
        if other is not None and _same_place(item, other):
            mixed.append(mix(item, other, rng, rate))
        elif other is not None:
            mixed.append(copy.deepcopy(other if rng.random() < rate else item))
        elif _always(item) or rng.random() >= rate:
            mixed.append(copy.deepcopy(item))
    mixed.extend(copy.deepcopy(item) for item in others.values() if rng.random() < rate)
    return mixed


def _same_place(item: dict[str, Any], other: dict[str, Any]) -> bool:
    """A neighbor that changed its group or AS, an instance with another AS, is taken whole from one side."""
    return all(item.get(key) == other.get(key) for key in ("peer_group", "remote_as", "asn"))


def _always(item: dict[str, Any]) -> bool:
    core = {
        *ROUTE_MAPS,
        *PREFIX_LISTS,
        *AS_PATH_LISTS,
        *COMMUNITY_LISTS,
        *LARGE_COMMUNITY_LISTS,
        *BFD_PROFILES,
        *GROUPS,
    }
    return item.get("name") in core or (item.get("asn") == ASN and item.get("vrf", "default") == "default")
