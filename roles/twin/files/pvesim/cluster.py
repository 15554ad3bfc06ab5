# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests as the cluster sees them: whose they are, their configuration files, locks and hookscripts."""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import config as configs
from .config import Config
from .places import LOCKS, PVE, SNIPPETS, PvesimError, event, node_name

DIRECTORY = {"qemu": "qemu-server", "lxc": "lxc"}


def vmlist() -> dict[int, dict[str, Any]]:
    try:
        text = (PVE / ".vmlist").read_text(encoding="utf-8")
    except OSError as exc:
        raise PvesimError(f"ipcc_send_rec failed: {exc.strerror}") from exc
    return {int(vmid): entry for vmid, entry in json.loads(text).get("ids", {}).items()}


def config_path(vmid: int, kind: str, node: str | None = None) -> Path:
    return PVE / "nodes" / (node or node_name()) / DIRECTORY[kind] / f"{vmid}.conf"


def load(vmid: int, kind: str, node: str | None = None) -> Config:
    path = config_path(vmid, kind, node)
    try:
        return configs.parse(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise PvesimError(f"Configuration file '{path.relative_to(PVE)}' does not exist") from exc


def save(vmid: int, kind: str, config: Config, node: str | None = None) -> None:
    """As Proxmox: a new file, then a rename over the old one."""
    path = config_path(vmid, kind, node)
    part = path.with_name(f"{path.name}.tmp.{os.getpid()}")
    part.write_text(configs.write(config), encoding="utf-8")
    part.replace(path)


def move(vmid: int, kind: str, source: str, target: str) -> None:
    """Ownership goes from one node to another; all nodes see it in the same order."""
    config_path(vmid, kind, source).rename(config_path(vmid, kind, target))
    event("config-moved", vmid, source=source, target=target)


def set_lock(vmid: int, kind: str, lock: str | None, node: str | None = None) -> None:
    """Write or remove `lock:` in the configuration."""
    found = load(vmid, kind, node)
    if lock is None:
        found.values.pop("lock", None)
    else:
        check_lock(found)
        found.values["lock"] = lock
    save(vmid, kind, found, node)
    event(f"lock-{lock}" if lock else "unlock", vmid)


def check_lock(config: Config) -> None:
    if config.values.get("lock"):
        raise PvesimError(f"VM is locked ({config.values['lock']})")


@contextlib.contextmanager
def guest_lock(vmid: int, kind: str) -> Iterator[None]:
    """One task at a time for a guest on this node."""
    LOCKS.mkdir(parents=True, exist_ok=True)
    name = f"lock-{vmid}.conf" if kind == "qemu" else f"pve-config-{vmid}.lock"
    descriptor = os.open(LOCKS / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def hook(vmid: int, config: Config, phase: str, stop_on_error: bool = False) -> None:
    """Run the guest's hookscript, as PVE::GuestHelpers does: `SCRIPT VMID PHASE`, with this process's environment."""
    volume = config.values.get("hookscript")
    if not volume:
        return
    script = SNIPPETS / volume.partition("snippets/")[2]
    if not script.is_file() or not os.access(script, os.X_OK):
        raise PvesimError(f"hookscript volume '{volume}' does not exist or is not executable")
    event("hook", vmid, phase=phase, migrated_from=os.environ.get("PVE_MIGRATED_FROM", ""))
    done = subprocess.run([str(script), str(vmid), phase], check=False)
    if done.returncode != 0:
        failed = f"command '{script} {vmid} {phase}' failed: exit code {done.returncode}"
        text = f"hookscript error for {vmid} on {phase}: {failed}"
        if stop_on_error:
            raise PvesimError(text)
        print(text)


def global_addresses() -> list[str]:
    done = subprocess.run(["ip", "-j", "address", "show", "up"], capture_output=True, text=True, check=True)
    return [
        entry["local"]
        for interface in json.loads(done.stdout)
        if "ifname" in interface
        for entry in interface["addr_info"]
        if entry["scope"] == "global" and interface["ifname"] != "vmbr1"
    ]


def migration_address() -> str:
    """Where this node wants migrations to arrive: datacenter.cfg's network, else what the host name stands for.

    Proxmox asks for the same: exactly one address of this node in `migration: secure,network=CIDR`.
    """
    try:
        text = (PVE / "datacenter.cfg").read_text(encoding="utf-8")
    except OSError:
        text = ""
    line = configs.parse(text).values.get("migration", "")
    network = configs.properties(line).get("network")
    addresses = global_addresses()
    if network:
        inside = [a for a in addresses if ipaddress.ip_address(a) in ipaddress.ip_network(network)]
        if len(inside) != 1:
            what = "no" if not inside else "multiple"
            raise PvesimError(
                f"could not get migration ip: {what} IP address configured on local node for network '{network}'"
            )
        return inside[0]
    try:
        named = {str(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), None)}
    except OSError:
        named = set()
    for address in addresses:
        if address in named:
            return address
    six = [a for a in addresses if ":" in a]
    if not addresses:
        raise PvesimError("could not get migration ip: this node has no address but link-local ones")
    return (six or addresses)[0]
