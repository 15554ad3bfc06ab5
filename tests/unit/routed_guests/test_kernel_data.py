# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Differences of kernel state, netlink messages, nft texts, answers of QEMU and FRR: all plain data."""

from __future__ import annotations

import json
import selectors
import struct
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from routed_guests import netlink, nft, onward, qmp, ruleset, taken, vtysh, wanted
from routed_guests.addresses import Network, parse
from routed_guests.capture import destination
from routed_guests.config import ConfigError, read
from routed_guests.machine import Name
from routed_guests.wanted import Devices, Element, Guest, Neighbour, Route

CONFIG = {
    "node": "pve1",
    "bridge": "vmbr1",
    "table": 100,
    "incoming_table": 102,
    "protocol": 212,
    "metrics": {"fresh": 10, "steady": 11, "leaving": 12},
    "prefixes": ["2.57.57.0/24", "2001:678:3a4:100::/56"],
    "guests_file": "/etc/pve/fabric/guests.json",
    "sources": ["fabric"],
    "forward": {
        "interface": "fabric-fwd",
        "vni": 211,
        "port": 4787,
        "mtu": 9000,
        "local": "2001:db8:100::b",
        "mac": "02:fd:00:00:00:0b",
        "link_local": "fe80::b",
        "peers": {"pve2": {"address": "2001:db8:100::c", "mac": "02:fd:00:00:00:0c", "link_local": "fe80::c"}},
    },
    "timing": {
        "fresh_s": 10,
        "leaving_min_s": 1,
        "leaving_max_s": 30,
        "poll_s": 1.0,
        "fast_poll_s": 0.025,
        "resync_s": 30,
    },
    "pve": "/etc/pve",
}
V4, V6 = parse("2.57.57.30"), parse("2001:678:3a4:100::80")
GUEST = Guest(130, 0, "52:02:45:76:d2:35", "web01", "qemu", (V4, V6), (parse("2001:678:3a4:1ff::/64"),))


def with_value(path: str, value: object) -> dict[str, object]:
    copy = json.loads(json.dumps(CONFIG))
    *parts, last = path.split(".")
    place = copy
    for part in parts:
        place = place[part]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return copy


def test_the_whole_configuration() -> None:
    config = read(CONFIG)
    assert config.forward and config.forward.peers["pve2"].link_local == parse("fe80::c")
    assert config.has_own_table and not read(with_value("table", 254)).has_own_table
    assert read(with_value("forward", None)).forward is None


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("node", ..., "node is missing"),
        ("table", "100", "table must be a whole number from 1 to 4294967295, not '100'"),
        ("prefixes", ["2.57.57.1/24"], "prefixes[0]: '2.57.57.1/24' has bits set behind its prefix length"),
        ("sources", ["fabrik"], "sources: 'fabrik' is none of fabric, ipfilter, ipconfig"),
        ("forward.mac", "2:3", "forward.mac: '2:3' is not a MAC address"),
        ("forward.peers.pve2.address", "x", "forward.peers.pve2.address: 'x' is not an address"),
        ("bridge", "vm br", "bridge: 'vm br' is not the name of an interface"),
        ("timing.fresh_s", -1, "timing.fresh_s must be seconds, from 0 to 86400, not -1"),
    ],
)
def test_a_wrong_configuration(path: str, value: object, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(with_value(path, value))
    assert str(caught.value) == why


route = st.builds(
    Route,
    st.sampled_from([100, 102, 254, 1000]),
    st.sampled_from([V4, V6, parse("2.57.57.64/28"), parse("2001:678:3a4:1ff::/64")]),
    st.sampled_from([10, 11, 12]),
    st.sampled_from([4, 5]),
    st.sampled_from([None, V4, V6, parse("fe80::c")]),
)


def possible(each: Route) -> bool:
    """An IPv6 destination has no IPv4 gateway."""
    return each.gateway is None or each.gateway.version == 6 or each.destination.version == 4


@given(route.filter(possible))
def test_routes_survive_netlink(each: Route) -> None:
    data = netlink.add_route(each, 212)
    ((kind, flags, dummy, body),) = netlink.messages(data)
    assert kind == netlink.RTM_NEWROUTE and flags & netlink.F_EXCL
    assert netlink.read_route(body) == (each, 212)


@given(st.sets(route.filter(possible)), st.sets(route.filter(possible)))
def test_difference_leads_from_got_to_wanted(got: set[Route], want: set[Route]) -> None:
    """As the kernel does it: one route a table, prefix and metric; and nothing wanted is ever away in between."""

    def one_each(routes: set[Route]) -> set[Route]:
        return set({(each.table, each.destination, each.metric): each for each in routes}.values())

    got, want = one_each(got), one_each(want)
    change = wanted.difference(got, want, (), ())
    kernel = {(each.table, each.destination, each.metric): each for each in got}
    for each in change.add:
        key = (each.table, each.destination, each.metric)
        assert key not in kernel, "the kernel would refuse it"
        kernel[key] = each
    for each in change.replace:
        kernel[(each.table, each.destination, each.metric)] = each
    assert want <= set(kernel.values())
    for each in change.delete:
        assert kernel.pop((each.table, each.destination, each.metric)) == each
    assert set(kernel.values()) == want
    assert wanted.difference(want, want, (), ()).empty


def test_neighbours_that_change_their_mac_are_replaced() -> None:
    old, new = Neighbour(4, V4, "52:02:45:76:d2:01"), Neighbour(4, V4, "52:02:45:76:d2:02")
    gone = Neighbour(4, V6, "52:02:45:76:d2:01")
    change = wanted.difference((), (), [old, gone], [new])
    assert change.neighbours == [new] and change.stale_neighbours == [gone]


def test_adoption_tells_states_from_routes() -> None:
    config, devices = read(CONFIG), Devices(4, 5)
    assert wanted.adopt([], config, devices) == (Name.ABSENT, "")
    assert wanted.adopt([Route(102, V4, 10, 4)], config, devices) == (Name.ABSENT, "")
    assert wanted.adopt([Route(100, V4, 10, 4)], config, devices) == (Name.FRESH, "")
    assert wanted.adopt([Route(100, V4, 11, 4), Route(100, V4, 10, 4)], config, devices) == (Name.FRESH, "")
    assert wanted.adopt([Route(100, V4, 11, 4)], config, devices) == (Name.STEADY, "")
    leaving = Route(100, V4, 12, 5, parse("fe80::c"))
    assert wanted.adopt([leaving], config, devices) == (Name.LEAVING, "pve2")
    assert wanted.adopt([leaving, Route(100, V6, 11, 4)], config, devices) == (Name.STEADY, "")
    assert wanted.adopt([leaving._replace(gateway=parse("fe80::d"))], config, devices) == (Name.ABSENT, "")


def test_elements_survive_nft() -> None:
    """What is written is what is read back, in nft's JSON."""
    found = wanted.guest_elements(GUEST, "tap130i0") | {wanted.port_element("tap130i0")}
    assert Element("bridge", "targets6", '"tap130i0" . 0x2001067803a401000000000000000080') in found
    assert Element("inet", "routed6", "52:02:45:76:d2:35 . 2001:678:3a4:1ff::/64") in found
    listing = {
        "nftables": [
            {"set": {"name": "ports", "elem": ["tap130i0"]}},
            {"set": {"name": "macs", "elem": [{"concat": ["tap130i0", "52:02:45:76:d2:35"]}]}},
            {"set": {"name": "addresses4", "elem": [{"concat": ["tap130i0", "2.57.57.30"]}]}},
            {
                "set": {
                    "name": "addresses6",
                    "elem": [{"elem": {"val": {"concat": ["tap130i0", "2001:678:3a4:100::80"]}}}],
                }
            },
            {"set": {"name": "targets6", "elem": [{"concat": ["tap130i0", V6.value]}]}},
            {"set": {"name": "prefixes4"}},
            {
                "set": {
                    "name": "prefixes6",
                    "elem": [{"concat": ["tap130i0", {"prefix": {"addr": "2001:678:3a4:1ff::", "len": 64}}]}],
                }
            },
            {"set": {"name": "somebody_elses", "elem": [1, 2]}},
        ]
    }
    assert nft.parse_sets(json.dumps(listing), "bridge") == {each for each in found if each.family == "bridge"}


def test_script() -> None:
    add = [Element("inet", "local4", "2.57.57.31"), Element("inet", "local4", "2.57.57.30")]
    delete = [Element("bridge", "ports", '"tap1i0"')]
    assert nft.script(add, delete) == (
        'delete element bridge fabric_guests ports { "tap1i0" }\n'
        "add element inet fabric_guests local4 { 2.57.57.30, 2.57.57.31 }\n"
    )


def test_every_drop_is_counted_and_every_counter_is_used() -> None:
    text = ruleset.render(read(CONFIG), by_bridge_name=True)
    for line in text.splitlines():
        if line.endswith("drop"):
            assert "counter name" in line, line
    for family in ruleset.COUNTERS.values():
        for counter in family:
            assert f"counter name {counter} drop" in text
    assert 'meta ibrname "vmbr1" goto from_guest' in text
    assert "ibrname" not in ruleset.render(read(CONFIG), by_bridge_name=False)
    assert "4787" not in ruleset.render(read(with_value("forward", None)), by_bridge_name=True)


@pytest.mark.parametrize(
    ("migration", "rest_s"),
    [
        ({}, None),
        ({"status": "setup"}, None),
        ({"status": "active", "ram": {"remaining": 125_000_000, "mbps": 1000.0}}, 1.0),
        ({"status": "active", "ram": {"remaining": 125_000_000, "mbps": 0.0}}, None),
        ({"status": "device", "ram": {"remaining": 125_000_000, "mbps": 0.0}}, 0.0),
        ({"status": "completed"}, 0.0),
    ],
)
def test_what_qemu_still_has_to_send(migration: dict[str, object], rest_s: float | None) -> None:
    assert qmp.read_answer({"status": "running"}, migration).rest_s == rest_s


def test_answers_of_frr() -> None:
    text = (
        '{\n "prefix":"2.57.57.30/32",\n "paths":[{"valid":true,"sourced":true,"peer":{"peerId":"0.0.0.0"}}]}\n{\n}\n'
        "% Network not in table\n"
        '{"prefix":"2001:678:3a4:100::80/128","paths":[{"valid":true,"peer":{"peerId":"up1","type":"external"}}]}'
    )
    found = [onward.leads_onward(answer) for answer in vtysh.answers(text)]
    assert found == [None, None, V6]
    assert list(vtysh.answers("% Unknown command")) == []
    assert onward.commands([V4, V6]) == [
        "show bgp ipv4 unicast 2.57.57.30/32 json",
        "show bgp ipv6 unicast 2001:678:3a4:100::80/128 json",
    ]


def test_what_frr_has_not_taken_up() -> None:
    answers = [
        {"2.57.57.30/32": [{"protocol": "bgp", "metric": 0}, {"protocol": "kernel", "metric": 11}]},
        {"2001:678:3a4:100::80/128": [{"protocol": "bgp", "metric": 11}]},
    ]
    seen = taken.known(answers)
    four, six = (wanted.Route(100, network, 11, 4) for network in (V4, V6))
    assert taken.missing([four, six], seen) == {six}
    assert taken.missing([four._replace(metric=10)], seen) == {four._replace(metric=10)}


def test_a_route_that_frr_never_takes_is_not_made_anew_for_ever() -> None:
    """Seen missing twice, made anew three times, and then left to the comparison that comes by itself."""
    route, renewed = wanted.Route(100, V4, 11, 4), []
    agent = SimpleNamespace(frr_at=0.0, announced_before=lambda _instant: {route}, renew=renewed.append)
    watch = taken.Taken(agent, selectors.DefaultSelector())
    hurried = []
    for dummy in range(20):
        agent.frr_at = float("inf")
        watch._compare([{}, {}])
        hurried.append(agent.frr_at < float("inf"))
        if not hurried[-1]:
            break
    assert renewed == [{route}] * 3
    assert hurried == [True] * 6 + [False]
    watch._compare([{"2.57.57.30/32": [{"protocol": "kernel", "metric": 11}]}, {}])
    assert len(renewed) == 3


def test_destination_of_a_captured_frame() -> None:
    head = b"\0" * 10 + b"\x52" * 12
    packet4 = struct.pack("!BBHHHBBH", 0x45, 0, 20, 0, 0, 64, 17, 0) + parse("192.0.2.1").packed + V4.packed
    packet6 = struct.pack("!IHBB", 6 << 28, 0, 17, 64) + parse("2001:db8::1").packed + V6.packed
    assert destination(head + b"\x08\x00" + packet4) == V4
    assert destination(head + b"\x86\xdd" + packet6) == V6
    assert destination(head + b"\x08\x06" + packet4) is None
    assert destination(head + b"\x08\x00" + packet4[:10]) is None
    assert Network(4, 1, 32) != V4
