# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""Where ceph.conf really is, read and written whole."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._ceph._errors import CephError

_PVE = "/etc/pve/"


class File:
    """ceph.conf, where it really is: Proxmox' is a symbolic link into pmxcfs, which has its own idea of owners."""

    def __init__(self, module: Any, path: str) -> None:
        self._module = module
        self.path = os.path.realpath(path)

    def read(self) -> str | None:
        try:
            return Path(self.path).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as exc:
            raise CephError(f"cannot read {self.path}: {exc}") from exc

    def write(self, text: str | None) -> None:
        target = Path(self.path)
        in_pmxcfs = self.path.startswith(_PVE)
        fresh = not target.exists()
        temporary = target.with_name(f"{target.name}.tmp.{os.getpid()}")
        try:
            if text is None:
                target.unlink(missing_ok=True)
                return
            target.parent.mkdir(parents=True, exist_ok=True)
            if in_pmxcfs:
                temporary.write_text(text, encoding="utf-8")
                temporary.replace(target)
                return
            with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=self._module.tmpdir, delete=False) as handle:
                handle.write(text)
            self._module.atomic_move(handle.name, self.path)
            if fresh:
                target.chmod(0o644)
        except OSError as exc:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise CephError(f"cannot write {self.path}: {exc.strerror}") from exc
