# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random policy objects, static routes, interfaces and BFD profiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .values import (
    AS_PATH_LISTS,
    COMMUNITIES,
    COMMUNITY_LISTS,
    LARGE_COMMUNITIES,
    LARGE_COMMUNITY_LISTS,
    PREFIX_LISTS,
    ROUTE_MAPS,
    UNNUMBERED,
    VRF,
    Values,
    network,
)


class Policy(Values):
    def route_map_name(self) -> str:
        return str(self.pick(*ROUTE_MAPS))

    def sequences(self, most: int) -> list[int]:
        return sorted(self.rng.sample(range(1, 60), self.number(1, most)))

    def action(self) -> str:
        return str(self.pick("permit", "deny"))

    def prefix_lists(self) -> list[dict[str, Any]]:
        names = [*PREFIX_LISTS, *(["extra-list"] if self.chance() else [])]
        return [self.prefix_list(name, afi) for name in names for afi in ("ipv4", "ipv6")]

    def prefix_list(self, name: str, afi: str) -> dict[str, Any]:
        entries = []
        used = set()
        for sequence in self.sequences(4):
            entry = {"sequence": sequence, "action": self.action(), **self.prefix_entry(afi)}
            content = tuple(str(value) for key, value in entry.items() if key != "sequence")
            if content not in used:  # FRR refuses the same entry twice
                entries.append(entry)
            used.add(content)
        described = {"description": f"list of {afi}"} if self.chance() else {}
        return {"name": name, "afi": afi, **described, "entries": entries}

    def prefix_entry(self, afi: str) -> dict[str, Any]:
        if self.chance(0.15):
            return {"prefix": "any"}
        width = 32 if afi == "ipv4" else 128
        length = self.number(8, 24) if afi == "ipv4" else self.number(16, 64)
        text = f"10.{self.number(0, 3)}.0.0/{length}" if afi == "ipv4" else f"2001:db8:{self.number(0, 3):x}::/{length}"
        entry: dict[str, Any] = {"prefix": network(text)}
        if self.chance(0.4):
            entry["ge"] = self.number(length + 1, width)
        if self.chance(0.4):
            entry["le"] = self.number(entry.get("ge", length + 1), width)
        return entry

    def as_path_lists(self) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "entries": [
                    {
                        "sequence": sequence,
                        "action": self.action(),
                        "regex": f"{self.pick('^$', '_65001_', '^65001 65002$', '.*')}",
                    }
                    for sequence in self.sequences(1)
                ],
            }
            for name in AS_PATH_LISTS
        ]

    def community_lists(self, names: list[str], values: list[str]) -> list[dict[str, Any]]:
        standard, expanded = names
        return [
            {
                "name": standard,
                "kind": "standard",
                "entries": [
                    {
                        "sequence": sequence,
                        "action": "permit" if number else self.action(),
                        "communities": self.rng.sample(values, number + 1),
                    }
                    for number, sequence in enumerate(self.sequences(3))
                ],
            },
            {
                "name": expanded,
                "kind": "expanded",
                "entries": [
                    {"sequence": sequence, "action": self.action(), "regex": self.pick("65000:.*", "_65000:1_")}
                    for sequence in self.sequences(1)
                ],
            },
        ]

    def route_map(self, index: int) -> dict[str, Any]:
        sequences = self.sequences(3)
        return {"name": ROUTE_MAPS[index], "entries": [self.route_map_entry(index, sequence) for sequence in sequences]}

    def route_map_entry(self, index: int, sequence: int) -> dict[str, Any]:
        entry: dict[str, Any] = {"sequence": sequence, "action": self.action()}
        if self.chance():
            entry["description"] = f"entry {sequence} of {index}"
        if index + 1 < len(ROUTE_MAPS) and self.chance(0.2):
            entry["call"] = self.pick(*ROUTE_MAPS[index + 1 :])  # only later ones: no loop
        if entry["action"] == "permit" and self.chance(0.2):  # FRR refuses it in an entry that denies
            entry["on_match"] = self.pick("next", f"goto {sequence + self.number(1, 40)}")
        match, settings = self.match(), self.set()
        return {**entry, **({"match": match} if match else {}), **({"set": settings} if settings else {})}

    def match(self) -> dict[str, Any]:
        def listed(names: list[str]) -> Callable[[], Any]:
            return lambda: {"list": self.pick(*names), **({"exact": True} if self.chance(0.5) else {})}

        return self.some(
            {
                "ip_prefix_list": lambda: self.pick(*PREFIX_LISTS),
                "ipv6_prefix_list": lambda: self.pick(*PREFIX_LISTS),
                "ip_next_hop_prefix_list": lambda: self.pick(*PREFIX_LISTS),
                "as_path": lambda: self.pick(*AS_PATH_LISTS),
                "community": listed(COMMUNITY_LISTS),
                "large_community": listed(LARGE_COMMUNITY_LISTS),
                "interface": lambda: self.pick(*UNNUMBERED),
                "metric": lambda: self.number(1, 1000),
                "tag": lambda: self.number(1, 1000),
                "local_preference": lambda: self.number(1, 1000),
                "peer": lambda: self.pick("192.0.2.10", "2001:db8:99::a", "dum0", "local"),
                "source_protocol": lambda: self.pick("bgp", "static", "connected", "kernel"),
                "evpn_route_type": lambda: self.pick("ead", "macip", "multicast", "es", "prefix"),
                "evpn_vni": lambda: self.number(1, 9000),
                "evpn_default_route": lambda: True,
            },
            0.12,
        )

    def set(self) -> dict[str, Any]:
        def values(known: list[str]) -> Callable[[], Any]:
            def make() -> dict[str, Any]:
                chosen = self.rng.sample(known, self.number(0, 3))
                return {"values": chosen, **({"additive": True} if chosen and self.chance(0.5) else {})}

            return make

        settings = self.some(
            {
                "as_path_prepend": lambda: [self.number(65000, 65010) for _ in range(self.number(1, 3))],
                "as_path_prepend_last_as": lambda: self.number(1, 10),
                "community": values(COMMUNITIES),
                "large_community": values(LARGE_COMMUNITIES),
                "comm_list_delete": lambda: self.pick(*COMMUNITY_LISTS),
                "local_preference": lambda: self.number(1, 1000),
                "metric": lambda: self.pick("10", "+5", "-5", "rtt", "+rtt", "-rtt"),
                "ip_next_hop": lambda: self.pick("192.0.2.1", "unchanged", "peer-address"),
                "ipv6_next_hop_global": lambda: "2001:db8::1",
                "ipv6_next_hop_prefer_global": lambda: True,
                "origin": lambda: self.pick("igp", "egp", "incomplete"),
                "src": lambda: self.pick("192.0.2.1", "2001:db8::1"),
                "tag": lambda: self.number(1, 1000),
                "weight": lambda: self.number(0, 1000),
            },
            0.12,
        )
        if "as_path_prepend" in settings:
            settings.pop("as_path_prepend_last_as", None)
        return settings

    # zebra, static, BFD

    def static_routes(self) -> list[dict[str, Any]]:
        routes = []
        for number in self.rng.sample(range(20), self.number(0, 6)):
            route: dict[str, Any] = (
                {"prefix": f"198.51.{100 + number}.0/24"} if number % 2 else {"prefix": f"2001:db8:a{number:02x}::/48"}
            )
            kind = self.pick("blackhole", "next_hop", "interface", "both")
            if kind == "blackhole":
                route["blackhole"] = True
            if kind in ("next_hop", "both"):
                route["next_hop"] = (
                    f"192.0.2.{self.number(2, 9)}" if number % 2 else f"2001:db8:99::{self.number(2, 9)}"
                )
            if kind in ("interface", "both"):
                route["interface"] = self.pick(*UNNUMBERED)
            route.update(
                self.some({"distance": lambda: self.number(1, 255), "tag": lambda: self.number(1, 4294967295)})
            )
            if self.chance(0.2):
                route["vrf"] = VRF
            elif self.chance(0.2):
                route["table"] = self.number(100, 110)
            routes.append(route)
        return routes

    def interfaces(self) -> list[dict[str, Any]]:
        interfaces = []
        for name in UNNUMBERED:
            nd = self.some(
                {
                    "suppress_ra": lambda: self.chance(0.2),
                    "ra_interval_ms": lambda: self.pick(500, 1000, 10000, 15500, 600000),
                    "ra_lifetime_s": lambda: self.pick(0, 1800, 9000),
                    "managed_config": lambda: True,
                    "other_config": lambda: True,
                },
                0.4,
            )
            if nd:
                interfaces.append({"name": name, "nd": nd})
        return interfaces

    def bfd_profile(self, name: str) -> dict[str, Any]:
        return {
            "name": name,
            **self.some(
                {
                    "detect_multiplier": lambda: self.number(2, 10),
                    "transmit_interval_ms": lambda: self.pick(100, 300, 500),
                    "receive_interval_ms": lambda: self.pick(100, 300, 500),
                    "echo_transmit_interval_ms": lambda: self.pick(50, 60),
                    "echo_receive_interval_ms": lambda: self.pick(50, 70),
                    "minimum_ttl": lambda: self.pick(200, 254),
                }
            ),
            **self.flags("echo_mode", "passive_mode", "shutdown"),
        }
