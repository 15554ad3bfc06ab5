# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what a twin shall be, checked before anything is touched. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ._faults import Fault
from ._links import Links
from ._names import IMAGE, INTERFACE, NAME, container_name

RELEASES = ("bookworm", "trixie")
SHARED = re.compile(r"(/[A-Za-z0-9._-]+)+")


@dataclass(frozen=True)
class Node:
    name: str
    image: str
    hostname: str
    powered: bool
    shared: str = ""
    """Where the twin's common directory is in this node; empty: nowhere."""

    def specification(self, options: Sequence[str]) -> str:
        """Changes when a container has to be made anew: for what was asked, or because the host needs other options.

        A new build of its image is noticed by the image's ID instead.
        """
        shared = (f"shared={self.shared}",) if self.shared else ()
        return hashlib.sha256(repr((self.image, self.hostname, *options, *shared)).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Twin:
    fabric: str
    nodes: dict[str, Node]
    links: Links
    faults: frozenset[Fault]


def wanted(
    fabric: str,
    nodes: Sequence[Mapping[str, Any]],
    links: Sequence[Mapping[str, Any]],
    faults: Sequence[Mapping[str, Any]],
) -> tuple[Twin, list[str]]:
    """Module arguments as a Twin, and all that is wrong with them, each with its path."""
    errors: list[str] = []
    if not NAME.fullmatch(fabric):
        errors.append(f"name: '{fabric}' cannot name a twin: letters, digits, dots and dashes, at most 42")
    known: dict[str, Node] = {}
    for number, entry in enumerate(nodes):
        name = entry["name"]
        if not NAME.fullmatch(name):
            errors.append(
                f"nodes[{number}].name: '{name}' cannot name a container: letters, digits, dots and dashes, at most 42"
            )
        if name in known:
            errors.append(f"nodes[{number}].name: '{name}' is there twice")
        image = entry.get("image") or f"{IMAGE}:{entry.get('release') or 'trixie'}"
        powered = entry.get("powered")
        shared = entry.get("shared") or ""
        if shared and not SHARED.fullmatch(shared):
            errors.append(f"nodes[{number}].shared: '{shared}' is not an absolute path of plain characters")
        known[name] = Node(name, image, entry.get("hostname") or name, True if powered is None else powered, shared)
    ends: dict[tuple[str, str], str] = {}
    result: dict[frozenset[tuple[str, str]], int] = {}
    for number, entry in enumerate(links):
        link = []
        for side in ("a", "b"):
            end = (entry[side]["node"], entry[side]["interface"])
            path = f"links[{number}].{side}"
            if end[0] not in known:
                errors.append(f"{path}.node: no node '{end[0]}' in nodes")
            if not INTERFACE.fullmatch(end[1]) or end[1] in (".", "..", "lo"):
                errors.append(
                    f"{path}.interface: '{end[1]}' cannot name a Linux interface: "
                    "1 to 15 characters, no space, '/' or ':'"
                )
            if end in ends:
                errors.append(f"{path}: {end[0]}:{end[1]} is an end of {ends[end]} already")
            ends[end] = f"links[{number}]"
            link.append(end)
        result[frozenset(link)] = entry.get("mtu") or 1500
        if not 68 <= result[frozenset(link)] <= 65535:
            errors.append(f"links[{number}].mtu: {entry['mtu']} is not between 68 and 65535")
    wrong = set()
    for number, entry in enumerate(faults):
        if (entry["node"], entry["interface"]) not in ends:
            errors.append(f"faults[{number}]: no link ends at {entry['node']}:{entry['interface']}")
        wrong.add((entry["node"], entry["interface"], entry["kind"]))
    return Twin(fabric, known, result, frozenset(wrong)), errors


@dataclass(frozen=True)
class Container:
    """A container of the twin as it is."""

    identifier: str
    running: bool
    pid: int
    image_id: str
    specification: str
    settled: bool = True
    """Not in between, as after a `podman stop` that was interrupted."""


@dataclass(frozen=True)
class Steps:
    """What is to be done with nodes; each node is in at most one of `create`, `start`, `cycle`, `stop`."""

    remove: list[str]
    """Containers that go: no longer wanted, or made anew."""
    create: list[str]
    start: list[str]
    """There without power."""
    cycle: list[str]
    """Running, and lose their power for a moment."""
    stop: list[str]


def steps(
    twin: Twin,
    got: Mapping[str, Container],
    image_ids: Mapping[str, str],
    reboot: Sequence[str],
    options: Sequence[str],
    *,
    keep_builds: bool = False,
) -> Steps:
    """The difference between the containers that are there and the nodes that are wanted.

    `keep_builds`: an image that was built anew meanwhile is no reason to make a node anew.
    """
    result = Steps([], [], [], [], [])
    for name in sorted(got):
        if name not in twin.nodes:
            result.remove.append(name)
    for name, node in sorted(twin.nodes.items()):
        container = got.get(name)
        rebuilt = container is not None and not keep_builds and container.image_id != image_ids[node.image]
        if container is not None and (rebuilt or container.specification != node.specification(options)):
            result.remove.append(name)
            container = None
        if container is None:
            result.create.append(name)
        elif not node.powered:
            if container.running:
                result.stop.append(name)
        elif not container.running:
            result.start.append(name)
        elif name in reboot:
            result.cycle.append(name)
    return result


def foreign(fabric: str, nodes: Mapping[str, Node], containers: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence for each container that has one of our names and is not of this twin."""
    ours = {container_name(fabric, name) for name in nodes}
    return [
        f"a container named {name} exists and is not of the twin '{fabric}': rename the node or remove it"
        for entry in containers
        for name in entry["Names"]
        if name in ours and (entry.get("Labels") or {}).get("fabric") != fabric
    ]
