# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""The only place that reads and writes the files of the underlay."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Callable

from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError


class Files:
    """Whole text files. `move` puts a finished file into its place in one step and keeps the old one's rights."""

    def __init__(self, move: Callable[[str, str], None], temporary: str | None = None) -> None:
        self._move = move
        self._temporary = temporary

    def read(self, path: str) -> str | None:
        """The text, or None where there is no such file."""
        try:
            return Path(path).read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as exc:
            raise IpError(f"cannot read {path}: {exc.strerror}") from exc

    def exists(self, path: str) -> bool:
        return Path(path).exists()

    def list(self, directory: str, pattern: str) -> list[str]:
        """Names, not paths."""
        return sorted(path.name for path in Path(directory).glob(pattern))

    def write(self, path: str, text: str | None, mode: int = 0o644) -> None:
        """Write the file whole, or remove it (text None). `mode` is for a file that was not there."""
        target = Path(path)
        try:
            if text is None:
                target.unlink(missing_ok=True)
                return
            fresh = not target.exists()
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=self._temporary, delete=False) as handle:
                handle.write(text)
            self._move(handle.name, path)
            if fresh:
                target.chmod(mode)
        except OSError as exc:
            raise IpError(f"cannot write {path}: {exc.strerror}") from exc
