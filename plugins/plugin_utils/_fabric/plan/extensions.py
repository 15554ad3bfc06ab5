# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Extended subnets: what an edge router answers for, where its packets go, and what it announces."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import addressing
from ..addressing import FAMILIES
from ..extension_model import Device, Extension
from ..extensions import paths
from ..model import Fabric, Node
from ..numbers import (
    EXTENSION_MAC,
    EXTENSION_MTU,
    EXTENSION_OVERHEAD,
    EXTENSION_PORT_MAC,
    EXTENSION_SSH_PORT,
    EXTENSION_UNREACHABLE_METRIC,
    EXTENSION_VXLAN_PORT,
    EXTENSION_WIREGUARD_PORT,
    GUEST_METRICS,
    NFT_TABLES,
    ROUTE_PROTOCOLS,
    ROUTE_TABLES,
    RULE_PRIORITIES,
)
from .extension_policy import TABLE_DIRECT, device, of
from .underlay import interface_key

MAIN = 254


def extension(fabric: Fabric, node: Node) -> dict[str, Any] | None:
    """`fabric_node.extension`, or None where the node has nothing to do with extensions."""
    if not fabric.extended or not node.managed:
        return None
    edge = "edge" in node.functions
    found: dict[str, Any] = {"edge": edge, "routes": _routes(fabric, node)}
    if edge:
        found.update(
            links=_links(fabric, node),
            wireguard=[_wireguard(fabric, node, peer) for peer in _peers(fabric, node, "wireguard")],
            ssh=_ssh(fabric, node),
            ruleset=_ruleset(fabric, node),
            agent=_agent(fabric, node),
        )
    return found


# tunnels


def _family(extension_: Extension, fabric: Fabric) -> str:
    nodes = [fabric.nodes[name] for name in extension_.edges]
    return next(f for f in FAMILIES if all(f in node.loopbacks for node in nodes))


def _peers(fabric: Fabric, node: Node, transport: str) -> list[tuple[Node, str]]:
    """The other ends of the node's tunnels of one kind, and the family of the tunnel's own packets."""
    found: dict[str, tuple[Node, str]] = {}
    for e in of(fabric, node):
        if e.transport == transport:
            for name in e.edges:
                if name != node.name and e.active(name):
                    found.setdefault(name, (fabric.nodes[name], _family(e, fabric)))
    return sorted(found.values(), key=lambda peer: peer[0].id)


def link_local(node: Node) -> str:
    """Of an edge's end of all of its tunnels."""
    return addressing.address(f"fe80::{node.id:x}")


def _mac(node: Node) -> str:
    return (EXTENSION_MAC | node.id).to_bytes(6, "big").hex(":")


def _mtu(fabric: Fabric, transport: str, family: str) -> int:
    """Packets take whatever way the underlay finds, so that the narrowest link decides."""
    there = min([fabric.underlay.mtu, *(link.mtu for link in fabric.links)])
    return max(1280, min(EXTENSION_MTU, there - EXTENSION_OVERHEAD[transport][family]))


def _tunnel(fabric: Fabric, node: Node, transport: str, peer: Node, family: str) -> dict[str, Any]:
    low, high = sorted((node.id, peer.id))
    found: dict[str, Any] = {
        "name": device(transport, peer),
        "kind": transport if transport != "gre" or family == "ipv4" else "ip6gre",
        "local": node.loopbacks[family],
        "remote": peer.loopbacks[family],
        "mtu": _mtu(fabric, transport, family),
        "address": f"{link_local(node)}/64",
    }
    if transport == "vxlan":
        found.update(vni=low << 12 | high, port=EXTENSION_VXLAN_PORT, mac=_mac(node))
    return found


def _links(fabric: Fabric, node: Node) -> dict[str, Any]:
    ports = []
    names: list[str] = []
    for e in of(fabric, node):
        edge = e.edges[node.name]
        for name in edge.ports:
            names.append(name)
            entry: dict[str, Any] = {"name": name, "mac": EXTENSION_PORT_MAC}
            if name in edge.bridges:
                entry["bridge_ports"] = list(edge.bridges[name])
            ports.append(entry)
    tunnels = [
        _tunnel(fabric, node, transport, peer, family)
        for transport in ("vxlan", "gre")
        for peer, family in _peers(fabric, node, transport)
    ]
    return {"ports": ports, "tunnels": tunnels, "sysctl": _sysctl(names) if names else {}}


def _sysctl(ports: list[str]) -> dict[str, str]:
    # redirects: a device that follows one asks a device of another router directly, and nobody answers
    settings = {"net.ipv4.conf.all.send_redirects": "0"}
    for name in ports:
        settings[interface_key("ipv4", name, "send_redirects")] = "0"
        settings[interface_key("ipv6", name, "accept_ra")] = "0"
        settings[interface_key("ipv6", name, "disable_ipv6")] = "0"
        for family in FAMILIES:
            # the kernel waits up to 0.8 s before it answers for somebody else
            settings[
                interface_key(family, name, "proxy_delay").replace("/conf/", "/neigh/").replace(".conf.", ".neigh.")
            ] = "0"
    return settings


def _wireguard(fabric: Fabric, node: Node, other: tuple[Node, str]) -> dict[str, Any]:
    peer, family = other
    host = peer.loopbacks[family]
    return {
        "name": device("wireguard", peer),
        "peer": peer.name,
        "peer_interface": device("wireguard", node),
        "listen_port": EXTENSION_WIREGUARD_PORT + peer.id,
        "endpoint": f"{f'[{host}]' if family == 'ipv6' else host}:{EXTENSION_WIREGUARD_PORT + node.id}",
        "mtu": _mtu(fabric, "wireguard", family),
        "addresses": [f"{link_local(node)}/64"],
    }


def _ssh(fabric: Fabric, node: Node) -> dict[str, Any]:
    """The end with the smaller id calls."""
    peers = _peers(fabric, node, "ssh")
    return {
        "port": EXTENSION_SSH_PORT,
        "listen": sorted({node.loopbacks[family] for peer, family in peers if peer.id < node.id}),
        "accepts": [{"peer": peer.name, "device": peer.id} for peer, dummy in peers if peer.id < node.id],
        "calls": [
            {"peer": peer.name, "address": peer.loopbacks[family], "device": peer.id, "remote_device": node.id}
            for peer, family in peers
            if peer.id > node.id
        ],
        "tunnels": [
            {"name": device("ssh", peer), "address": f"{link_local(node)}/64", "mtu": _mtu(fabric, "ssh", family)}
            for peer, family in peers
        ],
    }


# routes, and what is answered for


def _table(fabric: Fabric, node: Node) -> int:
    bgp = any(e.bgp for e in of(fabric, node))
    return ROUTE_TABLES["fabric-hosts"] if TABLE_DIRECT[node.release] or not bgp else MAIN


def _routes(fabric: Fabric, node: Node) -> dict[str, Any]:
    """The arguments of module host_route."""
    routes: list[dict[str, Any]] = []
    proxies: list[dict[str, Any]] = []
    switches: list[dict[str, Any]] = []
    prefixes: list[str] = []
    for e in fabric.extensions:
        here = e.active(node.name)
        remote = _remote_routes(fabric, e, node) if not e.bgp and (here or not e.tunnelled) else []
        if not here and not remote:
            continue
        prefixes += e.prefixes
        routes += [*_own_routes(e, node), *remote]
        if not here:
            continue
        if not e.bgp:  # behind BGP's routes, which are in main, FRR has it
            routes += [
                {"address": p, "type": "unreachable", "metric": EXTENSION_UNREACHABLE_METRIC} for p in e.prefixes
            ]
        edge = e.edges[node.name]
        for name in edge.ports:
            switches.append(
                {"interface": name, "proxy_arp": True, "proxy_arp_pvlan": name in edge.bridges, "proxy_ndp": True}
            )
            proxies += [
                {"address": address, "interface": name}
                for d in e.present
                if (d.node, d.interface) != (node.name, name)
                for address in d.addresses
                if addressing.family_of(address) == "ipv6"
            ]
    return {
        "table": _table(fabric, node),
        "protocol": ROUTE_PROTOCOLS["fabric-host"],
        "rule_priority": RULE_PRIORITIES["fabric-hosts"],
        "allowed_prefixes": list(dict.fromkeys(prefixes)),
        "routes": routes,
        "proxy": {"entries": proxies, "interfaces": switches},
        "state": "present" if routes or switches else "absent",
    }


def _own_routes(e: Extension, node: Node) -> list[dict[str, Any]]:
    return [
        {"address": address, "interface": d.interface, "lladdr": d.mac}
        for d in e.present
        if d.node == node.name
        for address in d.addresses
    ]


def _remote_routes(fabric: Fabric, e: Extension, node: Node) -> list[dict[str, Any]]:
    found = []
    edges = [name for name in e.edges if e.active(name)]
    hops = {} if e.tunnelled else paths(fabric, edges)
    for d in e.present:
        if d.node == node.name:
            continue
        for address in d.addresses:
            if e.tunnelled:
                found.append({"address": address, **_into_tunnel(e.transport, fabric.nodes[d.node])})
                continue
            hop = hops.get((node.name, d.node))
            via = hop.next_hop(addressing.family_of(address)) if hop else ""
            if hop and via:
                found.append({"address": address, "interface": hop.near.interface, "via": via, "onlink": True})
    return found


def _into_tunnel(transport: str, peer: Node) -> dict[str, Any]:
    if transport != "vxlan":
        return {"interface": device(transport, peer)}
    return {"interface": device(transport, peer), "via": link_local(peer), "onlink": True, "lladdr": _mac(peer)}


def _ruleset(fabric: Fabric, node: Node) -> str:
    """No IPv6 redirects, for which the kernel has no switch; no answers for addresses outside of the subnet, which
    proxy ARP would give for whatever a default route leads to."""
    name = NFT_TABLES["extension"]
    own = of(fabric, node)
    ports = sorted({port for e in own for port in e.edges[node.name].ports})
    if not ports:
        return ""
    refused = []
    for e in own:
        if e.edges[node.name].ports:
            subnet = next((f" arp daddr ip != {p}" for p in e.prefixes if addressing.family_of(p) == "ipv4"), "")
            refused.append(f"    iifname {_names(e.edges[node.name].ports)} arp operation request{subnet} drop\n")
    return (
        "".join(f"table {family} {name}\ndelete table {family} {name}\n" for family in ("ip6", "arp"))
        + f"table ip6 {name} {{\n"
        "  chain redirects {\n    type filter hook output priority filter; policy accept;\n"
        f"    oifname {_names(ports)} icmpv6 type nd-redirect drop\n  }}\n}}\n"
        f"table arp {name} {{\n"
        "  chain questions {\n    type filter hook input priority filter; policy accept;\n"
        f"{''.join(refused)}  }}\n}}\n"
    )


def _names(ports: Iterable[str]) -> str:
    return f"{{ {', '.join(f'{chr(34)}{port}{chr(34)}' for port in sorted(ports))} }}"


def _agent(fabric: Fabric, node: Node) -> dict[str, Any]:
    """What answers address-conflict probes and learns devices."""
    ports = []
    for e in of(fabric, node):
        for name in e.edges[node.name].ports:
            local = [d for d in e.present if (d.node, d.interface) == (node.name, name)]
            ports.append(
                {
                    "interface": name,
                    "prefixes": list(e.prefixes),
                    "learn": list(e.learn),
                    "isolated": name in e.edges[node.name].bridges,
                    "devices": {address: d.mac for d in local for address in d.addresses},
                    "elsewhere": sorted(
                        a for d in e.present if (d.node, d.interface) != (node.name, name) for a in d.addresses
                    ),
                }
            )
    return {
        "node": node.name,
        "mac": EXTENSION_PORT_MAC,
        # whom it asks devices as; 0.0.0.0 would look like somebody who wants their address
        "source": node.loopbacks.get("ipv4", "0.0.0.0"),  # noqa: S104
        "table": ROUTE_TABLES["fabric-guests"],
        "table_priority": RULE_PRIORITIES["fabric-guests"],
        "protocol": ROUTE_PROTOCOLS["fabric-guest"],
        "metrics": dict(GUEST_METRICS),
        "ports": ports,
    }


# the twin


def twin_devices(fabric: Fabric) -> list[tuple[Extension, Device]]:
    return [(e, d) for e in fabric.extensions for d in e.devices.values() if d.node in e.edges]


def twin_links(fabric: Fabric) -> list[dict[str, Any]]:
    """A device's cable: in its edge's port, or in one of the bridge's ports."""
    found = []
    turns: dict[tuple[str, str], int] = {}
    for e, d in twin_devices(fabric):
        edge = e.edges[d.node]
        port = d.port or d.interface
        if d.interface in edge.bridges and not d.port:
            turn = turns.get((d.node, d.interface), 0)
            turns[d.node, d.interface] = turn + 1
            port = edge.bridges[d.interface][turn % len(edge.bridges[d.interface])]
        found.append(
            {"a": {"node": d.node, "interface": port}, "b": {"node": d.name, "interface": "eth0"}, "mtu": 1500}
        )
    return found


def fabric_nodes(fabric: Fabric) -> dict[str, dict[str, Any]]:
    """Devices as containers; plain hosts with an address in the subnet and nothing else."""
    return {
        d.name: {
            "name": d.name,
            "fabric": fabric.name,
            "platform": "debian",
            "managed": False,
            "release": "trixie",
            "functions": [],
            "outside": {"ip_batch": _batch(e, d), "interfaces": ["eth0"], "sysctl": {}},
            "twin": {
                "release": "trixie",
                "flavour": "edge",
                "container": {"name": d.name, "image": "localhost/fabric-twin:trixie-edge"},
                "interfaces": ["eth0"],
            },
        }
        for e, d in twin_devices(fabric)
    }


def _batch(e: Extension, d: Device) -> list[str]:
    """Lines for `ip -force -batch`; a second time they change nothing."""
    lines = ["link set dev lo up", f"link set dev eth0 address {d.mac}", "link set dev eth0 up"]
    for prefix in e.prefixes:
        length = prefix.partition("/")[2]
        lines += [f"addr replace {a}/{length} dev eth0" for a in d.addresses if addressing.contains(prefix, a)]
    return lines
