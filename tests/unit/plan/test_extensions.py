# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Extended subnets: what a router is told, and what stays as it was when something else changes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric import errors, planner

FABRIC: dict[str, Any] = {
    "plugin": "routed.fabric.fabric",
    "name": "x",
    "pools": {
        "asn": "4200000000-4200009999",
        "loopback4": "10.255.0.0/24",
        "loopback6": "2001:db8:100::/64",
    },
    "nodes": {
        "core1": {"id": 1},
        "core2": {"id": 2},
        "e1": {"id": 11, "functions": ["edge"], "uplinks": {"eth1": "core1:eth1", "eth2": "core2:eth1"}},
        "e2": {"id": 12, "functions": ["edge"], "uplinks": {"eth1": "core1:eth2"}},
        "e3": {"id": 13, "functions": ["edge"], "uplinks": {"eth1": "core1:eth3"}},
    },
    "subnet_extensions": {
        "lan": {
            "prefixes": ["20.0.0.0/24", "2001:db8:20::/64"],
            "transport": "vxlan",
            "control_plane": "bgp",
            "edges": {"e1": None, "e2": None, "e3": None},
            "devices": {
                "d1": {"at": "e1:p1", "mac": "52:54:00:00:00:01", "addresses": ["20.0.0.1", "2001:db8:20::1"]},
                "d2": {"at": "e2:p1", "mac": "52:54:00:00:00:02", "addresses": ["20.0.0.2", "2001:db8:20::2"]},
            },
        }
    },
}


@pytest.fixture
def fabric() -> dict[str, Any]:
    return copy.deepcopy(FABRIC)


def planned(fabric: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return planner.plan(fabric, duplicates=[]).nodes


def told(nodes: dict[str, dict[str, Any]], name: str) -> tuple[Any, Any]:
    """What a node is told of the subnet, and of the sessions that carry it."""
    instance = nodes[name]["frr"]["config"]["instances"][0]
    return nodes[name]["extension"], [n for n in instance["neighbors"] if n["neighbor"].startswith("ex-")]


def mentions(thing: object) -> bool:
    return "20.0.0." in str(thing) or "2001:db8:20:" in str(thing)


@pytest.mark.parametrize("transport", ["vxlan", "gre"])
def test_the_others_are_told_of_an_edge_that_is_not_managed(fabric, transport):
    fabric["subnet_extensions"]["lan"]["transport"] = transport
    everyone_managed = planned(fabric)
    fabric["nodes"]["e3"]["managed"] = False
    nodes = planned(fabric)
    for name in ("e1", "e2"):
        assert told(nodes, name) == told(everyone_managed, name)
    assert len(told(nodes, "e1")[1]) == len(told(nodes, "e1")[0]["links"]["tunnels"]) == 2
    assert "extension" not in nodes["e3"]


@pytest.mark.parametrize(
    ("transport", "control_plane"), [("wireguard", "bgp"), ("ssh", "bgp"), ("vxlan", "static"), ("direct", "static")]
)
def test_an_edge_that_is_not_managed_is_given_neither_keys_nor_routes(fabric, transport, control_plane):
    fabric["subnet_extensions"]["lan"].update(transport=transport, control_plane=control_plane)
    fabric["nodes"]["e3"]["managed"] = False
    with pytest.raises(errors.FabricError) as caught:
        planned(fabric)
    assert "subnet_extensions.lan.edges.e3: node 'e3' is not managed, so it is given neither routes nor keys." in str(
        caught.value
    )


def test_a_core_router_that_is_inserted_changes_nothing_about_the_devices(fabric):
    before = planned(fabric)
    fabric["nodes"]["core3"] = {"id": 3}
    fabric["nodes"]["e1"]["uplinks"]["eth2"] = "core3:eth1"
    fabric["links"] = [{"a": "core3:eth2", "b": "core2:eth1"}]
    after = planned(fabric)
    for name in ("e1", "e2", "e3"):
        assert told(after, name) == told(before, name)
    for name in ("core1", "core2", "core3"):
        assert not mentions(after[name]["frr"]) and not mentions(after[name]["extension"])
    assert mentions(after["e1"])  # the question has another answer there


def test_a_new_edge_is_told_of_no_device_elsewhere_but_to_answer_for_it(fabric):
    fabric["subnet_extensions"]["lan"]["edges"]["e3"] = {"ports": ["p1"]}
    extension = planned(fabric)["e3"]["extension"]
    assert extension["routes"]["routes"] == []
    assert [entry["address"] for entry in extension["routes"]["proxy"]["entries"]] == [
        "2001:db8:20::1",
        "2001:db8:20::2",
    ]


def test_a_device_that_moves_is_at_one_router_only(fabric):
    fabric["subnet_extensions"]["lan"]["devices"]["d1"]["at"] = "e3:p1"
    nodes = planned(fabric)
    places = {
        name: [route["address"] for route in nodes[name]["extension"]["routes"]["routes"]]
        for name in ("e1", "e2", "e3")
    }
    assert places == {
        "e1": [],
        "e2": ["20.0.0.2", "2001:db8:20::2"],
        "e3": ["20.0.0.1", "2001:db8:20::1"],
    }


def test_an_edge_leaves_with_its_devices(fabric):
    without = copy.deepcopy(fabric)
    del without["subnet_extensions"]["lan"]["edges"]["e2"]
    with pytest.raises(errors.FabricError) as caught:
        planned(without)
    assert str(caught.value.problems[0]) == (
        "subnet_extensions.lan.devices.d2.at: node 'e2' is no edge of lan, but the device is attached to it. "
        "Use one of e1, e3, or remove the device; an edge leaves with its devices by 'withdraw: true'."
    )
    fabric["subnet_extensions"]["lan"]["edges"]["e2"] = {"withdraw": True}
    leaving = planned(fabric)
    del without["subnet_extensions"]["lan"]["devices"]["d2"]
    gone = planned(without)
    for name in ("e1", "e3"):
        assert told(leaving, name) == told(gone, name)
    assert leaving["e2"]["extension"]["routes"]["state"] == "absent"
    assert leaving["e2"]["extension"]["links"] == {"ports": [], "tunnels": [], "sysctl": {}}
