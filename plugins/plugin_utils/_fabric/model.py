# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fabric as typed data: what the file says, completed with what follows from it, before anything is planned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from .addressing import FAMILIES, PrefixRule
from .errors import Path
from .extension_model import Extension
from .overlay_model import Gateway, Overlay, Segment, Server
from .tunnel_model import Tunnel

if TYPE_CHECKING:
    from .ceph import Ceph

LinkKind = Literal["unnumbered", "numbered", "peer"]


@dataclass(frozen=True)
class Bfd:
    interval_ms: int
    multiplier: int


@dataclass(frozen=True)
class Pools:
    asn: tuple[int, int] | None = None
    router_id: str | None = None
    loopback4: str | None = None
    loopback6: str | None = None


@dataclass(frozen=True)
class Underlay:
    mtu: int
    loopback_interface: str
    profile: str
    bfd: Bfd | None
    bfd_twin: Bfd | None
    accept: tuple[PrefixRule, ...] = ()


@dataclass(frozen=True)
class Node:
    name: str
    id: int
    functions: tuple[str, ...]
    platform: str
    managed: bool
    release: str
    site: str | None
    rack: str | None
    asn: int
    router_id: str
    loopbacks: dict[str, str]
    """Family to address, without length."""
    default_originate: bool
    bfd: bool
    allowas_in: int
    """0: a path with the own AS is refused."""
    frr_lines: tuple[str, ...]
    sysctl: dict[str, str]
    gateway: Gateway | None = None
    announced: tuple[str, ...] = ()
    """Prefixes that it announces beside its loopbacks: networks of segments whose gateway it is, what is at the far end
    of its tunnels as long as it is routed there, and `more`."""
    more: tuple[str, ...] = ()
    """Further addresses on its loopback, without length: Ceph's."""

    @property
    def is_router(self) -> bool:
        """Whether it passes on what it learned; every other node is never transit."""
        return "router" in self.functions


@dataclass(frozen=True)
class End:
    node: str
    interface: str
    addresses: dict[str, str] = field(default_factory=dict)
    """Family to address: with its length on a numbered link, without on a point-to-point one."""


@dataclass(frozen=True)
class Link:
    a: End
    b: End
    kind: LinkKind
    mtu: int
    path: Path
    """Where it stands in the file."""

    @property
    def families(self) -> tuple[str, ...]:
        return tuple(f for f in FAMILIES if f in self.a.addresses)


@dataclass(frozen=True)
class Upstream:
    """A session with somebody outside of the fabric: an upstream of the file, or the far end of a tunnel."""

    name: str
    node: str
    interface: str
    addresses: tuple[str, ...]
    neighbor: str | None
    remote_as: int
    accept: tuple[PrefixRule, ...]
    announce: tuple[PrefixRule, ...]
    multihop: int | None
    bfd: bool
    password: str | None = None
    """Name of the variable that holds it."""
    tunnel: bool = False
    in_twin: bool = False
    """Whether something in the twin stands for the peer."""

    @property
    def label(self) -> str:
        """What it is called in FRR; upstreams and tunnels have names of their own."""
        return f"{'tunnel' if self.tunnel else 'upstream'}-{self.name}"


@dataclass(frozen=True)
class Guest:
    """One network interface of a virtual machine or container with addresses of its own."""

    name: str
    vmid: int
    mac: str
    addresses: tuple[str, ...]
    """Without length: each is a host route."""
    prefixes: tuple[str, ...]
    """Routed to the guest, which has other machines behind it."""
    nameservers: tuple[str, ...]
    node: str | None
    interface: str
    dhcp: bool


@dataclass(frozen=True)
class ProxmoxCluster:
    name: str
    """Empty: Proxmox nodes of no declared cluster, which may belong to one that was made by hand."""
    nodes: tuple[str, ...]
    links: tuple[str, ...]
    """Families; link 0 first."""
    migration: str
    networks: dict[str, str]
    """Family to a prefix in which each node has its loopback and no other address."""


@dataclass(frozen=True)
class Proxmox:
    clusters: tuple[ProxmoxCluster, ...] = ()
    management: tuple[str, ...] = ()
    repository: str = "none"
    install: bool = False


@dataclass(frozen=True)
class Fabric:
    name: str
    domain: str | None
    pools: Pools
    underlay: Underlay
    nodes: dict[str, Node]
    links: tuple[Link, ...]
    upstreams: tuple[Upstream, ...]
    """Those of the file, and the sessions over tunnels."""
    guest_prefixes: tuple[str, ...]
    overlay: Overlay = field(default_factory=Overlay)
    segments: tuple[Segment, ...] = ()
    servers: dict[str, Server] = field(default_factory=dict)
    """Machines that are attached to segments; they are not among the nodes, which route."""
    guests: tuple[Guest, ...] = ()
    guest_sources: tuple[str, ...] = ("fabric",)
    proxmox: Proxmox = field(default_factory=Proxmox)
    tunnels: tuple[Tunnel, ...] = ()
    ceph: Ceph | None = None
    extensions: tuple[Extension, ...] = ()
    extended: bool = False
    """Whether the file speaks of extensions at all; then nodes without one are cleaned up."""

    def has_guests(self, node: Node) -> bool:
        """Whether guests with addresses of their own run on *node*."""
        return bool(self.guest_prefixes) and "proxmox" in node.functions

    @property
    def families(self) -> tuple[str, ...]:
        """The families of the loopbacks, which are those that BGP carries."""
        return tuple(f for f in FAMILIES if any(f in n.loopbacks for n in self.nodes.values()))
