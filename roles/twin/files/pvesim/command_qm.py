# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`qm` and `vzdump`."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from . import cluster, config, migrate, network, qemu
from .config import Config
from .options import split, vmid
from .places import PvesimError, event, node_name
from .qmp import wait_for

FLAGS = ("skiplock", "online", "forceStop", "todisk", "full", "verbose", "purge", "current", "force", "nocheck")
Options = dict[str, str]


def create(number: int, options: Options) -> None:
    found = cluster.vmlist()
    if number in found:
        raise PvesimError(
            f"unable to create VM {number} - VM {number} already exists on node '{found[number]['node']}'"
        )
    start = options.pop("start", "0") == "1"
    values = Config()
    _put(number, values, options)
    text = config.write(values)
    # As the API does it: the file appears with its first content.
    cluster.config_path(number, "qemu").write_text(text, encoding="utf-8")
    event("created", number)
    if start:
        qemu.start(number)


def _put(number: int, found: Config, options: Options) -> None:
    for key, value in options.items():
        if key == "description":
            found.description = value if value.endswith("\n") or not value else value + "\n"
        elif re.fullmatch(r"net\d+", key):
            found.values[key] = config.with_mac(number, int(key[3:]), value)
            config.parse_nic(int(key[3:]), found.values[key])
        elif re.fullmatch(r"[a-z][a-z_\-]*\d*", key):
            found.values[key] = value
        else:
            raise PvesimError(f"400 Parameter verification failed.\n{key}: not an option of a virtual machine")


def set_options(number: int, options: Options) -> None:
    """`qm set`: cards of a running guest are changed at once (hotplug), through [PENDING] as Proxmox does it."""
    delete = [key for key in options.pop("delete", "").replace(";", ",").split(",") if key]
    skiplock = options.pop("skiplock", "0") == "1"
    with cluster.guest_lock(number, "qemu"):
        found = cluster.load(number, "qemu")
        if not skiplock:
            cluster.check_lock(found)
        live = bool(qemu.running(number))
        changed = Config(description=found.description)
        _put(number, changed, options)
        found.description = changed.description
        cards = [key for key in changed.values if re.fullmatch(r"net\d+", key)] if live else []
        found.pending.update({key: changed.values.pop(key) for key in cards})
        found.values.update(changed.values)
        gone = [key for key in delete if re.fullmatch(r"net\d+", key)] if live else []
        for key in delete:
            if key not in gone:
                found.values.pop(key, None)
        if gone:
            found.pending["delete"] = ",".join(gone)
        cluster.save(number, "qemu", found)
        for key in gone:
            if key in found.values:
                qemu.unplug_device(number, int(key[3:]))
                del found.values[key]
        for key in cards:
            _change_card(number, found, key)
        if cards or gone:
            found.pending.clear()
            cluster.save(number, "qemu", found)
    event("set", number, keys=sorted([*options, *delete]))


def _change_card(number: int, found: Config, key: str) -> None:
    index = int(key[3:])
    new = config.parse_nic(index, found.pending[key])
    old = config.parse_nic(index, found.values[key]) if key in found.values else None
    if old is None:
        qemu.hotplug(number, new)
    elif (old.mac, old.model) != (new.mac, new.model):
        qemu.unplug_device(number, index)
        qemu.hotplug(number, new)
    else:
        # Another bridge or firewall: the tap stays and is plugged anew.
        network.create_port(f"tap{number}i{index}", new)
        network.plug(f"tap{number}i{index}", number, new)
    found.values[key] = found.pending[key]


def destroy(number: int) -> None:
    with cluster.guest_lock(number, "qemu"):
        if qemu.running(number):
            raise PvesimError(f"VM {number} is running - destroy failed")
        cluster.check_lock(cluster.load(number, "qemu"))
        cluster.config_path(number, "qemu").unlink()
        qemu.state_file(number).unlink(missing_ok=True)
    event("destroyed", number)


def status(number: int, options: Options) -> None:
    found = cluster.vmlist().get(number)
    if found is None or found["node"] != node_name():
        raise PvesimError(f"Configuration file 'nodes/{node_name()}/qemu-server/{number}.conf' does not exist")
    if options.get("verbose"):
        print(f"name: {cluster.load(number, 'qemu').values.get('name', '')}\nqmpstatus: {qemu.status(number)}")
    print(f"status: {'running' if qemu.running(number) else 'stopped'}")


def listing() -> None:
    own = [
        number for number, entry in cluster.vmlist().items() if entry == {**entry, "node": node_name(), "type": "qemu"}
    ]
    if own:
        print(f"{'VMID':>10} {'NAME':<20} {'STATUS':<10} {'MEM(MB)':<10} {'BOOTDISK(GB)':>12} {'PID':<10}")
    for number in sorted(own):
        found = cluster.load(number, "qemu")
        pid = qemu.running(number)
        word = "running" if pid else "stopped"
        print(
            f"{number:>10} {found.values.get('name', ''):<20} {word:<10} {qemu.memory(found):<10} {0:>12.2f} {pid:<10}"
        )


def show(number: int) -> None:
    found = cluster.load(number, "qemu")
    if found.description:
        print("description: " + config.section_text(found.description, {}).strip().lstrip("#").replace("\n#", "%0A"))
    for key, value in sorted(found.values.items()):
        print(f"{key}: {value}")


def _start(number: int, options: Options) -> None:
    uri = qemu.start(
        number,
        migrated_from=options.get("migratedfrom"),
        skiplock=options.get("skiplock") == "1",
        machine=options.get("machine", ""),
    )
    if uri:
        print(f"migration listens on {uri}", flush=True)


def _suspend(number: int, options: Options) -> None:
    if options.get("todisk") == "1":
        qemu.hibernate(number)
    else:
        qemu.suspend(number)


def _resume(number: int, _options: Options) -> None:
    if cluster.load(number, "qemu").values.get("lock") == "suspended":
        qemu.start(number)
    else:
        qemu.resume(number)


def _migrate(number: int, positions: list[str], options: Options) -> None:
    target = positions[1] if len(positions) > 1 else options.get("target", "")
    migrate.run(number, target, online=options.get("online") == "1", bwlimit_kib=int(options.get("bwlimit", "0")))


def _stop(number: int, options: Options) -> None:
    qemu.stop(number, skiplock=options.get("skiplock") == "1", migrated_from=options.get("migratedfrom"))


def _shutdown(number: int, options: Options) -> None:
    timeout, force = float(options.get("timeout", "60")), options.get("forceStop") == "1"
    qemu.stop(number, shutdown=True, timeout_s=timeout, force=force, skiplock=options.get("skiplock") == "1")


def _wait(number: int, options: Options) -> None:
    if not wait_for(lambda: not qemu.running(number), float(options.get("timeout", "86400"))):
        raise PvesimError("timeout")


BY_NAME: dict[str, Callable[[int, list[str], Options], None]] = {
    "create": lambda number, _positions, options: create(number, options),
    "set": lambda number, _positions, options: set_options(number, options),
    "config": lambda number, _positions, _options: show(number),
    "status": lambda number, _positions, options: status(number, options),
    "start": lambda number, _positions, options: _start(number, options),
    "stop": lambda number, _positions, options: _stop(number, options),
    "shutdown": lambda number, _positions, options: _shutdown(number, options),
    "reboot": lambda number, _positions, options: qemu.reboot(number, float(options.get("timeout", "60"))),
    "reset": lambda number, _positions, _options: qemu.reset(number),
    "suspend": lambda number, _positions, options: _suspend(number, options),
    "resume": lambda number, _positions, options: _resume(number, options),
    "migrate": _migrate,
    "destroy": lambda number, _positions, _options: destroy(number),
    "cleanup": lambda number, _positions, _options: qemu.after_end(number),
    "unlock": lambda number, _positions, _options: cluster.set_lock(number, "qemu", None),
    "wait": lambda number, _positions, options: _wait(number, options),
}


def main(arguments: list[str]) -> None:
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if name == "list":
        listing()
        return
    if name not in BY_NAME:
        raise PvesimError(f"ERROR: unknown command 'qm {name}'; pvesim has: list {' '.join(BY_NAME)}")
    positions, options = split(rest, FLAGS)
    BY_NAME[name](vmid(positions), positions, options)


def vzdump(arguments: list[str]) -> None:
    """A backup without a file: the guest is locked, a stopped one started paused, for `--seconds` (2 by default)."""
    positions, options = split(arguments)
    number = vmid(positions)
    seconds = float(options.get("seconds", "2"))
    cluster.set_lock(number, "qemu", "backup")
    try:
        if qemu.running(number):
            time.sleep(seconds)
        else:
            with qemu.stopped_guest_for_backup(number):
                time.sleep(seconds)
    finally:
        cluster.set_lock(number, "qemu", None)
    print(f"INFO: Finished Backup of VM {number}")
