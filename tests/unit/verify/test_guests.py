# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of routed guests: a sound node is green, and one fault turns exactly one of them red."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.routed.fabric.plugins.module_utils._info import _guests
from ansible_collections.routed.fabric.plugins.plugin_utils._verify import checks

ROOT = Path(__file__).resolve().parents[3]
NODE: dict[str, Any] = {
    "name": "pve1",
    "functions": ["proxmox"],
    "loopback": {"interface": "lo", "ipv4": "10.255.0.11/32"},
    "underlay": {"interfaces": [], "sysctl": {}},
    "guests": {
        "bridge": {"name": "vmbr1", "mac": "02:00:5e:00:01:01", "ipv4": "169.254.0.1/32", "ipv6": "fe80::1/64"},
        "sysctl": {"net.ipv4.conf.vmbr1.send_redirects": "0"},
    },
    "verify": {
        "sessions": [{"neighbor": "up0", "peer": "tor1", "afis": ["ipv4_unicast"], "bfd": False}],
        "advertised": [{"neighbor": "up0", "ipv4": ["10.255.0.11/32"], "ipv6": []}],
        "accepted": {"ipv4": ["203.0.113.0/24"], "ipv6": []},
        "guests": {"table": 100, "protocol": 212, "metrics": {"fresh": 10, "steady": 11, "leaving": 12}},
        "guest_prefixes": ["203.0.113.0/24", "2001:db8:1000::/56"],
        "guest_neighbors": ["up0"],
    },
}


def route(prefix: str, metric: int = 11, dev: str = "vmbr1", table: str = "100") -> dict[str, Any]:
    return {"prefix": prefix, "metric": metric, "dev": dev, "table": table}


GUEST = {"vmid": 130, "name": "web01", "nic": "net0", "port": "tap130i0", "state": "steady", "since": "now"}
INFO: dict[str, Any] = {
    "bgp": {
        "running": True,
        "neighbors": [
            {
                "vrf": "default",
                "neighbor": "up0",
                "state": "Established",
                "remote_as": 65001,
                "afis": ["ipv4_unicast"],
                "bfd": "",
                "connections_established": 1,
            }
        ],
    },
    "rib": {"ipv4": ["203.0.113.9/32"], "ipv6": []},
    "advertised": {
        "up0": {
            "ipv4": {"10.255.0.11/32": "", "203.0.113.30/32": "4200000011", "203.0.113.64/28": "4200000011"},
            "ipv6": {"2001:db8:1000::80/128": "4200000011"},
        }
    },
    "links": [{"name": "lo", "mtu": 65536, "flags": ["UP"]}],
    "addresses": {"lo": ["10.255.0.11/32"]},
    "routes": {"ipv4": [], "ipv6": []},
    "sysctl": {"net.ipv4.conf.vmbr1.send_redirects": "0"},
    "pings": [],
    "guests": {
        "agent": {
            "service": "active",
            "error": "",
            "status": {
                "mode": "normal",
                "guests": [
                    {**GUEST, "addresses": ["203.0.113.30/32", "2001:db8:1000::80"]},
                    {**GUEST, "vmid": 131, "state": "incoming", "addresses": ["203.0.113.31"]},
                    {**GUEST, "vmid": 132, "state": "leaving", "addresses": ["203.0.113.32"]},
                ],
            },
        },
        "bridge": {
            "up": True,
            "lladdr": "02:00:5e:00:01:01",
            "addresses": ["169.254.0.1/32", "fe80::1/64"],
            "tentative": [],
        },
        "routes": {
            "ipv4": [route("203.0.113.30/32"), route("203.0.113.64/28"), route("203.0.113.31/32", table="102")],
            "ipv6": [route("2001:db8:1000::80/128")],
        },
        "neighbours": {"203.0.113.30": "52:02:45:76:d2:35", "2001:db8:1000::80": "52:02:45:76:d2:35"},
        "tables": ["bridge fabric_guests", "inet fabric_guests"],
        "elsewhere": {"ipv4": {}, "ipv6": {}},
    },
}


def failed(
    change: Callable[[dict[str, Any]], object], node: dict[str, Any] | None = None
) -> list[tuple[str, str, str]]:
    info = copy.deepcopy(INFO)
    change(info)
    return [(i["check"], i["subject"], i["message"]) for i in checks.failed_checks(info, node or NODE)]


def test_a_sound_node_is_green():
    results = checks.checks(INFO, NODE)
    assert [item for item in results if item["status"] != "ok"] == []
    assert {check.__name__ for check in checks.GUEST_CHECKS} <= {item["check"] for item in results}


def test_other_nodes_are_asked_nothing():
    node = {**NODE, "verify": {"advertised": []}}
    assert checks.questions(node)["guests"] == {}
    assert "guests" not in checks.questions(node)["gather_subset"]
    named = {check.__name__ for check in checks.GUEST_CHECKS}
    assert not named & {item["check"] for item in checks.checks(INFO, node)}


def test_questions():
    asked = checks.questions(NODE)
    assert asked["guests"] == {"bridge": "vmbr1", "protocol": 212}
    assert asked["gather_subset"][-1] == "guests"
    assert asked["sysctl"] == ["net.ipv4.conf.vmbr1.send_redirects"]


def drop(table: dict[str, Any], key: str) -> None:
    del table[key]


FAULTS: list[tuple[str, Callable[[dict[str, Any]], object], tuple[str, str, str]]] = [
    (
        "agent stopped",
        lambda i: i["guests"]["agent"].update(service="failed", status=None),
        ("guest_agent_runs", "routed-guests", "its service is failed"),
    ),
    (
        "agent without words",
        lambda i: i["guests"]["agent"].update(status=None, error="no status"),
        ("guest_agent_runs", "routed-guests", "it does not answer: no status"),
    ),
    (
        "static",
        lambda i: i["guests"]["agent"]["status"].update(mode="static"),
        (
            "guest_agent_runs",
            "routed-guests",
            "it is in mode static: it cannot read what Proxmox says and leaves everything as it is",
        ),
    ),
    (
        "no bridge",
        lambda i: i["guests"].update(bridge=None),
        ("guest_bridge_as_planned", "vmbr1", "there is no such interface"),
    ),
    (
        "address gone",
        lambda i: i["guests"]["bridge"]["addresses"].remove("169.254.0.1/32"),
        ("guest_bridge_as_planned", "vmbr1", "169.254.0.1/32 is missing"),
    ),
    (
        "tentative",
        lambda i: i["guests"]["bridge"]["tentative"].append("fe80::1/64"),
        ("guest_bridge_as_planned", "vmbr1", "fe80::1/64 is tentative, so that it answers nobody"),
    ),
    (
        "MAC and down",
        lambda i: i["guests"]["bridge"].update(up=False, lladdr="52:54:00:00:00:01"),
        (
            "guest_bridge_as_planned",
            "vmbr1",
            (
                "it is switched off; its MAC address is 52:54:00:00:00:01, not 02:00:5e:00:01:01: "
                "guests that move lose their gateway"
            ),
        ),
    ),
    (
        "firewall",
        lambda i: i["guests"]["tables"].remove("bridge fabric_guests"),
        ("guest_firewall_loaded", "nft", "table bridge fabric_guests is missing"),
    ),
    (
        "neighbour",
        lambda i: drop(i["guests"]["neighbours"], "203.0.113.30"),
        ("guest_reachable", "web01 net0", "203.0.113.30 has no permanent neighbour"),
    ),
    (
        "route, and so no announcement",
        lambda i: (i["guests"]["routes"]["ipv6"].clear(), i["advertised"]["up0"]["ipv6"].clear()),
        ("guest_reachable", "web01 net0", "2001:db8:1000::80/128 has no route in table 100"),
    ),
    (
        "metric",
        lambda i: i["guests"]["routes"]["ipv6"][0].update(metric=10),
        ("guest_reachable", "web01 net0", "the route of 2001:db8:1000::80/128 has metric 10, not 11"),
    ),
    (
        "two nodes",
        lambda i: i["guests"]["elsewhere"]["ipv4"].update({"203.0.113.30/32": ["65001 4200000012"]}),
        (
            "guest_announced_once",
            "guests",
            "203.0.113.30/32 is announced with the path 65001 4200000012, too",
        ),
    ),
    (
        "a guest's route that is not advertised",
        lambda i: drop(i["advertised"]["up0"]["ipv4"], "203.0.113.30/32"),
        ("advertised_exactly", "ipv4 to up0", "not advertised: 203.0.113.30/32"),
    ),
    (
        "an address that is nobody's here",
        lambda i: i["advertised"]["up0"]["ipv4"].update({"203.0.113.77/32": ""}),
        ("advertised_exactly", "ipv4 to up0", "advertised, but not planned: 203.0.113.77/32"),
    ),
    (
        "kernel parameter",
        lambda i: i["sysctl"].update({"net.ipv4.conf.vmbr1.send_redirects": "1"}),
        ("sysctl_as_planned", "kernel parameters", "net.ipv4.conf.vmbr1.send_redirects is 1, not 0"),
    ),
]


@pytest.mark.parametrize(("change", "expected"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_a_fault_turns_exactly_its_check_red(change, expected):
    assert failed(change) == [expected]


def test_a_guest_that_moves_may_be_announced_by_two():
    def change(info: dict[str, Any]) -> None:
        info["guests"]["elsewhere"]["ipv4"]["203.0.113.30/32"] = ["65001 4200000012"]
        info["guests"]["routes"]["ipv4"][0]["metric"] = 12
        info["guests"]["agent"]["status"]["guests"][0]["state"] = "leaving"

    assert failed(change) == []


def test_a_router_passes_on_what_lies_inside_of_guest_prefixes_and_nothing_else():
    verify = {k: v for k, v in NODE["verify"].items() if k != "guests"}
    router = {**NODE, "functions": ["router"], "verify": verify}
    assert failed(lambda i: i, router) == []
    change = lambda i: i["advertised"]["up0"]["ipv4"].update({"198.51.100.1/32": "4200000011"})  # noqa: E731
    assert failed(change, router) == [
        ("advertised_exactly", "ipv4 to up0", "advertised, but not planned: 198.51.100.1/32")
    ]


def test_every_check_has_a_fault_here_and_on_live_nodes():
    named = {check.__name__ for check in checks.GUEST_CHECKS}
    assert named <= {fault[2][0] for fault in FAULTS}
    live = yaml.safe_load((ROOT / "tests/integration/faults/routed-vms.yml").read_text(encoding="utf-8"))
    assert {fault["check"] for fault in live} == named


class TestReading:
    def test_routes(self):
        dump = [{"dst": "203.0.113.1", "dev": "vmbr1", "metric": 11}, {"dst": "203.0.113.0/28", "table": "100"}]
        assert _guests.kernel_routes(dump, "ipv4") == [
            {"prefix": "203.0.113.0/28", "table": "100", "metric": 0, "dev": ""},
            {"prefix": "203.0.113.1/32", "table": "254", "metric": 11, "dev": "vmbr1"},
        ]

    def test_bridge_and_neighbours(self):
        entry = {
            "flags": ["UP"],
            "address": "x",
            "addr_info": [{"local": "fe80::1", "prefixlen": 64, "tentative": True}],
        }
        assert _guests.bridge_state(entry) == {
            "up": True,
            "lladdr": "x",
            "addresses": ["fe80::1/64"],
            "tentative": ["fe80::1/64"],
        }
        dump = [{"dst": "a", "lladdr": "m", "state": ["PERMANENT"]}, {"dst": "b", "lladdr": "m", "state": ["STALE"]}]
        assert _guests.permanent(dump) == {"a": "m"}

    def test_tables(self):
        text = '{"nftables": [{"metainfo": {}}, {"table": {"family": "inet", "name": "x", "handle": 1}}]}'
        assert _guests.nft_tables(text) == ["inet x"]
        assert _guests.nft_tables("") == []

    def test_paths_of_others(self):
        own = {"aspath": {"string": "Local"}, "peer": {"peerId": "::"}}
        other = {"aspath": {"string": "65001 1"}, "peer": {"peerId": "fe80::1"}}
        assert _guests.foreign_paths({"paths": [own, other]}) == ["65001 1"]
        assert _guests.foreign_paths({}) == []

    def test_an_agent_that_is_not_there(self):
        answers = {"systemctl": (3, "inactive\n", ""), "routed-guests": (127, "", "no such file")}
        assert _guests.agent(lambda argv: answers[argv[0]]) == {
            "service": "inactive",
            "status": None,
            "error": "no such file",
        }
