# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tunnels as typed data. The far end is a machine outside of the fabric, which the model calls a site."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .addressing import FAMILIES, family_of, same_network

# Bytes that WireGuard takes of the underlay's MTU: its header and tag, UDP, IP.
WIREGUARD_OVERHEAD = {"ipv4": 60, "ipv6": 80}


@dataclass(frozen=True)
class NearEnd:
    """The end in the fabric."""

    node: str
    interface: str
    listen_port: int
    addresses: tuple[str, ...]
    endpoint: str
    """An address or a name; empty: it has to begin."""
    prefixes: tuple[str, ...]
    """What the far end reaches through the tunnel."""
    private_key: str | None
    """Name of the variable that holds it."""


@dataclass(frozen=True)
class Provider:
    """How a site reaches the outside, in the twin."""

    interface: str
    addresses: tuple[str, ...]
    next_hops: tuple[str, ...]


@dataclass(frozen=True)
class Site:
    """The far end."""

    node: str
    platform: str
    managed: bool
    version: tuple[int, int]
    """Of RouterOS."""
    interface: str
    listen_port: int
    addresses: tuple[str, ...]
    endpoint: str
    allow_from: tuple[str, ...]
    prefixes: tuple[str, ...]
    lans: dict[str, tuple[str, ...]]
    stay: tuple[str, ...]
    table: str
    interface_list: str
    asn: int | None
    router_id: str | None
    public_key: str
    private_key: str | None
    provider: Provider | None


@dataclass(frozen=True)
class Tunnel:
    name: str
    routing: Literal["allowed_ips", "bgp"]
    source_routing: bool
    mtu: int
    keepalive: int
    preshared_key: str | None
    """Name of the variable that holds it."""
    a: NearEnd
    b: Site

    @property
    def bgp(self) -> bool:
        return self.routing == "bgp"

    def ends(self) -> dict[str, tuple[str, str]]:
        """Family to the two addresses, with length, between which there can be a session."""
        found: dict[str, tuple[str, str]] = {}
        for family in FAMILIES:
            pairs = [
                (near, far)
                for near in self.a.addresses
                for far in self.b.addresses
                if family_of(near) == family_of(far) == family and near != far and same_network(near, far)
            ]
            if pairs:
                found[family] = pairs[0]
        return found


def is_address(endpoint: str) -> bool:
    """Whether an endpoint is an address and not a name."""
    return ":" in endpoint or (bool(endpoint) and endpoint.replace(".", "").isdecimal())
