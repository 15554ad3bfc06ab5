# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes and guests as network namespaces, without Proxmox: a plain directory stands where /etc/pve is.

The agent that runs is the real one, with the Python, nft and iproute2 of a Debian release's root file system.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CODE = Path(__file__).resolve().parents[3] / "roles" / "routed_guests" / "files" / "routed_guests"
PREFIXES = ["2.57.57.0/24", "2001:678:3a4:100::/56"]
BRIDGE_MAC = "02:00:5e:00:01:01"
CLONE_NEWNET = 0x40000000


def run(*command: str, text: str = "", check: bool = True) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def until(what: str, condition: Callable[[], Any], seconds: float = 15) -> Any:
    """The first true value of the condition; AssertionError says what did not come."""
    limit = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > limit:
            raise AssertionError(f"not within {seconds} s: {what} (last: {value!r})")
        time.sleep(0.01)


class Namespace:
    def __init__(self, name: str) -> None:
        self.name = name
        run("ip", "netns", "add", name)
        self.run("ip", "link", "set", "lo", "up")

    def run(self, *command: str, text: str = "", check: bool = True) -> str:
        return run("ip", "netns", "exec", self.name, *command, text=text, check=check)

    def batch(self, lines: Sequence[str]) -> None:
        self.run("ip", "-batch", "-", text="\n".join(lines) + "\n")

    def ip(self, *words: str) -> Any:
        return json.loads(self.run("ip", "-j", *words) or "[]")

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Sockets made here belong to the namespace."""
        libc = ctypes.CDLL(None, use_errno=True)
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            if libc.setns(there, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            yield
        finally:
            libc.setns(home, CLONE_NEWNET)
            os.close(home)
            os.close(there)

    def socket(self, *arguments: int) -> socket.socket:
        with self.inside():
            return socket.socket(*arguments)

    def delete(self) -> None:
        run("ip", "netns", "del", self.name, check=False)


class Cluster:
    """What pmxcfs would say, seen by each node in a directory of its own."""

    def __init__(self) -> None:
        self.ids: dict[int, dict[str, Any]] = {}
        self.configs: dict[int, str] = {}
        self.guests: list[dict[str, Any]] = []
        self.counter = 1
        self.views: dict[str, Path] = {}

    def add(self, vmid: int, node: str, config: str, kind: str = "qemu") -> None:
        self.counter += 1
        self.ids[vmid] = {"node": node, "type": kind, "version": self.counter}
        self.configs[vmid] = config
        self.publish()

    def move(self, vmid: int, node: str, views: Sequence[str] | None = None) -> None:
        self.counter += 1
        self.ids[vmid] = {**self.ids[vmid], "node": node, "version": self.counter}
        self.publish(views)

    def edit(self, vmid: int, config: str) -> None:
        self.add(vmid, self.ids[vmid]["node"], config, self.ids[vmid]["type"])

    def remove(self, vmid: int) -> None:
        self.counter += 1
        del self.ids[vmid]
        self.publish()

    def publish(self, views: Sequence[str] | None = None) -> None:
        for view in views or self.views:
            self._write(self.views[view])

    def _write(self, root: Path) -> None:
        for vmid, entry in self.ids.items():
            folder = root / "nodes" / entry["node"] / ("lxc" if entry["type"] == "lxc" else "qemu-server")
            path = folder / f"{vmid}.conf"
            if not path.exists() or path.read_text() != self.configs[vmid]:
                for old in root.glob(f"nodes/*/*/{vmid}.conf"):
                    old.unlink()
                folder.mkdir(parents=True, exist_ok=True)
                self.replace(path, self.configs[vmid])
        (root / "fabric").mkdir(exist_ok=True)
        guests = json.dumps({"guests": self.guests})
        path = root / "fabric" / "guests.json"
        if not path.exists() or path.read_text() != guests:
            self.replace(path, guests)
        ids = ",\n".join(f'"{vmid}":{json.dumps(entry)}' for vmid, entry in self.ids.items())
        self.replace(root / ".vmlist", f'{{\n"version": {self.counter},\n"ids": {{\n{ids}\n}}\n}}\n')
        self.replace(root / ".version", json.dumps({"starttime": 1, "vmlist": self.counter}))

    @staticmethod
    def replace(path: Path, text: str) -> None:
        draft = path.with_name(path.name + ".new")
        draft.write_text(text)
        draft.rename(path)


class Node:
    """A Proxmox node as far as the agent sees one."""

    def __init__(self, name: str, number: int, work: Path, rootfs: Path, cluster: Cluster) -> None:
        self.name, self.number, self.rootfs, self.cluster = name, number, rootfs, cluster
        self.work = work / name
        self.pve = self.work / "pve"
        self.run_directory = self.work / "run"
        for folder in (self.pve, self.run_directory, self.work / "qmp"):
            folder.mkdir(parents=True)
        shutil.copytree(CODE, self.work / "code" / "routed_guests", ignore=shutil.ignore_patterns("__pycache__"))
        cluster.views[name] = self.pve
        cluster.publish([name])
        self.space = Namespace(f"rg{os.getpid()}-{name}")
        self.loopback = f"2001:db8:100::{number:x}"
        self.link_local = f"fe80::{number:x}"
        self.mac = f"02:fd:00:00:00:{number:02x}"
        self.process: subprocess.Popen[bytes] | None = None
        self.log = self.work / "agent.log"
        self.extra: dict[str, Any] = {}
        self.programs = ""  # a folder that comes before the release's programs
        self.space.run("sysctl", "-qw", "net.ipv6.conf.default.addr_gen_mode=1")
        self.make_bridge()
        self.space.batch([f"address add {self.loopback}/128 dev lo"])
        for setting, value in (
            ("net.ipv4.ip_forward", "1"),
            ("net.ipv6.conf.all.forwarding", "1"),
            ("net.ipv4.conf.all.rp_filter", "2"),
            ("net.bridge.bridge-nf-call-iptables", "1"),
            ("net.bridge.bridge-nf-call-ip6tables", "1"),
            ("net.ipv4.conf.all.send_redirects", "0"),
            ("net.ipv4.conf.default.send_redirects", "0"),
        ):
            self.space.run("sysctl", "-qw", f"{setting}={value}")

    def make_bridge(self) -> None:
        self.space.batch(
            [
                "link add vmbr1 type bridge stp_state 0 forward_delay 0",
                f"link set vmbr1 address {BRIDGE_MAC} addrgenmode none up",
                "address add 169.254.0.1/32 dev vmbr1",
                "address add fe80::1/64 dev vmbr1 nodad",
            ]
        )

    def config(self, peers: Sequence[Node] = ()) -> dict[str, Any]:
        forward = {
            "interface": "fabric-fwd", "vni": 211, "port": 4787, "mtu": 1430,
            "local": self.loopback, "mac": self.mac, "link_local": self.link_local,
            "peers": {p.name: {"address": p.loopback, "mac": p.mac, "link_local": p.link_local} for p in peers},
        }  # fmt: skip
        return {
            "node": self.name, "bridge": "vmbr1", "table": 100, "incoming_table": 102, "protocol": 212,
            "metrics": {"fresh": 10, "steady": 11, "leaving": 12}, "prefixes": PREFIXES,
            "guests_file": "/mnt/pve/fabric/guests.json", "sources": ["fabric"],
            "forward": forward if peers else None,
            "timing": {"fresh_s": 1, "leaving_min_s": 0.5, "leaving_max_s": 3, "poll_s": 0.2, "fast_poll_s": 0.025,
                       "resync_s": 30},
            "pve": "/mnt/pve", "qmp": "/mnt/qmp", "run": "/mnt/run", **self.extra,
        }  # fmt: skip

    def configure(self, *peers: Node) -> None:
        (self.work / "config.json").write_text(json.dumps(self.config(peers)))

    def command(self, *arguments: str) -> list[str]:
        """The agent's program inside the release's root file system and this node's network."""
        inner = (
            f"mount --bind {self.work} {self.rootfs}/mnt && mount -t proc proc {self.rootfs}/proc && "
            f"mount -t tmpfs tmpfs {self.rootfs}/run && "
            f"exec chroot {self.rootfs} /usr/bin/env PYTHONPATH=/mnt/code PYTHONDONTWRITEBYTECODE=1 "
            f"PATH={self.programs}:/usr/sbin:/usr/bin:/sbin:/bin "
            f"/usr/bin/python3 -m routed_guests --config /mnt/config.json {' '.join(arguments)}"
        )
        return ["nsenter", f"--net=/run/netns/{self.space.name}", "unshare", "--mount", "sh", "-c", inner]

    def agent(self, *arguments: str, check: bool = True) -> str:
        return run(*self.command(*arguments), check=check)

    def nft(self, *arguments: str, text: str = "") -> str:
        return run(
            "nsenter", f"--net=/run/netns/{self.space.name}", "chroot", str(self.rootfs), "nft", *arguments, text=text
        )

    def start(self, ready: bool = True) -> None:
        (self.run_directory / "status.json").unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command("run"), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        if ready:
            until(f"{self.name}'s agent is ready", lambda: self.alive() and self.status())

    def alive(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise AssertionError(f"{self.name}'s agent has ended:\n{self.log.read_text()[-3000:]}")
        return True

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(10)
            self.process = None

    def status(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.run_directory / "status.json").read_text())
        except (OSError, ValueError):
            return {}
        return found

    def state(self, vmid: int) -> str:
        return next((guest["state"] for guest in self.status().get("guests", ()) if guest["vmid"] == vmid), "")

    def journal(self) -> list[str]:
        return self.log.read_text().splitlines()

    def routes(self, table: int = 100) -> set[str]:
        """Our routes of both families, in the words that matter."""
        found = set()
        for family in ("-4", "-6"):
            text = self.space.run("ip", "-j", family, "route", "show", "table", str(table), "proto", "212", check=False)
            routes = text.strip() if text.strip().endswith("}]") else "[]"  # without routes there is no table
            for route in json.loads(routes):
                via = route.get("gateway") or route.get("via", {}).get("host", "")
                words = [route["dst"], f"via {via}" if via else "", f"dev {route['dev']}", f"metric {route['metric']}"]
                found.add(" ".join(word for word in words if word))
        return found

    def delete(self) -> None:
        try:
            if self.process is not None and self.process.poll() is None:
                self.stop(signal.SIGKILL)
        finally:
            self.space.delete()


class Guest:
    """A machine behind a tap: it is the same one wherever it is plugged in, and only one of its places runs."""

    made = 0

    def __init__(self, vmid: int, mac: str, addresses: Sequence[str]) -> None:
        self.vmid, self.mac, self.addresses = vmid, mac, list(addresses)

    def entry(self, **more: Any) -> dict[str, Any]:
        return {
            "name": f"web{self.vmid}",
            "vmid": self.vmid,
            "mac": self.mac,
            "addresses": self.addresses,
            "prefixes": [],
            **more,
        }

    def config(self, *lines: str) -> str:
        return "\n".join((*lines, f"name: web{self.vmid}", f"net0: virtio={self.mac.upper()},bridge=vmbr1", ""))

    def plug(self, node: Node, port: str = "", master: str = "vmbr1") -> Place:
        return Place(self, node, port or f"tap{self.vmid}i0", master)


class Place:
    """Where a guest's interface is plugged in."""

    def __init__(self, guest: Guest, node: Node, port: str, master: str) -> None:
        Guest.made += 1
        self.guest, self.node, self.port = guest, node, port
        self.space = Namespace(f"rg{os.getpid()}-g{Guest.made}")
        node.space.batch(
            [
                f"link add {port} type veth peer name eth0 netns {self.space.name}",
                f"link set {port} addrgenmode none",
                f"link set {port} master {master} up",
            ]
        )
        lines = [f"link set eth0 address {guest.mac} up"]
        for address in guest.addresses:
            lines.append(
                f"address add {address}/{128 if ':' in address else 32} dev eth0{' nodad' if ':' in address else ''}"
            )
        lines += [
            "route add default via 169.254.0.1 dev eth0 onlink",
            "route add default via fe80::1 dev eth0",
        ]
        self.space.batch(lines)

    def unplug(self) -> None:
        self.node.space.run("ip", "link", "del", self.port, check=False)
        self.space.delete()


def join(first: Node, second: Node) -> None:
    """A link between two nodes, and the way to each other's loopback."""
    name = f"up{second.number}"
    first.space.batch([f"link add {name} type veth peer name up{first.number} netns {second.space.name}"])
    for one, other in ((first, second), (second, first)):
        one.space.batch(
            [
                f"link set up{other.number} up",
                f"address add fe80::ff:{one.number:x}/64 dev up{other.number} nodad",
                f"route add {other.loopback}/128 via fe80::ff:{other.number:x} dev up{other.number} src {one.loopback}",
                # rp_filter=2, as pve-firewall sets it, wants a way back to whatever source
                f"route add 0.0.0.0/0 via inet6 fe80::ff:{other.number:x} dev up{other.number}",
                f"route add ::/0 via fe80::ff:{other.number:x} dev up{other.number}",
            ]
        )
