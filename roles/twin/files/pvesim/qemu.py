# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One virtual machine on this node: start, stop and what is between, in the order of PVE::QemuServer."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import cluster, network
from .cluster import hook, load
from .config import Config, Nic, guest_words, nics
from .places import BOOT, QMEVENTD_SOCKET, RUN, STATE, PvesimError, event, settings
from .qmp import Qmp, QmpError, ask, wait_for

BINARY = "/usr/bin/qemu-system-x86_64"
BRIDGE_SCRIPT = "/usr/libexec/qemu-server/pve-bridge"
MIGRATION_PORTS = range(60000, 60050)
KERNEL_LINE = "console=ttyS0 quiet panic=1 tsc=unstable clocksource=acpi_pm mitigations=off nokaslr"
CPU = "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16"
"""The same in every version of QEMU, unlike `max`: guests migrate from one release to the next."""

FIRST_SLOT = 0x12
"""Proxmox plugs net0 into this slot, so that a guest's udev calls it ens18."""


def pid_file(vmid: int) -> Path:
    return RUN / f"{vmid}.pid"


def cleanup_flag(vmid: int) -> Path:
    """There while somebody still has to run post-stop: whoever takes it away does it, so that it is done once."""
    return RUN / f"{vmid}.cleanup"


def running(vmid: int) -> int:
    """The PID of the guest's QEMU on this node, or 0."""
    try:
        pid = int(pid_file(vmid).read_text(encoding="ascii"))
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return 0
    return pid if str(pid_file(vmid)).encode() in command else 0


def status(vmid: int) -> str:
    """As `qm status --verbose` says it: stopped, or QEMU's word (running, paused, prelaunch, inmigrate, ...)."""
    if not running(vmid):
        return "stopped"
    try:
        return str(ask(vmid, "query-status")["status"])
    except QmpError:
        return "unknown"


def memory(config: Config) -> int:
    return int(config.values.get("memory", settings()["memory"]))


def netdev(vmid: int, nic: Nic) -> str:
    return (
        f"type=tap,id=net{nic.number},ifname=tap{vmid}i{nic.number},"
        f"script={BRIDGE_SCRIPT},downscript={BRIDGE_SCRIPT}down,vhost=off"
    )


def device(nic: Nic) -> dict[str, str]:
    """The card. The guest has a driver for one model only, so every model is that one."""
    return {
        "driver": "virtio-net-pci",
        "netdev": f"net{nic.number}",
        "id": f"net{nic.number}",
        "mac": nic.mac,
        "bus": "pci.0",
        "addr": f"{FIRST_SLOT + nic.number:#x}",
        "romfile": "",
    }


def command_line(vmid: int, config: Config, extra: list[str], machine: str = "") -> list[str]:
    """The whole command line of a guest's QEMU. Pure but for the paths that it names.

    `machine`: the exact type that the guest has on the source of a migration; the target's QEMU may be newer.
    """
    name = config.values.get("name", f"vm{vmid}")
    append = " ".join([KERNEL_LINE, *guest_words(config)])
    command = [BINARY, "-name", f"{name},debug-threads=on", "-no-user-config", "-nodefaults", "-no-shutdown"]
    for number, where in enumerate((f"{RUN}/{vmid}.qmp,server=on,wait=off", f"{QMEVENTD_SOCKET},reconnect=5")):
        chardev = ("qmp", "qmp-event")[number]
        command += ["-chardev", f"socket,id={chardev},path={where}", "-mon", f"chardev={chardev},mode=control"]
    command += [
        "-pidfile",
        str(pid_file(vmid)),
        "-daemonize",
        "-display",
        "none",
        "-serial",
        f"file:{RUN}/{vmid}.console",
    ]
    command += ["-machine", f"{machine or 'pc'},accel=tcg", "-cpu", CPU, "-smp", "1", "-m", str(memory(config))]
    command += ["-kernel", str(BOOT / "vmlinuz"), "-initrd", str(BOOT / "initrd.gz"), "-append", append]
    for nic in nics(config.values):
        fields = device(nic)
        command += ["-netdev", netdev(vmid, nic)]
        command += ["-device", ",".join([fields.pop("driver"), *(f"{key}={value}" for key, value in fields.items())])]
    return command + extra


def start(
    vmid: int,
    *,
    migrated_from: str | None = None,
    paused: bool = False,
    skiplock: bool = False,
    machine: str = "",
) -> str | None:
    """Start the guest. With `migrated_from`, as the paused target of a live migration: returns its URI."""
    with cluster.guest_lock(vmid, "qemu"):
        if running(vmid):
            raise PvesimError(f"VM {vmid} already running")
        config = load(vmid, "qemu", migrated_from)
        suspended = config.values.get("lock") == "suspended"
        if not skiplock and not migrated_from and not suspended:
            cluster.check_lock(config)
        if migrated_from:
            os.environ["PVE_MIGRATED_FROM"] = migrated_from
            event("target-start", vmid)
        hook(vmid, config, "pre-start", stop_on_error=True)
        extra, uri = [], None
        if migrated_from:
            uri = migration_uri()
            extra = ["-incoming", uri, "-S"]
        elif suspended:
            extra = ["-incoming", f"exec:cat <{state_file(vmid)}"]
            machine = config.values.get("runningmachine", "")
        elif paused:
            extra = ["-S"]
        _launch(vmid, command_line(vmid, config, extra, machine))
        cleanup_flag(vmid).touch()
        event("qemu-started", vmid, paused=bool(extra))
        if suspended:
            _wake(vmid, config)
        hook(vmid, config, "post-start")
        return uri


def _launch(vmid: int, command: list[str]) -> None:
    RUN.mkdir(parents=True, exist_ok=True)
    for leftover in ("qmp", "pid"):
        (RUN / f"{vmid}.{leftover}").unlink(missing_ok=True)
    scope = f"{vmid}.scope"
    wait_for(lambda: _unit_state(scope) not in ("active", "deactivating"), 5)
    prefix = ["systemd-run", "--quiet", "--collect", "--scope", "--slice=qemu", f"--unit={vmid}"]
    done = subprocess.run([*prefix, *command], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        for nic_number in {int(found) for found in re.findall(rf"ifname=tap{vmid}i(\d+)", " ".join(command))}:
            network.unplug(vmid, nic_number)
        print(done.stderr.strip())
        raise PvesimError(f"start failed: QEMU exited with code {done.returncode}")


def _unit_state(unit: str) -> str:
    done = subprocess.run(["systemctl", "is-active", unit], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def machine_type(vmid: int) -> str:
    """The exact machine type of a running guest, as `pc-i440fx-10.0`."""
    return str(ask(vmid, "qom-get", path="/machine", property="type")).removesuffix("-machine")


def migration_uri() -> str:
    """An address of this node's own and the first free port from 60000, as Proxmox chooses it."""
    address = cluster.migration_address()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for port in MIGRATION_PORTS:
        with socket.socket(family) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind((address, port))
            except OSError:
                continue
            return f"tcp:[{address}]:{port}" if ":" in address else f"tcp:{address}:{port}"
    raise PvesimError("unable to find free port (60000-60049)")


def resume(vmid: int, *, migrated: bool = False) -> None:
    """Let a paused guest run. `migrated`: on the target, where the configuration's new place may not be seen yet."""
    if migrated:
        event("resume-asked", vmid)
        time.sleep(settings()["cont_delay_ms"] / 1000)
    ask(vmid, "cont")
    event("cont", vmid)


def suspend(vmid: int) -> None:
    ask(vmid, "stop")
    event("paused", vmid)


def state_file(vmid: int) -> Path:
    return STATE / f"vm-{vmid}-state"


def hibernate(vmid: int) -> None:
    """`qm suspend --todisk`: the memory goes to a file and QEMU ends; of the hooks only post-stop runs."""
    with cluster.guest_lock(vmid, "qemu"):
        cluster.set_lock(vmid, "qemu", "suspending")
        try:
            STATE.mkdir(parents=True, exist_ok=True)
            with Qmp(vmid) as monitor:
                monitor.do("stop")
                monitor.do("migrate", uri=f"exec:cat >{state_file(vmid)}")
                if not wait_for(lambda: monitor.do("query-migrate").get("status") in ("completed", "failed"), 120):
                    raise PvesimError("writing the state took too long")
                if monitor.do("query-migrate")["status"] == "failed":
                    raise PvesimError("writing the state failed")
        except PvesimError:
            cluster.set_lock(vmid, "qemu", None)
            with contextlib.suppress(QmpError):
                ask(vmid, "cont")
            raise
        config = load(vmid, "qemu")
        state = {"vmstate": f"local:{vmid}/{state_file(vmid).name}", "runningmachine": machine_type(vmid)}
        config.values.update({"lock": "suspended", **state})
        cluster.save(vmid, "qemu", config)
        event("lock-suspended", vmid)
        quit_now(vmid)
    # From here on it is as when a guest ends by itself: qmeventd's `qm cleanup` runs post-stop.


def _wake(vmid: int, config: Config) -> None:
    with Qmp(vmid) as monitor:
        # The guest runs by itself once its memory is read.
        if not wait_for(lambda: monitor.do("query-status")["status"] not in ("inmigrate", "postmigrate"), 120):
            raise PvesimError("reading the state took too long")
        if monitor.do("query-status")["status"] != "running":
            monitor.do("cont")
    for key in ("lock", "vmstate", "runningmachine"):
        config.values.pop(key, None)
    cluster.save(vmid, "qemu", config)
    state_file(vmid).unlink(missing_ok=True)
    event("unlock", vmid)


def stop(
    vmid: int,
    *,
    shutdown: bool = False,
    timeout_s: float = 60,
    force: bool = True,
    skiplock: bool = False,
    migrated_from: str | None = None,
) -> None:
    """Stop or shut down. With `migrated_from`, on the target of a migration that is given up."""
    with cluster.guest_lock(vmid, "qemu"):
        _stop(vmid, shutdown=shutdown, timeout_s=timeout_s, force=force, skiplock=skiplock, migrated_from=migrated_from)


def _stop(
    vmid: int, *, shutdown: bool, timeout_s: float, force: bool, skiplock: bool, migrated_from: str | None
) -> None:
    if migrated_from:
        # The target's QEMU may have ended by itself, when the stream broke. On Proxmox VE 9 post-stop runs in any case.
        if running(vmid):
            quit_now(vmid)
        clean_up(vmid, load(vmid, "qemu", migrated_from))
        return
    if not running(vmid):
        return
    config = load(vmid, "qemu")
    if not skiplock:
        cluster.check_lock(config)
    hook(vmid, config, "pre-stop")
    if shutdown:
        ask(vmid, "system_powerdown")
        event("powerdown", vmid)
        gone = wait_for(lambda: not running(vmid), timeout_s)
        if not gone and not force:
            raise PvesimError("VM quit/powerdown failed - got timeout")
        if not gone:
            quit_now(vmid)
    else:
        quit_now(vmid)
    clean_up(vmid, config)


def quit_now(vmid: int) -> None:
    """QEMU ends, and with it its taps."""
    pid = running(vmid)
    try:
        ask(vmid, "quit")
    except QmpError:
        if running(vmid):
            os.kill(pid, 9)
    if not wait_for(lambda: not running(vmid), 15):
        os.kill(pid, 9)
        wait_for(lambda: not running(vmid), 5)
    event("qemu-ended", vmid)


def clean_up(vmid: int, config: Config | None, skip_hook: bool = False) -> None:
    """What is left of a guest whose QEMU is gone; post-stop exactly once."""
    try:
        cleanup_flag(vmid).unlink()
    except FileNotFoundError:
        return
    event("ended", vmid)
    for leftover in ("qmp", "pid"):
        (RUN / f"{vmid}.{leftover}").unlink(missing_ok=True)
    for nic in nics(config.values) if config is not None else ():
        network.unplug(vmid, nic.number)
    if config is not None and not skip_hook:
        hook(vmid, config, "post-stop")


def after_end(vmid: int) -> None:
    """`qm cleanup`, which qmeventd calls when QEMU has ended: nothing when its configuration has moved away."""
    with cluster.guest_lock(vmid, "qemu"):
        if running(vmid):
            return
        try:
            config = load(vmid, "qemu")
        except PvesimError:
            return
        clean_up(vmid, config)


def reboot(vmid: int, timeout_s: float = 60) -> None:
    """`qm reboot`: a shutdown and a start, with all hooks."""
    stop(vmid, shutdown=True, timeout_s=timeout_s, force=False)
    start(vmid)


def reset(vmid: int) -> None:
    ask(vmid, "system_reset")
    event("reset", vmid)


def tap_script(interface: str) -> None:
    """pve-bridge: QEMU has made the tap; put it on the bridge that the configuration says."""
    found = re.fullmatch(r"tap(\d+)i(\d+)", interface)
    if not found:
        raise PvesimError(f"got strange interface name '{interface}'")
    vmid, number = int(found[1]), int(found[2])
    source = os.environ.get("PVE_MIGRATED_FROM")
    # QEMU keeps its environment for life: once the guest has arrived, its configuration is here.
    if source and not cluster.config_path(vmid, "qemu", source).exists():
        source = None
    config = load(vmid, "qemu", source)
    values = config.values if source else {**config.values, **config.pending}
    nic = next((one for one in nics(values) if one.number == number), None)
    if nic is None:
        raise PvesimError(f"unable to get network config 'net{number}'")
    network.create_port(interface, nic)
    network.plug(interface, vmid, nic)


def tap_down_script(interface: str) -> None:
    found = re.fullmatch(r"tap(\d+)i(\d+)", interface)
    if found:
        network.unplug(int(found[1]), int(found[2]))


@contextlib.contextmanager
def stopped_guest_for_backup(vmid: int) -> Iterator[None]:
    """vzdump starts a stopped guest, paused: hooks run, the tap is there, the guest does not run."""
    start(vmid, paused=True, skiplock=True)
    try:
        yield
    finally:
        stop(vmid, skiplock=True)


def hotplug(vmid: int, nic: Nic) -> None:
    """A card for a running guest. QEMU runs pve-bridge for the tap, as at its start."""
    fields: dict[str, Any] = dict(part.split("=", 1) for part in netdev(vmid, nic).split(","))
    fields["vhost"] = False
    with Qmp(vmid) as monitor:
        monitor.do("netdev_add", **fields)
        try:
            monitor.do("device_add", **device(nic))
        except QmpError:
            monitor.do("netdev_del", id=f"net{nic.number}")
            raise
    event("hotplugged", vmid, nic=nic.number)


def unplug_device(vmid: int, number: int) -> None:
    with Qmp(vmid) as monitor:
        monitor.do("device_del", id=f"net{number}")
        gone = wait_for(lambda: not any(_is_device(entry, number) for entry in _pci(monitor)), 10)
        if not gone:
            raise PvesimError(f"error unplugging device 'net{number}': the guest keeps it")
        monitor.do("netdev_del", id=f"net{number}")
    network.unplug(vmid, number)
    event("unplugged", vmid, nic=number)


def _pci(monitor: Qmp) -> list[dict[str, Any]]:
    return [entry for bus in monitor.do("query-pci") for entry in bus["devices"]]


def _is_device(entry: dict[str, Any], number: int) -> bool:
    return entry.get("qdev_id") == f"net{number}"
