# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The argument `config` of the module frr_bgp for one node, complete."""

from __future__ import annotations

from typing import Any

from .. import addressing
from ..addressing import PrefixRule
from ..model import Fabric, Node, Upstream
from ..numbers import (
    BFD_PROFILE,
    BGP_CONNECT_S,
    BGP_TIMERS,
    COMMUNITY_OUTSIDE,
    MAXIMUM_PATHS,
    NAME_PREFIX,
    RA_INTERVAL_MS,
    RELEASE_LINES,
)
from . import evpn, extension_policy, gateway, guests, policy, reflectors, underlay
from .sessions import Session

_LOCAL = NAME_PREFIX + "local"  # as-path list: routes that begin here
_OUTSIDE = NAME_PREFIX + "outside"  # community list: learned by this node outside of the fabric
ALLOWAS_IN_MAXIMUM = 10  # FRR's
_MATCH = {"ipv4": "ip_prefix_list", "ipv6": "ipv6_prefix_list"}


def frr_config(fabric: Fabric, node: Node, sessions: list[Session]) -> dict[str, Any]:
    """Everything that FRR has to know. Keys without a value are left out."""
    upstreams = policy.node_upstreams(fabric, node)
    policies = _Policies(fabric, node, sessions, upstreams)
    config: dict[str, Any] = {
        "router_id": {"ipv4": node.router_id},
        "protocol_route_maps": [
            {"afi": family, "protocol": "bgp", "route_map": _source(family)}
            for family in fabric.families
            if family in node.loopbacks
        ],
        "prefix_lists": policies.prefix_lists + gateway.prefix_lists(fabric, node),
        "as_path_lists": [
            {"name": _LOCAL, "entries": [{"sequence": 10, "action": "permit", "regex": "^$"}]},
            *_owners(fabric, node, sessions),
            *evpn.as_path_lists(fabric, node, sessions),
        ],
        "community_lists": [
            {
                "name": _OUTSIDE,
                "kind": "standard",
                "entries": [{"sequence": 10, "action": "permit", "communities": [COMMUNITY_OUTSIDE]}],
            },
            *extension_policy.community_lists(fabric, node),
        ],
        "route_maps": policies.route_maps + gateway.route_maps(fabric, node) + evpn.route_maps(fabric, node, sessions),
        "static_routes": [
            *({"prefix": prefix, "blackhole": True} for prefix in _aggregates(node, upstreams)),
            *gateway.static_routes(node),
            *extension_policy.static_routes(fabric, node),
        ],
        "interfaces": [
            # A lifetime of 0: the advertisements find the BGP neighbour and never make a default route.
            {"name": name, "nd": {"suppress_ra": False, "ra_interval_ms": RA_INTERVAL_MS, "ra_lifetime_s": 0}}
            for name in [
                *_unnumbered(sessions, upstreams),
                *(n for n, dummy in extension_policy.tunnel_peers(fabric, node)),
            ]
        ],
        "bfd_profiles": _bfd_profiles(fabric, sessions, upstreams),
        "instances": [_instance(fabric, node, sessions, upstreams)],
        "forwarding": underlay.not_forwarded(fabric, node),
        "raw_lines": [*RELEASE_LINES.get(node.release, ()), *node.frr_lines],
    }
    return {key: value for key, value in config.items() if value}


def uses_bfd(sessions: list[Session], upstreams: list[Upstream]) -> bool:
    return any(s.bfd for s in sessions) or any(u.bfd for u in upstreams)


def _source(family: str) -> str:
    return f"{NAME_PREFIX}source-{family}"


def _aggregates(node: Node, upstreams: list[Upstream]) -> list[str]:
    """What is announced outside and originated for it. Not what a tunnel leads to: the route there would lose."""
    own = {addressing.host_prefix(address) for address in node.loopbacks.values()} | set(node.announced)
    own |= {rule.prefix for u in upstreams if u.tunnel for rule in u.accept}
    return [
        p
        for p in dict.fromkeys(r.prefix for u in upstreams for r in u.announce if not _is_default_to_tunnel(u, r))
        if p not in own
    ]


def _is_default_to_tunnel(upstream: Upstream, rule: PrefixRule) -> bool:
    """The default route is no aggregate: it is told to the far end of a tunnel without one."""
    return upstream.tunnel and rule.prefix in addressing.DEFAULT_ROUTE.values()


def _unnumbered(sessions: list[Session], upstreams: list[Upstream]) -> list[str]:
    names = [s.interface for s in sessions if s.unnumbered] + [u.interface for u in upstreams if not u.neighbor]
    return list(dict.fromkeys(names))


def _bfd_profiles(fabric: Fabric, sessions: list[Session], upstreams: list[Upstream]) -> list[dict[str, Any]]:
    bfd = fabric.underlay.bfd
    if bfd is None or not uses_bfd(sessions, upstreams):
        return []
    return [
        {
            "name": BFD_PROFILE,
            "detect_multiplier": bfd.multiplier,
            "transmit_interval_ms": bfd.interval_ms,
            "receive_interval_ms": bfd.interval_ms,
        }
    ]


class _Policies:
    """Prefix lists and route maps of one node.

    A host announces what is its own (by prefix, and as a second lock by an empty AS path) and what it tagged itself,
    so a route that it heard from the fabric never leaves it again. A router takes from a host what the host owns.
    """

    def __init__(self, fabric: Fabric, node: Node, sessions: list[Session], upstreams: list[Upstream]) -> None:
        self.prefix_lists: list[dict[str, Any]] = []
        self.route_maps: list[dict[str, Any]] = []
        for family in fabric.families:
            if family in node.loopbacks:
                loopback = {"set": {"src": node.loopbacks[family]}}
                outwards = [{"match": {"interface": name}} for name in policy.sends_from_interface(fabric, node)]
                self._route_map(_source(family), *outwards, loopback)
            if fabric.has_guests(node):
                self._guests(fabric, node, sessions, family)
            self._extensions(fabric, node, sessions, family)
            self._export(fabric, node, family)
            self._import(fabric, node, family)
            for peer in dict.fromkeys(s.peer for s in sessions if _filters_by_owner(node, s) and family in s.families):
                self._from_host(fabric, node, fabric.nodes[peer], family)
        for upstream in upstreams:
            for family in policy.upstream_families(upstream, fabric):
                self._upstream(upstream, family)

    def _prefix_list(self, name: str, family: str, rules: list[PrefixRule], description: str) -> None:
        entries: list[dict[str, Any]] = []
        for index, rule in enumerate(rules, start=1):
            entry: dict[str, Any] = {"sequence": 10 * index, "action": "permit", "prefix": rule.prefix}
            if rule.ge is not None:
                entry["ge"] = rule.ge
            if rule.le is not None:
                entry["le"] = rule.le
            entries.append(entry)
        if not entries:  # a reference to a list that does not exist permits everything
            entries = [{"sequence": 10, "action": "deny", "prefix": "any"}]
        self.prefix_lists.append({"name": name, "afi": family, "description": description, "entries": entries})

    def _route_map(self, name: str, *entries: dict[str, Any]) -> None:
        numbered = [{"sequence": 10 * i, "action": "permit", **entry} for i, entry in enumerate(entries, start=1)]
        self.route_maps.append({"name": name, "entries": numbered})

    def _guests(self, fabric: Fabric, node: Node, sessions: list[Session], family: str) -> None:
        name = guests.route_map_name(family)
        self._prefix_list(name, family, guests.prefix_rules(fabric, family), "addresses and prefixes of guests")
        self._route_map(name, *guests.route_map_entries(node, sessions, family))

    def _extensions(self, fabric: Fabric, node: Node, sessions: list[Session], family: str) -> None:
        for name, rules, description in extension_policy.prefix_lists(fabric, node, family):
            self._prefix_list(name, family, rules, description)
        if extension_policy.bgp(fabric, node, family):
            internal = any(session.internal for session in sessions)
            entries = extension_policy.redistribute_entries(node, internal, family)
            self._route_map(extension_policy.list_name(family), *entries)
        if extension_policy.bgp(fabric, node, family, tunnelled=True):
            for direction, entries in extension_policy.tunnel_entries(node, family, _OUTSIDE).items():
                self._route_map(extension_policy.tunnelled_name(family, direction), *entries)

    def _export(self, fabric: Fabric, node: Node, family: str) -> None:
        name = f"{NAME_PREFIX}export-{family}"
        if node.is_router:
            listed = f"{NAME_PREFIX}accepted-{family}"
            self._prefix_list(listed, family, policy.accepted(fabric, family), "all prefixes of the fabric")
            self._route_map(name, {"match": {_MATCH[family]: listed}})
            return
        own = f"{NAME_PREFIX}own-{family}"
        self._prefix_list(own, family, [PrefixRule(p) for p in policy.own(node, family)], "what this node originates")
        entries: list[dict[str, Any]] = [{"match": {_MATCH[family]: own, "as_path": _LOCAL}}]
        if fabric.has_guests(node):
            # Tagged by this node itself where they enter BGP: another node's have lost the tag when they came in.
            match = {_MATCH[family]: guests.route_map_name(family), "community": {"list": _OUTSIDE}}
            entries.append({"match": match})
        if extension_policy.bgp(fabric, node, family, tunnelled=False):
            match = {_MATCH[family]: extension_policy.routed_name(family), "community": {"list": _OUTSIDE}}
            entries.append({"match": match})
        outside = policy.outside(fabric, node, family)
        if outside:
            tagged = f"{NAME_PREFIX}outside-{family}"
            self._prefix_list(tagged, family, outside, "what this node learns outside of the fabric")
            entries.append({"match": {_MATCH[family]: tagged, "community": {"list": _OUTSIDE}}})
        self._route_map(name, *entries)

    def _import(self, fabric: Fabric, node: Node, family: str) -> None:
        listed = f"{NAME_PREFIX}accepted-{family}"
        rules = policy.accepted_by(fabric, node, family)
        if not node.is_router:
            self._prefix_list(listed, family, rules, "all prefixes of the fabric")
        elif policy.refuses_default(node):
            listed = f"{NAME_PREFIX}import-{family}"
            self._prefix_list(listed, family, rules, "all prefixes of the fabric except the default route")
        entries = [{"match": {_MATCH[family]: listed}, "set": {"comm_list_delete": _OUTSIDE}}]
        if extension_policy.bgp(fabric, node, family, tunnelled=False):
            fresh = extension_policy.fresh_entry(extension_policy.routed_name(family), family)
            entries.insert(0, {**fresh, "set": {**fresh["set"], "comm_list_delete": _OUTSIDE}})
        self._route_map(f"{NAME_PREFIX}import-{family}", *entries)

    def _from_host(self, fabric: Fabric, node: Node, peer: Node, family: str) -> None:
        name = _from_name(peer.name, family)
        self._prefix_list(name, family, policy.owned(fabric, peer, family), f"what {peer.name} owns")
        entry: dict[str, Any] = {"match": {_MATCH[family]: name}, "set": {"comm_list_delete": _OUTSIDE}}
        if not _shares_guests(fabric, node, peer):
            self._route_map(name, entry)
            return
        # All nodes with guests own guest_prefixes together, so the prefix alone does not say whose route it is.
        entry["match"]["as_path"] = _owner_name(peer)
        entries = [entry]
        outside = policy.outside(fabric, peer, family)
        if outside:
            passed_on = f"{name}-outside"
            self._prefix_list(passed_on, family, outside, f"what {peer.name} learns outside of the fabric")
            entries.append({"match": {_MATCH[family]: passed_on}, "set": {"comm_list_delete": _OUTSIDE}})
        self._route_map(name, *entries)

    def _upstream(self, upstream: Upstream, family: str) -> None:
        accept = [r for r in upstream.accept if r.family == family]
        announce = [r for r in upstream.announce if r.family == family]
        name_in, name_out = (_upstream_name(upstream, direction, family) for direction in ("in", "out"))
        self._prefix_list(name_in, family, accept, f"accepted from {upstream.name}")
        self._prefix_list(name_out, family, announce, f"announced to {upstream.name}")
        tag = {"values": [COMMUNITY_OUTSIDE], "additive": True}
        self._route_map(name_in, {"match": {_MATCH[family]: name_in}, "set": {"community": tag}})
        self._route_map(name_out, {"match": {_MATCH[family]: name_out}, "set": {"comm_list_delete": _OUTSIDE}})


def _filters_by_owner(node: Node, session: Session) -> bool:
    """Whether *node* accepts over *session* only what the peer owns: from every host."""
    return not session.peer_is_router


def _shares_guests(fabric: Fabric, node: Node, peer: Node) -> bool:
    """Whether *peer* owns prefixes that other nodes own, too, and its AS tells it from them."""
    return (fabric.has_guests(peer) or extension_policy.announces(fabric, peer)) and peer.asn != node.asn


def _owner_name(peer: Node) -> str:
    return f"{NAME_PREFIX}from-{peer.name}"


def _owners(fabric: Fabric, node: Node, sessions: list[Session]) -> list[dict[str, Any]]:
    """As-path lists: routes that begin at this peer, which may have put its number in front several times."""
    peers = dict.fromkeys(s.peer for s in sessions if _filters_by_owner(node, s))
    found = []
    for peer in (fabric.nodes[name] for name in peers):
        if _shares_guests(fabric, node, peer):
            entry = {"sequence": 10, "action": "permit", "regex": f"^{peer.asn}(_{peer.asn})*$"}
            found.append({"name": _owner_name(peer), "entries": [entry]})
    return found


def _from_name(peer: str, family: str) -> str:
    return f"{NAME_PREFIX}from-{peer}-{family}"


def _upstream_name(upstream: Upstream, direction: str, family: str) -> str:
    return f"{NAME_PREFIX}{upstream.label}-{direction}-{family}"


def _instance(fabric: Fabric, node: Node, sessions: list[Session], upstreams: list[Upstream]) -> dict[str, Any]:
    """One `router bgp`. What differs between the profiles is written out, so that a running FRR may have either."""
    families = [_address_family(fabric, node, f, sessions, upstreams) for f in _families(fabric, upstreams)]
    overlay = evpn.address_family(fabric, node, sessions)
    return {
        "asn": node.asn,
        "vrf": "default",
        "router_id": node.router_id,
        "default_ipv4_unicast": False,
        "ebgp_requires_policy": True,
        "network_import_check": True,
        "log_neighbor_changes": True,
        "deterministic_med": True,
        "suppress_duplicates": True,
        # relax: the two uplinks of a host lead to different ASes; router-id: which of two equal paths is best must not
        # depend on which came first, or what is advertised could not be predicted
        "bestpath": {"as_path_multipath_relax": True, "compare_router_id": True},
        "timers": dict(BGP_TIMERS),
        **reflectors.instance(fabric, node),
        "peer_groups": [
            *(_peer_group(node, *item) for item in _first_of_groups(sessions).items()),
            *reflectors.peer_groups(fabric, node),
        ],
        "neighbors": [
            *(_neighbor(s) for s in sessions),
            *(_upstream_neighbor(u) for u in upstreams),
            *reflectors.neighbors(fabric, node),
            *extension_policy.neighbors(fabric, node),
        ],
        "address_families": [*families, overlay] if overlay else families,
    }


def _first_of_groups(sessions: list[Session]) -> dict[str, Session]:
    """Peer group to its first session: in what a group settles, all its sessions are alike."""
    first: dict[str, Session] = {}
    for session in sessions:
        first.setdefault(session.group, session)
    return first


def _families(fabric: Fabric, upstreams: list[Upstream]) -> list[str]:
    needed = set(fabric.families) | {f for u in upstreams for f in policy.upstream_families(u, fabric)}
    return [f for f in addressing.FAMILIES if f in needed]


def _peer_group(node: Node, name: str, session: Session) -> dict[str, Any]:
    group: dict[str, Any] = {
        "name": name,
        # a number, not `internal`: a group of addressed peers with `internal` and BFD stays idle in FRR 10.3
        "remote_as": node.asn if session.internal else "external",
        "timers": {**BGP_TIMERS, "connect_s": BGP_CONNECT_S},
        "advertisement_interval_s": 0,
        "capability_extended_nexthop": True,
    }
    if session.bfd:
        group["bfd"] = {"enabled": True, "profile": BFD_PROFILE}
    return group


def _neighbor(session: Session) -> dict[str, Any]:
    neighbor: dict[str, Any] = {"neighbor": session.neighbor}
    if session.unnumbered:
        neighbor["interface"] = True
    return {**neighbor, "peer_group": session.group, "description": f"{session.peer} {session.peer_interface}"}


def _upstream_neighbor(upstream: Upstream) -> dict[str, Any]:
    neighbor: dict[str, Any] = {"neighbor": upstream.neighbor or upstream.interface}
    if not upstream.neighbor:
        neighbor.update(interface=True, capability_extended_nexthop=True)
    neighbor.update(remote_as=upstream.remote_as, description=upstream.label.replace("-", " ", 1))
    if upstream.password:
        neighbor["password"] = {"secret": upstream.password}
    neighbor["timers"] = {**BGP_TIMERS, "connect_s": BGP_CONNECT_S}
    neighbor["advertisement_interval_s"] = 0
    if upstream.multihop:
        neighbor["ebgp_multihop"] = upstream.multihop
    if upstream.bfd:
        neighbor["bfd"] = {"enabled": True, "profile": BFD_PROFILE}
    return neighbor


def _address_family(
    fabric: Fabric,
    node: Node,
    family: str,
    sessions: list[Session],
    upstreams: list[Upstream],
) -> dict[str, Any]:
    networks = policy.own(node, family) + [p for p in _aggregates(node, upstreams) if addressing.family_of(p) == family]
    neighbors: list[dict[str, Any]] = []
    for group, session in _first_of_groups(sessions).items():
        if family in session.families:
            neighbors.append(_group_policy(fabric, node, group, session, family))
    for session in sessions:
        if family in session.families and _filters_by_owner(node, session):
            neighbors.append({"neighbor": session.neighbor, "route_map": {"in": _from_name(session.peer, family)}})
    for upstream in upstreams:
        if family in policy.upstream_families(upstream, fabric):
            neighbors.append(_upstream_policy(upstream, family))
    result: dict[str, Any] = {"afi": family, "safi": "unicast"}
    if networks:
        result["networks"] = [{"prefix": prefix} for prefix in networks]
    redistributed = gateway.redistribute(fabric, node, family)
    if fabric.has_guests(node) and family in fabric.families:
        redistributed += guests.redistribute(node, family)
    redistributed += extension_policy.redistribute(fabric, node, family)
    neighbors += extension_policy.family_neighbors(fabric, node, family)
    if redistributed:
        result["redistribute"] = redistributed
    result["maximum_paths"] = {"ebgp": MAXIMUM_PATHS, "ibgp": MAXIMUM_PATHS}
    result["neighbors"] = neighbors
    return result


def _upstream_policy(upstream: Upstream, family: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "neighbor": upstream.neighbor or upstream.interface,
        "activate": True,
        "route_map": {direction: _upstream_name(upstream, direction, family) for direction in ("in", "out")},
        "soft_reconfiguration_inbound": True,
    }
    if any(_is_default_to_tunnel(upstream, rule) for rule in upstream.announce):
        entry["default_originate"] = True
    return entry


def _group_policy(fabric: Fabric, node: Node, group: str, session: Session, family: str) -> dict[str, Any]:
    route_map = {"out": f"{NAME_PREFIX}export-{family}"}
    if not _filters_by_owner(node, session):
        route_map["in"] = f"{NAME_PREFIX}import-{family}"
    entry: dict[str, Any] = {"neighbor": group, "activate": True, "route_map": route_map}
    if session.internal:
        # The peers know nothing of our links. `all`: reflected routes need it, too.
        entry["next_hop_self"] = "all" if node.is_router else True
        if node.is_router and not session.peer_is_router:
            entry["route_reflector_client"] = True
    if node.allowas_in:
        entry["allowas_in"] = min(node.allowas_in + guests.loops(fabric, node), ALLOWAS_IN_MAXIMUM)
    if policy.originates_default_to(node, fabric.nodes[session.peer]):
        entry["default_originate"] = True
    return entry
