# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster that is really whole, over IPv6 alone, from whichever node one looks."""

from __future__ import annotations

from cephlab import POOL, Ceph


def test_each_node_sees_a_whole_cluster(ceph: Ceph) -> None:
    for node in ceph.members:
        assert ceph.missing(node) == ""


def test_monitors_have_both_protocols_on_ipv6(ceph: Ceph) -> None:
    monmap = ceph.ceph("ceph02", "mon dump")
    seen = {m["name"]: [(a["type"], a["addr"]) for a in m["public_addrs"]["addrvec"]] for m in monmap["mons"]}
    assert seen == {
        f"ceph0{n}": [("v2", f"[2001:db8:100::{n}]:3300"), ("v1", f"[2001:db8:100::{n}]:6789")] for n in (1, 2, 3)
    }


def test_nothing_of_ceph_listens_on_ipv4(ceph: Ceph) -> None:
    for node in ceph.members:
        assert ceph.ask(node, "ss -4 -H -l -t -n -p | grep -c ceph || true").strip() == "0"
        own = ceph.ask(node, "ss -6 -H -l -t -n -p | grep ceph").splitlines()
        assert len(own) >= 6, own  # a monitor, a manager, an OSD
        assert all(f"[{ceph.loopback(node, 6)}]:" in line for line in own), own


def test_no_node_has_an_ipv4_address_or_forwards(ceph: Ceph) -> None:
    for node in ceph.members:
        assert ceph.ask(node, "ip -4 -o address show scope global").strip() == ""
        assert (
            ceph.ask(node, "cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding").split()
            == ["0"] * 2
        )
        # without them, the next reload of FRR would switch it on
        lines = ceph.ask(node, "grep forwarding /etc/frr/frr.conf").splitlines()
        assert sorted(lines) == ["no ip forwarding", "no ipv6 forwarding"]


def test_an_object_is_read_back_from_another_node(ceph: Ceph) -> None:
    ceph.ask("ceph02", "head -c 4194304 /dev/urandom >/tmp/object")
    wanted = ceph.ask("ceph02", f"rados -p {POOL} put object /tmp/object && md5sum </tmp/object")
    assert ceph.ask("ceph03", f"rados -p {POOL} get object - | md5sum") == wanted
    ceph.ask("ceph02", f"rados -p {POOL} rm object; rm /tmp/object")
