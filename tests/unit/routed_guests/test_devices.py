# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices behind an edge's ports: what is answered, what is learned, and when it goes."""

from __future__ import annotations

import pytest
from routed_guests import devices, discovery
from routed_guests.addresses import Network, parse
from routed_guests.devices import Devices, Port
from routed_guests.discovery import Heard

ONE, TWO, PORT_MAC = "52:54:00:20:00:01", "52:54:00:20:00:02", "02:00:5e:00:02:01"
SUBNET = (parse("20.0.0.0/24"), parse("2001:db8:20::/64"))
OWN, OTHER, FREE, LEARNED = (parse(f"20.0.0.{n}") for n in (1, 3, 77, 201))
OWN6, OTHER6 = parse("2001:db8:20::1"), parse("2001:db8:20::3")


def lab(isolated: bool = False) -> tuple[Devices, Port]:
    port = Port("p1", SUBNET, (parse("20.0.0.128/25"),), isolated, {OWN: ONE, OWN6: ONE}, frozenset((OTHER, OTHER6)))
    return Devices({"p1": port}), port


def nowhere(_address: Network) -> bool:
    return False


def elsewhere(_address: Network) -> bool:
    return True


def probe(mac: str, target: Network) -> Heard:
    return Heard(mac, None, target, True, False)


def says(mac: str, source: Network, announcement: bool = False) -> Heard:
    return Heard(mac, source, None, False, announcement)


def test_a_probe_for_what_is_elsewhere_is_answered_and_one_for_what_nobody_has_is_not():
    found, port = lab()
    assert found.answers(port, probe(ONE, OTHER), elsewhere)
    assert not found.answers(port, probe(ONE, FREE), nowhere)
    assert not found.answers(port, probe(ONE, parse("192.0.2.1")), elsewhere)


def test_a_device_is_not_answered_for_its_own_address():
    for isolated in (False, True):
        found, port = lab(isolated)
        assert not found.answers(port, probe(ONE, OWN), elsewhere)
        assert not found.answers(port, probe(ONE, OWN6), elsewhere)


def test_between_isolated_ports_the_agent_speaks_for_the_owner():
    found, port = lab(isolated=True)
    assert found.answers(port, probe(TWO, OWN), nowhere)
    assert found.answers(port, Heard(TWO, OTHER6, OWN6, False, False), nowhere)
    # the kernel does that one: proxy_arp_pvlan
    assert not found.answers(port, Heard(TWO, OTHER, OWN, False, False), nowhere)
    found, port = lab()
    assert not found.answers(port, probe(TWO, OWN), nowhere)


def test_the_kernel_answers_for_declared_ipv6_addresses():
    found, port = lab()
    assert not found.answers(port, probe(ONE, OTHER6), elsewhere)
    assert found.answers(port, probe(ONE, parse("2001:db8:20::99")), elsewhere)


@pytest.mark.parametrize("address", ["20.0.0.77", "20.0.0.1", "20.0.0.3", "20.0.0.255", "192.0.2.1"])
def test_what_may_not_be_learned_is_not(address):
    found, port = lab()
    assert not found.hears(port, says(TWO, parse(address), announcement=True), 0, nowhere)
    assert not found.found


def test_a_device_is_learned_once_and_settles():
    found, port = lab()
    assert found.hears(port, says(TWO, LEARNED), 0, nowhere)
    assert not found.hears(port, says(TWO, LEARNED), 1, nowhere)
    assert found.tick(devices.FRESH_S).settled == [LEARNED]
    assert found.tick(devices.FRESH_S + 1).settled == []


def test_only_an_announcement_claims_what_is_elsewhere():
    found, port = lab()
    assert not found.hears(port, says(TWO, LEARNED), 0, elsewhere)
    assert found.hears(port, says(TWO, LEARNED, announcement=True), 0, elsewhere)


def test_a_silent_device_is_asked_three_times_and_goes():
    found, port = lab()
    found.hears(port, says(TWO, LEARNED), 0, nowhere)
    now, asked = devices.PROBE_S, 0
    while found.found:
        due = found.tick(now)
        asked += len(due.ask)
        now += devices.PROBE_AGAIN_S
    assert (asked, due.gone) == (devices.PROBES, [LEARNED])


def test_an_answer_keeps_it():
    found, port = lab()
    found.hears(port, says(TWO, LEARNED), 0, nowhere)
    assert found.tick(devices.PROBE_S).ask == [LEARNED]
    found.hears(port, says(TWO, LEARNED), devices.PROBE_S + 0.1, nowhere)
    assert found.tick(devices.PROBE_S + 5).ask == []


def test_another_edges_claim_and_a_port_that_goes_down_take_it():
    found, port = lab()
    found.hears(port, says(TWO, LEARNED), 0, nowhere)
    assert not found.claimed_elsewhere(LEARNED, devices.SETTLE_S / 2)
    assert found.claimed_elsewhere(LEARNED, 5)
    found.hears(port, says(TWO, LEARNED), 6, nowhere)
    assert found.port_down("p2") == []
    assert found.port_down("p1") == [LEARNED]


@pytest.mark.parametrize("target", [OTHER, OTHER6])
def test_what_is_sent_is_read_back(target):
    link_local = bytes.fromhex("fe80000000000000005efffe000201".rjust(32, "0"))
    for heard in (probe(ONE, target), Heard(ONE, OWN if target.version == 4 else OWN6, target, False, False)):
        answer = discovery.read(discovery.answer(PORT_MAC, heard, link_local))
        assert answer is not None
        assert (answer.mac, answer.source) == (PORT_MAC, target)
    asked = discovery.read(discovery.question(PORT_MAC, ONE, target, link_local, b"\x0a\xff\0\x0b"))
    assert asked is not None
    assert (asked.mac, asked.target, asked.probe) == (PORT_MAC, target, False)
