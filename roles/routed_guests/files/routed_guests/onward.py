# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks FRR whether the fabric leads to guests that have left: then their route here can go.

One `vtysh` at a time, at most one a second, for all such guests.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time
from collections.abc import Iterator
from typing import Any

from .addresses import IPV4, Network, parse
from .agent import Agent
from .inventory import Key
from .machine import Name

INTERVAL_S = 1.0
TIMEOUT_S = 5.0
_MOST = 64  # prefixes in one call


def command(networks: list[Network]) -> list[str]:
    arguments = ["vtysh"]
    for network in networks:
        family = "ipv4" if network.version == IPV4 else "ipv6"
        arguments += ["-c", f"show bgp {family} unicast {network.address}/{network.length} json"]
    return arguments


def answers(text: str) -> Iterator[Any]:
    """The JSON objects of several answers, one after the other."""
    decoder = json.JSONDecoder()
    offset = text.find("{")
    while offset >= 0:
        try:
            value, end = decoder.raw_decode(text, offset)
        except ValueError:
            return
        yield value
        offset = text.find("{", end)


def leads_onward(answer: Any) -> Network | None:
    """The prefix, where a neighbour has a usable path to it; what this node announces itself does not count."""
    try:
        for path in answer.get("paths", ()):
            heard = path.get("peer", {}).get("type") in ("external", "internal", "confed-external", "confed-internal")
            if heard and path.get("valid") and not path.get("sourced"):
                found: Network = parse(answer["prefix"])
                return found
    except (AttributeError, KeyError, ValueError, TypeError):
        pass
    return None


class Onward:
    def __init__(self, agent: Agent, selector: selectors.BaseSelector) -> None:
        self._agent = agent
        self._selector = selector
        self._process: subprocess.Popen[bytes] | None = None
        self._output = b""
        self._begun = 0.0
        self._next_at = 0.0

    def _waiting(self, now: float) -> dict[Key, list[Network]]:
        agent = self._agent
        found = {}
        for key in agent.leaving:
            guest, state = agent.guests.get(key), agent.states.get(key)
            if (
                guest
                and state
                and state.name is Name.LEAVING
                and now - state.since >= agent.config.timing.leaving_min_s
            ):
                found[key] = [*guest.addresses, *guest.prefixes]
        return found

    def due(self) -> float | None:
        if self._process:
            return self._begun + TIMEOUT_S
        if not self._agent.leaving:
            return None
        ready = [
            self._agent.states[key].since + self._agent.config.timing.leaving_min_s
            for key in self._agent.leaving
            if key in self._agent.states
        ]
        return max(self._next_at, min(ready)) if ready else None

    def tick(self, now: float) -> None:
        if self._process:
            if now - self._begun > TIMEOUT_S:
                self._process.kill()
                self._end()
            return
        if not self._agent.leaving or now < self._next_at:
            return
        networks = [network for found in self._waiting(now).values() for network in found][:_MOST]
        if not networks:
            return
        self._next_at = now + INTERVAL_S
        self._begun = now
        try:
            self._process = subprocess.Popen(
                command(networks), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError:
            return  # no FRR: LEAVING ends by its time
        out = self._process.stdout
        if out is not None:
            os.set_blocking(out.fileno(), False)
            self._selector.register(out, selectors.EVENT_READ, self._read)

    def _read(self) -> None:
        if self._process is None or self._process.stdout is None:
            return
        data = self._process.stdout.read(1 << 20)
        if data is None:
            return
        self._output += data
        if not data:
            text = self._output.decode("utf-8", "replace")
            self._end()
            self._decide(text)

    def _end(self) -> None:
        if self._process is None:
            return
        if self._process.stdout is not None:
            self._selector.unregister(self._process.stdout)
            self._process.stdout.close()
        self._process.wait()
        self._process = None
        self._output = b""

    def _decide(self, text: str) -> None:
        reached = {network for answer in answers(text) if (network := leads_onward(answer))}
        over = [key for key, networks in self._waiting(time.monotonic()).items() if reached.issuperset(networks)]
        if over:
            self._agent.onward.update(over)
            self._agent.evaluate(over)
