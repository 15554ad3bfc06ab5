# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What fabric-legs sends and decides, without a network."""

from __future__ import annotations

import importlib.util
import json
import socket
import struct
import sys
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).resolve().parents[3] / "roles" / "server" / "files" / "fabric_legs.py"
MAC = bytes.fromhex("02f00c6dc369")


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fabric_legs", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fabric_legs"] = module
    spec.loader.exec_module(module)
    return module


legs = _load()
CONFIG = legs.read_config(
    json.dumps(
        {
            "mode": "move",
            "legs": ["eth0", "eth1"],
            "shared_mac": False,
            "mtu": 1500,
            "addresses": ["10.1.0.101/24", "2001:db8:1::101/64"],
            "gateways": ["10.1.0.1"],
            "announce_at_ms": [0, 20],
        }
    )
)


@pytest.mark.parametrize(
    ("carriers", "active", "chosen"),
    [
        ({"eth0", "eth1"}, None, "eth0"),
        ({"eth1"}, None, "eth1"),
        (set(), None, None),
        ({"eth1"}, "eth0", "eth1"),
        ({"eth0", "eth1"}, "eth1", "eth1"),  # it does not go back by itself
        (set(), "eth1", "eth1"),
    ],
)
def test_the_leg_is_kept_as_long_as_it_has_a_carrier(carriers, active, chosen):
    assert legs.choose(CONFIG.legs, carriers, active) == chosen


def test_a_gratuitous_arp_request():
    frame = legs.arp(MAC, "10.1.0.101", "10.1.0.101")
    assert frame[:14] == b"\xff" * 6 + MAC + b"\x08\x06"
    assert struct.unpack("!HHBBH6s4s6s4s", frame[14:]) == (
        1,
        0x0800,
        6,
        4,
        1,
        MAC,
        bytes([10, 1, 0, 101]),
        bytes(6),
        bytes([10, 1, 0, 101]),
    )


def summed(frame: bytes) -> int:
    """The checksum over pseudo header and message: 0 if the message's own is right."""
    source, target, message = frame[22:38], frame[38:54], frame[54:]
    return legs.checksum(source + target + struct.pack("!II", len(message), 58) + message)


def test_an_unsolicited_advertisement():
    frame = legs.advertisement(MAC, "2001:db8:1::101")
    assert frame[:14] == b"\x33\x33\x00\x00\x00\x01" + MAC + b"\x86\xdd"
    assert frame[20:22] == b"\x3a\xff"  # ICMPv6, hop limit 255
    assert frame[54] == 136
    assert frame[58] == 0x20  # override, not solicited, no router
    assert frame[-8:] == b"\x02\x01" + MAC
    assert summed(frame) == 0


def test_a_solicitation():
    frame = legs.solicitation(MAC, "2001:db8:1::101", "2001:db8:1::1:2")
    assert frame[:6] == b"\x33\x33\xff\x01\x00\x02"
    assert frame[38:54] == socket.inet_pton(socket.AF_INET6, "ff02::1:ff01:2")
    assert (frame[54], frame[-8:]) == (135, b"\x01\x01" + MAC)
    assert summed(frame) == 0


def test_an_announcement_asks_the_gateways_of_its_family():
    found = legs.frames(MAC, CONFIG.addresses, ["10.1.0.1", "2001:db8:1::1"])
    assert found == [
        legs.arp(MAC, "10.1.0.101", "10.1.0.101"),
        legs.advertisement(MAC, "2001:db8:1::101"),
        legs.arp(MAC, "10.1.0.101", "10.1.0.1"),
        legs.solicitation(MAC, "2001:db8:1::101", "2001:db8:1::1"),
    ]


def test_a_move_takes_the_addresses_away_first_and_sets_no_link_up():
    assert legs.move_lines(CONFIG, "eth1") == [
        "addr del 10.1.0.101/24 dev eth0",
        "addr del 2001:db8:1::101/64 dev eth0",
        "addr replace 10.1.0.101/24 dev eth1",
        "addr replace 2001:db8:1::101/64 dev eth1 nodad",
        "route replace default via 10.1.0.1 dev eth1",
    ]


def test_all_legs_are_brought_up_at_the_start():
    assert legs.start_lines(CONFIG, "02:00:00:00:00:01") == [
        "link set dev eth0 mtu 1500 up",
        "link set dev eth1 mtu 1500 up",
    ]
    assert legs.start_lines(CONFIG._replace(shared_mac=True), "02:00:00:00:00:01") == [
        "link set dev eth0 address 02:00:00:00:00:01 mtu 1500 up",
        "link set dev eth1 address 02:00:00:00:00:01 mtu 1500 up",
    ]


def test_a_bond_announces_as_often():
    lines = legs.bond_lines(CONFIG)
    assert lines[0] == (
        "link add dev bond0 type bond mode active-backup miimon 50 num_grat_arp 2 primary_reselect failure"
    )
    assert "link set dev eth1 master bond0" in lines
    assert "addr replace 10.1.0.101/24 dev bond0" in lines


def test_it_announces_after_an_error_too(monkeypatch, capsys):
    monkeypatch.setattr(legs, "mac_of", lambda _leg: MAC)
    announcer = legs.Announcer(CONFIG)
    announcer.start("no-such-leg")
    assert "announcement over no-such-leg" in capsys.readouterr().err
    assert announcer.wait_s() is not None, "no more of the train is due"
    assert announcer.wait_s() <= 0.02
