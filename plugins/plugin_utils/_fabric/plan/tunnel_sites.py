# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The machines at the far ends of tunnels: what our roles make of those that are managed, what those that are not have
to be told, and what stands for them in the twin.
"""

from __future__ import annotations

from typing import Any

from .. import addressing
from ..addressing import FAMILIES, PrefixRule
from ..model import Fabric
from ..numbers import BGP_CONNECT_S, BGP_TIMERS, MAXIMUM_PATHS, NAME_PREFIX, ROUTE_PROTOCOLS, ROUTE_TABLES
from ..tunnel_model import Site, Tunnel
from . import peer_config, tunnels
from .tunnels import Keys
from .underlay import interface_key

_MATCH = {"ipv4": "ip_prefix_list", "ipv6": "ipv6_prefix_list"}
_LAN_MTU = 1500


def stood_for(fabric: Fabric) -> list[Tunnel]:
    """The tunnels whose far end is in the twin: it needs a way there."""
    return [tunnel for tunnel in fabric.tunnels if tunnel.b.provider]


def fabric_nodes(fabric: Fabric, keys: Keys, *, twin: bool) -> dict[str, dict[str, Any]]:
    """`fabric_node` of each far end; in the twin of the machines in its networks, too."""
    found: dict[str, dict[str, Any]] = {}
    for tunnel in stood_for(fabric) if twin else fabric.tunnels:
        found[tunnel.b.node] = _site(fabric, tunnel, keys, twin=twin)
        if twin:
            found |= {name: _host(fabric, name, tunnel.b, lan) for name, lan in _hosts(tunnel.b).items()}
    return found


def names(fabric: Fabric) -> list[str]:
    """The containers of the twin."""
    return [name for tunnel in stood_for(fabric) for name in [tunnel.b.node, *_hosts(tunnel.b)]]


def groups(fabric: Fabric, *, twin: bool) -> dict[str, list[str]]:
    ends = [t.b for t in (stood_for(fabric) if twin else fabric.tunnels)]
    found: dict[str, list[str]] = {
        "fabric_tunnel_sites": [site.node for site in ends if site.managed or twin],
        "fabric_tunnel_far_ends": [site.node for site in ends],
        "fabric_unmanaged": [site.node for site in ends if not (site.managed or twin)],
        "fabric": [site.node for site in ends],
    }
    for site in ends:
        found.setdefault(f"platform_{'debian' if twin else site.platform}", []).append(site.node)
    return found


def twin_links(fabric: Fabric) -> list[dict[str, Any]]:
    return [
        {"a": {"node": tunnel.b.node, "interface": lan}, "b": {"node": name, "interface": "eth0"}, "mtu": _LAN_MTU}
        for tunnel in stood_for(fabric)
        for name, lan in _hosts(tunnel.b).items()
    ]


def _hosts(site: Site) -> dict[str, str]:
    """In the twin, one machine in each of the site's networks: name to the site's interface."""
    return {f"{site.node}-{lan}".lower(): lan for lan in site.lans}


def _site(fabric: Fabric, tunnel: Tunnel, keys: Keys, *, twin: bool) -> dict[str, Any]:
    site = tunnel.b
    found: dict[str, Any] = {
        "name": site.node,
        "fabric": fabric.name,
        "domain": fabric.domain,
        "platform": "debian" if twin else site.platform,
        "managed": site.managed or twin,
        "release": "trixie",
        "functions": ["wireguard"],
        "tunnel": tunnel.name,
    }
    if site.managed or twin:
        wireguard = tunnels.wireguard_of_site(tunnel, keys)
        found |= {
            "loopback": {"interface": "lo"},
            "underlay": _underlay(site),
            "wireguard": wireguard,
            "frr": _frr(fabric, tunnel) if tunnel.bgp else None,
            "verify": {"sessions": _sessions(tunnel), "accepted": _accepted(tunnel), **tunnels.verify(wireguard)},
        }
    else:
        found["peer_config"] = peer_config.of_site(fabric, tunnel, keys)
    if twin:
        found["outside"] = _provider(site)
        found["twin"] = {
            "release": "trixie",
            "container": {"name": site.node, "release": "trixie"},
            "interfaces": [*([site.provider.interface] if site.provider else []), *site.lans],
            **({} if site.managed else {"stand_in_for": site.platform}),
        }
    return {key: value for key, value in found.items() if value is not None}


def _underlay(site: Site) -> dict[str, Any]:
    """Its own networks and what makes it a router. Its way to the outside stays the operator's own."""
    sysctl = {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"}
    sysctl |= {interface_key("ipv6", lan, "accept_ra"): "0" for lan in site.lans}
    return {
        "mtu": _LAN_MTU,
        "interfaces": [
            {"name": lan, "mtu": _LAN_MTU, "addresses": [{"address": a} for a in addresses], "kind": "lan"}
            for lan, addresses in site.lans.items()
        ],
        "sysctl": sysctl,
        "names": {"protocols": dict(ROUTE_PROTOCOLS), "tables": dict(ROUTE_TABLES)},
    }


def _sessions(tunnel: Tunnel) -> list[dict[str, Any]]:
    if not tunnel.bgp:
        return []
    return [
        {"neighbor": near.partition("/")[0], "peer": tunnel.a.node, "afis": [f"{family}_unicast"], "bfd": False}
        for family, (near, _far) in tunnel.ends().items()
        if addressing.of_family(tunnel.a.prefixes, family) or addressing.of_family(tunnel.b.prefixes, family)
    ]


def _accepted(tunnel: Tunnel) -> dict[str, list[str]]:
    return {family: addressing.of_family((*tunnel.a.prefixes, *tunnel.b.prefixes), family) for family in FAMILIES}


def _frr(fabric: Fabric, tunnel: Tunnel) -> dict[str, Any]:
    """Exactly its prefixes out, exactly those of the fabric's end in."""
    site, families = tunnel.b, [family for family in tunnel.ends() if _sessions(tunnel)]
    lists, maps = [], []
    for family in families:
        for direction, prefixes in (("in", tunnel.a.prefixes), ("out", site.prefixes)):
            rules = [PrefixRule(p) for p in addressing.of_family(prefixes, family)]
            entries: list[dict[str, Any]] = [
                {"sequence": 10 * i, "action": "permit", "prefix": rule.prefix} for i, rule in enumerate(rules, start=1)
            ]
            name = f"{NAME_PREFIX}tunnel-{tunnel.name}-{direction}-{family}"
            lists.append(
                {
                    "name": name,
                    "afi": family,
                    "entries": entries or [{"sequence": 10, "action": "deny", "prefix": "any"}],
                }
            )
            entry = {"sequence": 10, "action": "permit", "match": {_MATCH[family]: name}}
            maps.append({"name": name, "entries": [entry]})
    neighbors = {family: near.partition("/")[0] for family, (near, _far) in tunnel.ends().items()}
    config = {
        "router_id": {"ipv4": site.router_id},
        "prefix_lists": lists,
        "route_maps": maps,
        "instances": [
            {
                "asn": site.asn,
                "vrf": "default",
                "router_id": site.router_id,
                "default_ipv4_unicast": False,
                "ebgp_requires_policy": True,
                "network_import_check": True,
                "log_neighbor_changes": True,
                "timers": dict(BGP_TIMERS),
                "neighbors": [
                    {
                        "neighbor": neighbors[family],
                        "remote_as": fabric.nodes[tunnel.a.node].asn,
                        "description": f"tunnel {tunnel.name}",
                        "timers": {**BGP_TIMERS, "connect_s": BGP_CONNECT_S},
                        "advertisement_interval_s": 0,
                    }
                    for family in families
                ],
                "address_families": [_address_family(tunnel, family, neighbors[family]) for family in families],
            }
        ],
    }
    return {
        "profile": fabric.underlay.profile,
        "daemons": {"bgpd": True, "bfdd": False},
        "name_prefix": NAME_PREFIX,
        "config": config,
    }


def _address_family(tunnel: Tunnel, family: str, neighbor: str) -> dict[str, Any]:
    name = f"{NAME_PREFIX}tunnel-{tunnel.name}"
    return {
        "afi": family,
        "safi": "unicast",
        "networks": [{"prefix": prefix} for prefix in addressing.of_family(tunnel.b.prefixes, family)],
        "maximum_paths": {"ebgp": MAXIMUM_PATHS, "ibgp": MAXIMUM_PATHS},
        "neighbors": [
            {
                "neighbor": neighbor,
                "activate": True,
                "route_map": {direction: f"{name}-{direction}-{family}" for direction in ("in", "out")},
                "soft_reconfiguration_inbound": True,
            }
        ],
    }


def _provider(site: Site) -> dict[str, Any]:
    """The site's way to the outside, as its operator would have it."""
    if site.provider is None:
        return {}
    name = site.provider.interface
    lines = [f"link set dev {name} up"]
    lines += [f"addr replace {address} dev {name} nodad" for address in site.provider.addresses]
    for next_hop in site.provider.next_hops:
        lines.append(f"route replace default via {next_hop} dev {name}")
    return {"ip_batch": lines, "interfaces": [name], "sysctl": {}}


def _host(fabric: Fabric, name: str, site: Site, lan: str) -> dict[str, Any]:
    """A machine in a network of the site: the tenth address of each of its prefixes, the site as its router."""
    lines = ["link set dev eth0 up"]
    seen = set()
    for address in site.lans[lan]:
        family = addressing.family_of(address)
        prefix, _example = addressing.network_of(address)
        own = addressing.from_pool(prefix, 10)
        lines.append(f"addr replace {own}/{prefix.rpartition('/')[2]} dev eth0 nodad")
        if family not in seen:
            seen.add(family)
            lines.append(f"route replace default via {address.partition('/')[0]} dev eth0")
    return {
        "name": name,
        "fabric": fabric.name,
        "platform": "debian",
        "managed": False,
        "release": "trixie",
        "functions": [],
        "outside": {"ip_batch": lines, "interfaces": ["eth0"], "sysctl": {}},
        "twin": {"release": "trixie", "container": {"name": name, "release": "trixie"}, "interfaces": ["eth0"]},
    }
