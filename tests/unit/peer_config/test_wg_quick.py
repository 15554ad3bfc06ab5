# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The far end's wg-quick file: golden files, and read back by what reads ours."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._wireguard import _config
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.peer_config import wg_quick

from .sites import SEED, SITES


@pytest.mark.parametrize("name", SITES)
def test_golden(name, golden):
    golden(f"{name}.conf", wg_quick.render(SITES[name]))


@pytest.mark.parametrize("name", SITES)
def test_it_can_be_read(name):
    site = SITES[name]
    document = _config.parse(wg_quick.render(site))
    assert document.interface.listen_port == site.listen_port
    assert document.interface.mtu == site.mtu
    assert [peer.public_key for peer in document.peers] == [peer.public_key for peer in site.peers]
    assert [peer.keepalive for peer in document.peers] == [peer.keepalive_s for peer in site.peers]
    assert document.peers[0].allowed_ips == site.peers[0].allowed


def test_nothing_is_taken_away_when_the_tunnel_goes():
    text = wg_quick.render(SEED)
    assert "PostDown" not in text
    assert "PreUp = ip -6 route replace blackhole ::/0 table 110 metric 4096\n" in text


def test_refusals():
    with pytest.raises(ValueError, match=r"stay\[0\]: '2001:db8::1::/48'"):
        wg_quick.render(dataclasses.replace(SEED, stay=("2001:db8::1::/48",)))
