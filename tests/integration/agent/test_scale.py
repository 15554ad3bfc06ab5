# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A large node of a large cluster: ready soon, quiet afterwards, and quick when a guest moves."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from agentlab import until
from conftest import Lab

HERE, ELSEWHERE = 1000, 3000
SOURCES = (["fabric"], ["fabric", "ipfilter", "ipconfig"])


def processor_s(pid: int) -> float:
    """What a process and its ended children have taken: a clock that other work on the machine does not move."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("sources", SOURCES, ids=["fabric", "all-sources"])
def test_a_thousand_guests(lab: Lab, sources: list[str]) -> None:
    """The first full synchronisation ends within 2 s of the start; idle, the agent takes under 1 % of a core."""
    node, cluster = lab.pve1, lab.cluster
    node.extra = {"sources": sources, "timing": {**node.config()["timing"], "poll_s": 1.0, "fresh_s": 600}}
    views, cluster.views = cluster.views, {}
    for number in range(HERE + ELSEWHERE):
        vmid = 1000 + number
        mac = f"52:02:00:00:{number >> 8:02x}:{number & 255:02x}"
        addresses = [f"2001:678:3a4:100::{number:x}"] + ([f"2.57.57.{number}"] if number < 250 else [])
        cluster.guests.append({"name": f"g{vmid}", "vmid": vmid, "mac": mac, "addresses": addresses, "prefixes": []})
        config = f"name: g{vmid}\nmemory: 2048\nnet0: virtio={mac.upper()},bridge=vmbr1\nscsi0: x:y,size=8G\n"
        cluster.add(vmid, "pve1" if number < HERE else "pve2", config)
    cluster.views = views
    cluster.publish()
    lines = []
    for number in range(HERE):
        tap = f"tap{1000 + number}i0"
        lines += [f"link add {tap} type veth peer name g{number}", f"link set {tap} addrgenmode none master vmbr1 up"]
    node.space.batch(lines)
    node.configure(lab.pve2)
    node.agent("firewall")
    ready: list[float] = []
    for cold in (True, False, False):
        node.start(ready=False)
        until("it is ready", lambda: node.alive() and node.status().get("ready_s"), 60)
        assert len(node.routes()) == HERE + 250
        assert node.process is not None
        ready.append(node.status()["ready_s"])
        taken = processor_s(node.process.pid)
        which = "first" if cold else "later"
        print(f"{which} start, {'+'.join(sources)}: ready after {ready[-1]} s, {taken:.2f} s of a core")
        assert taken < 1.5
        if len(ready) < 3:
            node.stop(9)
    assert min(ready) < 2
    time.sleep(3)
    before = processor_s(node.process.pid)
    time.sleep(10)
    idle = (processor_s(node.process.pid) - before) / 10
    print(f"idle, {'+'.join(sources)}: {100 * idle:.2f} % of a core")
    assert idle < 0.01
    begun = processor_s(node.process.pid)
    os.kill(node.process.pid, 1)
    time.sleep(2)
    print(f"a full comparison with the kernel: {processor_s(node.process.pid) - begun - 2 * idle:.2f} s of a core")
    cluster.views = {}
    cluster.move(1500, "pve2")
    cluster.views = views
    cluster.publish(["pve1"])
    until("it is leaving", lambda: node.state(1500) == "leaving", 10)
    wall, processor = (node.status()["counters"][key] for key in ("flip_ms_worst", "flip_cpu_ms_worst"))
    print(f"a move among {HERE + ELSEWHERE} guests: {wall} ms, {processor} ms of a core")
    assert processor < 5
