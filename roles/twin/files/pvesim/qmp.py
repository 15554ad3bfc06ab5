# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""QEMU's monitor, over a socket that serves one client at a time: connect, ask, close."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from .places import RUN, PvesimError


class QmpError(PvesimError):
    """QEMU refused a command, or is gone."""


class Qmp:
    def __init__(self, vmid: int, timeout_s: float = 10.0, path: Path | None = None) -> None:
        self.vmid = vmid
        self.events: list[dict[str, Any]] = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout_s)
        self.buffer = b""
        try:
            self.socket.connect(str(path or RUN / f"{vmid}.qmp"))
            # The greeting waits while the socket serves another client; an event meant for that one may be first.
            while "QMP" not in self._line():
                pass
            self.do("qmp_capabilities")
        except OSError as exc:
            self.socket.close()
            raise QmpError(f"VM {vmid} not running or its monitor does not answer: {exc}") from exc

    def __enter__(self) -> Qmp:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def _line(self) -> dict[str, Any]:
        while b"\n" not in self.buffer:
            piece = self.socket.recv(65536)
            if not piece:
                raise QmpError(f"VM {self.vmid} qmp: connection closed")
            self.buffer += piece
        line, dummy, self.buffer = self.buffer.partition(b"\n")
        return dict(json.loads(line))

    def do(self, command: str, **arguments: Any) -> Any:
        """Run a command; what it returns."""
        request = {"execute": command, **({"arguments": arguments} if arguments else {})}
        try:
            self.socket.sendall(json.dumps(request).encode() + b"\n")
            while True:
                answer = self._line()
                if "event" in answer:
                    self.events.append(answer)
                elif "error" in answer:
                    raise QmpError(f"VM {self.vmid} qmp command '{command}' failed - {answer['error']['desc']}")
                else:
                    return answer["return"]
        except OSError as exc:
            raise QmpError(f"VM {self.vmid} qmp command '{command}' failed - {exc}") from exc


def ask(vmid: int, command: str, **arguments: Any) -> Any:
    """One command over a connection of its own."""
    with Qmp(vmid) as monitor:
        return monitor.do(command, **arguments)


def wait_for(condition: Any, timeout_s: float, interval_s: float = 0.05) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval_s)
    return True
