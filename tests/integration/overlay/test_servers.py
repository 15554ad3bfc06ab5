# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers in one segment over two datacenters: they see each other as on one switch, and nothing below it."""

from __future__ import annotations

import subprocess

import pytest
from figures import accepting
from probe import argv, rest, until
from servers import BRIDGE, DEVICE, SERVERS, VNI, VTEPS, address, behind, leg, mac, settled
from standing import Fabric


def test_addresses_are_learned_before_a_packet(fabric: Fabric) -> None:
    """A VTEP of the other site forgets nothing and asks nobody: the MAC address is there by a type-2 route."""
    server = "DC01Server01"
    settled(fabric, server, "eth0")
    there = mac(fabric, server)
    route = f"[2]:[0]:[48]:[{there}]"
    shown = fabric.json("DC02S02", "vtysh -c 'show bgp l2vpn evpn route type macip json'")
    assert any(route in entry for entry in shown.values() if isinstance(entry, dict)), sorted(shown)
    for vtep in VTEPS:
        wanted = "local" if vtep == "DC01S01" else fabric.loopback("DC01S01", 4)
        assert behind(fabric, vtep, there) == wanted
    entries = fabric.json("DC02S02", f"bridge -j fdb show dev {DEVICE}")
    learned = [entry for entry in entries if entry["mac"] == there]
    assert all("extern_learn" in entry["flags"] for entry in learned), learned


@pytest.mark.parametrize("family", [4, 6])
def test_servers_reach_each_other(fabric: Fabric, family: int) -> None:
    for source in SERVERS:
        for target in SERVERS:
            if source != target:
                fabric.ask(source, f"ping -n -c 1 -W 5 {address(fabric, target, family)}")


@pytest.mark.parametrize(("family", "size"), [(4, 1472), (6, 1452)])
def test_full_size_frames_go_through_and_no_larger_ones(fabric: Fabric, family: int, size: int) -> None:
    target = address(fabric, "DC02Server02", family)
    fabric.ask("DC01Server01", f"ping -n -M do -c 1 -W 5 -s {size} {target}")
    assert fabric.shell("DC01Server01", f"ping -n -M do -c 1 -W 2 -s {size + 1} {target}").returncode != 0


def test_servers_cannot_reach_the_underlay(fabric: Fabric) -> None:
    """Nor the VTEP that they are plugged into; not even with a route that points there."""
    for server in SERVERS:
        for node in (*VTEPS, "DC01R01", "DC02RR01"):
            loopback = fabric.loopback(node, 4)
            assert fabric.shell(server, f"ping -n -c 1 -W 1 {loopback}").returncode != 0
    interface = leg(fabric, "DC01Server01")
    target = fabric.loopback("DC01S01", 4)
    fabric.ask("DC01Server01", f"ip route add {target} dev {interface}")
    try:
        assert fabric.shell("DC01Server01", f"ping -n -c 2 -W 1 {target}").returncode != 0
    finally:
        fabric.ask("DC01Server01", f"ip route del {target} dev {interface}")
    for vtep in VTEPS:  # the bridge has no address at all that a server could speak to
        shown = fabric.json(vtep, f"ip -j addr show dev {BRIDGE}")
        assert [item["local"] for entry in shown for item in entry["addr_info"]] == []


@pytest.mark.parametrize("target", ["10.1.0.255", "ff02::1"])
def test_broadcast_and_multicast_reach_everybody(fabric: Fabric, target: str) -> None:
    listen = (
        "import socket,sys\n"
        "s=socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET,socket.SOCK_DGRAM)\n"
        "s.bind(('',7008)); s.settimeout(15); print('ready',flush=True); s.recv(64)"
    )
    others = [server for server in SERVERS if server != "DC01Server01"]
    waiting = [
        subprocess.Popen(argv(fabric, server, "python3", "-c", listen, target), stdout=subprocess.PIPE, text=True)
        for server in others
    ]
    try:
        for process in waiting:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "ready"
        send = (
            "import socket,sys\n"
            "s=socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET,socket.SOCK_DGRAM)\n"
            "s.setsockopt(socket.SOL_SOCKET,socket.SO_BROADCAST,1)\n"
            "s.sendto(b'all',(sys.argv[1],7008,0,socket.if_nametoindex(sys.argv[2])) if ':' in sys.argv[1] "
            "else (sys.argv[1],7008))"
        )
        fabric.ask("DC01Server01", f'python3 -c "{send}" {target} {leg(fabric, "DC01Server01")}')
        for server, process in zip(others, waiting):
            assert process.wait(timeout=20) == 0, f"{server} did not hear it"
    finally:
        for process in waiting:
            process.kill()
            process.wait()


def test_a_second_run_flushes_no_entry(fabric: Fabric) -> None:
    """Watched by the kernel's own monitors: nothing that EVPN put there is deleted, not even for a moment."""
    watched = {
        vtep: subprocess.Popen(
            argv(fabric, vtep, "sh", "-c", "bridge monitor fdb & ip monitor neigh link & wait"),
            stdout=subprocess.PIPE,
            text=True,
        )
        for vtep in VTEPS
    }
    try:
        rest(0.5)
        # The monitors see what is deleted: an entry of our own comes and goes.
        for vtep in VTEPS:
            fabric.ask(vtep, f"bridge fdb add 02:00:00:00:00:99 dev {DEVICE} dst 10.0.255.255 self permanent")
            fabric.ask(vtep, f"bridge fdb del 02:00:00:00:00:99 dev {DEVICE} dst 10.0.255.255 self")
        done = fabric.play("site")
        assert done.status == 0, done.output[-3000:]
        assert done.changed() == {}
    finally:
        seen = {}
        for vtep, process in watched.items():
            fabric.shell(vtep, "pkill -x bridge; pkill -x ip")
            seen[vtep] = process.communicate(timeout=20)[0].splitlines()
    for vtep, lines in seen.items():
        deleted = [line for line in lines if line.startswith("Deleted")]
        assert [line for line in deleted if "02:00:00:00:00:99" in line], f"the monitor of {vtep} saw nothing"
        others = [line for line in deleted if "02:00:00:00:00:99" not in line]
        assert [line for line in others if "extern_learn" in line or "permanent" in line] == []
        assert not [line for line in others if DEVICE in line or BRIDGE in line], others


def test_zebra_has_the_segment(fabric: Fabric) -> None:
    for vtep in VTEPS:
        found = fabric.json(vtep, f"vtysh -c 'show evpn vni {VNI} json'")
        assert found["vxlanInterface"] == DEVICE
        others = {fabric.loopback(other, 4) for other in VTEPS if other != vtep}
        assert {entry["ip"] for entry in found["remoteVteps"]} == others


if accepting():  # test_losses.py has a switch that loses its power in every run

    def test_a_vtep_that_loses_its_power_comes_back_with_its_segment(fabric: Fabric) -> None:
        fabric.twin(state="rebooted", reboot=["DC02S01"])
        fabric.verify()
        until(lambda: leg(fabric, "DC02Server01") != "", "DC02Server01 has its address")
        done = fabric.play("site", "--limit", "localhost,DC02S01")
        assert done.status == 0, done.output[-3000:]
        assert done.changed() == {}, done.output[-3000:]
        fabric.ask("DC01Server01", f"ping -n -c 1 -W 5 {address(fabric, 'DC02Server01')}")
