# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The life of one network interface of a guest on this node. Pure: facts and the clock in, the next state out.

owner: the node that .vmlist names. port: the tap or veth is here and leads to the bridge.

| state    | owner     | port | and                            | next                                               |
|----------|-----------|------|--------------------------------|----------------------------------------------------|
| ABSENT   | this node | yes  | started only to be backed up   | HELD                                               |
| ABSENT   | this node | yes  |                                | FRESH: announced, best for a while                 |
| ABSENT   | another   | yes  |                                | INCOMING: reachable for forwarded packets only     |
| HELD     | this node | yes  | runs                           | FRESH                                              |
| HELD     | otherwise |      |                                | as from ABSENT                                     |
| INCOMING | this node | yes  |                                | FRESH                                              |
| INCOMING | another   | no   |                                | ABSENT (aborted)                                   |
| FRESH    | this node | yes  | fresh_s have passed            | STEADY: announced                                  |
| FRESH, STEADY | this node | no |                             | ABSENT (stopped, crashed, hibernated): withdrawn   |
| FRESH, STEADY | another | any | it can be reached             | LEAVING: packets follow the guest, announced least |
| FRESH, STEADY | another | any | it cannot be reached          | LEFT, or ABSENT without a port: withdrawn          |
| LEAVING  | another   | any  | leaving_min_s, and a path seen; or leaving_max_s | LEFT, or ABSENT without a port    |
| LEAVING  | a third   | any  |                                | LEAVING, now to that one                           |
| LEFT     | another   | yes  | a new port                     | INCOMING (it comes back)                           |
| LEFT     | another   | no   |                                | ABSENT                                             |
| LEAVING, LEFT | this node | yes |                            | FRESH                                              |
| any      | nobody    | any  |                                | ABSENT: the guest is gone from the cluster         |

A port going away does not end LEAVING. An unreadable .vmlist is no fact: the caller repeats the last owner.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum

from .config import Timing


class Name(str, Enum):
    ABSENT = "absent"
    HELD = "held"
    INCOMING = "incoming"
    FRESH = "fresh"
    STEADY = "steady"
    LEAVING = "leaving"
    LEFT = "left"


ANNOUNCED = (Name.FRESH, Name.STEADY)


@dataclass(frozen=True)
class State:
    name: Name = Name.ABSENT
    since: float = 0.0
    target: str = ""  # LEAVING: the node that has the guest now
    port: int = 0  # LEAVING, LEFT: the interface index that the guest left from; 0 unknown


@dataclass(frozen=True)
class Facts:
    owner: str  # a node's name; "" nobody has the guest
    port: int = 0  # interface index of the tap or veth; 0: not here
    held: bool = False  # started only to be backed up
    onward: bool = False  # the fabric shows a path to the guest elsewhere


@dataclass(frozen=True)
class Rules:
    """What is the same for every interface."""

    here: str
    peers: Collection[str]
    timing: Timing


def step(state: State, facts: Facts, now: float, rules: Rules) -> State:
    """The next state; the same object where nothing changes."""
    if not facts.owner:
        return state if state.name is Name.ABSENT else State(Name.ABSENT, now)
    if facts.owner == rules.here:
        return _mine(state, facts, now, rules)
    return _elsewhere(state, facts, now, rules)


def _mine(state: State, facts: Facts, now: float, rules: Rules) -> State:
    if not facts.port:
        return state if state.name is Name.ABSENT else State(Name.ABSENT, now)
    if state.name is Name.STEADY:
        return state
    if state.name is Name.FRESH:
        return State(Name.STEADY, now) if now - state.since >= rules.timing.fresh_s else state
    if state.name in (Name.ABSENT, Name.HELD) and facts.held:
        return state if state.name is Name.HELD else State(Name.HELD, now)
    return State(Name.FRESH, now)


def _elsewhere(state: State, facts: Facts, now: float, rules: Rules) -> State:
    reachable = facts.owner in rules.peers
    gone = State(Name.LEFT, now, port=state.port or facts.port) if facts.port else State(Name.ABSENT, now)
    if state.name in ANNOUNCED:
        return State(Name.LEAVING, now, facts.owner, facts.port) if reachable else gone
    if state.name is Name.LEAVING:
        if not reachable:
            return gone
        age = now - state.since
        if age >= rules.timing.leaving_max_s or (facts.onward and age >= rules.timing.leaving_min_s):
            return gone
        return state if state.target == facts.owner else replace(state, target=facts.owner)
    if not facts.port:
        return state if state.name is Name.ABSENT else State(Name.ABSENT, now)
    if state.name is Name.LEFT and state.port == facts.port:
        return state
    return state if state.name is Name.INCOMING else State(Name.INCOMING, now)


def deadline(state: State, rules: Rules) -> float | None:
    """When `step` may answer differently without any new fact."""
    if state.name is Name.FRESH:
        return state.since + rules.timing.fresh_s
    if state.name is Name.LEAVING:
        return state.since + rules.timing.leaving_max_s
    return None


def returning(state: State, facts: Facts) -> bool:
    """The guest is on its way back while packets still follow it away: a port that it did not leave from."""
    return state.name is Name.LEAVING and bool(facts.port) and bool(state.port) and facts.port != state.port


def reason(old: State, new: State, facts: Facts, rules: Rules) -> str:
    """What was done and why, for the journal."""
    where = {
        Name.FRESH: f"announced: .vmlist names {rules.here} and its port is here",
        Name.STEADY: f"announced without preference, {rules.timing.fresh_s:g} s after it came",
        Name.HELD: "not announced: it was started only to be backed up",
        Name.INCOMING: f"incoming from {facts.owner}: reachable for forwarded packets, not announced",
    }
    if new.name in where:
        return where[new.name]
    if new.name is Name.LEAVING:
        return f"moved to {new.target}: what still arrives follows it there"
    if not facts.owner:
        return "withdrawn: the cluster has no such guest any more"
    if old.name is Name.LEAVING:
        seconds = new.since - old.since
        if facts.onward:
            return f"withdrawn: the fabric leads to {old.target} after {seconds:.1f} s"
        if facts.owner not in rules.peers:
            return f"withdrawn: {facts.owner} is not a node that packets can be forwarded to"
        return f"withdrawn: {seconds:.1f} s after it moved to {old.target}, with no path through the fabric seen"
    if old.name in ANNOUNCED:
        if facts.owner == rules.here:
            return "withdrawn: its port is gone"
        return f"withdrawn: it moved to {facts.owner}, to which nothing can be forwarded"
    if old.name is Name.INCOMING:
        return f"no longer incoming: its port is gone and {facts.owner} has it"
    return "its port is gone"
