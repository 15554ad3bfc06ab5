# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server changes its leg while another datacenter talks to it. By hand, this once cost 33 seconds of pings."""

from __future__ import annotations

import pytest
from figures import accepting
from probe import Probe, probing, until
from servers import address, carriers, leg, note, put_on, settled
from standing import Fabric

HOW = "UDP echo each 10 ms from the other datacenter, longest time between two answers"
# The prober's own lateness, on a busy machine, is allowed on top.
ENDS = {
    "announced": ("DC02Server02", "DC01Server01"),  # each leg has its own MAC address
    "shared": ("DC01Server02", "DC02Server01"),  # both legs have the same
}
BOUND_MS = {"announced": 100.0, "shared": 250.0}


def within(probe: Probe, bound_ms: float) -> None:
    assert probe.gap_ms <= bound_ms + 2 * probe.late_ms, probe


WHICH = [(kind, family) for kind in ENDS for family in (4, 6)]


@pytest.mark.parametrize(("kind", "family"), WHICH if accepting() else [("announced", 4), ("shared", 6)])
def test_its_link_goes_down(fabric: Fabric, runs: int, kind: str, family: int) -> None:
    other, server = ENDS[kind]
    addresses = (address(fabric, other, family), address(fabric, server, family))
    probes = []
    for dummy in range(runs):
        put_on(fabric, server, "eth0")
        fabric.ask(other, f"ping -n -c 1 -W 5 {addresses[1]}")
        with probing(fabric, (other, server), addresses, settle_s=3) as probe:
            fabric.ask(server, "ip link set dev eth0 down")
            until(lambda: "eth0" not in carriers(fabric, server), "the link is down")
            until(lambda: leg(fabric, server) == "eth1", "the address moves")
        assert probe.result is not None
        probes.append(probe.result)
        fabric.ask(server, "ip link set dev eth0 up")
        until(lambda: "eth0" in carriers(fabric, server), "the link is back")
        settled(fabric, server, "eth1")
    note(f"switch-over, {kind}, IPv{family}", probes, f"server's old link set down; {HOW}")
    for result in probes:
        within(result, BOUND_MS[kind])


def test_moved_by_hand_with_both_links_up(fabric: Fabric, runs: int) -> None:
    """`fabric-legs switch`: the old leg has no address any more, but hears what is still sent to it."""
    server, other = "DC01Server01", "DC02Server02"
    addresses = (address(fabric, other), address(fabric, server))
    probes = []
    for dummy in range(runs):
        put_on(fabric, server, "eth0")
        with probing(fabric, (other, server), addresses, settle_s=3) as probe:
            fabric.ask(server, "fabric-legs switch eth1")
            until(lambda: leg(fabric, server) == "eth1", "the address moves")
        assert probe.result is not None
        probes.append(probe.result)
    put_on(fabric, server, "eth0")
    note("switch-over, by hand, IPv4", probes, f"fabric-legs switch; {HOW}")
    for result in probes:
        within(result, BOUND_MS["announced"])


if accepting():

    @pytest.mark.parametrize("family", [4, 6])
    def test_a_silent_server_stays_dark(fabric: Fabric, family: int) -> None:
        """What the hand-built network had: the address moves to another MAC address and nobody says so.

        The other side's own table decides: an entry that is confirmed by answers stays for 15 to 45 s, then comes 5 s
        of delay and 3 s of questions to the old MAC address.
        """
        server, other = "DC01Server01", "DC02Server02"
        addresses = (address(fabric, other, family), address(fabric, server, family))
        put_on(fabric, server, "eth0")
        fabric.ask(other, f"ping -n -c 3 {addresses[1]}")
        fabric.ask(server, "systemctl stop fabric-legs")
        own = next(text for text in fabric.nodes[server]["server"]["addresses"] if (":" in text) == (family == 6))
        new = f"{own} dev eth1{' nodad' if family == 6 else ''}"
        try:
            with probing(fabric, (other, server), addresses, settle_s=75) as probe:
                fabric.ask(
                    server,
                    f"ip addr del {own} dev eth0; ip link set dev eth0 down;"
                    f"echo 0 > /proc/sys/net/ipv6/conf/eth1/disable_ipv6; ip addr add {new}",
                )
        finally:
            fabric.ask(server, f"ip addr del {own} dev eth1; ip link set dev eth0 up; systemctl start fabric-legs")
        settled(fabric, server, leg(fabric, server) or "eth0")
        assert probe.result is not None
        note(f"switch-over, silent server, IPv{family}", [probe.result], f"no announcement; {HOW}")
        assert probe.result.gap_ms > 2000
