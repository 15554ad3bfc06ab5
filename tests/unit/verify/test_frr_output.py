# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What FRR prints, as data."""

from __future__ import annotations

from ansible_collections.routed.fabric.plugins.module_utils._info import _frr

CONFIG = """Building configuration...

Current configuration:
!
router bgp 65001
 neighbor TOR password sesame open
 neighbor TOR description password of nobody
exit
!
end
"""


def test_secrets_are_masked_and_the_header_is_gone() -> None:
    text = _frr.masked(CONFIG)
    assert "sesame" not in text
    assert " neighbor TOR password ********\n" in text
    assert " neighbor TOR description password of nobody\n" in text
    assert text.startswith("!\nrouter bgp")


def test_split_output() -> None:
    commands = ["a json", "b json", "show text"]
    assert _frr.split_output(commands, '{"x": 1}\n[]\nhello\n') == {
        "a json": {"x": 1},
        "b json": [],
        "show text": "hello\n",
    }
    assert _frr.split_output(["a json", "b json"], '{"x": 1}') is None
    assert _frr.split_output(["a json"], "{} {}") is None
    assert _frr.split_output(["a json"], "bfdd is not running") is None


def test_a_refused_command_does_not_hide_the_others() -> None:
    def run(argv: list[str]) -> tuple[int, str, str]:
        commands = argv[2::2]
        if "bad json" in commands:
            return 1, "", "bfdd is not running"
        return 0, '{"fine": 1}', ""

    assert _frr.Vtysh(run).show(["good json", "bad json"]) == {"good json": {"fine": 1}, "bad json": None}


def test_neighbors() -> None:
    answer = {
        "default": {
            "vrfId": 0,
            "up0": {
                "bgpState": "Established",
                "remoteAs": 65001,
                "neighborCapabilities": {
                    "multiprotocolExtensions": {
                        "ipv4Unicast": {"advertisedAndReceived": True},
                        "l2VpnEvpn": {"advertised": True},
                    }
                },
                "messageStats": {"notificationsSent": 2, "notificationsRecv": 1},
                "connectionsEstablished": 3,
                "peerBfdInfo": {"status": "Up"},
            },
        }
    }
    (entry,) = _frr.neighbors(answer)
    assert (entry["neighbor"], entry["afis"], entry["bfd"]) == ("up0", ["ipv4_unicast"], "up")
    assert (entry["connections_established"], entry["notifications_sent"]) == (3, 2)


def test_default_route_that_is_originated_for_a_neighbor() -> None:
    answer = {"advertisedRoutes": {"10.0.0.1/32": {"path": "65001 65002"}}, "bgpOriginatingDefaultNetwork": "0.0.0.0/0"}
    assert _frr.advertised(answer) == {"10.0.0.1/32": "65001 65002", "0.0.0.0/0": ""}
    assert _frr.advertised({"warning": "no such neighbor"}) is None


def test_default_route_that_frr_forgot() -> None:
    def answer(state: dict[str, object]) -> dict[str, object]:
        return {"default": {"up0": {"addressFamilyInfo": {"ipv6Unicast": state}}}}

    assert _frr.sends_default(answer({"defaultSent": True}), "up0", "ipv6", 1)
    assert _frr.sends_default(answer({"defaultNotSent": True, "sentPrefixCounter": 2}), "up0", "ipv6", 1)
    assert not _frr.sends_default(answer({"defaultNotSent": True, "sentPrefixCounter": 1}), "up0", "ipv6", 1)
    assert not _frr.sends_default(answer({"sentPrefixCounter": 2}), "up0", "ipv6", 1)
