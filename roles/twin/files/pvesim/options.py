# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments as Proxmox's commands take them: positions first, then `--key value`, `-key value`, `--key=value`. Pure."""

from __future__ import annotations

from .places import PvesimError


def split(arguments: list[str], flags: tuple[str, ...] = ()) -> tuple[list[str], dict[str, str]]:
    """(positions, options). An option in `flags` may stand alone and is `1` then."""
    positions: list[str] = []
    options: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            positions.append(word)
            continue
        key, equals, value = word.lstrip("-").partition("=")
        if not equals:
            if key in flags and (not rest or rest[0] not in ("0", "1")):
                value = "1"
            elif not rest:
                raise PvesimError(f"400 Parameter verification failed.\n{key}: option needs a value")
            else:
                value = rest.pop(0)
        options[key] = value
    return positions, options


def vmid(positions: list[str], index: int = 0) -> int:
    try:
        number = int(positions[index])
    except (IndexError, ValueError):
        number = 0
    if not 100 <= number <= 999999999:
        given = positions[index] if index < len(positions) else ""
        raise PvesimError(f"400 Parameter verification failed.\nvmid: '{given}' is not a VMID")
    return number
