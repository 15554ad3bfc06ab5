# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens when: one loop over sockets and due times. Nothing in it waits for anybody."""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable

from . import service, status
from .agent import Agent
from .handover import Handover
from .machine import Name
from .onward import Onward
from .report import report
from .taken import Taken

_STATUS_S, _STATUS_LARGE_S, _LARGE = 0.1, 1.0, 100
_SCRUB_S = 1.0


class Loop:
    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.timing = agent.config.timing
        self.selector = selectors.DefaultSelector()
        self.handover = Handover(agent, self.selector)
        self.onward = Onward(agent, self.selector)
        self.taken = Taken(agent, self.selector)
        self.ending = False
        self._poll_at = self._scrub_at = self._status_at = 0.0
        self._seen: tuple[object, ...] = ()
        self._watchdog_s = service.watchdog_interval_s()
        self._watchdog_at = 0.0
        self._wake, self._signalled = socket.socketpair()

    def run(self) -> None:
        self._catch_signals()
        agent = self.agent
        agent.start()
        self.selector.register(agent.kernel.events, selectors.EVENT_READ, agent.on_links)
        agent.ready_s = round(service.age_s(), 3)
        self._write_status()
        service.notify("READY=1", f"STATUS={self._one_line()}")
        agent.journal.info(f"ready after {agent.ready_s} s: {self._one_line()}")
        gc.collect()
        gc.freeze()
        while not self.ending:
            self._turn()
        service.notify("STOPPING=1")
        agent.journal.info("ending; routes, neighbours and the firewall stay")

    def _catch_signals(self) -> None:
        self._wake.setblocking(False)
        self._signalled.setblocking(False)
        signal.set_wakeup_fd(self._signalled.fileno())

        def end(_number: int, _frame: object) -> None:
            self.ending = True

        def look(_number: int, _frame: object) -> None:
            self.agent.resync_at = 0.0

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        signal.signal(signal.SIGHUP, look)
        self.selector.register(self._wake, selectors.EVENT_READ, self._drain)

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wake.fileno(), 64):
                pass

    def _turn(self) -> None:
        now = time.monotonic()
        for key, dummy in self.selector.select(max(0.0, self._next(now) - now)):
            callback: Callable[[], None] = key.data
            callback()
        now = time.monotonic()
        agent = self.agent
        if now >= self._poll_at:
            agent.on_poll()
            self._poll_at = now + self.timing.poll_s
        self.handover.tick(now)
        if self._hurried():  # perhaps only since a moment ago
            self._poll_at = min(self._poll_at, now + self.timing.fast_poll_s)
        agent.on_deadlines(now)
        self.onward.tick(now)
        self.taken.tick(now)
        if now >= self._scrub_at:
            self._scrub_at = now + _SCRUB_S
            agent.on_guests_file()
            agent.on_scrub(min(1.0, _SCRUB_S / max(self.timing.resync_s, _SCRUB_S)))
        if now >= agent.resync_at:
            agent.on_resync()
        if self._outdated() and now >= self._status_at:
            self._status_at = now + (_STATUS_S if len(agent.guests) < _LARGE else _STATUS_LARGE_S)
            self._write_status()
        if self._watchdog_s and now >= self._watchdog_at:
            self._watchdog_at = now + self._watchdog_s
            service.notify("WATCHDOG=1", f"STATUS={self._one_line()}")

    def _hurried(self) -> bool:
        """A guest is about to come or to go: its flip must be seen at once."""
        return self.handover.watching or bool(self.agent.incoming)

    def _next(self, now: float) -> float:
        due = [self._poll_at, self._scrub_at, self.agent.resync_at, self.taken.due(), now + self.timing.resync_s]
        if self._outdated():
            due.append(self._status_at)
        if self.agent.deadlines:
            due.append(self.agent.deadlines[0][0])
        if self._watchdog_s:
            due.append(self._watchdog_at)
        due += [when for when in (self.handover.due(), self.onward.due()) if when is not None]
        return min(due)

    def _outdated(self) -> bool:
        return self.agent.seen != self._seen

    def _write_status(self) -> None:
        self._seen = self.agent.seen
        status.write(self.agent.config.run, report(self.agent))

    def _one_line(self) -> str:
        count: dict[str, int] = {}
        for state in self.agent.states.values():
            if state.name is not Name.ABSENT:
                count[state.name.value] = count.get(state.name.value, 0) + 1
        what = ", ".join(f"{number} {name}" for name, number in sorted(count.items())) or "no guests"
        return what if self.agent.proxmox.readable else f"static (.vmlist unreadable): {what}"
