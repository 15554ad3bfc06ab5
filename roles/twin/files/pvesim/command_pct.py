# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`pct`."""

from __future__ import annotations

import re
from collections.abc import Callable

from . import cluster, config, lxc
from .config import Config
from .options import split, vmid
from .places import PvesimError, event, node_name

FLAGS = ("skiplock", "restart", "online", "purge", "force", "forceStop")
Options = dict[str, str]


def create(number: int, options: Options) -> None:
    found = cluster.vmlist()
    if number in found:
        raise PvesimError(
            f"unable to create CT {number} - CT {number} already exists on node '{found[number]['node']}'"
        )
    start = options.pop("start", "0") == "1"
    values = Config(values={"arch": "amd64", "ostype": "unmanaged"})
    _put(number, values, options)
    cluster.config_path(number, "lxc").write_text(config.write(values), encoding="utf-8")
    event("created", number)
    if start:
        lxc.start(number)


def _put(number: int, found: Config, options: Options) -> None:
    for key, value in options.items():
        if key == "description":
            found.description = value if value.endswith("\n") or not value else value + "\n"
        elif re.fullmatch(r"net\d+", key):
            if "name" not in config.properties(value):
                raise PvesimError(f"400 Parameter verification failed.\n{key}: missing property 'name'")
            found.values[key] = config.with_mac(number, int(key[3:]), value)
            config.parse_nic(int(key[3:]), found.values[key])
        elif re.fullmatch(r"[a-z][a-z_\-]*\d*", key):
            found.values[key] = value
        else:
            raise PvesimError(f"400 Parameter verification failed.\n{key}: not an option of a container")


def set_options(number: int, options: Options) -> None:
    """Takes effect at the next start: pvesim does not change the cards of a running container."""
    delete = [key for key in options.pop("delete", "").split(",") if key]
    with cluster.guest_lock(number, "lxc"):
        found = cluster.load(number, "lxc")
        cluster.check_lock(found)
        _put(number, found, options)
        for key in delete:
            found.values.pop(key, None)
        cluster.save(number, "lxc", found)
    event("set", number, keys=sorted([*options, *delete]))


def destroy(number: int) -> None:
    if lxc.running(number):
        raise PvesimError(f"CT {number} is running")
    cluster.check_lock(cluster.load(number, "lxc"))
    cluster.config_path(number, "lxc").unlink()
    event("destroyed", number)


def reboot(number: int) -> None:
    lxc.stop(number)
    lxc.start(number)


def listing() -> None:
    own = [
        number for number, entry in cluster.vmlist().items() if entry == {**entry, "node": node_name(), "type": "lxc"}
    ]
    if own:
        print(f"{'VMID':<10} {'Status':<10} {'Lock':<12} {'Name':<20}")
    for number in sorted(own):
        values = cluster.load(number, "lxc").values
        word = "running" if lxc.running(number) else "stopped"
        print(f"{number:<10} {word:<10} {values.get('lock', ''):<12} {values.get('hostname', ''):<20}")


def status(number: int) -> None:
    cluster.load(number, "lxc")
    print(f"status: {'running' if lxc.running(number) else 'stopped'}")


def show(number: int) -> None:
    for key, value in sorted(cluster.load(number, "lxc").values.items()):
        print(f"{key}: {value}")


def _migrate(number: int, positions: list[str], options: Options) -> None:
    lxc.migrate(number, positions[1] if len(positions) > 1 else "", restart=options.get("restart") == "1")


BY_NAME: dict[str, Callable[[int, list[str], Options], None]] = {
    "create": lambda number, _positions, options: create(number, options),
    "set": lambda number, _positions, options: set_options(number, options),
    "config": lambda number, _positions, _options: show(number),
    "status": lambda number, _positions, _options: status(number),
    "start": lambda number, _positions, options: lxc.start(number, skiplock=options.get("skiplock") == "1"),
    "stop": lambda number, _positions, options: lxc.stop(number, skiplock=options.get("skiplock") == "1"),
    "shutdown": lambda number, _positions, options: lxc.stop(number, skiplock=options.get("skiplock") == "1"),
    "reboot": lambda number, _positions, _options: reboot(number),
    "migrate": _migrate,
    "destroy": lambda number, _positions, _options: destroy(number),
    "cleanup": lambda number, _positions, _options: lxc.after_end(number, lxc.exit_status()),
    "unlock": lambda number, _positions, _options: cluster.set_lock(number, "lxc", None),
}


def main(arguments: list[str]) -> None:
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if name == "list":
        listing()
        return
    if name not in BY_NAME:
        raise PvesimError(f"ERROR: unknown command 'pct {name}'; pvesim has: list {' '.join(BY_NAME)}")
    positions, options = split(rest, FLAGS)
    BY_NAME[name](vmid(positions), positions, options)
