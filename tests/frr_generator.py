# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random configurations for ``frr_bgp`` that FRR accepts, to compare what we think of FRR with what FRR does.

``generate(seed, version, peers)`` makes one; ``mutate(config, seed)`` makes a neighbour of one: part of it the same, part
of it other.
Over some hundred seeds every option of the argument tree occurs (tests/unit/frr/test_generator.py).
"""

from __future__ import annotations

import copy
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

Chance = Callable[[float], bool]


def generate(seed: int, version: tuple[int, int], peers: list[str]) -> dict[str, Any]:
    """A configuration that FRR of this version accepts whole.

    peers: interface names or addresses of neighbors that really answer. Each is a neighbor of the default instance,
    external, with only such attributes as leave the session up.
    """
    return _Generator(random.Random(f"frr {seed}"), version, peers).config()


def mutate(
    config: dict[str, Any], seed: int, version: tuple[int, int] = (8, 4), peers: list[str] | None = None
) -> dict[str, Any]:
    """A valid configuration that has some parts of ``config`` and some of another.

    peers: as for generate; None: those that stand in ``config``. The default version's options exist in later ones, too.
    """
    rng = random.Random(f"mutate {seed}")
    if peers is None:
        known = {*UNNUMBERED, *ADDRESSES4, *ADDRESSES6}
        default = [item for item in config.get("instances", []) if item.get("vrf", "default") == "default"]
        names = [neighbor["neighbor"] for item in default for neighbor in item.get("neighbors", [])]
        peers = [name for name in names if name not in known]
    other = generate(rng.randrange(1 << 30), version, peers)
    mixed = _mix(config, other, rng, 0.3)
    return _repair(mixed)


# Values that hang together: taken whole from one side or the other.
WHOLE = ("entries", "match", "set", "timers", "local_as", "maximum_prefix", "advertise_map", "dup_addr_detection")
KEYS = (
    "name",
    "afi",
    "safi",
    "kind",
    "neighbor",
    "asn",
    "vrf",
    "prefix",
    "next_hop",
    "interface",
    "table",
    "vni",
    "protocol",
)


def _mix(mine: Any, theirs: Any, rng: random.Random, rate: float) -> Any:
    if isinstance(mine, dict) and isinstance(theirs, dict):
        mixed: dict[str, Any] = {}
        for key in dict.fromkeys([*mine, *theirs]):
            if key in WHOLE or key not in mine or key not in theirs:
                source = theirs if rng.random() < rate else mine
                if key in source:
                    mixed[key] = copy.deepcopy(source[key])
            else:
                mixed[key] = _mix(mine[key], theirs[key], rng, rate)
        return mixed
    if isinstance(mine, list) and mine and isinstance(mine[0], dict) and isinstance(theirs, list):
        return _mix_lists(mine, theirs, rng, rate)
    return copy.deepcopy(theirs if rng.random() < rate else mine)


def _identity(item: dict[str, Any]) -> tuple[Any, ...]:
    keys = (
        "name",
        "afi",
        "safi",
        "kind",
        "neighbor",
        "asn",
        "vrf",
        "prefix",
        "next_hop",
        "interface",
        "table",
        "vni",
        "protocol",
    )
    return tuple(str(item.get(key)) for key in keys if not (key == "interface" and "neighbor" in item))


def _mix_lists(mine: list[Any], theirs: list[Any], rng: random.Random, rate: float) -> list[Any]:
    others = {_identity(item): item for item in theirs}
    mixed = []
    for item in mine:
        other = others.pop(_identity(item), None)
        if other is not None and _same_place(item, other):
            mixed.append(_mix(item, other, rng, rate))
        elif other is not None:
            mixed.append(copy.deepcopy(other if rng.random() < rate else item))
        elif _always(item) or rng.random() >= rate:
            mixed.append(copy.deepcopy(item))
    mixed.extend(copy.deepcopy(item) for item in others.values() if rng.random() < rate)
    return mixed


def _same_place(item: dict[str, Any], other: dict[str, Any]) -> bool:
    """A neighbor that changed its group or AS is taken whole from one side."""
    return all(item.get(key) == other.get(key) for key in ("peer_group", "remote_as"))


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


def _repair(config: dict[str, Any]) -> dict[str, Any]:
    """Rules between two parts of an instance that mixing may have broken."""
    vrfs = {item.get("vrf", "default") for item in config["instances"]}
    for instance in config["instances"]:
        for block in [*instance.get("peer_groups", []), *instance.get("neighbors", [])]:
            if "ebgp_multihop" in block:
                block.pop("ttl_security_hops", None)
        named = {block["neighbor"]: block for block in instance.get("neighbors", [])}
        named.update({block["name"]: block for block in instance.get("peer_groups", [])})
        for family in instance.get("address_families", []):
            if "neighbors" in family:
                family["neighbors"] = [item for item in family["neighbors"] if item["neighbor"] in named]
            for item in family.get("neighbors", []):
                _repair_family_neighbor(item, named[item["neighbor"]])
                if item.get("addpath_tx") == "bestpath_per_as" and not instance.get("deterministic_med", True):
                    del instance["deterministic_med"]
            if "import_vrf" in family and VRF not in vrfs:
                del family["import_vrf"]
            if family["afi"] == "l2vpn" and not family.get("advertise_all_vni"):
                for key in NEED_ALL_VNI:
                    family.pop(key, None)
    return config


def _repair_family_neighbor(item: dict[str, Any], block: dict[str, Any]) -> None:
    group = block.get("peer_group")
    if group:
        for key in NOT_FOR_MEMBERS:
            item.pop(key, None)
    internal = "internal" in (block.get("remote_as"), GROUPS.get(group or ""))
    for key in ("as_override", "remove_private_as", "route_server_client") if internal else ("route_reflector_client",):
        item.pop(key, None)


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


class _Generator:
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

    def config(self) -> dict[str, Any]:
        with_vrf = self.chance(0.5)
        config: dict[str, Any] = {
            "prefix_lists": self.prefix_lists(),
            "as_path_lists": self.as_path_lists(),
            "community_lists": self.community_lists(COMMUNITY_LISTS, COMMUNITIES),
            "large_community_lists": self.community_lists(LARGE_COMMUNITY_LISTS, LARGE_COMMUNITIES),
            "route_maps": [self.route_map(index) for index in range(len(ROUTE_MAPS))],
            "static_routes": self.static_routes(),
            "interfaces": self.interfaces(),
            "bfd_profiles": [self.bfd_profile(name) for name in BFD_PROFILES],
            "instances": [self.default_instance(with_vrf)],
        }
        if with_vrf:
            config["instances"].append(self.vrf_instance())
        if self.chance():
            config["router_id"] = {"ipv4": f"10.0.0.{self.number(1, 9)}"}
            if self.newer and self.chance(0.5):
                config["router_id"]["ipv6"] = f"2001:db8::{self.number(1, 9)}"
        if self.chance(0.4):
            pairs = [(afi, protocol) for afi in ("ipv4", "ipv6") for protocol in ("bgp", "static") if self.chance(0.6)]
            config["protocol_route_maps"] = [
                {"afi": afi, "protocol": protocol, "route_map": self.route_map_name()} for afi, protocol in pairs
            ]
        return _repair({key: value for key, value in config.items() if value})

    # policy objects

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
        entry: dict[str, Any] = {"prefix": _network(text)}
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

    # BGP

    def default_instance(self, with_vrf: bool) -> dict[str, Any]:
        instance: dict[str, Any] = {
            "asn": ASN,
            "router_id": "10.0.0.1",
            **self.some({"cluster_id": lambda: f"10.0.0.{self.number(1, 9)}"}),
            **self.flags(
                "default_ipv4_unicast",
                "ebgp_requires_policy",
                "network_import_check",
                "log_neighbor_changes",
                "always_compare_med",
                "deterministic_med",
                "fast_external_failover",
                "suppress_duplicates",
                "graceful_shutdown",
            ),
            **self.some({"conditional_advertisement_interval_s": lambda: self.pick(5, 60, 90)}, 0.15),
        }
        for name, value in (("bestpath", self.bestpath()), ("graceful_restart", self.graceful_restart())):
            if value:
                instance[name] = value
        if self.chance():
            instance["timers"] = self.timers()
        if not self.peers and self.chance(0.15):
            instance["shutdown"] = True  # would end the sessions that must stay
        instance["peer_groups"] = [self.peer_group(name) for name in GROUPS]
        instance["neighbors"] = self.neighbors()
        if self.chance(0.4):
            ranges = [
                {"prefix": p, "peer_group": self.pick("EXTERNAL", "SIXTYTWO", "INTERNAL")}
                for p in ("10.9.0.0/16", "2001:db8:9::/48")
                if self.chance(0.6)
            ]
            listen = {
                **({"ranges": ranges} if ranges else {}),
                **self.some({"limit": lambda: self.number(100, 900)}, 0.5),
            }
            instance.update({"listen": listen} if listen else {})
        families = [self.family("ipv4", with_vrf), self.family("ipv6", with_vrf), self.evpn(instance)]
        for family in families:
            wanted = self.family_neighbors(instance, family["afi"])
            if wanted:
                family["neighbors"] = wanted
        instance["address_families"] = [family for family in families if len(family) > 2]
        return instance

    def vrf_instance(self) -> dict[str, Any]:
        instance: dict[str, Any] = {
            "asn": self.pick(ASN, 65002),
            "vrf": VRF,
            **self.some({"router_id": lambda: "10.0.0.2"}, 0.5),
            "neighbors": [{"neighbor": "192.0.3.2", "remote_as": 65003, **self.attributes("external", False)}],
        }
        family = self.family("ipv4", False)
        family["neighbors"] = [{"neighbor": "192.0.3.2", "activate": True, "route_map": {"out": self.route_map_name()}}]
        evpn: dict[str, Any] = {"afi": "l2vpn", "safi": "evpn", **self.some({"rd": lambda: "65001:9"}, 0.5)}
        if self.chance(0.5):
            evpn["advertise"] = [{"afi": "ipv4", "safi": "unicast", "route_map": self.route_map_name()}]
        if self.chance(0.5):
            evpn["route_targets"] = {"import": ["65001:9"], "export": ["65001:9", "65001:10"]}
        instance["address_families"] = [item for item in (family, evpn) if len(item) > 2]
        return instance

    def bestpath(self) -> dict[str, Any]:
        return self.flags("as_path_multipath_relax", "as_path_ignore", "compare_router_id", "med_missing_as_worst")

    def graceful_restart(self) -> dict[str, Any]:
        return {
            **self.some({"mode": lambda: self.pick("enabled", "disabled", "helper_only")}),
            **self.some(
                {"restart_time_s": lambda: self.pick(60, 120), "stale_path_time_s": lambda: self.pick(200, 360)}, 0.2
            ),
            **self.flags("preserve_forwarding_state", probability=0.2),
        }

    def timers(self) -> dict[str, Any]:
        keepalive, hold = self.pick((3, 9), (60, 180), (5, 15))
        return {"keepalive_s": keepalive, "hold_s": hold}

    def peer_group(self, name: str) -> dict[str, Any]:
        remote_as = GROUPS[name]
        group = {"name": name, **self.attributes(remote_as if remote_as == "internal" else "external", False)}
        if remote_as is not None:
            group["remote_as"] = remote_as
        if self.newer and self.chance(0.1):
            group["solo"] = True
        return group

    def attributes(self, sort: str, unnumbered: bool) -> dict[str, Any]:
        """Attributes that such a neighbor may have."""
        block = self.some(
            {
                "description": lambda: f"number {self.number(1, 99)}",
                "password": lambda: f"word{self.number(1, 99)}",
                "advertisement_interval_s": lambda: self.pick(0, 5, 30),
                "bfd": self.bfd,
                "graceful_restart": lambda: self.pick("enabled", "disabled", "helper"),
                "port": lambda: self.pick(179, 1790),
                "timers": self.neighbor_timers,
            },
            0.2,
        )
        block.update(
            self.flags("passive", "shutdown", "capability_dynamic", "strict_capability_match", probability=0.15)
        )
        if sort == "external":
            block.update(self.flags("enforce_first_as", probability=0.2))
            if self.chance(0.15):
                block["local_as"] = {"asn": 65099, **self.flags_true("no_prepend")}
                if block["local_as"].get("no_prepend") and self.chance(0.5):
                    block["local_as"]["replace_as"] = True
            if self.chance(0.2):
                block["ttl_security_hops"] = 1 if unnumbered else self.number(1, 5)
            elif not unnumbered and self.chance(0.2):
                block["ebgp_multihop"] = self.pick(2, 10, 255)
        if not unnumbered:
            block.update(self.flags("capability_extended_nexthop", "disable_connected_check", probability=0.15))
            block.update(self.some({"update_source": lambda: "lo"}, 0.15))
        return block

    def flags_true(self, *names: str) -> dict[str, Any]:
        return {name: True for name in names if self.chance(0.5)}

    def bfd(self) -> dict[str, Any]:
        if self.chance(0.15):
            return {"enabled": False}
        return {
            "enabled": True,
            **self.some(
                {"profile": lambda: self.pick(*BFD_PROFILES), "check_control_plane_failure": lambda: True}, 0.5
            ),
        }

    def neighbor_timers(self) -> dict[str, Any]:
        timers = {
            **(self.timers() if self.chance(0.6) else {}),
            **self.some({"connect_s": lambda: self.pick(1, 10, 120)}, 0.6),
        }
        return timers or self.timers()

    def neighbors(self) -> list[dict[str, Any]]:
        names = [name for name in [*UNNUMBERED, *ADDRESSES4, *ADDRESSES6] if self.chance(0.4)]
        return [*(self.peer(name) for name in self.peers), *(self.neighbor(name) for name in names)]

    def peer(self, name: str) -> dict[str, Any]:
        """A neighbor that answers: nothing here may keep the session down."""
        unnumbered = not _is_address(name)
        block: dict[str, Any] = {"neighbor": name, "remote_as": "external"}
        if unnumbered:
            block["interface"] = True
            if self.chance(0.2):
                block["v6only"] = True
        if self.chance(0.3):
            block["description"] = f"peer {self.number(1, 5)}"
        if self.chance(0.3):
            block["timers"] = self.neighbor_timers()
        return block

    def neighbor(self, name: str) -> dict[str, Any]:
        unnumbered = not _is_address(name)
        block: dict[str, Any] = {"neighbor": name}
        group = self.pick(None, *GROUPS)
        remote_as = None if group and GROUPS[group] else self.pick("external", 65003, "internal")
        if group == "OPEN":
            remote_as = self.pick("external", 65003)  # members of one group are all internal or all external
        if group:
            block["peer_group"] = group
        if remote_as is not None:
            block["remote_as"] = remote_as
        if unnumbered:
            block["interface"] = True
            if self.chance():
                block["v6only"] = True
        sort = "internal" if "internal" in (remote_as, GROUPS.get(group or "")) else "external"
        if group is None:
            block.update(self.attributes(sort, unnumbered))
            if self.chance(0.1):
                block["solo"] = True
        else:
            block.update(self.some({"description": lambda: f"member {self.number(1, 9)}"}, 0.5))
            block.update(self.some({"password": lambda: "own", "timers": self.neighbor_timers}, 0.1))
        if unnumbered and self.chance(0.1):
            block["capability_extended_nexthop"] = True
        return block

    def family(self, afi: str, with_vrf: bool) -> dict[str, Any]:
        family: dict[str, Any] = {"afi": afi, "safi": "unicast"}
        width = 24 if afi == "ipv4" else 48

        def network(number: int) -> str:
            return f"10.{number}.0.0/{width}" if afi == "ipv4" else f"2001:db8:{number:x}::/{width}"

        def mapped() -> dict[str, Any]:
            return {"route_map": self.route_map_name()} if self.chance() else {}

        networks = [{"prefix": network(number), **mapped()} for number in range(20, 24) if self.chance()]
        aggregates = [
            {"prefix": network(number), **self.flags_true("as_set", "summary_only"), **mapped()}
            for number in range(30, 33)
            if self.chance(0.2)
        ]
        protocols = ["connected", "kernel", "static", "ospf" if afi == "ipv4" else "ospf6"]
        redistribute = [
            {"protocol": protocol, **self.some({"metric": lambda: self.number(0, 100)}), **mapped()}
            for protocol in protocols
            if self.chance(0.25)
        ]
        if self.newer and self.chance():
            redistribute.append({"protocol": "table-direct", "table": self.number(100, 103), **mapped()})
        for key, value in (("networks", networks), ("aggregates", aggregates), ("redistribute", redistribute)):
            if value:
                family[key] = value
        maximum = self.some({"ebgp": lambda: self.number(1, 64), "ibgp": lambda: self.number(1, 64)})
        if maximum:
            family["maximum_paths"] = maximum
        if with_vrf and self.chance(0.2):
            family["import_vrf"] = [VRF]
        return family

    def evpn(self, _instance: dict[str, Any]) -> dict[str, Any]:
        family: dict[str, Any] = {"afi": "l2vpn", "safi": "evpn"}
        if self.chance(0.4):
            family["advertise"] = [
                {"afi": afi, "safi": "unicast", **({"route_map": self.route_map_name()} if self.chance(0.5) else {})}
                for afi in ("ipv4", "ipv6")
                if self.chance(0.5)
            ]
            if not family["advertise"]:
                del family["advertise"]
        family.update(self.some({"rd": lambda: "65001:1"}, 0.2))
        if self.chance(0.2):
            family["route_targets"] = {"import": ["65001:1", "65001:2"], "export": ["65001:1"]}
        if self.chance(0.6):
            family["advertise_all_vni"] = True
            family.update(self.flags("advertise_svi_ip", "advertise_default_gw"))
            family.update(
                self.some(
                    {
                        "dup_addr_detection": self.dup_addr_detection,
                        "flooding": lambda: self.pick("head_end_replication", "disable"),
                        "vnis": lambda: (
                            [self.vni(number) for number in (100, 200, 4000) if self.chance(0.7)] or [self.vni(7)]
                        ),
                    },
                    0.4,
                )
            )
        return family

    def dup_addr_detection(self) -> dict[str, Any]:
        if self.chance(0.25):
            return {"enabled": False}
        value: dict[str, Any] = {"max_moves": self.pick(5, 10), "time_s": self.pick(180, 200)}
        if self.chance(0.5):
            value["freeze"] = self.pick("permanent", "60")
        return value

    def vni(self, number: int) -> dict[str, Any]:
        block: dict[str, Any] = {"vni": number, **self.flags_true("advertise_svi_ip", "advertise_default_gw")}
        if self.chance(0.5):
            block["rd"] = f"10.0.0.1:{number}"
        if self.chance(0.5):
            block["route_targets"] = {"import": [f"65001:{number}", "65001:99999"], "export": [f"65001:{number}"]}
        return block

    def family_neighbors(self, instance: dict[str, Any], afi: str) -> list[dict[str, Any]]:
        items = [
            {"neighbor": name, **self.family_attributes(afi, "internal" if GROUPS[name] == "internal" else "external")}
            for name in GROUPS
        ]
        for neighbor in instance["neighbors"]:
            name, group = neighbor["neighbor"], neighbor.get("peer_group")
            if name in self.peers:
                items.append({"neighbor": name, "activate": True, **self.peer_attributes(afi)})
            elif group is None:
                sort = "internal" if neighbor["remote_as"] == "internal" else "external"
                items.append({"neighbor": name, **self.family_attributes(afi, sort)})
            elif self.chance(0.2):
                sort = "internal" if GROUPS[group] == "internal" else "external"
                attributes = self.family_attributes(afi, sort)
                items.append(
                    {"neighbor": name, **{key: attributes[key] for key in attributes if key not in NOT_FOR_MEMBERS}}
                )
        return [item for item in items if len(item) > 1]

    def peer_attributes(self, afi: str) -> dict[str, Any]:
        if afi == "l2vpn":
            return {}
        return self.some(
            {"route_map": lambda: {"in": self.route_map_name()}, "soft_reconfiguration_inbound": lambda: True}, 0.2
        )

    def family_attributes(self, afi: str, sort: str) -> dict[str, Any]:
        def directed(names: list[str]) -> Callable[[], Any]:
            return lambda: {way: self.pick(*names) for way in ("in", "out") if self.chance(0.6)} or {"in": names[0]}

        external = sort == "external"
        block = self.some(
            {
                "activate": lambda: self.chance(0.7),
                "route_map": directed(ROUTE_MAPS),
                "next_hop_self": lambda: self.pick(True, "all", False),
                "allowas_in": lambda: self.pick("origin", 1, 3, 10),
                "soft_reconfiguration_inbound": lambda: self.chance(0.8),
            },
            0.25,
        )
        block.update(self.flags("route_server_client" if external else "route_reflector_client", probability=0.15))
        if self.newer or afi != "l2vpn":
            block.update(self.some({"maximum_prefix": self.maximum_prefix}, 0.15))
        block.update(
            self.some(
                {
                    "next_hop_unchanged": lambda: True,
                    "attribute_unchanged": lambda: self.pick(["as-path"], ["med"], ["as-path", "med"]),
                },
                0.1,
            )
        )
        if afi == "l2vpn":
            return block
        block.update(
            self.some(
                {
                    "prefix_list": directed(PREFIX_LISTS),
                    "filter_list": directed(AS_PATH_LISTS),
                    "send_community": lambda: [kind for kind in ("standard", "extended", "large") if self.chance(0.5)],
                    "addpath_tx": lambda: self.pick("all", "bestpath_per_as"),
                    "default_originate": lambda: self.pick(True, False, {"route_map": self.route_map_name()}),
                    "advertise_map": lambda: {
                        "route_map": self.route_map_name(),
                        self.pick("exist_map", "non_exist_map"): self.route_map_name(),
                    },
                    "unsuppress_map": self.route_map_name,
                    "weight": lambda: self.number(0, 100),
                },
                0.15,
            )
        )
        if external:
            block.update(self.flags("as_override", probability=0.15))
            block.update(
                self.some(
                    {"remove_private_as": lambda: self.pick(True, False, "all", "replace_as", "all_replace_as")}, 0.15
                )
            )
        return block

    def maximum_prefix(self) -> dict[str, Any]:
        value: dict[str, Any] = {"limit": self.number(1, 1000)}
        value.update(self.some({"threshold": lambda: self.pick(50, 75, 90)}, 0.5))
        value.update(self.pick({}, {"warning_only": True}, {"restart_min": 5}))
        return value


def _is_address(text: str) -> bool:
    return ":" in text or text.replace(".", "").isdigit()


def _network(text: str) -> str:
    import ipaddress

    return str(ipaddress.ip_network(text, strict=False))
