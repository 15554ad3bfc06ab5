# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One node's /etc/pve: the shared log's changes, made and seen, and the files that pmxcfs makes up."""

from __future__ import annotations

import errno
import time
from pathlib import Path

from . import tree as trees
from .log import Log
from .tree import Entry, Record, Tree

GENERATED = (".vmlist", ".version", ".members", ".clusterlog", ".rrd")


class ClusterFs:
    """Paths have no slash in front; the root is empty. Methods return an errno, or 0."""

    def __init__(self, log: Path, node: str) -> None:
        self.node = node
        self.tree = Tree()
        self.log = Log(log, node)
        self.start_time = int(time.time())
        self.links = {
            "local": f"nodes/{node}",
            "qemu-server": f"nodes/{node}/qemu-server",
            "openvz": f"nodes/{node}/openvz",
            "lxc": f"nodes/{node}/lxc",
        }
        self.hole_s = 0.0
        self.hole: tuple[int, float] | None = None
        self._vmlist: tuple[int, bytes] = (-1, b"")
        self.log.fetch()
        for record in self.log.due(everything=True):
            self.tree.apply(record)

    def prepare(self) -> None:
        """The directories that Proxmox makes when a node starts."""
        own = f"nodes/{self.node}"
        for path in (
            *("priv", "firewall", "ha", "sdn", "fabric", "virtual-guest", "nodes", own),
            *(f"{own}/{name}" for name in ("qemu-server", "lxc", "openvz", "priv")),
        ):
            self.change({"op": "mkdir", "path": path})

    def tick(self) -> None:
        """See what is due."""
        self.log.fetch()
        for record in self.log.due():
            self._see(record)

    def change(self, record: Record) -> int:
        """Make a change of our own: first everything that was made before it anywhere is seen."""
        with self.log.locked():
            self.log.fetch()
            for other in self.log.due(everything=True):
                self._see(other)
            refused = self.tree.refuse(record)
            if refused:
                return refused
            record = {**record, "time": time.time(), "node": self.node}
            self.log.append(record)
            self._see(record)
        return 0

    def _see(self, record: Record) -> None:
        self.tree.apply(record)
        guest = trees.guest_of(record["to"]) if record["op"] == "rename" else None
        if guest is not None and self.hole_s:
            self.hole = (guest[2], time.monotonic() + self.hole_s)

    def generated(self, name: str) -> bytes:
        if name == ".vmlist":
            if self.hole is not None:
                if time.monotonic() < self.hole[1]:
                    return trees.vmlist(self.tree, hidden=self.hole[0])
                self.hole = None
            if self._vmlist[0] != self.tree.vmlist_version:
                self._vmlist = (self.tree.vmlist_version, trees.vmlist(self.tree))
            return self._vmlist[1]
        if name == ".version":
            return trees.version(self.tree, self.node, self.start_time, self.tree.changes["corosync.conf"])
        if name == ".members":
            return trees.members(self.tree, self.node, self.tree.changes["corosync.conf"])
        return b""

    def entry(self, path: str) -> Entry | None:
        return self.tree.entries.get(path)

    def read(self, path: str) -> bytes | bytearray | int:
        """A file's whole content, or an errno."""
        if path in GENERATED:
            return self.generated(path)
        found = self.tree.entries.get(path)
        if found is None:
            return errno.ENOENT
        return errno.EISDIR if found.data is None else found.data


def is_private(path: str) -> bool:
    parts = path.split("/")
    return parts[0] == "priv" or (parts[0] == "nodes" and len(parts) > 2 and parts[2] == "priv")
