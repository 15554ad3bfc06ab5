# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are, and what can be set. All nodes of a twin share one directory; the rest is a node's own."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

SHARED = Path(os.environ.get("PVESIM_SHARED", "/run/pvesim"))
"""The directory of the twin that all its Proxmox nodes see."""

PVE = Path(os.environ.get("PVESIM_PVE", "/etc/pve"))
RUN = Path("/run/qemu-server")
LOCKS = Path("/var/lock/qemu-server")
STATE = Path("/var/lib/pvesim")
"""A node's own disk: hibernated guests."""

SNIPPETS = Path("/var/lib/vz/snippets")
BOOT = Path("/usr/share/pvesim")
"""Kernel, initramfs and program of the guests."""

QMEVENTD_SOCKET = "/var/run/qmeventd.sock"

DEFAULTS: dict[str, Any] = {
    # How late a change made on another node is seen here: least and most.
    "delay_ms": [20, 20],
    # For how long names and attributes are answered from the kernel's cache; 1 is libfuse's default.
    "cache_s": 1.0,
    # How long .vmlist lacks a guest within a rename: pmxcfs deletes and registers it in two steps.
    "rename_hole_ms": 0,
    # Between the request to resume the guest on the target and `cont`.
    "cont_delay_ms": 0,
    # How often the source looks whether the memory's copy is complete.
    "migrate_poll_ms": 20,
    # A migration fails on purpose: "start" (the target does not start), "ram" (while memory is copied),
    # "completed" (the target is lost before the configuration moves). Empty: none.
    "migrate_fail": "",
    # MiB a guest, when its configuration names no memory.
    "memory": 128,
}


class PvesimError(Exception):
    """What went wrong, as one sentence for the user of the command."""


def node_name() -> str:
    return os.environ.get("PVESIM_NODE") or socket.gethostname().partition(".")[0]


def settings(node: str | None = None) -> dict[str, Any]:
    """What is set for this node: defaults, then the twin's, then the node's own."""
    try:
        stored = json.loads((SHARED / "settings.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        stored = {}
    own = stored.get("nodes", {}).get(node or node_name(), {})
    return {**DEFAULTS, **{key: value for key, value in stored.items() if key != "nodes"}, **own}


def change_settings(values: dict[str, Any], node: str | None = None) -> None:
    for key in values:
        if key not in DEFAULTS:
            raise PvesimError(f"no setting '{key}'; there are {', '.join(sorted(DEFAULTS))}")
    path = SHARED / "settings.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        stored = {}
    (stored.setdefault("nodes", {}).setdefault(node, {}) if node else stored).update(values)
    part = path.with_name(f".settings.{os.getpid()}")
    part.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    part.replace(path)


def event(what: str, vmid: int | None = None, **more: Any) -> None:
    """Write down that something happened, and when: tests and measurements read it (`pvesim events`)."""
    entry = {"time": time.time(), "node": node_name(), "vmid": vmid, "event": what, **more}
    line = json.dumps(entry) + "\n"
    try:
        descriptor = os.open(SHARED / "events.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError:
        return
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)
