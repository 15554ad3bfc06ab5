# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what a standing twin is remembered by, under /run/fabric-twin.

    twins/NAME.json     what was asked for last: nodes, links; and the faults that are in force
    twins/NAME.lock     one call at a time for a twin
    nodes/CONTAINER.pid the PID of the node's init and when it began, for the connection plugin
    shared/NAME/        what nodes of the twin have in common, where they ask for it
    limits.json         raised limits with their former values
    mounts/             podman's mount namespace, where one is needed

/run is empty after the machine's own reboot, as are namespaces and limits: the next call makes all of it again.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import _limits
from ._names import RUN, pid_file
from ._podman import start_time


def twin_file(fabric: str) -> Path:
    return RUN / "twins" / f"{fabric}.json"


def load(fabric: str) -> dict[str, Any] | None:
    """What was asked for last, or None when no such twin stands."""
    try:
        text = twin_file(fabric).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return dict(json.loads(text))


def save(fabric: str, state: dict[str, Any]) -> None:
    _write(twin_file(fabric), json.dumps(state, indent=2, sort_keys=True) + "\n")


def forget(fabric: str) -> None:
    twin_file(fabric).unlink(missing_ok=True)


def standing() -> list[str]:
    """The names of all twins that stand on this machine."""
    return sorted(path.stem for path in (RUN / "twins").glob("*.json"))


@contextlib.contextmanager
def locked(fabric: str) -> Iterator[None]:
    """Wait until no other call works on this twin. The lock file goes with the twin."""
    path = RUN / "twins" / f"{fabric}.lock"
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # The holder before us may have removed the file that we waited for.
        try:
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                break
        except FileNotFoundError:
            pass
        os.close(descriptor)
    try:
        yield
    finally:
        if not twin_file(fabric).exists():
            path.unlink(missing_ok=True)
        os.close(descriptor)
        for directory in (RUN / "twins", RUN / "nodes", RUN / "shared", RUN):
            with contextlib.suppress(OSError):
                directory.rmdir()


def write_pid(container: str, pid: int) -> None:
    _write(pid_file(container), f"{pid} {start_time(pid) or '-'}\n")


def read_pid(container: str) -> int | None:
    """The PID of the node's init, if the file speaks of a process that still lives."""
    try:
        pid, began = pid_file(container).read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return None
    return int(pid) if start_time(int(pid)) == began else None


def forget_pid(container: str) -> None:
    pid_file(container).unlink(missing_ok=True)


def raise_limits() -> list[str]:
    """Raise what is too low; every raised limit as a line, also those that an earlier twin raised."""
    path = RUN / "limits.json"
    with _limits_lock():
        record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        current = _limits.read()
        raised = _limits.to_raise(current, _limits.AT_LEAST)
        if raised:
            record = _limits.merged(record, current, raised)
            _write(path, json.dumps(record))
            _limits.write(raised)
        return _limits.as_text(record)


def restore_limits() -> tuple[list[str], list[str]]:
    """When no twin stands any more: put limits back; what was put back as lines, and what was left as sentences."""
    path = RUN / "limits.json"
    with _limits_lock():
        if standing() or not path.exists():
            return [], []
        record = json.loads(path.read_text(encoding="utf-8"))
        back, left = _limits.to_restore(record, _limits.read())
        _limits.write(back)
        path.unlink()
        return [f"{name}: {record[name]['raised']} -> {value}" for name, value in back.items()], left


@contextlib.contextmanager
def _limits_lock() -> Iterator[None]:
    RUN.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(RUN, os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
