# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes of /etc/pve in one order for all nodes: a file in the shared directory, one line a change.

Stands in for corosync's closed process groups: a change is delivered to all nodes in the same order. Its writer sees
it, and with it all changes before it, when the call returns; the others see it a little later. The file is also what
remains when a node is killed: a daemon that starts reads it from the beginning.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from .tree import Record


def encode(record: Record) -> bytes:
    """One line. Content is bytes: each becomes the character of its number, which JSON can carry."""
    data = record.get("data")
    plain = record if data is None else {**record, "data": bytes(data).decode("latin-1")}
    return (json.dumps(plain) + "\n").encode()


def decode(line: bytes) -> Record:
    record: Record = json.loads(line)
    if "data" in record:
        record["data"] = record["data"].encode("latin-1")
    return record


class Log:
    def __init__(self, path: Path, node: str) -> None:
        self.path = path
        self.node = node
        self.delay_ms = (20.0, 20.0)
        self.file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.offset = 0
        self.waiting: deque[tuple[float, Record]] = deque()
        """Changes that this node has not seen yet, with the time at which it sees them."""

    def fetch(self) -> None:
        """Take complete new lines. A line without an end is of a writer that was killed: the next one mends it."""
        size = os.fstat(self.file).st_size
        if size <= self.offset:
            return
        text = b""
        while len(text) < size - self.offset:
            piece = os.pread(self.file, size - self.offset - len(text), self.offset + len(text))
            if not piece:
                break
            text += piece
        complete = text[: text.rfind(b"\n") + 1]
        self.offset += len(complete)
        for line in complete.splitlines():
            record = decode(line)
            late = 0.0 if record["node"] == self.node else random.uniform(*self.delay_ms) / 1000  # noqa: S311
            due = record["time"] + late
            if self.waiting:  # never before a change that was made earlier
                due = max(due, self.waiting[-1][0])
            self.waiting.append((due, record))

    def due(self, everything: bool = False) -> Iterator[Record]:
        """The changes that this node sees now."""
        now = time.time()
        while self.waiting and (everything or self.waiting[0][0] <= now):
            yield self.waiting.popleft()[1]

    def next_due(self) -> float | None:
        """Seconds until the next change is seen here."""
        return max(0.0, self.waiting[0][0] - time.time()) if self.waiting else None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else adds a change meanwhile."""
        fcntl.flock(self.file, fcntl.LOCK_EX)
        try:
            self._mend()
            yield
        finally:
            fcntl.flock(self.file, fcntl.LOCK_UN)

    def append(self, record: Record) -> None:
        """Add a change, within `locked` and after all others were fetched; it is not delivered to ourselves again."""
        line = encode(record)
        written = 0
        while written < len(line):
            written += os.write(self.file, line[written:])
        self.offset += len(line)

    def _mend(self) -> None:
        size = os.fstat(self.file).st_size
        if size == 0 or os.pread(self.file, 1, size - 1) == b"\n":
            return
        text = os.pread(self.file, min(size, 4 << 20), max(0, size - (4 << 20)))
        os.ftruncate(self.file, size - (len(text) - text.rfind(b"\n") - 1))
