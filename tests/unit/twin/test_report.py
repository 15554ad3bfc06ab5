# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What scripts/twin.py makes of playbooks' output, of snapshots and of FRR's summaries."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "scripts"))

import twin_report as report

OUTPUT = """
PLAY [Configure] ***************************************************************

TASK [routed.fabric.frr : Apply the whole FRR configuration] *******************
--- before
+++ after
changed: [pve1]
ok: [tor1]

TASK [Loop] ********************************************************************
changed: [tor1] => (item=1)
changed: [tor1] => (item=2)

PLAY RECAP *********************************************************************
localhost                  : ok=2    changed=0    unreachable=0    failed=0    skipped=0    rescued=0    ignored=0
pve1                       : ok=9    changed=1    unreachable=0    failed=0    skipped=0    rescued=0    ignored=0
"""


def test_recap() -> None:
    counts = report.recap(OUTPUT)
    assert {host: entry["changed"] for host, entry in counts.items()} == {"localhost": 0, "pve1": 1}
    assert report.recap("ERROR! no play") == {}


def test_changed_tasks() -> None:
    assert report.changed_tasks(OUTPUT) == [
        "pve1: routed.fabric.frr : Apply the whole FRR configuration",
        "tor1: Loop",
    ]


def test_differences_name_exactly_what_moved() -> None:
    before = {
        "links": {"enp1s0": {"mtu": 9216, "up": True}, "old": {}},
        "routes": ["a", "b"],
        "config": "router\n x\n",
        "n": [1, 2],
    }
    after = {
        "links": {"enp1s0": {"mtu": 1500, "up": True}, "new": {}},
        "routes": ["b", "c", "d"],
        "config": "router\n y\n",
        "n": [1, 3],
    }
    assert list(report.differences(before, after)) == [
        "config[1]:  x ->  y",
        "links.enp1s0.mtu: 9216 -> 1500",
        "links.new: appeared: {}",
        "links.old: gone: {}",
        "n[1]: 2 -> 3",
        "routes: gone: a",
        "routes: appeared: c",
        "routes: appeared: d",
    ]
    assert list(report.differences(before, before)) == []
    assert list(report.differences({"x": 1}, {"x": True})) == ["x: 1 -> true"]


def test_sessions() -> None:
    summary = {
        "ipv4Unicast": {"peers": {"enp1": {"state": "Established"}, "enp2": {"state": "Established"}}},
        "ipv6Unicast": {"peers": {"enp1": {"state": "Established"}, "enp2": {"state": "Active"}}},
        "totalPeers": 2,
    }
    assert report.sessions(summary) == {"enp1": True, "enp2": False}
    assert report.sessions({}) == {}


def test_errors_of_a_broken_fabric() -> None:
    inventory = {"_meta": {"hostvars": {}}, "all": {"vars": {"fabric_errors": ["nodes.pve1: no id"]}}}
    assert report.errors_of(inventory) == ["nodes.pve1: no id"]
    assert report.nodes_of({"_meta": {"hostvars": {"pve1": {"fabric_node": {"id": 1}}, "x": {}}}}) == {
        "pve1": {"id": 1}
    }


def test_marks_of_plugin_strings_are_taken_off() -> None:
    assert report.plain({"a": [{"__ansible_unsafe": "x"}, 1]}) == {"a": ["x", 1]}


def test_table() -> None:
    assert report.table([["node", "up"], ["pve1", "2 of 2"]]) == "node  up\npve1  2 of 2"
