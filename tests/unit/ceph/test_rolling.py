# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rolling change over a cluster in memory: its order, where it stops, and what it says then."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._ceph._cluster import Cluster, Health, Member
from ansible_collections.routed.fabric.plugins.module_utils._ceph._errors import CephError
from ansible_collections.routed.fabric.plugins.module_utils._ceph._plan import Move
from ansible_collections.routed.fabric.plugins.module_utils._ceph._rolling import Rolling

OLD = "[v2:[2001:db8:1::1]:3300,v1:[2001:db8:1::1]:6789]"
NEW = "[v2:[2001:db8:2::1]:3300,v1:[2001:db8:2::1]:6789]"
MOVE = Move("c1", OLD, NEW)
SOUND = Health("HEALTH_OK", (), 3, 3, 3, mgr=True, pgs=9, pgs_clean=9, quorum=("c1", "c2", "c3"))


class Fake(Cluster):
    """Answers at once; `break_at`: a word of what is done, after which `broken` is the health."""

    def __init__(self, broken: Health | None = None, break_at: str = "") -> None:
        super().__init__(lambda argv: (0, "", ""), "ceph.conf")
        self.done: list[str] = []
        self.addresses = {"c1": "2001:db8:1::1", "c2": "2001:db8:1::2", "c3": "2001:db8:1::3"}
        self.set: set[str] = set()
        self.refusal = ""
        self.broken, self.break_at = broken, break_at
        self.epoch = 1

    def at(self, hosts: Sequence[str]) -> Fake:
        return self

    def monmap(self) -> list[Member]:
        return [
            Member(n, f"[v2:[{a}]:3300,v1:[{a}]:6789]", (ipaddress.ip_address(a),)) for n, a in self.addresses.items()
        ]

    def health(self) -> Health:
        if self.broken and any(self.break_at in words for words in self.done):
            return self.broken
        return SOUND

    def flags(self) -> set[str]:
        return self.set

    def try_ask(self, *words: str) -> tuple[int, str, str]:
        self.done.append(" ".join(words))
        if words[:2] == ("osd", "set"):
            self.set.add(words[2])
        if words[:2] == ("osd", "unset"):
            self.set.discard(words[2])
        if words[:2] == ("mon", "set-addrs"):
            self.addresses[words[2]] = "2001:db8:2::1"
        return 0, "", ""

    def ok_to_stop(self, daemon: str) -> str:
        self.done.append(f"ok-to-stop {daemon}")
        return self.refusal

    def up_from(self, daemon: str) -> int:
        return self.epoch

    def restart(self, daemon: str) -> None:
        self.done.append(f"restart {daemon}")
        self.epoch += 1

    def out_of_quorum(self, name: str) -> list[str]:
        return []

    def not_running(self, daemon: str) -> list[str]:
        return []

    def wait(self, what: Callable[[], Sequence[str]], deadline_s: float, about: str) -> None:
        doubts = what()
        if doubts:
            raise CephError(f"{about}: not within {deadline_s:g} s: {'; '.join(doubts)}")


def roll(cluster: Fake, own: Move | None, daemons: Sequence[str]) -> Rolling:
    rolling = Rolling(cluster, 9, lambda: cluster.done.append("write"))
    rolling.run(own, daemons)
    return rolling


def stopped(cluster: Fake, own: Move | None, daemons: Sequence[str]) -> str:
    with pytest.raises(CephError) as caught:
        roll(cluster, own, daemons)
    return str(caught.value)


def test_the_order() -> None:
    cluster = Fake()
    rolling = roll(cluster, MOVE, ["mon.c1", "mgr.c1", "osd.0"])
    assert cluster.done == [
        "osd set noout",
        "ok-to-stop mon.c1",
        f"mon set-addrs c1 {NEW}",
        "write",
        "restart mon.c1",
        "restart mgr.c1",
        "ok-to-stop osd.0",
        "restart osd.0",
        "osd unset noout",
    ]
    assert cluster.set == set()
    assert rolling.commands == [
        "ceph osd set noout",
        f"ceph mon set-addrs c1 {NEW}",
        "write ceph.conf",
        "systemctl restart ceph-mon@c1",
        "restart mgr.c1",
        "restart osd.0",
        "ceph osd unset noout",
    ]


def test_without_full_health_nothing_is_begun() -> None:
    cluster = Fake(replace(SOUND, osds_up=2, quorum=("c1", "c2")), "")
    cluster.done.append("x")
    assert stopped(cluster, MOVE, ["osd.0"]) == (
        "the cluster is in no state to restart daemons: 2 of 3 OSDs are up; 2 of 3 monitors are in quorum; nothing was "
        "changed"
    )
    assert cluster.done == ["x"]


def test_a_monitor_without_a_unit_is_not_moved() -> None:
    """As cephadm has it, in a container: it could not be started again."""
    cluster = Fake()
    cluster.not_running = lambda daemon: [f"{daemon} is inactive"]  # type: ignore[method-assign]
    assert stopped(cluster, MOVE, ["osd.0"]) == (
        "the cluster is in no state to restart daemons: mon.c1 is inactive; nothing was changed"
    )
    assert cluster.done == []


def test_noout_of_somebody_else() -> None:
    cluster = Fake()
    cluster.set.add("noout")
    assert stopped(cluster, MOVE, []).startswith("noout is set: somebody works on the cluster, or a change like this ")
    assert cluster.done == []
    assert cluster.set == {"noout"}


def test_a_monitor_that_may_not_be_stopped() -> None:
    cluster = Fake()
    cluster.refusal = "not enough monitors would be available"
    assert stopped(cluster, MOVE, ["osd.0"]) == (
        "mon.c1 cannot be stopped: not within 9 s: not enough monitors would be available; nothing was "
        "changed (noout is "
        "unset again)"
    )
    assert cluster.done == ["osd set noout", "ok-to-stop mon.c1", "osd unset noout"]


DONE = f"ceph osd set noout; ceph mon set-addrs c1 {NEW}; write ceph.conf; systemctl restart ceph-mon@c1"
BACK = (
    f"put the former ceph.conf back; ceph mon set-addrs c1 {OLD}; systemctl restart ceph-mon@c1; ceph osd unset noout"
)
LATE: list[tuple[str, Any, str, str]] = [
    (
        "restart mon.c1",
        replace(SOUND, quorum=("c2", "c3")),
        "mon.c1 at its new address: not within 9 s: 2 of 3 monitors are in quorum",
        DONE,
    ),
    (
        "restart osd.0",
        replace(SOUND, pgs_clean=4),
        "after the restart of osd.0: not within 9 s: 4 of 9 PGs are active+clean",
        f"{DONE}; restart osd.0",
    ),
]


@pytest.mark.parametrize(("at", "broken", "doubt", "done"), LATE, ids=[entry[0] for entry in LATE])
def test_it_stops_at_the_first_doubt_and_says_the_way_back(at: str, broken: Health, doubt: str, done: str) -> None:
    cluster = Fake(broken, at)
    assert stopped(cluster, MOVE, ["osd.0", "osd.9"]) == f"{doubt}; done so far: {done}. The way back: {BACK}"
    assert "restart osd.9" not in cluster.done
    assert cluster.set == {"noout"}, "by this the next node knows"
