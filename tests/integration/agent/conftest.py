# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two nodes for each release."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from agentlab import Cluster, Guest, Node, Place, join, run

RELEASES = ("trixie", "bookworm")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.live)


class Lab:
    """pve1 and pve2, joined; both agents run, both firewalls are loaded."""

    def __init__(self, release: str, work: Path) -> None:
        self.rootfs = Path(os.environ[f"FABRIC_ROOTFS_{release}"])
        self.work = work
        self.release = release
        self.cluster = Cluster()
        self.nodes: list[Node] = []
        self.places: list[Place] = []

    def build(self) -> None:
        for name, number in (("pve1", 11), ("pve2", 12)):
            self.nodes.append(Node(name, number, self.work, self.rootfs, self.cluster))
        self.pve1, self.pve2 = self.nodes
        join(self.pve1, self.pve2)

    def begin(self) -> None:
        for node, other in ((self.pve1, self.pve2), (self.pve2, self.pve1)):
            node.configure(other)
            node.agent("firewall")
            node.start()

    def guest(self, vmid: int, number: int, *, node: str = "pve1", config: str = "", **entry: object) -> Guest:
        """One that the fabric knows and that a node has."""
        guest = Guest(vmid, f"52:02:45:76:d2:{number:02x}", [f"2.57.57.{number}", f"2001:678:3a4:100::{number}"])
        self.cluster.guests.append(guest.entry(**entry))
        self.cluster.add(vmid, node, config or guest.config())
        return guest

    def plug(self, guest: Guest, node: Node, **more: str) -> Place:
        place = guest.plug(node, **more)
        self.places.append(place)
        return place

    def end(self) -> None:
        for place in self.places:
            place.space.delete()
        for node in self.nodes:
            node.delete()
        for name in run("ip", "netns", "list").split():
            if name.startswith(f"rg{os.getpid()}-"):
                run("ip", "netns", "del", name, check=False)


@pytest.fixture(params=RELEASES)
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(request.param, tmp_path)
    try:
        lab.build()
        yield lab
    finally:
        for node in lab.nodes:
            if node.log.exists():
                print(f"--- {node.name}\n{node.log.read_text()[-4000:]}")
        lab.end()
