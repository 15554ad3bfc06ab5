# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes into the tunnel and what does not, seen from a machine at home and counted at the provider's router."""

from __future__ import annotations

import json

import pytest
from figures import record
from home import FABRIC_SOURCE, HOST, NEIGHBOUR, NEIGHBOUR_ADDRESS, NODE, PROVIDER_SOURCE, SITE, WORLD, Home
from standing import Fabric


def test_the_upstream_hears_exactly_the_planned_prefixes(fabric: Fabric) -> None:
    peer, here = "2001:678:3a4:1::100", "2001:678:3a4:1::50"
    show = f"vtysh -c 'show bgp ipv6 unicast neighbors {peer}"
    received = fabric.json("outside", f"{show} received-routes json'")["receivedRoutes"]
    assert sorted(received) == ["2001:678:3a4:100::/56", "2a14:9b80::/32"]
    # It offers more than the default route, and nothing else comes in.
    foreign = "2001:db8:f0e0::/48"
    assert foreign in fabric.json("outside", f"{show} advertised-routes json'")["advertisedRoutes"]
    offered = fabric.json(NODE, f"vtysh -c 'show bgp ipv6 unicast neighbors {here} received-routes json'")[
        "receivedRoutes"
    ]
    # (FRR sends back what it had from here, too.)
    assert sorted(set(offered) - set(received)) == [foreign, "::/0"]
    taken = fabric.json(NODE, "vtysh -c 'show bgp ipv6 unicast json'")["routes"]
    assert foreign not in taken
    assert [path["valid"] for path in taken["::/0"]] == [True]
    # Aggregates, and more specific than one of them what leads into the tunnel.
    routes = fabric.json(NODE, "ip -6 -j -d route show table main")
    found = {(route["dst"], route.get("type", "unicast"), route.get("dev")) for route in routes}
    assert {("2a14:9b80::/32", "blackhole", "lo"), ("2001:678:3a4:100::/56", "blackhole", "lo")} <= found
    assert ("2a14:9b80:101::/48", "unicast", "wg0") in found


def test_each_source_takes_its_way(home: Home, probes: int) -> None:
    home.until_it_answers()
    with home.counting():
        assert home.ping(FABRIC_SOURCE, WORLD, probes) == (probes, probes)
        seen = home.counted()
        assert seen["tunnelled"] >= probes
        assert (seen["leaked"], seen["direct"]) == (0, 0)
        assert home.ping(PROVIDER_SOURCE, WORLD, probes) == (probes, probes)
        after = home.counted()
        assert after["direct"] == probes
        assert after["leaked"] == 0
        assert after["tunnelled"] - seen["tunnelled"] < 5  # keepalives, a handshake
    record(
        "wireguard", "sources", f"{probes} and {probes} probes, 0 lost, 0 of the wrong way", 1, "LAN host, two sources"
    )


def test_between_its_own_networks_everything_stays(home: Home, probes: int) -> None:
    with home.counting():
        assert home.ping(FABRIC_SOURCE, NEIGHBOUR_ADDRESS, probes) == (probes, probes)
        assert home.ping(NEIGHBOUR_ADDRESS, FABRIC_SOURCE, probes, node=NEIGHBOUR) == (probes, probes)
        seen = home.counted()
        assert seen["leaked"] == seen["direct"] == 0
        assert seen["tunnelled"] < 5


DOWN = {
    "its process dies": ("kill -9 $(pgrep -f '^wireguard-go {tunnel}$')", "systemctl restart wg-quick@{tunnel}"),
    "the interface is switched off": ("ip link set dev {tunnel} down", "systemctl restart wg-quick@{tunnel}"),
    "the unit is stopped": ("systemctl stop wg-quick@{tunnel}", "systemctl start wg-quick@{tunnel}"),
}


@pytest.mark.parametrize("how", DOWN)
def test_nothing_leaks_while_the_tunnel_is_down(fabric: Fabric, home: Home, probes: int, how: str) -> None:
    down, up = (script.format(tunnel=home.tunnel) for script in DOWN[how])
    home.until_it_answers()
    with home.counting():
        fabric.ask(SITE, down)
        try:
            fabric.wait("the end of the tunnel", lambda: not home.answers(), 20)
            assert home.ping(FABRIC_SOURCE, WORLD, probes) == (probes, 0)
            # Also from the router itself; and the provider's addresses go on.
            assert not home.answers("2a14:9b80:101:1::1", node=SITE)
            assert home.ping(PROVIDER_SOURCE, WORLD, 10) == (10, 10)
            assert home.ping(FABRIC_SOURCE, NEIGHBOUR_ADDRESS, 10) == (10, 10)
            assert home.counted()["leaked"] == 0
        finally:
            fabric.ask(SITE, up)
    home.until_it_answers()
    record("wireguard", f"leak, {how}", f"0 of {probes} packets", 1, "counted at the provider's router, tunnel down")


def test_the_count_of_leaks_can_fail(fabric: Fabric, home: Home) -> None:
    """Without the rules, packets from the fabric's prefix do leave through the provider."""
    home.until_it_answers()
    with home.counting():
        fabric.ask(SITE, "ip -6 rule del pref 1100; ip -6 rule del pref 1101")
        try:
            assert home.ping(FABRIC_SOURCE, WORLD, 5)[0] == 5
            assert home.counted()["leaked"] == 5
        finally:
            done = fabric.play("wireguard", "--limit", f"localhost,{SITE}")
    assert done.changed() == {SITE: 1}, done.output[-3000:]
    home.until_it_answers()


SERVER = """
import socket
s = socket.create_server(("::", 7001), family=socket.AF_INET6)
print("ready", flush=True)
c, _ = s.accept()
print(c.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG), flush=True)
data = b""
while len(data) < 1000000:
    piece = c.recv(65536)
    if not piece:
        break
    data += piece
c.sendall(b"x" * 1000000)
c.close()
print(len(data), flush=True)
"""
CLIENT = """
import socket, sys
c = socket.create_connection((sys.argv[2], 7001), timeout=20, source_address=(sys.argv[1], 0))
c.sendall(b"x" * 1000000)
got = 0
while got < 1000000:
    piece = c.recv(65536)
    if not piece:
        break
    got += len(piece)
print(got)
"""


def test_segments_and_packets_fit(fabric: Fabric, home: Home) -> None:
    home.until_it_answers()
    fabric.ask("outside", f"cat >/run/server.py <<'END'\n{SERVER}END\npython3 /run/server.py >/run/server.log 2>&1 &")
    fabric.wait("the server", lambda: "ready" in fabric.shell("outside", "cat /run/server.log").stdout, 10)
    fabric.ask(HOST, f"cat >/run/client.py <<'END'\n{CLIENT}END")
    assert fabric.ask(HOST, f"python3 /run/client.py {FABRIC_SOURCE} {WORLD}").strip() == "1000000"
    fabric.wait("the server's end", lambda: len(fabric.ask("outside", "cat /run/server.log").split()) == 3, 10)
    _ready, segment, received = fabric.ask("outside", "cat /run/server.log").split()
    # 1420 without the headers of IPv6 and TCP, and without TCP's timestamps
    assert 1300 < int(segment) <= 1360
    assert received == "1000000"
    # A packet that is too big for the tunnel is told so, to its sender.
    told = fabric.shell(HOST, f"ip -6 route flush cache; ping -c 2 -W 1 -s 1440 -M do -I {FABRIC_SOURCE} {WORLD}")
    assert "1420" in told.stdout + told.stderr
    links = json.loads(fabric.ask(SITE, f"ip -j link show {home.tunnel}"))
    assert links[0]["mtu"] == 1420
