# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of a Ceph cluster: a whole one is green, and one fault turns exactly one check red."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._info import _ceph
from ansible_collections.routed.fabric.plugins.plugin_utils._verify import checks
from ansible_collections.routed.fabric.plugins.plugin_utils._verify.state import Live, Plan

NODE = {
    "verify": {
        "ceph": {"family": "ipv6", "osds": 3, "monitors": {f"c{n}": f"2001:db8::{n}" for n in (1, 2, 3)}},
    }
}
INFO: dict[str, Any] = {
    "error": "",
    "status": "HEALTH_OK",
    "checks": [],
    "osds": 3,
    "osds_up": 3,
    "osds_in": 3,
    "mgr": True,
    "pgs": 9,
    "pgs_clean": 9,
    "quorum": ["c1", "c2", "c3"],
    "monitors": {f"c{n}": f"[v2:[2001:db8::{n}]:3300,v1:[2001:db8::{n}]:6789]" for n in (1, 2, 3)},
    "listeners": [
        {"process": "ceph-mon", "address": "[2001:db8::1]:3300"},
        {"process": "ceph-osd", "address": "[2001:db8::1]:6800"},
    ],
}


def failed(change: Callable[[dict[str, Any]], object], node: dict[str, Any] = NODE) -> list[tuple[str, str]]:
    info = copy.deepcopy(INFO)
    change(info)
    live, plan = Live({"ceph": info}), Plan(node)
    results = [result for check in checks.CEPH_CHECKS for result in check(live, plan)]
    return [(r.check, r.message) for r in results if r.status == "failed"]


FAULTS: list[tuple[str, Callable[[dict[str, Any]], object], tuple[str, str]]] = [
    (
        "no answer",
        lambda i: i.update(error="`ceph status` failed: timed out"),
        ("ceph_monitors", "it does not answer (`ceph status` failed: timed out)"),
    ),
    ("no quorum of all", lambda i: i["quorum"].remove("c2"), ("ceph_monitors", "c2 is not in quorum")),
    (
        "a monitor elsewhere",
        lambda i: i["monitors"].update(c2="[v2:[2001:db8:1::2]:3300,v1:[2001:db8:1::2]:6789]"),
        (
            "ceph_monitors",
            (
                "c2 is at [v2:[2001:db8:1::2]:3300,v1:[2001:db8:1::2]:6789], "
                "not at [v2:[2001:db8::2]:3300,v1:[2001:db8::2]:6789]"
            ),
        ),
    ),
    (
        "a monitor that is missing",
        lambda i: i["monitors"].pop("c3"),
        ("ceph_monitors", "c3 is at no address, not at [v2:[2001:db8::3]:3300,v1:[2001:db8::3]:6789]"),
    ),
    (
        "no manager",
        lambda i: i.update(mgr=False, status="HEALTH_WARN", checks=["MGR_DOWN"]),
        ("ceph_manager", "no manager is available"),
    ),
    (
        "an OSD that is down",
        lambda i: i.update(osds_up=2, pgs_clean=0, status="HEALTH_WARN", checks=["OSD_DOWN"]),
        ("ceph_osds", "2 of 3 OSDs are up"),
    ),
    ("an OSD that was not made", lambda i: i.update(osds=2, osds_up=2), ("ceph_osds", "there are 2 OSDs, not 3")),
    (
        "placement groups",
        lambda i: i.update(pgs_clean=8, status="HEALTH_WARN", checks=["PG_DEGRADED"]),
        ("ceph_placement_groups", "8 of 9 placement groups are active+clean"),
    ),
    (
        "a warning",
        lambda i: i.update(status="HEALTH_WARN", checks=["OSDMAP_FLAGS"]),
        ("ceph_health", "HEALTH_WARN: OSDMAP_FLAGS"),
    ),
    (
        "IPv4",
        lambda i: i["listeners"].append({"process": "ceph-mgr", "address": "0.0.0.0:6800"}),
        ("ceph_listeners", "ceph-mgr listens on IPv4: 0.0.0.0:6800"),
    ),
    (
        "any address",
        lambda i: i["listeners"].append({"process": "ceph-mgr", "address": "*:6800"}),
        ("ceph_listeners", "ceph-mgr listens on IPv4: *:6800"),
    ),
]


def test_a_whole_cluster_is_green() -> None:
    assert failed(lambda i: i) == []


def test_other_nodes_have_nothing_to_say() -> None:
    assert failed(lambda i: i.update(error="x"), {"verify": {}}) == []
    assert "ceph" not in checks.questions({"verify": {}})["gather_subset"]
    assert "ceph" in checks.questions(NODE)["gather_subset"]


@pytest.mark.parametrize(("change", "expected"), [item[1:] for item in FAULTS], ids=[item[0] for item in FAULTS])
def test_one_fault_turns_exactly_one_check_red(change: Any, expected: tuple[str, str]) -> None:
    assert failed(change) == [expected]


def test_each_check_is_shown_to_fail() -> None:
    assert {item[2][0] for item in FAULTS} == {check.__name__ for check in checks.CEPH_CHECKS}


def test_listeners() -> None:
    text = (
        'LISTEN 0      512    [2001:db8::1]:3300    [::]:*    users:(("ceph-mon",pid=1,fd=9))\n'
        'LISTEN 0      512    [::]:22    [::]:*    users:(("sshd",pid=2,fd=3))\n'
    )
    assert _ceph.listeners(text) == [{"process": "ceph-mon", "address": "[2001:db8::1]:3300"}]
