# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Proxmox' files as plain data: .version, .vmlist, guests' configurations, firewall sets. Pure.

The forms are those of pve-cluster, qemu-server, pve-container and pve-firewall (versions 7 to 9).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .addresses import Network, parse, parse_host

_NET = re.compile(r"^net(\d{1,2}):\s*(\S.*)$")
_IPCONFIG = re.compile(r"^ipconfig(\d{1,2}):\s*(\S.*)$")
_IPFILTER = re.compile(r"^\[\s*ipset\s+ipfilter-net(\d{1,2})\s*\]", re.IGNORECASE)
_VMLIST_LINE = re.compile(rb'^"(\d+)"\s*:\s*(\{[^{}]*\})$')
_VMLIST_FRAME = re.compile(rb'^\s*("version"\s*:\s*\d+\s*,?|"ids"\s*:\s*\{|[{}\s]*)\s*$')
_MOST_LINES = 200
_MAC = re.compile(r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$")


class ParseError(Exception):
    """The text is not what Proxmox writes."""


class Owner(NamedTuple):
    """Who has a guest, from .vmlist. `version` changes whenever the guest's configuration is written."""

    node: str
    kind: str  # qemu | lxc
    version: int


class Nic(NamedTuple):
    """One netN of a guest's configuration."""

    number: int
    mac: str  # lower case
    bridge: str
    firewall: bool
    addresses: tuple[Network, ...]  # ipconfigN, or a container's ip and ip6: the host parts


class GuestConfig(NamedTuple):
    name: str
    lock: str  # "", "migrate", "backup", ...
    nics: tuple[Nic, ...]


def version(raw: bytes) -> tuple[int, int]:
    """(start time of pmxcfs, counter of .vmlist): both, since the counters begin anew with pmxcfs."""
    try:
        data = json.loads(raw)
        return int(data.get("starttime", 0)), int(data["vmlist"])
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise ParseError(f".version: {exc!r}") from exc


def vmlist(raw: bytes) -> dict[int, Owner]:
    """VMID -> Owner. A cluster without guests has no `ids` at all."""
    try:
        data = json.loads(raw)
        int(data["version"])  # an object without it is something else
        ids = data.get("ids", {})
        return {int(vmid): Owner(entry["node"], entry["type"], entry["version"]) for vmid, entry in ids.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise ParseError(f".vmlist: {exc!r}") from exc


class Lines(NamedTuple):
    """.vmlist by lines: pmxcfs writes one guest a line, so that what has changed is found without parsing the rest."""

    all: frozenset[bytes]


def vmlist_lines(raw: bytes) -> Lines | None:
    """None where the text is not whole."""
    if raw.count(b"{") != raw.count(b"}") or not raw.rstrip().endswith(b"}"):
        return None
    return Lines(frozenset(raw.split(b"\n")))


def _line_owner(line: bytes) -> tuple[int, Owner] | None:
    match = _VMLIST_LINE.match(line.strip(b" \t\r,}") + b"}")
    if not match:
        return None
    data = json.loads(match[2])
    return int(match[1]), Owner(data["node"], data["type"], data["version"])


def vmlist_changes(old: Lines, new: Lines) -> dict[int, Owner | None] | None:
    """VMID -> its owner now, None for one that is gone; None instead of all where only parsing can tell."""
    changes: dict[int, Owner | None] = {}
    try:
        for lines, here in ((old.all - new.all, False), (new.all - old.all, True)):
            if len(lines) > _MOST_LINES:
                return None
            for line in lines:
                if _VMLIST_FRAME.match(line):
                    continue
                found = _line_owner(line)
                if found is None:
                    return None
                changes[found[0]] = found[1] if here else None
    except (ValueError, KeyError, TypeError):
        return None
    return changes


def properties(text: str) -> Iterator[tuple[str, str]]:
    """The `key=value` pairs of a property string; a bare value has an empty key."""
    for part in text.split(","):
        key, equals, value = part.partition("=")
        yield (key.strip(), value.strip()) if equals else ("", key.strip())


def _head(text: str) -> Iterator[str]:
    """The running configuration: what stands before the first section ([PENDING], snapshots), without descriptions."""
    for line in text.splitlines():
        if line.startswith("["):
            return
        if not line.startswith("#"):
            yield line


def _hosts(values: Mapping[str, str]) -> tuple[Network, ...]:
    """`ip` and `ip6` as addresses; dhcp, auto and manual are none."""
    found = []
    for key in ("ip", "ip6"):
        value = values.get(key, "")
        if value and value not in ("dhcp", "auto", "manual"):
            try:
                found.append(parse_host(value))
            except ValueError:
                continue  # Proxmox checks what it writes; by hand anything can stand here, and it gives no right
    return tuple(found)


def _guest(text: str, name_key: str, mac_of: Any) -> GuestConfig:
    name = lock = ""
    nets: dict[int, dict[str, str]] = {}
    addresses: dict[int, tuple[Network, ...]] = {}
    for line in _head(text):
        key, colon, value = line.partition(":")
        if not colon:
            continue
        if key == name_key:
            name = value.strip()
        elif key == "lock":
            lock = value.strip()
        elif match := _NET.match(line):
            nets[int(match[1])] = dict(properties(match[2]))
        elif match := _IPCONFIG.match(line):
            addresses[int(match[1])] = _hosts(dict(properties(match[2])))
    nics = []
    for index, values in sorted(nets.items()):
        mac = mac_of(values)
        if mac:
            nics.append(
                Nic(
                    index,
                    mac.lower(),
                    values.get("bridge", ""),
                    values.get("firewall") == "1",
                    addresses.get(index) or (_hosts(values) if name_key == "hostname" else ()),
                )
            )
    return GuestConfig(name, lock, tuple(nics))


def _qemu_mac(values: Mapping[str, str]) -> str:
    """`virtio=MAC` is short for `model=virtio,macaddr=MAC`; the key can be any of the models."""
    if "macaddr" in values:
        return values["macaddr"]
    return next((value for key, value in values.items() if _MAC.match(value) and key != "bridge"), "")


def qemu(text: str) -> GuestConfig:
    """/etc/pve/nodes/NODE/qemu-server/VMID.conf"""
    return _guest(text, "name", _qemu_mac)


def lxc(text: str) -> GuestConfig:
    """/etc/pve/nodes/NODE/lxc/VMID.conf"""
    return _guest(text, "hostname", lambda values: values.get("hwaddr", ""))


def guest(kind: str, text: str) -> GuestConfig:
    return lxc(text) if kind == "lxc" else qemu(text)


def ipfilters(text: str) -> dict[int, tuple[Network, ...]]:
    """The sets `ipfilter-netN` of /etc/pve/firewall/VMID.fw: N -> addresses and prefixes.

    Link-local addresses are left out (they are nobody's), and so are exceptions (`!`) and names of aliases.
    """
    sets: dict[int, list[Network]] = {}
    current: list[Network] | None = None
    for line in text.splitlines():
        if line.lstrip().startswith("["):
            section = _IPFILTER.match(line.strip())
            current = sets.setdefault(int(section[1]), []) if section else None
            continue
        word = line.split("#")[0].strip()
        if current is None or not word:
            continue
        try:
            network = parse(word)
        except ValueError:
            continue
        if not (network.version == 6 and network.value >> 118 == 0x3FA):
            current.append(network)
    return {index: tuple(networks) for index, networks in sets.items()}


def guests_file(raw: bytes) -> list[dict[str, Any]]:
    """The entries of guests.json; each is checked where it is used, so that one bad entry spoils no other."""
    try:
        entries = json.loads(raw)["guests"]
    except (ValueError, KeyError, TypeError) as exc:
        raise ParseError(f"{exc!r}") from exc
    if not isinstance(entries, list):
        raise ParseError("`guests` is not a list")
    return entries
