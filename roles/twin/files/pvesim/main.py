# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands. One program under several names: qm, pct, vzdump, pvecm, pvesh, pvesim, pvesim-ha, pve-bridge."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from .places import PvesimError


def _qm(arguments: list[str]) -> None:
    from . import command_qm  # noqa: PLC0415

    command_qm.main(arguments)


def _pct(arguments: list[str]) -> None:
    from . import command_pct  # noqa: PLC0415

    command_pct.main(arguments)


def _vzdump(arguments: list[str]) -> None:
    from . import command_qm  # noqa: PLC0415

    command_qm.vzdump(arguments)


def _tap(arguments: list[str]) -> None:
    from . import qemu  # noqa: PLC0415

    qemu.tap_script(arguments[0])


def _tap_down(arguments: list[str]) -> None:
    from . import qemu  # noqa: PLC0415

    qemu.tap_down_script(arguments[0])


def _pvesim(arguments: list[str]) -> None:
    from . import command_pvesim  # noqa: PLC0415

    command_pvesim.main(arguments)


def _ha(arguments: list[str]) -> None:
    from . import command_pvesim  # noqa: PLC0415

    command_pvesim.ha(arguments)


def _pvecm(arguments: list[str]) -> None:
    from . import command_pvecm  # noqa: PLC0415

    command_pvecm.pvecm(arguments)


def _pvesh(arguments: list[str]) -> None:
    from . import command_pvecm  # noqa: PLC0415

    command_pvecm.pvesh(arguments)


def _pveversion(_arguments: list[str]) -> None:
    from . import command_pvecm  # noqa: PLC0415

    print(command_pvecm.version())


COMMANDS: dict[str, Callable[[list[str]], None]] = {
    "qm": _qm,
    "pct": _pct,
    "vzdump": _vzdump,
    "pve-bridge": _tap,
    "pve-bridgedown": _tap_down,
    "pvesim": _pvesim,
    "pvesim-ha": _ha,
    "pvecm": _pvecm,
    "pvesh": _pvesh,
    "pveversion": _pveversion,
}


def main() -> None:
    try:
        COMMANDS[Path(sys.argv[0]).name](sys.argv[1:])
    except PvesimError as exc:
        print(exc, file=sys.stderr)
        sys.exit(255 if Path(sys.argv[0]).name != "pve-bridge" else 2)
    except KeyboardInterrupt:
        sys.exit(130)
