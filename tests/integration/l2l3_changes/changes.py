# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric whose file changes while its devices talk to each other."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from standing import Fabric, Play


class Changes:
    """The file as it is now, and the twin of it."""

    def __init__(self, file: Path, place: Path) -> None:
        self.original: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
        self.place = place / "fabric.yml"
        self.fabric = Fabric(file)
        self.fabric.require()
        self.data = self.original
        self.number = 0

    @property
    def lan(self) -> dict[str, Any]:
        return dict(self.data["subnet_extensions"]["lan"])

    @property
    def devices(self) -> dict[str, dict[str, Any]]:
        return dict(self.lan["devices"])

    @property
    def edges(self) -> list[str]:
        return [name for name, edge in self.lan["edges"].items() if not (edge or {}).get("withdraw")]

    def draft(self) -> dict[str, Any]:
        """What the file says, to be changed."""
        return copy.deepcopy(self.data)

    def written(self, data: dict[str, Any]) -> Fabric:
        self.place.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        return Fabric(self.place)

    def become(self, data: dict[str, Any]) -> Play:
        """New machines and cables, where the file has others, and one run over all nodes."""
        self.fabric = self.written(data)
        cabled = self.fabric.play("twin_up")
        assert cabled.status == 0, cabled.output[-3000:]
        done = self.fabric.play("site")
        assert done.status == 0, done.output[-3000:]
        self.data = data
        return done

    def refused(self, data: dict[str, Any]) -> str:
        """What a run says about a file that it does not take; no node is touched."""
        self.place.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        fabric = copy.copy(self.fabric)
        fabric.file = self.place
        done = fabric.play("site")
        assert done.status != 0 and set(done.hosts) <= {"localhost"} and not done.changed(), done.output[-3000:]
        return re.sub(r"\s+", " ", done.output)

    def addresses(self, *edges: str) -> set[str]:
        """Of the devices at some edges, or at all that take part."""
        return {
            address
            for device in self.devices.values()
            if device["at"].partition(":")[0] in (edges or self.edges)
            for address in device["addresses"]
        }

    def learned(self, edge: str) -> set[str]:
        """Devices that an edge has by BGP, in its kernel."""
        shown = self.fabric.ask(edge, "ip route show proto bgp; ip -6 route show proto bgp")
        return set(re.findall(r"^(20\.0\.0\.\d+|2001:db8:20:\S+) ", shown, re.MULTILINE))

    def settled(self) -> None:
        """Each edge knows the devices of the others, and nothing else of the subnet."""
        for edge in self.edges:
            wanted = self.addresses() - self.addresses(edge)
            self.fabric.wait(f"{edge} knows {sorted(wanted)}", lambda e=edge, w=wanted: self.learned(e) == w, 60)

    def ping_all(self) -> list[str]:
        """Every device to every other, both families; who does not get an answer from whom."""
        failed = []
        for source in self.devices:
            for target, device in self.devices.items():
                for address in device["addresses"]:
                    if source != target:
                        done = self.fabric.shell(source, f"ping -n -c 3 -i 0.2 -W 2 {address}")
                        if not re.search(r"[1-9]\d* received", done.stdout):
                            failed.append(f"{source} to {target} {address}: {done.stdout}{done.stderr}")
        return failed

    @contextmanager
    def pinging(self, source: str, *addresses: str) -> Iterator[dict[str, int]]:
        """Pings each 50 ms meanwhile; afterwards the pings without an answer, of each address."""
        lost: dict[str, int] = {}
        fabric = self.fabric
        for number, address in enumerate(addresses):
            fabric.ask(
                source, f"ping -n -i 0.05 {address} >/run/ping{number}.log 2>&1 & echo $! >/run/ping{number}.pid"
            )
        yield lost
        for number, address in enumerate(addresses):
            fabric.ask(source, f"kill -INT $(cat /run/ping{number}.pid)")
            text = fabric.wait(
                "ping ends", lambda n=number: re.search(r"(\d+) packets transmitted, (\d+) received", fabric.ask(
                    source, f"cat /run/ping{n}.log")), 10)  # fmt: skip
            assert int(text[1]) > 100, text[0]
            lost[address] = int(text[1]) - int(text[2])
