# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon of the unit pve-cluster: serves /etc/pve and listens to what the other nodes change."""

from __future__ import annotations

import ctypes
import errno
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from . import fuse, places
from .cluster_fs import ClusterFs

IN_MODIFY = 2
PATIENCE_S = 5.0
COROSYNC = Path("/etc/corosync/corosync.conf")


def notify(text: str) -> None:
    """Tell systemd, if it asked."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        if address.startswith("@"):
            address = "\0" + address[1:]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
            one.sendto(text.encode(), address)


def watch(path: Path) -> int:
    """A descriptor that becomes readable when the file changes."""
    descriptor = fuse.libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0 or fuse.libc.inotify_add_watch(descriptor, str(path).encode(), IN_MODIFY) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))
    return int(descriptor)


class Daemon:
    def __init__(self, point: str, shared: Path, node: str) -> None:
        self.point = point
        self.node = node
        self.settings_file = shared / "settings.json"
        self.settings_time: float | None = -1.0
        self.files = ClusterFs(shared / "log", node)
        self.load_settings()
        self.files.prepare()
        while fuse.unmount(point):  # what a killed daemon left
            pass
        self.device = fuse.mount(point)
        self.session = fuse.Session(self.files, self.device, places.settings(node)["cache_s"])
        self.changes = watch(shared / "log")
        self.corosync_seen = self.files.tree.changes["corosync.conf"]

    def follow_corosync(self) -> None:
        """A new corosync.conf goes to the local copy of a node that has one, and corosync is told, as by pmxcfs."""
        if self.corosync_seen == self.files.tree.changes["corosync.conf"]:
            return
        self.corosync_seen = self.files.tree.changes["corosync.conf"]
        found = self.files.read("corosync.conf")
        if isinstance(found, int) or not COROSYNC.exists() or not found:
            return
        if COROSYNC.read_bytes() != found:
            COROSYNC.write_bytes(found)
            subprocess.Popen(["sh", "-c", "sleep 1; corosync-cfgtool -R"], stdout=subprocess.DEVNULL)

    def load_settings(self) -> None:
        try:
            changed = self.settings_file.stat().st_mtime
        except OSError:
            changed = None
        if changed == self.settings_time:
            return
        self.settings_time = changed
        values = places.settings(self.node)
        least, most = values["delay_ms"]
        self.files.log.delay_ms = (float(least), float(most))
        self.files.hole_s = values["rename_hole_ms"] / 1000

    def run(self) -> None:
        poll = select.poll()
        poll.register(self.device, select.POLLIN)
        poll.register(self.changes, select.POLLIN)
        wait = PATIENCE_S
        while True:
            events = poll.poll(wait * 1000)
            for descriptor, dummy in events:
                if descriptor == self.changes:
                    self.load_settings()
                    try:
                        os.read(self.changes, 65536)
                    except BlockingIOError:
                        continue
                    self.files.log.fetch()
                else:
                    served = 0
                    # Others' changes become visible between requests, not only when nobody asks for anything.
                    while served < 64 and self.session.serve():
                        served += 1
                        if self.files.log.waiting and self.files.log.waiting[0][0] <= time.time():
                            break
            self.files.tick()
            self.follow_corosync()
            due = self.files.log.next_due()
            wait = PATIENCE_S if due is None else min(due, PATIENCE_S)


def main() -> None:
    point = str(places.PVE)
    places.SHARED.joinpath("nodes").mkdir(parents=True, exist_ok=True)
    daemon = Daemon(point, places.SHARED, places.node_name())

    def end(_number: int, _frame: FrameType | None) -> None:
        fuse.unmount(point)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    notify("READY=1")
    try:
        daemon.run()
    except OSError as exc:
        if exc.errno != errno.ENODEV:  # unmounted by somebody else
            raise
