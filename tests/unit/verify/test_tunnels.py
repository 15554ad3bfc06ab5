# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of tunnels: a sound node is green, and one fault turns exactly one check red. Error texts are literal."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.routed.fabric.plugins.plugin_utils._verify import checks

KEY = "IhYOkpqE0cIBclaR7zGLml/7BriPIMoMdjmM5dbkkGs="
FAR = "ZZkW3L0OES1bqQKdDpe3GQ88G4I3ABZVasuEVyvS5iM="
NAMES = {check.__name__ for check in checks.TUNNEL_CHECKS}
PEER = {
    "name": "home",
    "public_key": FAR,
    "allowed_ips": ["2001:db8:101::/48"],
    "ping": "2001:db8:101::1",
    "source": "2001:db8:1::100",
    "endpoint": "[2001:db8:6f67::2]:51820",
}
NODE: dict[str, Any] = {
    "name": "gw1",
    "underlay": {"names": {"tables": {"fabric-tunnel": 110}}},
    "verify": {
        "tunnels": {
            "interfaces": [{"name": "wg0", "public_key": KEY, "listen_port": 51820, "mtu": 1420, "peers": [PEER]}],
            "table": "fabric_tunnels",
            "handshake_s": 180,
            "rules": [
                {"priority": 1100, "from": "2001:db8:101::/48", "table": 254, "suppress_prefixlength": 0},
                {"priority": 1101, "from": "2001:db8:101::/48", "table": 110},
            ],
            "blackholes": [{"prefix": "::/0", "table": 110, "metric": 4096}],
        }
    },
}
INFO: dict[str, Any] = {
    "links": [{"name": "wg0", "mtu": 1420, "flags": ["UP", "LOWER_UP"]}],
    "wireguard": {
        "wg0": {
            "public_key": KEY,
            "listen_port": 51820,
            "peers": {
                FAR: {
                    "endpoint": "[2001:db8:6f67::2]:51820",
                    "source": "2001:db8:1::100",
                    "allowed_ips": ["2001:db8:101::/48"],
                    "handshake_age_s": 12,
                }
            },
        }
    },
    "rules": {
        "ipv4": [{"priority": 0, "src": "all", "table": "local"}],
        "ipv6": [
            {"priority": 1100, "src": "2001:db8:101::", "srclen": 48, "table": "main", "suppress_prefixlen": 0},
            {"priority": 1101, "src": "2001:db8:101::", "srclen": 48, "table": "fabric-tunnel"},
        ],
    },
    "routes": {"ipv4": [], "ipv6": [{"type": "blackhole", "dst": "default", "table": "fabric-tunnel"}]},
    "nft": "table inet fabric_tunnels {\n}\n",
}


def results(info: dict[str, Any], node: dict[str, Any] = NODE) -> list[dict[str, Any]]:
    live, plan = checks.Live(info), checks.Plan(node)
    return [result.as_data() for check in checks.TUNNEL_CHECKS for result in check(live, plan)]


def failed(info: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(r["check"], r["subject"], r["message"]) for r in results(info) if not r["ok"]]


def test_a_sound_node_is_green() -> None:
    assert failed(INFO) == []
    assert {result["check"] for result in results(INFO)} == NAMES


def test_a_node_without_tunnels_is_not_asked() -> None:
    assert results({}, {"name": "tor1", "verify": {}}) == []
    assert "wireguard" not in checks.questions({"name": "tor1", "verify": {}})["gather_subset"]


def test_questions() -> None:
    """The ping comes first: it makes a handshake where there was no traffic."""
    asked = checks.questions(NODE)
    assert asked["pings"] == [{"address": "2001:db8:101::1", "interface": "wg0", "count": 1}]
    subsets = asked["gather_subset"]
    assert subsets.index("pings") < subsets.index("wireguard")


def peer(info: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = info["wireguard"]["wg0"]["peers"][FAR]
    return found


FAULTS: list[tuple[str, Any, tuple[str, str, str]]] = [
    (
        "its process has died",
        lambda i: i["wireguard"].clear(),
        ("tunnel_up", "wg0", "nothing answers for wg0: it is no WireGuard interface, or its process has died"),
    ),
    (
        "the interface is gone",
        lambda i: (i["links"].clear(), i["wireguard"].clear()),
        (
            "tunnel_up",
            "wg0",
            "there is no interface wg0 (its process may have died while its unit still says active)",
        ),
    ),
    ("switched off", lambda i: i["links"][0].update(flags=[]), ("tunnel_up", "wg0", "it is switched off")),
    ("MTU", lambda i: i["links"][0].update(mtu=1400), ("tunnel_up", "wg0", "its MTU is 1400, not 1420")),
    (
        "port",
        lambda i: i["wireguard"]["wg0"].update(listen_port=1),
        ("tunnel_up", "wg0", "its port is 1, not 51820"),
    ),
    (
        "key",
        lambda i: i["wireguard"]["wg0"].update(public_key=FAR),
        ("tunnel_up", "wg0", f"its public key is {FAR}, and the others know {KEY}"),
    ),
    (
        "no peer",
        lambda i: i["wireguard"]["wg0"]["peers"].clear(),
        ("tunnel_peer", "wg0 home", "it is not among the interface's peers"),
    ),
    (
        "other prefixes",
        lambda i: peer(i).update(allowed_ips=[]),
        ("tunnel_peer", "wg0 home", "its allowed IPs are none, not 2001:db8:101::/48"),
    ),
    (
        "no handshake",
        lambda i: peer(i).update(handshake_age_s=None),
        ("tunnel_handshake", "wg0 home", "there was no handshake yet"),
    ),
    (
        "old handshake",
        lambda i: peer(i).update(handshake_age_s=181),
        ("tunnel_handshake", "wg0 home", "the last handshake was 181 s ago"),
    ),
    (
        "roamed",
        lambda i: peer(i).update(endpoint="[2001:db8:6f67::3]:51820"),
        ("tunnel_endpoint", "wg0 home", "it is at [2001:db8:6f67::3]:51820, not at [2001:db8:6f67::2]:51820"),
    ),
    (
        "another source",
        lambda i: peer(i).update(source="2001:db8::1"),
        (
            "tunnel_source",
            "wg0 home",
            "packets to [2001:db8:6f67::2]:51820 leave with 2001:db8::1, not 2001:db8:1::100",
        ),
    ),
    (
        "no rule",
        lambda i: i["rules"]["ipv6"].pop(),
        ("tunnel_rules", "from 2001:db8:101::/48", "there is no rule 1101 that leads to table 110"),
    ),
    (
        "no blackhole",
        lambda i: i["routes"]["ipv6"].clear(),
        ("tunnel_rules", "blackhole ::/0", "it is not in table 110"),
    ),
    (
        "no firewall",
        lambda i: i.update(nft=""),
        ("tunnel_firewall", "fabric_tunnels", "there is no table inet fabric_tunnels"),
    ),
]


@pytest.mark.parametrize(("change", "expected"), [item[1:] for item in FAULTS], ids=[item[0] for item in FAULTS])
def test_one_fault_turns_exactly_one_check_red(change: Any, expected: tuple[str, str, str]) -> None:
    info = copy.deepcopy(INFO)
    change(info)
    assert failed(info) == [expected]


def test_each_check_is_shown_to_fail() -> None:
    assert {item[2][0] for item in FAULTS} == NAMES


def test_a_name_as_endpoint_is_not_judged() -> None:
    node = copy.deepcopy(NODE)
    node["verify"]["tunnels"]["interfaces"][0]["peers"][0]["endpoint"] = "vpn.example.net:51820"
    assert [r for r in results(INFO, node) if not r["ok"]] == []
