# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guests' bridge under `ifreload -a` and under Proxmox' own editor, with a probe running."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

from figures import record
from guestlab import Guests, Probe
from standing import CHECKOUT

sys.path.insert(0, str(CHECKOUT / "tests"))
import pve_interfaces

NODE, WEB01 = "pve1", 130
MAIN = "/etc/network/interfaces"
READDED_MS = 100


def state(guests: Guests) -> dict[str, str]:
    """What must be as before: rules, isolation, forwarding entries, addresses, routes."""
    bridge = "bridge -d link show | grep -A2 'master vmbr1'"
    routes = "ip route show table 100; ip -6 route show table 100; ip neigh show dev vmbr1 nud permanent"
    found = {
        "nft": "nft -s list table bridge fabric_guests; nft -s list table inet fabric_guests",
        "ports": f"{bridge} | grep -oE 'tap[0-9i]+|veth[0-9i]+|isolated o[nf]+'",
        "fdb": "bridge fdb show br vmbr1 | grep 'master vmbr1 permanent'",
        "addresses": "ip -br addr show dev vmbr1",
        "routes": routes,
    }
    return {what: "\n".join(sorted(guests.ask(NODE, command).splitlines())) for what, command in found.items()}


def as_before(guests: Guests, before: dict[str, str], deadline_s: float = 0) -> None:
    end = time.monotonic() + deadline_s
    while (now := state(guests)) != before:
        lines = {
            f"{sign} {line}"
            for what in now
            for sign, here, there in (("-", before, now), ("+", now, before))
            for line in set(here[what].splitlines()) - set(there[what].splitlines())
        }
        print(f"differs: {sorted(lines)}")
        assert time.monotonic() < end, sorted(lines)


def probed(guests: Guests, what: str, command: str) -> float:
    """Run a command on the node under a 10 ms probe; the longest gap."""
    probe = Probe(guests, guests.addresses(WEB01))
    guests.settle(1)
    guests.ask(NODE, command)
    guests.settle(2)
    seen = probe.end()
    figure = f"gap {seen.gap_ms:.0f} ms, {seen.lost} probes lost"
    print(f"\n{what}: {figure}")
    record("guests", what, figure, 1, f"4 flows, interval {seen.interval['mean']:.1f} ms on average")
    return seen.gap_ms


def steady(guests: Guests) -> None:
    states = lambda: [g["state"] for g in guests.status(NODE)["guests"]]  # noqa: E731
    guests.wait("all guests steady", lambda: set(states()) == {"steady"}, 60)


def test_ifreload_moves_nothing(guests: Guests) -> None:
    steady(guests)
    before = state(guests)
    probed(guests, "ifreload -a", "ifreload -a")
    as_before(guests, before)


def test_as_proxmox_rewrites_it(guests: Guests) -> None:
    """Every edit in the GUI writes the whole file anew; `Apply` is ifreload."""
    steady(guests)
    before, text = state(guests), guests.ask(NODE, f"cat {MAIN}")
    cards = [interface["name"] for interface in guests.nodes[NODE]["underlay"]["interfaces"]]
    rewritten = pve_interfaces.rewrite(text, cards)
    Path(CHECKOUT / "build" / "interfaces").write_text(rewritten, encoding="utf-8")
    try:
        probed(
            guests,
            "Proxmox' editor and Apply",
            f"cat >{MAIN}.new <<'END'\n{rewritten}END\nmv {MAIN}.new {MAIN}; ifreload -a",
        )
        as_before(guests, before)
        again = guests.play("site", "--limit", f"{NODE},localhost", "--tags", "routed_guests", "--check", "--diff")
        assert again.status == 0 and not again.changed(), again.output[-4000:]
    finally:
        guests.ask(NODE, f"cat >{MAIN} <<'END'\n{text}END\n")


def test_down_and_up(guests: Guests) -> None:
    """A bridge that goes down loses every route and neighbour on it; the agent puts them back at once."""
    steady(guests)
    before = state(guests)
    begun = time.time()
    gap = probed(guests, "vmbr1 down and up", "ip link set vmbr1 down; ip link set vmbr1 up")
    as_before(guests, before, 5)
    assert guests.journal(NODE, begun), "the journal says nothing about it"
    assert gap < 2000


def test_back_within_100_ms_of_link_up(guests: Guests) -> None:
    """By the kernel's own events: from the bridge up to the guest's last route."""
    steady(guests)
    script = """
ip -ts monitor link route >/tmp/events & pid=$!
sleep 0.3; ip link set vmbr1 down; sleep 0.2; ip link set vmbr1 up; sleep 1.5; kill $pid; cat /tmp/events
"""
    figures = []
    for dummy in range(3):
        figures.append(_readded_ms(guests.ask(NODE, script), guests.addresses(WEB01)))
    text = ", ".join(f"{value:.0f}" for value in figures)
    print(f"\nroutes back after link-up: {text} ms")
    record("guests", "routes back after link-up", f"{text} ms", len(figures), "the kernel's events (ip -ts monitor)")
    assert max(figures) <= READDED_MS, text


def test_frr_that_hears_of_it_late(guests: Guests) -> None:
    """A busy zebra may hear of the routes first and of the bridge afterwards, and then drops the routes again."""
    steady(guests)
    stopped = "kill -STOP $(pidof zebra); ip link set vmbr1 down; ip link set vmbr1 up; sleep 0.3; "
    before = guests.status(NODE)["counters"]["renewals"]
    for dummy in range(6):  # without the agent's help, about every third leaves the guests dark for good
        guests.ask(NODE, f"{stopped} kill -CONT $(pidof zebra)")
        guests.settle(2.5)
        guests.announced(WEB01, NODE, 6)
    print(f"\nroutes made anew for FRR: {guests.status(NODE)['counters']['renewals'] - before}")


def _readded_ms(events: str, addresses: list[str]) -> float:
    """From the bridge's first event as up after it was down, to the last of the addresses' routes."""
    up: float | None = None
    last: float | None = None
    for line in events.splitlines():
        match = re.match(r"\[\S+T(\d+):(\d+):([\d.]+)\] (.*)", line)
        if not match:
            continue
        stamp, text = int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3]), match[4]
        flags = re.match(r"\d+: vmbr1: <(\S*)>", text)
        if flags and "UP" not in flags[1].split(","):
            up, last = None, None
        elif flags and up is None:
            up = stamp
        elif up is not None and text.startswith(tuple(addresses)) and "vmbr1" in text and "metric" in text:
            last = stamp
    assert up is not None and last is not None, events
    return (last - up) * 1000
