# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random address families of a BGP instance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .policy import Policy
from .values import AS_PATH_LISTS, GROUPS, NOT_FOR_MEMBERS, PREFIX_LISTS, ROUTE_MAPS, VRF


class Families(Policy):
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
        if afi == "ipv4" and self.chance(0.2):
            redistribute.append({"protocol": "table", "table": self.number(100, 103), **mapped()})
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
