# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""underlay_interfaces against a real kernel and a real ifupdown2: four calls, agreement, reboot, and failures."""

from __future__ import annotations

import copy
from typing import Any

IFUPDOWN2 = "/etc/network/interfaces.d/routed-fabric"
OPTIONS: dict[str, Any] = {
    "loopback": {"addresses": ["10.255.0.11/32", "2001:db8::b/128"]},
    "interfaces": [
        {
            "name": "up0",
            "mtu": 9216,
            "addresses": [
                {"address": "10.0.1.128/32", "peer": "10.0.3.128/32"},
                {"address": "10.9.0.0/31"},
                {"address": "2001:db8:9::/127"},
            ],
        },
        {"name": "up1", "mtu": 9000},
    ],
    "names": {"protocols": {"fabric-host": 211}, "tables": {"fabric-hosts": 101}},
    "sysctl": {
        "net.ipv4.ip_forward": "1",
        "net.ipv6.conf.all.forwarding": "1",
        "net.ipv6.conf.up0.accept_ra": "0",
        "net.ipv6.conf.up1.accept_ra": "0",
        "net.ipv4.fib_multipath_hash_policy": "1",
        "net.ipv4.neigh.default.gc_thresh3": "8192",
    },
}
WANTED = {
    "lo": (65536, True, ["10.255.0.11/32", "2001:db8::b/128"]),
    "up0": (9216, True, ["10.0.1.128 peer 10.0.3.128/32", "10.9.0.0/31", "2001:db8:9::/127"]),
    "up1": (9000, True, []),
}
FILES = (
    "cat /etc/network/interfaces /etc/network/interfaces.d/* /etc/sysctl.d/* /etc/iproute2/*/fabric.conf 2>/dev/null "
    "|| true"
)
ALL_STATE = f"ip -br link; ip -br addr; {FILES}; stat -c '%n %Y' /etc/network/*"


def wanted_state(machine: Any) -> dict[str, Any]:
    return {name: state for name, state in machine.state().items() if name in WANTED}


def test_four_calls(machine: Any) -> None:
    before = machine.shell(ALL_STATE).stdout
    predicted = machine.call(OPTIONS, check=True)
    assert predicted["changed"], predicted
    assert machine.shell(ALL_STATE).stdout == before

    first = machine.call(OPTIONS)
    assert first["changed"], first
    assert first["commands"] == predicted["commands"]
    assert first["after"] == predicted["after"]
    assert first["diff"] == predicted["diff"]
    assert first["persisted"] == "ifupdown2"
    assert first["sysctl_pending"] == ["net.ipv4.neigh.default.gc_thresh3"]
    assert wanted_state(machine) == WANTED
    assert machine.read("/proc/sys/net/ipv4/ip_forward") == "1\n"
    machine.shell("ip route add blackhole 192.0.2.0/24 proto fabric-host table fabric-hosts")
    assert machine.shell("ip route show table all proto 211").stdout.split()[:4] == [
        "blackhole",
        "192.0.2.0/24",
        "table",
        "fabric-hosts",
    ]

    state = machine.shell(ALL_STATE).stdout
    for check in (True, False):
        again = machine.call(OPTIONS, check=check)
        assert not again["changed"], again
        assert again["commands"] == []
    assert machine.shell(ALL_STATE).stdout == state


def test_ifreload_agrees_and_moves_nothing(machine: Any) -> None:
    machine.call(OPTIONS)
    machine.shell("ip addr add 192.0.2.1/32 dev lo; ip addr add 192.0.2.2/32 dev up1")
    before = machine.state()
    machine.shell("mkdir -p /etc/iproute2/rt_tables.d")
    machine.shell("ip -o monitor address > /run/moved 2>&1 < /dev/null & echo $! > /run/monitor")
    for _ in range(2):
        done = machine.shell("ifreload -a", check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    machine.shell("kill $(cat /run/monitor)")
    assert "Deleted" not in machine.read("/run/moved")
    assert machine.state() == before
    assert not machine.call(OPTIONS)["changed"]


def test_the_same_after_a_reboot(machine: Any) -> None:
    machine.call(OPTIONS)
    machine.boot()
    assert machine.state()["up0"] == (1500, False, [])
    machine.shell("mkdir -p /etc/iproute2/rt_tables.d; ip link set dev lo up; ifup -a")
    assert wanted_state(machine) == WANTED
    assert machine.read("/proc/sys/net/ipv6/conf/up0/accept_ra") == "0\n"
    again = machine.call(OPTIONS)
    # Without its init nobody reads /etc/sysctl.d here; all else is as it was.
    assert all(command.startswith("sysctl ") for command in again["commands"]), again["commands"]


def test_what_was_ours_goes_and_what_was_not_stays(machine: Any) -> None:
    machine.call(OPTIONS)
    machine.shell(
        "ip addr add 192.0.2.1/32 dev lo; ip addr add 192.0.2.2/32 dev up0; ip addr add 10.255.0.99/32 dev lo"
    )
    options = copy.deepcopy(OPTIONS)
    options["loopback"]["addresses"] = ["10.255.0.12/32"]
    options["interfaces"] = [{"name": "up1", "mtu": 9000}]
    del options["sysctl"]["net.ipv6.conf.up0.accept_ra"]
    machine.call(options)
    state = machine.state()
    assert state["lo"][2] == ["10.255.0.12/32", "10.255.0.99/32", "192.0.2.1/32"]
    assert state["up0"] == (9216, True, ["192.0.2.2/32"])
    machine.call({**options, "loopback_scope": ["10.255.0.0/16"]})
    assert machine.state()["lo"][2] == ["10.255.0.12/32", "192.0.2.1/32"]


def test_drift_is_told_and_repaired(machine: Any) -> None:
    machine.call(OPTIONS)
    machine.shell(f"ip addr del 10.255.0.11/32 dev lo; ip link set dev up1 mtu 1400; echo broken >> {IFUPDOWN2}")
    told = machine.call(OPTIONS, check=True)["commands"]
    assert told == ["ip addr add 10.255.0.11/32 dev lo", "ip link set dev up1 mtu 9000", f"write {IFUPDOWN2}"]
    machine.call(OPTIONS)
    assert wanted_state(machine) == WANTED


def test_a_refusal_half_way_leaves_all_as_it_was(machine: Any) -> None:
    before, files = machine.state(), machine.shell(FILES).stdout
    options = copy.deepcopy(OPTIONS)
    options["sysctl"]["net.ipv4.conf.up0.rp_filter"] = "1"
    options["interfaces"][1]["addresses"] = [{"address": "ff02::5/128"}]
    result = machine.call(options)
    assert result["failed"]
    assert result["msg"].startswith("`ip addr add ff02::5/128 dev up1` was refused: ")
    assert result["msg"].endswith("; everything is as it was before")
    assert (machine.state(), machine.shell(FILES).stdout) == (before, files)
    assert machine.read("/proc/sys/net/ipv4/ip_forward") == "0\n"


def test_bad_input_touches_nothing(machine: Any) -> None:
    before = machine.shell(ALL_STATE).stdout
    options = copy.deepcopy(OPTIONS)
    options["interfaces"][0]["name"] = "up7"
    options["sysctl"]["net.ipv4.nothing"] = "1"
    assert machine.call(options)["msg"] == (
        "interfaces[0].name: there is no interface 'up7' on this node; it has: far0, far1, lo, up0, up1; "
        "sysctl.net.ipv4.nothing: this kernel has no such parameter"
    )
    machine.shell("ip link add br0 type bridge; ip link set dev up1 master br0")
    assert machine.call(OPTIONS)["msg"] == (
        "interfaces[1].name: 'up1' is a port of the bridge 'br0', so it cannot be routed; "
        "take it out of the bridge or name the bridge"
    )
    machine.shell("ip link del br0")
    assert machine.shell(ALL_STATE).stdout == before


def test_without_persistence_no_file(machine: Any) -> None:
    before = machine.shell(FILES, check=False).stdout
    machine.call({**OPTIONS, "persist": False})
    assert wanted_state(machine) == WANTED
    assert machine.shell(FILES, check=False).stdout == before
