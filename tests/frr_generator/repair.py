# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules between parts of a configuration, put right."""

from __future__ import annotations

from typing import Any

from .values import GROUPS, NEED_ALL_VNI, NOT_FOR_MEMBERS, VRF


def repair(config: dict[str, Any]) -> dict[str, Any]:
    """Rules between two parts of a configuration that mixing may have broken."""
    _avoid_crash(config)
    _repair_definitions(config)
    _one_kind_of_route(config)
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


def _avoid_crash(config: dict[str, Any]) -> None:
    """bgpd dies of a prefix list's change when a route map matches it and, in any entry, `evpn default-route`."""
    for route_map in config.get("route_maps", []):
        entries = route_map["entries"]
        if any("prefix_list" in key for entry in entries for key in entry.get("match", {})):
            for entry in entries:
                if entry.get("match", {}).pop("evpn_default_route", None) and not entry["match"]:
                    del entry["match"]


def _repair_definitions(config: dict[str, Any]) -> None:
    """Mixing two configurations may leave a neighbour without an AS, or with one that its group has already."""
    for instance in config["instances"]:
        groups = {group["name"]: group.get("remote_as") for group in instance.get("peer_groups", [])}
        for neighbor in instance.get("neighbors", []):
            if groups.get(neighbor.get("peer_group")):
                neighbor.pop("remote_as", None)
            else:
                neighbor.setdefault("remote_as", "external")


def _one_kind_of_route(config: dict[str, Any]) -> None:
    """FRR refuses a discard route beside a next hop of the same prefix."""
    kinds: dict[tuple[str, str], bool] = {}
    kept = []
    for route in config.get("static_routes", []):
        key = (route["prefix"], route.get("vrf", "default"))
        if kinds.setdefault(key, bool(route.get("blackhole"))) == bool(route.get("blackhole")):
            kept.append(route)
    if kept:
        config["static_routes"] = kept
