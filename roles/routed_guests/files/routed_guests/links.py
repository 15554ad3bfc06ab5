# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""This node's links as last seen: which tap or veth belongs to which guest, and on which port of the bridge. Pure.

Proxmox' names: `tapVMIDiN`, `vethVMIDiN`; with its firewall in front of the bridge the port is `fwprVMIDpN`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .config import Config
from .netlink import Link
from .wanted import Devices

_GUEST = re.compile(r"^(?:tap|veth)(\d+)i(\d+)$")
_BEHIND_FIREWALL = re.compile(r"^fwpr(\d+)p(\d+)$")
_PREFIX = {"qemu": "tap", "lxc": "veth"}


class Port(NamedTuple):
    """`ifindex`: of the tap or veth. `name`: of the bridge's port, another one where a firewall bridge is between."""

    ifindex: int
    device: str
    name: str


def guest_of(name: str) -> tuple[int, int] | None:
    """VMID and number of the interface that a link belongs to."""
    match = _GUEST.match(name) or _BEHIND_FIREWALL.match(name)
    return (int(match[1]), int(match[2])) if match else None


class Links:
    def __init__(self, config: Config) -> None:
        self._config = config
        self.by_index: dict[int, Link] = {}
        self._by_name: dict[str, int] = {}
        self._names_of: dict[int, set[str]] = {}

    def load(self, links: Mapping[int, Link]) -> None:
        self.by_index = dict(links)
        self._by_name = {link.name: link.ifindex for link in links.values()}
        self._names_of = {}
        for name in self._by_name:
            self._remember(name)

    def _remember(self, name: str) -> None:
        guest = guest_of(name)
        if guest:
            self._names_of.setdefault(guest[0], set()).add(name)

    def _forget(self, name: str) -> None:
        guest = guest_of(name)
        if guest and guest[0] in self._names_of:
            self._names_of[guest[0]].discard(name)
            if not self._names_of[guest[0]]:
                del self._names_of[guest[0]]

    def change(self, link: Link) -> Link | None:
        """Take a link's news in; returns what it was before."""
        old = self.by_index.get(link.ifindex)
        if old and old.name != link.name and self._by_name.get(old.name) == old.ifindex:
            del self._by_name[old.name]
            self._forget(old.name)
        self.by_index[link.ifindex] = link
        self._by_name[link.name] = link.ifindex
        self._remember(link.name)
        return old

    def note_isolation(self, index: int, isolated: bool) -> None:
        link = self.by_index.get(index)
        if link:
            self.by_index[index] = link._replace(isolated=isolated)

    def remove(self, index: int) -> Link | None:
        old = self.by_index.pop(index, None)
        if old and self._by_name.get(old.name) == index:
            del self._by_name[old.name]
            self._forget(old.name)
        return old

    def named(self, name: str) -> Link | None:
        return self.by_index.get(self._by_name.get(name, 0))

    @property
    def vmids(self) -> Iterable[int]:
        """Of guests that have any device here."""
        return self._names_of.keys()

    def has(self, vmid: int) -> bool:
        return vmid in self._names_of

    def devices(self) -> Devices:
        """Those that routes can stand on: up."""
        bridge = self.named(self._config.bridge)
        forward = self.named(self._config.forward.interface) if self._config.forward else None
        return Devices(
            bridge.ifindex if bridge and bridge.up else 0,
            forward.ifindex if forward and forward.up else 0,
        )

    def ports(self) -> list[Link]:
        """All ports of the bridge."""
        bridge = self.named(self._config.bridge)
        return [link for link in self.by_index.values() if bridge and link.master == bridge.ifindex]

    def port(self, vmid: int, index: int, kind: str) -> Port | None:
        """Where a guest's interface reaches the bridge; None where it does not."""
        bridge = self.named(self._config.bridge)
        name = f"{_PREFIX.get(kind, 'tap')}{vmid}i{index}"
        device = self.named(name)
        if bridge is None or device is None:
            return None
        if device.master == bridge.ifindex:
            return Port(device.ifindex, name, name)
        behind = self.named(f"fwpr{vmid}p{index}")
        between = self.named(f"fwbr{vmid}i{index}")
        if behind and between and device.master == between.ifindex and behind.master == bridge.ifindex:
            return Port(device.ifindex, name, behind.name)
        return None
