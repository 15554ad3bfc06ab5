# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must be true of the node before anything is changed. Private to the collection."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._frr._errors import FrrConfigError, FrrError

SDN = Path("/etc/pve/sdn/.running-config")
SDN_LOCAL = Path("/etc/frr/frr.conf.local")


def check_owner(sdn: Path = SDN, local: Path = SDN_LOCAL) -> None:
    """Proxmox's SDN writes the whole of frr.conf on every apply as soon as it has something for FRR.

    Raises FrrError with the reason and the way out.
    """
    try:
        running = json.loads(sdn.read_text(encoding="utf-8"))
    except FileNotFoundError:
        running = {}
    except (OSError, ValueError) as exc:
        raise FrrError(f"cannot read {sdn}, so it is not known who owns /etc/frr/frr.conf: {exc}") from exc
    for kind in ("controllers", "fabrics"):
        names = sorted(_ids(running.get(kind)))
        if names:
            raise FrrError(
                f"Proxmox's SDN owns /etc/frr/frr.conf on this node: {sdn} has {kind} ({', '.join(names)}), "
                "and it rewrites the file on every apply. "
                "Remove them in Datacenter > SDN and apply, or leave FRR of this node to Proxmox"
            )
    if local.exists():
        raise FrrError(
            f"Proxmox's SDN owns /etc/frr/frr.conf on this node: {local} exists, "
            "which makes it rewrite the file on every apply. "
            f"Move its lines into this module's config and delete {local}, or leave FRR of this node to Proxmox"
        )


def _ids(section: Any) -> list[str]:
    if not isinstance(section, Mapping):
        return []
    inner = section.get("ids", section)
    return [str(name) for name in inner] if isinstance(inner, Mapping) else []


def own_addresses(proc: Path = Path("/proc/net")) -> set[str]:
    """The node's addresses of both families, in their usual spelling."""
    found: set[str] = set()
    try:
        candidate = ""
        for line in (proc / "fib_trie").read_text(encoding="ascii").splitlines():
            address = re.search(r"\|-- (\S+)$", line)
            if address:
                candidate = address.group(1)
            elif "host LOCAL" in line and candidate:
                found.add(candidate)
    except FileNotFoundError:
        pass
    try:
        for line in (proc / "if_inet6").read_text(encoding="ascii").splitlines():
            found.add(str(ipaddress.IPv6Address(int(line.split()[0], 16))))
    except FileNotFoundError:
        pass
    return found


def check_neighbors(config: Mapping[str, Any], own: set[str]) -> None:
    """A neighbour with the node's own address: FRR refuses it. Raises FrrConfigError."""
    for number, instance in enumerate(config.get("instances") or ()):
        if (instance.get("vrf") or "default") != "default":
            continue  # addresses of other VRFs are not in the tables read here
        for position, neighbor in enumerate(instance.get("neighbors") or ()):
            name = str(neighbor["neighbor"])
            try:
                name = str(ipaddress.ip_address(name))
            except ValueError:
                continue
            if name in own:
                raise FrrConfigError(
                    f"instances[{number}].neighbors[{position}].neighbor",
                    name,
                    f"{name} is an address of this node itself, a router cannot be its own neighbor",
                )
