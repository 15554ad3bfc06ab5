# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""The only place that reads and writes files with keys in them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from ansible_collections.routed.fabric.plugins.module_utils._wireguard._model import WireguardError


class Stored(NamedTuple):
    text: str | None  # None: no such file
    mode: int = 0o600


class Store:
    """
    Whole text files. A new one is private from its first byte: a file that is moved into place by way of a wider mode
    (as Ansible's atomic_move does) can be read for a moment.
    """

    def read(self, path: str) -> Stored:
        try:
            with Path(path).open(encoding="utf-8") as stream:
                return Stored(stream.read(), os.fstat(stream.fileno()).st_mode & 0o7777)
        except (FileNotFoundError, NotADirectoryError):
            return Stored(None)
        except (OSError, UnicodeError) as exc:
            raise WireguardError(f"cannot read {path}: {getattr(exc, 'strerror', None) or 'it is no text'}") from exc

    def exists(self, path: str) -> bool:
        return Path(path).exists()

    def write(self, path: str, stored: Stored) -> None:
        """Write the file whole and in one step, or remove it."""
        target = Path(path)
        try:
            if stored.text is None:
                target.unlink(missing_ok=True)
                return
            if not target.parent.is_dir():
                target.parent.mkdir(parents=True, mode=0o700 if stored.mode == 0o600 else 0o755)
            # Hidden, and with no suffix that anybody reads; mkstemp's mode is 0600.
            handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=str(target.parent))
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as stream:
                    stream.write(stored.text)
                    stream.flush()
                    os.fchmod(stream.fileno(), stored.mode)
                    os.fsync(stream.fileno())
                Path(temporary).replace(target)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as exc:
            raise WireguardError(f"cannot write {path}: {exc.strerror}") from exc
