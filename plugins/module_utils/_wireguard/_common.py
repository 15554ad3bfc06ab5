# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""What was done so far, and how to undo it; and what both modules tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError, Run
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._config import Document, parse
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._model import WireguardError
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._store import Store, Stored


class FileChange:
    """`masked`: the same texts without keys, for the diff; without them nothing is shown but that they differ."""

    def __init__(self, path: str, before: Stored, after: Stored, masked: tuple[str, str]) -> None:
        self.path = path
        self.before = before
        self.after = after
        self.masked = masked

    def __bool__(self) -> bool:
        return self.before != self.after

    def command(self) -> str:
        if self.after.text is None:
            return f"remove {self.path}"
        if self.before.text == self.after.text:
            return f"chmod {self.after.mode:04o} {self.path}"
        return f"write {self.path}"


class Transaction:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._undo: list[Callable[[], None]] = []

    def do(self, action: Callable[[], None], inverse: Callable[[], None], half_way: bool = False) -> None:
        """half_way: the action can fail when part of it is done, so it is undone then, too."""
        if half_way:
            self._undo.append(inverse)
        action()
        if not half_way:
            self._undo.append(inverse)

    def change_file(self, change: FileChange) -> None:
        self.do(
            lambda: self._store.write(change.path, change.after), lambda: self._store.write(change.path, change.before)
        )

    def undo(self) -> list[str]:
        """Put everything back, last things first; returns what was refused."""
        refused = []
        for action in reversed(self._undo):
            try:
                action()
            except IpError as exc:
                refused.append(str(exc))
        self._undo.clear()
        return refused


def runner(module: AnsibleModule) -> Run:
    """`run_command` for the tools: in no language but C, and with a name that cannot be resolved never for ever."""

    def run(argv: Sequence[str], data: str | None) -> tuple[int, str, str]:
        rc, out, err = module.run_command(
            list(argv),
            data=data,
            environ_update={"LC_ALL": "C", "WG_ENDPOINT_RESOLUTION_RETRIES": "1", "WG_HIDE_KEYS": "always"},
        )
        return int(rc), str(out), str(err)

    return run


def document_of(path: str, text: str | None) -> Document | None:
    if text is None:
        return None
    try:
        return parse(text)
    except WireguardError as exc:
        raise WireguardError(f"{path}: {exc}") from exc


def diff_of(
    title: str, before: Sequence[str], after: Sequence[str], files: Sequence[FileChange]
) -> list[dict[str, Any]]:
    def text(lines: Sequence[str]) -> str:
        return "".join(f"{line}\n" for line in lines)

    return [
        {"before_header": title, "after_header": title, "before": text(before), "after": text(after)},
        *(
            {
                "before_header": _header(change.path, change.before),
                "after_header": _header(change.path, change.after),
                "before": change.masked[0],
                "after": change.masked[1],
            }
            for change in files
        ),
    ]


def _header(path: str, stored: Stored) -> str:
    return path if stored.text is None else f"{path} ({stored.mode:04o})"
