# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kernel that knows links, addresses, VLANs and VNIs, and takes the commands that the module makes, or refuses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ansible_collections.routed.fabric.plugins.module_utils._ip._links import Address, parse_address
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._difference import Step
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._model import Link

FIXED = {"vxlan": {"id", "dstport", "external", "vnifilter"}, "vlan": {"id", "link"}, "bridge": set()}
BARE = {
    "learning": ("learning", "on"),
    "nolearning": ("learning", "off"),
    "external": ("external", "on"),
    "vnifilter": ("vnifilter", "on"),
    "up": ("state", "up"),
    "down": ("state", "down"),
    "nomaster": ("master", ""),
}
PORT = {"learning": "on", "neigh_suppress": "off", "flood": "on", "mcast_flood": "on", "vlan_tunnel": "off"}


@dataclass
class Device:
    kind: str
    fixed: dict[str, str] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    port: dict[str, str] = field(default_factory=dict)
    addresses: list[Address] = field(default_factory=list)
    vlans: dict[int, str] = field(default_factory=dict)
    tunnels: dict[int, int] = field(default_factory=dict)
    vnis: set[int] = field(default_factory=set)
    remotes: set[str] = field(default_factory=set)
    group: str = "default"
    number: int = 0


def pairs(words: list[str], bare: bool = True) -> dict[str, str]:
    found: dict[str, str] = {}
    while words:
        word = words.pop(0)
        if bare and word in BARE:
            key, value = BARE[word]
            found[key] = value
        else:
            found[word] = words.pop(0).strip('"')
    return found


def span(text: str) -> range:
    first, dummy, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


class Kernel:
    def __init__(self) -> None:
        self.devices: dict[str, Device] = {}
        self.count = 0

    def add(self, name: str, kind: str, **settings: str) -> Device:
        assert name not in self.devices, f"{name}: File exists"
        self.count += 1
        base = {"mtu": "1500", "address": "66:00:00:00:00:01", "alias": "", "master": "", "state": "down"}
        device = Device(kind, settings={**base, "addrgenmode": "eui64", **settings}, number=self.count)
        self.devices[name] = device
        return device

    def take(self, steps: Iterable[Step]) -> None:
        for step in steps:
            assert step.commands
            for command in step.commands:
                getattr(self, f"_{step.tool}")(command)

    def links(self) -> dict[str, Link]:
        return {
            name: Link(
                name, d.kind, dict(d.fixed), dict(d.details), dict(d.settings), dict(d.port), tuple(d.addresses),
                dict(d.vlans), dict(d.tunnels), frozenset(d.vnis), frozenset(d.remotes), d.group,
            )
            for name, d in self.devices.items()
        }  # fmt: skip

    def _ip(self, command: str) -> None:
        words = command.split()
        if words[:2] == ["link", "add"]:
            kind_at = words.index("type")
            plain = words[2:kind_at]
            lower = plain[1] if plain[0] == "link" else ""
            plain = plain[2:] if lower else plain
            head = pairs(plain[2:])
            device = self.add(plain[1], words[kind_at + 1], **head)
            values = {**pairs(words[kind_at + 2 :]), **({"link": lower} if lower else {})}
            device.fixed = {key: value for key, value in values.items() if key in FIXED[device.kind]}
            device.details = {key: value for key, value in values.items() if key not in FIXED[device.kind]}
            self._unique(plain[1])
        elif words[:3] == ["link", "del", "dev"]:
            self._remove([words[3]])
        elif words[:3] == ["link", "del", "group"]:
            self._remove([name for name, device in self.devices.items() if device.group == words[3]])
        elif words[:3] == ["link", "set", "dev"]:
            self._set(words[3], words[4:])
        elif words[0] == "addr":
            device = self.devices[words[words.index("dev") + 1]]
            address = parse_address(words[2])
            if words[1] == "add":
                assert address.local not in [have.local for have in device.addresses]
                device.addresses.append(address)
            else:
                device.addresses.remove(address)
        else:
            raise AssertionError(command)

    def _unique(self, name: str) -> None:
        new = self.devices[name]
        for other, device in self.devices.items():
            same = (device.fixed.get("id"), device.fixed.get("dstport")) == (
                new.fixed.get("id"),
                new.fixed.get("dstport"),
            )
            assert other == name or new.kind != "vxlan" or device.kind != "vxlan" or not same, f"VNI of {name} exists"

    def _remove(self, names: list[str]) -> None:
        assert names
        gone = set(names)
        gone |= {name for name, device in self.devices.items() if device.fixed.get("link") in gone}
        for name in gone:
            del self.devices[name]
        for device in self.devices.values():
            if device.settings["master"] in gone:
                self._leave(device)

    def _leave(self, device: Device) -> None:
        device.settings["master"] = ""
        device.port, device.vlans, device.tunnels = {}, {}, {}

    def _set(self, name: str, words: list[str]) -> None:
        device = self.devices[name]
        if words[0] == "group":
            device.group = words[1]
        elif words[:2] == ["type", "bridge_slave"]:
            assert device.settings["master"]
            device.port.update(pairs(words[2:], bare=False))
        elif words[0] == "type":
            values = pairs(words[2:])
            assert words[1] == device.kind
            assert not set(values) & FIXED[device.kind], "cannot change that"
            if "local" in values:
                assert (":" in values["local"]) == (":" in device.details["local"]), "another family"
            device.details.update(values)
        else:
            values = pairs(words)
            master = values.get("master")
            if master is not None and master != device.settings["master"]:
                self._leave(device)
                if master:
                    assert self.devices[master].kind == "bridge"
                    device.port = dict(PORT)
            device.settings.update(values)

    def _bridge(self, command: str) -> None:
        words = command.split()
        device = self.devices[words[words.index("dev") + 1]]
        what, do = words[0], words[1]
        if what == "fdb":
            remote = words[words.index("dst") + 1]
            assert (remote in device.remotes) == (do == "del")
            (device.remotes.add if do == "append" else device.remotes.remove)(remote)
        elif what == "vni":
            for vni in span(words[-1]):
                assert (vni in device.vnis) == (do == "del")
                (device.vnis.add if do == "add" else device.vnis.remove)(vni)
        elif "tunnel_info" in words:
            for vlan, vni in zip(span(words[words.index("vid") + 1]), span(words[-1])):
                if do == "add":
                    assert vlan in device.vlans
                    device.tunnels[vlan] = vni
                else:
                    assert device.tunnels.pop(vlan) == vni
        else:
            flags = " ".join(word for word in words if word in ("pvid", "untagged"))
            for vlan in span(words[words.index("vid") + 1]):
                if do == "add":
                    device.vlans[vlan] = flags
                else:
                    del device.vlans[vlan]
                    device.tunnels.pop(vlan, None)
