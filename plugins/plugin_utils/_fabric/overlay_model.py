# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Segments, the overlay that carries them, the servers in them and the gateways out of the fabric, as typed data."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Member:
    """A VTEP's place in a segment."""

    node: str
    addresses: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()


@dataclass(frozen=True)
class Segment:
    name: str
    vni: int
    bridge: str
    vlan: int
    """In the form single; 0 in the other."""
    mtu: int
    suppress: bool
    flooding: bool
    gateway: tuple[str, ...]
    gateway_mac: str
    """Empty where there is no gateway."""
    announce: bool
    import_targets: tuple[str, ...]
    export_targets: tuple[str, ...]
    members: dict[str, Member]


@dataclass(frozen=True)
class Duplicates:
    """What makes an address a duplicate (RFC 7432, 15.1), and what is then done."""

    moves: int
    seconds: int
    freeze: str
    """`permanent`, seconds, or empty for never."""


@dataclass(frozen=True)
class Overlay:
    form: str = "per_vni"
    bridge: str = ""
    device: str = ""
    local: str = "ipv4"
    """Family of the VTEPs' addresses. With IPv6 there is no EVPN: VTEPs flood to a list of each other, and learn."""
    reflected: bool = False
    """Whether EVPN goes over sessions with route reflectors instead of the underlay's own."""
    listen: tuple[str, ...] = ()
    limit: int = 0
    password: str | None = None
    """The name of the variable that holds it."""
    duplicates: Duplicates | None = None


@dataclass(frozen=True)
class Leg:
    interface: str
    node: str
    port: str


@dataclass(frozen=True)
class Server:
    """A server that is attached to a segment and takes no part in the routing."""

    name: str
    segment: str
    legs: tuple[Leg, ...]
    addresses: tuple[str, ...]
    mode: str
    shared_mac: bool
    managed: bool
    release: str
    site: str | None
    rack: str | None
    functions: tuple[str, ...] = ("server",)


@dataclass(frozen=True)
class Gateway:
    """Where a border gateway leaves the fabric."""

    uplink: str
    addresses: tuple[str, ...] = ()
    next_hops: dict[str, str] = field(default_factory=dict)
    """Family to address."""
    announce: bool = True
    nat: bool = False
    nat_prefixes: tuple[str, ...] = ()
    """Sources that are translated; empty for all."""
