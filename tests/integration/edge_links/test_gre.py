# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two edge routers over a core router, in GRE and in ip6gre: the devices know nothing, and neither does the core."""

from __future__ import annotations

import json
from typing import Any

import pytest
from frrlab import until
from qemulab import Qemu

# core - two edges - a device at each, in network namespaces. Loopbacks are reached by static routes.
TOPOLOGY = """
set -e
modprobe ip_gre; modprobe ip6_gre
for n in core e1 e2 d1 d2; do ip netns add $n; ip -n $n link set dev lo up; done
cable() {
  ip link add "$2" netns "$1" type veth peer name "$4" netns "$3"
  ip -n $1 link set dev $2 up; ip -n $3 link set dev $4 up
}
cable e1 wan core c1; cable e2 wan core c2; cable d1 eth0 e1 port; cable d2 eth0 e2 port
for n in core e1 e2; do
  ip netns exec $n sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
done
for i in 1 2; do
  ip -n e$i addr add 10.255.0.$i/32 dev lo; ip -n e$i addr add 2001:db8:100::$i/128 dev lo
  ip -n e$i addr add 10.9.$i.2/30 dev wan; ip -n core addr add 10.9.$i.1/30 dev c$i
  ip -n e$i addr add fd00:$i::2/64 dev wan nodad; ip -n core addr add fd00:$i::1/64 dev c$i nodad
  ip -n e$i route add default via 10.9.$i.1; ip -n e$i -6 route add default via fd00:$i::1
  ip -n core route add 10.255.0.$i/32 via 10.9.$i.2; ip -n core -6 route add 2001:db8:100::$i/128 via fd00:$i::2
  ip -n d$i link set dev eth0 address 52:54:00:20:00:0$i
  ip -n d$i addr add 20.0.0.$i/24 dev eth0; ip -n d$i addr add 2001:db8:20::$i/64 dev eth0 nodad
done
"""


@pytest.fixture(scope="module")
def topology(qemu: Qemu) -> Qemu:
    qemu.shell(TOPOLOGY)
    return qemu


def configure(qemu: Qemu, kind: str) -> None:
    loopback = "10.255.0.{}" if kind == "gre" else "2001:db8:100::{}"
    for here, there in ((1, 2), (2, 1)):
        prefix = f"ip netns exec e{here}"
        options: dict[str, Any] = {
            "persist": False,
            "ports": [{"name": "port", "mac": "02:00:5e:00:02:01"}],
            "tunnels": [
                {
                    "name": f"ex-gre{there}",
                    "kind": kind,
                    "local": loopback.format(here),
                    "remote": loopback.format(there),
                    "mtu": 1440,
                    "address": f"fe80::{here}/64",
                }
            ],
            "sysctl": {"net.ipv4.neigh.port.proxy_delay": "0", "net.ipv6.neigh.port.proxy_delay": "0"},
        }
        told = qemu.call(options, check=True, prefix=prefix)
        assert told["changed"], told
        assert qemu.call(options, prefix=prefix)["changed"]
        for check in (True, False):
            again = qemu.call(options, check=check, prefix=prefix)
            assert not again.get("changed", True), again
        routes = {
            "persist": False,
            "routes": [
                {"address": f"20.0.0.{here}", "interface": "port", "lladdr": f"52:54:00:20:00:0{here}"},
                {"address": f"2001:db8:20::{here}", "interface": "port", "lladdr": f"52:54:00:20:00:0{here}"},
                {"address": f"20.0.0.{there}", "interface": f"ex-gre{there}"},
                {"address": f"2001:db8:20::{there}", "interface": f"ex-gre{there}"},
                {"address": "20.0.0.0/24", "type": "unreachable", "metric": 4000},
                {"address": "2001:db8:20::/64", "type": "unreachable", "metric": 4000},
            ],
            "proxy": {
                "entries": [{"address": f"2001:db8:20::{there}", "interface": "port"}],
                "interfaces": [{"interface": "port", "proxy_arp": True, "proxy_ndp": True}],
            },
        }
        done = qemu.call(routes, prefix=prefix, module="host_route")
        assert not done.get("failed"), done


@pytest.mark.parametrize("kind", ["gre", "ip6gre"])
def test_two_routers_and_a_core_that_knows_nothing(topology: Qemu, kind: str) -> None:
    qemu = topology
    configure(qemu, kind)
    shown = json.loads(qemu.shell("ip -n e1 -j -d link show dev ex-gre2").stdout)[0]
    assert shown["linkinfo"]["info_kind"] == kind
    qemu.shell(
        "rm -f /run/core.pcap; "
        "ip netns exec core tcpdump -U -n -i any -w /run/core.pcap >/run/tcpdump.log 2>&1 & echo $! >/run/pid"
    )
    qemu.shell("for i in $(seq 100); do grep -q 'listening on' /run/tcpdump.log && exit 0; sleep 0.1; done; exit 1")
    for target in ("20.0.0.2", "2001:db8:20::2"):
        qemu.shell(
            f"ip netns exec d1 ping -n -q -c 1 -W 5 {target}; ip netns exec d1 ping -n -q -c 40 -i 0.05 {target}"
        )
    qemu.shell("kill $(cat /run/pid); sleep 0.5")

    def count(what: str) -> int:
        return int(qemu.shell(f"tcpdump -n -r /run/core.pcap '{what}' 2>/dev/null | wc -l").stdout)

    assert count("ip proto 47" if kind == "gre" else "ip6 protochain 47") > 100
    assert count("net 20.0.0.0/24 or net 2001:db8:20::/64") == 0
    # A free address gets no answer, though there is a default route. The kernel asks for three seconds, ping for one.
    for free in ("20.0.0.77", "2001:db8:20::77"):
        qemu.shell(f"ip -n d1 neigh flush to {free}")
        assert qemu.shell(f"ip netns exec d1 ping -n -c 1 -W 1 {free}", check=False).returncode != 0
        until(
            f"the device gives up to ask for {free}",
            lambda a=free: "FAILED" in qemu.shell(f"ip -n d1 neigh show {a}").stdout,
            30,
        )
