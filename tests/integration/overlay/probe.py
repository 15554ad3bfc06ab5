# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A packet every 10 ms to another server and back: how long there was no answer.

The gap is the time between two answers that follow each other, as the kernel's clock has them; the pace is 10 ms, so
that a steady stream shows a gap of some 10 ms. How late the packets themselves were sent is part of the result, since
a busy machine makes gaps of its own.
"""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from standing import Fabric

PORT = 7007
INTERVAL_S = 0.01

ECHO = """
import socket, sys
with socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM) as echo:
    echo.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    echo.setsockopt(socket.IPPROTO_IP, 15, 1)  # IP_FREEBIND: the address may come later
    echo.bind((sys.argv[1], int(sys.argv[2])))  # so that the answer comes from there, whatever the way back
    while True:
        try:
            data, sender = echo.recvfrom(2048)
            echo.sendto(data, sender)
        except OSError:
            pass
"""

CLIENT = """
import json, select, socket, signal, struct, sys, time
source, target, port, interval, flows = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5])
family = socket.AF_INET6 if ":" in target else socket.AF_INET
sockets = []
for flow in range(flows):
    one = socket.socket(family, socket.SOCK_DGRAM)
    one.bind((source, 0))
    one.setblocking(False)
    sockets.append(one)
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
begin = next_send = time.monotonic()
sent, late, refused, end = 0, 0.0, 0, None
answers = [[] for _ in sockets]
print("ready", flush=True)
while end is None or time.monotonic() < end:
    now = time.monotonic()
    if stop and end is None:
        end = now + 0.3
    if now >= next_send and end is None:
        late = max(late, now - next_send)
        for one in sockets:
            try:
                one.sendto(struct.pack("!I", sent), (target, port))
            except OSError:
                refused += 1
        sent += 1
        next_send += interval
    for one in select.select(sockets, [], [], max(0.0, min(next_send - time.monotonic(), 0.05)))[0]:
        try:
            while True:
                one.recv(64)
                answers[sockets.index(one)].append(time.monotonic() - begin)
        except OSError:
            pass
print(json.dumps({"begin": begin, "sent": sent, "late": late, "refused": refused, "answers": answers}))
"""


@dataclass(frozen=True)
class Probe:
    """What came back of one probing."""

    sent: int
    late_ms: float
    """By how much the latest packet missed its time: what is below it is the machine's, not the network's."""
    gaps_ms: list[float]
    """The longest gap of each flow."""
    lost: list[int]

    @property
    def gap_ms(self) -> float:
        return max(self.gaps_ms)


def argv(fabric: Fabric, node: str, *command: str) -> list[str]:
    pid = Path(f"/run/fabric-twin/nodes/{fabric.containers[node]}.pid").read_text(encoding="ascii").split()[0]
    return ["nsenter", "-t", pid, "-m", "-u", "-i", "-n", "-p", *command]


class Probing:
    """A prober that runs; `result` once it has ended."""

    def __init__(self, fabric: Fabric, ends: Sequence[str], addresses: tuple[str, str], *, flows: int) -> None:
        self._echoes = [
            subprocess.Popen(
                argv(fabric, end, "python3", "-c", ECHO, addresses[1], str(PORT)),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for end in ends[1:]
        ]
        command = ("python3", "-c", CLIENT, *addresses, str(PORT), str(INTERVAL_S), str(flows))
        self._client = subprocess.Popen(argv(fabric, ends[0], *command), stdout=subprocess.PIPE, text=True)
        assert self._client.stdout is not None
        assert self._client.stdout.readline().strip() == "ready"
        self.result: Probe | None = None

    def end(self) -> Probe:
        # nsenter hands no signal on: the client itself is its child
        children = Path(f"/proc/{self._client.pid}/task/{self._client.pid}/children").read_text(encoding="ascii")
        for pid in children.split() or [str(self._client.pid)]:
            subprocess.run(["kill", "-TERM", pid], check=False)
        out, dummy = self._client.communicate(timeout=20)
        self.close()
        self.result = judged(json.loads(out))
        return self.result

    def close(self) -> None:
        for process in (self._client, *self._echoes):
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            pids = children.read_text(encoding="ascii").split() if children.exists() else []
            for pid in pids:
                subprocess.run(["kill", "-KILL", pid], check=False, stderr=subprocess.DEVNULL)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()


def judged(found: dict[str, Any]) -> Probe:
    gaps, lost = [], []
    for answers in found["answers"]:
        assert answers, "nothing came back at all"
        pairs = zip(answers, answers[1:])
        gaps.append(max((later - earlier) * 1000 for earlier, later in pairs))
        lost.append(found["sent"] - len(answers))
    return Probe(found["sent"], found["late"] * 1000, gaps, lost)


@contextmanager
def probing(
    fabric: Fabric, ends: Sequence[str], addresses: tuple[str, str], *, flows: int = 1, settle_s: float = 1.0
) -> Iterator[Probing]:
    """Probe from the first of *ends* to the second while the block runs, and a little before and after.

    With more ends than two, whichever of them has the address answers.
    """
    probe = Probing(fabric, ends, addresses, flows=flows)
    try:
        rest(1.0)
        yield probe
        rest(settle_s)
        probe.end()
    finally:
        probe.close()


def rest(seconds: float) -> None:
    """Time that belongs to a measurement: packets flow meanwhile."""
    threading.Event().wait(seconds)


def until(check: Any, what: str, deadline_s: float = 30) -> None:
    end = time.monotonic() + deadline_s
    while not check():
        assert time.monotonic() < end, f"not within {deadline_s:g} s: {what}"
        time.sleep(0.05)  # poll
