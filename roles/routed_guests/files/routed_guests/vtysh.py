# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions to FRR by `vtysh`, without waiting for the answer."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
from collections.abc import Callable, Iterator, Sequence
from typing import Any

TIMEOUT_S = 5.0


def answers(text: str) -> Iterator[Any]:
    """The JSON objects of several answers, one after the other."""
    decoder = json.JSONDecoder()
    offset = text.find("{")
    while offset >= 0:
        try:
            value, end = decoder.raw_decode(text, offset)
        except ValueError:
            return
        yield value
        offset = text.find("{", end)


class Vtysh:
    """One question at a time. One that fails or takes longer than `TIMEOUT_S` has no answer."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._process: subprocess.Popen[bytes] | None = None
        self._output: list[bytes] = []
        self._begun = 0.0
        self._then: Callable[[list[Any]], None] | None = None

    @property
    def busy(self) -> bool:
        return self._process is not None

    @property
    def overdue_at(self) -> float:
        """When the question that is open has to be given up."""
        return self._begun + TIMEOUT_S

    def ask(self, commands: Sequence[str], now: float, then: Callable[[list[Any]], None]) -> None:
        """`then` gets the JSON objects of the answer, in the order of the commands."""
        try:
            process = subprocess.Popen(
                ["vtysh", *(word for command in commands for word in ("-c", command))],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError:
            return  # no FRR here
        self._process, self._begun, self._then, self._output = process, now, then, []
        if process.stdout is not None:
            os.set_blocking(process.stdout.fileno(), False)
            self._selector.register(process.stdout, selectors.EVENT_READ, self._read)

    def give_up(self, now: float) -> None:
        """End a question that is overdue."""
        if self._process and now >= self.overdue_at:
            self._process.kill()
            self._end()

    def _read(self) -> None:
        if self._process is None or self._process.stdout is None:
            return
        data = self._process.stdout.read(1 << 20)
        if data is None:
            return
        self._output.append(data)
        if not data:
            text, then = b"".join(self._output).decode("utf-8", "replace"), self._then
            if self._end() == 0 and then:
                then(list(answers(text)))

    def _end(self) -> int:
        if self._process is None:
            return 1
        if self._process.stdout is not None:
            self._selector.unregister(self._process.stdout)
            self._process.stdout.close()
        status = self._process.wait()
        self._process = None
        self._output = []
        return status
