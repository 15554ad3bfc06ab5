# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module edge_links against the real kernel."""

from __future__ import annotations

import json
from typing import Any

from machine import Machine

MAC = "02:00:5e:00:02:01"
VXLAN = {
    "name": "ex-vx12",
    "kind": "vxlan",
    "local": "10.255.0.11",
    "remote": "10.255.0.12",
    "vni": 45068,
    "port": 4788,
    "mac": "02:fc:00:00:00:0b",
    "mtu": 8950,
    "address": "fe80::b/64",
}
TUN = {"name": "tun13", "kind": "tun", "mtu": 1500, "address": "fe80::b/64"}
OPTIONS: dict[str, Any] = {
    "ports": [{"name": "up0", "mac": MAC}, {"name": "br20", "mac": MAC, "bridge_ports": ["up1"]}],
    "tunnels": [VXLAN, TUN],
    "sysctl": {"net.ipv4.conf.all.send_redirects": "0", "net.ipv4.neigh.br20.proxy_delay": "0"},
}
BATCH = "/etc/routed-fabric/edge-links.batch"


def links(machine: Machine) -> dict[str, dict[str, Any]]:
    return {entry["ifname"]: entry for entry in json.loads(machine.shell("ip -j -d addr show").stdout)}


def seen(machine: Machine) -> str:
    return machine.shell(
        "ip -d -o link show | sed 's/ qlen.*//'; ip -o -6 addr show scope link; bridge -d link show"
    ).stdout


def test_four_calls(machine: Machine) -> None:
    before = seen(machine)
    told = machine.call(OPTIONS, check=True)
    assert told["changed"] and seen(machine) == before
    done = machine.call(OPTIONS)
    assert done["changed"], done
    there = links(machine)
    assert there["ex-vx12"]["linkinfo"]["info_data"]["id"] == 45068
    assert (there["ex-vx12"]["mtu"], there["ex-vx12"]["address"]) == (8950, "02:fc:00:00:00:0b")
    assert there["tun13"]["linkinfo"]["info_kind"] == "tun"
    assert [a["local"] for a in there["tun13"]["addr_info"]] == ["fe80::b"]
    assert there["up0"]["address"] == there["br20"]["address"] == MAC
    assert there["up1"]["master"] == "br20"
    assert there["up1"]["linkinfo"]["info_slave_data"]["isolated"] is True
    assert machine.read("/proc/sys/net/ipv4/neigh/br20/proxy_delay").strip() == "0"
    after = seen(machine)
    for check in (True, False):
        again = machine.call(OPTIONS, check=check)
        assert not again["changed"] and again["commands"] == [], again
    assert seen(machine) == after
    gone = machine.call({})
    assert gone["changed"]
    there = links(machine)
    assert not {"ex-vx12", "tun13", "br20"} & set(there) and "master" not in there["up1"]
    assert machine.shell(f"test -e {BATCH}", check=False).returncode != 0
    assert not machine.call({})["changed"]


def test_what_differs_is_changed_in_place_and_ends_make_a_tunnel_anew(machine: Machine) -> None:
    machine.call(OPTIONS)
    index = links(machine)["ex-vx12"]["ifindex"]
    machine.shell("ip link set dev ex-vx12 mtu 1400; ip addr add fe80::99/64 dev ex-vx12 nodad")
    machine.shell("bridge link set dev up1 isolated off")
    done = machine.call(OPTIONS)
    assert done["commands"] == [
        "ip link set dev ex-vx12 mtu 8950",
        "ip addr del fe80::99/64 dev ex-vx12",
        "ip link set dev up1 type bridge_slave isolated on",
    ]
    assert links(machine)["ex-vx12"]["ifindex"] == index
    moved = {**OPTIONS, "tunnels": [{**VXLAN, "remote": "10.255.0.13"}, TUN]}
    machine.call(moved)
    assert links(machine)["ex-vx12"]["linkinfo"]["info_data"]["remote"] == "10.255.0.13"
    assert not machine.call(moved)["changed"]


def test_the_next_boot(machine: Machine) -> None:
    machine.call(OPTIONS)
    wanted = seen(machine)
    machine.boot()
    machine.shell(f"ip -force -batch {BATCH}; ip -force -batch {BATCH}", check=False)
    there = links(machine)
    assert there["ex-vx12"]["linkinfo"]["info_data"]["id"] == 45068
    assert there["up1"]["linkinfo"]["info_slave_data"]["isolated"] is True
    assert wanted.count("isolated on") == seen(machine).count("isolated on") == 1
    assert not [c for c in machine.call(OPTIONS)["commands"] if c.startswith("ip ")]


def test_a_refused_tunnel_leaves_everything_as_it_was(machine: Machine) -> None:
    machine.shell("ip link add other type vxlan id 45068 remote 10.255.0.99 dstport 4788")
    before = seen(machine)
    failed = machine.call(OPTIONS)
    assert failed["failed"] and "was refused" in failed["msg"], failed
    assert failed["msg"].endswith("; everything is as it was before")
    assert seen(machine) == before
    assert machine.shell(f"test -e {BATCH}", check=False).returncode != 0


def test_bad_input_is_refused_before_anything_is_read(machine: Machine) -> None:
    before = seen(machine)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"tunnels": [{**VXLAN, "remote": "10.255.0.11"}]}, "tunnels[0].remote: 10.255.0.11 is this node's own end"),
        (
            {"tunnels": [{**VXLAN, "remote": "2001:db8::1"}]},
            "tunnels[0].remote: 2001:db8::1 and 10.255.0.11 are of different families",
        ),
        (
            {"tunnels": [{"name": "g", "kind": "gre", "local": "2001:db8::1", "remote": "2001:db8::2"}]},
            (
                "tunnels[0].local: 2001:db8::1 is not an IPv4 address, which gre needs; "
                "tunnels[0].remote: 2001:db8::2 is not an IPv4 address, which gre needs"
            ),
        ),
        (
            {"tunnels": [{**TUN, "local": "10.0.0.1"}]},
            "tunnels[0].local: '10.0.0.1' has no meaning for a device of kind tun",
        ),
        ({"tunnels": [{**TUN, "mtu": 100}]}, "tunnels[0].mtu: 100 is not between 1280 and 65535"),
        (
            {"tunnels": [{**TUN, "address": "10.0.0.1/24"}]},
            "tunnels[0].address: 10.0.0.1/24 is not a link-local IPv6 address",
        ),
        ({"tunnels": [TUN, TUN]}, "tunnels[1].name: 'tun13' stands here twice, first as tunnels[0].name"),
        (
            {"ports": [{"name": "up0", "mac": "01:00:00:00:00:01"}]},
            "ports[0].mac: '01:00:00:00:00:01' is not the MAC address of one interface",
        ),
        (
            {"tunnels": [{"name": "gre0", "kind": "gre", "local": "10.0.0.1", "remote": "10.0.0.2"}]},
            "tunnels[0].name: 'gre0' cannot be the name of an interface here",
        ),
    ]
    for options, sentence in cases:
        assert machine.call(options)["msg"] == sentence
    missing = machine.call({"ports": [{"name": "eth9"}]})
    assert missing["msg"].startswith("ports[0].name: there is no interface 'eth9' on this node; it has: ")
    assert machine.call({"ports": [{"name": "eth9"}]}, check=True)["pending"] == [missing["msg"]]
    machine.shell("ip link add br7 type bridge; ip link set dev up0 master br7")
    assert (
        machine.call({"ports": [{"name": "up0"}]})["msg"]
        == "ports[0].name: 'up0' is a port of bridge 'br7', so no ARP arrives at it"
    )
    machine.shell("ip link del br7")
    assert seen(machine) == before
