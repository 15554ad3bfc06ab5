# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guests that are about to leave: asks QEMU how far it is, keeps the last packets, sends them after the guest.

Also asks QEMU whether a guest that was started for a backup runs.
"""

from __future__ import annotations

import selectors
from dataclasses import dataclass, field

from . import machine
from .agent import QUIET, Agent
from .capture import Capture, send_again
from .inventory import Key
from .machine import Name
from .qmp import Answer, Query

SLOW_S, QUICK_S = 0.1, 0.02
QUICK_BELOW_S, CAPTURE_BELOW_S = 1.0, 3.0
BACKUP_S = 0.5
HELD_AT_MOST_S = 3.0  # without any answer of QEMU


@dataclass
class _Watch:
    vmid: int
    next_at: float = 0.0
    query: Query | None = None
    captures: dict[Key, Capture] = field(default_factory=dict)
    marks: dict[Key, int] = field(default_factory=dict)
    silent_since: float | None = None

    def release(self) -> None:
        """It is far from leaving yet: what its packets cost is saved."""
        for capture in self.captures.values():
            capture.close()
        self.captures = {}


class Handover:
    def __init__(self, agent: Agent, selector: selectors.BaseSelector) -> None:
        self._agent = agent
        self._selector = selector
        self._watches: dict[int, _Watch] = {}

    @property
    def watching(self) -> bool:
        return bool(self._watches)

    def due(self) -> float | None:
        times = [watch.query.expires if watch.query else watch.next_at for watch in self._watches.values()]
        return min(times, default=None)

    def tick(self, now: float) -> None:
        self._follow()
        agent = self._agent
        for vmid in agent.inventory.migrating | agent.inventory.backing_up:
            if vmid not in self._watches and self._wanted(vmid):
                self._watches[vmid] = _Watch(vmid)
                if vmid in agent.inventory.migrating:
                    self._capture(self._watches[vmid])  # at once: a small guest is copied in a tenth of a second
        for watch in list(self._watches.values()):
            if not self._wanted(watch.vmid):
                self._end(watch)
            elif watch.query:
                if now >= watch.query.expires:
                    watch.query.expire()
            elif now >= watch.next_at:
                self._ask(watch, now)

    def _wanted(self, vmid: int) -> bool:
        agent = self._agent
        names = {agent.states.get(key, QUIET).name for key in agent.keys_of.get(vmid, ())}
        if vmid in agent.inventory.migrating:
            return bool(names.intersection(machine.ANNOUNCED))
        return vmid in agent.inventory.backing_up and Name.HELD in names

    def _end(self, watch: _Watch) -> None:
        watch.release()
        if watch.query:
            watch.query.expire()
        self._watches.pop(watch.vmid, None)

    # --- asking

    def _ask(self, watch: _Watch, now: float) -> None:
        # Packets that are here before the question reached a running guest, if the answer is "running"
        watch.marks = {key: capture.mark() for key, capture in watch.captures.items()}
        watch.next_at = now + SLOW_S
        path = f"{self._agent.config.qmp}/{watch.vmid}.qmp"
        watch.query = Query(self._selector, path, lambda answer: self._answered(watch, now, answer))
        watch.query.begin()

    def _answered(self, watch: _Watch, asked_at: float, answer: Answer | None) -> None:
        watch.query = None
        if watch.vmid in self._agent.inventory.backing_up and watch.vmid not in self._agent.inventory.migrating:
            self._backup(watch, asked_at, answer)
            return
        if answer is None:
            return
        if answer.status == "running":
            for key, count in watch.marks.items():
                if key in watch.captures:
                    watch.captures[key].forget(count)
        if answer.rest_s is not None and answer.rest_s < QUICK_BELOW_S:
            watch.next_at = asked_at + QUICK_S
        if answer.rest_s is None or answer.rest_s < CAPTURE_BELOW_S:
            self._capture(watch)
        else:
            watch.release()

    def _capture(self, watch: _Watch) -> None:
        agent = self._agent
        for key in agent.keys_of.get(watch.vmid, ()):
            guest = agent.guests.get(key)
            port = agent.port(guest) if guest else None
            if port is None or key in watch.captures or agent.states.get(key, QUIET).name not in machine.ANNOUNCED:
                continue
            try:
                watch.captures[key] = Capture(port.device)
            except OSError as exc:
                agent.journal.warning(f"{port.device}: its last packets cannot be kept: {exc}")

    def _backup(self, watch: _Watch, asked_at: float, answer: Answer | None) -> None:
        agent = self._agent
        watch.next_at = asked_at + BACKUP_S
        if answer is None:
            watch.silent_since = watch.silent_since or asked_at
            if asked_at - watch.silent_since < HELD_AT_MOST_S:
                return
        else:
            watch.silent_since = None
        agent.held[watch.vmid] = answer is not None and answer.status == "prelaunch"
        agent.evaluate(agent.keys_of.get(watch.vmid, ()))

    # --- following

    def _follow(self) -> None:
        """Guests that have just left: their last packets after them."""
        agent = self._agent
        departed, agent.departed = agent.departed, []
        for key, target in departed:
            watch = self._watches.get(key[0])
            capture = watch.captures.pop(key, None) if watch else None
            if capture is None:
                continue
            packets = capture.take()
            capture.close()
            forward, guest = agent.config.forward, agent.guests.get(key)
            if forward is None or guest is None or target not in forward.peers:
                continue
            try:
                networks = (*guest.addresses, *guest.prefixes)
                sent = send_again(forward.interface, forward.mac, forward.peers[target].mac, packets, networks)
            except OSError as exc:
                agent.journal.warning(f"{guest.who}: its last packets could not be sent after it: {exc}")
                continue
            agent.counters["replayed"] += sent
            agent.journal.info(f"{guest.who}: {sent} of its last packets sent after it to {target}")
