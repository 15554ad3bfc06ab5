# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state machine: its table, and whatever order of events against a model that is too simple to be wrong."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from routed_guests.addresses import parse
from routed_guests.config import Config, Forward, Peer, Timing
from routed_guests.machine import ANNOUNCED, Facts, Name, Rules, State, deadline, reason, returning, step
from routed_guests.wanted import Devices, Guest, routes

TIMING = Timing()
RULES = Rules("pve1", ("pve2", "pve3"), TIMING)
ME, OTHER, THIRD, UNREACHABLE = "pve1", "pve2", "pve3", "pve9"

TABLE = [
    # state, facts, seconds in it, next
    (State(), Facts(ME, 7), 0, Name.FRESH),
    (State(), Facts(ME, 7, held=True), 0, Name.HELD),
    (State(), Facts(OTHER, 7), 0, Name.INCOMING),
    (State(), Facts(OTHER), 0, Name.ABSENT),
    (State(), Facts(ME), 0, Name.ABSENT),
    (State(), Facts("", 7), 0, Name.ABSENT),
    (State(Name.HELD), Facts(ME, 7, held=True), 60, Name.HELD),
    (State(Name.HELD), Facts(ME, 7), 0, Name.FRESH),
    (State(Name.HELD), Facts(ME), 0, Name.ABSENT),
    (State(Name.INCOMING), Facts(ME, 7), 0, Name.FRESH),
    (State(Name.INCOMING), Facts(OTHER, 7), 3600, Name.INCOMING),
    (State(Name.INCOMING), Facts(OTHER), 0, Name.ABSENT),
    (State(Name.INCOMING), Facts(ME), 0, Name.ABSENT),
    (State(Name.FRESH), Facts(ME, 7), 9.9, Name.FRESH),
    (State(Name.FRESH), Facts(ME, 7), 10, Name.STEADY),
    (State(Name.FRESH), Facts(ME, 7, held=True), 0, Name.FRESH),
    (State(Name.FRESH), Facts(ME), 0, Name.ABSENT),
    (State(Name.FRESH), Facts(OTHER, 7), 0, Name.LEAVING),
    (State(Name.STEADY), Facts(ME, 7, held=True), 0, Name.STEADY),
    (State(Name.STEADY), Facts(ME), 0, Name.ABSENT),
    (State(Name.STEADY), Facts("", 7), 0, Name.ABSENT),
    (State(Name.STEADY), Facts(OTHER, 7), 0, Name.LEAVING),
    (State(Name.STEADY), Facts(OTHER), 0, Name.LEAVING),
    (State(Name.STEADY), Facts(UNREACHABLE, 7), 0, Name.LEFT),
    (State(Name.STEADY), Facts(UNREACHABLE), 0, Name.ABSENT),
    (State(Name.LEAVING, 0, OTHER, 7), Facts(OTHER, 7, onward=True), 0.9, Name.LEAVING),
    (State(Name.LEAVING, 0, OTHER, 7), Facts(OTHER, 7, onward=True), 1, Name.LEFT),
    (State(Name.LEAVING, 0, OTHER, 7), Facts(OTHER, onward=True), 1, Name.ABSENT),
    (State(Name.LEAVING, 0, OTHER, 7), Facts(OTHER), 29, Name.LEAVING),
    (State(Name.LEAVING, 0, OTHER, 7), Facts(OTHER), 30, Name.ABSENT),
    (State(Name.LEAVING, 0, OTHER, 7), Facts(ME, 8), 0, Name.FRESH),
    (State(Name.LEAVING, 0, OTHER, 7), Facts(ME), 0, Name.ABSENT),
    (State(Name.LEAVING, 0, OTHER, 7), Facts(UNREACHABLE), 0, Name.ABSENT),
    (State(Name.LEFT, 0, port=7), Facts(OTHER, 7), 600, Name.LEFT),
    (State(Name.LEFT, 0, port=7), Facts(OTHER, 8), 0, Name.INCOMING),
    (State(Name.LEFT, 0, port=7), Facts(OTHER), 0, Name.ABSENT),
    (State(Name.LEFT, 0, port=7), Facts(ME, 7), 0, Name.FRESH),
]


@pytest.mark.parametrize(("state", "facts", "seconds", "expected"), TABLE)
def test_table(state: State, facts: Facts, seconds: float, expected: Name) -> None:
    new = step(state, facts, seconds, RULES)
    assert new.name is expected
    assert step(new, facts, seconds, RULES) is new, "one look is not enough"
    assert (new is state) == (expected is state.name)


def test_a_third_node_is_followed_and_the_time_goes_on() -> None:
    state = step(State(Name.LEAVING, 5, OTHER, 7), Facts(THIRD, 7), 6, RULES)
    assert state == State(Name.LEAVING, 5, THIRD, 7)


def test_coming_back_while_leaving() -> None:
    state = State(Name.LEAVING, 0, OTHER, 7)
    assert not returning(state, Facts(OTHER, 7))
    assert returning(state, Facts(OTHER, 8))
    assert not returning(State(Name.LEAVING, 0, OTHER, 0), Facts(OTHER, 8)), "not known after a restart"


EVENTS = st.lists(
    st.tuples(
        st.sampled_from([ME, OTHER, THIRD, UNREACHABLE, ""]),
        st.sampled_from([0, 7, 8]),
        st.booleans(),
        st.booleans(),
        st.sampled_from([0.0, 0.5, 1.0, 10.0, 30.0]),
    ),
    max_size=40,
)


@given(EVENTS)
@settings(max_examples=400, deadline=None)
def test_any_order_of_events(events: list[tuple[str, int, bool, bool, float]]) -> None:
    """Whatever happened before, today's facts decide what is announced."""
    state, now = State(), 100.0
    for owner, port, held, onward, seconds in events:
        now += seconds
        facts = Facts(owner, port, held, onward)
        old, state = state, step(state, facts, now, RULES)
        # never announced on a node that .vmlist does not name, or without a port
        if state.name in ANNOUNCED:
            assert owner == ME and port
        # a guest that is ours and here is announced, unless it only waits for its backup
        if owner == ME and port:
            assert state.name in ANNOUNCED or (held and state.name is Name.HELD)
        # forwarding goes to whom .vmlist names now, begins only with a guest that was announced, and ends
        if state.name is Name.LEAVING:
            assert state.target == owner and owner in RULES.peers
            assert old.name in (*ANNOUNCED, Name.LEAVING)
            assert now - state.since < TIMING.leaving_max_s
        if old.name in ANNOUNCED and owner in RULES.peers:
            assert state.name is Name.LEAVING
        if state.name in (Name.INCOMING, Name.LEFT):
            assert port and owner not in (ME, "")
        if state is not old:
            assert state.since in (now, old.since)
            assert reason(old, state, facts, RULES)
        due = deadline(state, RULES)
        assert due is None or due > now or state.name in (Name.FRESH, Name.LEAVING)


PEERS = {
    name: Peer(parse(f"2001:db8::{n}"), f"02:fd:00:00:00:0{n}", parse(f"fe80::{n}"))
    for n, name in ((2, OTHER), (3, THIRD))
}
CONFIG = Config(
    node=ME,
    bridge="vmbr1",
    table=100,
    incoming_table=102,
    protocol=212,
    prefixes=(parse("2.57.57.0/24"),),
    guests_file="",
    sources=("fabric",),
    forward=Forward("fabric-fwd", 211, 4787, 9000, parse("2001:db8::1"), "02:fd:00:00:00:01", parse("fe80::1"), PEERS),
    pve="/etc/pve",
)
GUEST = Guest(130, 0, "52:02:45:76:d2:35", "web01", "qemu", (parse("2.57.57.30"),), (parse("2.57.57.64/28"),))


@given(EVENTS)
@settings(max_examples=200, deadline=None)
def test_there_is_always_one_way_or_none(events: list[tuple[str, int, bool, bool, float]]) -> None:
    """The announced table holds one route a prefix: to the bridge where the guest is here, else over the forward."""
    state, now = State(), 100.0
    for owner, port, held, onward, seconds in events:
        now += seconds
        facts = Facts(owner, port, held, onward)
        state = step(state, facts, now, RULES)
        found = [
            each for each in routes(GUEST, state, returning(state, facts), CONFIG, Devices(4, 5)) if each.table == 100
        ]
        assert len(found) == len({each.destination for each in found})
        assert len(found) == (2 if state.name in (*ANNOUNCED, Name.LEAVING) else 0)
        assert {each.interface for each in found} <= ({5} if state.name is Name.LEAVING else {4})


def test_reasons_are_whole() -> None:
    fresh, steady = State(Name.FRESH), State(Name.STEADY)
    leaving = State(Name.LEAVING, 0, OTHER, 7)
    told = [
        (State(), Facts(ME, 7), 0, "announced: .vmlist names pve1 and its port is here"),
        (fresh, Facts(ME, 7), 10, "announced without preference, 10 s after it came"),
        (State(), Facts(ME, 7, held=True), 0, "not announced: it was started only to be backed up"),
        (State(), Facts(OTHER, 7), 0, "incoming from pve2: reachable for forwarded packets, not announced"),
        (steady, Facts(OTHER, 7), 0, "moved to pve2: what still arrives follows it there"),
        (steady, Facts("", 7), 0, "withdrawn: the cluster has no such guest any more"),
        (steady, Facts(ME), 0, "withdrawn: its port is gone"),
        (steady, Facts(UNREACHABLE), 0, "withdrawn: it moved to pve9, to which nothing can be forwarded"),
        (leaving, Facts(OTHER, 7, onward=True), 2.34, "withdrawn: the fabric leads to pve2 after 2.3 s"),
        (
            leaving,
            Facts(OTHER, 7),
            30,
            "withdrawn: 30.0 s after it moved to pve2, with no path through the fabric seen",
        ),
        (leaving, Facts(UNREACHABLE, 7), 1, "withdrawn: pve9 is not a node that packets can be forwarded to"),
        (State(Name.INCOMING), Facts(OTHER), 1, "no longer incoming: its port is gone and pve2 has it"),
    ]
    for old, facts, now, text in told:
        assert reason(old, step(old, facts, now, RULES), facts, RULES) == text
