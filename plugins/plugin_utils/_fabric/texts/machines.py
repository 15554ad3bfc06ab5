# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mistakes in what the nodes run: guests, Proxmox and Ceph."""

from __future__ import annotations

RULES: dict[str, tuple[str, str]] = {
    # guests
    "guest_no_prefixes": (
        "there are guests, but no guest_prefixes",
        "Add guest_prefixes: the prefixes that all of their addresses lie in",
    ),
    "guest_no_proxmox": (
        "there are guests, but no node has the function proxmox",
        "Add proxmox to the functions of the nodes that run them",
    ),
    "guest_no_common_family": (
        "the nodes {nodes} have loopbacks of different families, so none can forward to another while a guest moves",
        "Give all of them an IPv6 loopback, or all of them an IPv4 one",
    ),
    "guest_family": ("the fabric carries no {family} routes", "Add {pool}, or remove the prefix"),
    "guest_outside": ("{value} lies outside of guest_prefixes", "{hint}"),
    "guest_prefix_without_address": (
        "{prefix} has no way to the guest, which has no {family} address",
        "Give the guest an {family} address, too",
    ),
    "guest_prefix_overlap": (
        "{value} overlaps {prefix} of {other}",
        "Give each guest prefixes of its own; an address in a routed prefix belongs to the guest that has the prefix",
    ),
    "guest_interface_twice": (
        "the interface {mac} of guest {vmid} is guests.{other} already",
        "Merge the two: an interface can have several addresses and prefixes",
    ),
    "guest_mac_twice": (
        "{mac} is the MAC address of guests.{other} as well",
        "Use the one that 'qm config {vmid}' or 'pct config {vmid}' shows",
    ),
    "guest_mac_of_bridge": (
        "{mac} is the MAC address of {bridge}, the bridge of all guests",
        "Give the guest's interface another MAC address",
    ),
    "guest_name_is_node": ("'{name}' is the name of a node as well", "Give the guest another name"),
    "guest_unknown_node": ("no node '{node}'", "Use one of {known}; or leave it out, since it concerns the twin alone"),
    "guest_node_not_proxmox": (
        "node '{node}' does not have the function proxmox",
        "Use a node that runs guests, or add proxmox to its functions",
    ),
    "guest_dhcp": (
        "the guest has {count} IPv4 addresses, and DHCP gives exactly one",
        "Leave one IPv4 address, or remove dhcp and configure the guest",
    ),
    "interface_of_guests": (
        "'{interface}' of node '{node}' is the name of a device that is made for its guests",
        "Rename the interface",
    ),
    # proxmox
    "cluster_unknown_node": ("no node '{node}'", "Use one of {known}"),
    "cluster_not_proxmox": (
        "node '{node}' is not a Proxmox node",
        "Add proxmox to nodes.{node}.functions, or take it out here",
    ),
    "cluster_unmanaged": (
        "node '{node}' is not managed",
        "Take it out here, or set 'managed: true': joining a cluster is a change to the node",
    ),
    "cluster_two": ("node '{node}' is in cluster '{other}' as well", "Take it out of one of the two"),
    "cluster_link_family": (
        "node '{node}' has no {family} loopback, over which link {number} would run",
        "Take {key} out of the links, or add a pool or pin {loopback}",
    ),
    "cluster_no_family": (
        "'{node}' and '{other}' have no loopbacks of one family",
        "Give all nodes of the cluster an IPv4 loopback, or all an IPv6 one",
    ),
    "cluster_network": (
        "the network for migrations takes the loopbacks of {nodes} alone, but {prefix} has {address} of {where}, too",
        "Use another address there, or loopbacks that lie closer together",
    ),
    # ceph
    "ceph_unknown_node": ("no node '{node}'", "Use one of {known}"),
    "ceph_function": ("node '{node}' is not a Ceph node", "Add ceph to nodes.{node}.functions, or take it out here"),
    "ceph_unmanaged": ("node '{node}' is not managed", "Take it out here, or set 'managed: true'"),
    "ceph_release": (
        "node '{node}' has the release {release}, whose Ceph is no longer supported",
        "Use release trixie, or 'deploy: cephadm'",
    ),
    "ceph_pveceph": (
        "node '{node}' is not a Proxmox node",
        "Add proxmox to its functions, or use another way to deploy",
    ),
    "ceph_osds_of_others": (
        "the OSDs of a cluster that others deploy are not ours to make",
        "Remove it, or say by 'deploy' how the cluster is made",
    ),
    "ceph_option_owned": (
        "'{option}' follows from the networks, addresses and monitors here",
        "Remove it from the options, and use the keys of ceph itself",
    ),
    "ceph_no_network": (
        "there is no network for Ceph: the fabric has no pool of loopbacks",
        "Add 'public_network', a prefix that contains the loopback of each Ceph node",
    ),
    "ceph_families": (
        "{cluster} and the public network {public} are of two families",
        "Use two networks of one family: a daemon binds one",
    ),
    "ceph_no_address": (
        "node '{node}' has no address in {network}, only {have}",
        "Use a network that contains the loopback of each Ceph node, or 'addresses', which gives each one more",
    ),
    "ceph_two_addresses": (
        "node '{node}' has two addresses in {network}: {have}",
        "Use a smaller network: which address a daemon takes would be chance",
    ),
}
