# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mistakes, and the sentence that each gets."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from ansible_collections.routed.fabric.plugins.module_utils._frr._errors import FrrConfigError
from ansible_collections.routed.fabric.plugins.module_utils._frr._validate import validate

NEW, OLD = (10, 3), (8, 4)

# configuration, version, the error as a person reads it
MISTAKES: list[tuple[str, tuple[int, int], str]] = []


def mistake(text: str, expected: str, version: tuple[int, int] = NEW) -> None:
    MISTAKES.append((text, version, expected))


def instance(text: str) -> str:
    return "instances: [{asn: 65001, " + text + "}]"


def family(neighbor: str, afi: str = "ipv4", remote_as: str = "external", more: str = "") -> str:
    safi = "evpn" if afi == "l2vpn" else "unicast"
    return instance(
        f"neighbors: [{{neighbor: 192.0.2.1, remote_as: {remote_as}}}], "
        f"address_families: [{{afi: {afi}, safi: {safi}, {more} neighbors: [{{neighbor: 192.0.2.1, {neighbor}}}]}}]"
    )


mistake(
    "{prefix_lists: [{name: A, afi: ipv4, entries: [{sequence: 5, action: permit, prefix: any}]}], "
    "route_maps: [{name: M, entries: [{sequence: 10, action: permit, match: {ip_prefix_list: A}}, "
    "{sequence: 20, action: permit, match: {evpn_default_route: true}}]}]}",
    "route_maps[0].entries[1].match.evpn_default_route: FRR's bgpd crashes when a route map matches this and a prefix "
    "list; use two route maps.",
)
mistake(
    "static_routes: [{prefix: 192.0.2.0/24, blackhole: true}, {prefix: 192.0.2.0/24, next_hop: 198.51.100.1}]",
    "static_routes[1]: '192.0.2.0/24' has a blackhole and a next hop; FRR takes one kind for a prefix.",
)
mistake("router_id: {ipv4: '::1'}", "router_id.ipv4: '::1' is not an IPv4 address.")
mistake(
    "router_id: {ipv6: '::1'}",
    "router_id.ipv6: FRR 8.4 saves another address than the one it is given here; leave it out, BGP does not use it.",
    OLD,
)
LIST = "prefix_lists: [{name: a, afi: ipv4, entries: [%s]}]"
mistake(
    LIST % "{sequence: 5, action: permit, prefix: '2001:db8::/32'}",
    "prefix_lists[0].entries[0].prefix: '2001:db8::/32' does not belong into an ipv4 prefix list.",
)
mistake(
    LIST % "{sequence: 5, action: permit, prefix: 10.0.0.0/33}",
    "prefix_lists[0].entries[0].prefix: '10.0.0.0/33' is not a prefix.",
)
mistake(
    LIST % "{sequence: 5, action: permit, prefix: 10.0.0.0/8, ge: 7}",
    "prefix_lists[0].entries[0].ge: 7 is not between 8 and 32.",
)
mistake(
    LIST % "{sequence: 5, action: permit, prefix: 10.0.0.0/8, ge: 20, le: 16}",
    "prefix_lists[0].entries[0].ge: ge 20 is greater than le 16.",
)
mistake(
    LIST % "{sequence: 5, action: permit, prefix: any}, {sequence: 5, action: deny, prefix: any}",
    "prefix_lists[0].entries[1].sequence: sequence 5 is there twice.",
)
mistake(
    "prefix_lists: [{name: a, afi: ipv4}, {name: a, afi: ipv4}]",
    "prefix_lists[1]: the ipv4 prefix list 'a' is listed twice.",
)
mistake(
    "community_lists: [{name: c, entries: [{sequence: 5, action: permit, communities: ['65000:99999']}]}]",
    "community_lists[0].entries[0].communities: '65000:99999' is not such a community.",
)
mistake(
    "community_lists: [{name: c, entries: [{sequence: 5, action: permit, communities: [internet]}]}]",
    "community_lists[0].entries[0].communities: FRR 9.1 and later do not know 'internet'.",
)
mistake(
    "community_lists: [{name: c, kind: expanded, entries: [{sequence: 5, action: permit, communities: ['1:1']}]}]",
    "community_lists[0].entries[0]: an entry of a list of kind 'expanded' needs 'regex'.",
)
MAP = "route_maps: [{name: m, entries: [{sequence: 10, action: permit, %s}]}]"
mistake(
    MAP % "match: {ip_prefix_list: gone}",
    "route_maps[0].entries[0].match.ip_prefix_list: there is no IPv4 prefix list 'gone', neither here nor on the node.",
)
mistake(
    MAP % "match: {as_path: gone}",
    "route_maps[0].entries[0].match.as_path: there is no AS-path list 'gone', neither here nor on the node.",
)
mistake(
    MAP % "match: {community: {list: gone}}",
    "route_maps[0].entries[0].match.community.list: there is no community list 'gone', neither here nor on the node.",
)
mistake(MAP % "call: m", "route_maps[0].entries[0].call: the route map calls itself.")
mistake(MAP % "on_match: goto 10", "route_maps[0].entries[0].on_match: 'goto 10' goes back, and FRR only goes forward.")
mistake(
    "route_maps: [{name: m, entries: [{sequence: 10, action: deny, on_match: next}]}]",
    "route_maps[0].entries[0].on_match: FRR takes on_match only in an entry that permits.",
)
mistake(
    MAP % "set: {as_path_prepend: [1], as_path_prepend_last_as: 1}",
    "route_maps[0].entries[0].set: FRR takes either as_path_prepend or as_path_prepend_last_as in one entry.",
)
mistake(
    MAP % "set: {metric: '5%'}",
    "route_maps[0].entries[0].set.metric: '5%' is not a number, +N, -N, rtt, +rtt or -rtt.",
)
mistake(
    "static_routes: [{prefix: 10.0.0.0/8, next_hop: '2001:db8::1'}]",
    "static_routes[0].next_hop: '2001:db8::1' is of another family than the prefix '10.0.0.0/8'.",
)
mistake(
    "static_routes: [{prefix: '2001:db8::/48', next_hop: 'fe80::1'}]",
    "static_routes[0].next_hop: a link-local next hop needs an interface.",
)
mistake(
    "static_routes: [{prefix: 10.0.0.0/8}]",
    "static_routes[0]: a static route is either a blackhole, or has a next_hop, an interface or both.",
)
mistake(
    "bfd_profiles: [{name: a, detect_multiplier: 1}]", "bfd_profiles[0].detect_multiplier: 1 is not between 2 and 255."
)
mistake(
    "instances: [{asn: 1}, {asn: 2}]",
    "instances[1]: there are two instances of the VRF 'default'; FRR has one each.",
)
mistake("instances: [{asn: 0}]", "instances[0].asn: 0 is not an AS number.")
mistake(
    instance("neighbors: [{neighbor: eth0, remote_as: external}]"),
    "instances[0].neighbors[0].neighbor: 'eth0' is not an address; set 'interface: true' for an unnumbered neighbor.",
)
mistake(
    instance("neighbors: [{neighbor: 192.0.2.1, interface: true, remote_as: external}]"),
    "instances[0].neighbors[0].neighbor: '192.0.2.1' is an address: an unnumbered neighbor is named by its interface.",
)
mistake(
    instance("neighbors: [{neighbor: 192.0.2.1}]"),
    "instances[0].neighbors[0].remote_as: it is missing, and there is no peer group that has it.",
)
mistake(
    instance("neighbors: [{neighbor: 192.0.2.1, peer_group: gone}]"),
    "instances[0].neighbors[0].peer_group: there is no peer group 'gone' in this instance.",
)
mistake(
    instance(
        "peer_groups: [{name: G, remote_as: external}], neighbors: [{neighbor: '::1', remote_as: 1, peer_group: G}]"
    ),
    "instances[0].neighbors[0].remote_as: the peer group 'G' has one already, and FRR takes it in one place only.",
)
mistake(
    instance("neighbors: [{neighbor: '2001:db8::1', remote_as: 1}, {neighbor: '2001:DB8:0::1', remote_as: 1}]"),
    "instances[0].neighbors[1].neighbor: '2001:db8::1' is listed twice (peer groups share the name space).",
)
mistake(
    instance("neighbors: [{neighbor: 192.0.2.1, remote_as: 1, ebgp_multihop: 2, ttl_security_hops: 2}]"),
    "instances[0].neighbors[0].ebgp_multihop: it cannot stand beside ttl_security_hops (RFC 5082); "
    "give one of the two.",
)
mistake(
    instance("neighbors: [{neighbor: 192.0.2.1, remote_as: internal, ebgp_multihop: 2}]"),
    "instances[0].neighbors[0].ebgp_multihop: FRR ignores it for an internal neighbor.",
)
mistake(
    instance("neighbors: [{neighbor: eth0, interface: true, remote_as: external, update_source: lo}]"),
    "instances[0].neighbors[0].update_source: an unnumbered neighbor is directly connected: FRR refuses or ignores it.",
)
mistake(
    instance("neighbors: [{neighbor: 192.0.2.1, remote_as: 1, password: 'two words'}]"),
    "instances[0].neighbors[0].password: it is empty or contains a space, which FRR cannot read.",
)
mistake(
    instance("neighbors: [{neighbor: 192.0.2.1, remote_as: 65001, local_as: {asn: 7}}]"),
    "instances[0].neighbors[0].local_as: it is for external neighbors only.",
)
mistake(
    instance("neighbors: [{neighbor: 192.0.2.1, remote_as: 1, bfd: {profile: gone}}]"),
    "instances[0].neighbors[0].bfd.profile: there is no BFD profile 'gone', neither here nor on the node.",
)
mistake(
    instance("neighbors: [{neighbor: 192.0.2.1, remote_as: 1, update_source: '2001:db8::1'}]"),
    "instances[0].neighbors[0].update_source: '2001:db8::1' is of another family than '192.0.2.1'.",
)
mistake(
    instance("listen: {ranges: [{prefix: 10.0.0.0/8, peer_group: gone}]}"),
    "instances[0].listen.ranges[0].peer_group: there is no peer group 'gone' in this instance.",
)
mistake(
    instance("peer_groups: [{name: G}], listen: {ranges: [{prefix: 10.0.0.0/8, peer_group: G}]}"),
    "instances[0].listen.ranges[0].peer_group: the peer group 'G' has no remote_as, and FRR needs it for a range.",
)
mistake(
    instance("peer_groups: [{name: G, solo: true}]"),
    "instances[0].peer_groups[0].solo: FRR 8.4 has solo for single neighbors only.",
    OLD,
)
mistake(
    instance("address_families: [{afi: ipv4, safi: unicast, neighbors: [{neighbor: 192.0.2.1}]}]"),
    "instances[0].address_families[0].neighbors[0].neighbor: "
    "'192.0.2.1' is neither a neighbor nor a peer group of this instance.",
)
IN_FAMILY = "instances[0].address_families[0]"
mistake(
    family("filter_list: {out: a}", "l2vpn"),
    f"{IN_FAMILY}.neighbors[0].filter_list: l2vpn evpn does not know it; FRR would silently apply it to IPv4 unicast.",
)
mistake(
    family("maximum_prefix: {limit: 5}", "l2vpn"),
    f"{IN_FAMILY}.neighbors[0].maximum_prefix: "
    "l2vpn evpn does not know it; FRR would silently apply it to IPv4 unicast.",
    OLD,
)
mistake(
    family("route_map: {in: gone}"),
    f"{IN_FAMILY}.neighbors[0].route_map.in: there is no route map 'gone', neither here nor on the node.",
)
mistake(
    family("prefix_list: {in: gone}", "ipv6"),
    f"{IN_FAMILY}.neighbors[0].prefix_list.in: there is no IPv6 prefix list 'gone', neither here nor on the node.",
)
mistake(
    family("route_reflector_client: true"),
    f"{IN_FAMILY}.neighbors[0].route_reflector_client: '192.0.2.1' is not an internal neighbor.",
)
mistake(
    family("as_override: true", remote_as="internal"),
    f"{IN_FAMILY}.neighbors[0].as_override: it is for external neighbors only.",
)
mistake(family("allowas_in: 11"), f"{IN_FAMILY}.neighbors[0].allowas_in: 11 is neither 'origin' nor 1 to 10.")
mistake(
    family("next_hop_self: sometimes"),
    f"{IN_FAMILY}.neighbors[0].next_hop_self: 'sometimes' is none of true, false, all.",
)
mistake(
    family("activate: true", more="redistribute: [{protocol: table-direct, table: 100}],"),
    f"{IN_FAMILY}.redistribute[0].protocol: "
    "FRR 8.4 does not have it: use 'kernel' with a route map that permits only what you mean.",
    OLD,
)
mistake(
    family("activate: true", more="redistribute: [{protocol: table-direct}],"),
    f"{IN_FAMILY}.redistribute[0].table: 'table-direct' needs the number of a table.",
)
mistake(
    family("activate: true", more="networks: [{prefix: '2001:db8::/48'}],"),
    f"{IN_FAMILY}.networks[0].prefix: '2001:db8::/48' is not an IPv4 prefix.",
)
mistake(
    family("activate: true", more="import_vrf: [gone],"),
    f"{IN_FAMILY}.import_vrf: there is no BGP instance of a VRF 'gone', neither here nor on the node.",
)
mistake(
    family("activate: true", "l2vpn", more="advertise_svi_ip: true,"),
    f"{IN_FAMILY}.advertise_svi_ip: FRR takes it only where advertise_all_vni is set.",
)
mistake(
    family("activate: true", more="advertise_all_vni: true,"),
    f"{IN_FAMILY}.advertise_all_vni: it does not exist in the address family ipv4 unicast.",
)


@pytest.mark.parametrize(("text", "version", "expected"), MISTAKES)
def test_mistake(text: str, version: tuple[int, int], expected: str) -> None:
    with pytest.raises(FrrConfigError, match=f"^{re.escape(expected)}$") as caught:
        validate(yaml.safe_load(text), version, existing={})
    assert caught.value.path == expected.split(": ", maxsplit=1)[0]


def test_what_the_node_has_is_defined() -> None:
    config = yaml.safe_load(family("route_map: {in: theirs}"))
    validate(config, NEW, existing={"route_maps": [{"name": "theirs"}]})
    validate(config)  # before the node is read


def test_merged_adds_to_what_the_node_has() -> None:
    config: dict[str, Any] = {"instances": [{"asn": 65001, "neighbors": [{"neighbor": "192.0.2.1", "shutdown": True}]}]}
    existing = {"instances": [{"asn": 65001, "neighbors": [{"neighbor": "192.0.2.1", "remote_as": 1}]}]}
    validate(config, NEW, existing, merged=True)
    validate(config, merged=True)
    with pytest.raises(FrrConfigError, match="remote_as: it is missing"):
        validate(config, NEW, existing)
    with pytest.raises(FrrConfigError, match="remote_as: it is missing"):
        validate(config, NEW, {}, merged=True)
