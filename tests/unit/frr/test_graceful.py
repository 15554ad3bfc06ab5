# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Graceful restart: the ways lead where they should from every state that FRR can be in without saying so."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._frr import _apply
from ansible_collections.routed.fabric.plugins.module_utils._frr._difference import difference
from ansible_collections.routed.fabric.plugins.module_utils._frr._graceful import (
    DISABLE,
    HELPER,
    INHERIT,
    RESTART,
    THROUGH,
    instance_mode,
    mode_of,
    way,
)
from ansible_collections.routed.fabric.plugins.module_utils._frr._tree import parse
from ansible_collections.routed.fabric.plugins.module_utils._frr._vtysh import Outcome

MODES = (HELPER, RESTART, DISABLE)


class Peer(NamedTuple):
    """What FRR keeps for a neighbour or group, as seen on 8.4; `flags` and `inherits` are what it prints from."""

    state: str
    flags: str
    inherits: bool

    def shown(self) -> str:
        return INHERIT if self.inherits else self.flags

    def told(self, command: str, instance: str) -> tuple[Peer, bool]:
        """(what it is then, whether FRR took the command)."""
        negated = command.startswith("no ")
        mode = mode_of(command[3:] if negated else command)
        if negated:
            if self.state == INHERIT:
                return self, True
            if self.state != mode:
                return self, False
            return Peer(INHERIT, self.flags if mode == instance else instance, True), True
        if self.state == mode:
            return self, False
        if self.state == INHERIT:
            return Peer(mode, self.flags if mode == instance else mode, False), True
        return Peer(mode, mode, self.inherits), True


HIDDEN = [Peer(*parts) for parts in itertools.product((INHERIT, *MODES), MODES, (True, False))]


def follow(peer: Peer, commands: list[str], instance: str) -> tuple[Peer, list[bool]]:
    taken = []
    for command in commands:
        peer, accepted = peer.told(command, instance)
        taken.append(accepted)
    return peer, taken


@pytest.mark.parametrize("instance", MODES)
@pytest.mark.parametrize("wanted", [INHERIT, *MODES])
def test_every_way_arrives(instance: str, wanted: str) -> None:
    for peer in HIDDEN:
        end, taken = follow(peer, way("G", wanted, instance), instance)
        assert end == Peer(wanted, wanted or instance, not wanted), peer
        assert all(taken[1:]), peer
        assert taken[0] or peer.state == THROUGH[instance, wanted], peer


def test_the_plain_command_does_not() -> None:
    """The model knows what was seen: a group made under `helper` that is disabled after the instance was, and back."""
    group, dummy = follow(Peer(INHERIT, HELPER, True), [f"neighbor G {DISABLE}"], DISABLE)
    assert group.shown() == HELPER
    assert follow(group, [f"no neighbor G {HELPER}"], DISABLE) == (group, [False])


def test_no_way_leads_through_where_it_comes_from() -> None:
    assert set(THROUGH) == set(itertools.product(MODES, (INHERIT, *MODES)))
    assert all(through not in where for where, through in THROUGH.items())


def test_modes() -> None:
    assert mode_of("neighbor G graceful-restart-helper") == HELPER
    assert mode_of("neighbor G timers 3 9") == mode_of("bgp graceful-restart") == INHERIT
    assert instance_mode(["bgp graceful-restart restart-time 60"]) == HELPER
    assert instance_mode(["bgp graceful-restart restart-time 60", "bgp graceful-restart-disable"]) == DISABLE


def bgp(*lines: str) -> str:
    return "router bgp 65001\n" + "".join(f" {line}\n" for line in lines) + "exit\n"


def commands(got: str, wanted: str, version: str) -> list[str]:
    shown = parse(f"frr version {version}\n" + got)
    return [text for dummy, text in difference(parse(got), parse(wanted), shown)]


PEERS = (
    "neighbor G peer-group",
    "neighbor G remote-as external",
    "neighbor 10.0.0.2 peer-group G",
    "neighbor 10.0.0.4 peer-group G",
    f"neighbor 10.0.0.4 {DISABLE}",
    "neighbor 10.0.0.6 remote-as external",
    f"neighbor 10.0.0.6 {DISABLE}",
)


def test_a_changed_group_is_said_to_its_members_where_frr_overwrites_them() -> None:
    got, wanted = bgp(*PEERS), bgp(*PEERS, f"neighbor G {RESTART}")
    group = way("G", RESTART, HELPER)
    assert commands(got, wanted, "8.4.4") == group
    members = [*way("10.0.0.2", RESTART, HELPER), *way("10.0.0.4", DISABLE, HELPER)]
    assert commands(got, wanted, "10.3") == group + members
    back = [*way("10.0.0.2", INHERIT, HELPER), *way("10.0.0.4", DISABLE, HELPER)]
    assert commands(wanted, got, "10.3") == way("G", INHERIT, HELPER) + back


def test_a_changed_instance_is_kept_from_members_that_follow_their_group() -> None:
    got = bgp(*PEERS, f"neighbor G {RESTART}")
    wanted = bgp("bgp graceful-restart-disable", *PEERS, f"neighbor G {RESTART}")
    assert commands(got, wanted, "8.4.4") == ["bgp graceful-restart-disable"]
    assert commands(got, wanted, "10.3") == ["bgp graceful-restart-disable", *way("10.0.0.2", RESTART, DISABLE)]


def test_a_members_own_mode_that_goes_gives_way_to_the_groups() -> None:
    got = bgp(*PEERS, f"neighbor G {RESTART}")
    wanted = bgp(*(line for line in PEERS if "10.0.0.4 graceful" not in line), f"neighbor G {RESTART}")
    assert commands(got, wanted, "8.4.4") == way("10.0.0.4", INHERIT, HELPER)
    assert commands(got, wanted, "10.3") == way("10.0.0.4", RESTART, HELPER)


def test_who_is_new_is_told_once() -> None:
    assert commands("", bgp(*PEERS), "10.3") == ["router bgp 65001", *PEERS]


def test_only_a_mode_that_may_be_there_already_is_refused_without_harm() -> None:
    def outcome(*refused: str, words: tuple[str, ...] = ()) -> bool:
        return _apply._harmless(Outcome(False, list(refused), list(words))).accepted

    assert outcome(f"neighbor G {HELPER}", f"neighbor 10.0.0.2 {RESTART}")
    assert not outcome(f"neighbor G {HELPER}", "neighbor 10.0.0.2 remote-as 4")
    assert not outcome(f"no neighbor G {HELPER}")
    assert not outcome()
    assert not outcome(f"neighbor G {HELPER}", words=("% Configuration failed.",))
