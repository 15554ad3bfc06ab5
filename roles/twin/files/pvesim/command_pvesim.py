# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`pvesim`, for what has no counterpart in Proxmox: its daemons, settings and events; and `pvesim-ha`."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from . import cluster, command_qm, lxc, qemu, remote
from .options import split, vmid
from .places import SHARED, PvesimError, change_settings, event, node_name, settings

USAGE = """usage: pvesim settings [KEY=VALUE ...] [--node NODE]    show or change what can be set (README.md)
       pvesim events [--vmid VMID] [--since TIME]       what happened, one JSON object a line
       pvesim status VMID                               what QEMU says about itself
       pvesim start-all | stop-all                      the guests with `onboot: 1`; all guests
       pvesim guests                                    create and start what a JSON list on stdin says
       pvesim filesystem | qmeventd                     the daemons, as their units start them"""


def main(arguments: list[str]) -> None:
    positions, options = split(arguments)
    name = positions[0] if positions else ""
    if name == "filesystem":
        from . import fs_daemon  # noqa: PLC0415

        fs_daemon.main()
    elif name == "qmeventd":
        from . import qmeventd  # noqa: PLC0415

        qmeventd.main()
    elif name == "settings":
        _settings(positions[1:], options.get("node"))
    elif name == "events":
        _events(options)
    elif name == "status":
        print(qemu.status(vmid(positions, 1)))
    elif name == "guests":
        guests(json.load(sys.stdin))
    elif name == "start-all":
        start_all()
    elif name == "stop-all":
        stop_all()
    else:
        raise PvesimError(USAGE)


def _settings(changes: list[str], node: str | None) -> None:
    values = {}
    for text in changes:
        key, dummy, value = text.partition("=")
        try:
            values[key] = json.loads(value)
        except ValueError:
            values[key] = value
    if isinstance(values.get("delay_ms"), (int, float)):
        values["delay_ms"] = [values["delay_ms"]] * 2
    if values:
        change_settings(values, node)
    print(json.dumps(settings(node), indent=1, sort_keys=True))


def _events(options: dict[str, str]) -> None:
    try:
        lines = (SHARED / "events.jsonl").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        entry = json.loads(line)
        wanted = "vmid" not in options or entry["vmid"] == int(options["vmid"])
        if wanted and entry["time"] >= float(options.get("since", "0")):
            print(line)


def _own() -> list[tuple[int, str]]:
    return sorted((vmid_, entry["type"]) for vmid_, entry in cluster.vmlist().items() if entry["node"] == node_name())


def start_all() -> None:
    for number, kind in _own():
        if cluster.load(number, kind).values.get("onboot") != "1":
            continue
        try:
            if kind == "qemu" and not qemu.running(number):
                qemu.start(number)
            elif kind == "lxc" and not lxc.running(number):
                lxc.start(number)
        except PvesimError as exc:
            print(f"{number}: {exc}", flush=True)


def guests(wanted: list[dict[str, Any]]) -> None:
    """`[{"vmid": 100, "options": {"name": ..., "net0": ...}}]`: create and start them.

    What is nowhere in the cluster is created here, and what is here and stopped is started. Guests that have moved away
    since, or that hibernate, are left alone. Says what it did.
    """
    there = cluster.vmlist()
    for entry in wanted:
        number = int(entry["vmid"])
        if number not in there:
            command_qm.create(number, dict(entry["options"]))
            print(f"created {number}", flush=True)
        elif there[number]["node"] != node_name() or there[number]["type"] != "qemu":
            continue
        if not qemu.running(number) and not cluster.load(number, "qemu").values.get("lock"):
            qemu.start(number)
            print(f"started {number}", flush=True)


def stop_all() -> None:
    for number, kind in _own():
        try:
            if kind == "qemu":
                qemu.stop(number, skiplock=True)
            else:
                lxc.stop(number, skiplock=True)
        except PvesimError as exc:
            print(f"{number}: {exc}", flush=True)


def ha(arguments: list[str]) -> None:
    """`pvesim-ha recover VMID NODE`: what the HA manager does when a node is dead and fenced."""
    positions, options = split(arguments, ("force",))
    if positions[:1] != ["recover"] or len(positions) != 3:
        raise PvesimError("usage: pvesim-ha recover VMID NODE [--force]")
    number, node = vmid(positions, 1), positions[2]
    found = cluster.vmlist().get(number)
    if found is None:
        raise PvesimError(f"no guest {number}")
    dead, kind = str(found["node"]), str(found["type"])
    if dead == node:
        raise PvesimError(f"{number} is on node '{node}' already")
    if remote.alive(dead) and not options.get("force"):
        raise PvesimError(f"node '{dead}' is alive: a recovery would run {number} twice")
    event("recovering", number, source=dead, target=node)
    config = cluster.load(number, kind, dead)
    if config.values.pop("lock", None):
        cluster.save(number, kind, config, dead)
    cluster.move(number, kind, dead, node)
    command = ["qm" if kind == "qemu" else "pct", "start", str(number)]
    if node == node_name():
        done = subprocess.run(command, check=False)
        if done.returncode != 0:
            raise PvesimError(f"`{' '.join(command)}` failed")
    else:
        remote.Connection(node).run(*command)
