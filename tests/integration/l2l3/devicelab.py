# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices of one subnet behind several routers: what a test does with them."""

from __future__ import annotations

import json
import shlex
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from standing import Fabric

PORT = 7007

ECHO = """
import socket, sys
with socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM) as echo:
    echo.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if ":" in sys.argv[1]:
        echo.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND
    else:
        echo.setsockopt(socket.IPPROTO_IP, 15, 1)  # IP_FREEBIND: the address may come later
    echo.bind((sys.argv[1], int(sys.argv[2])))
    while True:
        try:
            data, sender = echo.recvfrom(2048)
            echo.sendto(data, sender)
        except OSError:
            pass
"""

# Prints the longest time between two answers, how late packets were sent, and how many were answered.
PROBE = """
import json, select, socket, sys, time
target, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
one = socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET, socket.SOCK_DGRAM)
one.setblocking(False)
begin = next_send = time.monotonic()
late, sent, answers = 0.0, 0, []
while (now := time.monotonic()) < begin + seconds + 1:
    if now >= next_send and now < begin + seconds:
        late = max(late, now - next_send)
        sent += 1
        try:
            one.sendto(b"%d" % sent, (target, port))
        except OSError:
            pass
        next_send += 0.01
    select.select([one], [], [], max(0.0, min(0.01, next_send - time.monotonic())))
    while True:
        try:
            one.recv(2048)
            answers.append(time.monotonic())
        except OSError:
            break
gap = max((b - a for a, b in zip(answers, answers[1:])), default=-1)
last = begin + seconds - (answers[-1] if answers else begin)
figures = {"gap_ms": gap * 1000, "late_ms": late * 1000, "tail_ms": last * 1000}
print(json.dumps({**figures, "sent": sent, "answered": len(answers)}))
"""

SEND = """
import socket, sys
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as raw:
    raw.bind(("eth0", 0))
    for frame in sys.argv[1:]:
        raw.send(bytes.fromhex(frame))
"""

# At the same moment, by the clock of the machine that all containers share: gone here, announced there.
LEAVE = """
import subprocess, sys, time
time.sleep(max(0.0, float(sys.argv[1]) - time.time()))
subprocess.run(["ip", "addr", "del", sys.argv[2], "dev", "eth0"], check=True)
"""
COME = """
import socket, sys, time
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as raw:
    raw.bind(("eth0", 0))
    time.sleep(max(0.0, float(sys.argv[1]) - time.time()))
    for frame in sys.argv[2:]:
        raw.send(bytes.fromhex(frame))
"""


def python(script: str, *words: object) -> str:
    return f"python3 -c {shlex.quote(script)} {' '.join(shlex.quote(str(word)) for word in words)}"


class Lab:
    """The twin, with what its file says about the subnet."""

    def __init__(self, fabric: Fabric, file: Path, extension: dict[str, Any]) -> None:
        self.fabric = fabric
        self.file = file
        self.extension = extension
        self.devices: dict[str, Any] = extension["devices"]
        self.edges: list[str] = list(extension["edges"])
        self.cores = [name for name, node in fabric.nodes.items() if "router" in node.get("functions", [])]

    def address(self, device: str, family: int) -> str:
        return str(self.devices[device]["addresses"][0 if family == 4 else 1])

    def edge_of(self, device: str) -> str:
        return str(self.devices[device]["at"]).partition(":")[0]

    def port_of(self, device: str) -> str:
        return str(self.devices[device]["at"]).partition(":")[2]

    def ping_all(self, count: int = 2) -> list[str]:
        """Everyone to everyone, both families; who does not get an answer from whom."""
        failed = []
        for source in self.devices:
            for target in self.devices:
                for family in (4, 6):
                    if source != target:
                        to = self.address(target, family)
                        done = self.fabric.shell(source, f"ping -n -c {count} -i 0.02 -W 1 {to}")
                        if done.returncode:
                            failed.append(f"{source} to {target} {to}: {done.stdout.strip().splitlines()[-1]}")
        return failed

    def has_answer(self, device: str, address: str) -> bool:
        """Whether anybody answers an ARP request of a device that has its address."""
        return self.fabric.shell(device, f"arping -c 2 -w 2 -f -I eth0 {address}").returncode == 0

    def is_duplicate4(self, device: str, address: str) -> bool:
        """What address conflict detection (RFC 5227) says."""
        return self.fabric.shell(device, f"arping -D -c 2 -w 2 -I eth0 {address}").returncode != 0

    def is_duplicate6(self, device: str, address: str) -> bool:
        """What the kernel's duplicate address detection says."""
        self.fabric.ask(device, f"ip addr add {address}/64 dev eth0")
        try:

            def flags() -> str:
                shown = self.fabric.ask(device, f"ip -o addr show dev eth0 to {address}")
                return "" if "tentative" in shown and "dadfailed" not in shown else shown

            return "dadfailed" in self.fabric.wait(f"{device}: DAD of {address} ends", flags, 10)
        finally:
            self.fabric.ask(device, f"ip addr del {address}/64 dev eth0")

    def take(self, device: str, address: str) -> None:
        """Give a device one more address, and have it announce that."""
        length = 64 if ":" in address else 24
        self.fabric.ask(
            device,
            f"ip addr add {address}/{length} dev eth0 {'nodad' if ':' in address else ''}; "
            + python(SEND, *[announcement(self.mac(device), address).hex()] * 3),
        )

    def move(self, old: str, new: str, address: str) -> None:
        """Gone at one device and announced by the other at one moment. Before that, nothing leads to the other."""
        interface = f"{address}/{64 if ':' in address else 24}"
        self.fabric.ask(new, f"ip addr add {interface} dev eth0 {'nodad' if ':' in address else ''}")
        when = time.time() + 1
        frames = [announcement(self.mac(new), address).hex()] * 2
        scripts = {old: python(LEAVE, when, interface), new: python(COME, when, *frames)}
        threads = [threading.Thread(target=self.fabric.ask, args=item) for item in scripts.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def drop(self, device: str, address: str) -> None:
        self.fabric.shell(device, f"ip addr del {address}/{64 if ':' in address else 24} dev eth0")

    def mac(self, device: str) -> str:
        return str(self.devices[device]["mac"])

    def learned(self, edge: str) -> set[str]:
        return {item["address"] for item in self.fabric.json(edge, "routed-guests status --json")["devices"]}

    def settled(self, edge: str, address: str) -> bool:
        """Whether a learned device is there for longer than a fresh claim lasts."""
        found = self.fabric.json(edge, "routed-guests status --json")["devices"]
        return any(item["address"] == address and item["state"] == "steady" for item in found)

    def echo(self, device: str, address: str) -> None:
        """Answers until the container ends, also when the address comes later."""
        self.fabric.ask(device, f"{python(ECHO, address, PORT)} </dev/null >/dev/null 2>&1 &")

    def end_echo(self, device: str) -> None:
        self.fabric.shell(device, f"pkill -f 'sys.argv.*{PORT}$' || pkill -f 'echo.recvfrom'")

    def probe(self, sources: list[str], address: str, seconds: float, happening: Callable[[], None]) -> dict[str, Any]:
        """UDP echo each 10 ms from several devices, while something happens after a third of the time."""
        results: dict[str, Any] = {}

        def one(source: str) -> None:
            results[source] = json.loads(self.fabric.ask(source, python(PROBE, address, PORT, seconds)))

        threads = [threading.Thread(target=one, args=(source,)) for source in sources]
        for thread in threads:
            thread.start()
        time.sleep(seconds / 3)  # the stream has to stand first
        happening()
        for thread in threads:
            thread.join()
        return results


def announcement(mac: str, address: str) -> bytes:
    """A gratuitous ARP, or an unsolicited neighbour advertisement, as a device sends it that has come."""
    import socket

    mine = bytes.fromhex(mac.replace(":", ""))
    if ":" not in address:
        own = socket.inet_aton(address)
        body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mine + own + b"\0" * 6 + own
        return b"\xff" * 6 + mine + struct.pack("!H", 0x0806) + body
    own = socket.inet_pton(socket.AF_INET6, address)
    everybody = socket.inet_pton(socket.AF_INET6, "ff02::1")
    icmp = struct.pack("!BBHI", 136, 0, 0, 0x20000000) + own + b"\2\1" + mine
    pseudo = own + everybody + struct.pack("!II", len(icmp), 58)
    total = sum(struct.unpack(f"!{(len(pseudo) + len(icmp)) // 2}H", pseudo + icmp))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    icmp = icmp[:2] + struct.pack("!H", ~total & 0xFFFF) + icmp[4:]
    header = struct.pack("!IHBB", 6 << 28, len(icmp), 58, 255) + own + everybody
    return bytes.fromhex("333300000001") + mine + struct.pack("!H", 0x86DD) + header + icmp
