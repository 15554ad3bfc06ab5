# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real programs in the network namespaces of a twin's nodes, with a root file system of their own.

The twin's image has neither corosync nor keepalived; they need of their node nothing but the network.
"""

from __future__ import annotations

import base64
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from probe import argv
from standing import CHECKOUT, Fabric

WRITABLE = ("/etc/corosync", "/etc/keepalived", "/var/lib/corosync", "/var/log", "/run", "/dev/shm", "/tmp")
FLAVOUR = "proxmox"


def rootfs(program: str) -> Path:
    """FABRIC_ROOTFS_proxmox, or what the image script unpacks."""
    place = os.environ.get(f"FABRIC_ROOTFS_{FLAVOUR}")
    if not place:
        command = [str(CHECKOUT / "scripts" / "twin_image.sh"), "--flavour", FLAVOUR, "--rootfs", "trixie"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        place = done.stdout.strip().splitlines()[-1]
    assert Path(place, program.lstrip("/")).exists(), f"{place} has no {program}"
    return Path(place)


class Rooted:
    """A program that stays in the foreground. *files*: what it finds in its root, readable for root alone."""

    def __init__(self, fabric: Fabric, node: str, root: Path, files: Mapping[str, bytes], command: str) -> None:
        self.node = node
        mounts = [f"mount --bind {root} {root}", f"mount -o remount,bind,ro {root}"]
        mounts += [f"mount --bind /dev {root}/dev"]
        mounts += [f"mount -t tmpfs tmpfs {root}{place}" for place in WRITABLE]
        lines = ["set -e; umask 077", "mount --make-rprivate /", *mounts, f"mount -t proc proc {root}/proc"]
        for path, content in files.items():
            lines.append(f"echo {base64.b64encode(content).decode()} | base64 -d > {root}{path}")
        script = "\n".join([*lines, f"exec chroot {root} {command}"])
        pid = argv(fabric, node, "true")[2]
        self.process = subprocess.Popen(
            ["nsenter", "-t", pid, "-n", "unshare", "-m", "-p", "-f", "--kill-child=KILL", "sh", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _children(self) -> list[str]:
        # nsenter becomes unshare, whose child is the program itself
        place = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return place.read_text(encoding="ascii").split() if place.exists() else []

    def ask(self, *command: str) -> str:
        children = self._children()
        if not children:
            return ""
        inside = ["nsenter", "-t", children[0], "-m", "-n", "-p", "-r", *command]
        return subprocess.run(inside, capture_output=True, text=True, timeout=20, check=False).stdout

    def stop(self) -> None:
        for pid in self._children():
            os.kill(int(pid), signal.SIGKILL)
        self.process.kill()
        self.process.wait()
