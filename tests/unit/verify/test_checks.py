# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each check: a sound node is green everywhere, and one fault turns exactly it red. Error texts are literal."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.routed.fabric.plugins.plugin_utils._verify import checks

# The rest: test_guests.py, test_tunnels.py, test_ceph.py.
ELSEWHERE = (*checks.GUEST_CHECKS, *checks.TUNNEL_CHECKS, *checks.CEPH_CHECKS)
HERE = {check.__name__ for check in checks.CHECKS if check not in ELSEWHERE}

NODE: dict[str, Any] = {
    "name": "pve1",
    "loopback": {"interface": "lo", "ipv4": "10.255.0.11/32", "ipv6": "2001:db8::b/128"},
    "underlay": {
        "interfaces": [
            {"name": "up0", "mtu": 9216, "addresses": []},
            {"name": "up1", "mtu": 9216, "addresses": [{"address": "10.0.1.128/32", "peer": "10.0.3.128/32"}]},
        ],
        "sysctl": {"net.ipv4.ip_forward": "1", "net.ipv4.neigh.default.gc_thresh3": "8192"},
    },
    "verify": {
        "sessions": [
            {"neighbor": "up0", "peer": "tor1", "afis": ["ipv4_unicast", "ipv6_unicast"], "bfd": True},
            {"neighbor": "up1", "peer": "tor2", "afis": ["ipv4_unicast"], "bfd": False},
        ],
        "loopbacks": [
            {"node": "ceph1", "address": "10.255.0.21", "uplinks": ["up0", "up1"]},
            {"node": "tor1", "address": "10.255.0.1", "uplinks": ["up0"]},
        ],
        "ecmp": [
            {"prefix": "10.255.0.21/32", "interfaces": ["up0", "up1"]},
            {"prefix": "::/0", "interfaces": ["up0"]},
        ],
        "advertised": [
            {"neighbor": "up0", "ipv4": ["10.255.0.11/32"], "ipv6": ["2001:db8::b/128"]},
            {"neighbor": "up1", "ipv4": ["10.255.0.11/32"]},
        ],
        "accepted": {"ipv4": ["10.255.0.0/24", "0.0.0.0/0"], "ipv6": ["2001:db8::/64", "::/0"]},
        "segments": [
            {
                "name": "lan",
                "vni": 100,
                "device": "vxlan100",
                "bridge": "lan100",
                "mtu": 1500,
                "ports": ["eth2"],
                "remotes": ["10.255.0.12", "10.255.0.13"],
                "evpn": True,
            }
        ],
        "nat": {"table": "fabric_gateway", "uplink": "eth9"},
    },
}


def neighbor(name: str, afis: list[str], bfd: str, remote_as: int) -> dict[str, Any]:
    return {
        "vrf": "default",
        "neighbor": name,
        "state": "Established",
        "remote_as": remote_as,
        "afis": afis,
        "bfd": bfd,
        "last_reset": "",
        "connections_established": 1,
        "notifications_sent": 0,
    }


INFO: dict[str, Any] = {
    "bgp": {
        "running": True,
        "neighbors": [
            neighbor("up0", ["ipv4_unicast", "ipv6_unicast"], "up", 65001),
            neighbor("up1", ["ipv4_unicast"], "", 65002),
        ],
    },
    "rib": {"ipv4": ["0.0.0.0/0", "10.255.0.21/32"], "ipv6": ["2001:db8::15/128", "::/0"]},
    "advertised": {
        "up0": {"ipv4": {"10.255.0.11/32": ""}, "ipv6": {"2001:db8::b/128": ""}},
        "up1": {"ipv4": {"10.255.0.11/32": ""}, "ipv6": None},
    },
    "links": [
        {"name": "lo", "mtu": 65536, "flags": ["LOOPBACK", "LOWER_UP", "UP"]},
        {"name": "up0", "mtu": 9216, "flags": ["BROADCAST", "LOWER_UP", "MULTICAST", "UP"]},
        {"name": "up1", "mtu": 9216, "flags": ["BROADCAST", "LOWER_UP", "MULTICAST", "UP"]},
        {"name": "lan100", "mtu": 1500, "flags": ["BROADCAST", "LOWER_UP", "UP"], "master": ""},
        {"name": "vxlan100", "mtu": 1500, "flags": ["BROADCAST", "LOWER_UP", "UP"], "master": "lan100"},
        {"name": "eth2", "mtu": 1500, "flags": ["BROADCAST", "LOWER_UP", "UP"], "master": "lan100"},
    ],
    "evpn": {"vnis": [100, 202]},
    "vxlan": {
        "vxlan100": {
            "vni": 100,
            "local": "10.255.0.11",
            "bridge": "lan100",
            "flood": {"100": ["10.255.0.12", "10.255.0.13"]},
        }
    },
    "nft": 'table ip fabric_gateway {\n\tchain postrouting {\n\t\toifname "eth9" masquerade\n\t}\n}\n',
    "addresses": {
        "lo": ["10.255.0.11/32", "127.0.0.1/8", "192.0.2.1/32", "2001:db8::b/128", "::1/128"],
        "up0": ["fe80::1/64"],
        "up1": ["10.0.1.128 peer 10.0.3.128/32"],
    },
    "routes": {
        "ipv4": [
            {
                "dst": "10.255.0.21",
                "protocol": "bgp",
                "metric": 20,
                "nexthops": [{"dev": "up0", "flags": []}, {"dev": "up1", "flags": []}],
            },
            {"dst": "10.255.0.1", "protocol": "bgp", "metric": 20, "dev": "up0"},
            {"dst": "10.255.0.21", "table": "local", "type": "local", "dev": "lo"},
            {"dst": "192.0.2.0/24", "protocol": "static", "dev": "up0"},
        ],
        "ipv6": [
            {"dst": "2001:db8::15", "protocol": "bgp", "dev": "up0"},
            {"dst": "default", "protocol": "bgp", "dev": "up0"},
        ],
    },
    "sysctl": {"net.ipv4.ip_forward": "1", "net.ipv4.neigh.default.gc_thresh3": None},
    "pings": [
        {"address": "10.255.0.21", "interface": "up0", "received": 1, "error": ""},
        {"address": "10.255.0.21", "interface": "up1", "received": 1, "error": ""},
        {"address": "10.255.0.1", "interface": "up0", "received": 1, "error": ""},
    ],
}


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    info = copy.deepcopy(INFO)
    change(info)
    return info


def failed(info: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(item["check"], item["subject"], item["message"]) for item in checks.failed_checks(info, NODE)]


def test_a_sound_node_is_green() -> None:
    results = checks.checks(INFO, NODE)
    assert {item["status"] for item in results} == {"ok"}
    assert {item["check"] for item in results} == HERE


def test_what_a_router_sends_back_is_no_leak_but_of_a_host_it_is() -> None:
    info = changed(lambda i: i["advertised"]["up0"]["ipv4"].update({"10.255.0.1/32": "65001"}))
    router = {**NODE, "functions": ["router"]}
    assert checks.failed_checks(info, router) == []
    assert failed(info) == [("advertised_exactly", "ipv4 to up0", "advertised, but not planned: 10.255.0.1/32")]


FAULTS: list[tuple[str, Callable[[dict[str, Any]], object], tuple[str, str, str]]] = [
    (
        "wrong MTU",
        lambda i: i["links"][1].update(mtu=1500),
        ("link_as_planned", "up0", "its MTU is 1500, not 9216"),
    ),
    (
        "switched off",
        lambda i: i["links"][2].update(flags=["BROADCAST"]),
        ("link_as_planned", "up1", "it is switched off"),
    ),
    (
        "no carrier, and so no session",
        lambda i: (
            i["links"][1].update(flags=["BROADCAST", "UP"]),
            i["bgp"]["neighbors"][0].update(state="Idle", bfd="down"),
            i["pings"][0].update(received=0),
        ),
        ("link_as_planned", "up0", "it has no carrier"),
    ),
    (
        "address with peer gone",
        lambda i: i["addresses"].update(up1=["10.0.1.128/32"]),
        ("addresses_as_planned", "up1", "10.0.1.128 peer 10.0.3.128/32 is missing"),
    ),
    (
        "own loopback gone, with the routes that had it as source",
        lambda i: (i["addresses"]["lo"].remove("10.255.0.11/32"), i["routes"]["ipv4"].clear()),
        ("addresses_as_planned", "lo", "10.255.0.11/32 is missing"),
    ),
    (
        "sysctl",
        lambda i: i["sysctl"].update({"net.ipv4.ip_forward": "0"}),
        ("sysctl_as_planned", "kernel parameters", "net.ipv4.ip_forward is 0, not 1"),
    ),
    (
        "session down, and all that hangs on it",
        lambda i: (
            i["bgp"]["neighbors"][0].update(state="Active", bfd="", last_reset="Admin. shutdown"),
            i["pings"][0].update(received=0),
            i["routes"]["ipv4"].__setitem__(0, {"dst": "10.255.0.21", "protocol": "bgp", "dev": "up1"}),
            i["advertised"]["up0"].update(ipv4={}, ipv6={}),
        ),
        ("session_up", "up0 (tor1)", "the session is Active, last reset: Admin. shutdown"),
    ),
    (
        "no such neighbor",
        lambda i: i["bgp"]["neighbors"].pop(0),
        ("session_up", "up0 (tor1)", "FRR has no such neighbor"),
    ),
    (
        "family missing",
        lambda i: i["bgp"]["neighbors"][0].update(afis=["ipv4_unicast"]),
        ("session_up", "up0 (tor1)", "ipv6_unicast was not negotiated"),
    ),
    (
        "BFD down keeps the session down",
        lambda i: i["bgp"]["neighbors"][0].update(state="Idle", bfd="down"),
        ("bfd_up", "up0", "BFD is down and keeps the session down"),
    ),
    (
        "session without BFD",
        lambda i: i["bgp"]["neighbors"][0].update(bfd=""),
        ("bfd_up", "up0", "BFD is not used on an established session"),
    ),
    (
        "one next hop",
        lambda i: i["routes"]["ipv4"][0]["nexthops"].pop(),
        ("ecmp", "10.255.0.21/32", "the kernel's route does not use up1"),
    ),
    (
        "a next hop too many",
        lambda i: i["routes"]["ipv4"][0]["nexthops"].append({"dev": "up9"}),
        ("ecmp", "10.255.0.21/32", "the kernel's route also uses up9"),
    ),
    (
        "no answer",
        lambda i: i["pings"][1].update(received=0, error="no answer"),
        ("loopback_reachable", "ceph1 10.255.0.21 over up1", "no answer to a ping: no answer"),
    ),
    (
        "no route, though the kernel answers pings to what it takes for a neighbour",
        lambda i: i["routes"]["ipv4"].pop(1),
        ("loopback_reachable", "tor1 10.255.0.1 over up0", "there is no route over up0"),
    ),
    (
        "leak",
        lambda i: i["advertised"]["up1"]["ipv4"].update({"10.255.0.1/32": "65001"}),
        ("advertised_exactly", "ipv4 to up1", "advertised, but not planned: 10.255.0.1/32"),
    ),
    (
        "not advertised",
        lambda i: i["advertised"]["up0"]["ipv6"].clear(),
        ("advertised_exactly", "ipv6 to up0", "not advertised: 2001:db8::b/128"),
    ),
    (
        "router advertisement",
        lambda i: i["routes"]["ipv6"].append({"dst": "default", "protocol": "ra", "dev": "up0"}),
        ("no_ra_route", "uplinks", "default over up0 comes from a router advertisement"),
    ),
    (
        "router advertisement that displaces BGP's default route",
        lambda i: i["routes"].update(ipv6=[{"dst": "default", "protocol": "ra", "dev": "up1"}]),
        ("no_ra_route", "uplinks", "default over up1 comes from a router advertisement"),
    ),
    (
        "foreign prefix in the kernel",
        lambda i: i["routes"]["ipv4"].append({"dst": "198.51.100.0/24", "protocol": "bgp", "dev": "up0"}),
        ("no_foreign_prefix", "ipv4", "not planned, but in the routing table: 198.51.100.0/24"),
    ),
    (
        "a prefix that only the default route covers",
        lambda i: i["rib"]["ipv6"].append("2001:db8:ff::/48"),
        ("no_foreign_prefix", "ipv6", "not planned, but in the routing table: 2001:db8:ff::/48"),
    ),
    (
        "segment without a VXLAN device",
        lambda i: i["vxlan"].clear(),
        ("segment_as_planned", "lan", "there is no VXLAN device vxlan100"),
    ),
    (
        "VXLAN device in another bridge",
        lambda i: i["vxlan"]["vxlan100"].update(bridge=""),
        ("segment_as_planned", "lan", "vxlan100 is a port of no bridge, not of lan100"),
    ),
    (
        "bridge that is down",
        lambda i: i["links"][3].update(flags=["BROADCAST"]),
        ("segment_as_planned", "lan", "lan100 is not up"),
    ),
    (
        "bridge with a smaller MTU",
        lambda i: i["links"][3].update(mtu=1450),
        ("segment_as_planned", "lan", "the MTU of lan100 is 1450, not 1500"),
    ),
    (
        "port that was taken out",
        lambda i: i["links"][5].update(master=""),
        ("segment_as_planned", "lan", "eth2 is no port of lan100"),
    ),
    (
        "VNI that zebra does not know",
        lambda i: i["evpn"].update(vnis=[202]),
        ("vni_known", "lan", "zebra does not know VNI 100"),
    ),
    (
        "VTEP that is missing",
        lambda i: i["vxlan"]["vxlan100"]["flood"]["100"].pop(),
        ("remote_vteps", "lan", "VTEP 10.255.0.13 is missing"),
    ),
    (
        "VTEP that is no member",
        lambda i: i["vxlan"]["vxlan100"]["flood"]["100"].append("10.255.0.14"),
        ("remote_vteps", "lan", "VTEP 10.255.0.14 is no member"),
    ),
    (
        "rules that were flushed",
        lambda i: i.update(nft="table ip filter {\n}\n"),
        ("nat_loaded", "eth9", "there is no rule for eth9 in table ip fabric_gateway"),
    ),
]


@pytest.mark.parametrize(("change", "expected"), [item[1:] for item in FAULTS], ids=[item[0] for item in FAULTS])
def test_one_fault_turns_exactly_one_check_red(change: Any, expected: tuple[str, str, str]) -> None:
    assert failed(changed(change)) == [expected]


def test_each_check_is_shown_to_fail() -> None:
    assert {item[2][0] for item in FAULTS} == HERE


def test_bgpd_that_does_not_answer() -> None:
    info = changed(lambda i: i["bgp"].update(running=False, neighbors=[]))
    assert {item[2] for item in failed(info) if item[0] == "session_up"} == {"bgpd does not answer"}


def test_questions() -> None:
    asked = checks.questions(NODE, 1.5)
    assert asked["pings"] == [
        {"address": "10.255.0.21", "interface": "up0", "source": "10.255.0.11"},
        {"address": "10.255.0.21", "interface": "up1", "source": "10.255.0.11"},
        {"address": "10.255.0.1", "interface": "up0", "source": "10.255.0.11"},
    ]
    assert asked["advertised_to"] == ["up0", "up1"]
    assert asked["sysctl"] == ["net.ipv4.ip_forward", "net.ipv4.neigh.default.gc_thresh3"]
    assert asked["ping_deadline_s"] == 1.5


def test_report_of_a_sound_node_is_one_line() -> None:
    text = checks.report(checks.checks(INFO, NODE), "pve1")
    assert text.startswith("pve1: all 23 checks passed (2 link_as_planned, 2 addresses_as_planned, ")
    assert "\n" not in text


def test_report_of_failures_has_their_hints() -> None:
    info = changed(lambda i: i["links"][1].update(mtu=1500))
    assert checks.report(checks.checks(info, NODE), "pve1") == (
        "pve1: 1 of 23 checks failed\n"
        "  link_as_planned up0: its MTU is 1500, not 9216\n"
        "    run role underlay again; if it comes back, something else on the node sets it"
    )
