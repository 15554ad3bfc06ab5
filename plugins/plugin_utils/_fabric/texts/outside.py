# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mistakes in what connects the fabric with others: upstreams and tunnels."""

from __future__ import annotations

RULES: dict[str, tuple[str, str]] = {
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
}
