# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""host_route against a real kernel: four calls, what others own, refusals half-way, 10 000 routes, the next boot."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import pytest
from figures import record

MAC = "52:54:00:00:00:0"
OPTIONS: dict[str, Any] = {
    "allowed_prefixes": ["203.0.113.0/24", "198.51.100.0/28", "2001:db8:100::/56"],
    "routes": [
        {"address": "198.51.100.0/28", "interface": "br0", "via": "203.0.113.9"},
        {"address": "203.0.113.0/24", "type": "unreachable"},
        {"address": "203.0.113.9", "interface": "br0", "lladdr": f"{MAC}9".upper()},
        {"address": "203.0.113.10", "interface": "up0", "via": "fe80::3", "onlink": True, "lladdr": f"{MAC}3"},
        {"address": "203.0.113.11", "interface": "up0", "metric": 10, "source": "203.0.113.254"},
        {"address": "203.0.113.12", "interface": "up0", "via": "fe80::3", "source": "203.0.113.254", "metric": 0},
        {"address": "203.0.113.13", "via": "192.0.2.2"},
        {"address": "203.0.113.64/27", "type": "blackhole"},
        {"address": "2001:DB8:100::9", "interface": "br0", "lladdr": f"{MAC}9"},
        {"address": "2001:db8:100::a", "interface": "up0", "via": "fe80::3"},
        {"address": "2001:db8:100:10::/64", "interface": "br0", "via": "2001:db8:100::9", "metric": 0},
        {"address": "2001:db8:100::/64", "type": "unreachable"},
    ],
    "proxy": {
        "entries": [
            {"address": "2001:db8:100::a", "interface": "br0"},
            {"address": "203.0.113.10", "interface": "br0"},
        ],
        "interfaces": [{"interface": "br0", "proxy_arp": True, "proxy_arp_pvlan": True, "proxy_ndp": True}],
    },
}
SETTING = (
    "ip link add br0 type bridge; ip link set dev br0 up; ip link set dev up0 up; ip link set dev up1 up;"
    "ip addr add 192.0.2.1/24 dev up0; ip addr add 203.0.113.254/32 dev lo;"
    # Neither the agent's nor a person's entries may ever move.
    "ip route add 203.0.113.77/32 dev br0 proto 212 table 100 metric 11; ip route add 203.0.113.78/32 dev br0;"
    "ip route add 203.0.113.79/32 dev br0 proto 212 table 101 metric 11;"
    "ip route add 203.0.113.80/32 dev br0 proto 211 table 100 metric 11;"
    "ip -6 route add 2001:db8:100::77/128 dev br0 proto 212 table 101 metric 11;"
    f"ip neigh add 203.0.113.77 lladdr {MAC}7 dev br0 nud permanent protocol 212;"
    f"ip neigh add 203.0.113.78 lladdr {MAC}8 dev br0 nud permanent;"
    "ip neigh add proxy 2001:db8:100::77 dev br0 protocol 212; ip neigh add proxy 203.0.113.78 dev br0;"
    "ip rule add pref 1000 lookup 100 protocol 212; ip -6 rule add pref 1000 lookup 100"
)
KERNEL = (
    "ip -N -4 route show table all; ip -N -6 route show table all; ip -N -4 rule; ip -N -6 rule;"
    "ip -N neigh show proxy; ip -N neigh show nud permanent; sysctl -a 2>/dev/null | grep -E 'proxy_(arp|ndp)'"
)
CONTENTS = (
    "cat /etc/routed-fabric/* /etc/systemd/system/fabric* /etc/sysctl.d/91* /etc/network/if-up.d/fabric* 2>/dev/null;"
    "ls /etc/systemd/system/multi-user.target.wants"
)
FILES = (
    f"{CONTENTS};"
    "ls -l /etc/network/if-up.d /etc/systemd/system/multi-user.target.wants /etc/routed-fabric 2>/dev/null || true"
)
BATCH = "/etc/routed-fabric/host-routes.batch"
UNIT = "/etc/systemd/system/fabric-host-routes.service"


def kernel(machine: Any) -> list[str]:
    lines = machine.shell(KERNEL, check=False).stdout.splitlines()
    # Link-local addresses of the links arrive in table local whenever duplicate detection is done.
    return sorted(" ".join(line.replace(" linkdown", "").split()) for line in lines if "table 255" not in line)


def ours(lines: list[str]) -> list[str]:
    return [line for line in lines if "proto 211" in line]


@pytest.fixture
def router(machine: Any) -> Any:
    machine.shell(SETTING)
    return machine


def test_four_calls(router: Any) -> None:
    before, files = kernel(router), router.shell(FILES).stdout
    predicted = router.call(OPTIONS, check=True)
    assert predicted["changed"], predicted
    assert (kernel(router), router.shell(FILES).stdout) == (before, files)

    first = router.call(OPTIONS)
    assert first["changed"], first
    assert first["commands"] == predicted["commands"]
    # Only the kernel knows which interface leads to 192.0.2.2.
    assert "203.0.113.13 via 192.0.2.2 dev up0 table 101 metric 11" in first["after"]["routes"]
    predicted["after"]["routes"] = [
        line.replace("via 192.0.2.2 table", "via 192.0.2.2 dev up0 table") for line in predicted["after"]["routes"]
    ]
    assert first["after"] == predicted["after"]
    there = kernel(router)
    assert [line for line in before if line not in there] == [
        "net.ipv4.conf.br0.proxy_arp = 0",
        "net.ipv4.conf.br0.proxy_arp_pvlan = 0",
        "net.ipv6.conf.br0.proxy_ndp = 0",
    ]
    # Each of the options, as the kernel tells it.
    assert [line.replace(" pref medium", "") for line in there if line not in before] == [
        "1001: from all lookup 101 proto 211",
        "1001: from all lookup 101 proto 211",
        "198.51.100.0/28 via 203.0.113.9 dev br0 table 101 proto 211 metric 11",
        "2001:db8:100:10::/64 via 2001:db8:100::9 dev br0 table 101 proto 211 metric 1024",
        "2001:db8:100::9 dev br0 lladdr 52:54:00:00:00:09 PERMANENT proto 211",
        "2001:db8:100::9 dev br0 table 101 proto 211 metric 11",
        "2001:db8:100::a dev br0 proxy proto 211",
        "2001:db8:100::a via fe80::3 dev up0 table 101 proto 211 metric 11",
        "203.0.113.10 dev br0 proxy proto 211",
        "203.0.113.10 via inet6 fe80::3 dev up0 table 101 proto 211 metric 11 onlink",
        "203.0.113.11 dev up0 table 101 proto 211 scope 253 src 203.0.113.254 metric 10",
        "203.0.113.12 via inet6 fe80::3 dev up0 table 101 proto 211 src 203.0.113.254",
        "203.0.113.13 via 192.0.2.2 dev up0 table 101 proto 211 metric 11",
        "203.0.113.9 dev br0 lladdr 52:54:00:00:00:09 PERMANENT proto 211",
        "203.0.113.9 dev br0 table 101 proto 211 scope 253 metric 11",
        "6 203.0.113.64/27 table 101 proto 211 metric 11",
        "7 2001:db8:100::/64 dev lo table 101 proto 211 metric 11",
        "7 203.0.113.0/24 table 101 proto 211 metric 11",
        "fe80::3 dev up0 lladdr 52:54:00:00:00:03 PERMANENT proto 211",
        "net.ipv4.conf.br0.proxy_arp = 1",
        "net.ipv4.conf.br0.proxy_arp_pvlan = 1",
        "net.ipv6.conf.br0.proxy_ndp = 1",
    ]

    files = router.shell(f"{FILES}; stat -c '%n %Y' /etc/routed-fabric/*").stdout
    for check in (True, False):
        again = router.call(OPTIONS, check=check)
        assert not again["changed"], again
        assert (again["commands"], again["before"]) == ([], again["after"])
    assert (kernel(router), router.shell(f"{FILES}; stat -c '%n %Y' /etc/routed-fabric/*").stdout) == (there, files)


def test_a_change_touches_only_what_differs(router: Any) -> None:
    router.call(OPTIONS)
    options = copy.deepcopy(OPTIONS)
    routes = options["routes"]
    routes[0]["metric"] = 10
    routes[2]["lladdr"] = f"{MAC}a"
    routes[4].update(interface="up1")
    routes[9] = {"address": "2001:db8:100::a", "interface": "up1"}
    del routes[7]
    options["proxy"]["entries"].pop()
    options["proxy"]["interfaces"] = [{"interface": "br0", "proxy_ndp": True}]
    result = router.call(options)
    assert [line for line in result["commands"] if not line.startswith("write ")] == [
        f"ip neigh replace 203.0.113.9 lladdr {MAC}a dev br0 nud permanent protocol 211",
        "ip route replace 203.0.113.11/32 src 203.0.113.254 dev up1 proto 211 table 101 metric 10",
        "ip route replace 2001:db8:100::a/128 dev up1 proto 211 table 101 metric 11",
        "ip route add 198.51.100.0/28 via 203.0.113.9 dev br0 proto 211 table 101 metric 10",
        "ip neigh del proxy 203.0.113.10 dev br0",
        "ip route del 198.51.100.0/28 proto 211 table 101 metric 11",
        "ip route del 203.0.113.64/27 proto 211 table 101 metric 11",
        "sysctl net.ipv4.conf.br0.proxy_arp=0",
        "sysctl net.ipv4.conf.br0.proxy_arp_pvlan=0",
    ]
    assert not router.call(options)["changed"]
    assert "203.0.113.64" not in router.read(BATCH)


def test_drift_is_told_and_repaired(router: Any) -> None:
    router.call(OPTIONS)
    there, contents = kernel(router), router.shell(CONTENTS).stdout
    router.shell(
        "ip route del 203.0.113.9 table 101; ip neigh del 2001:db8:100::9 dev br0; ip -6 rule del pref 1001;"
        "ip route add 203.0.113.66 dev br0 proto 211 table 101; sysctl -q net.ipv4.conf.br0.proxy_arp=0;"
        f"echo >> {BATCH}; rm /etc/systemd/system/multi-user.target.wants/fabric-host-routes.service"
    )
    told = router.call(OPTIONS, check=True)["commands"]
    assert told == [
        "ip -6 rule add pref 1001 lookup 101 protocol 211",
        f"ip neigh replace 2001:db8:100::9 lladdr {MAC}9 dev br0 nud permanent protocol 211",
        "ip route add 203.0.113.9/32 dev br0 proto 211 table 101 metric 11",
        "ip route del 203.0.113.66/32 proto 211 table 101 metric 0",
        "sysctl net.ipv4.conf.br0.proxy_arp=1",
        f"write {BATCH}",
        "systemctl enable fabric-host-routes.service",
    ]
    assert router.call(OPTIONS)["commands"] == told
    assert kernel(router) == there
    assert router.shell(CONTENTS).stdout == contents


def test_absent_leaves_what_was_there_before(router: Any) -> None:
    before, files = kernel(router), router.shell(FILES).stdout
    router.call(OPTIONS)
    partly = {"state": "absent", "purge": False, "routes": OPTIONS["routes"][1:3]}
    commands = router.call(partly)["commands"]
    assert commands == [
        "ip route del 203.0.113.0/24 proto 211 table 101 metric 11",
        "ip route del 203.0.113.9/32 proto 211 table 101 metric 11",
        "ip neigh del 203.0.113.9 dev br0",
        f"write {BATCH}",
    ]
    for check in (True, False):
        assert router.call({"state": "absent"}, check=check)["changed"]
    assert kernel(router) == before
    assert router.shell("ls /etc/routed-fabric").stdout == ""
    assert router.shell(FILES).stdout.replace("total 0\n", "").splitlines()[:1] == files.splitlines()[:1]
    assert router.shell(f"ls {UNIT}* /etc/sysctl.d/91*", check=False).stdout == ""
    for check in (True, False):
        assert not router.call({"state": "absent"}, check=check)["changed"]


def test_without_purge_the_rest_of_ours_stays(router: Any) -> None:
    router.call(OPTIONS)
    there = kernel(router)
    extra = {"routes": [{"address": "203.0.113.20", "interface": "br0"}], "purge": False}
    router.call(extra)
    assert [line for line in kernel(router) if line not in there] == [
        "203.0.113.20 dev br0 table 101 proto 211 scope 253 metric 11"
    ]
    assert set(there) <= set(kernel(router))
    batch = router.read(BATCH)
    assert "203.0.113.20/32" in batch and "203.0.113.9/32" in batch
    assert not router.call(extra)["changed"]


def test_what_was_gathered_gives_the_same(router: Any) -> None:
    router.call(OPTIONS)
    there = kernel(router)
    gathered = router.call({"state": "gathered"})
    assert not gathered["changed"]
    again = router.call({**gathered["gathered"], "allowed_prefixes": OPTIONS["allowed_prefixes"]})
    # What was gathered names the interface that the kernel chose for the route without one.
    assert again["commands"] == [f"write {BATCH}"]
    assert kernel(router) == there


def test_another_table(router: Any) -> None:
    router.call(OPTIONS)
    result = router.call({**OPTIONS, "table": 254})
    assert "failed" not in result, result
    lines = ours(kernel(router))
    assert not [line for line in lines if "table 101" in line or "lookup" in line]
    assert "203.0.113.9 dev br0 proto 211 scope 253 metric 11" in lines
    assert not router.call({**OPTIONS, "table": 254})["changed"]


@pytest.mark.parametrize(
    ("route", "words"),
    [
        (
            {"address": "203.0.113.99", "interface": "up1", "via": "192.0.9.9"},
            (
                "`ip route add 203.0.113.99/32 via 192.0.9.9 dev up1 proto 211 table 101 metric 11` was refused: "
                "Error: Nexthop has invalid gateway.; everything is as it was before"
            ),
        ),
        (
            {"address": "203.0.113.79", "interface": "br0"},
            (
                "`ip route add 203.0.113.79/32 dev br0 proto 211 table 101 metric 11` was refused: RTNETLINK answers: "
                "File exists (a route of another protocol has this prefix and metric); everything is as it was before"
            ),
        ),
        (
            {"address": "2001:db8:100::77", "interface": "br0"},
            (
                "`ip route add 2001:db8:100::77/128 dev br0 proto 211 table 101 metric 11` was refused: "
                "RTNETLINK answers: File exists (a route of another protocol has this prefix and metric); "
                "everything is as it was before"
            ),
        ),
    ],
)
@pytest.mark.parametrize("fresh", [True, False])
def test_a_refusal_half_way_leaves_all_as_it_was(router: Any, route: dict[str, Any], words: str, fresh: bool) -> None:
    if not fresh:
        router.call(OPTIONS)
    router.shell(
        f"ip neigh replace 203.0.113.9 lladdr {MAC}c dev br0 nud permanent; ip neigh add proxy 203.0.113.10 dev br0"
    )
    before, files = kernel(router), router.shell(FILES).stdout
    options = copy.deepcopy(OPTIONS)
    options["routes"] = [*options["routes"][1:], route]
    options["routes"][1]["lladdr"] = f"{MAC}e"
    options["routes"][8]["interface"] = "up1"
    result = router.call(options)
    assert result["failed"]
    assert result["msg"] == words
    assert (kernel(router), router.shell(FILES).stdout) == (before, files)


def test_a_file_that_cannot_be_written_undoes_the_routes(router: Any) -> None:
    router.shell("echo in the way > /etc/routed-fabric")
    before, files = kernel(router), router.shell(FILES).stdout
    result = router.call(OPTIONS)
    assert result["msg"] == f"cannot write {BATCH}: File exists; everything is as it was before"
    assert (kernel(router), router.shell(FILES).stdout) == (before, files)
    router.shell("rm /etc/routed-fabric; mv /usr/bin/systemctl /usr/bin/other")
    assert router.call(OPTIONS)["msg"] == (
        "persist: there is no systemd on this node; set `persist: false` and restore the routes yourself"
    )
    router.shell(
        "printf '#!/bin/sh\\necho no symlink today >&2; exit 1\\n' > /usr/bin/systemctl; chmod +x /usr/bin/systemctl"
    )
    assert router.call(OPTIONS)["msg"].startswith(
        "`systemctl enable fabric-host-routes.service` failed: no symlink today; everything is as it was before"
    )
    assert kernel(router) == before
    assert router.shell("ls /etc/routed-fabric").stdout == ""


def test_bad_input_touches_nothing(router: Any) -> None:
    before, files = kernel(router), router.shell(FILES).stdout
    options = copy.deepcopy(OPTIONS)
    options["routes"][2]["interface"] = "br7"
    options["proxy"]["interfaces"][0]["interface"] = "br8"
    router.shell("ip link set dev far1 down")
    options["routes"][4]["interface"] = "far1"
    there = "on this node; it has: br0, far0, far1, lo, up0, up1"
    words = [
        f"routes[2].interface: there is no interface 'br7' {there}",
        "routes[4].interface: 'far1' is down, so the kernel puts no route on it; bring it up first",
        f"proxy.interfaces[0].interface: there is no interface 'br8' {there}",
    ]
    assert router.call(options)["msg"] == "; ".join(words)
    told = router.call(options, check=True)
    assert told["pending"][:3] == words
    assert len(told["warnings"]) == len(words)
    options = copy.deepcopy(OPTIONS)
    options["routes"].append({"address": "203.0.113.77", "interface": "br0", "lladdr": f"{MAC}1"})
    options["proxy"]["entries"].append({"address": "2001:db8:100::77", "interface": "br0"})
    assert router.call(options)["msg"] == (
        "routes[12].lladdr: 203.0.113.77 on 'br0' has a permanent neighbour entry of protocol 212 (52:54:00:00:00:07), "
        "which is not ours to change; "
        "proxy.entries[2].address: 2001:db8:100::77 on 'br0' has a proxy entry of protocol 212, "
        "which is not ours to change"
    )
    router.call(OPTIONS)
    assert router.call({**OPTIONS, "protocol": 214})["msg"] == (
        f"protocol: {BATCH} holds the routes of protocol 211, not 214; use `persist: false` for a second set of routes"
    )
    router.call({"state": "absent"})
    assert [line for line in kernel(router) if line not in before] == []
    assert "host-routes.batch" not in router.shell(FILES).stdout
    assert "host-routes.batch" not in files


def test_two_sets_of_routes_beside_each_other(router: Any) -> None:
    router.call(OPTIONS)
    there = kernel(router)
    second = {
        "protocol": 214,
        "table": 120,
        "rule_priority": 1200,
        "persist": False,
        "routes": [{"address": "203.0.113.9", "interface": "up0"}],
    }
    router.call(second)
    assert set(there) <= set(kernel(router))
    assert not router.call(OPTIONS)["changed"]
    router.call({**second, "state": "absent"})
    assert kernel(router) == there


def test_the_files_give_the_same_after_a_reboot(router: Any) -> None:
    router.call(OPTIONS)
    there = kernel(router)
    router.boot()
    router.shell(SETTING)
    # One route of the setting carries our protocol in another table.
    assert ours(kernel(router)) == ["203.0.113.80 dev br0 table 100 proto 211 scope 253 metric 11"]
    verified = router.shell(f"systemd-analyze verify {UNIT}", check=False)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    unit = router.read(UNIT).splitlines()
    commands = [line.split("=", 1)[1] for line in unit if line.startswith("ExecStart=")]
    assert len(commands) == 4
    for _ in range(2):  # a second time does no harm
        for command in commands:
            done = router.shell(command.removeprefix("-"), check=False)
            assert done.returncode == 0 or command.startswith("-"), (command, done.stdout + done.stderr)
        assert kernel(router) == there
    assert not router.call(OPTIONS)["changed"]


def test_the_hook_knows_its_interfaces(router: Any) -> None:
    """A bridge that goes down and up loses everything; what the hook starts puts it back."""
    router.call(OPTIONS)
    there = kernel(router)
    router.shell(
        "mkdir -p /run/bin; printf '#!/bin/sh\\necho \"$@\" >> /run/asked\\n' > /run/bin/systemctl; chmod +x /run/bin/*"
    )
    hook = "PATH=/run/bin:$PATH /etc/network/if-up.d/fabric-host-routes"
    router.shell(f"IFACE=up1 {hook}; IFACE=br {hook}; IFACE= {hook}; test ! -e /run/asked")
    router.shell("ip link set dev br0 down; ip link set dev br0 up")
    lost = [line for line in ours(there) if line not in kernel(router)]
    assert len(lost) > 5, lost
    router.shell(f"IFACE=br0 {hook}")
    assert router.read("/run/asked") == (
        "reset-failed fabric-host-routes.service\n--no-block restart fabric-host-routes.service\n"
    )
    router.shell(f"ip -force -batch {BATCH}")
    assert [line for line in lost if line not in kernel(router)] == [
        "203.0.113.80 dev br0 table 100 proto 211 scope 253 metric 11"
    ]


def test_without_persistence_no_file(router: Any) -> None:
    before = router.shell(FILES).stdout
    assert router.call({**OPTIONS, "persist": False})["changed"]
    assert router.shell(FILES).stdout == before
    assert not router.call({**OPTIONS, "persist": False})["changed"]


def test_ten_thousand_routes(router: Any) -> None:
    routes: list[dict[str, Any]] = [
        {
            "address": f"10.{index >> 8}.{index & 255}.1",
            "interface": "br0",
            "lladdr": f"02:00:00:00:{index >> 8:02x}:{index & 255:02x}",
        }
        for index in range(5000)
    ]
    routes += [{"address": f"2001:db8:{index:x}::1", "interface": "up0", "via": "fe80::3"} for index in range(5000)]
    options = {"routes": routes, "allowed_prefixes": ["10.0.0.0/8", "2001:db8::/32"]}
    seconds = {}

    def timed(name: str, **change: Any) -> dict[str, Any]:
        begun = time.monotonic()
        result = router.call({**options, **change})
        seconds[name] = time.monotonic() - begun
        return result

    assert len(timed("add")["after"]["routes"]) == 10000
    assert not timed("again")["changed"]
    count = json.loads(router.shell("ip -j -N -4 route show table 101 proto 211").stdout)
    assert len(count) == 5000
    routes.append({"address": "10.250.0.1", "interface": "up0", "via": "192.0.9.9"})
    for route in routes[:5000]:
        route["metric"] = 12
    refused = timed("refused")
    assert refused["msg"].endswith("was refused: Error: Nexthop has invalid gateway.; everything is as it was before")
    assert len(timed("purge", routes=[])["before"]["routes"]) == 10000
    left = router.shell("ip -N -4 route show table all proto 211; ip -N -6 route show table all proto 211")
    assert [line for line in left.stdout.splitlines() if "table 101" in line] == []
    print({name: round(value, 2) for name, value in seconds.items()})
    for name, value in seconds.items():
        record("hosts", f"host_route 10 000 routes {name} {router.release}", f"{value:.1f} s", 1, "one call, whole")


def test_one_subnet_on_two_ports(machine: Any) -> None:
    """What proxy ARP and NDP are for: two devices believe to be on one link; addresses that nobody has stay silent."""
    machine.shell(
        "ip netns add d1; ip netns add d2; ip link set dev up0 up; ip link set dev up1 up;"
        "ip link set dev far0 netns d1; ip link set dev far1 netns d2;"
        "ip -n d1 addr add 20.0.0.1/24 dev far0; ip -n d2 addr add 20.0.0.2/24 dev far1;"
        "ip -n d1 addr add 2001:db8:20::1/64 dev far0 nodad; ip -n d2 addr add 2001:db8:20::2/64 dev far1 nodad;"
        "ip -n d1 link set dev far0 up; ip -n d2 link set dev far1 up;"
        "sysctl -q net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1;"
        # With a default route, proxy ARP would answer for everything.
        "ip route add default via 192.0.2.1 dev up1 onlink"
    )
    macs = {
        name: json.loads(machine.shell(f"ip -j -n {name} link show dev {device}").stdout)[0]["address"]
        for name, device in (("d1", "far0"), ("d2", "far1"))
    }
    switches = {"proxy_arp": True, "proxy_ndp": True}
    options = {
        "routes": [
            {"address": "20.0.0.1", "interface": "up0", "lladdr": macs["d1"]},
            {"address": "20.0.0.2", "interface": "up1", "lladdr": macs["d2"]},
            {"address": "2001:db8:20::1", "interface": "up0", "lladdr": macs["d1"]},
            {"address": "2001:db8:20::2", "interface": "up1", "lladdr": macs["d2"]},
        ],
        "proxy": {
            "entries": [
                {"address": "2001:db8:20::2", "interface": "up0"},
                {"address": "2001:db8:20::1", "interface": "up1"},
            ],
            "interfaces": [{"interface": "up0", **switches}, {"interface": "up1", **switches}],
        },
    }

    def heard(address: str) -> bool:
        """Whether d1 got a link-layer address for it."""
        machine.shell(f"ip -n d1 neigh flush dev far0; ip netns exec d1 ping -c 1 -W 2 {address}", check=False)
        entries = json.loads(machine.shell(f"ip -j -n d1 neigh show to {address} dev far0").stdout or "[]")
        return any("lladdr" in entry for entry in entries)

    assert "failed" not in machine.call(options)
    for address in ("20.0.0.2", "2001:db8:20::2"):
        done = machine.shell(f"ip netns exec d1 ping -c 2 -i 0.2 -w 8 {address}", check=False)
        assert done.returncode == 0, done.stdout
    assert heard("20.0.0.99")
    options["routes"] += [{"address": "20.0.0.0/24", "type": "unreachable"}]
    options["routes"] += [{"address": "2001:db8:20::/64", "type": "unreachable"}]
    machine.call(options)
    assert not heard("20.0.0.99")
    assert not heard("2001:db8:20::99")
    assert heard("20.0.0.2") and heard("2001:db8:20::2")
    machine.call({"state": "absent"})
    assert not heard("20.0.0.2") and not heard("2001:db8:20::2")
