# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GoBGP and BIRD, as Debian packages them, beside edge routers that the plan configures: FRR 10.3 and FRR 8.4."""

from __future__ import annotations

import copy
import time

import pytest
from figures import accepting, record
from frrlab import until
from interoplab import Lab, call
from speakers import EDGES, INSTALLING

HOLD_S = 9
NEW = {4: "20.0.0.50", 6: "2001:db8:20::50"}
LENGTH = {4: 32, 6: 128}
RUNS = 10 if accepting() else 1


def everywhere(lab: Lab, address: str, without: str, deadline_s: float = 20) -> None:
    """Every edge but the one that announces it has installed a device."""
    for name in INSTALLING:
        if name != without:
            until(f"{name} has {address}", lambda n=name: address in lab.kernel(n), deadline_s)


def nowhere(lab: Lab, address: str, since: float, without: str, deadline_s: float) -> dict[str, float]:
    """Seconds until each edge's kernel has lost a device."""
    return {
        name: until(f"{name} loses {address}", lambda n=name: lab.gone(n, address, since), deadline_s)
        for name in INSTALLING
        if name != without
    }


def test_every_device_reaches_every_other(lab: Lab) -> None:
    failed = []
    for source in lab.devices:
        for target, device in lab.devices.items():
            for address in device["addresses"]:
                if source != target:
                    said = lab.nodes[source].run(f"ping -n -c 2 -i 0.05 -W 2 {address}", check=False)
                    if " 0% packet loss" not in said:
                        failed.append(f"{source} to {target} {address}: {said}")
    assert not failed
    record("l2-over-l3", "interop pings", "24 of 24 ways", 1, "edges: FRR 10.3, FRR 8.4, GoBGP with zebra, BIRD")


def test_each_device_is_known_exactly_once(lab: Lab) -> None:
    for name in EDGES.values():
        assert lab.paths(name) == dict.fromkeys(lab.addresses(), 1), name
    # the counting counts: what two edges announce, a third has twice
    lab.publish("speaker", "20.0.0.3/32")
    try:
        for name in ("bird", "vrouter1", "vrouter2"):
            until(f"{name} has two paths", lambda n=name: lab.paths(n)["20.0.0.3"] == 2, 10)
    finally:
        lab.withdraw("speaker", "20.0.0.3/32")
    lab.settled()


@pytest.mark.parametrize("family", [4, 6])
def test_gobgp_publishes_and_withdraws(lab: Lab, family: int) -> None:
    prefix = f"{NEW[family]}/{LENGTH[family]}"
    slowest = 0.0
    for dummy in range(RUNS):
        lab.publish("speaker", prefix)
        everywhere(lab, NEW[family], "speaker")
        assert {name: lab.paths(name)[NEW[family]] for name in EDGES.values()} == dict.fromkeys(EDGES.values(), 1)
        lab.watch()
        since = time.time()
        lab.withdraw("speaker", prefix)
        times = nowhere(lab, NEW[family], since, "speaker", 20)
        slowest = max(slowest, *times.values())
        lab.settled(5)
    record(
        "l2-over-l3",
        f"GoBGP withdraws ipv{family}",
        f"up to {slowest * 1000:.0f} ms",
        RUNS,
        "from `gobgp global rib del` until the last of four kernels has lost the route",
    )
    assert slowest < 1


@pytest.mark.parametrize("name", ["speaker", "bird"])
def test_a_speaker_that_dies_is_forgotten_at_once(lab: Lab, name: str) -> None:
    """Killed, its kernel closes the sessions."""
    if name == "speaker":
        lab.publish(name, f"{NEW[4]}/32")
    address = NEW[4] if name == "speaker" else "20.0.0.4"
    everywhere(lab, address, name)
    lab.watch()
    since = time.time()
    lab.nodes[name].run("kill -KILL $(cat /tmp/gobgpd.pid)" if name == "speaker" else "kill -KILL $(cat /run/bird.pid)")
    try:
        times = nowhere(lab, address, since, name, 20)
    finally:
        if name == "speaker":
            lab.start_gobgp(name)
        else:
            lab.nodes[name].run("ip route flush proto bird; ip -6 route flush proto bird")
            lab.start_bird()
    lab.settled()
    slowest = max(times.values())
    record("l2-over-l3", f"{name} killed", f"{slowest * 1000:.0f} ms", 1, "until the last edge has lost its route")
    assert slowest < 1


def test_a_speaker_that_hangs_is_forgotten_after_the_hold_time(lab: Lab) -> None:
    lab.publish("speaker", f"{NEW[4]}/32")
    everywhere(lab, NEW[4], "speaker")
    lab.watch()
    since = time.time()
    lab.nodes["speaker"].run("kill -STOP $(cat /tmp/gobgpd.pid)")
    try:
        times = nowhere(lab, NEW[4], since, "speaker", HOLD_S + 15)
    finally:
        lab.nodes["speaker"].run("kill -CONT $(cat /tmp/gobgpd.pid)")
    slowest = max(times.values())
    record("l2-over-l3", "GoBGP hangs", f"{slowest:.1f} s", 1, "hold time 9 s; until the last edge has lost its route")
    try:
        assert slowest < HOLD_S + 1
    finally:
        until("it is back", lambda: NEW[4] in lab.kernel("vrouter1"), 60)
        lab.withdraw("speaker", f"{NEW[4]}/32")
        lab.settled()


def test_gobgp_is_an_edge(lab: Lab) -> None:
    """zebra has programmed what GoBGP learned, and a device's route on that node is announced by itself."""
    shown = lab.nodes["gobgp"].run("vtysh -c 'show ip route bgp' -c 'show ipv6 route bgp'")
    for address in lab.addresses() - lab.own("gobgp"):
        assert f"B>* {address}/" in shown, shown
    for family, address in NEW.items():
        command = f"ip route {{}} {address}/{LENGTH[family]} dev vr_if1"
        lab.nodes["gobgp"].run(command.format("add"))
        try:
            everywhere(lab, address, "gobgp")
            assert lab.paths("speaker")[address] == 1
        finally:
            lab.watch()
            since = time.time()
            lab.nodes["gobgp"].run(command.format("del"))
        nowhere(lab, address, since, "gobgp", 20)
    lab.settled()


def test_bird_is_an_edge(lab: Lab) -> None:
    for family, address in NEW.items():
        command = f"ip route {{}} {address}/{LENGTH[family]} dev vr_if1"
        lab.nodes["bird"].run(command.format("add"))
        try:
            everywhere(lab, address, "bird")
            assert lab.paths("speaker")[address] == lab.paths("gobgp")[address] == 1
        finally:
            lab.watch()
            since = time.time()
            lab.nodes["bird"].run(command.format("del"))
        nowhere(lab, address, since, "bird", 20)
    lab.settled()


@pytest.mark.parametrize("name", ["vrouter1", "vrouter2"])
def test_a_device_of_frr_leaves_and_comes_back(lab: Lab, name: str) -> None:
    """By module host_route, as a run after a change of the file does it."""
    planned = lab.plan[name]["extension"]["routes"]
    without = copy.deepcopy(planned)
    without["routes"] = []
    lab.watch()
    since = time.time()
    call(lab.nodes[name], "host_route", {**without, "persist": False})
    try:
        for address in lab.own(name):
            nowhere(lab, address, since, name, 20)
            for other in ("speaker", "gobgp", "bird"):
                until(f"{other} has forgotten {address}", lambda o=other, a=address: a not in lab.paths(o), 10)
    finally:
        call(lab.nodes[name], "host_route", {**planned, "persist": False})
    lab.settled()
