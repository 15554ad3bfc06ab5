# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""The only place that reads and writes files of a Proxmox node; `/etc/pve` is pmxcfs, which is no ordinary one."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.routed.fabric.plugins.module_utils._ip._files import Files
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError

PVE = "/etc/pve"


class ProxmoxError(Exception):
    """One sentence for a person."""


class Change:
    """A file's text before and after; None where there is none."""

    def __init__(self, path: str, before: str | None, after: str | None) -> None:
        self.path = path
        self.before = before
        self.after = after


class Node:
    """The files of this node. `root`: where its `/` is, for tests."""

    def __init__(self, files: Files, root: str = "") -> None:
        self._files = files
        self._root = root

    @property
    def has_pmxcfs(self) -> bool:
        """Whether Proxmox' cluster file system is mounted; without it `/etc/pve` is an empty directory or none."""
        return self._files.exists(f"{self._root}{PVE}/.version")

    def read(self, path: str) -> str | None:
        try:
            return self._files.read(f"{self._root}{path}")
        except IpError as exc:
            raise ProxmoxError(str(exc)) from exc

    def names(self, directory: str, pattern: str) -> list[str]:
        return self._files.list(f"{self._root}{directory}", pattern)

    def quorate(self) -> bool:
        """Whether `/etc/pve` can be written."""
        try:
            members = json.loads(self.read(f"{PVE}/.members") or "{}")
        except (ProxmoxError, ValueError):
            return False
        cluster = members.get("cluster")
        return bool(cluster.get("quorate")) if isinstance(cluster, dict) else False

    def apply(self, changes: Sequence[Change]) -> None:
        """All or nothing. Raises ProxmoxError, which says what could not be put back."""
        done: list[Change] = []
        try:
            for change in changes:
                self.write(change.path, change.after)
                done.append(change)
        except ProxmoxError as exc:
            lost = []
            for change in reversed(done):
                try:
                    self.write(change.path, change.before)
                except ProxmoxError as refused:
                    lost.append(str(refused))
            outcome = f"could not be undone: {'; '.join(lost)}" if lost else "everything is as it was before"
            raise ProxmoxError(f"{exc}; {outcome}") from exc

    def write(self, path: str, text: str | None) -> None:
        if path.startswith(f"{PVE}/"):
            self._write_pmxcfs(path, text)
            return
        try:
            self._files.write(f"{self._root}{path}", text)
        except IpError as exc:
            raise ProxmoxError(str(exc)) from exc

    def _write_pmxcfs(self, path: str, text: str | None) -> None:
        """A finished file is renamed into its place. pmxcfs has its own idea of owners and modes: nothing is set."""
        target = Path(f"{self._root}{path}")
        temporary = target.with_name(f"{target.name}.tmp.{os.getpid()}")
        try:
            if text is None:
                target.unlink(missing_ok=True)
                return
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(target)
        except OSError as exc:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            hint = ""
            if exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                hint = " (pmxcfs is read-only while the cluster has no quorum: see `pvecm status`)"
            raise ProxmoxError(f"cannot write {path}: {exc.strerror}{hint}") from exc
