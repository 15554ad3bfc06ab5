# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest's ports on the node's bridges, as Proxmox's pve-bridge and pve-common make them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from .config import Nic
from .places import PvesimError, event

FIREWALL = ("fwbr{vmid}i{number}", "fwln{vmid}i{number}", "fwpr{vmid}p{number}")


def port_name(vmid: int, number: int, kind: str = "qemu") -> str:
    return f"{'tap' if kind == 'qemu' else 'veth'}{vmid}i{number}"


def firewall_names(vmid: int, number: int) -> tuple[str, str, str]:
    """The bridge between, its end and the end on the guests' bridge (which alone has a `p` in its name)."""
    bridge, inside, outside = (text.format(vmid=vmid, number=number) for text in FIREWALL)
    return bridge, inside, outside


def plug_steps(port: str, vmid: int, nic: Nic) -> list[str]:
    """What `ip -batch` is given to put a port on its bridge. Interfaces that are named `ipv6 off` come first."""
    if not nic.firewall:
        return [f"link set dev {port} master {nic.bridge}"]
    bridge, inside, outside = firewall_names(vmid, nic.number)
    return [
        f"link add name {bridge} type bridge stp_state 0 forward_delay 0",
        f"link set dev {bridge} up",
        f"link add name {inside} type veth peer name {outside}",
        f"link set dev {inside} up",
        f"link set dev {outside} up",
        f"link set dev {outside} master {nic.bridge}",
        f"link set dev {inside} master {bridge}",
        f"link set dev {port} master {bridge}",
    ]


def ip(*arguments: str, batch: list[str] | None = None, check: bool = True) -> str:
    command = ["ip", *arguments] if batch is None else ["ip", "-batch", "-"]
    done = subprocess.run(
        command, input="".join(line + "\n" for line in batch or []), capture_output=True, text=True, check=False
    )
    if check and done.returncode != 0:
        raise PvesimError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    return done.stdout


def link(name: str) -> dict[str, Any] | None:
    done = subprocess.run(["ip", "-j", "link", "show", "dev", name], capture_output=True, text=True, check=False)
    return dict(json.loads(done.stdout)[0]) if done.returncode == 0 and done.stdout.strip() else None


def bridge_mtu(bridge: str) -> int:
    found = link(bridge)
    if found is None:
        raise PvesimError(f"bridge '{bridge}' does not exist")
    return int(found["mtu"])


def without_ipv6(port: str) -> None:
    """Ports have no addresses of their own: all of the node's Layer 3 is on the bridge."""
    switch = Path("/proc/sys/net/ipv6/conf", port, "disable_ipv6")
    if switch.exists():
        switch.write_text("1\n", encoding="ascii")


def create_port(port: str, nic: Nic) -> None:
    """What happens to a tap or veth before it is plugged."""
    mtu = bridge_mtu(nic.bridge)
    without_ipv6(port)
    ip(batch=[f"link set dev {port} mtu {nic.mtu or mtu}", f"link set dev {port} up promisc on"])


def plug(port: str, vmid: int, nic: Nic) -> None:
    if nic.link_down:
        return
    unplug(vmid, nic.number)
    ip(batch=plug_steps(port, vmid, nic))
    if nic.firewall:
        for name in firewall_names(vmid, nic.number)[1:]:
            without_ipv6(name)
    event("plugged", vmid, port=port, bridge=nic.bridge)


def unplug(vmid: int, number: int) -> None:
    """Take the firewall's interfaces away. The port itself goes with its process."""
    bridge, inside, dummy = firewall_names(vmid, number)
    for name in (inside, bridge):
        ip("link", "delete", "dev", name, check=False)
