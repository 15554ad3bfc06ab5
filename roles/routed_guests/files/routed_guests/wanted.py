# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the kernel should hold for the states of all interfaces, and the difference to what it holds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from .addresses import IPV4, Network
from .config import Config
from .machine import Name, State


class Route(NamedTuple):
    """A route of ours. `gateway` is None for what is on the bridge itself."""

    table: int
    destination: Network
    metric: int
    interface: int
    gateway: Network | None = None


class Neighbour(NamedTuple):
    interface: int
    address: Network
    mac: str


class Guest(NamedTuple):
    """An interface of a guest with what it was granted."""

    vmid: int
    number: int
    mac: str
    name: str
    kind: str  # qemu | lxc
    addresses: tuple[Network, ...]
    prefixes: tuple[Network, ...]

    @property
    def who(self) -> str:
        return f"{self.name or 'guest'} (VMID {self.vmid}, net{self.number})"


class Devices(NamedTuple):
    """Interface indices; 0 where a device is missing or down, and then nothing is wanted on it."""

    bridge: int
    forward: int


class Difference(NamedTuple):
    """In the order of doing: nothing is deleted before what takes its place is there."""

    neighbours: list[Neighbour]
    add: list[Route]
    replace: list[Route]
    delete: list[Route]
    stale_neighbours: list[Neighbour]

    @property
    def empty(self) -> bool:
        return not any(self)


LOCAL = (Name.INCOMING, Name.FRESH, Name.STEADY)


def _local_routes(guest: Guest, table: int, metric: int, bridge: int) -> list[Route]:
    routes = [Route(table, address, metric, bridge) for address in guest.addresses]
    for prefix in guest.prefixes:
        via = next(address for address in guest.addresses if address.version == prefix.version)
        routes.append(Route(table, prefix, metric, bridge, via))
    return routes


def routes(guest: Guest, state: State, returning: bool, config: Config, devices: Devices) -> list[Route]:
    """A guest's routes. Those for forwarded packets stay while it is FRESH: between the two there is no gap."""
    found: list[Route] = []
    metrics = config.metrics
    if devices.bridge:
        if state.name is Name.FRESH:
            found += _local_routes(guest, config.table, metrics.fresh, devices.bridge)
        elif state.name is Name.STEADY:
            found += _local_routes(guest, config.table, metrics.steady, devices.bridge)
        if state.name in (Name.INCOMING, Name.FRESH) or returning:
            found += _local_routes(guest, config.incoming_table, metrics.fresh, devices.bridge)
    if state.name is Name.LEAVING and devices.forward and config.forward:
        peer = config.forward.peers.get(state.target)
        if peer:
            found += [
                Route(config.table, network, metrics.leaving, devices.forward, peer.link_local)
                for network in (*guest.addresses, *guest.prefixes)
            ]
    return found


def neighbours(guest: Guest, state: State, returning: bool, devices: Devices) -> list[Neighbour]:
    if not devices.bridge or not (state.name in LOCAL or returning):
        return []
    return [Neighbour(devices.bridge, address, guest.mac) for address in guest.addresses]


def peer_neighbours(config: Config, devices: Devices) -> list[Neighbour]:
    """The other nodes on the forwarding device: always there, so that a departure changes one route and no more."""
    if not devices.forward or not config.forward:
        return []
    return [Neighbour(devices.forward, peer.link_local, peer.mac) for peer in config.forward.peers.values()]


def difference(
    got_routes: Iterable[Route],
    want_routes: Iterable[Route],
    got_neighbours: Iterable[Neighbour],
    want_neighbours: Iterable[Neighbour],
) -> Difference:
    got, want = set(got_routes), set(want_routes)
    here, there = set(got_neighbours), set(want_neighbours)
    keys = {(route.table, route.destination, route.metric): route for route in got}
    replace = [route for route in want - got if (route.table, route.destination, route.metric) in keys]
    replaced = {keys[(route.table, route.destination, route.metric)] for route in replace}
    add = [route for route in want - got if (route.table, route.destination, route.metric) not in keys]
    kept = {(neighbour.interface, neighbour.address) for neighbour in there}
    return Difference(
        neighbours=sorted(there - here),
        # IPv6 takes a gateway only where the route to it is: addresses before routed prefixes
        add=sorted(add, key=lambda route: (route.gateway is not None, route[:4])),
        replace=sorted(replace, key=lambda route: route[:4]),
        delete=sorted(got - want - replaced, key=lambda route: route[:4]),
        stale_neighbours=sorted(each for each in here - there if (each.interface, each.address) not in kept),
    )


def adopt(found: Sequence[Route], config: Config, devices: Devices) -> tuple[Name, str]:
    """What the kernel says a guest was when the agent was last here: its routes tell the state, and where it went."""
    best: tuple[Name, str] = (Name.ABSENT, "")
    for route in found:
        if route.table != config.table:
            continue
        if route.interface == devices.bridge and route.metric == config.metrics.fresh:
            return Name.FRESH, ""
        if route.interface == devices.bridge and route.metric == config.metrics.steady:
            best = (Name.STEADY, "")
        elif route.metric == config.metrics.leaving and config.forward and best[0] is Name.ABSENT:
            for name, peer in config.forward.peers.items():
                if peer.link_local == route.gateway:
                    best = (Name.LEAVING, name)
    return best


class Element(NamedTuple):
    """One element of a set of the firewall, as nft writes it."""

    family: str  # bridge | inet
    set: str
    text: str


def guest_elements(guest: Guest, port: str) -> frozenset[Element]:
    """`port`: the port of the bridge that the guest really sits on."""
    found = {Element("bridge", "macs", f'"{port}" . {guest.mac}')}
    for network in (*guest.addresses, *guest.prefixes):
        family = 4 if network.version == IPV4 else 6
        from_port, known, local = (
            ("addresses", "known", "local") if network.is_address else ("prefixes", "routed", "behind")
        )
        text = str(network)
        found.add(Element("bridge", f"{from_port}{family}", f'"{port}" . {text}'))
        if network.is_address and family == 6:
            found.add(Element("bridge", "targets6", f'"{port}" . 0x{network.value:032x}'))
        found.add(Element("inet", f"{known}{family}", f"{guest.mac} . {text}"))
        found.add(Element("inet", f"{local}{family}", text))
    return frozenset(found)


def port_element(port: str) -> Element:
    """Any port of the bridge, known or not."""
    return Element("bridge", "ports", f'"{port}"')


def peer_elements(config: Config) -> frozenset[Element]:
    peers = config.forward.peers.values() if config.forward else ()
    return frozenset(
        Element("inet", "peers4" if peer.address.version == IPV4 else "peers6", str(peer.address)) for peer in peers
    )


def index_routes(found: Iterable[Route]) -> Mapping[Network, list[Route]]:
    by_destination: dict[Network, list[Route]] = {}
    for route in found:
        by_destination.setdefault(route.destination, []).append(route)
    return by_destination
