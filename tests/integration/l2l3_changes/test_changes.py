# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routers and devices that come, move and go, as data."""

from __future__ import annotations

import pytest
from changes import Changes
from figures import record

pytestmark = pytest.mark.chance

NODE5 = {"at": "vrouter3:vr_if1", "mac": "52:54:00:20:00:05", "addresses": ["20.0.0.5", "2001:db8:20::5"]}
NODE6 = {"at": "vrouter1:vr_if3", "mac": "52:54:00:20:00:06", "addresses": ["20.0.0.6", "2001:db8:20::6"]}


def test_a_core_router_is_inserted_and_a_third_edge_joins(lab: Changes) -> None:
    """core3 comes between vrouter1 and core2; vrouter3 is attached to it. The devices go on talking meanwhile."""
    assert lab.lan["transport"] != "direct" and lab.lan["control_plane"] == "bgp"
    data = lab.draft()
    nodes, lan = data["nodes"], data["subnet_extensions"]["lan"]
    nodes["core3"] = {"id": 3, "asn": 65003}
    nodes["vrouter1"]["uplinks"]["eth2"] = "core3:eth1"
    nodes["vrouter3"] = {"id": 13, "functions": ["edge"], "uplinks": {"eth1": "core3:eth3"}}
    data["links"] = [{"a": "core3:eth2", "b": "core2:eth1"}]
    lan["edges"]["vrouter3"] = None
    lan["devices"]["node5"] = NODE5
    with lab.pinging("node1", "20.0.0.3", "2001:db8:20::3") as lost:
        lab.become(data)
        lab.settled()
    # one uplink of two was moved to another router
    assert max(lost.values()) * 0.05 < 3, lost
    record(
        "l2-over-l3", "core router inserted", f"{max(lost.values())} pings lost", 1, "50 ms; one of two uplinks moved"
    )
    assert lab.learned("vrouter3") == {a for n, d in lab.devices.items() if n != "node5" for a in d["addresses"]}
    assert not lab.ping_all()
    # it is on the way, and knows nothing of whom it carries
    lab.fabric.ask("node5", "ping -n -q -c 200 -i 0.05 20.0.0.3 >/dev/null 2>&1 &")
    capture = "timeout 20 tcpdump -n -i any -c 10 udp port 4788 2>/dev/null | wc -l"
    assert int(lab.fabric.ask("core3", capture)) == 10
    shown = lab.fabric.ask(
        "core3",
        "cat /etc/frr/frr.conf; vtysh -c 'show running-config'; ip route show table all; ip -6 route show table all;"
        "ip neigh; vtysh -c 'show bgp ipv4' -c 'show bgp ipv6'",
    )
    assert "20.0.0." not in shown and "2001:db8:20:" not in shown
    assert "10.255.0.13" in shown


def test_devices_move_come_and_go(lab: Changes) -> None:
    """node2 from vrouter1 to vrouter3, node5 away, node6 new at vrouter1: every router knows, and forgets."""
    own = "ip route show table 101 proto 211; ip -6 route show table 101 proto 211; ip neigh show nud permanent"
    assert "20.0.0.2 " in lab.fabric.ask("vrouter1", own)
    data = lab.draft()
    devices = data["subnet_extensions"]["lan"]["devices"]
    devices["node2"]["at"] = "vrouter3:vr_if2"
    del devices["node5"]
    devices["node6"] = NODE6
    lab.become(data)
    lab.settled()
    said = lab.fabric.ask("vrouter1", own)
    for address in ("20.0.0.2", "2001:db8:20::2"):
        assert f"{address} " not in said
        assert lab.fabric.json("vrouter1", f"ip -j route get {address}")[0]["dev"] == "ex-vx13"
        # for the device itself, nobody answers in its place
        assert address not in lab.fabric.ask("vrouter3", "ip neigh show proxy dev vr_if2")
        assert address in lab.fabric.ask("vrouter1", "ip neigh show proxy") or ":" not in address
    assert lab.fabric.shell("node2", "arping -D -c 2 -w 2 -I eth0 20.0.0.2").returncode == 0
    for edge in lab.edges:
        known = lab.fabric.ask(edge, f"{own}; ip route; ip -6 route; ip neigh show proxy")
        assert "20.0.0.5 " not in known and "2001:db8:20::5 " not in known, edge
        assert "20.0.0.6 " in known and "2001:db8:20::6 " in known, edge
    assert not lab.ping_all()


def test_a_mistake_is_one_sentence_and_touches_nothing(lab: Changes) -> None:
    data = lab.draft()
    del data["subnet_extensions"]["lan"]["edges"]["vrouter3"]
    assert (
        "subnet_extensions.lan.devices.node2.at: node 'vrouter3' is no edge of lan, but the device is attached to it. "
        "Use one of vrouter1, vrouter2, or remove the device; an edge leaves with its devices by 'withdraw: true'."
    ) in lab.refused(data)
    data = lab.draft()
    data["subnet_extensions"]["lan"]["devices"]["node7"] = {**NODE5, "addresses": ["20.0.0.3"]}
    assert (
        "subnet_extensions.lan.devices.node7.addresses[0]: 20.0.0.3 is the address of "
        "subnet_extensions.lan.devices.node3 as well, which is at vrouter2:br20. "
        "Remove one of the two: a device is in one place."
    ) in lab.refused(data)
    lab.settled()


def test_an_edge_leaves_with_its_devices(lab: Changes) -> None:
    data = lab.draft()
    data["subnet_extensions"]["lan"]["edges"]["vrouter3"] = {"withdraw": True}
    lab.become(data)
    lab.settled()
    for edge in lab.edges:
        shown = lab.fabric.ask(
            edge, "ip route; ip -6 route; ip link; ip neigh show proxy; vtysh -c 'show running-config'"
        )
        assert "20.0.0.2 " not in shown and "2001:db8:20::2 " not in shown and "ex-vx13" not in shown, edge
    left = lab.fabric.ask(
        "vrouter3", "ip route show table all; ip -6 route show table all; ip neigh show proxy; ip link"
    )
    assert "20.0.0." not in left and "2001:db8:20:" not in left and "ex-vx" not in left
    assert lab.fabric.ask("vrouter3", "cat /proc/sys/net/ipv4/conf/vr_if2/proxy_arp").strip() == "0"


def test_the_first_file_again(lab: Changes) -> None:
    """Two edges and two core routers, as in the beginning; the machines that have gone with it, too."""
    lab.become(lab.original)
    lab.settled()
    assert not lab.ping_all()
    again = lab.fabric.play("site")
    assert again.status == 0 and again.changed() == {}, again.output[-3000:]
