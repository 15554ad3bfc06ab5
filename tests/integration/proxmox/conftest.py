# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three Proxmox nodes and a router, planned from one file: real FRR, real corosync, and nothing shared but routes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import frrlab
import pytest
from frrlab import Node
from pve_corosync import corosync_conf

IMAGES = Path(__file__).resolve().parents[3] / "scripts" / "twin_image.sh"
WRITABLE = ("/etc/corosync", "/var/lib/corosync", "/var/log", "/dev/shm")
NAMES = ("pve1", "pve2", "pve3")

FABRIC: dict[str, Any] = {
    "plugin": "routed.fabric.fabric",
    "name": "corosync",
    "pools": {"asn": "4200000000-4200009999", "loopback4": "10.255.254.0/24", "loopback6": "2001:db8:100::/64"},
    "underlay": {"bfd": False},
    "nodes": {
        "tor1": {"id": 1, "asn": 65001},
        **{n: {"id": 10 + int(n[3:]), "functions": ["proxmox"], "uplinks": {"up0": f"tor1:{n}"}} for n in NAMES},
    },
    "proxmox": {"clusters": {"ams": {"nodes": list(NAMES)}}},
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.live)


def rootfs() -> None:
    """Proxmox nodes have a root file system of their own, with corosync."""
    name = "FABRIC_ROOTFS_proxmox"
    if name not in os.environ:
        command = [str(IMAGES), "--flavour", "proxmox", "--rootfs", "trixie"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise pytest.UsageError(f"no root file system for Proxmox nodes: {done.stderr}")
        os.environ[name] = done.stdout.strip().splitlines()[-1]


class Cluster:
    """The fabric comes up by the plan's own configuration; corosync by the file that pvecm would write."""

    def __init__(self) -> None:
        # not before pytest-ansible has its own way of importing collections
        from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.planner import plan

        self.plan = plan(FABRIC)
        self.nodes: dict[str, Node] = {}
        try:
            for name in self.plan.nodes:
                self.nodes[name] = Node(name, "proxmox", "datacenter")
            for link in self.plan.links:
                a, b = link["a"], link["b"]
                frrlab.link(self.nodes[a["node"]], a["interface"], self.nodes[b["node"]], b["interface"])
            for name, node in self.nodes.items():
                self._configure(name, node)
            self.configuration = corosync_conf(self.plan.nodes["pve1"]["proxmox"]["cluster"])
        except BaseException:
            self.stop()
            raise

    def _configure(self, name: str, node: Node) -> None:
        planned = self.plan.nodes[name]
        for family in ("ipv4", "ipv6"):
            node.run(f"ip addr add {planned['loopback'][family]} dev lo")
        for key, value in planned["underlay"]["sysctl"].items():
            node.run(f"echo {value} > /proc/sys/{key.replace('.', '/')}", check="neigh.default" not in key)
        node.start_frr(frrlab.HEAD.format(profile="datacenter", name=name))
        frr = planned["frr"]
        done = node.module({"state": "replaced", "config": frr["config"], "name_prefix": frr["name_prefix"]})
        assert not done.get("failed"), done

    @property
    def hosts(self) -> list[Node]:
        return [self.nodes[name] for name in NAMES]

    def start_corosync(self) -> None:
        first = self.hosts[0]
        for node in self.hosts:
            for place in WRITABLE:
                node.run(f"mount -t tmpfs tmpfs {place}")
            node.run("mkdir -p /var/log/corosync")
            node.write("/etc/corosync/corosync.conf", self.configuration, "root:root")
        first.run("corosync-keygen -l -k /etc/corosync/authkey")
        key = first.run("base64 /etc/corosync/authkey")
        for node in self.hosts:
            node.run("base64 -d > /etc/corosync/authkey && chmod 400 /etc/corosync/authkey", stdin=key)
            node.run("corosync >/var/log/corosync.out 2>&1")

    def votes(self, node: Node) -> tuple[bool, int]:
        """Whether quorate, and with how many votes."""
        words = dict(
            line.split(":", 1) for line in node.run("corosync-quorumtool -s", check=False).splitlines() if ":" in line
        )
        return words.get("Quorate", "").strip() == "Yes", int(words.get("Total votes", "0").strip() or 0)

    def connected(self, node: Node) -> dict[int, list[bool]]:
        """Number of the link → whether each other node is connected over it."""
        found: dict[int, list[bool]] = {}
        for line in node.run("corosync-cfgtool -s", check=False).splitlines():
            words = line.replace(":", " ").split()
            if words[:2] == ["LINK", "ID"]:
                found[int(words[2])] = []
            elif words[:1] == ["nodeid"] and "localhost" not in words:
                found[max(found)].append(words[-1] == "connected")
        return found

    def stop(self) -> None:
        for node in self.nodes.values():
            node.stop()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    rootfs()
    made = Cluster()
    yield made
    made.stop()
