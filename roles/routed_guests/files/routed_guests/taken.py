# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Has FRR taken up the routes that stand in the kernel? Those that it has not are made anew, which tells it again.

When a device goes down, the kernel drops its IPv4 routes without a word, so zebra drops what it has learned from the
kernel on that device as soon as it hears of it. Where the bridge came up again at once and the routes with it, a busy
zebra may hear of the routes first and of the device afterwards: the kernel then has routes that FRR does not know.
"""

from __future__ import annotations

import selectors
import time
from collections.abc import Iterable
from typing import Any

from .addresses import IPV4, IPV6
from .agent import SOON_S, Agent
from .config import MAIN_TABLE
from .vtysh import Vtysh
from .wanted import Route

_AGAIN_S = 0.5  # what is missing has to be missing twice: the question may have overtaken the route
_UNREST_S = 5.0
_OLD_ENOUGH_S = 2.0
_RENEWALS = 3  # of a route that FRR does not take in spite of it: the next is not before the routine comparison

Seen = set[tuple[str, int]]  # (prefix, metric)


def commands(table: int) -> list[str]:
    """What shows the routes that FRR has from the agent's table. FRR 8.4 names no table where it is the main one."""
    which = "kernel" if table == MAIN_TABLE else f"table {table}"
    return [f"show {'ip' if version == IPV4 else 'ipv6'} route {which} json" for version in (IPV4, IPV6)]


def known(found: Iterable[Any]) -> Seen:
    """Kernel routes in FRR's answers."""
    seen: Seen = set()
    for answer in found:
        for prefix, entries in answer.items() if isinstance(answer, dict) else ():
            for entry in entries if isinstance(entries, list) else ():
                if isinstance(entry, dict) and entry.get("protocol") == "kernel":
                    seen.add((str(prefix), int(entry.get("metric", 0))))
    return seen


def missing(wanted: Iterable[Route], seen: Seen) -> set[Route]:
    return {route for route in wanted if (_prefix(route), route.metric) not in seen}


def _prefix(route: Route) -> str:
    return f"{route.destination.address}/{route.destination.length}"


class Taken:
    """Asks at `agent.frr_at`: soon after the bridge was disturbed, and as often as the kernel is compared otherwise."""

    def __init__(self, agent: Agent, selector: selectors.BaseSelector) -> None:
        self._agent = agent
        self._vtysh = Vtysh(selector)
        self._suspects: set[Route] = set()
        self._renewed: dict[Route, int] = {}

    def due(self) -> float:
        return self._vtysh.overdue_at if self._vtysh.busy else self._agent.frr_at

    def tick(self, now: float) -> None:
        agent = self._agent
        if self._vtysh.busy:
            self._vtysh.give_up(now)
        elif now >= agent.frr_at:
            unrest = now - agent.disturbed_at < _UNREST_S
            agent.frr_at = now + (SOON_S if unrest else agent.config.timing.resync_s)
            if agent.announced_before(now - _OLD_ENOUGH_S):
                self._vtysh.ask(commands(agent.config.table), now, self._compare)

    def _compare(self, found: list[Any]) -> None:
        now = time.monotonic()
        if len(found) != 2:
            return
        lacking = missing(self._agent.announced_before(now - _OLD_ENOUGH_S), known(found))
        self._renewed = {route: count for route, count in self._renewed.items() if route in lacking}
        twice = lacking & self._suspects
        self._suspects = lacking - twice
        if any(self._renewed.get(route, 0) < _RENEWALS for route in lacking):
            self._agent.frr_at = now + _AGAIN_S
        if twice:
            for route in twice:
                self._renewed[route] = self._renewed.get(route, 0) + 1
            self._agent.renew(twice)
