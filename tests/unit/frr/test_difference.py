# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands between two configurations: few, and in an order that breaks nothing."""

from __future__ import annotations

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._frr._difference import batches, difference
from ansible_collections.routed.fabric.plugins.module_utils._frr._render import render
from ansible_collections.routed.fabric.plugins.module_utils._frr._tree import parse, unparse
from frr_generator import generate, mutate


def commands(got: str, wanted: str) -> list[str]:
    return [line.strip() for line in unparse(difference(parse(got), parse(wanted))).splitlines() if "exit" not in line]


def bgp(*lines: str) -> str:
    return "router bgp 65001\n" + "".join(f" {line}\n" for line in lines) + "exit\n"


CASES = {
    "an entry is changed in place": (
        "ip prefix-list A seq 5 permit 10.0.0.0/8",
        "ip prefix-list A seq 5 deny 10.0.0.0/8 le 24",
        ["ip prefix-list A seq 5 deny 10.0.0.0/8 le 24"],
    ),
    "entries that change places: FRR takes no two equal ones": (
        "ip prefix-list A seq 5 permit 10.0.0.0/8\nip prefix-list A seq 10 permit 11.0.0.0/8",
        "ip prefix-list A seq 5 permit 11.0.0.0/8\nip prefix-list A seq 10 permit 10.0.0.0/8",
        [
            "no ip prefix-list A seq 5",
            "no ip prefix-list A seq 10",
            "ip prefix-list A seq 5 permit 11.0.0.0/8",
            "ip prefix-list A seq 10 permit 10.0.0.0/8",
        ],
    ),
    "a route map's action is changed in place": (
        "route-map M permit 10\n match metric 5\n set metric 6\nexit",
        "route-map M deny 10\n match metric 5\nexit",
        ["route-map M deny 10", "no set metric 6"],
    ),
    "what refers comes last and goes first": (
        "ip prefix-list OLD seq 5 permit any\nroute-map M permit 10\n match ip address prefix-list OLD\nexit",
        "ip prefix-list NEW seq 5 permit any\nroute-map M permit 10\n match ip address prefix-list NEW\nexit",
        [
            "ip prefix-list NEW seq 5 permit any",
            "route-map M permit 10",
            "match ip address prefix-list NEW",
            "no ip prefix-list OLD seq 5",
        ],
    ),
    "a neighbour's values are set anew, not taken away first": (
        bgp("neighbor 10.0.0.2 remote-as 2", "neighbor 10.0.0.2 timers 3 9", "neighbor 10.0.0.2 description a"),
        bgp("neighbor 10.0.0.2 remote-as 3", "neighbor 10.0.0.2 timers 10 30", "neighbor 10.0.0.2 description b"),
        [
            "router bgp 65001",
            "neighbor 10.0.0.2 remote-as 3",
            "neighbor 10.0.0.2 timers 10 30",
            "neighbor 10.0.0.2 description b",
        ],
    ),
    "a neighbour that goes is one command": (
        bgp("neighbor 10.0.0.2 remote-as 2", "neighbor 10.0.0.2 timers 3 9", "neighbor 10.0.0.3 remote-as 3"),
        bgp("neighbor 10.0.0.3 remote-as 3"),
        ["router bgp 65001", "no neighbor 10.0.0.2"],
    ),
    "a neighbour that changes its group is made anew, the group goes last": (
        bgp("neighbor A peer-group", "neighbor A remote-as external", "neighbor up0 interface peer-group A"),
        bgp("neighbor B peer-group", "neighbor B remote-as external", "neighbor up0 interface peer-group B"),
        [
            "router bgp 65001",
            "no neighbor up0 interface",
            "neighbor B peer-group",
            "neighbor B remote-as external",
            "neighbor up0 interface peer-group B",
            "no neighbor A peer-group",
        ],
    ),
    "a group that loses its AS loses its members": (
        bgp(
            "neighbor A peer-group",
            "neighbor A remote-as 2",
            "neighbor 10.0.0.2 peer-group A",
            "neighbor 10.0.0.2 passive",
        ),
        bgp(
            "neighbor A peer-group",
            "neighbor 10.0.0.2 remote-as 3",
            "neighbor 10.0.0.2 peer-group A",
            "neighbor 10.0.0.2 passive",
        ),
        [
            "router bgp 65001",
            "no neighbor A remote-as 2",
            "neighbor 10.0.0.2 remote-as 3",
            "neighbor 10.0.0.2 peer-group A",
            "neighbor 10.0.0.2 passive",
        ],
    ),
    "another default activation moves nobody": (
        bgp("neighbor 10.0.0.2 remote-as 2"),
        bgp("no bgp default ipv4-unicast", "neighbor 10.0.0.2 remote-as 2", "address-family ipv4 unicast")
        + "router bgp 65001\n address-family ipv4 unicast\n  neighbor 10.0.0.2 activate\n exit-address-family\nexit\n",
        ["router bgp 65001", "no bgp default ipv4-unicast"],
    ),
    "the AS of an unnumbered neighbour is changed in place": (
        bgp("neighbor up0 interface remote-as 2"),
        bgp("neighbor up0 interface remote-as 3"),
        ["router bgp 65001", "neighbor up0 remote-as 3"],
    ),
    "an RD that FRR may remember": (
        bgp(),
        "router bgp 65001\n address-family l2vpn evpn\n  rd 65001:1\n exit-address-family\nexit\n",
        ["router bgp 65001", "address-family l2vpn evpn", "rd 0:1", "rd 65001:1"],
    ),
    "a BFD number falls back to its default": (
        "bfd\n profile fast\n  detect-multiplier 5\n exit\nexit",
        "bfd\n profile fast\n exit\nexit",
        ["bfd", "profile fast", "detect-multiplier 3"],
    ),
    "a discard route gives way first": (
        "ip route 10.0.0.0/8 Null0",
        "ip route 10.0.0.0/8 192.0.2.1",
        ["no ip route 10.0.0.0/8 Null0", "ip route 10.0.0.0/8 192.0.2.1"],
    ),
    "a group gives its activation to its members": (
        bgp(
            "neighbor A peer-group",
            "neighbor A remote-as 2",
            "neighbor 10.0.0.2 peer-group A",
            "address-family ipv4 unicast",
            " no neighbor 10.0.0.2 activate",
        ),
        bgp(
            "neighbor A peer-group",
            "neighbor A remote-as 2",
            "neighbor 10.0.0.2 peer-group A",
            "address-family ipv4 unicast",
            " no neighbor A activate",
        ),
        ["router bgp 65001", "address-family ipv4 unicast", "no neighbor A activate"],
    ),
    "nobody imports from an instance that goes": (
        bgp("address-family ipv4 unicast").replace("exit", "")
        + "  import vrf red\n exit-address-family\nexit\n"
        + "router bgp 65001 vrf red\n neighbor 10.0.0.2 remote-as 2\nexit\n",
        bgp(),
        ["router bgp 65001", "address-family ipv4 unicast", "no import vrf red", "no router bgp 65001 vrf red"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_commands(name: str) -> None:
    got, wanted, expected = CASES[name]
    assert commands(got, wanted) == expected


@pytest.mark.parametrize("version", [(8, 4), (10, 3)])
@pytest.mark.parametrize("seed", range(60))
def test_equal_configurations_need_nothing(seed: int, version: tuple[int, int]) -> None:
    lines = render(generate(seed, version, []), version, "datacenter")
    assert difference(lines, lines) == []
    assert difference(lines, sorted(lines)) == []


@pytest.mark.parametrize("seed", range(60))
def test_nothing_that_stays_is_said_again(seed: int) -> None:
    """Of the lines that both have, only those come again that a removal took along."""
    version = (10, 3)
    config = generate(seed, version, [])
    got = render(config, version, "datacenter")
    wanted = render(mutate(config, seed, version), version, "datacenter")
    said = difference(got, wanted)
    gone = {line[1].split()[2] for line in said if line[1].startswith("no neighbor ") and len(line[1].split()) <= 4}
    for context, text in said:
        if (context, text) in got and (context, text) in wanted and text not in (context or ()):
            words = text.removeprefix("no ").split()
            allowed = (
                (words[0] == "neighbor" and (words[1] in gone or "attribute-unchanged" in words))
                or words[0]
                in ("ip", "ipv6", "bgp", "redistribute", "network", "import")  # cleared first: see the table
                or text == "match evpn default-route"
                or (context[:1] != () and context[0].startswith("interface "))
            )
            assert allowed, (context, text)


def test_the_match_that_kills_bgpd_is_fed_apart() -> None:
    got = parse("ip prefix-list A seq 5 permit any\nroute-map M permit 10\n match evpn default-route\nexit")
    wanted = parse("ip prefix-list A seq 5 deny any\nroute-map M permit 10\n match evpn default-route\nexit")
    assert [[text for _, text in batch] for batch in batches(difference(got, wanted))] == [
        ["no match evpn default-route"],
        ["ip prefix-list A seq 5 deny any"],
        ["match evpn default-route"],
    ]


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        ("ipv6 route 2001:db8::/48 Null0 tag 1", "ipv6 route 2001:db8::/48 Null0 tag 2"),
        ("ip route 192.0.2.0/24 198.51.100.1 eth0 tag 7 30", "ip route 192.0.2.0/24 198.51.100.1 eth0 40"),
    ],
)
def test_tag_and_distance_of_a_static_route_change_in_place(got: str, wanted: str) -> None:
    assert difference([((), got)], [((), wanted)]) == [((), wanted)]


def test_another_table_is_another_route() -> None:
    got, wanted = "ip route 192.0.2.0/24 198.51.100.1 table 5", "ip route 192.0.2.0/24 198.51.100.1 table 6"
    assert difference([((), got)], [((), wanted)]) == [((), wanted), ((), "no " + got)]
