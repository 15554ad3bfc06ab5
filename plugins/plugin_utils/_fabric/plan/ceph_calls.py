# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calls that make a cluster by Proxmox' `pveceph` or by `cephadm`, in order, each with how it is known to be done.

Compared with pveceph(1) of Proxmox VE 9, with cephadm(8), cephadm's table of options, the manual's page on monitors and
the orchestrator's code (Ceph 17 to 20): docs/guides/ceph.md says what of it. Neither program runs in the twin.
"""

from __future__ import annotations

from typing import Any

from ..ceph import Ceph
from ..model import Node

_CEPH = ["cephadm", "shell", "--", "ceph"]


def calls(plan: Ceph, node: Node) -> list[dict[str, Any]]:
    """This node's calls. Those of the first node's come before all others'."""
    return _pveceph(plan, node) if plan.deploy == "pveceph" else _cephadm(plan, node)


def _call(argv: list[str], unless: list[str], contains: str = "", stdin: str = "") -> dict[str, Any]:
    """`unless`: a command that ends well, with `contains` in its output, when there is nothing to do."""
    return {"argv": argv, "unless": unless, "contains": contains, "stdin": stdin}


def _exists(path: str) -> list[str]:
    return ["test", "-e", path]


def _pveceph(plan: Ceph, node: Node) -> list[dict[str, Any]]:
    """The addresses are said: Proxmox looks for the one address in the network, and a node may have several.

    `init` also sets the cluster network to `--network` where no other is given; the identity of the cluster is its own
    choice. The first `mon create` sets the two ms_bind_* by its address, and makes that node's manager as well.
    """
    found = [
        _call(["pveceph", "install", "--repository", "no-subscription"], _exists("/usr/bin/ceph-mon"), stdin="y\n")
    ]
    if node.name == plan.monitors[0]:
        init = ["pveceph", "init", "--network", plan.public_network]
        init += ["--cluster-network", plan.cluster_network] if plan.cluster_network else []
        found.append(_call(init, _exists("/etc/pve/ceph.conf")))
    if node.name in plan.monitors:
        create = ["pveceph", "mon", "create", "--monid", node.name, "--mon-address", plan.addresses[node.name]]
        found.append(_call(create, _exists(f"/var/lib/ceph/mon/ceph-{node.name}")))
    if node.name in plan.managers:
        found.append(
            _call(["pveceph", "mgr", "create", "--id", node.name], _exists(f"/var/lib/ceph/mgr/ceph-{node.name}"))
        )
    for disk in plan.osds.get(node.name, ()):
        found.append(_call(["pveceph", "osd", "create", disk], ["ceph-volume", "lvm", "list", disk]))
    return found


def _cephadm(plan: Ceph, node: Node) -> list[dict[str, Any]]:
    """Everything from the first node.

    cephadm tells a host's networks from the routes of its interfaces, and a /128 on lo is in none: so it is told to
    leave the monitors' network alone (`--skip-mon-network` sets none, whatever cephadm(8) says of it), and each
    monitor's address is said. It would put monitors on hosts as they are added, so that is switched off first. It sets
    ms_bind_ipv6 by the address, and leaves ms_bind_ipv4 on.
    """
    if node.name != plan.monitors[0]:
        return []
    first = plan.addresses[node.name]
    bootstrap = [
        "cephadm",
        "bootstrap",
        "--fsid",
        plan.fsid,
        "--mon-ip",
        first,
        "--skip-mon-network",
        "--skip-dashboard",
    ]
    bootstrap += ["--cluster-network", plan.cluster_network] if plan.cluster_network else []
    found = [
        _call(bootstrap, _exists("/etc/ceph/ceph.client.admin.keyring")),
        _config("global", "public_network", plan.public_network),
        _config("global", "ms_bind_ipv4", str(plan.family == "ipv4").lower()),
        _config("global", "ms_bind_ipv6", str(plan.family == "ipv6").lower()),
    ]
    found.append(
        _call(
            [*_CEPH, "orch", "apply", "mon", "--unmanaged"],
            [*_CEPH, "orch", "ls", "mon", "--export"],
            "unmanaged: true",
        )
    )
    for name, address in plan.addresses.items():
        listed = [*_CEPH, "orch", "host", "ls", "--format", "json"]
        found.append(_call([*_CEPH, "orch", "host", "add", name, address], listed, f'"hostname": "{name}"'))
    for name in plan.monitors[1:]:
        listed = [*_CEPH, "mon", "dump", "--format", "json"]
        add = [*_CEPH, "orch", "daemon", "add", "mon", f"{name}:{_bracketed(plan.addresses[name])}"]
        found.append(_call(add, listed, f'"name":"{name}"'))
    found.append(
        _call(
            [*_CEPH, "orch", "apply", "mgr", f"--placement={','.join(plan.managers)}"],
            [*_CEPH, "orch", "ls", "mgr", "--export"],
            "\n".join(["hosts:", *(f"  - {name}" for name in plan.managers)]),
        )
    )
    for name, disks in plan.osds.items():
        for disk in disks:
            listed = [*_CEPH, "device", "ls-by-host", name]
            # a column of its own: sdb is not sdba
            device = f" {disk.rpartition('/')[2]} "
            found.append(_call([*_CEPH, "orch", "daemon", "add", "osd", f"{name}:{disk}"], listed, device))
    return found


def _config(section: str, key: str, value: str) -> dict[str, Any]:
    return _call([*_CEPH, "config", "set", section, key, value], [*_CEPH, "config", "get", "mon", key], value)


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
