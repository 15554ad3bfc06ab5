# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guests' interfaces that concern this node: grants joined with configurations, and what was refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from . import truth
from .config import Config
from .journal import Journal
from .parsing import GuestConfig
from .proxmox import Proxmox
from .wanted import Guest

Key = tuple[int, int]  # VMID, number of the interface


class Inventory:
    def __init__(self, config: Config, proxmox: Proxmox, journal: Journal) -> None:
        self._config = config
        self._proxmox = proxmox
        self._journal = journal
        self.grants: dict[int, list[truth.Grant]] = {}
        self.guests: dict[Key, Guest] = {}
        self.keys_of: dict[int, list[Key]] = {}
        self.migrating: set[int] = set()  # VMIDs with `lock: migrate`
        self.backing_up: set[int] = set()  # VMIDs with `lock: backup`
        self.revision = 0  # grows when what was refused changes
        self._refused_claims: list[truth.Refusal] = []
        self._refused: dict[int, list[truth.Refusal]] = {}

    @property
    def refused(self) -> list[truth.Refusal]:
        return [*self._refused_claims, *(each for found in self._refused.values() for each in found)]

    def decide(self) -> None:
        """Judge all claims anew."""
        claims, refused = self._proxmox.claims()
        grants, contested = truth.decide(claims, self._config.prefixes)
        self.grants = {}
        for grant in grants.values():
            self.grants.setdefault(grant.vmid, []).append(grant)
        self._note(self._refused_claims, refused + contested)
        self._refused_claims = refused + contested

    def _note(self, old: Sequence[truth.Refusal], new: Sequence[truth.Refusal]) -> None:
        if old == new:
            return
        self.revision += 1
        before = set(old)
        for refusal in new:
            if refusal not in before:
                self._journal.warning(f"refused: {refusal.why}")

    def refresh(
        self, vmids: Iterable[int], relevant: Callable[[int], bool]
    ) -> tuple[list[Key], list[tuple[Key, Guest]]]:
        """Bring the interfaces of these guests up to date: which have to be looked at, and which are gone."""
        touched: list[Key] = []
        dropped: list[tuple[Key, Guest]] = []
        for vmid in vmids:
            found = self._interfaces(vmid) if relevant(vmid) else {}
            for key in self.keys_of.get(vmid, ()):
                if key not in found:
                    dropped.append((key, self.guests.pop(key)))
            self.guests.update(found)
            touched += found
            if found:
                self.keys_of[vmid] = list(found)
            else:
                self.keys_of.pop(vmid, None)
                self._note_lock(vmid, "")
                if vmid not in self._proxmox.owners:
                    self._proxmox.forget((vmid,))
        return touched, dropped

    def _interfaces(self, vmid: int) -> dict[Key, Guest]:
        grants = self.grants.get(vmid, [])
        config = self._proxmox.guest(vmid) if grants else None
        refused = truth.mismatches(vmid, config, grants, self._config.bridge) if config else []
        self._note_lock(vmid, config.lock if config else "")
        self._note(self._refused.get(vmid, []), refused)
        if refused:
            self._refused[vmid] = refused
        else:
            self._refused.pop(vmid, None)
        return self._join(vmid, config, grants) if config else {}

    def _join(self, vmid: int, config: GuestConfig, grants: Iterable[truth.Grant]) -> dict[Key, Guest]:
        owner = self._proxmox.owners.get(vmid)
        kind = owner.kind if owner else "qemu"
        by_mac = {grant.mac: grant for grant in grants}
        found = {}
        for nic in config.nics:
            grant = by_mac.get(nic.mac)
            if grant and nic.bridge == self._config.bridge:
                name = grant.name or config.name
                found[(vmid, nic.number)] = Guest(
                    vmid, nic.number, nic.mac, name, kind, grant.addresses, grant.prefixes
                )
        return found

    def _note_lock(self, vmid: int, lock: str) -> None:
        owner = self._proxmox.owners.get(vmid)
        mine = owner is not None and owner.node == self._config.node and owner.kind == "qemu"
        for name, vmids in (("migrate", self.migrating), ("backup", self.backing_up)):
            if mine and lock == name:
                vmids.add(vmid)
            else:
                vmids.discard(vmid)
