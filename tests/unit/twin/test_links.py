# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links of a twin: what the kernel shows becomes pairs, and pairs and the wanted links become changes."""

from __future__ import annotations

from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._twin._links import (
    Changes,
    _move,
    as_text,
    difference,
    pairs,
    place,
)
from ansible_collections.routed.fabric.plugins.module_utils._twin._names import hold_interface_name
from hypothesis import given
from hypothesis import strategies as st

FABRIC = "ams"
HOLD = "fabric-ams~off"
LINK = frozenset((("pve1", "enp1"), ("tor1", "swp1")))
AT_HOME = frozenset((("fabric-ams-pve1", "enp1"), ("fabric-ams-tor1", "swp1")))
HELD_PVE1 = (HOLD, hold_interface_name("pve1", "enp1"))
HELD_TOR1 = (HOLD, hold_interface_name("tor1", "swp1"))


def veth(name: str, index: int, other_index: int, nsid: int | None = 0) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "ifname": name,
        "ifindex": index,
        "link_index": other_index,
        "linkinfo": {"info_kind": "veth"},
    }
    if nsid is not None:
        entry["link_netnsid"] = nsid
    return entry


def test_pairs_are_found_by_namespace_and_index() -> None:
    found, strays = pairs(
        {
            "fabric-ams-pve1": (
                [{"ifname": "lo", "ifindex": 1}, veth("enp1", 2, 7)],
                [{"nsid": 0, "name": "fabric-ams-tor1"}],
            ),
            "fabric-ams-tor1": (
                [veth("swp2", 2, 9, nsid=4), veth("swp1", 7, 2, nsid=3)],
                [{"nsid": 3, "name": "fabric-ams-pve1"}, {"nsid": 4}],
            ),
        }
    )
    assert found == {AT_HOME}
    assert strays == {("fabric-ams-tor1", "swp2")}


def test_a_pair_inside_of_a_node_is_the_nodes_own() -> None:
    inside = [veth("tap0", 2, 3, nsid=None), veth("tap1", 3, 2, nsid=None)]
    assert pairs({"fabric-ams-pve1": (inside, [])}) == (set(), set())


def test_a_pair_in_the_holding_namespace_is_a_link_between_two_dark_nodes() -> None:
    inside = [veth("h1", 2, 3, nsid=None), veth("h2", 3, 2, nsid=None)]
    assert pairs({HOLD: (inside, [])}, HOLD) == ({frozenset(((HOLD, "h1"), (HOLD, "h2")))}, set())


def test_what_is_right_is_left_alone() -> None:
    assert not difference(FABRIC, {AT_HOME}, set(), {LINK: 9000}, {"pve1", "tor1"})


def test_a_missing_link_is_created_in_place() -> None:
    changes = difference(FABRIC, set(), set(), {LINK: 9000}, {"pve1"})
    create = [(("pve1", "enp1"), ("fabric-ams-pve1", "enp1"), ("tor1", "swp1"), HELD_TOR1, 9000)]
    assert changes == Changes(create=create)


def test_an_end_waits_while_its_node_has_no_power() -> None:
    out = difference(FABRIC, {AT_HOME}, set(), {LINK: 9000}, {"tor1"})
    assert out == Changes(move=[(("fabric-ams-pve1", "enp1"), HELD_PVE1)])
    waiting = frozenset((HELD_PVE1, ("fabric-ams-tor1", "swp1")))
    back = difference(FABRIC, {waiting}, set(), {LINK: 9000}, {"pve1", "tor1"})
    assert back == Changes(move=[(HELD_PVE1, ("fabric-ams-pve1", "enp1"))])


def test_a_call_that_was_killed_while_moving_is_completed() -> None:
    half = ("fabric-ams-pve1", hold_interface_name("pve1", "enp1"))
    changes = difference(FABRIC, {frozenset((half, ("fabric-ams-tor1", "swp1")))}, set(), {LINK: 1}, {"pve1", "tor1"})
    assert changes == Changes(move=[(half, ("fabric-ams-pve1", "enp1"))])


def test_links_that_are_not_wanted_or_wrong_go() -> None:
    other = frozenset((("fabric-ams-pve1", "enp1"), ("fabric-ams-tor2", "swp1")))
    changes = difference(FABRIC, {other}, {("fabric-ams-tor1", "swp1")}, {LINK: 1500}, {"pve1", "tor1", "tor2"})
    assert changes.delete == [("fabric-ams-pve1", "enp1"), ("fabric-ams-tor1", "swp1")]
    assert len(changes.create) == 1


def test_a_stray_end_with_a_name_that_nobody_wants_is_the_nodes_own() -> None:
    assert not difference(FABRIC, {AT_HOME}, {("fabric-ams-tor1", "vm0")}, {LINK: 1500}, {"pve1", "tor1"})


def test_moves_go_through_the_name_that_cannot_clash() -> None:
    home = ("fabric-ams-pve1", "enp1")
    assert [" ".join(words) for words in _move(home, HELD_PVE1, HOLD)] == [
        "-n fabric-ams-pve1 link set dev enp1 down",
        f"-n fabric-ams-pve1 link set dev enp1 name {HELD_PVE1[1]}",
        f"-n fabric-ams-pve1 link set dev {HELD_PVE1[1]} netns {HOLD}",
    ]
    assert [" ".join(words) for words in _move(HELD_PVE1, home, HOLD)] == [
        f"-n {HOLD} link set dev {HELD_PVE1[1]} netns fabric-ams-pve1",
        f"-n fabric-ams-pve1 link set dev {HELD_PVE1[1]} name enp1",
    ]


def test_as_text() -> None:
    assert as_text(LINK) == "pve1:enp1 - tor1:swp1"


NODES = ["a", "b", "c"]
ENDS = [(node, interface) for node in NODES for interface in ("e0", "e1")]


@st.composite
def link_sets(draw: st.DrawFn) -> dict[frozenset[tuple[str, str]], int]:
    ends = draw(st.permutations(ENDS))
    count = draw(st.integers(0, 3))
    return {frozenset(ends[2 * number : 2 * number + 2]): 1500 for number in range(count)}


def carry_out(found: set[Any], changes: Changes) -> set[Any]:
    """The kernel as a model: names of ends change, pairs go, pairs come."""
    result = {pair for pair in found if not any(where in pair for where in changes.delete)}
    moves = dict(changes.move)
    result = {frozenset(moves.get(where, where) for where in pair) for pair in result}
    return result | {frozenset((a, b)) for _ea, a, _eb, b, _mtu in changes.create}


@given(
    before=link_sets(), after=link_sets(), lit=st.sets(st.sampled_from(NODES)), later=st.sets(st.sampled_from(NODES))
)
def test_one_difference_is_enough(before: Any, after: Any, lit: set[str], later: set[str]) -> None:
    """From any links and any power to any other: carried out once, nothing is left to do and all links are there."""
    found = carry_out(set(), difference(FABRIC, set(), set(), before, lit))
    found = carry_out(found, difference(FABRIC, found, set(), after, later))
    assert not difference(FABRIC, found, set(), after, later)
    assert found == {frozenset(place(FABRIC, end, later) for end in link) for link in after}
