# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mistakes that a fabric file can contain: one table of texts, and the list that collects them.

A text has two parts: the sentence says what is wrong, the hint what to do. Both are completed with named fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Union

Path = tuple[Union[str, int], ...]

# code -> (sentence, hint)
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
    # upstreams
    "upstream_unknown_node": ("no node '{node}'", "Use one of {known}"),
    "upstream_unmanaged": ("node '{node}' is not managed", "Use a managed node: the session is ours to configure"),
    "upstream_own_as": (
        "AS {asn} is the AS of node '{node}' itself",
        "Use the AS number of the peer; inside the fabric use links",
    ),
    "upstream_family": (
        "{prefix} cannot be exchanged with the {family} neighbour {neighbor}",
        "Add a second upstream for the other family",
    ),
    "upstream_neighbor_scope": (
        "{neighbor} is link-local",
        "Leave 'neighbor' out: the session over the interface finds the peer itself",
    ),
    "upstream_neighbor_own": ("{neighbor} is an address of node '{node}' itself", "Use the address of the peer"),
    "upstream_neighbor_duplicate": (
        "node '{node}' has the neighbour {neighbor} from upstreams.{other} as well",
        "Merge the two",
    ),
    "upstream_multihop_unnumbered": (
        "an unnumbered session cannot take several hops",
        "Add 'neighbor', or remove 'multihop'",
    ),
    # tunnels
    "tunnel_unknown_node": ("no node '{node}'", "Use one of {known}"),
    "tunnel_unmanaged": ("node '{node}' is not managed", "Use a managed node: its end of the tunnel is ours to make"),
    "tunnel_function": ("node '{node}' does not have the function wireguard", "Add wireguard to its functions"),
    "tunnel_far_node": (
        "'{node}' is a node of the fabric, and a tunnel leads out of it",
        "Use the name of a machine that is not in nodes",
    ),
    "tunnel_far_twice": (
        "'{node}' is the far end of tunnels.{other} as well",
        "Give each tunnel a far end of its own",
    ),
    "tunnel_version": (
        "RouterOS {version} cannot route by source as this needs",
        "Bring it to 7.18 or newer, and write that version",
    ),
    "tunnel_endpoint_form": ("'{endpoint}' is neither an address nor a name", "Write one, without a port"),
    "tunnel_no_endpoint": ("neither end has an endpoint, so neither can begin", "Add 'endpoint' to a or to b"),
    "tunnel_mtu": (
        "MTU {mtu} does not fit: the way between the ends carries {carried} bytes, of which WireGuard takes {overhead}",
        "Use at most {most}, leave it out, or set underlay_mtu to what the way really carries",
    ),
    "tunnel_overlap": (
        "{prefix} overlaps with {taken} of tunnels.{other}",
        "A prefix leads into one tunnel; give each its own",
    ),
    "tunnel_prefix_taken": (
        "{prefix} overlaps with {taken}, whose addresses are in the fabric",
        "Use a prefix that is outside of the pools and of guest_prefixes",
    ),
    "tunnel_family": (
        "{prefix} cannot be announced: the fabric has no {family} loopbacks",
        "Add them, or take the prefix away",
    ),
    "tunnel_through_itself": (
        "{endpoint} lies in {prefix}, which leads into the tunnel: it would have to run through itself",
        "Use an address outside of it, or a smaller prefix",
    ),
    "tunnel_default_route": (
        "{prefix} leads into the tunnel and may take its own packets along: the endpoint of {end} is {endpoint}",
        "{way}",
    ),
    "tunnel_no_prefixes": (
        "the far end would reach nothing through the tunnel",
        "Add 'prefixes' here, or set 'source_routing: true'",
    ),
    "tunnel_port_taken": (
        "port {port} is the port of tunnels.{other} on the same node",
        "Use another port; or the same interface, where no BGP is used",
    ),
    "tunnel_shared_bgp": (
        "'{interface}' is the interface of tunnels.{other} as well, and BGP needs one of its own",
        "Give each of them an interface and a port",
    ),
    "tunnel_shared_differs": (
        "'{interface}' is the interface of tunnels.{other} as well, and the two differ in {keys}",
        "Make them equal, or use another interface and port",
    ),
    "keys_form": (
        "{file} has {value} here, not a mapping",
        "Let the playbook routed.fabric.wireguard_keys write the file",
    ),
    "keys_key": (
        "this is no public key in {file}: one has 44 characters of base64 for 32 bytes",
        "Let the playbook routed.fabric.wireguard_keys write the file, or paste the key again",
    ),
    "tunnel_bgp_asn": ("with 'routing: bgp' the far end needs an AS number", "Add 'asn'"),
    "tunnel_bgp_own_as": ("AS {asn} is the AS of node '{node}' itself", "Use another one for the far end"),
    "tunnel_bgp_router_id": ("with 'routing: bgp' the far end needs a router-id", "Add 'router_id', any IPv4 address"),
    "tunnel_bgp_addresses": (
        "a session needs addresses, and the ends have none in one network",
        "Add 'addresses' to a and b, for example [2001:db8:77::1/64] and [2001:db8:77::2/64]",
    ),
    "tunnel_bgp_family": (
        "{prefix} cannot be announced: the ends have no {family} addresses in one network",
        "Add {family} addresses to a and b",
    ),
    # segments and the overlay
    "segment_no_vtep": (
        "there are segments, but no node has the function vtep",
        "Add vtep to the functions of their members",
    ),
    "segment_vni_twice": (
        "VNI {vni} is the VNI of segments.{other} as well",
        "Use another number: it names one segment",
    ),
    "segment_bridge_twice": (
        "bridge '{bridge}' belongs to segments.{other} on node '{node}' as well",
        "Give each segment a bridge of its own, or use 'overlay: {{form: single}}'",
    ),
    "segment_bridge_taken": (
        "'{bridge}' cannot be a bridge on node '{node}': {other} uses an interface of that name",
        "Name the bridge otherwise",
    ),
    "segment_form": ("'{key}' has no meaning in the form {form}", "Remove it"),
    "segment_vlan_missing": (
        "VNI {vni} is no VLAN, and the segment has none",
        "Add 'vlan', a number from 1 to 4094 that is free on the bridge",
    ),
    "segment_vlan_twice": (
        "VLAN {vlan} is the VLAN of segments.{other} as well",
        "Use another VLAN for one of the two",
    ),
    "segment_too_many": (
        "{count} segments are more than the 4094 VLANs of one bridge",
        "Use 'form: per_vni', or make it several fabrics",
    ),
    "segment_mtu": (
        "MTU {mtu} does not fit: with {overhead} bytes of VXLAN it needs {needed}, and {where} has {there}",
        "Set underlay.mtu (or that link's mtu) to at least {needed}, or the segment's mtu to at most {most}",
    ),
    "segment_unknown_node": ("no node '{node}'", "Use one of {known}"),
    "segment_not_vtep": ("node '{node}' is not a VTEP", "Add vtep to its functions, or remove it here"),
    "segment_gateway_and_addresses": (
        "member '{node}' has an address of its own beside the segment's gateway, and the two would share a MAC address",
        "Leave the member's address or the gateway out",
    ),
    "segment_address_network": (
        "{address} is the network's own address, not one of a host in it",
        "Use a host's address of that network, for example {example}",
    ),
    "segment_address_elsewhere": (
        "{address} is not in {network}, the network of {other}",
        "Use an address of that network; another network is another segment",
    ),
    "segment_address_twice": ("{address} is an address of {other} as well", "Give each an address of its own"),
    "segment_port_taken": ("interface '{port}' of node '{node}' is used by {other} as well", "Use another interface"),
    "overlay_ipv6": (
        "'{key}: {value}' needs EVPN, and FRR 8.4 and 10.3 know no IPv6 VTEPs: they flood and learn",
        "Remove it, or use 'local: ipv4', for which links need no IPv4 addresses",
    ),
    "overlay_no_loopback": (
        "node '{node}' has no {family} loopback, which is its address for {what}",
        "Add pools.{pool}, or pin {pool}; links need no addresses for that",
    ),
    "overlay_no_reflectors": (
        "no node has the function route_reflector",
        "Add it to the functions of two nodes, or use 'sessions: underlay'",
    ),
    "overlay_reflectors_unused": (
        "EVPN goes over the underlay's sessions, which need no reflectors",
        "Remove it, or use 'sessions: reflectors'",
    ),
    "overlay_reflectors_asn": (
        "AS {asn} is not the AS of reflector '{other}', which is {other_asn}",
        "Give all reflectors one AS number: they are one system",
    ),
    "overlay_reflector_is_vtep": (
        "the node is a route reflector and a VTEP",
        "Leave one of the two: a reflector is lost with the VTEP that it stands on",
    ),
    "overlay_listen_family": ("{prefix} is not IPv4, as the VTEPs' addresses are", "Use the prefix of their loopbacks"),
    "overlay_listen_outside": (
        "no prefix here holds {address}, the address of VTEP '{node}'",
        "Add its prefix, or leave 'listen' out",
    ),
    "overlay_listen_two_ases": (
        "VTEPs '{node}' (AS {asn}) and '{other}' (AS {other_asn}) need two kinds of sessions, and a prefix gives one",
        "Leave 'listen' out, or give all VTEPs the reflectors' AS {reflectors}, or none of them",
    ),
    "overlay_listen_limit": ("{limit} is less than the {count} VTEPs of this file", "Use a number from {count} on"),
    "overlay_listen_limit_alone": ("without 'listen' there is nothing to limit", "Add 'listen', or remove 'limit'"),
    "overlay_unheard": (
        "'{node}' does not hear the loopback of '{other}', which its EVPN session needs{default}",
        "Set 'allowas_in: true' on both if they share an AS number; or add a link",
    ),
    # border gateways
    "gateway_function": ("the node is no border_gateway", "Add border_gateway to its functions, or remove this"),
    "gateway_originate": (
        "the default route would be announced always, and only while the uplink has one",
        "Remove 'default_originate': a gateway announces it by itself",
    ),
    "gateway_uplink_taken": (
        "interface '{interface}' is used by {other} as well",
        "Name the interface that leads out of the fabric",
    ),
    "gateway_next_hop_family": ("there are two next hops of one family", "Leave one {family} address"),
    "gateway_next_hop_elsewhere": (
        "{next_hop} is in none of the networks of the uplink's addresses",
        "Use the address of the router in that network, or add an address",
    ),
    "gateway_next_hop_own": ("{next_hop} is an address of the uplink itself", "Use the address of the router outside"),
    # attached servers
    "attached_function": (
        "the node is attached to a segment, but its functions are {functions}",
        "Use 'functions: [server]'",
    ),
    "attached_key": ("'{key}' has no meaning for a server that is attached to a segment", "Remove it"),
    "attached_unknown_segment": ("no segment '{segment}'", "Use one of {known}, or add it to segments"),
    "attached_not_member": (
        "node '{node}' has no segment '{segment}'",
        "Use an interface of one of its members ({known}), or add the node to them",
    ),
    "attached_link": (
        "node '{node}' is attached to a segment and has no other links",
        "Name another node, or make it a server with BGP: give it an id and take 'attached' away",
    ),
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
    # subnet extensions
    "extension_unknown_node": ("no node '{node}'", "Use one of {known}"),
    "extension_not_edge": ("node '{node}' is not an edge router", "Add edge to its functions, or remove it here"),
    "extension_unmanaged": (
        "node '{node}' is not managed, so it is given neither routes nor keys",
        "Use a managed node, or 'control_plane: bgp' with the transport direct, vxlan or gre",
    ),
    "extension_with_guests": (
        "node '{node}' runs guests with addresses of their own",
        "Use another node: its agent serves either guests or devices",
    ),
    "extension_two_prefixes": (
        "{other} is {family}, too",
        "Make it an extension of its own: a device is in one subnet",
    ),
    "extension_family": ("the fabric carries no {family} routes", "Add {pool}, or use 'control_plane: static'"),
    "extension_overlap": (
        "{prefix} overlaps {other} of {where}",
        "Use a subnet of its own: what is in it is answered for and routed to the devices",
    ),
    "extension_learn_outside": ("{prefix} lies outside of the subnet", "Use prefixes inside of {known}"),
    "extension_learn_static": (
        "what one router learns, the others have to hear",
        "Use 'control_plane: bgp', or remove 'learn'",
    ),
    "extension_learn_release": (
        "node '{node}' has the release {release}, whose FRR cannot tell learned routes from others",
        "Use trixie there, or remove 'learn'",
    ),
    "extension_no_common_family": (
        "{nodes} have no loopbacks of one family, between which {transport} tunnels would run",
        "Give all of them an IPv4 loopback, or all of them an IPv6 one",
    ),
    "extension_id": (
        "id {id} of node '{node}' is more than {maximum}, and tunnels are numbered by it",
        "Use 'transport: direct', or an edge with a smaller id",
    ),
    "extension_link_addresses": (
        "{link} between {ends} has no {family} addresses, so static routes have no next hop there",
        "Give the link addresses, or use a tunnel, or 'control_plane: bgp'",
    ),
    "extension_two_bridges": (
        "'{port}' of node '{node}' would be a port of bridges '{bridge}' and '{other}'",
        "Leave it in one of the two",
    ),
    "extension_port_taken": ("interface '{port}' of node '{node}' is used by {other} as well", "Use another interface"),
    "extension_port_of_bridge": (
        "'{port}' of node '{node}' is a port of bridge '{bridge}', so no ARP arrives at it",
        "Name the bridge in its place",
    ),
    "device_name_is_node": ("'{name}' is the name of a node as well", "Give the device another name"),
    "device_two_extensions": (
        "subnet_extensions.{other} has a device '{name}' as well",
        "Give it another name here: one of another subnet is another interface",
    ),
    "device_two_places": (
        "{thing} is the {what} of {other} as well, which is at {at}",
        "Remove one of the two: a device is in one place",
    ),
    "device_no_edge": (
        "node '{node}' is no edge of {extension}, but the device is attached to it",
        "Use one of {known}, or remove the device; an edge leaves with its devices by 'withdraw: true'",
    ),
    "device_port_of_bridge": (
        "'{port}' of node '{node}' is a port of bridge '{bridge}', so no ARP arrives at it",
        "Use '{node}:{bridge}'",
    ),
    "device_port": ("'{port}' is no port of '{interface}' of node '{node}'", "Use a port of that bridge, or remove it"),
    "device_outside": ("{address} is not in {known}", "Use an address of the subnet"),
    "device_network_address": ("{address} is an address of {prefix} itself, not of a host", "Use another one"),
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
    # prefixes
    "guest_overlaps_pool": ("{prefix} overlaps {pool} {range}", "Guests and nodes need prefixes of their own"),
    "prefix_bounds": (
        "{value}: ge and le must fit /{length} < ge <= le <= /{maximum}",
        "Correct ge and le, or leave them out",
    ),
}


def format_path(path: Path) -> str:
    """``("links", 0, "a")`` as ``links[0].a``; keys with other characters are quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[A-Za-z0-9_/:-]+", part):
            text += f".{part}" if text else part
        else:
            text += f"['{part}']"
    return text or "fabric file"


@dataclass(frozen=True)
class Problem:
    """One mistake: where, which rule, what and what to do."""

    path: Path
    code: str
    sentence: str
    hint: str

    def __str__(self) -> str:
        end = "" if self.hint.endswith("?") else "."
        return f"{format_path(self.path)}: {self.sentence}. {self.hint}{end}"


class Problems:
    """Collects mistakes. A rule that only follows from another mistake asks :meth:`touches` first."""

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}
        # Of a file with thousands of mistakes each is asked for, too.
        self._paths: set[Path] = set()
        self._above: set[Path] = set()

    def add(self, code: str, path: Path, **fields: object) -> None:
        """Add a mistake; *code* is a key of :data:`RULES`, *fields* complete its texts."""
        sentence, hint = RULES[code]
        problem = Problem(path, code, sentence.format(**fields), hint.format(**fields).rstrip("."))
        self._found[problem] = None
        if path:
            self._paths.add(path)
            self._above.update(path[:length] for length in range(len(path) + 1))

    def touches(self, path: Path) -> bool:
        """Whether a mistake was found at *path*, above it or below it."""
        return path in self._above or any(path[:length] in self._paths for length in range(1, len(path)))

    def codes(self, path: Path) -> set[str]:
        """The rules that were broken at *path* or below it."""
        return {p.code for p in self._found if p.path[: len(path)] == path}

    def at(self, path: Path) -> bool:
        """Whether a mistake was found exactly at *path*."""
        return path in self._paths if path else any(not p.path for p in self._found)

    def __iter__(self) -> Iterator[Problem]:
        return iter(
            sorted(
                self._found,
                key=lambda p: [(isinstance(x, int), str(x).zfill(6) if isinstance(x, int) else x) for x in p.path],
            )
        )

    def __len__(self) -> int:
        return len(self._found)


class FabricError(Exception):
    """A fabric file with mistakes; :attr:`problems` has all of them."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(p) for p in problems))


class MissingLibrary(Exception):  # noqa: N818 - it is a state of the controller, not a mistake in the file
    """A Python library that the controller needs is not there."""

    def __init__(self, library: str) -> None:
        super().__init__(f"The plan needs the Python library {library} on the controller: pip install {library}")
