# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: faults on a twin's links, made on purpose.

- `silent`: packets are lost in both directions at this end while both carriers stay up (nftables, netdev family). Only
  keepalives or BFD notice.
- `down`: the interface is set down as by `ip link set down`; the other end loses its carrier.

nftables, because the network emulator (netem) is missing from many kernels.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from ._names import netns_name
from ._podman import Podman

TABLE = "fabric_twin_fault"
DEVICES = re.compile(r"devices? (?:= )?\{?([^{}]*?)\}? priority")

Fault = tuple[str, str, str]
"""(node, interface, kind)"""


def silenced(table: str) -> set[str]:
    """The interfaces that `nft list table netdev fabric_twin_fault` shows as silenced.

    The text, since nft 1.0.6 (Debian 12) leaves the device out of its JSON.
    """
    found: set[str] = set()
    for devices in DEVICES.findall(table):
        found.update(name.strip(' "') for name in devices.split(","))
    return found


def commands(interfaces: Iterable[str], exists: bool) -> str:
    """One nft transaction after which exactly these interfaces are silenced."""
    lines = [f"delete table netdev {TABLE}"] if exists else []
    for number, interface in enumerate(sorted(interfaces)):
        if number == 0:
            lines.append(f"add table netdev {TABLE}")
        for hook in ("ingress", "egress"):
            lines.append(
                f"add chain netdev {TABLE} {hook}{number} "
                f'{{ type filter hook {hook} device "{interface}" priority -500; policy drop; }}'
            )
    return "".join(line + "\n" for line in lines)


def read(podman: Podman, nodes: dict[str, int], recorded: Iterable[Fault], fabric: str) -> set[Fault]:
    """The faults in force. `nodes`: running nodes with the PID of their init; `recorded`: what we set down before."""
    found: set[Fault] = set()
    for node, pid in nodes.items():
        code, text = podman.try_beside(*_nft(pid), "list", "table", "netdev", TABLE)
        if code == 0:
            found |= {(node, interface, "silent") for interface in silenced(text)}
    for node, interface, kind in recorded:
        if kind == "down" and node in nodes:
            code, text = podman.try_beside("ip", "-n", netns_name(fabric, node), "-j", "link", "show", "dev", interface)
            if code == 0 and "UP" not in json.loads(text)[0]["flags"]:
                found.add((node, interface, kind))
    return found


def apply(podman: Podman, nodes: dict[str, int], got: set[Fault], wanted: set[Fault], fabric: str) -> None:
    """Bring the faults from `got` to `wanted`; only interfaces named in either are touched."""
    for node, pid in nodes.items():
        before = {interface for name, interface, kind in got if (name, kind) == (node, "silent")}
        after = {interface for name, interface, kind in wanted if (name, kind) == (node, "silent")}
        if before != after:
            podman.beside(*_nft(pid), "-f", "-", stdin=commands(after, bool(before)))
    for action, faults in (("up", got - wanted), ("down", wanted - got)):
        for node, interface, kind in sorted(faults):
            if kind == "down" and node in nodes:
                podman.beside("ip", "-n", netns_name(fabric, node), "link", "set", "dev", interface, action)


def _nft(pid: int) -> list[str]:
    """nft as the node has it: the machine that the twin runs on need not have it."""
    return ["nsenter", f"--target={pid}", "--mount", "--net", "nft"]
