# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Subnets that are extended over routers, as typed data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Edge:
    """A router that devices of the subnet are attached to."""

    node: str
    ports: tuple[str, ...]
    """Interfaces where devices may be; the bridges are among them."""
    bridges: dict[str, tuple[str, ...]]
    withdraw: bool


@dataclass(frozen=True)
class Device:
    """A host of the subnet; it is never configured, but for the container that stands for it in the twin."""

    name: str
    node: str
    interface: str
    port: str | None
    """Of a bridge: which of its ports the twin's cable is in."""
    mac: str
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Extension:
    name: str
    prefixes: tuple[str, ...]
    control_plane: str
    transport: str
    edges: dict[str, Edge]
    devices: dict[str, Device]
    learn: tuple[str, ...]
    """Prefixes in which devices are learned; empty: none are."""

    @property
    def bgp(self) -> bool:
        return self.control_plane == "bgp"

    @property
    def tunnelled(self) -> bool:
        return self.transport != "direct"

    @property
    def present(self) -> list[Device]:
        """The devices that are on the network now."""
        return [d for d in self.devices.values() if d.node in self.edges and not self.edges[d.node].withdraw]

    def active(self, node: str) -> bool:
        """Whether *node* is an edge that takes part."""
        return node in self.edges and not self.edges[node].withdraw
