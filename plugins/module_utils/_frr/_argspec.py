# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The arguments of ``frr_bgp``. Private to this collection. What each means is told in the module's documentation."""

from __future__ import annotations

from typing import Any

STATES = ["merged", "replaced", "overridden", "deleted", "gathered", "rendered", "parsed"]
ACTIONS = ["permit", "deny"]
AFIS = ["ipv4", "ipv6"]
GRACEFUL_RESTART = ["enabled", "disabled", "helper_only"]


def string(**more: Any) -> dict[str, Any]:
    return {"type": "str", **more}


def integer(**more: Any) -> dict[str, Any]:
    return {"type": "int", **more}


def boolean(**more: Any) -> dict[str, Any]:
    return {"type": "bool", **more}


def strings(**more: Any) -> dict[str, Any]:
    return {"type": "list", "elements": "str", **more}


def block(options: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "dict", "options": options, **more}


def blocks(options: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "list", "elements": "dict", "options": options, **more}


NEEDED = {"required": True}


def neighbor_attributes() -> dict[str, Any]:
    return {
        "remote_as": string(),
        "description": string(),
        "password": string(no_log=True),
        "update_source": string(),
        "ebgp_multihop": integer(),
        "ttl_security_hops": integer(),
        "local_as": block({"asn": integer(**NEEDED), "no_prepend": boolean(), "replace_as": boolean()}),
        "timers": block(
            {"keepalive_s": integer(), "hold_s": integer(), "connect_s": integer()},
            required_together=[["keepalive_s", "hold_s"]],
        ),
        "advertisement_interval_s": integer(),
        "passive": boolean(),
        "shutdown": boolean(),
        "bfd": block({"enabled": boolean(), "profile": string(), "check_control_plane_failure": boolean()}),
        "capability_extended_nexthop": boolean(),
        "capability_dynamic": boolean(),
        "enforce_first_as": boolean(),
        "disable_connected_check": boolean(),
        "graceful_restart": string(choices=["enabled", "disabled", "helper"]),
        "port": integer(),
        "solo": boolean(),
        "strict_capability_match": boolean(),
    }


def family_neighbor() -> dict[str, Any]:
    directed = {"in": string(), "out": string()}
    return {
        "neighbor": string(**NEEDED),
        "activate": boolean(),
        "route_map": block(dict(directed)),
        "prefix_list": block(dict(directed)),
        "filter_list": block(dict(directed)),
        "next_hop_self": {"type": "raw"},
        "next_hop_unchanged": boolean(),
        "attribute_unchanged": strings(choices=["as-path", "next-hop", "med"]),
        "send_community": strings(choices=["standard", "extended", "large"]),
        "allowas_in": string(),
        "addpath_tx": string(choices=["all", "bestpath_per_as"]),
        "soft_reconfiguration_inbound": boolean(),
        "maximum_prefix": block(
            {"limit": integer(**NEEDED), "threshold": integer(), "warning_only": boolean(), "restart_min": integer()},
            mutually_exclusive=[["warning_only", "restart_min"]],
        ),
        "default_originate": {"type": "raw"},
        "advertise_map": block(
            {"route_map": string(**NEEDED), "exist_map": string(), "non_exist_map": string()},
            mutually_exclusive=[["exist_map", "non_exist_map"]],
            required_one_of=[["exist_map", "non_exist_map"]],
        ),
        "route_reflector_client": boolean(),
        "route_server_client": boolean(),
        "as_override": boolean(),
        "remove_private_as": {"type": "raw"},
        "unsuppress_map": string(),
        "weight": integer(),
    }


def route_targets() -> dict[str, Any]:
    return block({"import": strings(), "export": strings()})


def address_family() -> dict[str, Any]:
    return {
        "afi": string(choices=["ipv4", "ipv6", "l2vpn"], **NEEDED),
        "safi": string(choices=["unicast", "evpn"], **NEEDED),
        "networks": blocks({"prefix": string(**NEEDED), "route_map": string()}),
        "aggregates": blocks(
            {"prefix": string(**NEEDED), "as_set": boolean(), "summary_only": boolean(), "route_map": string()}
        ),
        "redistribute": blocks(
            {"protocol": string(**NEEDED), "table": integer(), "metric": integer(), "route_map": string()}
        ),
        "maximum_paths": block({"ebgp": integer(), "ibgp": integer()}),
        "import_vrf": strings(),
        "advertise_all_vni": boolean(),
        "advertise_svi_ip": boolean(),
        "advertise_default_gw": boolean(),
        "dup_addr_detection": block(
            {"enabled": boolean(), "max_moves": integer(), "time_s": integer(), "freeze": string()}
        ),
        "advertise": blocks(
            {
                "afi": string(choices=AFIS, **NEEDED),
                "safi": string(choices=["unicast"], default="unicast"),
                "route_map": string(),
            }
        ),
        "route_targets": route_targets(),
        "rd": string(),
        "flooding": string(choices=["head_end_replication", "disable"]),
        "vnis": blocks(
            {
                "vni": integer(**NEEDED),
                "rd": string(),
                "route_targets": route_targets(),
                "advertise_svi_ip": boolean(),
                "advertise_default_gw": boolean(),
            }
        ),
        "neighbors": blocks(family_neighbor()),
    }


def instance() -> dict[str, Any]:
    return {
        "asn": integer(**NEEDED),
        "vrf": string(default="default"),
        "router_id": string(),
        "cluster_id": string(),
        "default_ipv4_unicast": boolean(),
        "ebgp_requires_policy": boolean(),
        "network_import_check": boolean(),
        "log_neighbor_changes": boolean(),
        "always_compare_med": boolean(),
        "deterministic_med": boolean(),
        "fast_external_failover": boolean(),
        "suppress_duplicates": boolean(),
        "graceful_shutdown": boolean(),
        "shutdown": boolean(),
        "conditional_advertisement_interval_s": integer(),
        "bestpath": block(
            {
                "as_path_multipath_relax": boolean(),
                "as_path_ignore": boolean(),
                "compare_router_id": boolean(),
                "med_missing_as_worst": boolean(),
            }
        ),
        "graceful_restart": block(
            {
                "mode": string(choices=GRACEFUL_RESTART),
                "restart_time_s": integer(),
                "stale_path_time_s": integer(),
                "preserve_forwarding_state": boolean(),
            }
        ),
        "timers": block({"keepalive_s": integer(**NEEDED), "hold_s": integer(**NEEDED)}),
        "listen": block(
            {"limit": integer(), "ranges": blocks({"prefix": string(**NEEDED), "peer_group": string(**NEEDED)})}
        ),
        "peer_groups": blocks({"name": string(**NEEDED), **neighbor_attributes()}),
        "neighbors": blocks(
            {
                "neighbor": string(**NEEDED),
                "interface": boolean(),
                "v6only": boolean(),
                "peer_group": string(),
                **neighbor_attributes(),
            }
        ),
        "address_families": blocks(address_family()),
    }


def community_list() -> dict[str, Any]:
    return {
        "name": string(**NEEDED),
        "kind": string(choices=["standard", "expanded"], default="standard"),
        "entries": blocks(
            {
                "sequence": integer(**NEEDED),
                "action": string(choices=ACTIONS, **NEEDED),
                "communities": strings(),
                "regex": string(),
            },
            mutually_exclusive=[["communities", "regex"]],
            required_one_of=[["communities", "regex"]],
        ),
    }


def route_map() -> dict[str, Any]:
    listed = {"list": string(**NEEDED), "exact": boolean()}
    values = {"values": strings(**NEEDED), "additive": boolean()}
    return {
        "name": string(**NEEDED),
        "entries": blocks(
            {
                "sequence": integer(**NEEDED),
                "action": string(choices=ACTIONS, **NEEDED),
                "description": string(),
                "call": string(),
                "on_match": string(),
                "match": block(
                    {
                        "ip_prefix_list": string(),
                        "ipv6_prefix_list": string(),
                        "ip_next_hop_prefix_list": string(),
                        "as_path": string(),
                        "community": block(dict(listed)),
                        "large_community": block(dict(listed)),
                        "interface": string(),
                        "metric": integer(),
                        "tag": integer(),
                        "local_preference": integer(),
                        "peer": string(),
                        "source_protocol": string(),
                        "evpn_route_type": string(choices=["ead", "macip", "multicast", "es", "prefix"]),
                        "evpn_vni": integer(),
                        "evpn_default_route": boolean(),
                    }
                ),
                "set": block(
                    {
                        "as_path_prepend": {"type": "list", "elements": "int"},
                        "as_path_prepend_last_as": integer(),
                        "community": block(dict(values)),
                        "large_community": block(dict(values)),
                        "comm_list_delete": string(),
                        "local_preference": integer(),
                        "metric": string(),
                        "ip_next_hop": string(),
                        "ipv6_next_hop_global": string(),
                        "ipv6_next_hop_prefer_global": boolean(),
                        "origin": string(choices=["igp", "egp", "incomplete"]),
                        "src": string(),
                        "tag": integer(),
                        "weight": integer(),
                    }
                ),
            }
        ),
    }


def config_options() -> dict[str, Any]:
    action = string(choices=ACTIONS, **NEEDED)
    return {
        "router_id": block({"ipv4": string(), "ipv6": string()}),
        "protocol_route_maps": blocks(
            {"afi": string(choices=AFIS, **NEEDED), "protocol": string(**NEEDED), "route_map": string(**NEEDED)}
        ),
        "prefix_lists": blocks(
            {
                "name": string(**NEEDED),
                "afi": string(choices=AFIS, **NEEDED),
                "description": string(),
                "entries": blocks(
                    {
                        "sequence": integer(**NEEDED),
                        "action": dict(action),
                        "prefix": string(**NEEDED),
                        "ge": integer(),
                        "le": integer(),
                    }
                ),
            }
        ),
        "as_path_lists": blocks(
            {
                "name": string(**NEEDED),
                "entries": blocks({"sequence": integer(**NEEDED), "action": dict(action), "regex": string(**NEEDED)}),
            }
        ),
        "community_lists": blocks(community_list()),
        "large_community_lists": blocks(community_list()),
        "route_maps": blocks(route_map()),
        "static_routes": blocks(
            {
                "prefix": string(**NEEDED),
                "vrf": string(default="default"),
                "blackhole": boolean(),
                "next_hop": string(),
                "interface": string(),
                "distance": integer(),
                "tag": integer(),
                "table": integer(),
            },
            mutually_exclusive=[["blackhole", "next_hop"], ["blackhole", "interface"]],
            required_one_of=[["blackhole", "next_hop", "interface"]],
        ),
        "interfaces": blocks(
            {
                "name": string(**NEEDED),
                "nd": block(
                    {
                        "suppress_ra": boolean(),
                        "ra_interval_ms": integer(),
                        "ra_lifetime_s": integer(),
                        "managed_config": boolean(),
                        "other_config": boolean(),
                    }
                ),
            }
        ),
        "bfd_profiles": blocks(
            {
                "name": string(**NEEDED),
                "detect_multiplier": integer(),
                "transmit_interval_ms": integer(),
                "receive_interval_ms": integer(),
                "echo_mode": boolean(),
                "echo_transmit_interval_ms": integer(),
                "echo_receive_interval_ms": integer(),
                "passive_mode": boolean(),
                "minimum_ttl": integer(),
                "shutdown": boolean(),
            }
        ),
        "instances": blocks(instance()),
    }


def argument_spec() -> dict[str, Any]:
    return {
        "config": block(
            {
                **config_options(),
                "forwarding": block({"ipv4": boolean(), "ipv6": boolean()}),
                "raw_lines": strings(),
            }
        ),
        "state": string(choices=STATES, default="merged"),
        "name_prefix": string(default="fabric-"),
        "running_config": string(),
        "renew_protocol_route_maps": boolean(default=False),
        "save": boolean(default=True),
    }
