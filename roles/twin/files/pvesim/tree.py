# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content of /etc/pve as one node sees it: what pmxcfs keeps in memory. Pure: no file is read or written here.

Changes are records, dicts with a name (`op`) and a path; the same records in the same order give the same tree on every
node. `refuse` says with which errno a change would fail, `apply` makes it.
"""

from __future__ import annotations

import errno
import json
import re
from dataclasses import dataclass, field
from typing import Any

Record = dict[str, Any]

MAX_FILE = 1024 * 1024
CONFIG = re.compile(r"nodes/([^/]+)/(qemu-server|lxc)/(\d+)\.conf")
TYPES = {"qemu-server": "qemu", "lxc": "lxc"}
# What .version counts besides the guests.
COUNTED = (
    "corosync.conf",
    "corosync.conf.new",
    "storage.cfg",
    "user.cfg",
    "domains.cfg",
    "datacenter.cfg",
    "vzdump.cron",
    "jobs.cfg",
    "ha/crm_commands",
    "ha/manager_status",
    "ha/resources.cfg",
    "ha/groups.cfg",
    "replication.cfg",
    "ceph.conf",
    "sdn/vnets.cfg",
    "sdn/zones.cfg",
    "sdn/controllers.cfg",
    "sdn/subnets.cfg",
    "sdn/.running-config",
    "firewall/cluster.fw",
)


@dataclass
class Entry:
    """A file or a directory."""

    inode: int
    mtime: int
    data: bytearray | None = None
    children: dict[str, None] = field(default_factory=dict)

    @property
    def is_dir(self) -> bool:
        return self.data is None


@dataclass
class Guest:
    node: str
    kind: str
    version: int


def guest_of(path: str) -> tuple[str, str, int] | None:
    """(node, kind, vmid) when this is the path of a guest's configuration."""
    found = CONFIG.fullmatch(path)
    return (found[1], TYPES[found[2]], int(found[3])) if found else None


def split(path: str) -> tuple[str, str]:
    parent, dummy, name = path.rpartition("/")
    return parent, name


class Tree:
    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {"": Entry(1, 0)}
        self.next_inode = 2
        self.guests: dict[int, Guest] = {}
        self.vmlist_version = 1
        self.guest_version = 0
        self.changes = dict.fromkeys(COUNTED, 1)

    def refuse(self, record: Record) -> int:
        """0, or the errno that this change fails with."""
        op, path = record["op"], record["path"]
        entry = self.entries.get(path)
        parent, name = split(path)
        if op in ("mkdir", "create"):
            if entry is not None:
                return errno.EEXIST
            above = self.entries.get(parent)
            if above is None:
                return errno.ENOENT
            if not above.is_dir:
                return errno.ENOTDIR
            guest = guest_of(path) if op == "create" else None
            if guest is not None and guest[2] in self.guests:
                return errno.EEXIST
            return 0 if name else errno.EEXIST
        if entry is None:
            return errno.ENOENT
        if op in ("write", "truncate"):
            if entry.is_dir:
                return errno.EISDIR
            end = record["size"] if op == "truncate" else record["offset"] + len(record["data"])
            return errno.EFBIG if end > MAX_FILE else 0
        if op == "unlink":
            return errno.EISDIR if entry.is_dir else 0
        if op == "rmdir":
            if not entry.is_dir:
                return errno.ENOTDIR
            return errno.ENOTEMPTY if entry.children else 0
        if op == "rename":
            return self._refuse_rename(entry, path, record["to"])
        return errno.EINVAL if op != "mtime" else 0

    def _refuse_rename(self, entry: Entry, path: str, to: str) -> int:
        target = self.entries.get(to)
        above = self.entries.get(split(to)[0])
        if above is None:
            return errno.ENOENT
        if not above.is_dir:
            return errno.ENOTDIR
        if entry.is_dir and entry.children:
            return errno.ENOTEMPTY
        if target is not None and target.is_dir and target.children:
            return errno.ENOTEMPTY
        guest, source = guest_of(to), guest_of(path)
        if guest is not None and not entry.is_dir:
            there = self.guests.get(guest[2])
            elsewhere = there is not None and (there.node, there.kind) != guest[:2]
            if elsewhere and (source is None or source[2] != guest[2]):
                return errno.EEXIST
        return 0

    def apply(self, record: Record) -> None:
        """Make a change that `refuse` has nothing against."""
        op, path, mtime = record["op"], record["path"], int(record.get("time", 0))
        if path in self.changes:
            self.changes[path] += 1
        if op in ("mkdir", "create"):
            self._insert(path, Entry(self.next_inode, mtime, None if op == "mkdir" else bytearray()))
            self.next_inode += 1
            guest = guest_of(path)
            if op == "create" and guest is not None:
                self._register(*guest)
            return
        entry = self.entries[path]
        if op == "rename":
            self._rename(path, record["to"], mtime)
        elif op in ("unlink", "rmdir"):
            self._remove(path)
            guest = guest_of(path)
            if op == "unlink" and guest is not None:
                self._forget(guest[2])
        elif op == "mtime":
            entry.mtime = mtime
        else:
            data = entry.data
            if data is not None:
                if op == "truncate":
                    size = record["size"]
                    del data[size:]
                    data.extend(bytes(size - len(data)))
                else:
                    offset, text = record["offset"], record["data"]
                    if offset > len(data):
                        data.extend(bytes(offset - len(data)))
                    data[offset : offset + len(text)] = text
            entry.mtime = mtime
            guest = guest_of(path)
            if guest is not None:
                self._register(*guest)

    def _rename(self, path: str, to: str, mtime: int) -> None:
        if path == to:
            return
        entry = self.entries[path]
        if to in self.changes:
            self.changes[to] += 1
        if to in self.entries:
            self._remove(to)
        self._remove(path)
        entry.mtime = mtime
        self._insert(to, entry)
        source, target = guest_of(path), guest_of(to)
        if not entry.is_dir:
            if source is not None:
                self._forget(source[2])
            if target is not None:
                self._register(*target)

    def _insert(self, path: str, entry: Entry) -> None:
        parent, name = split(path)
        self.entries[path] = entry
        self.entries[parent].children[name] = None

    def _remove(self, path: str) -> None:
        parent, name = split(path)
        del self.entries[path]
        self.entries[parent].children.pop(name, None)

    def _register(self, node: str, kind: str, vmid: int) -> None:
        self.vmlist_version += 1
        self.guest_version += 1
        self.guests[vmid] = Guest(node, kind, self.guest_version)

    def _forget(self, vmid: int) -> None:
        self.vmlist_version += 1
        self.guests.pop(vmid, None)


def vmlist(tree: Tree, hidden: int | None = None) -> bytes:
    """.vmlist, to the letter as pmxcfs writes it."""
    lines = [
        f'"{vmid}": {{ "node": "{guest.node}", "type": "{guest.kind}", "version": {guest.version} }}'
        for vmid, guest in tree.guests.items()
        if vmid != hidden
    ]
    if lines:
        return (f'{{\n"version": {tree.vmlist_version},\n"ids": {{\n' + ",\n".join(lines) + "}\n\n}\n").encode()
    return f'{{\n"version": {tree.vmlist_version}\n\n}}\n'.encode()


def version(tree: Tree, node: str, start_time: int, members: int) -> bytes:
    """.version: how often what has changed, as this node counts it since its start."""
    counts = "".join(f'"{name}": {number},\n' for name, number in tree.changes.items())
    return (
        f'{{\n"starttime": {start_time},\n"clinfo": {members},\n"vmlist": {tree.vmlist_version},\n{counts}'
        f'"kvstore": {{\n"{node}": {{\n}}\n}}\n}}\n'
    ).encode()


def members(tree: Tree, node: str, number: int) -> bytes:
    """.members: the nodes of the cluster that corosync.conf names, all online; without a cluster, only a name."""
    entry = tree.entries.get("corosync.conf")
    text = bytes(entry.data or b"").decode(errors="replace") if entry else ""
    found = []
    for block in re.findall(r"\bnode\s*\{([^{}]*)\}", text):
        values = dict(re.findall(r"^\s*(\w+):\s*(\S+)\s*$", block, re.MULTILINE))
        if "name" in values:
            found.append(values)
    if not found:
        return f'{{\n"nodename": "{node}",\n"version": {number}\n}}\n'.encode()
    name = re.search(r"^\s*cluster_name:\s*(\S+)\s*$", text, re.MULTILINE)
    version_text = re.search(r"^\s*config_version:\s*(\d+)\s*$", text, re.MULTILINE)
    nodes = ",\n".join(
        f'  "{values["name"]}": {{ "id": {values.get("nodeid", 0)}, "online": 1, '
        f'"ip": {json.dumps(values.get("ring0_addr", ""))}}}'
        for values in found
    )
    return (
        f'{{\n"nodename": "{node}",\n"version": {number},\n"cluster": {{ "name": "{name[1] if name else ""}", '
        f'"version": {version_text[1] if version_text else 0}, "nodes": {len(found)}, "quorate": 1 }},\n'
        f'"nodelist": {{\n{nodes}\n  }}\n}}\n'
    ).encode()
