# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Daemon death and a far end that moves: noticed by verify, repaired by the next run."""

from __future__ import annotations

import json
import re

from home import NODE, SITE, Home
from standing import Fabric

MOVED = "2001:41f0:6f67::22"


def test_a_dead_daemon_is_noticed_and_repaired(fabric: Fabric, home: Home) -> None:
    for node, interface in ((NODE, home.hub), (SITE, home.tunnel)):
        home.until_it_answers()
        key = fabric.ask(node, f"wg show {interface} public-key")
        home.kill_daemon(node, interface)
        assert fabric.ask(node, f"systemctl is-active wg-quick@{interface}").strip() == "active"
        assert "tunnel_up" in fabric.red(node, wait_s=0)
        checked = fabric.play("wireguard", "--limit", f"localhost,{node}", "--check")
        assert checked.changed().get(node, 0) > 0, checked.output[-3000:]
        assert not home.daemon(node, interface)
        done = fabric.play("wireguard", "--limit", f"localhost,{node}")
        assert (done.status, done.changed().get(node, 0) > 0) == (0, True), done.output[-3000:]
        assert fabric.ask(node, f"wg show {interface} public-key") == key
        assert fabric.red(node, wait_s=60) == set()
        assert fabric.play("wireguard").changed() == {}


def test_a_far_end_that_moves_is_noticed_and_found_again(fabric: Fabric, home: Home) -> None:
    """Its provider gives it another address, which the firewall of the fabric's end does not let in."""
    home.until_it_answers()
    old = "2001:41f0:6f67::2"
    text = fabric.file.read_text(encoding="utf-8")
    fabric.ask(SITE, f"ip -6 addr add {MOVED}/64 dev ether1 nodad; ip -6 addr del {old}/64 dev ether1")
    fabric.ask(SITE, "ip -6 route replace default via 2001:41f0:6f67::1 dev ether1")
    fabric.ask("outside", f"ip -6 route replace 2001:41f0:6f67::/48 via {MOVED} dev {home.leg}")
    # At once, instead of when the last handshake is three minutes old.
    for node, interface in ((NODE, home.hub), (SITE, home.tunnel)):
        fabric.ask(node, f"systemctl restart wg-quick@{interface}")
    try:
        assert fabric.red(NODE, wait_s=0) == {"tunnel_handshake"}
        moved = re.sub(rf"{re.escape(old)}(?![0-9a-f:])", MOVED, text)
        assert moved != text
        fabric.file.write_text(moved, encoding="utf-8")
        done = fabric.play("wireguard", "--limit", f"localhost,{NODE}")
        assert done.changed() == {NODE: 3}, done.output[-3000:]  # file of rules, the unit, the peer
        home.until_it_answers()
        assert fabric.red(NODE, wait_s=60) == set()
        endpoints = fabric.ask(NODE, f"wg show {home.hub} endpoints").split()
        assert endpoints[1] == f"[{MOVED}]:51820"
    finally:
        fabric.file.write_text(text, encoding="utf-8")
        fabric.ask("outside", f"ip -6 route replace 2001:41f0:6f67::/48 via {old} dev {home.leg}")
        fabric.ask(SITE, f"ip -6 addr add {old}/64 dev ether1 nodad; ip -6 addr del {MOVED}/64 dev ether1")
        fabric.ask(SITE, "ip -6 route replace default via 2001:41f0:6f67::1 dev ether1")
        back = fabric.play("wireguard")
    assert back.status == 0, back.output[-3000:]
    home.until_it_answers()
    for node in (NODE, SITE):
        assert fabric.red(node, wait_s=60) == set()


def test_one_host_alone_and_check_mode(fabric: Fabric) -> None:
    """Public keys are data: neither needs the other end."""
    for node in (NODE, SITE):
        done = fabric.play("site", "--limit", f"localhost,{node}", "--check", "--diff")
        assert (done.status, done.changed()) == (0, {}), done.output[-3000:]


def test_a_key_that_is_missing_is_told_with_its_node(fabric: Fabric) -> None:
    file = fabric.file.with_name("public_keys.twin.yml")
    text = file.read_text(encoding="utf-8")
    file.unlink()
    try:
        done = fabric.play("site", "--limit", f"localhost,{NODE}")
        assert done.status != 0
        assert f"No public key of {SITE}, interface wg-hrl23, in {file}." in json.loads(f'"{_said(done.output)}"')
        assert done.changed() == {}
        made = fabric.play("wireguard_keys")
        assert made.changed() == {"localhost": 1}, made.output[-3000:]
        assert file.read_text(encoding="utf-8") == text
        assert fabric.play("wireguard_keys").changed() == {}
    finally:
        file.write_text(text, encoding="utf-8")


def _said(output: str) -> str:
    found = re.search(r'"msg": "((?:[^"\\]|\\.)*public key(?:[^"\\]|\\.)*)"', output)
    assert found, output[-3000:]
    return found[1]
