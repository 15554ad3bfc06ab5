# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Spelling and defaults, line by line, as measured on FRR 8.4.4 and 10.3."""

from __future__ import annotations

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._frr._canonical import canonical
from ansible_collections.routed.fabric.plugins.module_utils._frr._defaults import PROFILES, SUPPORTED
from ansible_collections.routed.fabric.plugins.module_utils._frr._tree import parse

BGP = ("router bgp 65001",)
IPV4 = (*BGP, "address-family ipv4 unicast")
IPV6 = (*BGP, "address-family ipv6 unicast")
EVPN = (*BGP, "address-family l2vpn evpn")

# context, line as somebody may write it, what FRR prints (None: nothing); the same in both versions and profiles
EVERYWHERE = [
    ((), "ip prefix-list A seq 5 permit 10.0.0.1/8", "ip prefix-list A seq 5 permit 10.0.0.0/8"),
    ((), "ip prefix-list A permit 10.0.0.0/8 ge 9", "ip prefix-list A seq 5 permit 10.0.0.0/8 ge 9"),
    ((), "ip prefix-list A seq 5 permit 0.0.0.0/0 le 32", "ip prefix-list A seq 5 permit 0.0.0.0/0 le 32"),
    ((), "ipv6 prefix-list A seq 5 permit 2001:DB8:0::1/32", "ipv6 prefix-list A seq 5 permit 2001:db8::/32"),
    ((), "bgp as-path access-list A permit ^$", "bgp as-path access-list A seq 5 permit ^$"),
    (
        (),
        "bgp community-list standard C permit no-export 65000:2 65000:10 65000:1",
        "bgp community-list standard C seq 5 permit 65000:1 65000:2 65000:10 no-export",
    ),
    (
        (),
        "bgp large-community-list standard C seq 5 permit 65000:10:1 65000:2:1",
        "bgp large-community-list standard C seq 5 permit 65000:2:1 65000:10:1",
    ),
    (
        (),
        "bgp community-list expanded C seq 5 permit 65000:2 65000:1",
        "bgp community-list expanded C seq 5 permit 65000:2 65000:1",
    ),
    ((), "ip route 198.51.100.7/24 blackhole 254 tag 5", "ip route 198.51.100.0/24 blackhole tag 5 254"),
    ((), "ip route 198.51.100.0/24 192.0.2.1 1", "ip route 198.51.100.0/24 192.0.2.1"),
    (
        (),
        "ip route 198.51.100.0/24 192.0.2.1 table 9 eth0 tag 5 7",
        "ip route 198.51.100.0/24 192.0.2.1 eth0 tag 5 7 table 9",
    ),
    ((), "ipv6 route 2001:DB8::1/48 Null0", "ipv6 route 2001:db8::/48 Null0"),
    ((), "no ip forwarding", None),
    ((), "ipv6 forwarding", None),
    (("route-map R permit 5",), "set community 65000:2 65000:1 additive", "set community 65000:1 65000:2 additive"),
    (("route-map R permit 5",), "set large-community 65000:2:1 65000:1:1", "set large-community 65000:2:1 65000:1:1"),
    (("route-map R permit 5",), "set ipv6 next-hop global 2001:DB8::0001", "set ipv6 next-hop global 2001:db8::1"),
    (("route-map R permit 5",), "match evpn route-type 3", "match evpn route-type multicast"),
    (("interface eth0",), "ipv6 nd ra-interval msec 10000", "ipv6 nd ra-interval 10"),
    (("interface eth0",), "ipv6 nd ra-interval 600", None),
    (("interface eth0",), "ipv6 nd suppress-ra", None),
    (("bfd", "profile fast"), "detect-multiplier 3", None),
    (("bfd", "profile fast"), "minimum-ttl 254", None),
    (BGP, "bgp default ipv4-unicast", None),
    (BGP, "bgp network import-check", None),
    (BGP, "bgp graceful-restart restart-time 120", None),
    (BGP, "bgp listen range 10.0.0.1/16 peer-group G", "bgp listen range 10.0.0.0/16 peer-group G"),
    (BGP, "neighbor 2001:DB8::0001 remote-as 65002", "neighbor 2001:db8::1 remote-as 65002"),
    (BGP, "neighbor 192.0.2.1 ebgp-multihop 1", None),
    (BGP, "neighbor 192.0.2.1 port 179", None),
    (BGP, "neighbor 192.0.2.1 timers 3 9", "neighbor 192.0.2.1 timers 3 9"),
    (BGP, "no neighbor 192.0.2.1 passive", None),
    (IPV4, "neighbor 192.0.2.1 activate", None),
    (IPV4, "no neighbor 192.0.2.1 activate", "no neighbor 192.0.2.1 activate"),
    (IPV6, "neighbor 192.0.2.1 activate", "neighbor 192.0.2.1 activate"),
    (IPV6, "no neighbor 192.0.2.1 activate", None),
    (IPV4, "neighbor 192.0.2.1 next-hop-self all", "neighbor 192.0.2.1 next-hop-self force"),
    (IPV4, "neighbor 192.0.2.1 allowas-in 3", "neighbor 192.0.2.1 allowas-in"),
    (IPV4, "neighbor 192.0.2.1 maximum-prefix 9 75", "neighbor 192.0.2.1 maximum-prefix 9"),
    (IPV4, "neighbor 192.0.2.1 send-community both", None),
    (
        IPV4,
        "neighbor 192.0.2.1 attribute-unchanged med as-path",
        "neighbor 192.0.2.1 attribute-unchanged as-path med",
    ),
    (IPV4, "neighbor 192.0.2.1 attribute-unchanged", "neighbor 192.0.2.1 attribute-unchanged as-path next-hop med"),
    (EVPN, "neighbor 192.0.2.1 attribute-unchanged next-hop", None),
    (IPV4, "network 10.0.0.1/8", "network 10.0.0.0/8"),
    (
        IPV4,
        "aggregate-address 10.0.0.1/8 summary-only as-set route-map R",
        "aggregate-address 10.0.0.0/8 as-set summary-only route-map R",
    ),
    (EVPN, "dup-addr-detection max-moves 5 time 180", None),
    (EVPN, "flooding head-end-replication", None),
    ((*EVPN, "vni 5"), "route-target import 65001:5", None),
    ((*EVPN, "vni 5"), "route-target import 65001:6", "route-target import 65001:6"),
]

# line, then what is printed by 8.4 traditional, 8.4 datacenter, 10.3 traditional, 10.3 datacenter
DIFFERENT = [
    (BGP, "bgp log-neighbor-changes", (True, False, True, False)),
    (BGP, "no bgp log-neighbor-changes", (False, True, False, True)),
    (BGP, "bgp ebgp-requires-policy", (False, True, False, True)),
    (BGP, "no bgp ebgp-requires-policy", (True, False, True, False)),
    (BGP, "bgp deterministic-med", (True, False, True, False)),
    (BGP, "timers bgp 3 9", (True, False, True, False)),
    (BGP, "timers bgp 60 180", (False, True, False, True)),
    (BGP, "neighbor 192.0.2.1 enforce-first-as", (True, True, False, False)),
    (BGP, "no neighbor 192.0.2.1 enforce-first-as", (False, False, True, True)),
    (BGP, "neighbor 192.0.2.1 capability dynamic", (True, True, True, False)),
    (BGP, "no neighbor 192.0.2.1 capability dynamic", (False, False, False, True)),
]


def _headers(context: tuple[str, ...]) -> list[tuple[tuple[str, ...], str]]:
    return [(context[:depth], header) for depth, header in enumerate(context)]


@pytest.mark.parametrize(("context", "line", "printed"), EVERYWHERE)
@pytest.mark.parametrize("version", SUPPORTED)
@pytest.mark.parametrize("profile", PROFILES)
def test_spelling(
    context: tuple[str, ...], line: str, printed: str | None, version: tuple[int, int], profile: str
) -> None:
    result = canonical([*_headers(context), (context, line)], version, profile)
    assert [text for where, text in result if where == context] == ([printed] if printed else [])


@pytest.mark.parametrize(("context", "line", "printed"), DIFFERENT)
def test_defaults(context: tuple[str, ...], line: str, printed: tuple[bool, ...]) -> None:
    modes = [(version, profile) for version in SUPPORTED for profile in PROFILES]
    shown = tuple((context, line) in canonical([(context, line)], *mode) for mode in modes)
    assert shown == printed


@pytest.mark.parametrize("written", ["ebgp-multihop", "ebgp-multihop 255"])
def test_255_hops(written: str) -> None:
    line = (BGP, f"neighbor 192.0.2.1 {written}")
    assert canonical([line], (8, 4), "traditional") == [(BGP, "neighbor 192.0.2.1 ebgp-multihop 255")]
    assert canonical([line], (10, 3), "traditional") == [(BGP, "neighbor 192.0.2.1 ebgp-multihop")]


def spelled(text: str, version: tuple[int, int] = (10, 3)) -> list[str]:
    return [line for _, line in canonical(parse(text), version, "traditional")]


def test_missing_numbers_follow_the_last() -> None:
    text = "ip prefix-list A permit 10.0.0.0/8\nip prefix-list A seq 12 permit 11.0.0.0/8\nip prefix-list A deny any\n"
    assert [line.split()[4] for line in spelled(text)] == ["5", "12", "15"]


def test_no_community_is_sent() -> None:
    text = "router bgp 65001\n address-family ipv4 unicast\n" + "".join(
        f"  no neighbor 192.0.2.1 {words}\n"
        for words in ("send-community", "send-community extended", "send-community large")
    )
    assert spelled(text)[-1] == "no neighbor 192.0.2.1 send-community all"
    assert len(spelled(text)) == 3


def test_a_member_is_active_as_its_group_is() -> None:
    text = """router bgp 65001
 neighbor G peer-group
 neighbor eth0 interface peer-group G
 neighbor eth1 interface v6only peer-group G
 neighbor 192.0.2.1 peer-group G
 address-family ipv6 unicast
  neighbor G activate
  neighbor eth0 activate
  no neighbor eth1 activate
  neighbor 192.0.2.1 activate
"""
    assert spelled(text)[-2:] == ["neighbor G activate", "no neighbor eth1 activate"]


def test_without_the_default_ipv4_is_like_the_others() -> None:
    text = """router bgp 65001
 no bgp default ipv4-unicast
 neighbor 192.0.2.1 remote-as 65002
 address-family ipv4 unicast
  neighbor 192.0.2.1 activate
"""
    assert spelled(text)[-1] == "neighbor 192.0.2.1 activate"


def test_empty_blocks_go_and_empty_objects_stay() -> None:
    text = (
        "interface eth0\nexit\nbfd\nexit\nroute-map R permit 5\nexit\nrouter bgp 65001\n address-family ipv4 unicast\n"
    )
    assert spelled(text) == ["route-map R permit 5", "router bgp 65001"]


def test_copies_of_a_group() -> None:
    text = """router bgp 65001
 neighbor G peer-group
 neighbor G graceful-restart
 neighbor 192.0.2.1 peer-group G
 neighbor 192.0.2.1 graceful-restart
 address-family ipv4 unicast
  neighbor G route-map R in
  neighbor 192.0.2.1 route-map R in
  neighbor 192.0.2.1 route-map R out
"""
    assert "neighbor 192.0.2.1 graceful-restart" not in spelled(text)
    assert "neighbor 192.0.2.1 graceful-restart" in spelled(text, (8, 4))
    assert spelled(text)[-2:] == ["neighbor G route-map R in", "neighbor 192.0.2.1 route-map R out"]


def test_addpath_switches_deterministic_med_on() -> None:
    text = """router bgp 65001
 bgp deterministic-med
 address-family ipv4 unicast
  neighbor 192.0.2.1 addpath-tx-bestpath-per-AS
"""
    assert "bgp deterministic-med" not in spelled(text)
