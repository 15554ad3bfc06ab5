# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random BGP instances, and the whole configuration."""

from __future__ import annotations

from typing import Any

from .families import Families
from .repair import repair
from .values import (
    ADDRESSES4,
    ADDRESSES6,
    ASN,
    BFD_PROFILES,
    COMMUNITIES,
    COMMUNITY_LISTS,
    GROUPS,
    LARGE_COMMUNITIES,
    LARGE_COMMUNITY_LISTS,
    ROUTE_MAPS,
    UNNUMBERED,
    VRF,
    is_address,
)


class Generator(Families):
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
        return repair({key: value for key, value in config.items() if value})

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
        unnumbered = not is_address(name)
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
        unnumbered = not is_address(name)
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
