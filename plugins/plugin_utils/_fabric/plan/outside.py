# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In the twin only: what is outside of the fabric, as one container.

It has the next hops of border gateways and the addresses of upstreams on one bridge, speaks BGP for the upstreams, is
the provider's router of the far ends of tunnels (each on an interface of its own), and has an address that stands for
the rest of the world. An upstream's session brings one prefix more than it shall, which must not come in.
"""

from __future__ import annotations

from typing import Any

from .. import addressing
from ..addressing import FAMILIES
from ..model import Fabric, Node, Upstream
from ..numbers import BGP_TIMERS, NAME_PREFIX, TWIN_FOREIGN, TWIN_WORLD
from ..tunnel_model import Provider
from . import extensions, tunnel_sites

_NAME = "outside"
_BRIDGE = "uplinks"


def names(fabric: Fabric) -> list[str]:
    """Its name, those of what stands at the far ends of tunnels, and of devices of extended subnets."""
    devices = [d.name for dummy, d in extensions.twin_devices(fabric)]
    return [*([_NAME] if _legs(fabric) else []), *tunnel_sites.names(fabric), *devices]


def groups(fabric: Fabric) -> dict[str, list[str]]:
    """Its own group, and the one of everything that the twin has to bring up."""
    found = names(fabric)
    speaks = [_NAME] if _upstreams(fabric) else []
    return {
        "fabric_outside": found,
        "fabric_outside_routers": speaks,
        "fabric": [*fabric.nodes, *fabric.servers, *found],
    }


def _gateways(fabric: Fabric) -> list[Node]:
    return [node for node in fabric.nodes.values() if node.gateway]


def _upstreams(fabric: Fabric) -> list[Upstream]:
    return [u for u in fabric.upstreams if u.in_twin and not u.tunnel]


def _providers(fabric: Fabric) -> dict[str, Provider]:
    return {t.b.node: t.b.provider for t in fabric.tunnels if t.b.provider}


def _legs(fabric: Fabric) -> list[tuple[str, str, bool]]:
    """(node, its interface, whether the leg is on the bridge), in the order of the outside's own interfaces."""
    legs = [(n.name, n.gateway.uplink, True) for n in _gateways(fabric) if n.gateway]
    legs += [(u.node, u.interface, True) for u in _upstreams(fabric)]
    legs += [(name, provider.interface, False) for name, provider in _providers(fabric).items()]
    return list(dict.fromkeys(legs))


def twin_links(fabric: Fabric) -> list[dict[str, Any]]:
    return [
        {"a": {"node": node, "interface": interface}, "b": {"node": _NAME, "interface": f"eth{index}"}, "mtu": 1500}
        for index, (node, interface, _bridged) in enumerate(_legs(fabric))
    ] + tunnel_sites.twin_links(fabric)


def fabric_nodes(fabric: Fabric) -> dict[str, dict[str, Any]]:
    """The container itself; what stands at the far ends of tunnels is planned with the tunnels."""
    legs = _legs(fabric)
    if not legs:
        return {}
    interfaces = [f"eth{index}" for index in range(len(legs))]
    found: dict[str, Any] = {
        "name": _NAME,
        "fabric": fabric.name,
        "platform": "debian",
        "managed": False,
        "release": "trixie",
        "functions": [],
        "outside": {
            "world": dict(TWIN_WORLD),
            "ip_batch": _batch(fabric, legs),
            "interfaces": interfaces,
            "sysctl": {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"},
        },
        "twin": {
            "release": "trixie",
            "container": {"name": _NAME, "release": "trixie"},
            "interfaces": interfaces,
        },
    }
    if _upstreams(fabric):
        found |= {"loopback": {"interface": "lo"}, "frr": _frr(fabric, _upstreams(fabric))}
    return {_NAME: found}


def _frr(fabric: Fabric, upstreams: list[Upstream]) -> dict[str, Any]:
    """One process for all upstreams: it has the AS number of the first, and says the others' to their neighbours."""
    asn = upstreams[0].remote_as
    neighbors, families = [], dict[str, list[dict[str, Any]]]()
    for upstream in upstreams:
        family = addressing.family_of(upstream.neighbor or "")
        own = next(a for a in upstream.addresses if addressing.family_of(a) == family).partition("/")[0]
        neighbor: dict[str, Any] = {
            "neighbor": own,
            "remote_as": fabric.nodes[upstream.node].asn,
            "timers": dict(BGP_TIMERS),
        }
        if upstream.remote_as != asn:
            neighbor["local_as"] = {"asn": upstream.remote_as, "no_prepend": True, "replace_as": True}
        if upstream.password:
            neighbor["password"] = {"secret": upstream.password}
        if upstream.multihop:
            neighbor["ebgp_multihop"] = upstream.multihop
        neighbors.append(neighbor)
        entry = {"neighbor": own, "activate": True, "soft_reconfiguration_inbound": True}
        if any(rule.prefix == addressing.DEFAULT_ROUTE[family] for rule in upstream.accept):
            entry["default_originate"] = True
        families.setdefault(family, []).append(entry)
    return {
        "profile": fabric.underlay.profile,
        "daemons": {"bgpd": True, "bfdd": False},
        "name_prefix": NAME_PREFIX,
        "config": {
            "router_id": {"ipv4": TWIN_WORLD["ipv4"]},
            "instances": [
                {
                    "asn": asn,
                    "vrf": "default",
                    "router_id": TWIN_WORLD["ipv4"],
                    "default_ipv4_unicast": False,
                    "ebgp_requires_policy": False,
                    "network_import_check": False,
                    "timers": dict(BGP_TIMERS),
                    "neighbors": neighbors,
                    "address_families": [
                        {
                            "afi": family,
                            "safi": "unicast",
                            "networks": [{"prefix": p} for p in _announced(upstreams, family)],
                            "neighbors": entries,
                        }
                        for family, entries in sorted(families.items())
                    ],
                }
            ],
        },
    }


def _announced(upstreams: list[Upstream], family: str) -> list[str]:
    rules = [rule.prefix for u in upstreams for rule in u.accept if rule.family == family]
    exact = [prefix for prefix in rules if prefix != addressing.DEFAULT_ROUTE[family]]
    return list(dict.fromkeys([*exact, TWIN_FOREIGN[family]]))


def _batch(fabric: Fabric, legs: list[tuple[str, str, bool]]) -> list[str]:
    """Lines for `ip -force -batch`; a second time they change nothing."""
    bridged = [f"eth{index}" for index, (_node, _interface, bridge) in enumerate(legs) if bridge]
    lines = [f"link add dev {_BRIDGE} type bridge forward_delay 0", f"link set dev {_BRIDGE} up", "link set dev lo up"]
    lines += [f"link set dev {name} master {_BRIDGE} up" for name in bridged]
    lines += [f"addr replace {addressing.host_prefix(address)} dev lo" for address in TWIN_WORLD.values()]
    for node in _gateways(fabric):
        for family in FAMILIES:
            lines += _next_hop(fabric, node, family)
    for upstream in _upstreams(fabric):
        lines += _upstream_address(upstream)
    for index, (name, _interface, bridge) in enumerate(legs):
        if not bridge:
            lines += _provider(fabric, name, f"eth{index}")
    return list(dict.fromkeys(lines))


def _upstream_address(upstream: Upstream) -> list[str]:
    neighbor = upstream.neighbor or ""
    own = [a for a in upstream.addresses if addressing.contains(addressing.network_of(a)[0], neighbor)]
    return [f"addr replace {neighbor}/{a.partition('/')[2]} dev {_BRIDGE} nodad" for a in own]


def _provider(fabric: Fabric, site: str, interface: str) -> list[str]:
    """The provider's router of a site, and the way to what the provider gave it."""
    provider = _providers(fabric)[site]
    stay = next(t.b.stay for t in fabric.tunnels if t.b.node == site)
    lines = [f"link set dev {interface} up"]
    for next_hop in provider.next_hops:
        family = addressing.family_of(next_hop)
        for address in (a for a in provider.addresses if addressing.family_of(a) == family):
            host, _slash, length = address.partition("/")
            lines.append(f"addr replace {next_hop}/{length} dev {interface} nodad")
            # what lies around the link's own network is behind the site
            networks = [p for p in stay if addressing.family_of(p) == family]
            lines += [f"route replace {p} via {host} dev {interface}" for p in networks]
    return lines


def _next_hop(fabric: Fabric, node: Node, family: str) -> list[str]:
    """The router that a gateway sends to, and the way back for what is not translated."""
    gateway = node.gateway
    if gateway is None or family not in gateway.next_hops:
        return []
    own = [a for a in gateway.addresses if addressing.family_of(a) == family]
    if not own:
        return []
    lines = [f"addr replace {gateway.next_hops[family]}/{own[0].partition('/')[2]} dev {_BRIDGE}"]
    pool = fabric.pools.loopback4 if family == "ipv4" else fabric.pools.loopback6
    back = (
        [pool]
        if pool
        else [addressing.host_prefix(n.loopbacks[family]) for n in fabric.nodes.values() if family in n.loopbacks]
    )
    back += [p for n in fabric.nodes.values() for p in n.announced if addressing.family_of(p) == family]
    if not (family == "ipv4" and gateway.nat and not gateway.nat_prefixes):
        lines += [f"route replace {prefix} via {own[0].partition('/')[0]}" for prefix in dict.fromkeys(back)]
    return lines
