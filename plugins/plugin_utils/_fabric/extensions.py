# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`subnet_extensions`: read, and checked against each other and everything else that has addresses or ports."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import addressing
from .errors import Path, Problems, format_path
from .extension_model import Device, Edge, Extension
from .model import End, Fabric, Link
from .numbers import EXTENSION_ID_MAXIMUM

_NAMES = {"ipv4": "IPv4", "ipv6": "IPv6"}
# The ends of such a tunnel tell each other their keys while the roles run.
_NEEDS_KEYS = ("wireguard", "ssh")


def read_extensions(data: dict[str, Any], fabric: Fabric, problems: Problems) -> tuple[Extension, ...]:
    raw_extensions = data.get("subnet_extensions") or {}
    found = [_read(name, raw, fabric, problems) for name, raw in raw_extensions.items() if raw and "prefixes" in raw]
    for extension in found:
        path: Path = ("subnet_extensions", extension.name)
        _check_edges(extension, path, fabric, problems)
        _check_prefixes(extension, path, found, fabric, problems)
        _check_transport(extension, path, fabric, problems)
    _check_devices(found, fabric, problems)
    _check_ports(found, fabric, problems)
    return tuple(found)


def _read(name: str, raw: dict[str, Any], fabric: Fabric, problems: Problems) -> Extension:
    path: Path = ("subnet_extensions", name)
    prefixes = tuple(addressing.prefix(p) for p in raw.get("prefixes") or [] if p)
    devices: dict[str, Device] = {}
    for key, entry in (raw.get("devices") or {}).items():
        if entry and "at" in entry and "mac" in entry:
            node, interface = entry["at"].split(":", 1)
            devices[key] = Device(
                name=key,
                node=node,
                interface=interface,
                port=entry.get("port"),
                mac=addressing.mac_address(entry["mac"]),
                addresses=tuple(addressing.address(a) for a in entry.get("addresses") or [] if a),
            )
    edges = {key: _edge(key, entry or {}, devices) for key, entry in (raw.get("edges") or {}).items()}
    learn = raw.get("learn", False)
    if learn is True:
        learned = prefixes
    else:
        learned = tuple(addressing.prefix(p) for p in learn or [] if p)
        for index, prefix in enumerate(learned):
            if not any(addressing.contains(outer, prefix) for outer in prefixes):
                problems.add(
                    "extension_learn_outside", (*path, "learn", index), prefix=prefix, known=", ".join(prefixes)
                )
    if learned and raw.get("control_plane", "static") == "static":
        problems.add("extension_learn_static", (*path, "learn"))
    return Extension(
        name=name,
        prefixes=prefixes,
        control_plane=raw.get("control_plane", "static"),
        transport=raw.get("transport", "direct"),
        edges=edges,
        devices=devices,
        learn=learned,
    )


def _edge(name: str, raw: dict[str, Any], devices: dict[str, Device]) -> Edge:
    bridges = {bridge: tuple(p for p in ports or [] if p) for bridge, ports in (raw.get("bridges") or {}).items()}
    ports = [p for p in raw.get("ports") or [] if p]
    ports += [*bridges, *(d.interface for d in devices.values() if d.node == name)]
    return Edge(name, tuple(dict.fromkeys(ports)), bridges, raw.get("withdraw", False))


def _check_edges(extension: Extension, path: Path, fabric: Fabric, problems: Problems) -> None:
    for name in extension.edges:
        here: Path = (*path, "edges", name)
        node = fabric.nodes.get(name)
        if problems.touches(("nodes", name)):
            continue
        if node is None:
            problems.add("extension_unknown_node", here, node=name, known=", ".join(sorted(fabric.nodes)))
        elif "edge" not in node.functions:
            problems.add("extension_not_edge", here, node=name)
        elif not node.managed and (not extension.bgp or extension.transport in _NEEDS_KEYS):
            problems.add("extension_unmanaged", here, node=name)
        elif fabric.has_guests(node):
            problems.add("extension_with_guests", here, node=name)
        elif extension.learn and node.release != "trixie":
            problems.add("extension_learn_release", here, node=name, release=node.release)


def _check_prefixes(
    extension: Extension, path: Path, found: list[Extension], fabric: Fabric, problems: Problems
) -> None:
    """Nothing else may have an address in the subnet: it would be routed elsewhere, or answered for."""
    families: dict[str, str] = {}
    for index, prefix in enumerate(extension.prefixes):
        here: Path = (*path, "prefixes", index)
        family = addressing.family_of(prefix)
        if families.setdefault(family, prefix) != prefix:
            problems.add("extension_two_prefixes", here, family=_NAMES[family], other=families[family])
        if extension.bgp and fabric.families and family not in fabric.families and not problems.touches(("pools",)):
            problems.add("extension_family", here, family=_NAMES[family], pool=f"pools.loopback{family[-1]}")
        for other, where in _taken(extension, found, fabric):
            if addressing.overlap(prefix, other):
                problems.add("extension_overlap", here, prefix=prefix, other=other, where=where)
                break


def _taken(extension: Extension, found: list[Extension], fabric: Fabric) -> Iterator[tuple[str, str]]:
    """Prefixes that are in use, and by what."""
    for other in found:
        if other is extension:
            break
        yield from ((prefix, f"subnet_extensions.{other.name}") for prefix in other.prefixes)
    for key in ("loopback4", "loopback6"):
        if pool := getattr(fabric.pools, key):
            yield pool, f"pools.{key}"
    for node in fabric.nodes.values():
        yield from ((addressing.host_prefix(a), f"the loopback of node '{node.name}'") for a in node.loopbacks.values())
        if node.gateway:
            yield from ((addressing.network_of(a)[0], f"nodes.{node.name}.gateway") for a in node.gateway.addresses)
    for link in fabric.links:
        for end in (link.a, link.b):
            for address in end.addresses.values():
                network = addressing.network_of(address)[0] if "/" in address else addressing.host_prefix(address)
                yield network, format_path(link.path)
    for upstream in fabric.upstreams:
        yield from ((addressing.network_of(a)[0], f"upstreams.{upstream.name}") for a in upstream.addresses)
    yield from ((prefix, "guest_prefixes") for prefix in fabric.guest_prefixes)
    for segment in fabric.segments:
        addresses = [*segment.gateway, *(a for m in segment.members.values() for a in m.addresses)]
        yield from ((addressing.network_of(a)[0], f"segments.{segment.name}") for a in addresses)


def _check_transport(extension: Extension, path: Path, fabric: Fabric, problems: Problems) -> None:
    edges = [fabric.nodes[name] for name in extension.edges if name in fabric.nodes]
    if problems.touches(("nodes",)) or problems.touches(("pools",)) or problems.touches((*path, "edges")):
        return
    if extension.tunnelled:
        if not any(all(family in edge.loopbacks for edge in edges) for family in addressing.FAMILIES):
            nodes = ", ".join(edge.name for edge in edges)
            problems.add("extension_no_common_family", (*path, "edges"), nodes=nodes, transport=extension.transport)
        for edge in edges:
            if edge.id > EXTENSION_ID_MAXIMUM:
                here: Path = (*path, "edges", edge.name)
                problems.add("extension_id", here, id=edge.id, node=edge.name, maximum=EXTENSION_ID_MAXIMUM)
    elif not extension.bgp and len(edges) > 1:
        families = {addressing.family_of(prefix) for prefix in extension.prefixes}
        used = {hop.link.path: hop.link for hop in paths(fabric, [edge.name for edge in edges]).values()}
        for link in used.values():
            missing = families - set(link.families) if "ipv6" not in link.families else set()
            if missing:
                ends = f"{link.a.node} and {link.b.node}"
                names = " and ".join(_NAMES[f] for f in sorted(missing))
                here = (*path, "transport")
                problems.add("extension_link_addresses", here, link=format_path(link.path), ends=ends, family=names)


@dataclass(frozen=True)
class Hop:
    """The way of a node towards an edge."""

    link: Link
    near: End
    far: End

    def next_hop(self, family: str) -> str:
        """The address of the other end, which may be an IPv6 one for an IPv4 route."""
        return self.far.addresses.get(family, self.far.addresses.get("ipv6", "")).partition("/")[0]


def paths(fabric: Fabric, edges: list[str]) -> dict[tuple[str, str], Hop]:
    """(node, edge) to the next hop, for every node on the way from one edge to another."""
    found: dict[tuple[str, str], Hop] = {}
    for edge in edges:
        hops = ways(fabric, edge)
        for start in edges:
            node = start
            while node != edge and node in hops and (node, edge) not in found:
                found[node, edge] = hops[node]
                node = hops[node].far.node
    return found


def ways(fabric: Fabric, edge: str) -> dict[str, Hop]:
    """Node to its next hop towards *edge*, by the fewest links; only routers and edges pass packets on."""
    found: dict[str, Hop] = {}
    queue = deque([edge])
    while queue:
        name = queue.popleft()
        node = fabric.nodes[name]
        if name != edge and not (node.is_router or "edge" in node.functions):
            continue
        for link in fabric.links:
            for near, far in ((link.a, link.b), (link.b, link.a)):
                if far.node == name and near.node != edge and near.node not in found:
                    found[near.node] = Hop(link, near, far)
                    queue.append(near.node)
    return found


def _check_devices(found: list[Extension], fabric: Fabric, problems: Problems) -> None:
    taken: dict[str, tuple[str, Device]] = {}
    names: dict[str, str] = {}
    for extension in found:
        for device in extension.devices.values():
            path: Path = ("subnet_extensions", extension.name, "devices", device.name)
            if device.name in fabric.nodes or device.name in fabric.servers:
                problems.add("device_name_is_node", path, name=device.name)
            elif names.setdefault(device.name, extension.name) != extension.name:
                problems.add("device_two_extensions", path, name=device.name, other=names[device.name])
            _check_place(extension, device, path, problems)
            for index, address in enumerate(device.addresses):
                here: Path = (*path, "addresses", index)
                _check_address(extension, address, here, problems)
            for thing, what, where in [
                (device.mac, "MAC address", (*path, "mac")),
                *((a, "address", (*path, "addresses", i)) for i, a in enumerate(device.addresses)),
            ]:
                other_name, other = taken.setdefault(thing, (extension.name, device))
                if other is not device:
                    place = f"subnet_extensions.{other_name}.devices.{other.name}"
                    at = f"{other.node}:{other.interface}"
                    problems.add("device_two_places", where, thing=thing, what=what, other=place, at=at)


def _check_place(extension: Extension, device: Device, path: Path, problems: Problems) -> None:
    if problems.touches(("subnet_extensions", extension.name, "edges")):
        return
    edge = extension.edges.get(device.node)
    if edge is None:
        known = ", ".join(extension.edges)
        problems.add("device_no_edge", (*path, "at"), node=device.node, extension=extension.name, known=known)
        return
    for bridge, ports in edge.bridges.items():
        if device.interface in ports:
            problems.add("device_port_of_bridge", (*path, "at"), port=device.interface, node=device.node, bridge=bridge)
    if device.port is not None and device.port not in edge.bridges.get(device.interface, ()):
        problems.add("device_port", (*path, "port"), port=device.port, interface=device.interface, node=device.node)


def _check_address(extension: Extension, address: str, path: Path, problems: Problems) -> None:
    inside = [p for p in extension.prefixes if addressing.contains(p, address)]
    if not inside:
        problems.add("device_outside", path, address=address, known=" and ".join(extension.prefixes))
        return
    first, last = addressing.span(inside[0])
    number = addressing.span(address)[0]
    ends = (first, last) if addressing.family_of(address) == "ipv4" else (first,)
    if last - first > 1 and number in ends:
        problems.add("device_network_address", path, address=address, prefix=inside[0])


def _check_ports(found: list[Extension], fabric: Fabric, problems: Problems) -> None:
    """A port belongs to one thing, and none that is a port of a bridge hears ARP itself."""
    used = {(end.node, end.interface): format_path(link.path) for link in fabric.links for end in (link.a, link.b)}
    used |= {(u.node, u.interface): f"upstreams.{u.name}" for u in fabric.upstreams}
    used |= {(n.name, n.gateway.uplink): f"nodes.{n.name}.gateway" for n in fabric.nodes.values() if n.gateway}
    bridged: dict[tuple[str, str], str] = {}
    for segment in fabric.segments:
        for member in segment.members.values():
            bridged |= {(member.node, port): segment.bridge for port in member.ports}
            used[member.node, segment.bridge] = f"segments.{segment.name}"
    for extension in found:
        for edge in extension.edges.values():
            here: Path = ("subnet_extensions", extension.name, "edges", edge.node)
            members = [(port, bridge) for bridge, ports in edge.bridges.items() for port in ports]
            for port, bridge in members:
                other = bridged.setdefault((edge.node, port), bridge)
                if other != bridge:
                    problems.add("extension_two_bridges", here, port=port, node=edge.node, bridge=bridge, other=other)
            for port in [*edge.ports, *(port for port, dummy in members)]:
                owner = used.setdefault((edge.node, port), format_path(here))
                if owner != format_path(here):
                    problems.add("extension_port_taken", here, port=port, node=edge.node, other=owner)
                elif port in edge.ports and (edge.node, port) in bridged:
                    bridge = bridged[edge.node, port]
                    if not any(d.node == edge.node and d.interface == port for d in extension.devices.values()) or (
                        bridge not in edge.bridges
                    ):
                        problems.add("extension_port_of_bridge", here, port=port, node=edge.node, bridge=bridge)
