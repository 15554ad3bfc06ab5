# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is there to what is wanted: the commands, and what is left alone."""

from __future__ import annotations

from ansible_collections.routed.fabric.plugins.module_utils._ip._links import (
    Address,
    Change,
    Link,
    Wanted,
    difference,
    parse_address,
    parse_dump,
    predict,
    problems,
)

LO = Link("lo", 65536, True, addresses=(parse_address("127.0.0.1/8"), parse_address("::1/128")))
UP0 = Link("up0", 1500, False, 9216, addresses=(parse_address("fe80::1/64"),))
LOOPBACK = Wanted("lo", 0, (parse_address("10.255.0.1/32"), parse_address("2001:db8::1/128")))
UPLINK = Wanted("up0", 9216, (parse_address("10.0.1.128/32", "10.0.3.128/32"),))


def commands(changes: list[Change]) -> list[str]:
    return [change.command for change in changes]


def there(*links: Link) -> dict[str, Link]:
    return {link.name: link for link in links}


def test_addresses() -> None:
    assert str(parse_address("10.0.0.1")) == "10.0.0.1/32"
    assert str(parse_address("2001:DB8::0:1/64")) == "2001:db8::1/64"
    assert parse_address("10.0.1.128/32", "10.0.3.128") == Address("10.0.1.128", 32, "10.0.3.128")


def test_fresh_node() -> None:
    changes = difference([LOOPBACK, UPLINK], there(LO, UP0), {}, "lo", [])
    assert commands(changes) == [
        "addr add 10.255.0.1/32 dev lo",
        "addr add 2001:db8::1/128 dev lo",
        "link set dev up0 mtu 9216",
        "addr add 10.0.1.128 peer 10.0.3.128/32 dev up0",
        "link set dev up0 up",
    ]
    assert [change.inverse for change in changes][2:] == [
        "link set dev up0 mtu 1500",
        "addr del 10.0.1.128 peer 10.0.3.128/32 dev up0",
        "link set dev up0 down",
    ]


def test_what_is_predicted_needs_nothing_more() -> None:
    links = there(LO, UP0)
    after = predict(links, difference([LOOPBACK, UPLINK], links, {}, "lo", []))
    assert difference([LOOPBACK, UPLINK], after, {}, "lo", []) == []


def test_foreign_addresses_stay() -> None:
    lo = LO._replace(addresses=(*LO.addresses, parse_address("192.0.2.1/32"), *LOOPBACK.addresses))
    assert difference([LOOPBACK], there(lo), {}, "lo", []) == []


def test_former_addresses_and_those_in_scope_go() -> None:
    lo = LO._replace(
        addresses=(
            *LO.addresses,
            *LOOPBACK.addresses,
            parse_address("10.255.0.9/32"),
            parse_address("192.0.2.1/32"),
            parse_address("192.0.2.2/32"),
        )
    )
    changes = difference([LOOPBACK], there(lo), {"lo": [parse_address("192.0.2.2/32")]}, "lo", ["10.255.0.0/24"])
    assert commands(changes) == ["addr del 10.255.0.9/32 dev lo", "addr del 192.0.2.2/32 dev lo"]


def test_another_length_or_peer_is_replaced() -> None:
    up0 = Link("up0", 9216, True, addresses=(parse_address("10.0.1.128/24"),))
    assert commands(difference([UPLINK], there(up0), {}, "lo", [])) == [
        "addr del 10.0.1.128/24 dev up0",
        "addr add 10.0.1.128 peer 10.0.3.128/32 dev up0",
    ]


def test_an_interface_that_is_not_listed_any_more_loses_our_addresses() -> None:
    old = Link("old", 9000, True, addresses=(parse_address("10.9.0.1/31"), parse_address("192.0.2.1/24")))
    changes = difference([], there(old), {"old": [parse_address("10.9.0.1/31")], "away": []}, "lo", [])
    assert commands(changes) == ["addr del 10.9.0.1/31 dev old"]


def test_dummy_is_made() -> None:
    wanted = Wanted("dummy0", 0, (parse_address("10.255.0.1/32"),), create_dummy=True)
    assert commands(difference([wanted], {}, {}, "dummy0", [])) == [
        "link add dev dummy0 type dummy",
        "addr add 10.255.0.1/32 dev dummy0",
        "link set dev dummy0 up",
    ]


def test_problems_are_sentences_with_a_path() -> None:
    links = there(LO, UP0._replace(bridge="vmbr0"), Link("up1", 1500, True, 1500))
    interfaces = [UPLINK, Wanted("up7", 0, ()), UPLINK, Wanted("lo", 0, ()), Wanted("up1", 9216, ())]
    assert problems(LOOPBACK, interfaces, links) == [
        (
            "interfaces[0].name: 'up0' is a port of the bridge 'vmbr0', so it cannot be routed; "
            "take it out of the bridge or name the bridge"
        ),
        "interfaces[1].name: there is no interface 'up7' on this node; it has: lo, up0, up1",
        "interfaces[2].name: 'up0' stands here twice, first as interfaces[0]",
        "interfaces[3].name: 'lo' is the loopback interface; its addresses belong to `loopback`",
        "interfaces[4].mtu: 'up1' takes at most 1500 bytes, not 9216",
    ]


def test_parse_dump() -> None:
    dump = [
        {
            "ifname": "up0",
            "mtu": 9000,
            "max_mtu": 65535,
            "flags": ["UP"],
            "master": "vmbr0",
            "linkinfo": {"info_slave_kind": "bridge"},
            "addr_info": [{"local": "10.0.1.1", "address": "10.0.1.2", "prefixlen": 32}, {"deleted": True}],
        }
    ]
    assert parse_dump(dump) == {
        "up0": Link("up0", 9000, True, 65535, "vmbr0", (Address("10.0.1.1", 32, "10.0.1.2"),)),
    }
