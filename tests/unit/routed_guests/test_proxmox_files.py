# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of /etc/pve while it goes away and comes back."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from routed_guests import proxmox
from routed_guests.config import Config


def test_the_list_of_guests_is_read_again_when_it_is_back_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody writes it meanwhile, so that its time and size say nothing new."""
    file = tmp_path / "guests.json"
    file.write_text(json.dumps({"guests": []}))
    files = proxmox.Proxmox(Config("pve1", "vmbr1", 100, 101, 212, (), str(file), ("fabric",), None, str(tmp_path)))
    assert files.poll_guests()
    assert not files.poll_guests()
    at = file.stat()

    def disconnected(_path: str) -> bytes:
        raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))

    with monkeypatch.context() as away:
        away.setattr(proxmox, "read", disconnected)
        away.setattr(proxmox, "stamp", lambda _path: None)
        assert not files.poll_guests()
        assert files.why_guests_unknown == f"{file}: Transport endpoint is not connected"
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == (at.st_mtime_ns, at.st_ino)
    assert not files.poll_guests()
    assert files.why_guests_unknown == ""
