# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`pvecm` with the real corosync, and the parts of `pvesh` and `pveversion` that only read.

Proxmox's nodes have an /etc/pve of their own until `pvecm add`; here all of a twin's nodes share one from the start.
What `create` and `add` change is corosync.conf, the key and the running corosync, as on real nodes.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import cluster, corosync, lxc, qemu
from .corosync import Corosync, Node
from .options import split
from .places import PVE, SHARED, PvesimError, event, node_name
from .qmp import wait_for

CONFIG = PVE / "corosync.conf"
LOCAL = Path("/etc/corosync/corosync.conf")
KEY = Path("/etc/corosync/authkey")
VERSIONS = {"bookworm": "8.4.0", "trixie": "9.0.0"}
Options = dict[str, str]


def _read() -> Corosync:
    try:
        return corosync.parse(CONFIG.read_text(encoding="utf-8"))
    except OSError as exc:
        raise PvesimError(
            f"Error: Corosync config '{CONFIG}' does not exist - is this node part of a cluster?"
        ) from exc


def _links(options: Options) -> list[str]:
    """The addresses given as --link0, --link1, ... (`ADDRESS` or `address=ADDRESS,priority=N`), each up here."""
    found = []
    for number in range(8):
        text = options.get(f"link{number}")
        if text is None:
            break
        address = text.partition(",")[0].removeprefix("address=")
        try:
            family = ipaddress.ip_address(address)
        except ValueError as exc:
            raise PvesimError(
                f"400 Parameter verification failed.\nlink{number}: '{address}' is not an address"
            ) from exc
        shown = subprocess.run(
            ["ip", "address", "show", "to", f"{address}/{family.max_prefixlen}", "up"],
            capture_output=True,
            text=True,
            check=False,
        )
        if not shown.stdout.strip():
            raise PvesimError(f"link{number}: cannot use IP '{address}', not found on local node!")
        found.append(address)
    return found or [_own_address()]


def _own_address() -> str:
    """What the node's name stands for; pmxcfs does not even start when that is the machine itself."""
    name = socket.gethostname()
    try:
        addresses = [str(entry[4][0]) for entry in socket.getaddrinfo(name, None)]
    except OSError as exc:
        raise PvesimError(f"Unable to get local IP address: '{name}' does not resolve") from exc
    outside = [text for text in addresses if not ipaddress.ip_address(text.partition("%")[0]).is_loopback]
    if not outside:
        raise PvesimError(
            f"Unable to resolve node name '{name}' to a non-loopback IP address - missing entry in '/etc/hosts'?"
        )
    return outside[0]


def _write_key(key: bytes) -> None:
    KEY.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(KEY, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o400)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(key)


def _start() -> None:
    LOCAL.write_text(CONFIG.read_text(encoding="utf-8"), encoding="utf-8")
    done = subprocess.run(["systemctl", "restart", "corosync"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PvesimError(f"starting corosync failed: {done.stderr.strip()}")


def create(positions: list[str], options: Options) -> None:
    if CONFIG.exists():
        raise PvesimError(f"cluster config '{CONFIG}' already exists")
    if not positions or not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9-]{0,14}", positions[0]):
        raise PvesimError("400 Parameter verification failed.\nclustername: 1 to 15 letters, digits and dashes")
    _own_address()
    links = _links(options)
    key = os.urandom(256)
    print("Corosync Cluster Engine Authentication key generator.\nGathering 2048 bits for key from /dev/urandom.")
    print(f"Writing corosync key to {KEY}.")
    _write_key(key)
    shared = SHARED / "authkey"
    shared.write_bytes(key)
    shared.chmod(0o600)
    own = Node(node_name(), int(options.get("nodeid", "1")), links, int(options.get("votes", "1")))
    print(f"Writing corosync config to {CONFIG}")
    CONFIG.write_text(corosync.write(Corosync(positions[0], 1, [own])), encoding="utf-8")
    print("Restart corosync and cluster filesystem")
    _start()
    event("cluster-created", name=positions[0])


def add(positions: list[str], options: Options) -> None:
    """`pvecm add HOST`. HOST has to be a member; passwords, fingerprints and --use_ssh are taken and not looked at."""
    if KEY.exists() and not options.get("force"):
        raise PvesimError(
            f"detected the following error(s):\n* authentication key '{KEY}' already exists\n"
            "Check if node may join a cluster failed!"
        )
    if not positions:
        raise PvesimError("400 not enough arguments\npvecm add <hostname> [OPTIONS]")
    _own_address()
    links = _links(options)
    found = _read()
    known = {name for node in found.nodes for name in (node.name, *node.addresses)}
    try:
        given = {str(entry[4][0]) for entry in socket.getaddrinfo(positions[0], None)}
    except OSError:
        given = set()
    if not known & {positions[0], *given}:
        raise PvesimError(f"Connection to '{positions[0]}' failed: it is no member of the cluster '{found.name}'")
    found.nodes = [node for node in found.nodes if node.name != node_name()]
    used = {node.nodeid for node in found.nodes}
    free = next(number for number in range(1, len(used) + 2) if number not in used)
    found.nodes.append(Node(node_name(), int(options.get("nodeid", free)), links, int(options.get("votes", "1"))))
    found.version += 1
    print(f"Establishing API connection with host '{positions[0]}'\nRequest addition of this node")
    CONFIG.write_text(corosync.write(found), encoding="utf-8")
    print("Join request OK, finishing setup locally\nstopping pve-cluster service")
    _write_key((SHARED / "authkey").read_bytes())
    _start()
    print("waiting for quorum...", end="", flush=True)
    if not wait_for(_quorate, 60, 0.5):
        raise PvesimError("no quorum within 60 s")
    print(f"OK\nsuccessfully added node '{node_name()}' to cluster.")
    event("cluster-joined", name=found.name)


def _quorate() -> bool:
    done = subprocess.run(["corosync-quorumtool", "-s"], capture_output=True, text=True, check=False)
    return bool(re.search(r"^Quorate:\s+Yes", done.stdout, re.MULTILINE))


def delnode(positions: list[str], _options: Options) -> None:
    found = _read()
    left = [node for node in found.nodes if node.name not in positions]
    if not positions or len(left) == len(found.nodes):
        raise PvesimError(
            f"error during cfs-locked 'file-corosync_conf' operation: no such node: {' '.join(positions)}"
        )
    found.nodes = left
    found.version += 1
    CONFIG.write_text(corosync.write(found), encoding="utf-8")


def status(_positions: list[str], _options: Options) -> None:
    found = _read()
    print("Cluster information\n-------------------")
    for key, value in (
        ("Name", found.name),
        ("Config Version", found.version),
        ("Transport", "knet"),
        ("Secure auth", "on"),
    ):
        print(f"{key + ':':<17} {value}")
    print(flush=True)
    subprocess.run(["corosync-quorumtool", "-siH"], check=False)


def _tool(*command: str) -> Callable[[list[str], Options], None]:
    def run(positions: list[str], _options: Options) -> None:
        _read()
        done = subprocess.run([*command, *positions], check=False)
        if done.returncode not in (0, 1, 2):
            raise PvesimError(f"{command[0]} ended with {done.returncode}")

    return run


PVECM: dict[str, Callable[[list[str], Options], None]] = {
    "create": create,
    "add": add,
    "delnode": delnode,
    "status": status,
    "nodes": _tool("corosync-quorumtool", "-l"),
    "expected": _tool("corosync-quorumtool", "-e"),
    "updatecerts": lambda _positions, _options: None,
}


def pvecm(arguments: list[str]) -> None:
    positions, options = split(arguments, ("use_ssh", "force", "silent"))
    name = positions[0] if positions else ""
    if name not in PVECM:
        raise PvesimError(f"ERROR: unknown command 'pvecm {name}'; pvesim has: {' '.join(PVECM)}")
    PVECM[name](positions[1:], options)


def version() -> str:
    text = Path("/etc/os-release").read_text(encoding="utf-8")
    found = re.search(r"^VERSION_CODENAME=(\w+)", text, re.MULTILINE)
    return (
        f"pve-manager/{VERSIONS.get(found[1] if found else '', '9.0.0')}/pvesim (running kernel: {os.uname().release})"
    )


def _sections(path: Path, key: str) -> list[dict[str, Any]]:
    """A section file of Proxmox's: `TYPE: ID`, then indented `key value` lines."""
    found: list[dict[str, Any]] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return found
    for line in lines:
        head = re.fullmatch(r"(\S+):\s*(\S+)\s*", line)
        if head:
            found.append({"type": head[1], key: head[2]})
        elif line[:1].isspace() and line.strip() and found:
            name, dummy, value = line.strip().partition(" ")
            found[-1][name] = value.strip()
    return found


def _resources() -> list[dict[str, Any]]:
    found = []
    for number, entry in sorted(cluster.vmlist().items()):
        kind, here = str(entry["type"]), entry["node"] == node_name()
        up = here and (qemu.running(number) if kind == "qemu" else lxc.running(number))
        name = cluster.load(number, kind, entry["node"]).values.get("name", "")
        state = "unknown" if not here else "running" if up else "stopped"
        found.append(
            {
                "id": f"{kind}/{number}",
                "vmid": number,
                "type": kind,
                "node": entry["node"],
                "name": name,
                "status": state,
            }
        )
    return found


def _get(path: str) -> Any:
    parts = [part for part in path.split("/") if part]
    nodes = sorted(entry.name for entry in (PVE / "nodes").iterdir())
    if parts == ["version"]:
        number = version().split("/")[1]
        return {"version": number, "release": number.rpartition(".")[0], "repoid": "pvesim"}
    if parts == ["nodes"]:
        return [{"node": name, "type": "node", "id": f"node/{name}", "status": "online"} for name in nodes]
    if parts == ["cluster", "resources"]:
        return _resources() + [
            {"id": f"node/{name}", "type": "node", "node": name, "status": "online"} for name in nodes
        ]
    if parts == ["cluster", "config", "nodes"]:
        members = _read().nodes
        return [{"node": one.name, "nodeid": one.nodeid, "ring0_addr": one.addresses[0]} for one in members]
    if parts == ["cluster", "status"]:
        return list(json.loads((PVE / ".members").read_text(encoding="utf-8")).get("nodelist", {}).items())
    if len(parts) == 3 and parts[0] == "nodes" and parts[2] in ("qemu", "lxc"):
        return [one for one in _resources() if one["node"] == parts[1] and one["type"] == parts[2]]
    if parts[:2] == ["cluster", "sdn"] and len(parts) >= 3:
        key = {"zones": "zone", "vnets": "vnet", "controllers": "controller", "fabrics": "id"}.get(parts[2], "id")
        return _sections(PVE / "sdn" / f"{parts[2]}.cfg", key)
    raise PvesimError(
        f"No '{path}' resource defined: pvesim has only what reads versions, nodes, guests and SDN's files"
    )


def pvesh(arguments: list[str]) -> None:
    positions, options = split(arguments, ("human-readable", "noborder", "noheader"))
    if positions[:1] != ["get"] or len(positions) < 2:
        raise PvesimError(
            "usage: pvesh get PATH [--output-format json|json-pretty]; pvesim changes nothing by this way"
        )
    indent = 3 if options.get("output-format") == "json-pretty" else None
    print(json.dumps(_get(positions[1]), indent=indent, sort_keys=True))
