# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From any state to any wanted one: what a kernel does with the commands, and with their inverses."""

from __future__ import annotations

from ansible_collections.routed.fabric.plugins.module_utils._host_route import _files
from ansible_collections.routed.fabric.plugins.module_utils._host_route._difference import (
    Change,
    as_options,
    as_seen,
    describe,
    difference,
    in_batches,
    target_of,
)
from ansible_collections.routed.fabric.plugins.module_utils._host_route._options import (
    Wanted,
    collisions,
    sysctl_switches,
)
from ansible_collections.routed.fabric.plugins.module_utils._host_route._state import (
    Hop,
    Route,
    Rule,
    State,
    route_words,
    state_of,
)
from hypothesis import assume, given
from hypothesis import strategies as st

from .model import OURS, Kernel, any_state, any_wanted, empty, wanted


@given(any_state(), any_wanted(), st.booleans(), st.booleans())
def test_the_commands_lead_there_and_their_inverses_back(got: State, want: Wanted, present: bool, purge: bool) -> None:
    assume(not present or not collisions(want, got))
    target = target_of(want, got, present, purge)
    changes = difference(got, target, OURS)
    kernel = Kernel(got)
    kernel.run(changes)
    assert kernel.state == target
    assert difference(kernel.state, target_of(want, kernel.state, present, purge), OURS) == []
    assert all(entry in kernel.state.other_neighbours.items() for entry in got.other_neighbours.items() if entry[1][1])
    assert all(entry in kernel.state.other_proxies.items() for entry in got.other_proxies.items() if entry[1])
    kernel.undo(changes)
    assert kernel.state == got


@given(any_state(), any_wanted(), st.data())
def test_an_undo_half_way(got: State, want: Wanted, data: st.DataObject) -> None:
    assume(not collisions(want, got))
    changes = difference(got, target_of(want, got, True, True), OURS)
    done = changes[: data.draw(st.integers(0, len(changes)))]
    kernel = Kernel(got)
    kernel.run(done)
    kernel.undo(done)
    assert kernel.state == got


@given(any_state())
def test_the_batch_makes_the_state_from_nothing_and_changes_nothing_after(got: State) -> None:
    lines = _files.render_batch(got, OURS, 101).splitlines()
    assert _files.marks_of("\n".join(lines)) == (OURS, 101)
    kernel = Kernel(empty())
    for dummy in range(2):
        for line in lines:
            if not line.startswith("#"):
                kernel.take(line, "inet")
        made = (kernel.state.routes, kernel.state.neighbours, kernel.state.proxies)
        assert made == (got.routes, got.neighbours, got.proxies)


@given(any_wanted())
def test_what_was_gathered_asks_for_the_same(want: Wanted) -> None:
    target = target_of(want, empty(), True, True)
    options = as_options(target, sysctl_switches(want.sysctl.items()))
    again = wanted(**options, table=want.table)
    assert (again.routes, set(again.proxies)) == (want.routes, set(want.proxies))
    assert {k: v for k, (v, _path) in again.neighbours.items()} == {k: v for k, (v, _path) in want.neighbours.items()}


def test_new_things_come_first_and_gateways_before_what_is_behind_them() -> None:
    former = target_of(
        wanted(
            routes=[
                {"address": "203.0.113.9", "interface": "br0"},
                {"address": "198.51.100.0/28", "interface": "br0", "via": "203.0.113.9"},
            ]
        ),
        empty(),
        True,
        True,
    )
    want = wanted(
        routes=[
            {"address": "198.51.100.0/28", "interface": "br0", "via": "203.0.113.9", "metric": 10},
            {"address": "203.0.113.9", "interface": "br0", "lladdr": "52:54:00:00:00:01", "metric": 10},
        ],
        proxy={"entries": [{"address": "2001:db8::9", "interface": "br0"}]},
    )
    assert [change.command for change in difference(former, target_of(want, former, True, True), OURS)] == [
        "neigh replace 203.0.113.9 lladdr 52:54:00:00:00:01 dev br0 nud permanent protocol 211",
        "route add 203.0.113.9/32 dev br0 proto 211 table 101 metric 10",
        "route add 198.51.100.0/28 via 203.0.113.9 dev br0 proto 211 table 101 metric 10",
        "neigh add proxy 2001:db8::9 dev br0 protocol 211",
        "route del 198.51.100.0/28 proto 211 table 101 metric 11",
        "route del 203.0.113.9/32 proto 211 table 101 metric 11",
    ]


def test_the_interface_that_the_kernel_chose_is_no_difference() -> None:
    want = wanted(routes=[{"address": "203.0.113.9", "via": "192.0.2.1"}])
    chosen = Route("203.0.113.9/32", 101, 11, hops=(Hop("up0", "192.0.2.1"),))
    got = empty()._replace(routes={chosen.key: chosen}, rules=dict.fromkeys(want.rules))
    target = target_of(want, got, True, True)
    assert difference(got, target, OURS) == []
    assert describe(as_seen(target, got)) == describe(got)
    # but the file does not settle it
    assert "route replace 203.0.113.9/32 via 192.0.2.1 proto 211" in _files.render_batch(target, OURS, 101)


def test_the_same_rule_of_somebody_else_is_enough() -> None:
    want = wanted()
    got = empty()._replace(other_rules={want.rules[0]: None})
    target = target_of(want, got, True, True)
    assert [change.command for change in difference(got, target, OURS)] == [
        "rule add pref 1001 lookup 101 protocol 211"
    ]
    assert list(target.rules) == [Rule("inet6", 1001, 101)]


def test_a_state_as_ip_prints_it() -> None:
    state = state_of(
        OURS,
        [101, 254],
        routes={
            "inet": [
                {"type": "7", "dst": "203.0.113.0/24", "table": "101", "metric": 11, "flags": []},
                {"dst": "203.0.113.9", "dev": "br0", "scope": "253", "metric": 11, "flags": ["linkdown"]},
                {
                    "dst": "203.0.113.2",
                    "via": {"family": "inet6", "host": "fe80::2"},
                    "dev": "v0",
                    "table": "101",
                    "prefsrc": "192.0.2.1",
                    "flags": ["onlink"],
                },
                {"dst": "203.0.113.3", "dev": "br0", "table": "100", "flags": []},
            ],
            "inet6": [
                {"type": "6", "dst": "default", "dev": "lo", "table": "101", "metric": 1024, "flags": []},
                {
                    "dst": "2001:db8::9",
                    "table": "101",
                    "metric": 1024,
                    "flags": [],
                    "nexthops": [
                        {"gateway": "fe80::1", "dev": "up0", "weight": 1, "flags": []},
                        {"gateway": "fe80::2", "dev": "up1", "weight": 2, "flags": []},
                    ],
                },
            ],
        },
        neighbours=[
            {
                "dst": "203.0.113.9",
                "dev": "br0",
                "lladdr": "52:54:00:00:00:01",
                "state": ["PERMANENT"],
                "protocol": "211",
            },
            {
                "dst": "203.0.113.8",
                "dev": "br0",
                "lladdr": "52:54:00:00:00:02",
                "state": ["PERMANENT"],
                "protocol": "212",
            },
            {"dst": "203.0.113.7", "dev": "br0", "lladdr": "52:54:00:00:00:03", "state": ["PERMANENT"]},
            {"dst": "203.0.113.6", "dev": "br0", "lladdr": "52:54:00:00:00:03", "state": ["STALE"]},
        ],
        proxies=[
            {"dst": "2001:db8::9", "dev": "br0", "proxy": None, "protocol": "211"},
            {"dst": "2001:db8::8", "dev": "br0", "proxy": None},
        ],
        rules={
            "inet": [
                {"priority": 0, "src": "all", "table": "255"},
                {"priority": 1001, "src": "all", "table": "101", "protocol": "211"},
                {"priority": 990, "src": "all", "iif": "fabric-fwd", "table": "102", "protocol": "211"},
            ],
            "inet6": [],
        },
    )
    assert describe(state) == {
        "routes": [
            (
                "2001:db8::9 table 101 metric 1024 "
                "nexthop via fe80::1 dev up0 weight 1 nexthop via fe80::2 dev up1 weight 2"
            ),
            "unreachable 203.0.113.0/24 table 101 metric 11",
            "203.0.113.2 src 192.0.2.1 via inet6 fe80::2 dev v0 onlink table 101 metric 0",
            "203.0.113.9 dev br0 table 254 metric 11",
            "blackhole ::/0 table 101 metric 1024",
        ],
        "neighbours": ["203.0.113.9 dev br0 lladdr 52:54:00:00:00:01"],
        "proxies": ["2001:db8::9 dev br0"],
        "rules": ["ipv4 pref 1001 lookup 101"],
    }
    assert state.other_neighbours == {
        ("203.0.113.8", "br0"): ("52:54:00:00:00:02", 212),
        ("203.0.113.7", "br0"): ("52:54:00:00:00:03", 0),
    }
    assert state.other_proxies == {("2001:db8::8", "br0"): 0}
    assert list(state.other_rules) == [Rule("inet", 0, 255)]


def test_removals_go_in_pieces() -> None:
    add = Change("route add", ())
    sixth = Change("rule add", (), "inet6")
    gone = Change("route del", (), removal=True)
    batches = list(in_batches([add, sixth, add, add, *[gone] * 5], 2))
    assert [len(batch) for batch in batches] == [1, 1, 2, 2, 2, 1]
    assert [batch[0].family for batch in batches[:2]] == ["inet", "inet6"]


def test_source_comes_before_a_next_hop_of_the_other_family() -> None:
    route = Route("203.0.113.9/32", 101, 11, hops=(Hop("up0", "fe80::1", True),), source="192.0.2.1")
    assert route_words(route, OURS) == (
        "203.0.113.9/32 src 192.0.2.1 via inet6 fe80::1 dev up0 onlink proto 211 table 101 metric 11"
    )
