# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""The text files of a Proxmox node that are edited, not owned: what is ours in them changes, the rest stays. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Callable, NamedTuple

from ansible_collections.routed.fabric.plugins.module_utils import _interfaces_file as interfaces_file
from ansible_collections.routed.fabric.plugins.module_utils._interfaces_file import Iface

# At the end of a line of ours. Proxmox' own editors keep the comment of a line of the firewall.
MARK = "# routed.fabric"

SOURCE_LINE = "source /etc/network/interfaces.d/*"
_SOURCES_THE_SAME = re.compile(
    r"\s*(source\s+(/etc/network/)?interfaces\.d/(\*|sdn|routed-fabric)|source-directory\s+(/etc/network/)?interfaces\.d/?)\s*$"
)
_SECTION = re.compile(r"\s*\[(.+?)\]\s*(#.*)?$")


class Host(NamedTuple):
    """A line of /etc/hosts; the first name is the canonical one."""

    address: str
    names: tuple[str, ...]


def with_hosts(text: str, hosts: Sequence[Host]) -> str:
    """
    /etc/hosts in which each of the names stands once, with its address.

    Lines with our mark are ours: one that is not wanted any more goes. In other lines only the wanted names are taken
    out (`127.0.1.1 pve1`: pmxcfs does not start on a node whose name is a loopback address of the kernel), and a line
    that has no name left goes. All else stays as it is.
    """
    wanted = [f"{host.address}\t{' '.join(host.names)}\t{MARK}\n" for host in hosts]
    names = {name.lower() for host in hosts for name in host.names}
    lines: list[str] = []
    place = None
    for line in text.splitlines(keepends=True):
        ours = line.rstrip().endswith(MARK)
        kept = line if ours and line in wanted and line not in lines else "" if ours else _without_names(line, names)
        if kept:
            lines.append(kept)
        elif place is None:
            place = len(lines)
    missing = [line for line in wanted if line not in lines]
    place = len(lines) if place is None else place
    if missing and place and not lines[place - 1].endswith("\n"):
        lines[place - 1] += "\n"
    return "".join([*lines[:place], *missing, *lines[place:]])


def _without_names(line: str, names: set[str]) -> str:
    content, hash_sign, comment = line.partition("#")
    words = content.split()
    if not any(word.lower() in names for word in words[1:]):
        return line
    if all(word.lower() in names for word in words[1:]):
        return ""
    start = content.index(words[0]) + len(words[0])
    kept = re.sub(r"[ \t]+(\S+)", lambda found: "" if found[1].lower() in names else found[0], content[start:])
    return content[:start] + kept + hash_sign + comment


def with_main_interfaces(text: str, nics: Sequence[str]) -> str:
    """
    /etc/network/interfaces as Proxmox' editor leaves it alone: `lo`, a stanza for each card, our directory sourced.

    A card without a stanza gets one in the editor's next run; Proxmox' SDN looks for the source line literally.
    """
    if not interfaces_file.ifaces(text, "lo"):
        text = "auto lo\niface lo inet loopback\n" + (f"\n{text}" if text else "")
    for name in nics:
        if not interfaces_file.ifaces(text, name):
            text = interfaces_file.with_interface(text, name, [Iface(name, "inet", "manual")], auto=False)
    return with_literal_source(text)


def with_literal_source(text: str) -> str:
    """The line in its literal form; another form of the same is replaced, so that nothing is read twice."""
    lines = text.splitlines(keepends=True)
    if any(line.strip() == SOURCE_LINE for line in lines):
        return text
    same = [index for index, line in enumerate(lines) if _SOURCES_THE_SAME.match(line)]
    if not same:
        return interfaces_file.with_source_line(text)
    lines[same[0]] = f"{SOURCE_LINE}\n"
    return "".join(line for index, line in enumerate(lines) if index not in same[1:])


def with_migration(text: str, kind: str, network: str) -> str:
    """/etc/pve/datacenter.cfg with this type and network for migrations; further properties of the line stay."""
    lines = text.splitlines(keepends=True)
    own = [index for index, line in enumerate(lines) if re.match(r"migration\s*:", line)]
    found = _property_string(lines[own[-1]].partition(":")[2]) if own else {}
    wanted = {**found, "type": kind, "network": network}
    if len(own) == 1 and found == wanted:
        return text
    rest = ",".join(f"{key}={value}" for key, value in wanted.items() if key != "type")
    line = f"migration: {kind},{rest}\n"
    if not own:
        return (text if text.endswith("\n") or not text else f"{text}\n") + line
    lines[own[0]] = line
    return "".join(entry for index, entry in enumerate(lines) if index not in own[1:])


def _property_string(text: str) -> dict[str, str]:
    """`secure,network=…`: the first value may go without its key, which is `type`."""
    found = {}
    for part in text.strip().split(","):
        key, equals, value = part.strip().partition("=")
        if equals:
            found[key] = value
        elif key:
            found["type"] = key
    return found


def with_firewall(text: str, local_network: str, management: Sequence[str]) -> str:
    """
    /etc/pve/firewall/cluster.fw with the alias `local_network` and, in the IP set `management`, these prefixes.

    The alias is ours. In the set, entries with our mark are ours, and those of others stay. Nothing is switched on.
    """
    text = _with_entries(text, "ALIASES", [f"local_network {local_network} {MARK}"], _same_alias)
    return _with_entries(text, "IPSET management", [f"{prefix} {MARK}" for prefix in management], _same_entry)


def _same_alias(line: str, wanted: str) -> bool | None:
    """True: says the same; False: to be replaced; None: not ours."""
    words, want = line.partition("#")[0].split(), wanted.split()
    if len(words) != 2 or words[0].lower() != want[0]:
        return None
    return _prefix(words[1]) == _prefix(want[1])


def _same_entry(line: str, wanted: str) -> bool | None:
    content, dummy, comment = line.partition("#")
    if _prefix(content.strip()) == _prefix(wanted.split(maxsplit=1)[0]):
        return True
    return False if f"#{comment.rstrip()}" == MARK else None


def _prefix(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:  # the name of an alias, or `!` and a prefix
        return text.lower()


def _with_entries(text: str, section: str, wanted: Sequence[str], same: Callable[[str, str], bool | None]) -> str:
    lines = text.splitlines(keepends=True)
    heads = [index for index, line in enumerate(lines) if _SECTION.match(line)]
    start = next((index for index in heads if _name(lines[index]) == section.lower()), None)
    if start is None:
        gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
        return f"{text}{gap}[{section}]\n\n" + "".join(f"{entry}\n" for entry in wanted)
    end = next((index for index in heads if index > start), len(lines))
    kept: list[str] = []
    missing = list(wanted)
    for line in lines[start + 1 : end]:
        if not line.strip() or line.lstrip().startswith("#"):
            kept.append(line)
            continue
        answers = {entry: same(line, entry) for entry in wanted}
        equal = [entry for entry, answer in answers.items() if answer]
        if equal and equal[0] in missing:
            missing.remove(equal[0])
        if equal or all(answer is None for answer in answers.values()):
            kept.append(line)
    last = max((index for index, line in enumerate(kept) if line.strip()), default=-1)
    if last == -1 and kept:
        last = 0  # after the empty line below the head
    if missing and kept and not kept[last].endswith("\n"):
        kept[last] += "\n"
    elif missing and not kept and not lines[start].endswith("\n"):
        lines[start] += "\n"
    new = [f"{entry}\n" for entry in missing]
    return "".join([*lines[: start + 1], *kept[: last + 1], *new, *kept[last + 1 :], *lines[end:]])


def _name(line: str) -> str:
    found = _SECTION.match(line)
    return " ".join(found[1].lower().split()) if found else ""
