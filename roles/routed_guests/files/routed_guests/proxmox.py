# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads /etc/pve: who has which guest, the guests' configurations, the claims to addresses.

/etc/pve is FUSE without a cache, and says nothing when another node writes: so `.version` is polled, and what has not
changed by its own version or time is not read again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from . import parsing, truth
from .config import Config

_READ = 1 << 20  # pmxcfs has no larger file


class Stamp(NamedTuple):
    """What tells that a file was written again."""

    mtime_ns: int
    size: int
    inode: int


def read(path: str) -> bytes:
    """A whole file; OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        offset = 0
        while part := os.pread(descriptor, _READ, offset):
            parts.append(part)
            offset += len(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def stamp(path: str) -> Stamp | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - asked very often
    except OSError:
        return None
    return Stamp(status.st_mtime_ns, status.st_size, status.st_ino)


class _Known(NamedTuple):
    owner: parsing.Owner
    stamp: Stamp | None
    config: parsing.GuestConfig


class Proxmox:
    """The last readable truth. `readable` is false while .vmlist cannot be read: then nothing here changes."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._version: tuple[int, int] | None = None
        self._version_raw = b""
        self._lines: parsing.Lines | None = None
        self.owners: dict[int, parsing.Owner] = {}
        self.readable = False
        self.why_unreadable = "not read yet"
        self._configs: dict[int, _Known] = {}
        self._entries: list[Any] = []
        self._guests_stamp: Stamp | None = None
        self.guests_known = truth.FABRIC not in config.sources
        self.why_guests_unknown = ""
        self._filters: dict[int, tuple[Stamp | None, dict[int, Any]]] = {}
        self._scrub: Iterator[int] = iter(())

    # --- ownership

    def poll(self) -> set[int]:
        """VMIDs whose owner or configuration has changed."""
        try:
            raw = read(f"{self._config.pve}/.version")
            if raw == self._version_raw and self.readable:
                return set()
            version = parsing.version(raw)
        except FileNotFoundError:
            raw, version = b"", None  # then .vmlist itself tells
        except (OSError, parsing.ParseError) as exc:
            return self._unreadable(exc)
        if version is not None and version == self._version and self.readable:
            self._version_raw = raw
            return set()
        try:
            changed = self._take(read(f"{self._config.pve}/.vmlist"))
        except (OSError, parsing.ParseError) as exc:
            return self._unreadable(exc)
        self._version, self._version_raw = version, raw
        self.readable, self.why_unreadable = True, ""
        return changed

    def _take(self, raw: bytes) -> set[int]:
        """A new .vmlist; VMIDs of which it says something new."""
        lines = parsing.vmlist_lines(raw)
        news = parsing.vmlist_changes(self._lines, lines) if lines and self._lines else None
        if news is None:
            owners = parsing.vmlist(raw)
            old = self.owners
            changed = {vmid for vmid, owner in owners.items() if old.get(vmid) != owner}
            changed.update(vmid for vmid in old if vmid not in owners)
            self.owners = owners
        else:
            changed = {vmid for vmid, owner in news.items() if self.owners.get(vmid) != owner}
            for vmid, owner in news.items():
                if owner is None:
                    self.owners.pop(vmid, None)
                else:
                    self.owners[vmid] = owner
        self._lines = lines
        return changed

    def _unreadable(self, exc: Exception) -> set[int]:
        self.readable = False
        self._version_raw = b""
        self.why_unreadable = str(exc)
        return set()

    def owner(self, vmid: int) -> str:
        owner = self.owners.get(vmid)
        return owner.node if owner else ""

    # --- configurations

    def path(self, vmid: int) -> str:
        owner = self.owners[vmid]
        folder = "lxc" if owner.kind == "lxc" else "qemu-server"
        return f"{self._config.pve}/nodes/{owner.node}/{folder}/{vmid}.conf"

    def guest(self, vmid: int) -> parsing.GuestConfig | None:
        """A guest's configuration as last known; read where it is not known or has a new version."""
        owner = self.owners.get(vmid)
        known = self._configs.get(vmid)
        if owner is None or not self.readable:
            return known.config if known else None
        if known and known.owner == owner:
            return known.config
        return self._read_guest(vmid, owner, known)

    def _read_guest(self, vmid: int, owner: parsing.Owner, known: _Known | None) -> parsing.GuestConfig | None:
        path = self.path(vmid)
        try:
            written = stamp(path)
            config = parsing.guest(owner.kind, read(path).decode("utf-8", "replace"))
        except OSError:
            # It has moved on since .vmlist was read: the next reading of .vmlist says where to
            return known.config if known else None
        self._configs[vmid] = _Known(owner, written, config)
        return config

    def distrust(self, vmid: int) -> None:
        """Read its configuration again when it is next asked for; where that fails, what is known stays."""
        known = self._configs.get(vmid)
        if known:  # a version that no .vmlist has
            self._configs[vmid] = known._replace(owner=known.owner._replace(version=-1))

    def known(self, vmid: int) -> parsing.GuestConfig | None:
        known = self._configs.get(vmid)
        return known.config if known else None

    def forget(self, vmids: Iterable[int]) -> None:
        for vmid in vmids:
            self._configs.pop(vmid, None)
            self._filters.pop(vmid, None)

    def scrub(self, share: float) -> set[int]:
        """Look at a share of the known files again, whatever the versions say; VMIDs of which one was written."""
        changed: set[int] = set()
        if not self.readable:
            return changed
        total = max(len(self._configs), len(self._filters), 1)
        for dummy in range(min(int(total * share) + 1, total)):
            vmid = next(self._scrub, None)
            if vmid is None:
                self._scrub = iter(sorted(set(self._configs) | set(self._filters)))
                break
            if vmid not in self.owners:
                continue
            known = self._configs.get(vmid)
            if known and stamp(self.path(vmid)) != known.stamp:
                changed.add(vmid)
                self.distrust(vmid)
            filters = self._filters.get(vmid)
            if filters and stamp(self._firewall(vmid)) != filters[0]:
                changed.add(vmid)
                self._filters.pop(vmid)
        return changed

    # --- claims

    def poll_guests(self) -> bool:
        """Whether guests.json has changed. A broken one changes nothing."""
        if truth.FABRIC not in self._config.sources:
            return False
        path = self._config.guests_file
        written = stamp(path)
        if written == self._guests_stamp and written is not None:
            return False
        try:
            entries = parsing.guests_file(read(path))
        except (OSError, parsing.ParseError) as exc:
            self.why_guests_unknown = f"{path}: {exc.strerror if isinstance(exc, OSError) else exc}"
            self._guests_stamp = None  # to be read again although nobody writes it: /etc/pve may have been away
            return False
        self.why_guests_unknown = ""
        self._guests_stamp = written
        changed = not self.guests_known or entries != self._entries
        self._entries = entries
        self.guests_known = True
        return changed

    def _firewall(self, vmid: int) -> str:
        return f"{self._config.pve}/firewall/{vmid}.fw"

    def _ipfilters(self, vmid: int) -> dict[int, Any]:
        known = self._filters.get(vmid)
        if known:
            return known[1]
        path = self._firewall(vmid)
        written = stamp(path)
        sets: dict[int, Any] = {}
        if written:
            try:
                sets = parsing.ipfilters(read(path).decode("utf-8", "replace"))
            except OSError:
                written = None
        self._filters[vmid] = (written, sets)
        return sets

    @property
    def reads_all(self) -> bool:
        """Tenants' claims are looked at cluster-wide, or duplicates would go unseen."""
        return any(source != truth.FABRIC for source in self._config.sources)

    def claims(self) -> tuple[list[truth.Claim], list[truth.Refusal]]:
        claims, refused = truth.fabric_claims(self._entries) if truth.FABRIC in self._config.sources else ([], [])
        if self.reads_all:
            with_sets = truth.IPFILTER in self._config.sources
            for vmid in self.owners:
                config = self.guest(vmid)
                if config:
                    filters = self._ipfilters(vmid) if with_sets else {}
                    claims += truth.tenant_claims(vmid, config, filters, self._config.bridge, self._config.sources)
        return claims, refused
