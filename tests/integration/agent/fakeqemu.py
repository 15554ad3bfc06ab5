# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A monitor socket that answers as QEMU's does: one client at a time, nothing before qmp_capabilities."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from pathlib import Path
from typing import Any


class FakeQemu:
    def __init__(self, path: Path) -> None:
        self.status = "running"
        self.migration: dict[str, Any] = {}
        self.asked = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        self._socket.listen(1)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def migrating(self, rest_s: float) -> None:
        """So many seconds are left at 1 Gbit/s."""
        self.migration = {"status": "active", "ram": {"remaining": int(rest_s * 125e6), "mbps": 1000.0}}

    def _serve(self) -> None:
        while True:
            try:
                client, dummy = self._socket.accept()
            except OSError:
                return
            # Who asked may have gone: closing the stream sends what is left in it once more.
            with contextlib.suppress(OSError), client, client.makefile("rwb") as stream:
                self._talk(stream)

    def _talk(self, stream: Any) -> None:
        negotiated = False

        def say(message: dict[str, Any]) -> None:
            stream.write(json.dumps(message).encode() + b"\r\n")
            stream.flush()

        try:
            say({"QMP": {"version": {"qemu": {"major": 9}}, "capabilities": ["oob"]}})
            for line in stream:
                request = json.loads(line)
                command, tag = request["execute"], request.get("id")
                if command == "qmp_capabilities":
                    negotiated = True
                    say({"return": {}, "id": tag})
                elif not negotiated:
                    say(
                        {"error": {"class": "CommandNotFound", "desc": "Expecting capabilities negotiation"}, "id": tag}
                    )
                elif command == "query-status":
                    self.asked += 1
                    say({"return": {"status": self.status, "running": self.status == "running"}, "id": tag})
                elif command == "query-migrate":
                    say({"timestamp": {"seconds": 0}, "event": "NIC_RX_FILTER_CHANGED"})
                    say({"return": self.migration, "id": tag})
        except (OSError, ValueError):
            return

    def close(self) -> None:
        self._socket.close()
