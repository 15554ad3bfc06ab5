# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""Kernel parameters: names, difference and the file for the next boot. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

FILE = "/etc/sysctl.d/90-routed-fabric.conf"
HEADER = (
    "# Written by the Ansible collection routed.fabric (module underlay_interfaces).\n"
    "# Do not edit: the next run puts this file back. Other settings belong in a file of your own.\n"
)

# An interface's name may hold dots (eth0.100), so it is what stands between the class and the last word.
_PER_INTERFACE = re.compile(r"^net[./](ipv4|ipv6)[./](conf|neigh)[./](.+)[./]([^./]+)$")
# The kernel shows these in the first network namespace only: in a container they belong to the host.
_HOST_ONLY = re.compile(r"^net/ipv[46]/neigh/default/gc_(thresh[123]|interval)$|^net/core/|^net/ipv6/route/max_size$")


class Drift(NamedTuple):
    path: str  # below /proc/sys
    before: str
    after: str


def path_of(key: str) -> str:
    """`net.ipv6.conf.eth0.100.accept_ra` as `net/ipv6/conf/eth0.100/accept_ra`; the slash form of sysctl(8) is taken
    too (`net.ipv6.conf.eth0/100.accept_ra`)."""
    match = _PER_INTERFACE.match(key)
    if match:
        family, table, interface, parameter = match.groups()
        return f"net/{family}/{table}/{interface.replace('/', '.')}/{parameter}"
    return key if "/" in key.split(".", maxsplit=1)[0] else key.replace(".", "/")


def interface_of(path: str) -> str:
    """The interface that a path belongs to, or an empty string."""
    match = _PER_INTERFACE.match(path)
    return match.group(3) if match and match.group(3) not in ("all", "default") else ""


def key_of(path: str) -> str:
    """The path as sysctl.d(5) writes it: dots between words, a slash for a dot inside of an interface's name."""
    return path.translate(str.maketrans("./", "/."))


def normalise(values: Mapping[str, str]) -> dict[str, str]:
    """Key → value, as path → value with single spaces."""
    return {path_of(key): " ".join(str(value).split()) for key, value in values.items()}


def drifts(wanted: Mapping[str, str], got: Mapping[str, str | None]) -> list[Drift]:
    """What has to be written, in order."""
    found = []
    for path in in_order(wanted):
        current = got.get(path)
        if current is not None and current != wanted[path]:
            found.append(Drift(path, current, wanted[path]))
    return found


def missing(
    wanted: Iterable[str], got: Mapping[str, str | None], interfaces: Iterable[str]
) -> tuple[list[str], list[str]]:
    """
    Paths that this kernel does not have, as (excused, unknown).

    Excused are those of an interface that does not exist yet and those that only the host of a container has.
    """
    there = set(interfaces)
    excused: list[str] = []
    unknown: list[str] = []
    for path in in_order(wanted):
        if got.get(path) is not None:
            continue
        interface = interface_of(path)
        late = bool(interface) and interface not in there
        (excused if late or _HOST_ONLY.match(path) else unknown).append(path)
    return excused, unknown


def in_order(paths: Iterable[str]) -> list[str]:
    """Forwarding first (it changes other keys), then what all interfaces have, new ones get, and single ones have."""

    def rank(path: str) -> tuple[int, str]:
        if path.endswith(("/ip_forward", "/all/forwarding")):
            return 0, path
        return (1 if "/all/" in path else 2 if "/default/" in path else 3), path

    return sorted(paths, key=rank)


def render_file(wanted: Mapping[str, str]) -> str:
    return HEADER + "".join(f"{key_of(path)} = {wanted[path]}\n" for path in in_order(wanted))
