# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for what Proxmox VE's network editor does to /etc/network/interfaces: reads it, and writes it back.

Proxmox' own parser is no Debian package, so this follows its *documented* behaviour (seen the same in pve-common 9.2.1
and 8.3.8), rule by rule, and nothing else:

1. One address per family and interface survives. In a stanza with a family the last `address` line counts, of whatever
   family it is; a stanza without one keeps one address of each.
2. `bridge-disable-mac-learning` is read and not written.
3. Comments outside of stanzas vanish, comments inside go to the stanza's end.
4. Unknown options stay, verbatim, in their stanza; the order of the stanzas becomes lo and dummies, cards, bonds,
   bridges, VLANs and VXLANs.
5. `source`, `source-directory` and `mapping` lines stay, in their order.
6. Some files are refused, and with them every change in the editor (see `_check`).
7. Known options are written with dashes.
8. Cards that the machine has and the file has not are added as `iface X inet manual`.
9. Only bridges of the main file can be chosen for a guest; sourced files are neither read nor changed.

Left out: everything that these rules do not say, such as options that the editor adds on its own account, Open vSwitch,
bonds' defaults, the order of interfaces of one kind (here: the file's), where exactly `source` lines stand, checks of
values.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

_UNDERSCORED = ("bridge_ports", "bridge_stp", "bridge_fd", "bridge_vids", "bridge_vlan_aware")
_PORT_OPTIONS = (
    "bridge-learning",
    "bridge-arp-nd-suppress",
    "bridge-unicast-flood",
    "bridge-multicast-flood",
    "bridge-access",
)
_PEERS = ("vxlan-svcnodeip", "vxlan-remoteip", "vxlan-local-tunnelip")
_HEADS = ("iface", "auto", "allow-auto", "allow-hotplug", "source", "source-directory", "mapping")


class RefusedError(Exception):
    """The editor does not write this file."""


@dataclasses.dataclass
class Stanza:
    family: str
    method: str
    options: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    comments: list[str] = dataclasses.field(default_factory=list)

    def values(self, key: str) -> list[str]:
        return [value for name, value in self.options if name == key]


@dataclasses.dataclass
class Interface:
    name: str
    stanzas: list[Stanza] = dataclasses.field(default_factory=list)

    def values(self, key: str) -> list[str]:
        return [value for stanza in self.stanzas for value in stanza.values(key)]

    @property
    def keys(self) -> set[str]:
        return {key for stanza in self.stanzas for key, _ in stanza.options}

    @property
    def kind(self) -> int:
        if self.name == "lo" or self.name.startswith("dummy") or "dummy" in self.values("link-type"):
            return 0
        if "bond-slaves" in self.keys or self.name.startswith("bond"):
            return 2
        if "bridge-ports" in self.keys:
            return 3
        if "vxlan-id" in self.keys or "vlan-raw-device" in self.keys or "." in self.name:
            return 4
        return 1


@dataclasses.dataclass
class Config:
    interfaces: dict[str, Interface] = dataclasses.field(default_factory=dict)
    auto: set[str] = dataclasses.field(default_factory=set)
    others: list[tuple[int, list[str]]] = dataclasses.field(default_factory=list)
    """`source` and the like: after how many stanzas, and their lines."""


def read(text: str, cards: Sequence[str] = ()) -> Config:
    """The file as Proxmox sees it. `cards`: what `ip link` lists as hardware."""
    config = Config()
    current: Stanza | None = None
    mapping: list[str] | None = None
    count = 0
    for line in text.replace("\\\n", " ").splitlines():
        words = line.split()
        if not words:
            continue
        if words[0].startswith("#"):
            if current is not None:
                current.comments.append(line.strip())
            continue  # rule 3
        if words[0] not in _HEADS:
            if mapping is not None:
                mapping.append(line)
            elif current is not None:
                _option(current, words[0], " ".join(words[1:]))
            continue
        current, mapping = None, None
        if words[0] == "iface":
            family, method = (words[2], words[3]) if len(words) > 3 else ("", "")
            current = Stanza(family, method)
            config.interfaces.setdefault(words[1], Interface(words[1])).stanzas.append(current)
            count += 1
        elif words[0] in ("auto", "allow-auto"):
            config.auto.update(words[1:])
        elif words[0] != "allow-hotplug":
            mapping = [line.strip()]
            config.others.append((count, mapping))
    for card in cards:  # rule 8
        config.interfaces.setdefault(card, Interface(card, [Stanza("inet", "manual")]))
    return config


def _option(stanza: Stanza, key: str, value: str) -> None:
    if key in _UNDERSCORED:  # rule 7
        key = key.replace("_", "-")
    if key == "bridge-disable-mac-learning":  # rule 2
        return
    if key == "address":  # rule 1
        stanza.options = [
            (name, old)
            for name, old in stanza.options
            if name != "address" or (not stanza.family and (":" in old) != (":" in value))
        ]
    stanza.options.append((key, value))


def write(config: Config) -> str:
    """What the editor would write. Raises RefusedError."""
    _check(config)
    pieces = []
    others = list(config.others)
    written = 0
    for interface in sorted(config.interfaces.values(), key=lambda item: item.kind):  # rule 4
        text = f"auto {interface.name}\n" if interface.name in config.auto else ""
        for stanza in interface.stanzas:
            head = " ".join(word for word in ("iface", interface.name, stanza.family, stanza.method) if word)
            text += f"{head}\n" + "".join(f"\t{key} {value}\n" for key, value in stanza.options)
            text += "".join(f"{comment}\n" for comment in stanza.comments) + "\n"
            written += 1
        while others and others[0][0] < written:  # rule 5
            pieces.append("\n".join(others.pop(0)[1]) + "\n\n")
        pieces.append(text)
    pieces += ["\n".join(lines) + "\n\n" for _, lines in others]
    return "".join(pieces)


def _check(config: Config) -> None:
    """Rule 6."""
    ports: dict[str, str] = {}
    for bridge in config.interfaces.values():
        for port in " ".join(bridge.values("bridge-ports")).split():
            if port == "none":
                continue
            if port not in config.interfaces:
                raise RefusedError(f"{bridge.name}: unable to find bridge port '{port}'")
            ports[port] = bridge.name
            if config.interfaces[port].values("address"):
                raise RefusedError(f"{bridge.name}: bridge port '{port}' has an address")
            if _mtu(bridge) > _mtu(config.interfaces[port]):
                raise RefusedError(f"{bridge.name}: mtu is greater than that of bridge port '{port}'")
    vnis: dict[str, str] = {}
    for interface in config.interfaces.values():
        odd = sorted(interface.keys & set(_PORT_OPTIONS))
        if odd and interface.name not in ports:
            raise RefusedError(f"{interface.name}: {odd[0]} on what is no bridge port")
        for vni in interface.values("vxlan-id"):
            if vnis.setdefault(vni, interface.name) != interface.name:
                raise RefusedError(f"{interface.name}: vxlan-id {vni} is that of {vnis[vni]}, too")
        peers = [key for key in _PEERS if key in interface.keys]
        if len(peers) > 1:
            raise RefusedError(f"{interface.name}: {' and '.join(peers)}")
        if "vxlan-svcnodeip" in peers and not interface.values("vxlan-physdev"):
            raise RefusedError(f"{interface.name}: vxlan-svcnodeip without vxlan-physdev")


def _mtu(interface: Interface) -> int:
    return int((interface.values("mtu") or ["1500"])[-1])


def rewrite(text: str, cards: Sequence[str] = ()) -> str:
    """Somebody changes anything at all in the editor and applies it."""
    return write(read(text, cards))


def bridges(text: str) -> list[str]:
    """What the editor offers as the bridge of a guest: rule 9."""
    return [name for name, interface in read(text).interfaces.items() if interface.kind == 3]
