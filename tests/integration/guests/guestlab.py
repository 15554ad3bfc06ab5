# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests of a standing twin: Proxmox's commands, who announces what, and the prober."""

from __future__ import annotations

import ipaddress
import json
import re
import signal
import subprocess
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from standing import CHECKOUT, Fabric

PROBER = CHECKOUT / "build" / "prober"
OBSERVER = "tor1"
PROBING = "gw1"


def prober() -> Path:
    """The compiled prober."""
    source = Path(__file__).with_name("prober.c")
    if not PROBER.exists() or PROBER.stat().st_mtime < source.stat().st_mtime:
        PROBER.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["gcc", "-O2", "-Wall", "-o", str(PROBER), str(source), "-lm"], check=True)
    return PROBER


@dataclass(frozen=True)
class Probed:
    """What the prober saw, for all flows."""

    report: dict[str, Any]

    @property
    def lost(self) -> int:
        return sum(flow["lost"] for flow in self.report["flows"])

    @property
    def late(self) -> int:
        return sum(flow["late"] for flow in self.report["flows"])

    @property
    def duplicates(self) -> int:
        return sum(flow["duplicates"] for flow in self.report["flows"])

    @property
    def gap_ms(self) -> float:
        """Of the worst flow."""
        return max(flow["gap_ms"] for flow in self.report["flows"])

    @property
    def interval(self) -> dict[str, float]:
        return dict(self.report["interval_ms"])


class Probe:
    """A running prober, in the namespace of a third node. Stop it by `end`."""

    def __init__(self, fabric: Guests, addresses: Collection[str], *, flows: int = 2, interval_ms: float = 10) -> None:
        command = ["nsenter", "-t", fabric.pid(PROBING), "-n", str(prober())]
        command += ["-i", str(interval_ms), "-n", str(flows), *addresses]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self) -> Probed:
        self._process.send_signal(signal.SIGINT)
        out, err = self._process.communicate(timeout=30)
        assert self._process.returncode == 0, err
        return Probed(json.loads(out))


class Guests(Fabric):
    """The twin, seen as a Proxmox cluster."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self.pves = [name for name, node in self.nodes.items() if "proxmox" in node["functions"]]
        self.asn = {name: int(self.nodes[name]["asn"]) for name in self.pves}
        self.name = next(iter(self.nodes.values()))["fabric"]
        self.shared = Path("/run/fabric-twin/shared") / self.name
        listing = json.loads(self._run(["ansible-inventory", "-i", str(file), "--list"]).stdout)
        values = next(v for v in listing["_meta"]["hostvars"].values() if "fabric_guests" in v)
        self.guests: dict[str, dict[str, Any]] = values["fabric_guests"]
        hosts = listing["_meta"]["hostvars"]
        self.machines = {name: dict(hosts[name]["fabric_node"]["twin"]["container"]) for name in self.nodes}
        self.links: list[dict[str, Any]] = hosts[self.pves[0]]["fabric_links"]

    def pid(self, node: str) -> str:
        return Path(f"/run/fabric-twin/nodes/{self.containers[node]}.pid").read_text(encoding="ascii").split()[0]

    # --- Proxmox

    def pvesim_settings(self, **values: Any) -> None:
        words = " ".join(f"'{key}={json.dumps(value)}'" for key, value in values.items())
        self.ask(self.pves[0], f"pvesim settings {words}")

    def vmlist(self, node: str | None = None) -> dict[int, dict[str, Any]]:
        """As *node* sees it; else as the first node that can read it, while pvesim may have been killed on others."""
        # In one read: each is answered with what holds at that moment, as by pmxcfs.
        read = "dd if=/etc/pve/.vmlist bs=1M count=1 status=none"
        asked = [node] if node else self.pves
        done = self.wait(
            f".vmlist on {' or '.join(asked)}",
            lambda: next((d for n in asked if (d := self.shell(n, read)).returncode == 0), None),
            20,
        )
        return {int(vmid): entry for vmid, entry in json.loads(done.stdout).get("ids", {}).items()}

    def owner(self, vmid: int) -> str:
        return str(self.vmlist()[vmid]["node"])

    def tool(self, vmid: int) -> str:
        return "pct" if self.vmlist()[vmid]["type"] == "lxc" else "qm"

    def qm(self, vmid: int, what: str, *, node: str | None = None, fails: bool = False) -> str:
        """A command of `qm` or `pct` about a guest, on the node that has it."""
        command = f"{self.tool(vmid)} {what.split(' ', 1)[0]} {vmid} {' '.join(what.split(' ', 1)[1:])}"
        done = self.shell(node or self.owner(vmid), command)
        assert (done.returncode != 0) == fails, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def inside(self, vmid: int, what: str) -> None:
        """Have a guest do something to itself: poweroff, reboot, crash."""
        address = self.addresses(vmid)[0]
        family = "AF_INET6" if ":" in address else "AF_INET"
        send = f'import socket; socket.socket(socket.{family}, socket.SOCK_DGRAM).sendto(b"{what}", ("{address}", 9))'
        self.ask(self.owner(vmid), f"python3 -c '{send}'")

    def config_line(self, vmid: int, key: str) -> str:
        """The value of a line of the guest's configuration."""
        lines = self.qm(vmid, "config").splitlines()
        return next(line.partition(": ")[2] for line in lines if line.startswith(f"{key}: "))

    def power(self, node: str, on: bool) -> None:
        """Take a node's power away, or give it back and wait until its agent runs."""
        nodes = [{**machine, "powered": on or name != node} for name, machine in self.machines.items()]
        self.twin(nodes=nodes, links=self.links)
        if on:
            self.comes_back(node)

    def comes_back(self, node: str) -> None:
        self.wait(
            f"{node}'s agent ready",
            lambda: self.shell(node, "systemctl is-active routed-guests pve-cluster").returncode == 0,
            90,
        )

    def ports(self, node: str) -> set[str]:
        return set(self.ask(node, "ls /sys/class/net").split())

    def has_port(self, node: str, vmid: int) -> bool:
        return bool({f"tap{vmid}i0", f"veth{vmid}i0"} & self.ports(node))

    def home(self) -> None:
        """Every guest of the file runs where the file has it, and answers: one that boots is announced before."""
        found = self.vmlist()
        for guest in self.guests.values():
            vmid, node = guest["vmid"], guest["node"]
            if found[vmid]["node"] != node:
                if self.has_port(found[vmid]["node"], vmid):
                    self.qm(vmid, "stop")
                self.qm(vmid, f"migrate {node}")
            if not self.has_port(node, vmid):
                self.qm(vmid, "start")
        for guest in self.guests.values():
            self.announced(guest["vmid"], guest["node"])
            self.wait(
                f"{guest['vmid']} answers", lambda g=guest: all(self.answers(address) for address in g["addresses"]), 60
            )

    def events(self, vmid: int, since: float) -> list[dict[str, Any]]:
        lines = (self.shared / "events.jsonl").read_text(encoding="utf-8").splitlines()
        found = [json.loads(line) for line in lines]
        return [entry for entry in found if entry["vmid"] == vmid and entry["time"] >= since]

    def pause_ms(self, vmid: int, since: float, source: str, target: str) -> float:
        """From QEMU's STOP on the source to RESUME on the target, by QEMU's own events."""
        times = {(entry["event"], entry["node"]): entry["time"] for entry in self.events(vmid, since)}
        return float(times["qmp-RESUME", target] - times["qmp-STOP", source]) * 1000

    # --- the agent

    def status(self, node: str) -> dict[str, Any]:
        return dict(self.json(node, "routed-guests status --json"))

    def journal(self, node: str, since: float) -> str:
        return self.ask(node, f"journalctl -u routed-guests --no-pager -o cat --since @{since:.3f}")

    # --- the fabric

    def addresses(self, vmid: int) -> list[str]:
        return next(guest["addresses"] for guest in self.guests.values() if guest["vmid"] == vmid)

    def prefix(self, address: str) -> str:
        parsed = ipaddress.ip_address(address)
        return f"{address}/{parsed.max_prefixlen}"

    def paths(self, address: str, observer: str = OBSERVER) -> list[dict[str, Any]]:
        afi = f"ipv{ipaddress.ip_address(address).version}"
        found = self.json(observer, f"vtysh -c 'show bgp {afi} unicast {self.prefix(address)} json'")
        return list(found.get("paths", []))

    def originators(self, address: str, observer: str = OBSERVER) -> set[str]:
        """The Proxmox nodes from which a third router has a path."""
        asns = {int(re.split(r"\s+", path["aspath"]["string"])[-1]) for path in self.paths(address, observer)}
        return {name for name, asn in self.asn.items() if asn in asns}

    def announced(self, vmid: int, node: str | None, deadline_s: float = 45) -> None:
        """Each address of a guest is announced by this node alone, or by none."""
        expected = {node} if node else set()
        for address in self.addresses(vmid):
            seen: list[set[str]] = []
            try:
                self.wait(
                    f"{address} announced by {node or 'nobody'}",
                    lambda a=address, s=seen: [s.append(self.originators(a))] and s[-1] == expected,
                    deadline_s,
                )
            except AssertionError as exc:
                status = {name: self.shell(name, "routed-guests status --json").stdout for name in self.pves}
                raise AssertionError(f"{exc}; seen {seen[-1]}; the agents: {status}") from None

    def answers(self, address: str) -> bool:
        return self.shell(PROBING, f"ping -c 1 -W 1 {address}").returncode == 0

    def settle(self, seconds: float) -> None:
        """Let time pass where it is time itself that is looked at."""
        time.sleep(seconds)
