# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mistakes where Layer 2 is wanted: segments, gateways, servers and subnets that are extended."""

from __future__ import annotations

RULES: dict[str, tuple[str, str]] = {
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
}
