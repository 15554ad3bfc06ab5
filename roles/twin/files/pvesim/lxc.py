# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container on this node: a network namespace with veths and the guests' program in it, in the order of PVE::LXC."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from . import cluster, network
from .cluster import hook, load
from .config import Config, Nic, nics
from .places import BOOT, RUN, PvesimError, event, node_name
from .qmp import wait_for
from .remote import Connection

REBOOT = "42"
"""guestd's exit status when somebody rebooted inside."""


def unit(vmid: int) -> str:
    return f"pve-container@{vmid}.service"


def namespace(vmid: int) -> str:
    return f"ct-{vmid}"


def cleanup_flag(vmid: int) -> Path:
    return RUN / f"ct-{vmid}.cleanup"


def running(vmid: int) -> bool:
    done = subprocess.run(["systemctl", "is-active", "--quiet", unit(vmid)], check=False)
    return done.returncode == 0


def inside_steps(nic: Nic, extra: list[str]) -> list[str]:
    """`ip -batch` inside of the container. A gateway outside of the address's prefix is on the link."""
    name = nic.name or f"eth{nic.number}"
    steps = [f"link set dev {name} up"]
    addresses = [text for text in (nic.ip, nic.ip6) if "/" in text]
    steps += [
        f"address add {text} dev {name} nodad" if ":" in text else f"address add {text} dev {name}"
        for text in addresses
    ]
    for word in extra:
        if word.startswith("net="):
            steps.append(f"route add local {word[4:]} dev lo")
        elif "/" in word and word not in addresses:
            steps.append(f"address add {word} dev {name}" + (" nodad" if ":" in word else ""))
    if nic.gw:
        steps.append(f"route add default via {nic.gw} dev {name} onlink")
    if nic.gw6:
        steps.append(f"route add default via {nic.gw6} dev {name}")
    return steps


def _words(config: Config, number: int) -> list[str]:
    found = re.search(rf"^pvesim\.net{number}: (.*)$", config.description, re.MULTILINE)
    return found[1].split() if found else []


def _ending(vmid: int) -> Path:
    """There while `pct cleanup` is at work: nobody may start the container meanwhile."""
    return cleanup_flag(vmid).with_suffix(".ending")


def start(vmid: int, *, skiplock: bool = False, phases: bool = True) -> None:
    with cluster.guest_lock(vmid, "lxc"):
        if running(vmid):
            raise PvesimError(f"CT {vmid} already running")
        wait_for(lambda: not _ending(vmid).exists(), 10)
        _ending(vmid).unlink(missing_ok=True)  # of a cleanup that was killed
        config = load(vmid, "lxc")
        if not skiplock:
            cluster.check_lock(config)
        if phases:
            hook(vmid, config, "pre-start", stop_on_error=True)
        try:
            _launch(vmid, config)
        except PvesimError:
            _remove(vmid, config)
            raise
        event("ct-started", vmid)
        hook(vmid, config, "post-start")


def _launch(vmid: int, config: Config) -> None:
    RUN.mkdir(parents=True, exist_ok=True)
    _remove(vmid, config)
    inside = namespace(vmid)
    network.ip("netns", "add", inside)
    network.ip("-n", inside, "link", "set", "dev", "lo", "up")
    for nic in nics(config.values):
        network.bridge_mtu(nic.bridge)
        port, name = network.port_name(vmid, nic.number, "lxc"), nic.name or f"eth{nic.number}"
        mac = f" address {nic.mac}" if nic.mac else ""
        network.ip(batch=[f"link add name {port} type veth peer name {name} netns {inside}{mac}"])
        for switch in ("accept_ra", "accept_dad"):
            path = f"/proc/sys/net/ipv6/conf/{name}/{switch}"
            subprocess.run(["ip", "netns", "exec", inside, "sh", "-c", f"echo 0 >{path}"], check=False)
        network.create_port(port, nic)
        network.plug(port, vmid, nic)
        steps = inside_steps(nic, _words(config, nic.number))
        done = subprocess.run(
            ["ip", "-n", inside, "-batch", "-"], input="\n".join(steps), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise PvesimError(f"CT {vmid}: network inside: {done.stderr.strip()}")
    subprocess.run(["systemctl", "reset-failed", unit(vmid)], capture_output=True, check=False)
    command = ["systemd-run", "--quiet", "--slice=lxc", f"--unit={unit(vmid)}", "--property=SuccessExitStatus=42"]
    command += [f"--property=ExecStopPost=/usr/sbin/pct cleanup {vmid}", "--property=TimeoutStopSec=5"]
    command += ["ip", "netns", "exec", inside, str(BOOT / "guestd")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PvesimError(f"startup for container '{vmid}' failed: {done.stderr.strip()}")
    cleanup_flag(vmid).touch()


def _remove(vmid: int, config: Config | None) -> None:
    """The namespace, with it the veths, and the firewall's interfaces."""
    for nic in nics(config.values) if config is not None else ():
        network.unplug(vmid, nic.number)
        network.ip("link", "delete", "dev", network.port_name(vmid, nic.number, "lxc"), check=False)
    network.ip("netns", "delete", namespace(vmid), check=False)


def stop(vmid: int, *, skiplock: bool = False) -> None:
    """Also `shutdown`: the program inside ends at once in either case. The hooks are the same."""
    with cluster.guest_lock(vmid, "lxc"):
        if not running(vmid):
            return
        config = load(vmid, "lxc")
        if not skiplock:
            cluster.check_lock(config)
        hook(vmid, config, "pre-stop")
        subprocess.run(["systemctl", "stop", "--no-block", unit(vmid)], check=False)
    # The unit's ExecStopPost (pct cleanup) takes the network away and runs post-stop.
    if not wait_for(lambda: not (running(vmid) or cleanup_flag(vmid).exists() or _ending(vmid).exists()), 30):
        raise PvesimError(f"CT {vmid} did not stop")


def after_end(vmid: int, status: str) -> None:
    """`pct cleanup`, when the container has ended, for whatever reason: in Proxmox LXC's own hook does it."""
    try:
        cleanup_flag(vmid).rename(_ending(vmid))
    except FileNotFoundError:
        return
    try:
        _after_end(vmid, status)
    finally:
        _ending(vmid).unlink(missing_ok=True)


def _after_end(vmid: int, status: str) -> None:
    try:
        config: Config | None = load(vmid, "lxc")
    except PvesimError:
        config = None
    _remove(vmid, config)
    event("ct-ended", vmid, status=status)
    if config is None:
        return
    if status == REBOOT:
        # A reboot inside: pre-start and post-start, no post-stop. Not from within the unit that is ending.
        subprocess.run(
            ["systemd-run", "--quiet", "--collect", "--on-active=200ms", "/usr/sbin/pct", "start", str(vmid)],
            check=False,
        )
        return
    hook(vmid, config, "post-stop")


def migrate(vmid: int, target: str, *, restart: bool) -> None:
    """A running container is stopped here and started there; live migration does not exist for containers."""
    source = node_name()
    config = load(vmid, "lxc")
    cluster.check_lock(config)
    if target == source:
        raise PvesimError("target is local node.")
    was_running = running(vmid)
    if was_running and not restart:
        raise PvesimError("lxc live migration is currently not implemented")
    remote = Connection(target)
    cluster.set_lock(vmid, "lxc", "migrate")
    if was_running:
        try:
            stop(vmid, skiplock=True)
        except PvesimError:
            cluster.set_lock(vmid, "lxc", None)
            raise
    cluster.move(vmid, "lxc", source, target)
    cluster.set_lock(vmid, "lxc", None, target)
    if was_running:
        remote.run("pct", "start", str(vmid))


def exit_status() -> str:
    return os.environ.get("EXIT_STATUS", "")
