# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""The running cluster, asked with the administrator's key. Everything that `ceph` is told is told here."""

from __future__ import annotations

import ipaddress
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._ceph._errors import CephError
from ansible_collections.routed.fabric.plugins.module_utils._ceph._wanted import Address, vector

Run = Callable[[Sequence[str]], "tuple[int, str, str]"]
KINDS = ("mon", "mgr", "osd", "mds")
CONNECT_S = 10
# Not against a restart: noout is our own, disks and pools are a person's. OSD_UNREACHABLE (HEALTH_ERR) is what a
# monitor says of OSDs outside of the public_network in its own file, so it is there from the first to the last step of
# a change of that network; that OSDs can be reached is seen by their being up, and by clean placement groups.
NO_DOUBT = ("OSDMAP_FLAGS", "OSD_UNREACHABLE", "MON_DISK_LOW", "POOL_NO_REDUNDANCY")


@dataclass(frozen=True)
class Member:
    """A monitor of the monmap."""

    name: str
    vector: str
    addresses: tuple[Address, ...]


@dataclass(frozen=True)
class Health:
    """What `ceph status` says, without what noout itself makes of it."""

    status: str
    checks: tuple[str, ...]
    osds: int
    osds_up: int
    osds_in: int
    mgr: bool
    pgs: int
    pgs_clean: int
    quorum: tuple[str, ...]

    def as_data(self) -> dict[str, Any]:
        data = asdict(self)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in data.items()}

    def doubts(self, monitors: int) -> list[str]:
        """Why this is no time to stop a daemon; empty if it is."""
        found = [check for check in self.checks if check not in NO_DOUBT]
        doubts = [f"health is {self.status} ({', '.join(found)})"] if found else []
        if self.osds_up < self.osds:
            doubts.append(f"{self.osds_up} of {self.osds} OSDs are up")
        if not self.mgr:
            doubts.append("no manager is available")
        if self.pgs_clean < self.pgs:
            doubts.append(f"{self.pgs_clean} of {self.pgs} PGs are active+clean")
        if len(self.quorum) < monitors:
            doubts.append(f"{len(self.quorum)} of {monitors} monitors are in quorum")
        return doubts


def parse_monmap(text: str) -> list[Member]:
    members = []
    for entry in json.loads(text)["mons"]:
        vectors = entry.get("public_addrs", {}).get("addrvec", [])
        texts, addresses = [], []
        for part in vectors:
            host, port = part["addr"].rsplit(":", 1)
            value = ipaddress.ip_address(host.strip("[]"))
            texts.append(f"{part['type']}:{host}:{port}")
            if value not in addresses:
                addresses.append(value)
        members.append(Member(entry["name"], f"[{','.join(texts)}]", tuple(addresses)))
    return members


def parse_health(text: str) -> Health:
    data = json.loads(text)
    osds, pgs = data["osdmap"], data["pgmap"]
    osds = osds.get("osdmap", osds)  # older releases nest it
    clean = sum(
        s["count"] for s in pgs.get("pgs_by_state", []) if set(s["state_name"].split("+")) >= {"active", "clean"}
    )
    return Health(
        data["health"]["status"],
        tuple(sorted(data["health"].get("checks", {}))),
        osds["num_osds"],
        osds["num_up_osds"],
        osds["num_in_osds"],
        bool(data["mgrmap"].get("available")),
        pgs.get("num_pgs", 0),
        clean,
        tuple(data.get("quorum_names", ())),
    )


def daemons(root: str = "/") -> list[str]:
    """The daemons that this node has (`mon.c1`, `osd.0`), from their directories; packages and Proxmox, not cephadm."""
    found = []
    for kind in KINDS:
        for path in sorted(Path(root, "var/lib/ceph", kind).glob("ceph-*")):
            if any(path.iterdir()):
                found.append(f"{kind}.{path.name[5:]}")
    return found


class Cluster:
    """`ceph`, answered within CONNECT_S or not at all. `hosts`: where the monitors are, instead of the file's."""

    def __init__(self, run: Run, conf: str, hosts: Sequence[str] = ()) -> None:
        self._run = run
        self._conf = conf
        self._hosts = list(hosts)

    def at(self, hosts: Sequence[str]) -> Cluster:
        return Cluster(self._run, self._conf, hosts)

    def try_ask(self, *words: str) -> tuple[int, str, str]:
        command = ["ceph", "--conf", self._conf, "--connect-timeout", str(CONNECT_S)]
        if self._hosts:
            command += ["-m", ",".join(self._hosts)]
        return self._run([*command, *words])

    def ask(self, *words: str) -> str:
        rc, out, err = self.try_ask(*words)
        if rc != 0:
            raise CephError(f"`ceph {' '.join(words)}` failed: {last_line(err or out)}")
        return out

    def monmap(self) -> list[Member]:
        return parse_monmap(self.ask("mon", "dump", "--format", "json"))

    def health(self) -> Health:
        return parse_health(self.ask("status", "--format", "json"))

    def config(self) -> list[dict[str, Any]]:
        """`ceph config dump`: what the monitors tell daemons that have no such line in their file."""
        found: list[dict[str, Any]] = json.loads(self.ask("config", "dump", "--format", "json"))
        return found

    def flags(self) -> set[str]:
        return set(json.loads(self.ask("osd", "dump", "--format", "json")).get("flags_set", []))

    def up_from(self, daemon: str) -> int:
        """The epoch of the osdmap in which an OSD came up last; 0 where it is down or no OSD."""
        kind, _dot, name = daemon.partition(".")
        osds = json.loads(self.ask("osd", "dump", "--format", "json"))["osds"] if kind == "osd" else []
        return next((int(osd["up_from"]) for osd in osds if str(osd["osd"]) == name and osd["up"]), 0)

    def osd_addresses(self) -> dict[str, list[Address]]:
        """`{osd.0: [2001:db8::1]}`: where OSDs that are up can be reached, as they told the monitors."""
        found = {}
        for osd in json.loads(self.ask("osd", "dump", "--format", "json"))["osds"]:
            if osd["up"]:
                parts = osd["public_addrs"]["addrvec"]
                found[f"osd.{osd['osd']}"] = [
                    ipaddress.ip_address(p["addr"].rsplit(":", 1)[0].strip("[]")) for p in parts
                ]
        return found

    def set_addresses(self, name: str, value: Address | str) -> None:
        self.ask("mon", "set-addrs", name, value if isinstance(value, str) else vector(value))

    def ok_to_stop(self, daemon: str) -> str:
        """Empty, or why not."""
        kind, _dot, name = daemon.partition(".")
        rc, out, err = self.try_ask(kind, "ok-to-stop", name)
        return "" if rc == 0 else last_line(err or out)

    def restart(self, daemon: str) -> None:
        kind, _dot, name = daemon.partition(".")
        self.reset(daemon)
        rc, out, err = self._run(["systemctl", "restart", f"ceph-{kind}@{name}.service"])
        if rc != 0:
            raise CephError(f"`systemctl restart ceph-{kind}@{name}` failed: {last_line(err or out)}")

    def out_of_quorum(self, name: str) -> list[str]:
        """What this node's monitor says itself: the others take seconds to notice that it is away."""
        rc, out, err = self._run(["ceph", "--conf", self._conf, "daemon", f"mon.{name}", "mon_status"])
        if rc != 0:
            return [f"mon.{name} does not answer ({last_line(err or out)})"]
        state = json.loads(out)["state"]
        return [] if state in ("leader", "peon") else [f"mon.{name} is {state}"]

    def not_running(self, daemon: str) -> list[str]:
        """Empty while systemd has it running."""
        kind, _dot, name = daemon.partition(".")
        state = self._run(["systemctl", "is-active", f"ceph-{kind}@{name}.service"])[1].strip()
        return [] if state == "active" else [f"{daemon} is {state or 'not there'}"]

    def reset(self, daemon: str) -> None:
        """A monitor that leaves on being told so counts as a start that failed, and there are five in half an hour."""
        kind, _dot, name = daemon.partition(".")
        self._run(["systemctl", "reset-failed", f"ceph-{kind}@{name}.service"])

    def wait(self, what: Callable[[], Sequence[str]], deadline_s: float, about: str) -> None:
        """Until `what` has no more doubts; an answer that does not come is one."""
        end = time.monotonic() + deadline_s
        while True:
            try:
                doubts = list(what())
            except CephError as exc:
                doubts = [str(exc)]
            if not doubts:
                return
            if time.monotonic() >= end:
                raise CephError(f"{about}: not within {deadline_s:g} s: {'; '.join(doubts)}")
            time.sleep(0.5)


def last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if not re.match(r"\d{4}-\d\d-\d\dT", line)]
    return (lines or text.strip().splitlines() or ["no answer"])[-1].strip()
