# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""/run/routed-guests/status.json, for people, for `verify` and for tests."""

from __future__ import annotations

import contextlib
import json
import pathlib
import time
from collections.abc import Mapping
from typing import Any


def instant(wall_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(wall_s))


def write(directory: str, status: Mapping[str, Any]) -> None:
    """Atomic: a reader sees the old one or the new one. Not being able to write it stops nothing."""
    path = pathlib.Path(directory, "status.json")
    draft = path.with_suffix(".new")
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft.write_text(json.dumps(status, separators=(",", ":")) + "\n", encoding="utf-8")
        draft.replace(path)


def read(directory: str) -> dict[str, Any]:
    """OSError or ValueError where there is none."""
    data: dict[str, Any] = json.loads(pathlib.Path(directory, "status.json").read_text(encoding="utf-8"))
    return data


def text(status: Mapping[str, Any]) -> str:
    """For a person."""
    count = len(status["guests"])
    firewall = status["firewall"] or "nothing"
    lines = [f"{status['node']}: {status['mode']}, {count} interfaces, firewall by {firewall}"]
    for guest in status["guests"]:
        lines.append(
            f"  {guest['name'] or '-'}  VMID {guest['vmid']} {guest['nic']}  {guest['port'] or '-'}  {guest['state']}"
            f" since {guest['since']}  {' '.join(guest['addresses'])}"
        )
    for device in status.get("devices", []):
        lines.append(f"  {device['address']}  {device['port']}  {device['state']}  {device['mac']}")
    lines += [f"  refused: {refusal['why']}" for refusal in status["refused"]]
    return "\n".join(lines)
