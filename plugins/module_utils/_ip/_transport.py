# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""The only place that runs `ip` and touches `/proc/sys`: one dump to read, one batch to write."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable, Optional

# (argv, standard input) -> (exit code, standard output, standard error)
Run = Callable[[Sequence[str], Optional[str]], "tuple[int, str, str]"]

SYSCTL_ROOT = Path("/proc/sys")


class IpError(Exception):
    """A tool or the kernel refused; the message is one sentence for a person and carries the tool's own words."""


class BatchError(IpError):
    """`ip -batch` stopped: `done` commands before the refused one are in the kernel."""

    def __init__(self, message: str, done: int) -> None:
        super().__init__(message)
        self.done = done


class Ip:
    """iproute2 on one node."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def json(self, *arguments: str) -> list[dict[str, Any]]:
        """The dump of `ip -j ARGUMENTS`; iproute2 prints nothing at all for an empty list."""
        rc, out, err = self._run(["ip", "-j", *arguments], None)
        if rc != 0:
            raise IpError(f"`ip -j {' '.join(arguments)}` failed: {err.strip() or f'exit code {rc}'}")
        return [entry for entry in json.loads(out or "[]") if entry]

    def dump(self) -> list[dict[str, Any]]:
        """Every link with details and addresses."""
        return self.json("-d", "addr", "show")

    def batch(self, commands: Sequence[str], *options: str) -> None:
        """
        Run the commands in order; stops at the first that the kernel refuses and says which. `options` are ip's own:
        with `-force` it goes on and tells of the first in the end.
        """
        if not commands:
            return
        rc, out, err = self._run(["ip", *options, "-batch", "-"], "".join(f"{command}\n" for command in commands))
        if rc == 0:
            return
        words = (err or out).strip()
        match = re.search(r"Command failed -:(\d+)", words)
        done = int(match.group(1)) - 1 if match else 0
        cause = re.split(r"\s*Command failed -:\d+\s*", words, maxsplit=1)[0] or f"exit code {rc}"
        raise BatchError(f"`ip {commands[min(done, len(commands) - 1)]}` was refused: {cause}", done)


class Sysctl:
    """Live kernel parameters, by path below `/proc/sys`."""

    def __init__(self, root: Path = SYSCTL_ROOT) -> None:
        self._root = root

    def read(self, path: str) -> str | None:
        """The value with single spaces, None where the kernel has no such key."""
        try:
            return " ".join((self._root / path).read_text(encoding="ascii").split())
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise IpError(f"cannot read /proc/sys/{path}: {exc.strerror}") from exc

    def write(self, path: str, value: str) -> None:
        try:
            (self._root / path).write_text(f"{value}\n", encoding="ascii")
        except OSError as exc:
            raise IpError(f"the kernel refused {value!r} for /proc/sys/{path}: {exc.strerror}") from exc
