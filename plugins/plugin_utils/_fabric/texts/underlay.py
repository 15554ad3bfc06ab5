# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mistakes in the form of the file, in nodes, and in the links between them."""

from __future__ import annotations

RULES: dict[str, tuple[str, str]] = {
    # the form of the file
    "not_a_mapping": ("the file is {found}, not a mapping", "Begin it with 'plugin: routed.fabric.fabric'"),
    "template": (
        "{value} contains '{{{{', '{{%' or '{{#'",
        "Templates are not allowed in a fabric file; write the value itself, or set a variable in group_vars",
    ),
    "key_type": ("the key {key} is {found}, not a string", "Put it in quotes"),
    "duplicate_key": (
        "the key stands there twice, and only the last one would count",
        "Remove or rename one of the two",
    ),
    "unknown_key": ("unknown key '{key}'", "{hint}"),
    "missing_key": ("'{key}' is missing", "{hint}"),
    "wrong_type": ("{value} is {found}, not {wanted}", "{hint}"),
    "not_one_of": ("{value} is not one of {allowed}", "Use one of them"),
    "bad_pattern": ("'{value}' is not {wanted}", "{hint}"),
    "bad_name": ("the name '{value}' is not valid", "Use {wanted}"),
    "too_small": ("{value} is less than {limit}", "Use a number from {limit} on"),
    "too_large": ("{value} is more than {limit}", "Use a number up to {limit}"),
    "empty": ("is empty", "{hint}"),
    "too_many": ("has {count} entries, more than {limit}", "Leave at most {limit}"),
    "repeated": ("an entry stands there twice", "Remove one of the two"),
    "bad_value": ("{sentence}", "{hint}"),
    # identity
    "id_missing": ("the node has no id", "Add 'id: {free}', which is free"),
    "id_duplicate": ("id {id} is the id of node '{other}' as well", "Use 'id: {free}', which is free"),
    "id_outside_pool": (
        "id {id} lies outside of {pool} {range}, which ends at id {last}",
        "Use a smaller id or a larger pool",
    ),
    "name_reserved": ("'{name}' is a name of Ansible's own or of a group of ours", "Give the node another name"),
    "name_case": ("the name differs from node '{other}' in upper and lower case only", "Rename one of them"),
    # allocation
    "asn_missing": ("the node has no AS number", "Add 'asn' here, or a range as pools.asn"),
    "asn_reserved": ("AS {asn} is reserved", "Use a private one: 64512-65534 or 4200000000-4294967294"),
    "asn_pool_clash": (
        "AS {asn} comes from pools.asn and is pinned by node '{other}', too",
        "Pin another AS number there, outside of {range}; or give this node another id",
    ),
    "loopback_missing": (
        "the node has no loopback address",
        "Add pools.loopback4 or pools.loopback6, or pin loopback4 or loopback6 here",
    ),
    "loopback_duplicate": (
        "{address} is the loopback of node '{other}' as well",
        "Pin another address, or take the pin away",
    ),
    "router_id_missing": (
        "the node has no router-id: it has no IPv4 loopback",
        "Add pools.router_id (any IPv4 prefix, it is never routed), or pin router_id here",
    ),
    "router_id_duplicate": (
        "router-id {address} is the router-id of node '{other}' as well",
        "Pin another one, or take the pin away",
    ),
    # sites
    "site_unknown": ("no site '{site}'", "Use one of {known}, or add it to sites"),
    "rack_unknown": ("site '{site}' has no rack '{rack}'", "Use one of {known}, or add it to sites.{site}.racks"),
    # what a node is
    "platform_managed": (
        "a node of platform {platform} cannot be managed",
        "Add 'managed: false'; its twin is an FRR stand-in",
    ),
    "override_unmanaged": (
        "an override on a node that is not managed has no effect",
        "Remove it, or set 'managed: true'",
    ),
    "originate_not_router": (
        "the node announces the default route, but is neither a router nor a border_gateway",
        "Add border_gateway to its functions, or remove default_originate",
    ),
    "isolated": ("the node has no link to any other", "Add uplinks, or an entry in links"),
    # links
    "link_unknown_node": ("no node '{node}'", "Use one of {known}, or add nodes.{node}"),
    "link_to_itself": ("the link ends on its own node '{node}'", "Name the node at the other end"),
    "interface_used_twice": (
        "interface '{interface}' of node '{node}' is used by {other} as well",
        "Use another interface; a link has two ends",
    ),
    "interface_name": (
        "'{interface}' cannot be an interface of node '{node}': Linux allows at most 15 characters and no '/'",
        "Use the name that 'ip link' shows on the node",
    ),
    "junos_interface": (
        "'{interface}' of node '{node}' is no interface of a Juniper switch",
        "Write it as Junos does, like xe-0/0/1",
    ),
    "interface_loopback": ("'{interface}' of node '{node}' carries the loopback addresses", "Use another interface"),
    "interface_twin_clash": (
        "'{interface}' and '{other}' of node '{node}' would have the same name in the twin",
        "Name the interfaces so that they differ in letters and digits",
    ),
    "link_family": (
        "the link has IPv4 addresses only, but the fabric has IPv6 loopbacks",
        "Add ipv6 to the link, or take ipv4 away: an unnumbered link carries both",
    ),
    "link_family_unused": (
        "the link has {family} addresses, but the fabric has no {family} loopbacks",
        "Remove {key} from the link",
    ),
    "link_prefix_length": (
        "{prefix} is not the prefix of a link between two ends",
        "Use a prefix length of {lengths}, or write both addresses out",
    ),
    "link_same_address": ("both ends have {address}", "Give the ends different addresses"),
    "link_two_networks": (
        "{a} and {b} are not in one network",
        "Use two addresses of one prefix; or leave the lengths out for point-to-point addresses",
    ),
    "link_mixed_lengths": ("{a} and {b}: only one of them has a prefix length", "Give both a length, or neither"),
    "address_taken": ("{address} is in use by {other} as well", "Use another address"),
    # routes
    "unheard": (
        "'{node}' and '{other}' are both in AS {asn}, and neither hears the other's loopback nor a default route",
        "Pin different AS numbers, or set 'allowas_in: true' on both, or 'default_originate: true' on their routers",
    ),
    # prefixes
    "guest_overlaps_pool": ("{prefix} overlaps {pool} {range}", "Guests and nodes need prefixes of their own"),
    "prefix_bounds": (
        "{value}: ge and le must fit /{length} < ge <= le <= /{maximum}",
        "Correct ge and le, or leave them out",
    ),
}
