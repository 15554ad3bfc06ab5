# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Short questions to QEMU. Its monitor serves one client at a time and Proxmox needs it too: connect, ask, close.

The answer comes to a callback; a QEMU that is busy switching over holds nobody up.
"""

from __future__ import annotations

import json
import selectors
import socket
import time
from collections.abc import Callable
from typing import Any, NamedTuple

TIMEOUT_S = 0.25
_ASK = b"".join(
    json.dumps({"execute": command, "id": command}).encode() + b"\n"
    for command in ("qmp_capabilities", "query-status", "query-migrate")
)


class Answer(NamedTuple):
    status: str  # running, paused, prelaunch, inmigrate, postmigrate, ...
    migration: str  # "", setup, active, device, completed, ...
    rest_s: float | None  # what QEMU still has to send, at its present speed; None: not known


def read_answer(status: Any, migration: Any) -> Answer:
    phase = str(migration.get("status", ""))
    ram = migration.get("ram") or {}
    speed, remaining = ram.get("mbps") or 0, ram.get("remaining")
    rest_s = None
    if phase in ("device", "pre-switchover", "postcopy-active", "completed"):
        rest_s = 0.0
    elif phase == "active" and remaining is not None and speed > 0:
        rest_s = remaining * 8 / (speed * 1e6)
    return Answer(str(status.get("status", "")), phase, rest_s)


class Query:
    """One question. `done` is called once, with None where QEMU does not answer in time or is not there."""

    def __init__(self, selector: selectors.BaseSelector, path: str, done: Callable[[Answer | None], None]) -> None:
        self._selector = selector
        self._done = done
        self._buffer = b""
        self._returns: dict[str, Any] = {}
        self.asked_at = time.monotonic()
        self.expires = self.asked_at + TIMEOUT_S
        self._socket: socket.socket | None = socket.socket(
            socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        )
        try:
            self._socket.connect(path)
        except OSError:  # not there, or its queue is full
            self._socket.close()
            self._socket = None

    def begin(self) -> None:
        if self._socket is None:
            self._done(None)
        else:
            self._selector.register(self._socket, selectors.EVENT_READ, self._read)

    def expire(self) -> None:
        self._finish(None)

    def _finish(self, answer: Answer | None) -> None:
        if self._socket is not None:
            self._selector.unregister(self._socket)
            self._socket.close()
            self._socket = None
            self._done(answer)

    def _read(self) -> None:
        if self._socket is None:
            return
        try:
            data = self._socket.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._finish(None)
            return
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            if not self._line(line):
                return

    def _line(self, line: bytes) -> bool:
        """False when the question is over."""
        try:
            message = json.loads(line)
            if "QMP" in message and self._socket is not None:
                self._socket.send(_ASK)
            elif "id" in message:
                self._returns[message["id"]] = message.get("return", {})
        except (ValueError, TypeError, OSError):
            self._finish(None)
            return False
        if "query-migrate" in self._returns:
            self._finish(read_answer(self._returns.get("query-status", {}), self._returns["query-migrate"]))
            return False
        return True
