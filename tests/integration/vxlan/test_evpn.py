# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What FRR makes of the segments: MAC addresses travel, changes are told, and a thousand segments break nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from figures import accepting, record
from frrlab import until
from vtep import Vtep, wire

COUNT = 1000 if accepting() else 100


def _pair(release: str, disk: Path) -> Iterator[tuple[Vtep, Vtep]]:
    made: list[Vtep] = []
    try:
        for number in (1, 2):
            made.append(Vtep(release, disk / f"v{number}", number))
        wire(*made)
        yield made[0], made[1]
    finally:
        for vtep in made:
            vtep.stop()


@pytest.fixture(params=["trixie", "bookworm"])
def each_pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Vtep, Vtep]]:
    yield from _pair(request.param, tmp_path)


@pytest.fixture(params=["trixie", "bookworm"] if accepting() else ["trixie"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Vtep, Vtep]]:
    yield from _pair(request.param, tmp_path)


def options(vtep: Vtep, family: str, **changes: Any) -> dict[str, Any]:
    return {
        "local": vtep.local[family],
        "underlay_interfaces": ["core0"],
        "segments": [
            {"vni": 200, "bridge": "vmbr200", "mtu": 9000},
            {"vni": 202, "bridge": "vmbr202", "addresses": [f"10.202.0.{vtep.number}/24"]},
        ],
        **changes,
    }


def learned(vtep: Vtep, device: str) -> dict[str, str]:
    """MAC → VTEP of what FRR put into the FDB of a device."""
    found = {}
    for line in vtep.run(f"bridge fdb show dev {device}").splitlines():
        words = line.split()
        if "extern_learn" in words and "dst" in words:
            found[words[0]] = words[words.index("dst") + 1]
    return found


def mac(vtep: Vtep, guest: str) -> str:
    return vtep.run(f"ip netns exec {guest} cat /sys/class/net/eth0/address").strip()


def with_guests(pair: tuple[Vtep, Vtep], family: str, **changes: Any) -> None:
    for vtep in pair:
        result = vtep.call(options(vtep, family, **changes))
        assert result.get("changed"), result
        vtep.guest("vmbr200", f"10{vtep.number}", f"10.200.0.{vtep.number}/24")
        vtep.shell(f"ip -n 10{vtep.number} link set dev eth0 mtu 9000; ip link set dev tap10{vtep.number}i0 mtu 9000")


def test_two_vteps_exchange_macs(each_pair: tuple[Vtep, Vtep]) -> None:
    one, two = pair = each_pair
    for vtep in pair:
        vtep.start_frr()
    with_guests(pair, "ipv4")
    until("the guest of the other VTEP answers", lambda: one.reaches("101", "10.200.0.2"), 60)
    assert one.reaches("101", "10.200.0.2", 9000 - 28)  # full-size frames, end to end
    until("the node's own address answers", lambda: one.shell("ping -c 1 -W 1 10.202.0.2", check=False).returncode == 0)
    until("the MAC address", lambda: learned(one, "vxlan200").get(mac(two, "102")) == two.local["ipv4"])
    assert learned(two, "vxlan200").get(mac(one, "101")) == one.local["ipv4"]

    # The second run moves nothing: no FDB entry, no session. (Guests' neighbour timers cause updates at any time.)
    sessions = two.show("show bgp neighbors")["core0"]["connectionsEstablished"]
    one.shell("bridge -o monitor fdb > /run/moved 2>&1 < /dev/null & echo $! > /run/monitor; sleep 0.3")
    assert not one.call(options(one, "ipv4"))["changed"]
    one.shell("sleep 0.5; kill $(cat /run/monitor)")
    assert [line for line in one.read("/run/moved").splitlines() if "vxlan" in line] == []
    assert two.show("show bgp neighbors")["core0"]["connectionsEstablished"] == sessions

    # Another address is changed in place, and FRR tells the others.
    device = one.run("cat /sys/class/net/vxlan200/ifindex")
    one.shell("ip addr add 10.255.0.21/32 dev lo")
    assert one.call(options(one, "ipv4", local="10.255.0.21")).get("changed")
    assert one.run("cat /sys/class/net/vxlan200/ifindex") == device
    until("the new address at the other end", lambda: learned(two, "vxlan200").get(mac(one, "101")) == "10.255.0.21")
    until("the guest answers by the new address", lambda: two.reaches("102", "10.200.0.1"))

    # Another UDP port: the VXLAN devices are made again under the guests, and FRR fills them again.
    tap = one.run("cat /sys/class/net/tap101i0/ifindex")
    for vtep in pair:
        assert vtep.call(options(vtep, "ipv4", port=4790)).get("changed")
    until("the guest answers by the new port", lambda: one.reaches("101", "10.200.0.2"), 60)
    assert one.run("cat /sys/class/net/tap101i0/ifindex") == tap


@pytest.mark.parametrize("family", ["ipv6", "ipv4"] if accepting() else ["ipv6"])
def test_flood_and_learn(pair: tuple[Vtep, Vtep], family: str) -> None:
    """Without EVPN. FRR before 10.6 knows no IPv6 VTEP; routes to the loopbacks are static here."""
    one, two = pair
    for here, there in ((one, two), (two, one)):
        # fmt: off
        here.shell(
            f"ip -6 addr add fe80::{here.number}/64 dev core0 nodad;"
            f"ip route add {there.local['ipv4']} via inet6 fe80::{there.number} dev core0;"
            f"ip route add {there.local['ipv6']} via fe80::{there.number} dev core0"
        )
        # fmt: on
    remotes = {vtep: [other.local[family]] for vtep, other in ((one, two), (two, one))}
    for vtep in pair:
        with_guests((vtep,), family, remote_vteps=remotes[vtep])  # type: ignore[arg-type]
    until("the guest of the other VTEP answers", lambda: one.reaches("101", "10.200.0.2"), 10)
    assert one.reaches("101", "10.200.0.2", 9000 - 28)
    found = f"{mac(two, '102')} dst {two.local[family]} self"
    assert found in one.run("bridge fdb show dev vxlan200")
    again = one.call(options(one, family, remote_vteps=remotes[one]))
    assert (again["changed"], again["commands"]) == (False, [])
    assert found in one.run("bridge fdb show dev vxlan200")

    more = {"ipv4": "10.255.0.3", "ipv6": "2001:db8:100::3"}[family]
    added = one.call(options(one, family, remote_vteps=[*remotes[one], more]))
    assert added["commands"][0] == f"bridge fdb append 00:00:00:00:00:00 dev vxlan200 dst {more} self permanent"
    assert one.call({"state": "gathered"})["gathered"]["remote_vteps"] == [*remotes[one], more]
    assert one.reaches("101", "10.200.0.2")
    # Back to EVPN: nothing is flooded any more but what FRR says.
    assert one.call(options(one, family)).get("changed")
    assert not one.call(options(one, family))["changed"]
    assert "00:00:00:00:00:00" not in one.run("bridge fdb show dev vxlan200")


def timed(action: Any) -> tuple[float, Any]:
    begun = time.monotonic()
    result = action()
    return time.monotonic() - begun, result


def plain(vtep: Vtep, commands: list[str]) -> float:
    """`ip -batch` alone, as a person would call it."""
    return timed(lambda: vtep.shell("ip -batch -", "".join(f"{command}\n" for command in commands)))[0]


def ip_commands(result: dict[str, Any]) -> list[str]:
    assert result.get("changed"), result.get("msg")
    return [command[3:] for command in result["commands"] if command.startswith("ip ")]


def known(vtep: Vtep) -> int:
    return sum(1 for vni in vtep.show("show evpn vni").values() if isinstance(vni, dict))


def test_many_segments(tmp_path: Path) -> None:
    """Created, run again, halved, removed. FRR's processes stay, and the times are set beside plain `ip -batch`."""
    vtep = Vtep("trixie", tmp_path / "v1", 1)
    other = Vtep("trixie", tmp_path / "v2", 2)
    try:
        wire(vtep, other)
        vtep.start_frr()
        pids = vtep.pids()
        assert {"watchfrr.pid", "zebra.pid", "bgpd.pid"} <= set(pids)
        until("watchfrr watches", lambda: "zebra state -> up" in vtep.watched())
        watched = vtep.watched()
        whole = options(vtep, "ipv4", segments=[{"vni": n, "bridge": f"br{n}"} for n in range(1, COUNT + 1)])
        half = {**whole, "segments": whole["segments"][: COUNT // 2]}
        create, result = timed(lambda: vtep.call(whole))
        create_commands = ip_commands(result)
        until("all VNIs in FRR", lambda: known(vtep) == COUNT, 60)
        again, result = timed(lambda: vtep.call(whole))
        assert (result["changed"], result["commands"]) == (False, [])
        halve, result = timed(lambda: vtep.call(half))
        ip_commands(result)
        until("half of the VNIs in FRR", lambda: known(vtep) == COUNT // 2, 60)
        remove, result = timed(lambda: vtep.call({**whole, "segments": []}))
        ip_commands(result)
        until("no VNI in FRR", lambda: known(vtep) == 0, 60)
        # Neither restarted nor found unresponsive.
        assert vtep.pids() == pids
        assert vtep.watched() == watched

        plain_create = plain(vtep, create_commands)
        until("all VNIs in FRR", lambda: known(vtep) == COUNT, 60)
        rest = [f"link del dev {kind}{n}" for n in range(1, COUNT // 2 + 1) for kind in ("vxlan", "br")]
        plain_halve = plain(vtep, rest)
        how = f"{COUNT} segments, FRR with advertise-all-vni, whole module call; ratio to `ip -batch` in the same run"
        for name, module, batch in (
            ("created", create, f"{create / plain_create:.1f} times {plain_create:.2f} s"),
            ("second run", again, f"{again / plain_create:.1f} times the creation by `ip -batch`"),
            ("halved", halve, f"{halve / plain_halve:.2f} times {plain_halve:.1f} s (one `link del` a line)"),
            ("the other half removed", remove, f"{remove / plain_halve:.2f} times the same"),
        ):
            record("evpn", f"{COUNT} VXLAN segments {name}", f"{module:.2f} s; {batch}", 1, how)
            print(f"{name}: {module:.2f} s; {batch}")
        assert halve < plain_halve
        assert vtep.pids() == pids
    finally:
        vtep.stop()
        other.stop()
