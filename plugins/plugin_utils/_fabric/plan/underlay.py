# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interfaces, MTU, loopbacks and kernel settings of one node."""

from __future__ import annotations

from typing import Any

from ..addressing import FAMILIES, host_prefix
from ..model import End, Fabric, Link, Node
from ..numbers import NEIGHBOUR_LIMITS, ROUTE_PROTOCOLS, ROUTE_TABLES
from . import policy

_FORWARDING = {"ipv4": "net.ipv4.ip_forward", "ipv6": "net.ipv6.conf.all.forwarding"}


def loopback(fabric: Fabric, node: Node) -> dict[str, Any]:
    """The interface and its addresses; what the node does not have is missing, a family as well as `more`."""
    return {
        "interface": fabric.underlay.loopback_interface,
        **{f: host_prefix(node.loopbacks[f]) for f in FAMILIES if f in node.loopbacks},
        **({"more": [host_prefix(address) for address in node.more]} if node.more else {}),
    }


def underlay(fabric: Fabric, node: Node, twin: bool) -> dict[str, Any]:
    interfaces = [
        _interface(link, near, far) for link in fabric.links for near, far in _ends(link) if near.node == node.name
    ]
    interfaces += _upstream_interfaces(fabric, node)
    return {
        "mtu": fabric.underlay.mtu,
        "interfaces": interfaces,
        "sysctl": {**_sysctl([i["name"] for i in interfaces], twin, forwards=_forwards(fabric, node)), **node.sysctl},
        "names": {"protocols": dict(ROUTE_PROTOCOLS), "tables": dict(ROUTE_TABLES)},
    }


def _ends(link: Link) -> tuple[tuple[End, End], tuple[End, End]]:
    return (link.a, link.b), (link.b, link.a)


def _interface(link: Link, near: End, far: End) -> dict[str, Any]:
    addresses = []
    for family in link.families:
        if link.kind == "peer":
            addresses.append(
                {"address": host_prefix(near.addresses[family]), "peer": host_prefix(far.addresses[family])}
            )
        else:
            addresses.append({"address": near.addresses[family]})
    return {
        "name": near.interface,
        "mtu": link.mtu,
        "addresses": addresses,
        "peer_node": far.node,
        "peer_interface": far.interface,
        "kind": link.kind,
    }


def _upstream_interfaces(fabric: Fabric, node: Node) -> list[dict[str, Any]]:
    """Interfaces towards the outside that are ours because their addresses are given; two sessions may share one."""
    found: dict[str, list[str]] = {}
    for upstream in policy.node_upstreams(fabric, node):
        if upstream.addresses:
            known = found.setdefault(upstream.interface, [])
            known += [a for a in upstream.addresses if a not in known]
    if node.gateway and node.gateway.addresses:
        known = found.setdefault(node.gateway.uplink, [])
        known += [a for a in node.gateway.addresses if a not in known]
    # the MTU of a network that is not ours: Ethernet's
    return [
        {"name": name, "mtu": 1500, "addresses": [{"address": a} for a in addresses], "kind": "upstream"}
        for name, addresses in found.items()
    ]


def _forwards(fabric: Fabric, node: Node) -> bool:
    """Whether packets of others may pass through: nothing on a node of the cluster alone needs that."""
    return fabric.ceph is None or node.functions != ("ceph",)


def not_forwarded(fabric: Fabric, node: Node) -> dict[str, bool]:
    """Families that the node's kernel shall not forward, as frr_bgp has them: without a line of its own for each, FRR
    switches forwarding on at a reload. Empty on other nodes, whose FRR has no say in it."""
    settings = {**_sysctl([], True, forwards=_forwards(fabric, node)), **node.sysctl}
    return {family: False for family, key in _FORWARDING.items() if settings[key] == "0"}


def _sysctl(interfaces: list[str], twin: bool, forwards: bool) -> dict[str, str]:
    """Linux with routes from BGP; keys as sysctl.d wants them."""
    settings = {
        **dict.fromkeys(_FORWARDING.values(), str(int(forwards))),
        # hash over ports, too: otherwise all traffic between two loopbacks takes one uplink
        "net.ipv4.fib_multipath_hash_policy": "1",
        "net.ipv6.fib_multipath_hash_policy": "1",
        "net.ipv4.conf.all.ignore_routes_with_linkdown": "1",
        "net.ipv6.conf.all.ignore_routes_with_linkdown": "1",
        "net.ipv6.conf.all.keep_addr_on_down": "1",
    }
    if not twin:  # of the machine, not of a network namespace
        for family in FAMILIES:
            settings |= {f"net.{family}.neigh.default.{key}": str(value) for key, value in NEIGHBOUR_LIMITS.items()}
    for name in interfaces:
        settings[interface_key("ipv6", name, "disable_ipv6")] = "0"
        # forwarding alone does not stop a kernel with accept_ra=2; and no RA route may compete with BGP's
        settings[interface_key("ipv6", name, "accept_ra")] = "0"
        settings[interface_key("ipv6", name, "keep_addr_on_down")] = "1"
        for family in FAMILIES:
            settings[interface_key(family, name, "ignore_routes_with_linkdown")] = "1"
    return settings


def interface_key(family: str, interface: str, key: str) -> str:
    """A setting of an interface. Where its name has a dot, the slashes have to part the key (sysctl.d(5))."""
    separator = "/" if "." in interface else "."
    return separator.join(("net", family, "conf", interface, key))
