# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""BGP over the tunnel: the session, what is exchanged, that the filter holds, and a reboot of either end."""

from __future__ import annotations

import time
from typing import Any

import pytest
from figures import record
from home import FABRIC_SOURCE, NODE, PROVIDER_SOURCE, SITE, WORLD, Home
from standing import Fabric

NEAR, FAR = "2a14:9b80:0:1::1", "2a14:9b80:0:1::2"
HOME = "2a14:9b80:101::/48"
STRANGER = "2001:db8:5555::/48"


def routes(fabric: Fabric, node: str) -> dict[str, Any]:
    found: dict[str, Any] = fabric.json(node, "vtysh -c 'show bgp ipv6 unicast json'")["routes"]
    return found


def from_peer(fabric: Fabric, node: str, peer: str) -> list[str]:
    """What was taken from a neighbour."""
    return sorted(
        prefix for prefix, paths in routes(fabric, node).items() if any(path.get("peerId") == peer for path in paths)
    )


def test_exactly_the_planned_prefixes_are_exchanged(fabric: Fabric, home: Home, probes: int) -> None:
    home.until_it_answers()
    assert from_peer(fabric, NODE, FAR) == [HOME]
    assert from_peer(fabric, SITE, NEAR) == ["2a14:9b80::/32"]
    assert fabric.ask(NODE, f"ip -6 route show {HOME}").split()[:4] == [HOME, "nhid", "via", FAR] or (
        home.hub in fabric.ask(NODE, f"ip -6 route show {HOME}")
    )
    with home.counting():
        assert home.ping(FABRIC_SOURCE, WORLD, probes) == (probes, probes)
        assert home.ping(PROVIDER_SOURCE, WORLD, probes) == (probes, probes)
        seen = home.counted()
        assert (seen["leaked"], seen["direct"]) == (0, probes)
    # What it learned there it would announce onward: it is tagged for that. The upstream hears its two aggregates.
    tagged = fabric.json(NODE, f"vtysh -c 'show bgp ipv6 unicast {HOME} json'")["paths"][0]["community"]["list"]
    assert tagged == ["64512:211"]
    show = "vtysh -c 'show bgp ipv6 unicast neighbors 2001:678:3a4:1::100 received-routes json'"
    assert sorted(fabric.json("outside", show)["receivedRoutes"]) == ["2001:678:3a4:100::/56", "2a14:9b80::/32"]


def test_the_filter_holds(fabric: Fabric) -> None:
    """The home announces what is not its own; with its own filter taken away, so that this one is what is tried."""
    session = "address-family ipv6 unicast"
    fabric.vtysh(
        SITE,
        "configure terminal",
        "router bgp 4200000900",
        "no bgp network import-check",
        session,
        f"network {STRANGER}",
        "network ::/0",
        f"no neighbor {NEAR} route-map fabric-tunnel-home-out-ipv6 out",
        "exit-address-family",
        "no bgp ebgp-requires-policy",
    )
    try:
        show = f"vtysh -c 'show bgp ipv6 unicast neighbors {FAR} received-routes json'"
        offered = fabric.wait(
            "the stranger's prefix on its way",
            lambda: STRANGER in (found := fabric.json(NODE, show)["receivedRoutes"]) and found,
            30,
        )
        assert {HOME, STRANGER, "::/0"} <= set(offered)
        assert from_peer(fabric, NODE, FAR) == [HOME]
        assert STRANGER not in routes(fabric, NODE)
    finally:
        fabric.vtysh(
            SITE,
            "configure terminal",
            "router bgp 4200000900",
            session,
            f"no network {STRANGER}",
            "no network ::/0",
            "exit-address-family",
        )
        done = fabric.play("wireguard", "--limit", f"localhost,{SITE}")
    assert done.status == 0, done.output[-3000:]
    assert fabric.play("site").changed() == {}


def test_the_prefix_goes_with_the_session(fabric: Fabric, home: Home) -> None:
    home.until_it_answers()
    fabric.ask(SITE, f"systemctl stop wg-quick@{home.tunnel}")
    try:
        fabric.wait("the end of the prefix", lambda: HOME not in routes(fabric, NODE), 60)
        assert "session_up" in fabric.red(NODE, wait_s=0)
    finally:
        fabric.ask(SITE, f"systemctl start wg-quick@{home.tunnel}")
    fabric.wait("the prefix again", lambda: HOME in routes(fabric, NODE), 90)
    home.until_it_answers()


@pytest.mark.parametrize("node", [NODE, SITE])
def test_reboot_with_bgp(fabric: Fabric, home: Home, node: str) -> None:
    home.until_it_answers()
    begun = time.monotonic()
    fabric.twin(state="rebooted", reboot=[node])
    home.until_it_answers(180)
    seconds = time.monotonic() - begun
    fabric.wait("the prefix", lambda: from_peer(fabric, NODE, FAR) == [HOME], 120)
    for name in (NODE, SITE):
        assert fabric.red(name, wait_s=90) == set()
    done = fabric.play("site")
    assert (done.status, done.changed()) == (0, {}), done.output[-3000:]
    record(
        "wireguard", f"reboot of {node}, BGP", f"{seconds:.0f} s until the LAN host had an answer", 1, "twin, reboot"
    )
