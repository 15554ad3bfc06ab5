# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""systemd's notification protocol, sd_notify(3)."""

from __future__ import annotations

import contextlib
import os
import pathlib
import socket
import time


def notify(*lines: str) -> None:
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.connect(f"\0{path[1:]}" if path.startswith("@") else path)
        out.send("\n".join(lines).encode())


def watchdog_interval_s() -> float | None:
    """Half of what systemd waits for; None without a watchdog."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 2e6 if microseconds.isdigit() and int(microseconds) > 0 else None


def age_s() -> float:
    """Seconds since this process was executed, with the kernel's resolution of 10 ms."""
    fields = pathlib.Path("/proc/self/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    start_ticks = int(fields[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - start_ticks / os.sysconf("SC_CLK_TCK")
