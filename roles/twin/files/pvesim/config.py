# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest's configuration file: its text as Proxmox writes it, and the properties that pvesim uses. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from .places import PvesimError

LINE = re.compile(r"([a-z][a-z_\-]*\d*):\s*(.+?)\s*")
SECTION = re.compile(r"\[([A-Za-z][\w:\-]*)\]\s*")
PENDING = "PENDING"
MODELS = ("e1000", "e1000-82540em", "e1000e", "i82551", "ne2k_pci", "pcnet", "rtl8139", "virtio", "vmxnet3")
# PVE::Tools::encode_text leaves everything from blank to tilde but '%' and ':'.
PLAIN = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in "%:")


@dataclass
class Section:
    values: dict[str, str] = field(default_factory=dict)
    description: str = ""


@dataclass
class Config:
    """The current values and description, then the sections ([PENDING], snapshots) in their order."""

    values: dict[str, str] = field(default_factory=dict)
    description: str = ""
    sections: dict[str, Section] = field(default_factory=dict)

    @property
    def pending(self) -> dict[str, str]:
        return self.sections.setdefault(PENDING, Section()).values


def parse(text: str) -> Config:
    config = Config()
    section: Section | Config = config
    for line in text.splitlines():
        head = SECTION.fullmatch(line)
        found = LINE.fullmatch(line)
        if head:
            section = config.sections.setdefault(head[1], Section())
        elif line.startswith("#"):
            section.description += unquote(line[1:]) + "\n"
        elif found:
            section.values[found[1]] = found[2]
    return config


def write(config: Config) -> str:
    parts = [section_text(config.description, config.values)]
    for name, section in config.sections.items():
        if section.values or section.description or name != PENDING:
            parts.append(f"[{name}]\n" + section_text(section.description, section.values))
    return "\n".join(parts)


def section_text(description: str, values: dict[str, str]) -> str:
    lines = ["#" + quote(line, safe=PLAIN) for line in description.splitlines()]
    lines += [f"{key}: {value}" for key, value in sorted(values.items())]
    return "".join(line + "\n" for line in lines)


def properties(text: str) -> dict[str, str]:
    """`virtio=MAC,bridge=vmbr1` as a dict; a word without `=` gets the key `` (empty)."""
    found = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        found[key.strip() if equals else ""] = value.strip() if equals else key.strip()
    return found


def property_text(values: dict[str, str]) -> str:
    return ",".join(f"{key}={value}" if key else value for key, value in values.items())


@dataclass(frozen=True)
class Nic:
    """netN of a virtual machine or a container."""

    number: int
    mac: str
    bridge: str
    model: str = "virtio"
    firewall: bool = False
    link_down: bool = False
    mtu: int | None = None
    name: str = ""
    ip: str = ""
    gw: str = ""
    ip6: str = ""
    gw6: str = ""


def parse_nic(number: int, text: str) -> Nic:
    """`text`: as in the file. The model key of a machine is an alias: `virtio=MAC` is `model=virtio,macaddr=MAC`."""
    values = properties(text)
    model, mac = values.get("model", "virtio"), values.get("macaddr") or values.get("hwaddr", "")
    for name in MODELS:
        if name in values:
            model, mac = name, values[name]
    if "bridge" not in values:
        raise PvesimError(f"net{number}: no bridge in '{text}'")
    return Nic(
        number,
        mac.lower(),
        values["bridge"],
        model,
        values.get("firewall") == "1",
        values.get("link_down") == "1",
        int(values["mtu"]) if values.get("mtu", "1") != "1" else None,
        values.get("name", ""),
        values.get("ip", ""),
        values.get("gw", ""),
        values.get("ip6", ""),
        values.get("gw6", ""),
    )


def nics(values: dict[str, str]) -> list[Nic]:
    found = [(int(key[3:]), value) for key, value in values.items() if re.fullmatch(r"net\d+", key)]
    return [parse_nic(number, value) for number, value in sorted(found)]


def with_mac(vmid: int, number: int, text: str) -> str:
    """netN as it is written: a machine's interface without a MAC address gets one that follows from VMID and number."""
    values = properties(text)
    if values.get("hwaddr") or values.get("macaddr"):
        return text
    model = next((name for name in MODELS if name in values), "")
    if model:
        return text
    digest = hashlib.sha256(f"{vmid}/{number}".encode()).digest()
    mac = "BC:24:11:" + ":".join(f"{byte:02X}" for byte in digest[:3])
    bare = values.get("", "")
    if "name" in values:
        return property_text({**values, "hwaddr": mac})
    rest = {key: value for key, value in values.items() if key not in ("", "model")}
    return property_text({bare or values.get("model", "virtio"): mac, **rest})


def guest_words(config: Config) -> list[str]:
    """What is put on the guest kernel's command line: a `pvesim.nicN=` for each interface.

    Addresses are those of ipconfigN. What has no place there stands in the description, for each interface in a line of
    its own: `pvesim.net0: 203.0.113.31/32 net=2001:db8::/64 name=ens18`.
    """
    words = []
    for nic in nics(config.values):
        name, fields = f"ens{18 + nic.number}", []
        for key, value in properties(config.values.get(f"ipconfig{nic.number}", "")).items():
            if key in ("gw", "gw6"):
                fields.append(f"{key}={value}")
            elif key in ("ip", "ip6") and "/" in value:
                fields.append(value)
        found = re.search(rf"^pvesim\.net{nic.number}: (.*)$", config.description, re.MULTILINE)
        for word in found[1].split() if found else ():
            if word.startswith("name="):
                name = word[5:]
            elif word not in fields:
                fields.append(word)
        words.append(f"pvesim.nic{nic.number}=" + ",".join([name, *fields]))
    return words
