# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can happen to a guest, each as Proxmox does it, and which node has to announce it afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from guestlab import Guests


@dataclass(frozen=True)
class Happening:
    """One event of a guest's life. `do` plays it and returns the node that announces the guest after it, or None."""

    name: str
    do: Callable[[Guests, int], str | None]
    kinds: tuple[str, ...] = ("qemu",)
    answers: bool = True
    """Whether the guest answers afterwards, if it is announced: the twin's guests set up no card that comes later."""


def _other(guests: Guests, vmid: int) -> str:
    """Another node of the same release: a guest moves back from an older QEMU, but not always to one."""
    owner = guests.owner(vmid)
    release = guests.nodes[owner]["release"]
    return next(n for n in guests.pves if n != owner and guests.nodes[n]["release"] == release)


def _qemu_pid(guests: Guests, vmid: int) -> str:
    return guests.ask(guests.owner(vmid), f"cat /run/qemu-server/{vmid}.pid").strip()


def _gone(guests: Guests, vmid: int, node: str) -> None:
    guests.wait(f"the port of {vmid} gone from {node}", lambda: not guests.has_port(node, vmid), 30)


def start(guests: Guests, vmid: int) -> str | None:
    guests.qm(vmid, "start")
    return guests.owner(vmid)


def stop(guests: Guests, vmid: int) -> str | None:
    guests.qm(vmid, "stop")
    return None


def shutdown(guests: Guests, vmid: int) -> str | None:
    guests.qm(vmid, "shutdown")
    return None


def shut_down_inside(guests: Guests, vmid: int) -> str | None:
    """The guest shuts itself down: only qmeventd notices."""
    node = guests.owner(vmid)
    guests.inside(vmid, "poweroff")
    _gone(guests, vmid, node)
    return None


def crash(guests: Guests, vmid: int) -> str | None:
    node = guests.owner(vmid)
    guests.ask(node, f"kill -9 {_qemu_pid(guests, vmid)}")
    _gone(guests, vmid, node)
    return None


def reboot(guests: Guests, vmid: int) -> str | None:
    guests.qm(vmid, "reboot")
    return guests.owner(vmid)


def reboot_inside(guests: Guests, vmid: int) -> str | None:
    """QEMU stays: nothing happens for the fabric. A container ends, and is started again."""
    begun = time.time()
    guests.inside(vmid, "reboot")
    if guests.tool(vmid) == "pct":
        started = lambda: any(entry["event"] == "ct-started" for entry in guests.events(vmid, begun))  # noqa: E731
        guests.wait(f"{vmid} started again", started, 30)
    return guests.owner(vmid)


def reset(guests: Guests, vmid: int) -> str | None:
    guests.qm(vmid, "reset")
    return guests.owner(vmid)


def pause_and_resume(guests: Guests, vmid: int) -> str | None:
    guests.qm(vmid, "suspend")
    guests.announced(vmid, guests.owner(vmid))
    guests.qm(vmid, "resume")
    return guests.owner(vmid)


def hibernate(guests: Guests, vmid: int) -> str | None:
    guests.qm(vmid, "suspend --todisk")
    return None


def wake(guests: Guests, vmid: int) -> str | None:
    guests.qm(vmid, "start")
    return guests.owner(vmid)


def live_migration(guests: Guests, vmid: int) -> str | None:
    target = _other(guests, vmid)
    guests.qm(vmid, f"migrate {target} --online")
    return target


def _aborted(where: str) -> Callable[[Guests, int], str | None]:
    def play(guests: Guests, vmid: int) -> str | None:
        node, target = guests.owner(vmid), _other(guests, vmid)
        guests.pvesim_settings(migrate_fail=where)
        try:
            guests.qm(vmid, f"migrate {target} --online", fails=True)
        finally:
            guests.pvesim_settings(migrate_fail="")
        _gone(guests, vmid, target)
        return node

    return play


def migration_of_stopped(guests: Guests, vmid: int) -> str | None:
    guests.qm(vmid, "stop")
    guests.announced(vmid, None)
    guests.qm(vmid, f"migrate {_other(guests, vmid)}")
    return None


def restart_migration(guests: Guests, vmid: int) -> str | None:
    target = _other(guests, vmid)
    guests.qm(vmid, f"migrate {target} --restart")
    return target


def ha_relocate(guests: Guests, vmid: int) -> str | None:
    """Stop on the source, move, start on the target."""
    target = _other(guests, vmid)
    guests.qm(vmid, "stop")
    guests.qm(vmid, f"migrate {target}")
    guests.qm(vmid, "start")
    return target


def ha_recovery(guests: Guests, vmid: int) -> str | None:
    """The node dies and is fenced; another one takes the guest."""
    dead, target = guests.owner(vmid), _other(guests, vmid)
    guests.power(dead, on=False)
    try:
        guests.ask(target, f"pvesim-ha recover {vmid} {target}")
        guests.announced(vmid, target)
    finally:
        guests.power(dead, on=True)
    return target


def backup_of_stopped(guests: Guests, vmid: int) -> str | None:
    """Started paused, with its port there: a guest that does not run is not announced."""
    guests.qm(vmid, "stop")
    guests.announced(vmid, None)
    node = guests.owner(vmid)
    guests.shell(node, f"vzdump {vmid} --mode stop >/dev/null 2>&1 &")
    guests.wait("the backup's QEMU", lambda: guests.has_port(node, vmid), 20)
    while guests.has_port(node, vmid):
        for address in guests.addresses(vmid):
            assert guests.originators(address) == set(), f"{address} is announced during the backup"
    return None


def hotplug(guests: Guests, vmid: int) -> str | None:
    """The card is taken out of the running guest and put back."""
    node = guests.owner(vmid)
    card = guests.config_line(vmid, "net0")
    guests.qm(vmid, "set --delete net0")
    _gone(guests, vmid, node)
    guests.announced(vmid, None)
    guests.qm(vmid, f"set --net0 {card}")
    return node


def other_bridge(guests: Guests, vmid: int) -> str | None:
    """The card moves to a bridge that is not the fabric's."""
    node = guests.owner(vmid)
    card = guests.config_line(vmid, "net0")
    guests.ask(node, "ip link add vmbr9 type bridge; ip link set vmbr9 up")
    try:
        guests.qm(vmid, f"set --net0 {card.replace('bridge=vmbr1', 'bridge=vmbr9')}")
        guests.announced(vmid, None)
    finally:
        guests.qm(vmid, f"set --net0 {card}")
        guests.ask(node, "ip link del vmbr9")
    return node


BOTH = ("qemu", "lxc")
# In an order in which each begins where the one before ended.
MATRIX = (
    Happening("stop", stop, BOTH),
    Happening("start", start, BOTH),
    Happening("shutdown", shutdown, BOTH),
    Happening("start again", start, BOTH),
    Happening("shutdown inside the guest", shut_down_inside, BOTH),
    Happening("start after it", start, BOTH),
    Happening("crash", crash),
    Happening("start after the crash", start),
    Happening("reboot", reboot, BOTH),
    Happening("reboot inside the guest", reboot_inside, BOTH),
    Happening("reset", reset),
    Happening("suspend and resume", pause_and_resume),
    Happening("hibernate", hibernate),
    Happening("resume from hibernation", wake),
    Happening("live migration", live_migration),
    Happening("live migration back", live_migration),
    Happening("aborted migration: the target does not start", _aborted("start")),
    Happening("aborted migration: while memory is copied", _aborted("ram")),
    Happening("aborted migration: after the copy", _aborted("completed")),
    Happening("restart migration", restart_migration, ("lxc",)),
    Happening("HA relocation", ha_relocate, BOTH),
    Happening("hotplug", hotplug, answers=False),
    Happening("another bridge and back", other_bridge, answers=False),
    Happening("migration of a stopped guest", migration_of_stopped, BOTH),
    Happening("start on the new node", start, BOTH),
    Happening("HA recovery after fencing", ha_recovery, BOTH),
    Happening("backup of a stopped guest", backup_of_stopped),
    Happening("start after the backup", start),
)
