# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A twin with a Ceph cluster: what it says, what runs in it, and input and output that go on while things happen."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from standing import Fabric

POOL = "bench"
UNITS = "ceph-mon@* ceph-mgr@* ceph-osd@*"


@dataclass
class Bench:
    """What `rados bench` came to."""

    writes: int = 0
    longest_s: float = 0.0
    results: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Quorum:
    """What a watcher of all monitors saw. `fewest`: members, while there was a quorum."""

    samples: int = 0
    fewest: int = 99
    without_s: float = 0.0
    """The longest time in a row in which no monitor had a quorum: elections."""


class Ceph(Fabric):
    """One cluster in a twin."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self.members = [name for name, node in self.nodes.items() if "ceph" in node]

    def ceph(self, node: str, *words: str) -> Any:
        """The JSON of a command of ceph's."""
        return self.json(node, f"ceph --connect-timeout 20 {' '.join(words)} --format json 2>/dev/null")

    def missing(self, node: str = "") -> str:
        """What there is to complain of; empty for a cluster that is whole. HEALTH_OK alone says little."""
        done = self.shell(node or self.members[0], "ceph --connect-timeout 5 status --format json")
        if done.returncode != 0:
            return done.stderr.strip() or "no answer"
        status = json.loads(done.stdout)
        osds, pgs = status["osdmap"], status["pgmap"]
        clean = sum(s["count"] for s in pgs.get("pgs_by_state", []) if s["state_name"] == "active+clean")
        found = []
        if status["health"]["status"] != "HEALTH_OK":
            found.append(f"{status['health']['status']} {sorted(status['health']['checks'])}")
        if not osds["num_up_osds"] == osds["num_osds"] == osds["num_in_osds"] == 3:
            found.append(f"{osds['num_up_osds']} of {osds['num_osds']} OSDs up")
        if not status["mgrmap"]["available"]:
            found.append("no manager")
        if clean != pgs["num_pgs"] or not clean:
            found.append(f"{clean} of {pgs['num_pgs']} placement groups clean")
        if len(status["quorum_names"]) != 3:
            found.append(f"quorum {status['quorum_names']}")
        return "; ".join(found)

    def whole(self, deadline_s: float = 120) -> None:
        end = time.monotonic() + deadline_s
        while said := self.missing():
            assert time.monotonic() < end, f"the cluster is not whole after {deadline_s:g} s: {said}"
            time.sleep(0.5)  # poll

    def pool(self) -> None:
        if POOL not in self.ask(self.members[0], "ceph osd pool ls").split():
            self.ask(self.members[0], f"ceph osd pool create {POOL} 8 && ceph osd pool application enable {POOL} rados")
            self.wait(
                "the pool's placement groups",
                lambda: self.ceph(self.members[0], "status")["pgmap"]["num_pgs"] > 8,
            )
            self.whole()

    def starts(self) -> dict[str, dict[str, str]]:
        """Node → unit → process and time of start."""
        found: dict[str, dict[str, str]] = {}
        for node in self.members:
            text = self.ask(node, f"systemctl show -p Id,MainPID,ExecMainStartTimestampMonotonic {UNITS}")
            blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in text.strip().split("\n\n")]
            found[node] = {
                b["Id"]: f"{b['MainPID']} {b['ExecMainStartTimestampMonotonic']}" for b in blocks if b["MainPID"] != "0"
            }
        return found

    def came_up(self) -> dict[int, int]:
        """OSD → the epoch in which it came up last: it changes whenever one was marked down."""
        osds = self.ceph(self.members[0], "osd dump")["osds"]
        assert all(osd["up"] for osd in osds), osds
        return {osd["osd"]: osd["up_from"] for osd in osds}

    @contextmanager
    def bench(self, node: str, name: str, slice_s: int = 10) -> Iterator[Bench]:
        """Writes of 64 KiB, one at a time, in slices with a client each, until the block ends."""
        bench, stop, failures = Bench(), threading.Event(), []
        # what a test that failed has left
        rados = f"rados -p {POOL}"
        self.ask(node, f"! {rados} ls | grep -q benchmark_data || {rados} cleanup --prefix benchmark_data")

        def work() -> None:
            number = 0
            while not stop.is_set():
                begun = time.monotonic()
                try:
                    done = self.shell(
                        node,
                        f"rados -p {POOL} bench {slice_s} write -b 65536 -t 1 --no-cleanup --run-name {name}-{number}"
                        " -f json",
                        deadline_s=300,
                    )
                except subprocess.TimeoutExpired:
                    # one that finds no monitor goes on looking
                    failures.append(
                        f"client {number}, for {slice_s} s, has not ended after {time.monotonic() - begun:.0f} s"
                    )
                    return
                if done.returncode != 0:
                    failures.append(done.stdout[-500:] + done.stderr[-500:])
                    return
                result = json.loads(done.stdout[done.stdout.index("{") :])
                bench.results.append(result)
                bench.writes += int(result["total_writes_made"])
                bench.longest_s = max(bench.longest_s, float(result["max_latency"]))
                number += 1

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield bench
        finally:
            stop.set()
            thread.join()
        assert not failures, failures[0]
        assert bench.writes > 0, "nothing was written"

    def check_objects(self, node: str, name: str, bench: Bench) -> int:
        """Every object that was written is there and reads back as it was written; they are removed. How many.
        `node`: the one that wrote, since rados bench looks for objects that bear its own host's name."""
        listed = self.ask(node, f"rados -p {POOL} ls").split()
        mine = [o for o in listed if o.startswith("benchmark_data_")]
        assert len(mine) == bench.writes, f"{len(mine)} objects of {bench.writes} writes"
        for number, written in enumerate(bench.results):
            # it asks for as many objects at once as it is told to, whether there are so many or not
            at_once = min(8, int(written["total_writes_made"]))
            done = self.shell(
                node, f"rados -p {POOL} bench 120 seq -t {at_once} --run-name {name}-{number} -f json", deadline_s=300
            )
            assert done.returncode == 0, done.stdout[-800:] + done.stderr[-800:]
            result = json.loads(done.stdout[done.stdout.index("{") :])
            assert int(result["total_reads_made"]) == int(written["total_writes_made"])
            self.ask(node, f"rados -p {POOL} cleanup --run-name {name}-{number}")
        return len(mine)

    @contextmanager
    def watching(self) -> Iterator[Quorum]:
        """Asks each monitor by its own socket, which answers without a quorum, too."""
        seen, stop = Quorum(), threading.Event()

        def work() -> None:
            since: float | None = None
            while not stop.is_set():
                sizes = []
                for node in self.members:
                    done = self.shell(
                        node, f"ceph --admin-daemon /run/ceph/ceph-mon.{node}.asok mon_status", deadline_s=20
                    )
                    if done.returncode == 0:
                        status = json.loads(done.stdout)
                        if status["state"] in ("leader", "peon"):
                            sizes.append(len(status["quorum"]))
                now = time.monotonic()
                seen.samples += 1
                if sizes:
                    seen.fewest = min(seen.fewest, max(sizes))
                    since = None
                else:
                    since = since or now
                    seen.without_s = max(seen.without_s, now - since)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield seen
        finally:
            stop.set()
            thread.join()

    def power(self, node: str, *, on: bool) -> None:
        """Take a node's power away, or give it back."""
        nodes = [{**entry["twin"]["container"], "powered": on or name != node} for name, entry in self.nodes.items()]
        self.twin(nodes=nodes, links=self.links)

    def silence(self, node: str) -> None:
        """Packets to and from all of a node's neighbours are lost, and every carrier stays up."""
        faults = [
            {"node": node, "interface": interface["name"], "kind": "silent"}
            for interface in self.nodes[node]["underlay"]["interfaces"]
        ]
        self.twin(faults=faults)

    def hears(self, node: str, peer: str) -> bool:
        """Whether a session with a neighbour is up."""
        interface = self.link(node, peer)[0]
        shown = self.json(node, f"vtysh -c 'show bgp neighbors {interface} json'")
        return bool(shown.get(interface, {}).get("bgpState") == "Established")
