# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks FRR whether the fabric leads to guests that have left: then their route here can go.

One `vtysh` at a time, at most one a second, for all such guests.
"""

from __future__ import annotations

import selectors
import time
from typing import Any

from .addresses import IPV4, Network, parse
from .agent import Agent
from .inventory import Key
from .machine import Name
from .vtysh import Vtysh

INTERVAL_S = 1.0
_MOST = 64  # prefixes in one call


def commands(networks: list[Network]) -> list[str]:
    return [
        f"show bgp {'ipv4' if network.version == IPV4 else 'ipv6'} unicast {network.address}/{network.length} json"
        for network in networks
    ]


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
        self._vtysh = Vtysh(selector)
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
        if self._vtysh.busy:
            return self._vtysh.overdue_at
        if not self._agent.leaving:
            return None
        ready = [
            self._agent.states[key].since + self._agent.config.timing.leaving_min_s
            for key in self._agent.leaving
            if key in self._agent.states
        ]
        return max(self._next_at, min(ready)) if ready else None

    def tick(self, now: float) -> None:
        if self._vtysh.busy:
            self._vtysh.give_up(now)
            return
        if not self._agent.leaving or now < self._next_at:
            return
        networks = [network for found in self._waiting(now).values() for network in found][:_MOST]
        if networks:
            self._next_at = now + INTERVAL_S
            self._vtysh.ask(commands(networks), now, self._decide)  # without FRR, LEAVING ends by its time

    def _decide(self, found: list[Any]) -> None:
        reached = {network for answer in found if (network := leads_onward(answer))}
        over = [key for key, networks in self._waiting(time.monotonic()).items() if reached.issuperset(networks)]
        if over:
            self._agent.onward.update(over)
            self._agent.evaluate(over)
