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
