# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused without reading the node, each with its literal words; and what the options come to."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._host_route._options import (
    missing_interfaces,
    wanted_of,
)
from ansible_collections.routed.fabric.plugins.module_utils._host_route._state import Hop, Route, Rule
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError
from hypothesis import given
from hypothesis import strategies as st

from .model import options, wanted

BR0 = {"interface": "br0"}
MAC = "52:54:00:00:00:01"


@pytest.mark.parametrize(
    ("route", "message"),
    [
        ({"address": "203.0.113.256", **BR0}, "address: '203.0.113.256' is not an address"),
        ({"address": "203.0.113.9/33", **BR0}, "address: '203.0.113.9/33' has no length between 0 and 32"),
        ({"address": "203.0.113.9/-1", **BR0}, "address: '203.0.113.9/-1' has no length between 0 and 32"),
        (
            {"address": "203.0.113.9/24", **BR0},
            "address: '203.0.113.9/24' has bits behind its length; the prefix is 203.0.113.0/24",
        ),
        ({"address": "0.0.0.0/0", **BR0}, "address: 0.0.0.0/0 is a default route, which would hide the main table"),
        ({"address": "::/0", **BR0}, "address: ::/0 is a default route, which would hide the main table"),
        ({"address": "224.0.0.5", **BR0}, "address: 224.0.0.5 is not a unicast address"),
        ({"address": "ff02::5", **BR0}, "address: ff02::5 is not a unicast address"),
        ({"address": "::1", **BR0}, "address: ::1 is not a unicast address"),
        ({"address": "127.0.0.1", **BR0}, "address: 127.0.0.1 is not a unicast address"),
        ({"address": "203.0.113.9"}, "via: 203.0.113.9 needs an interface or a next hop, or a type of its own"),
        ({"address": "203.0.113.9", **BR0, "via": "router"}, "via: 'router' is not an address"),
        (
            {"address": "203.0.113.9", "via": "fe80::1"},
            "via: fe80::1 is a link-local address, so `interface` has to say on which link",
        ),
        (
            {"address": "2001:db8::9", "via": "192.0.2.1"},
            "via: 192.0.2.1 is an IPv4 address, which is no next hop for IPv6",
        ),
        (
            {"address": "203.0.113.9", **BR0, "onlink": True},
            "via: onlink is about a next hop on an interface, so it needs both",
        ),
        ({"address": "203.0.113.9", **BR0, "metric": -1}, "metric: -1 is not between 0 and 4294967295"),
        (
            {"address": "203.0.113.0/24", "type": "unreachable", **BR0},
            "interface: a route of type unreachable leads nowhere, so it has no interface",
        ),
        (
            {"address": "203.0.113.0/24", "type": "blackhole", "lladdr": MAC},
            "lladdr: a route of type blackhole leads nowhere, so it has no lladdr",
        ),
        (
            {"address": "203.0.113.9", **BR0, "source": "2001:db8::1"},
            "source: 2001:db8::1 and 203.0.113.9 are of different families",
        ),
        (
            {"address": "203.0.113.0/28", **BR0, "lladdr": MAC},
            "lladdr: 203.0.113.0/28 is no host, so it has no neighbour entry; give the next hop as via",
        ),
        (
            {"address": "203.0.113.9", "via": "192.0.2.1", "lladdr": MAC},
            "lladdr: a neighbour entry needs an interface",
        ),
        (
            {"address": "203.0.113.9", **BR0, "lladdr": "52:54:00"},
            "lladdr: '52:54:00' is neither a MAC nor the address of a tunnel's end",
        ),
        (
            {"address": "203.0.113.9", **BR0, "lladdr": "01:00:5e:00:00:01"},
            "lladdr: 01:00:5e:00:00:01 is not the address of one device",
        ),
        (
            {"address": "203.0.113.9", "interface": "an interface"},
            "interface: 'an interface' is no name of an interface",
        ),
        (
            {"address": "203.0.113.9", "interface": "a-name-that-is-too-long"},
            "interface: 'a-name-that-is-too-long' is no name of an interface",
        ),
    ],
)
def test_a_route_that_cannot_be(route: dict[str, Any], message: str) -> None:
    good = {"address": "203.0.113.1", **BR0}
    with pytest.raises(IpError) as error:
        wanted(routes=[good, route])
    assert str(error.value) == f"routes[1].{message}"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {
                "allowed_prefixes": ["2.57.57.0/24", "2001:db8::/32"],
                "routes": [*({"address": f"2.57.57.{i}", **BR0} for i in range(3)), {"address": "203.0.113.9", **BR0}],
            },
            "routes[3].address: 203.0.113.9 is outside of allowed_prefixes (2.57.57.0/24, 2001:db8::/32)",
        ),
        (
            {"allowed_prefixes": ["2.57.57.0/24"], "routes": [{"address": "2.57.56.0/23", "type": "unreachable"}]},
            "routes[0].address: 2.57.56.0/23 is outside of allowed_prefixes (2.57.57.0/24)",
        ),
        (
            {"allowed_prefixes": [], "proxy": {"entries": [{"address": "2001:db8::9", **BR0}]}},
            "proxy.entries[0].address: 2001:db8::9 is outside of allowed_prefixes (which is empty)",
        ),
        (
            {"allowed_prefixes": ["2.57.57.0/240"]},
            "allowed_prefixes[0]: '2.57.57.0/240' has no length between 0 and 32",
        ),
        (
            {"routes": [{"address": "2001:db8::9", **BR0}, {"address": "2001:DB8:0::9/128", "interface": "up0"}]},
            "routes[1].address: 2001:db8::9 with metric 11 stands here twice, first as routes[0]",
        ),
        (
            {
                "routes": [
                    {"address": "2001:db8::9", **BR0, "metric": 0},
                    {"address": "2001:db8::9", **BR0, "metric": 1024},
                ]
            },
            "routes[1].address: 2001:db8::9 with metric 1024 stands here twice, first as routes[0]",
        ),
        (
            {
                "routes": [
                    {"address": "203.0.113.9", **BR0, "lladdr": MAC},
                    {"address": "203.0.113.64/28", **BR0, "via": "203.0.113.9", "lladdr": "52:54:00:00:00:02"},
                ]
            },
            f"routes[1].lladdr: 52:54:00:00:00:02 differs from {MAC}, which routes[0] gives to 203.0.113.9",
        ),
        (
            {"proxy": {"entries": [{"address": "2001:db8::9", **BR0}, {"address": "2001:db8:0::9", **BR0}]}},
            "proxy.entries[1].address: 2001:db8::9 on 'br0' stands here twice",
        ),
        (
            {"proxy": {"interfaces": [{**BR0, "proxy_arp": True}, {**BR0, "proxy_arp": False}]}},
            "proxy.interfaces[1].interface: 'br0' stands here twice",
        ),
        ({"protocol": 4}, "protocol: 4 is not between 5 and 255"),
        ({"table": 0}, "table: 0 is not between 1 and 4294967295"),
        ({"table": 255}, "table: 255 is the kernel's own table `local`"),
        ({"rule_priority": 32766}, "rule_priority: 32766 is not between 1 and 32765"),
        (
            {"routes": [{"address": "a", **BR0}] * 12},
            "; ".join(f"routes[{index}].address: 'a' is not an address" for index in range(10)) + "; and 2 more",
        ),
    ],
)
def test_options_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(IpError) as error:
        wanted_of(options(**changes))
    assert str(error.value) == message


def test_what_options_come_to() -> None:
    want = wanted(
        routes=[
            {"address": "203.0.113.9/32", **BR0, "lladdr": "52-54-00-00-00-0A"},
            {"address": "2001:DB8::0:9", **BR0, "metric": 0, "via": "FE80::1", "lladdr": MAC},
            {"address": "10.0.0.1", "interface": "gre1", "lladdr": "192.0.2.9"},
            {"address": "::ffff:192.0.2.1", **BR0},
        ],
        proxy={
            "entries": [{"address": "2001:db8::9", "interface": "up0"}],
            "interfaces": [{"interface": "eth0.100", "proxy_arp": True, "proxy_ndp": False}],
        },
    )
    assert list(want.routes.values())[:2] == [
        Route("203.0.113.9/32", 101, 11, hops=(Hop("br0"),)),
        Route("2001:db8::9/128", 101, 1024, hops=(Hop("br0", "fe80::1"),)),
    ]
    # as the kernel's tools write it; ipaddress writes ::ffff:c000:201
    assert (101, "::ffff:192.0.2.1/128", 11) in want.routes
    assert {key: lladdr for key, (lladdr, _path) in want.neighbours.items()} == {
        ("203.0.113.9", "br0"): "52:54:00:00:00:0a",
        ("fe80::1", "br0"): MAC,
        ("10.0.0.1", "gre1"): "192.0.2.9",
    }
    assert want.rules == (Rule("inet", 1001, 101), Rule("inet6", 1001, 101))
    assert wanted(table=254).rules == ()
    assert want.sysctl == {"net/ipv4/conf/eth0.100/proxy_arp": "1", "net/ipv6/conf/eth0.100/proxy_ndp": "0"}
    assert want.interfaces == {
        "br0": "routes[0].interface",
        "gre1": "routes[2].interface",
        "up0": "proxy.entries[0].interface",
        "eth0.100": "proxy.interfaces[0].interface",
    }


def test_interfaces_that_are_not_there() -> None:
    want = wanted(
        routes=[
            {"address": f"203.0.113.{i}", "interface": name} for i, name in enumerate(("br7", "br7", "up0", "enp1"))
        ],
        proxy={"interfaces": [{"interface": "up1", "proxy_arp": True}]},
    )
    links = {"lo": True, "up0": False, "up1": False, **{f"tap{index}i0": True for index in range(100, 120)}}
    names = ", ".join(sorted(links)[:20])
    assert missing_interfaces(want, links, {"enp1": "eth0"}) == [
        f"routes[0].interface: there is no interface 'br7' on this node; it has: {names} and 3 more",
        "routes[2].interface: 'up0' is down, so the kernel puts no route on it; bring it up first",
        "routes[3].interface: 'enp1' is another name of 'eth0'; use that",
    ]


@given(
    st.lists(st.ip_addresses(v=4) | st.ip_addresses(v=6), min_size=1, max_size=4),
    st.integers(0, 32),
    st.ip_addresses(v=4) | st.ip_addresses(v=6),
)
def test_allowed_prefixes_are_what_ipaddress_says(bases: list[Any], length: int, address: Any) -> None:
    prefixes = [ipaddress.ip_network(f"{base}/{length}", strict=False) for base in bases]
    if (
        address.is_multicast
        or address.is_loopback
        or address.is_unspecified
        or (address.version == 4 and address.packed[0] in {0, *range(224, 256)})
    ):
        return
    allowed = any(address.version == prefix.version and address in prefix for prefix in prefixes)
    asked = options(routes=[{"address": str(address), **BR0}], allowed_prefixes=[str(prefix) for prefix in prefixes])
    if allowed:
        assert len(wanted_of(asked).routes) == 1
    else:
        with pytest.raises(IpError, match="is outside of allowed_prefixes"):
            wanted_of(asked)
