# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wanted, what the node has, what a change means: pure functions, and every sentence word by word."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._ceph import _cluster, _node, _plan, _wanted
from ansible_collections.routed.fabric.plugins.module_utils._ceph._conf import Conf
from ansible_collections.routed.fabric.plugins.module_utils._ceph._errors import CephError

V6 = {"public_network": ["2001:db8:100::/64"], "ms_bind_ipv4": False, "ms_bind_ipv6": True}
LINKS: list[dict[str, Any]] = [
    {
        "ifname": "lo",
        "mtu": 65536,
        "flags": ["LOOPBACK", "UP"],
        "addr_info": [
            {"local": "127.0.0.1", "label": "lo"},
            {"local": "::1"},
            {"local": "2001:db8:100::1"},
            {"local": "10.0.0.1", "label": "lo"},
            {"local": "10.1.0.1", "label": "lo:1"},
        ],
    },
    {
        "ifname": "eth0",
        "mtu": 9000,
        "flags": ["UP", "LOWER_UP"],
        "addr_info": [{"local": "fe80::1"}, {"local": "2001:db8:300::1"}, {"local": "2001:db8:300::2"}],
    },
    {"ifname": "eth1", "mtu": 1500, "flags": [], "addr_info": [{"local": "2001:db8:400::1"}]},
    {"ifname": "eth2", "mtu": 1500, "flags": ["UP"], "addr_info": [{"local": "2001:db8:500::1", "tentative": True}]},
]


def params(**options: Any) -> dict[str, Any]:
    return {"sections": [], "monitors": [], "mtu": None, **options}


def values(**options: Any) -> _wanted.Values:
    conf = Conf("")
    _wanted.apply(conf, _wanted.wanted_network(params(**options)))
    return _wanted.effective(conf, "global")


def sentence(work: Any, *arguments: Any, **options: Any) -> str:
    with pytest.raises(CephError) as caught:
        work(*arguments, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"public_network": ["2001:db8::1/64"]},
            "public_network: '2001:db8::1/64' is no network: 2001:db8::1/64 has host bits set",
        ),
        ({"mon_host": ["ceph1"]}, "mon_host: 'ceph1' is no IP address; names are not taken, since they can move"),
        (
            {"mon_host": ["[v3:[2001:db8::1]:3300]", "[v2:x]"]},
            "mon_host: '[v2:x]' is no address of a monitor; write [v2:[2001:db8::1]:3300,v1:[2001:db8::1]:6789]",
        ),
        (
            {"sections": [{"name": "ceph.1"}]},
            "sections[0].name: 'ceph.1' is no section of Ceph's daemons; use mon, osd, mgr, mds or one like osd.3",
        ),
        (
            {"sections": [{"name": "osd"}, {"name": "osd"}]},
            "sections[1]: section 'osd' stands there twice; merge the two",
        ),
        (
            {"monitors": [{"name": "a", "address": "2001:db8::1"}, {"name": "b", "address": "2001:db8::1"}]},
            (
                "monitors[1]: 'b' with 2001:db8::1 stands beside 'a' with 2001:db8::1; names and addresses of monitors "
                "are unique"
            ),
        ),
    ],
)
def test_bad_options(options, text):
    if "v3" in str(options):
        options = {"mon_host": options["mon_host"][1:]}
    assert sentence(_wanted.wanted_network, params(**options)) == text


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("2001:db8::1,2001:db8::2", ["2001:db8::1", "2001:db8::2"]),
        ("[2001:db8::1] [2001:db8::2]:6789", ["2001:db8::1", "2001:db8::2"]),
        ("[v2:[2001:db8::1]:3300/0,v1:[2001:db8::1]:6789/0],192.0.2.1:6789", ["2001:db8::1", "192.0.2.1"]),
        ("v2:192.0.2.1:3300;192.0.2.2", ["192.0.2.1", "192.0.2.2"]),
    ],
)
def test_every_form_of_mon_host(text, addresses):
    assert [str(a) for a in _wanted.host_addresses(text, "mon_host")] == addresses


def test_a_value_that_means_the_same_is_not_rewritten():
    text = "[global]\npublic network = 2001:0db8:100::/64\nms bind ipv4 = no\nms_bind_ipv6 = 1\n"
    conf = Conf(text)
    _wanted.apply(conf, _wanted.wanted_network(params(**V6)))
    assert conf.text == text


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {**V6, "mon_host": ["192.0.2.1"]},
            (
                "global: mon_host 192.0.2.1 and public_network 2001:db8:100::/64 are of two families; give all "
                "networks, "
                "addresses and monitors one family"
            ),
        ),
        (
            {**V6, "cluster_network": ["10.0.0.0/24"]},
            (
                "global: cluster_network 10.0.0.0/24 and public_network 2001:db8:100::/64 are of two families; give "
                "all "
                "networks, addresses and monitors one family"
            ),
        ),
        (
            {"public_network": ["2001:db8:100::/64"]},
            "ms_bind_ipv6 is false, and public_network 2001:db8:100::/64 is IPv6; set ms_bind_ipv6: true",
        ),
        (
            {"public_network": ["2001:db8:100::/64"], "ms_bind_ipv6": True},
            (
                "ms_bind_ipv4 is true, and public_network 2001:db8:100::/64 is IPv6: a daemon would look for an "
                "IPv4 address, "
                "find none and not start; set ms_bind_ipv4: false"
            ),
        ),
    ],
)
def test_one_family(options, text):
    assert sentence(_wanted.check_families, values(**options), (), "") == text


def test_a_monitor_outside_of_the_network():
    wanted = _wanted.wanted_network(params(**V6, monitors=[{"name": "a", "address": "2001:db8:100:1::"}]))
    assert sentence(_wanted.check_monitors, values(**V6), wanted.monitors) == (
        "monitor a: 2001:db8:100:1:: lies outside of public_network 2001:db8:100::/64; correct one of the two"
    )


def test_the_address_that_daemons_take():
    picked = _node.check_address(values(**V6), _node.local_addresses(LINKS))
    assert picked == {"public_network": "2001:db8:100::1 on lo"}


def test_of_two_addresses_the_one_that_is_said():
    options = {"public_network": ["2001:db8:300::/64"], "public_addr": "2001:db8:300::2"}
    assert _node.check_address(values(**options), _node.local_addresses(LINKS)) == {
        "public_network": "2001:db8:300::2 on eth0"
    }


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"public_network": ["2001:db8:200::/64"]},
            (
                "public_network: this node has no address in 2001:db8:200::/64, only 2001:db8:100::1, 2001:db8:300::1, "
                "2001:db8:300::2, 2001:db8:400::1, 2001:db8:500::1; its daemons would not start"
            ),
        ),
        (
            {"public_network": ["2001:db8:300::/64"]},
            (
                "public_network: this node has 2 addresses in 2001:db8:300::/64: 2001:db8:300::1, 2001:db8:300::2; "
                "which one "
                "its daemons take is chance, so say it by public_addr"
            ),
        ),
        (
            {"cluster_network": ["10.1.0.0/24"]},
            (
                "cluster_network: 10.1.0.1 has the label lo:1, and Ceph passes over labels that begin with 'lo:'; "
                "add it "
                "without a label, or to a dummy interface"
            ),
        ),
        (
            {"public_network": ["2001:db8:400::/64"]},
            "public_network: 2001:db8:400::1 is on eth1, which is down; Ceph passes over it",
        ),
        (
            {"public_network": ["2001:db8:500::/64"]},
            "public_network: 2001:db8:500::1 on eth2 is tentative or a duplicate; nothing can bind it yet",
        ),
        (
            {"public_addr": "2001:db8:100::9"},
            (
                "public_addr: 2001:db8:100::9 is no address of this node; it has 2001:db8:100::1, 2001:db8:300::1, "
                "2001:db8:300::2, 2001:db8:400::1, 2001:db8:500::1"
            ),
        ),
        (
            {"public_network": ["2001:db8:100::/64"], "public_addr": "2001:db8:300::1"},
            "public_addr: 2001:db8:300::1 lies outside of 2001:db8:100::/64; correct one of the two",
        ),
    ],
)
def test_a_node_without_the_address(options, text):
    assert sentence(_node.check_address, values(**options), _node.local_addresses(LINKS)) == text


ROUTES = [
    {"dst": "default", "nexthops": [{"dev": "eth0"}, {"dev": "eth1"}], "metric": 20},
    {"dst": "2001:db8:100::2", "dev": "eth0", "metric": 20},
    {"dst": "2001:db8:666::/48", "type": "blackhole", "dev": "lo"},
]
MTUS = {"eth0": 9000, "eth1": 1500}


def route(target: str, mtu: int | None) -> None:
    _node.check_route(ipaddress.ip_address(target), ROUTES, MTUS, mtu, _node.local_addresses(LINKS))


def test_routes_to_monitors():
    route("2001:db8:100::2", 9000)
    route("2001:db8:100::3", 1500)
    route("2001:db8:100::1", 9216)  # its own
    assert sentence(route, "2001:db8:100::3", 9000) == (
        "mtu: the route to monitor 2001:db8:100::3 leaves through eth1, which takes 1500 bytes, not 9000"
    )
    assert sentence(route, "2001:db8:666::1", None) == (
        "there is no route to monitor 2001:db8:666::1; the fabric's routes come before Ceph "
        "(`ip route get 2001:db8:666::1`)"
    )


def member(name: str, address: str) -> _cluster.Member:
    return _cluster.Member(name, f"[v2:[{address}]:3300,v1:[{address}]:6789]", (ipaddress.ip_address(address),))


MONMAP = [member("c1", "2001:db8:100::1"), member("c2", "2001:db8:100::2"), member("c3", "2001:db8:100::3")]


def monitors(*addresses: str) -> list[_wanted.Monitor]:
    return [_wanted.Monitor(f"c{n}", ipaddress.ip_address(a)) for n, a in enumerate(addresses, start=1)]


def moves(*addresses: str) -> tuple[_plan.Move, ...]:
    wanted = monitors(*addresses)
    return _plan.moves(wanted, MONMAP, {m.name: _wanted.vector(m.address) for m in wanted})


def test_monitors_that_stay_do_not_move():
    assert moves("2001:db8:100::1", "2001:db8:100::2", "2001:db8:100:0::3") == ()


def test_monitors_that_move_do_so_in_the_order_of_the_monmap():
    found = moves("2001:db8:200::1", "2001:db8:100::2", "2001:db8:200::3")
    assert [m.name for m in found] == ["c1", "c3"]
    assert found[0].after == "[v2:[2001:db8:200::1]:3300,v1:[2001:db8:200::1]:6789]"


def test_an_unknown_monitor():
    assert sentence(moves, *(f"2001:db8:100::{n}" for n in range(1, 5))) == (
        "monitors: the monmap has no monitor c4, only c1, c2, c3; a new monitor is made first, with an address of "
        "its own"
    )


def test_mon_host_agrees_with_the_monmap():
    good = values(**V6, mon_host=["2001:db8:100::1", "2001:db8:100::2"])
    _plan.check_mon_host(good, MONMAP, ())
    moving = moves("2001:db8:200::1", "2001:db8:100::2", "2001:db8:100::3")
    _plan.check_mon_host(values(mon_host=["2001:db8:200::1"]), MONMAP, moving)
    assert sentence(_plan.check_mon_host, values(mon_host=["2001:db8:200::2"]), MONMAP, moving).startswith(
        "mon_host: 2001:db8:200::2 is the address of no monitor; the monmap has c1 [v2:[2001:db8:100::1]:3300"
    )


def test_who_restarts():
    before = Conf("[global]\npublic_network = 2001:db8:100::/64\n[osd.1]\npublic_network = 2001:db8:200::/64\n")
    after = Conf(before.text)
    after.set("global", "public_network", "2001:db8:200::/64")
    after.set("global", "cluster_network", "2001:db8:300::/64")
    after.set("global", "mon_host", "2001:db8:200::1")
    assert _plan.restarts(before, after, ["osd.0", "osd.1", "mon.c1", "mgr.c1"]) == (
        ("mon.c1", ("public_network",)),
        ("mgr.c1", ("public_network",)),
        ("osd.0", ("public_network", "cluster_network")),
        ("osd.1", ("cluster_network",)),
    )
    assert _plan.restarts(before, before, ["osd.0"]) == ()


def test_what_was_left_behind_by_a_change_that_stopped():
    conf = Conf("[global]\npublic_network = 2001:db8:200::/64\n")
    there = {"osd.0": [ipaddress.ip_address("2001:db8:100::1")], "osd.1": [ipaddress.ip_address("2001:db8:200::1")]}
    assert _plan.misplaced(conf, there, ["mon.c1", "osd.0", "osd.1"]) == (("osd.0", ("public_network",)),)


@pytest.mark.parametrize(
    ("there", "quorum", "holds"),
    [(3, 3, True), (3, 2, False), (1, 1, False), (2, 2, False), (4, 4, True), (5, 4, True), (5, 3, False)],
)
def test_whether_quorum_holds_while_one_is_away(there, quorum, holds):
    names = tuple(f"c{n}" for n in range(there))
    assert _plan.Plan((), (), names, names[:quorum]).quorum_holds is holds


def test_the_monitors_database_has_to_agree():
    wanted = _wanted.wanted_network(params(**V6))
    conf = Conf("")
    _wanted.apply(conf, wanted)
    same = {"name": "public_network", "section": "global", "value": "2001:0db8:100::/64"}
    _plan.check_database([same, {"name": "debug_osd", "section": "osd", "value": "1"}], wanted, conf)
    other = {"name": "cluster_network", "section": "osd", "value": "10.0.0.0/8"}
    assert sentence(_plan.check_database, [other], wanted, conf) == (
        "cluster_network: `ceph config dump` has 10.0.0.0/8 for osd, and here [osd] has no cluster_network; make them "
        "one: `ceph config rm osd cluster_network`"
    )


STATUS = {
    "health": {"status": "HEALTH_WARN", "checks": {"OSDMAP_FLAGS": {}}},
    "quorum_names": ["c1", "c2", "c3"],
    "osdmap": {"num_osds": 3, "num_up_osds": 3, "num_in_osds": 3},
    "pgmap": {
        "num_pgs": 9,
        "pgs_by_state": [
            {"state_name": "active+clean", "count": 8},
            {"state_name": "active+clean+scrubbing", "count": 1},
        ],
    },
    "mgrmap": {"available": True},
}


def test_noout_is_no_doubt():
    assert _cluster.parse_health(json.dumps(STATUS)).doubts(3) == []


def test_health_ok_alone_says_little():
    """As seen: HEALTH_OK while nothing was up."""
    status = {
        **STATUS,
        "health": {"status": "HEALTH_OK", "checks": {}},
        "osdmap": {"num_osds": 3, "num_up_osds": 0, "num_in_osds": 3},
        "pgmap": {"num_pgs": 9},
        "mgrmap": {"available": False},
        "quorum_names": ["c1"],
    }
    assert _cluster.parse_health(json.dumps(status)).doubts(3) == [
        "0 of 3 OSDs are up",
        "no manager is available",
        "0 of 9 PGs are active+clean",
        "1 of 3 monitors are in quorum",
    ]
