# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`config.forwarding` against real FRR: what its start and its reload do to the kernel, with and without the lines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import frrlab
import pytest
from test_frr_bgp import CONFIG, HEAD

OFF = {"ipv4": False, "ipv6": False}
LINES = ["no ip forwarding", "no ipv6 forwarding"]
SWITCHES = ("/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding")
RELOAD = "/usr/lib/frr/frr-reload.py --reload /etc/frr/frr.conf"  # what `systemctl reload frr` ends with
EVENTS = "/tmp/netconf"


@pytest.fixture
def dut(live: frrlab.Lab) -> Iterator[frrlab.Node]:
    """A device under test without BGP, with a small file; it forwards before and after."""
    node = live.dut
    result = node.module({"config": {}, "state": "overridden", "save": False})
    assert not result.get("failed"), result
    node.write("/etc/frr/frr.conf", HEAD)
    yield node
    node.write("/etc/frr/frr.conf", HEAD)
    switch(node, "1")


def switch(node: frrlab.Node, value: str) -> None:
    for path in SWITCHES:
        node.run(f"echo {value} > {path}")
    frrlab.until("zebra sees it", lambda: all((x in node.running()) == (value == "0") for x in LINES), 5)


def kernel(node: frrlab.Node) -> list[str]:
    return [node.run(f"cat {path}").strip() for path in SWITCHES]


def saved(node: frrlab.Node) -> list[str]:
    return sorted(line for line in node.run("cat /etc/frr/frr.conf").splitlines() if "forwarding" in line)


@contextmanager
def nothing_flips(node: frrlab.Node) -> Iterator[None]:
    """The kernel tells of each change of a switch, however short it lasts."""
    node.run(f"ip monitor netconf > {EVENTS} 2>&1 & echo $! > {EVENTS}.pid")
    try:
        # it has to be listening: another setting of the same kind is seen
        def heard() -> bool:
            node.run("echo 1 > /proc/sys/net/ipv4/conf/lo/rp_filter; echo 0 > /proc/sys/net/ipv4/conf/lo/rp_filter")
            return "rp_filter" in node.run(f"cat {EVENTS}")

        frrlab.until("the monitor", heard, 10)
        yield
        assert "forwarding on" not in node.run(f"cat {EVENTS}")
    finally:
        node.run(f"kill $(cat {EVENTS}.pid); rm -f {EVENTS} {EVENTS}.pid")


def test_what_frr_does_by_itself(dut: frrlab.Node) -> None:
    """Without the lines a start leaves the kernel alone, and a reload switches forwarding on."""
    switch(dut, "0")
    with nothing_flips(dut):
        dut.restart_frr()
        assert kernel(dut) == ["0", "0"]
    dut.run(RELOAD)
    assert kernel(dut) == ["1", "1"]


def test_check_run_check_run(dut: frrlab.Node) -> None:
    args = {"config": {**CONFIG, "forwarding": OFF}, "state": "replaced"}
    dut.module({"config": CONFIG, "state": "replaced"})
    foreseen = dut.module(args, check=True)
    assert foreseen["commands"] == LINES and kernel(dut) == ["1", "1"] and saved(dut) == []
    done = dut.module(args)
    assert done["changed"] and (done["commands"], done["diff"]) == (foreseen["commands"], foreseen["diff"])
    assert kernel(dut) == ["0", "0"] and saved(dut) == LINES
    for check in (True, False):
        again = dut.module(args, check=check)
        assert not again["changed"] and again["commands"] == [] and "diff" not in again


def test_nothing_flips_at_a_start_or_a_reload(dut: frrlab.Node) -> None:
    args = {"config": {"forwarding": OFF}, "state": "replaced"}
    switch(dut, "0")
    with nothing_flips(dut):
        dut.module(args)
        dut.restart_frr()
        assert kernel(dut) == ["0", "0"]
        dut.run(RELOAD)
        assert kernel(dut) == ["0", "0"]
    assert saved(dut) == LINES
    assert all(line in dut.running() for line in LINES)


def test_the_file_switches_it_off_where_no_sysctl_has(dut: frrlab.Node) -> None:
    dut.module({"config": {"forwarding": OFF}, "state": "replaced"})
    switch(dut, "1")
    dut.restart_frr()
    assert kernel(dut) == ["0", "0"]


def test_one_family_and_back(dut: frrlab.Node) -> None:
    dut.module({"config": {"forwarding": {"ipv4": False}}, "state": "replaced"})
    assert kernel(dut) == ["0", "1"] and saved(dut) == LINES[:1]
    done = dut.module({"config": {"forwarding": {"ipv4": True, "ipv6": True}}, "state": "replaced"})
    assert done["commands"] == ["ip forwarding"] and kernel(dut) == ["1", "1"] and saved(dut) == []
    assert not dut.module({"config": {"forwarding": {"ipv4": True, "ipv6": True}}, "state": "replaced"})["changed"]


def test_deleted_leaves_the_kernel_alone(dut: frrlab.Node) -> None:
    dut.module({"config": {"forwarding": OFF}, "state": "replaced"})
    done = dut.module({"config": {"forwarding": OFF}, "state": "deleted"})
    assert done["changed"] and done["commands"] == []
    assert kernel(dut) == ["0", "0"] and saved(dut) == []


def test_sessions_stay(dut: frrlab.Node) -> None:
    dut.module({"config": CONFIG, "state": "replaced"})
    wanted = {"default up1", "default 10.2.0.0", "default 2001:db8:3::"}
    frrlab.until("three sessions", lambda: frrlab.established(dut) >= wanted)
    before = frrlab.counters(dut)
    for forwarding in (OFF, {"ipv4": True, "ipv6": True}):
        done = dut.module({"config": {**CONFIG, "forwarding": forwarding}, "state": "replaced"})
        assert done["changed"], done
    assert {name: frrlab.counters(dut)[name] for name in wanted} == {name: before[name] for name in wanted}


def test_a_file_that_cannot_be_written_takes_it_back(dut: frrlab.Node) -> None:
    dut.run("mount --bind /etc/frr /etc/frr && mount -o remount,bind,ro /etc/frr")
    try:
        result = dut.module({"config": {"forwarding": OFF}, "state": "replaced"})
    finally:
        dut.run("umount /etc/frr")
    assert result["failed"] and result["msg"].startswith("cannot write /etc/frr/frr.conf: Read-only file system")
    assert kernel(dut) == ["1", "1"]
