# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The only way to FRR: vtysh, and the integrated configuration file. Private to the collection."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from ansible_collections.routed.fabric.plugins.module_utils._frr._errors import FrrError

RunCommand = Callable[[Sequence[str]], tuple[int, str, str]]

CONFIG = Path("/etc/frr/frr.conf")
_PROGRESS = re.compile(r"\[\d+\|\w+\] (sending configuration|done)$|Waiting for children to finish applying config")
_FAILURE = re.compile(r"(\[\d+\|\w+\] )?Configuration file\[.*\] processing failure: \d+")
_NUMBERED = re.compile(r"line (\d+): ")


class FrrMissingError(FrrError):
    """FRR is not here, or not running."""


class Outcome(NamedTuple):
    """What FRR said to a batch."""

    accepted: bool
    refused: list[str]  # lines of ours that it refused, as given
    words: list[str]  # its own words, once each


class Vtysh:
    """Reads and writes one node's FRR. `run_command` takes an argument list and gives (rc, stdout, stderr)."""

    def __init__(self, run_command: RunCommand, config_file: Path = CONFIG, tmpdir: str | None = None) -> None:
        self._run = run_command
        self._tmpdir = tmpdir
        self.config_file = config_file

    def read(self) -> str:
        """The running configuration of all daemons. Raises FrrMissingError in one clear sentence."""
        if not shutil.which("vtysh"):
            raise FrrMissingError("vtysh was not found: FRR is not installed on this node (package frr)")
        rc, out, err = self._run(["vtysh", "-c", "show daemons", "-c", "show running-config"])
        daemons, begin, text = out.partition("Building configuration...")
        if rc != 0 or not begin:
            words = (err + out).strip().splitlines()
            raise FrrMissingError(
                "vtysh gave no running configuration: FRR does not run (systemctl start frr)"
                + (f"; it says: {words[0]}" if words else "")
            )
        if "bgpd" not in daemons.split():
            raise FrrMissingError(
                "bgpd does not run: set bgpd=yes in /etc/frr/daemons and start it before configuring BGP"
            )
        return text

    def dry_run(self, text: str) -> Outcome:
        """Syntax only: FRR does not look at what the lines mean."""
        return self._feed(text, ["vtysh", "-C", "-f"])

    def apply(self, text: str) -> Outcome:
        """Feed a batch. FRR goes on after a refused line, so read back afterwards."""
        return self._feed(text, ["vtysh", "-f"])

    def _feed(self, text: str, command: list[str]) -> Outcome:
        handle, name = tempfile.mkstemp(
            prefix="frr-", suffix=".conf", dir=self._tmpdir
        )  # mode 0600: it may hold passwords
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            rc, out, err = self._run([*command, name])
        finally:
            Path(name).unlink()
        return scan(rc, out, err, text)

    def saved(self) -> str | None:
        """The integrated configuration file; None when there is none."""
        try:
            return self.config_file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def save(self, text: str) -> None:
        """Replace the file in one step; owner and mode stay. Raises FrrError; the old file is then untouched."""
        temporary = None
        try:
            handle, temporary = tempfile.mkstemp(prefix=".frr.conf-", dir=str(self.config_file.parent))
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            mode, owner, group = self._identity()
            os.chown(temporary, owner, group)
            os.chmod(temporary, mode)  # noqa: PTH101 (mirrors chown)
            os.replace(temporary, self.config_file)  # noqa: PTH105
        except OSError as exc:
            if temporary is not None and os.path.exists(temporary):  # noqa: PTH110
                os.unlink(temporary)  # noqa: PTH108
            raise FrrError(f"cannot write {self.config_file}: {exc.strerror or exc}") from exc

    def _identity(self) -> tuple[int, int, int]:
        try:
            stat = self.config_file.stat()
            return stat.st_mode & 0o7777, stat.st_uid, stat.st_gid
        except FileNotFoundError:
            stat = self.config_file.parent.stat()
            return 0o640, stat.st_uid, stat.st_gid


def scan(rc: int, out: str, err: str, text: str) -> Outcome:
    """What a run of `vtysh -f` says: rc alone is not enough, a rejected transaction gives 0."""
    fed = text.splitlines()
    words: list[str] = []
    refused: list[str] = []
    in_group = False
    for line in (err + "\n" + out).splitlines():
        stripped = line.strip()
        if not stripped or _PROGRESS.match(stripped) or _FAILURE.match(stripped):
            in_group = in_group and bool(stripped)
            continue
        numbered = _NUMBERED.match(stripped)
        if numbered:
            number = int(numbered.group(1))
            given = fed[number - 1].strip() if number <= len(fed) else ""
            if given and given not in refused:
                refused.append(given)
            if "Failure to communicate" in stripped:
                continue
        if in_group and stripped.startswith("- "):
            if stripped[2:] not in refused:
                refused.append(stripped[2:])
            continue
        in_group = "dynamically grouped" in stripped
        if not in_group and stripped not in words:
            words.append(stripped)
    accepted = rc == 0 and not refused and not any("Configuration failed" in word for word in words)
    return Outcome(accepted, refused, words)
