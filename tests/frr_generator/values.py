# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and numbers that generated configurations draw from."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable
from typing import Any

ASN = 65001
VRF = "red"
# Objects that are always there, so that every reference between two generated configurations is a defined one.
ROUTE_MAPS = [f"fabric-map{number}" for number in range(1, 5)]
PREFIX_LISTS = ["fabric-list1", "fabric-list2"]
AS_PATH_LISTS = ["fabric-path1", "fabric-path2"]
COMMUNITY_LISTS = ["fabric-community1", "fabric-community2"]
LARGE_COMMUNITY_LISTS = ["fabric-large1", "fabric-large2"]
BFD_PROFILES = ["fabric-fast", "fabric-slow"]
COMMUNITIES = [
    "65000:1",
    "65000:20",
    "65000:3",
    "64512:9",
    "no-export",
    "no-advertise",
    "local-AS",
    "graceful-shutdown",
]
LARGE_COMMUNITIES = ["65000:1:1", "65000:2:1", "65000:10:1", "4200000000:0:7"]
GROUPS = {"EXTERNAL": "external", "SIXTYTWO": 65062, "INTERNAL": "internal", "OPEN": None}
UNNUMBERED = ["dum0", "dum1", "dum2"]
ADDRESSES4 = [f"192.0.2.{number}" for number in range(10, 18)]
ADDRESSES6 = [f"2001:db8:99::{number:x}" for number in range(10, 14)]


# FRR mixes these with the peer group's: refused.
NOT_FOR_MEMBERS = (
    "attribute_unchanged",
    "next_hop_unchanged",
    "route_server_client",
    "advertise_map",
    "allowas_in",
    "maximum_prefix",
)
NEED_ALL_VNI = ("advertise_svi_ip", "advertise_default_gw", "dup_addr_detection", "flooding", "vnis")


class Values:
    def __init__(self, rng: random.Random, version: tuple[int, int], peers: list[str]) -> None:
        self.rng = rng
        self.newer = version >= (10, 0)
        self.peers = peers

    def chance(self, probability: float = 0.3) -> bool:
        return self.rng.random() < probability

    def pick(self, *values: Any) -> Any:
        return self.rng.choice(values)

    def number(self, low: int, high: int) -> int:
        return self.rng.randint(low, high)

    def some(self, options: dict[str, Callable[[], Any]], probability: float = 0.25) -> dict[str, Any]:
        """Each option with that probability."""
        return {key: make() for key, make in options.items() if self.chance(probability)}

    def flags(self, *names: str, probability: float = 0.25) -> dict[str, Any]:
        return {name: self.chance(0.6) for name in names if self.chance(probability)}


def is_address(text: str) -> bool:
    return ":" in text or text.replace(".", "").isdigit()


def network(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False))
