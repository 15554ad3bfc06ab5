# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""The underlay's interfaces as a file for the next boot, in the form of what the node runs. Pure."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ansible_collections.routed.fabric.plugins.module_utils._ip._links import Address, Wanted, parse_address

HEADER = (
    "# Written by the Ansible collection routed.fabric (module underlay_interfaces).\n"
    "# Do not edit: the next run puts this file back. Interfaces of your own belong in another file.\n"
)
IFUPDOWN2_FILE = "/etc/network/interfaces.d/routed-fabric"
IFUPDOWN2_MAIN = "/etc/network/interfaces"
NETWORKD_DIRECTORY = "/etc/systemd/network"
NETWORKD_PREFIX = "10-routed-fabric-"
NETWORKD_CONF = "/etc/systemd/networkd.conf.d/10-routed-fabric.conf"
# By default systemd-networkd removes the routes and rules that FRR installs on its interfaces.
NETWORKD_CONF_TEXT = f"{HEADER}\n[Network]\nManageForeignRoutes=no\nManageForeignRoutingPolicyRules=no\n"

_SOURCE_LINE = "source /etc/network/interfaces.d/*"
_SOURCED = (
    r"^\s*source\s+(/etc/network/)?interfaces\.d/(\*|{name})\s*$"
    r"|^\s*source-directory\s+(/etc/network/)?interfaces\.d/?\s*$"
)
_EMPTY_MAIN = "auto lo\niface lo inet loopback\n"


class UnsupportedError(Exception):
    """The node keeps its interfaces in a way that we do not write; the message names it and the way out."""


class Probe(NamedTuple):
    """What was found on the node."""

    ifupdown2: bool = False
    classic_ifupdown: bool = False
    networkd: bool = False
    network_manager: bool = False


def manager_of(probe: Probe) -> str:
    """`ifupdown2` or `systemd-networkd`; raises UnsupportedError for all else."""
    way_out = "install ifupdown2, or enable systemd-networkd, or set `persist: false` and keep the interfaces yourself"
    if probe.ifupdown2:
        return "ifupdown2"
    if probe.network_manager:
        raise UnsupportedError(f"persist: NetworkManager runs on this node, for which no files are written; {way_out}")
    if probe.networkd:
        return "systemd-networkd"
    if probe.classic_ifupdown:
        raise UnsupportedError(
            f"persist: this node has the classic ifupdown, which cannot change a running interface; {way_out}"
        )
    raise UnsupportedError(f"persist: neither ifupdown2 nor systemd-networkd was found on this node; {way_out}")


def with_source_line(main: str, name: str = "routed-fabric") -> str:
    """/etc/network/interfaces with our directory sourced; unchanged where it, or the file `name` in it, already is."""
    if re.search(_SOURCED.format(name=re.escape(name)), main, re.MULTILINE):
        return main
    text = main or _EMPTY_MAIN
    return f"{text}{'' if text.endswith(chr(10)) else chr(10)}\n{_SOURCE_LINE}\n"


def render_ifupdown2(wanted: Sequence[Wanted], sysctl: Mapping[str, Mapping[str, str]]) -> str:
    """
    One stanza an interface. `sysctl`: interface → path below /proc/sys → value, set again whenever it comes up.

    `address-purge no`: without it, ifreload removes addresses that others put on the interface. Addresses with a peer
    are set by a command, because ifupdown2's `pointopoint` adds them a second time, without the peer.
    """
    text = HEADER
    for item in wanted:
        text += f"\nauto {item.name}\niface {item.name}\n    address-purge no\n"
        if item.create_dummy:
            text += "    link-type dummy\n"
        if item.mtu:
            text += f"    mtu {item.mtu}\n"
        for address in item.addresses:
            if not address.peer:
                text += f"    address {address}\n"
        for path, value in sorted(sysctl.get(item.name, {}).items()):
            text += f"    pre-up echo {value} > /proc/sys/{path} || true\n"
        for address in item.addresses:
            if address.peer:
                text += f"    post-up ip addr replace {address} dev {item.name}\n"
    return text


def parse_ifupdown2(text: str) -> dict[str, list[Address]]:
    """The addresses of a file that `render_ifupdown2` wrote: what was ours at the last run."""
    owned: dict[str, list[Address]] = {}
    name = ""
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["iface"] and len(words) > 1:
            name = words[1]
            owned.setdefault(name, [])
        elif words[:1] == ["address"] and len(words) == 2:
            owned[name].append(parse_address(words[1]))
        elif words[:4] == ["post-up", "ip", "addr", "replace"] and words[5:6] == ["peer"]:
            owned[name].append(parse_address(words[4], words[6]))
    return owned


def render_networkd(wanted: Sequence[Wanted]) -> dict[str, str]:
    """
    File name → text: link-local addresses stay on, router advertisements are ignored.

    `KeepConfiguration=static`: without it, systemd-networkd removes addresses that others put on the interface.
    """
    files = {}
    for item in wanted:
        if item.create_dummy:
            files[f"{NETWORKD_PREFIX}{item.name}.netdev"] = f"{HEADER}\n[NetDev]\nName={item.name}\nKind=dummy\n"
        text = f"{HEADER}\n[Match]\nName={item.name}\n"
        if item.mtu:
            text += f"\n[Link]\nMTUBytes={item.mtu}\n"
        text += "\n[Network]\nIPv6AcceptRA=no\nLinkLocalAddressing=ipv6\n"
        text += "ConfigureWithoutCarrier=yes\nKeepConfiguration=static\n"
        for address in item.addresses:
            if address.peer:
                length = address.prefix_length
                text += f"\n[Address]\nAddress={address.local}/{length}\nPeer={address.peer}/{length}\n"
            else:
                text += f"\n[Address]\nAddress={address}\n"
        files[f"{NETWORKD_PREFIX}{item.name}.network"] = text
    return files


def parse_networkd(files: Mapping[str, str]) -> dict[str, list[Address]]:
    """The addresses of files that `render_networkd` wrote."""
    owned: dict[str, list[Address]] = {}
    for text in files.values():
        values = [line.partition("=")[::2] for line in text.splitlines() if "=" in line and not line.startswith("#")]
        name = next(value for key, value in values if key == "Name")
        owned.setdefault(name, [])
        for index, (key, value) in enumerate(values):
            if key == "Address":
                peer = values[index + 1][1] if values[index + 1 : index + 2] and values[index + 1][0] == "Peer" else ""
                owned[name].append(parse_address(value, peer))
    return owned


def networkd_rivals(names: Iterable[str], others: Mapping[str, str]) -> list[str]:
    """
    Sentences about .network files that systemd-networkd would take before ours. `others`: file name → text, of all
    of its directories.
    """
    found = []
    for name in names:
        ours = f"{NETWORKD_PREFIX}{name}.network"
        for file_name, text in sorted(others.items()):
            if file_name >= ours or not file_name.endswith(".network"):
                continue
            match = re.search(r"^\s*\[Match\](.*?)(?=^\s*\[|\Z)", text, re.MULTILINE | re.DOTALL)
            patterns = re.findall(r"^\s*Name\s*=\s*(.+)$", match.group(1), re.MULTILINE) if match else []
            if any(fnmatch.fnmatch(name, pattern) for line in patterns for pattern in line.split()):
                found.append(
                    f"persist: the file {file_name} matches '{name}' too and comes before {ours}, so systemd-networkd "
                    "would never read ours; take the interface out of it (or out of netplan)"
                )
    return found


class Iface(NamedTuple):
    """One `iface` stanza of /etc/network/interfaces. Options in the file's order; keys with dashes."""

    name: str
    family: str = ""  # inet, inet6, or "" for a stanza without family and method
    method: str = ""
    options: tuple[tuple[str, str], ...] = ()


class _Block(NamedTuple):
    """A stretch of the file: `text` of all blocks together is the file. Comments and blank lines are blocks, too."""

    text: str
    iface: Iface | None = None
    auto: tuple[str, ...] = ()


# What ends a stanza: interfaces(5), and `template` and `vlan` of ifupdown2.
_KEYWORD = re.compile(
    r"(iface|mapping|auto|allow-\S+|source|source-dir\S*|no-auto-down|no-scripts|rename|template|vlan)\s"
)


def _logical_lines(text: str) -> list[str]:
    """Physical lines, joined where one ends in a backslash; nothing is lost."""
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        if lines and lines[-1].endswith("\\\n") and not lines[-1].lstrip().startswith("#"):
            lines[-1] += line
        else:
            lines.append(line)
    return lines


def _words(line: str) -> list[str]:
    return re.sub(r"\\(\n|\Z)", " ", line).split()


def _is_loose(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _blocks(text: str) -> list[_Block]:
    blocks: list[_Block] = []
    lines = _logical_lines(text)
    start = 0
    while start < len(lines):
        end = start + 1
        words = _words(lines[start])
        if words and words[0] in ("iface", "mapping", "template"):
            while end < len(lines) and not _KEYWORD.match(lines[end].lstrip()):
                end += 1
            following = end
            while _is_loose(lines[end - 1]):
                end -= 1
            # Proxmox takes a comment without an empty line before it as the stanza's own.
            while end < following and lines[end].strip():
                end += 1
        piece = "".join(lines[start:end])
        if words[:1] == ["iface"] and len(words) > 1:
            blocks.append(_Block(piece, iface=_iface(words, lines[start + 1 : end])))
        elif words[:1] in (["auto"], ["allow-auto"]):
            blocks.append(_Block(piece, auto=tuple(words[1:])))
        else:
            blocks.append(_Block(piece))
        start = end
    return blocks


def _iface(words: Sequence[str], body: Sequence[str]) -> Iface:
    options = []
    for line in body:
        key, dummy, value = " ".join(_words(line)).partition(" ")
        if key and not key.startswith("#"):
            options.append((key.replace("_", "-"), value))
    family, method = (words[2], words[3]) if len(words) > 3 else ("", "")
    return Iface(words[1], family, method, tuple(options))


def ifaces(text: str, name: str = "") -> list[Iface]:
    """The stanzas of an interface, or of all; an interface may have several."""
    return [block.iface for block in _blocks(text) if block.iface and name in ("", block.iface.name)]


def is_auto(text: str, name: str) -> bool:
    """Whether the interface comes up at boot."""
    return any(name in block.auto for block in _blocks(text))


def render_iface(stanza: Iface) -> str:
    """In the form that Proxmox' own writer gives back unchanged: one tab before each option."""
    head = " ".join(word for word in ("iface", stanza.name, stanza.family, stanza.method) if word)
    return "".join([f"{head}\n", *(f"\t{key} {value}".rstrip() + "\n" for key, value in stanza.options)])


def same_stanzas(a: Sequence[Iface], b: Sequence[Iface]) -> bool:
    """Whether the two say the same. The order of stanzas and keys does not matter, that of one key's values does."""

    def sorted_by_key(stanzas: Sequence[Iface]) -> list[Iface]:
        return sorted(s._replace(options=tuple(sorted(s.options, key=lambda option: option[0]))) for s in stanzas)

    return sorted_by_key(a) == sorted_by_key(b)


def with_interface(text: str, name: str, stanzas: Sequence[Iface], auto: bool = True) -> str:
    """
    The file with exactly these stanzas for the interface `name` (none: without the interface), and an `auto` line.

    Everything else stays as it is, byte for byte. Unchanged where the file says the same already, in whatever order.
    New stanzas stand where the interface's first one stood, else after the last stanza of all; comments from inside
    a replaced stanza follow it.
    """
    blocks = _blocks(text)
    if not stanzas:
        return "".join(_without(block, name) for block in blocks)
    if same_stanzas([block.iface for block in blocks if block.iface and block.iface.name == name], stanzas):
        return text if not auto or is_auto(text, name) else _with_auto(blocks, name)
    rendered = "\n".join(render_iface(stanza) for stanza in stanzas)
    own = [index for index, block in enumerate(blocks) if block.iface and block.iface.name == name]
    if own:
        kept = [_Block(_comments(blocks[index].text)) for index in own]
        for index in own[1:]:
            blocks[index] = _Block("")
            if blocks[index - 1].text.isspace():  # what parted it from the one before
                blocks[index - 1] = _Block("")
        blocks[own[0]] = _Block(rendered + "".join(block.text for block in kept), iface=stanzas[0])
    else:
        after = max((index for index, block in enumerate(blocks) if block.iface), default=len(blocks) - 1)
        before = "".join(block.text for block in blocks[: after + 1])
        gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
        tail = "" if after + 1 == len(blocks) or blocks[after + 1].text.isspace() else "\n"
        blocks.insert(after + 1, _Block(gap))
        blocks.insert(after + 2, _Block(rendered + tail, iface=stanzas[0]))
    known = any(name in block.auto for block in blocks)
    return "".join(block.text for block in blocks) if known or not auto else _with_auto(blocks, name)


def _with_auto(blocks: Sequence[_Block], name: str) -> str:
    first = next(index for index, block in enumerate(blocks) if block.iface and block.iface.name == name)
    texts = [block.text for block in blocks]
    return "".join([*texts[:first], f"auto {name}\n", *texts[first:]])


def _without(block: _Block, name: str) -> str:
    if block.iface and block.iface.name == name:
        return ""
    if name in block.auto:
        others = [other for other in block.auto if other != name]
        return f"{block.text.split()[0]} {' '.join(others)}\n" if others else ""
    return block.text


def _comments(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if line.lstrip().startswith("#"))
