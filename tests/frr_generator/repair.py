# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules between parts of a configuration, put right."""

from __future__ import annotations

from typing import Any

from .values import GROUPS, NEED_ALL_VNI, NOT_FOR_MEMBERS, VRF


def repair(config: dict[str, Any]) -> dict[str, Any]:
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
