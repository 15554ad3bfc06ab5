# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two Proxmox nodes, one of either release, with a cable between them and a guests' bridge made by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
NAME = "pvesimtest"
SHARED = Path("/run/fabric-twin/shared") / NAME
RELEASES = {"pve1": "bookworm", "pve2": "trixie"}
PING_S = 90
SET_UP = """
ip link set lo up
ip link set eth1 up
ip address add 10.9.0.{own}/24 dev eth1
ip address add 10.255.0.{own}/32 dev lo
ip route add 10.255.0.{other}/32 via 10.9.0.{other}
ip link add vmbr1 type bridge stp_state 0 forward_delay 0
ip link set vmbr1 address 02:00:5e:00:01:01 addrgenmode none up
ip address add 169.254.0.1/32 dev vmbr1
ip address add fe80::1/64 dev vmbr1 nodad
"""
HOOK = """#!/bin/sh
echo "$(hostname) $2 ${PVE_MIGRATED_FROM:--}" >>/run/pvesim/hooks
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.live)


class Node:
    def __init__(self, name: str) -> None:
        self.name = name
        self.enter()

    def enter(self) -> None:
        self.pid = Path(f"/run/fabric-twin/nodes/fabric-{NAME}-{self.name}.pid").read_text().split()[0]

    def command(self, *arguments: str) -> list[str]:
        environment = ["env", "-i", "HOME=/root", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"]
        return ["nsenter", f"--target={self.pid}", "--all", "--", *environment, *arguments]

    def run(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False, timeout=300)
        assert not check or done.returncode == 0, f"{self.name}: {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout if check else done.stdout + done.stderr

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            stdin=subprocess.DEVNULL,
        )

    def shell(self, script: str, check: bool = True) -> str:
        return self.run("sh", "-c", script, check=check)

    def links(self, vmid: int) -> set[str]:
        found = json.loads(self.run("ip", "-j", "link"))
        return {entry["ifname"] for entry in found if "ifname" in entry and str(vmid) in entry["ifname"]}

    def owner(self, vmid: int) -> str | None:
        ids = json.loads(self.run("cat", "/etc/pve/.vmlist")).get("ids", {})
        return ids.get(str(vmid), {}).get("node")

    def qmp(self, vmid: int) -> str:
        return self.run("pvesim", "status", str(vmid)).strip()

    def config(self, vmid: int, kind: str = "qemu-server", node: str = "") -> dict[str, str]:
        text = self.run("cat", f"/etc/pve/nodes/{node or self.name}/{kind}/{vmid}.conf")
        return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and not line.startswith("#"))

    def answers(self, address: str) -> bool:
        self.run("ip", "route", "replace", f"{address}/32", "dev", "vmbr1", check=False)
        deadline = time.monotonic() + PING_S
        while time.monotonic() < deadline:
            if " 1 received" in self.run("ping", "-c1", "-W1", address, check=False):
                return True
        return False

    def tell(self, address: str, word: str) -> None:
        """Somebody types it inside of the guest."""
        send = "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(sys.argv[1].encode(), (sys.argv[2], 9))"
        self.run("python3", "-c", f"import socket, sys; {send}", word, address)


class Cluster:
    def __init__(self) -> None:
        self.nodes = {name: Node(name) for name in RELEASES}

    def hooks(self, begin: bool = False) -> list[str]:
        """What hookscripts have been told since the last call with `begin`."""
        path = SHARED / "hooks"
        found = path.read_text().splitlines() if path.exists() else []
        if begin:
            path.unlink(missing_ok=True)
        return found

    def cut_power(self, node: str) -> None:
        command = [sys.executable, str(ROOT / "scripts" / "twin.py"), "podman", "kill", f"fabric-{NAME}-{node}"]
        subprocess.run(command, check=True, capture_output=True)

    def power_on(self, node: str) -> None:
        assert twin()["steps"]["start"] == [node]
        self.nodes[node].enter()

    def events(self, vmid: int, since: float) -> list[dict[str, Any]]:
        lines = (SHARED / "events.jsonl").read_text().splitlines()
        return [one for one in map(json.loads, lines) if one["vmid"] == vmid and one["time"] >= since]


def twin(**options: Any) -> dict[str, Any]:
    program = Path(sys.executable).with_name("ansible")
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build/collections"), "ANSIBLE_NOCOLOR": "1"}
    command = [str(program), "localhost", "-m", "routed.fabric.twin", "-a", json.dumps({"name": NAME, **options})]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout.partition(" => ")[2])
    return result


def set_up(node: Node) -> None:
    own = node.name[-1]
    node.shell(SET_UP.format(own=own, other=3 - int(own)))
    node.shell(f"cat >/var/lib/vz/snippets/hook.sh <<'END'\n{HOOK}END\nchmod +x /var/lib/vz/snippets/hook.sh")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    nodes = []
    for name, release in RELEASES.items():
        command = [str(ROOT / "scripts" / "twin_image.sh"), "--flavour", "proxmox", release]
        image = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]
        nodes.append({"name": name, "image": image, "shared": "/run/pvesim"})
    link = {"a": {"node": "pve1", "interface": "eth1"}, "b": {"node": "pve2", "interface": "eth1"}}
    twin(state="absent")
    twin(nodes=nodes, links=[link])
    found = Cluster()
    for node in found.nodes.values():
        set_up(node)
    yield found
    twin(state="absent")
    assert not SHARED.exists()


@pytest.fixture(scope="session")
def pve1(cluster: Cluster) -> Node:
    return cluster.nodes["pve1"]


@pytest.fixture(scope="session")
def pve2(cluster: Cluster) -> Node:
    return cluster.nodes["pve2"]


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], Any], str], Any]:
    def wait(condition: Callable[[], Any], what: str, timeout_s: float = 60) -> Any:
        deadline = time.monotonic() + timeout_s
        while True:
            result = condition()
            if result:
                return result
            assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
            time.sleep(0.05)

    return wait
