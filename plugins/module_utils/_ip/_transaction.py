# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""Links, kernel parameters and files changed together: all of them, or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

from ansible_collections.routed.fabric.plugins.module_utils._ip import _links, _sysctl
from ansible_collections.routed.fabric.plugins.module_utils._ip._files import Files
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import BatchError, Ip, IpError, Sysctl


class Transaction:
    """What was done so far, and how to undo it."""

    def __init__(self, ip: Ip, sysctl: Sysctl, files: Files) -> None:
        self._ip = ip
        self._sysctl = sysctl
        self._files = files
        self._undo: list[tuple[str, Callable[[], None]]] = []

    def change_links(self, changes: Sequence[_links.Change]) -> None:
        done = len(changes)
        try:
            self._ip.batch([change.command for change in changes])
        except BatchError as exc:
            done = exc.done
            raise
        finally:
            for change in changes[:done]:
                inverse = change.inverse
                self._undo.append((f"ip {inverse}", lambda inverse=inverse: self._ip.batch([inverse])))  # type: ignore[misc]

    def change_sysctl(self, drift: _sysctl.Drift) -> None:
        self._sysctl.write(drift.path, drift.after)
        self._undo.append((f"sysctl {drift.path}={drift.before}", lambda: self._sysctl.write(drift.path, drift.before)))

    def change_file(self, path: str, before: str | None, after: str | None) -> None:
        self._files.write(path, after)
        self._undo.append((f"file {path}", lambda: self._files.write(path, before)))

    def undo(self) -> dict[str, str]:
        """
        Put everything back, last things first; returns what was refused, by name.

        A refusal alone says little: an interface that goes down loses its IPv6 addresses before they are removed. So
        the caller looks at what is there then.
        """
        refused = {}
        for name, action in reversed(self._undo):
            try:
                action()
            except IpError as exc:
                refused[name] = str(exc)
        self._undo.clear()
        return refused
