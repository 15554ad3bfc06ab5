# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands for another node, over a unix socket in the shared directory.

Stands in for the SSH connections that Proxmox makes between its nodes; who can reach the socket is root there, and no
packet of it goes over the fabric. The migration's own stream does (see migrate.py).

One line of JSON to ask: {"command": ["qm", "start", ...]}, or {"tunnel": "resume", "vmid": 100} for what has
to be quick (Proxmox keeps `qm mtunnel` running for that). Lines of JSON to answer: {"out": "..."}, at last {"code": 0}.
"""

from __future__ import annotations

import json
import socket
import socketserver
import subprocess
import threading
from pathlib import Path
from typing import Any

from .places import SHARED, PvesimError, node_name

PROGRAMS = ("qm", "pct", "pvesim", "systemctl")


def socket_path(node: str) -> Path:
    return SHARED / "nodes" / f"{node}.sock"


class Handler(socketserver.StreamRequestHandler):
    def say(self, **answer: Any) -> None:
        self.wfile.write(json.dumps(answer).encode() + b"\n")
        self.wfile.flush()

    def handle(self) -> None:
        for line in self.rfile:
            request = json.loads(line)
            try:
                self.say(code=self.tunnel(request) if "tunnel" in request else self.run(request["command"]))
            except PvesimError as exc:
                self.say(out=str(exc))
                self.say(code=255)
            except (BrokenPipeError, ConnectionError):
                return

    def tunnel(self, request: dict[str, Any]) -> int:
        if request["tunnel"] != "resume":
            raise PvesimError(f"unknown request {request['tunnel']}")
        from .qemu import resume  # noqa: PLC0415  # qemu.py needs this module

        resume(int(request["vmid"]), migrated=True)
        return 0

    def run(self, command: list[str]) -> int:
        if command[0] not in PROGRAMS:
            raise PvesimError(f"{command[0]}: not for other nodes")
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            for line in process.stdout or ():
                self.say(out=line.rstrip("\n"))
        return process.returncode


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


def serve() -> Server:
    path = socket_path(node_name())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    server = Server(str(path), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Connection:
    """To another node's daemon, kept open."""

    def __init__(self, node: str, timeout_s: float = 300) -> None:
        self.node = node
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout_s)
        try:
            self.socket.connect(str(socket_path(node)))
        except OSError as exc:
            raise PvesimError(f"can't connect to node '{node}': {exc.strerror}") from exc
        self.file = self.socket.makefile("rwb")

    def ask(self, **request: Any) -> tuple[int, list[str]]:
        """The exit code and the lines printed; 255 when the connection breaks, as ssh's."""
        lines: list[str] = []
        try:
            self.file.write(json.dumps(request).encode() + b"\n")
            self.file.flush()
            for line in self.file:
                answer = json.loads(line)
                if "code" in answer:
                    return int(answer["code"]), lines
                lines.append(answer["out"])
        except OSError as exc:
            lines.append(str(exc))
        return 255, [*lines, f"connection to node '{self.node}' lost"]

    def run(self, *command: str) -> list[str]:
        code, lines = self.ask(command=list(command))
        if code != 0:
            raise PvesimError(
                f"command '{' '.join(command)}' on node '{self.node}' failed: exit code {code}: " + " / ".join(lines)
            )
        return lines

    def close(self) -> None:
        self.file.close()
        self.socket.close()


def alive(node: str) -> bool:
    try:
        Connection(node, 2).close()
    except PvesimError:
        return False
    return True
