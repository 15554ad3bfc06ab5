# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model of WireGuard needs to follow our commands, and how to make any peers."""

from __future__ import annotations

import base64
import ipaddress
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._wireguard._difference import Change, removals, sections
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._keys import NO_KEY, Secret
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._model import Peer, Peers, allowed_order
from hypothesis import strategies as st


def key(number: int) -> str:
    return base64.b64encode(bytes([number]) * 32).decode()


KEYS = [key(number) for number in range(1, 6)]
PREFIXES = ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/25", "2001:db8:1::/48", "2001:db8:2::/64", "192.0.2.7/32"]
ENDPOINTS = ["", "192.0.2.1:51820", "192.0.2.2:51820", "[2001:db8::1]:1"]


class Kernel:
    """Takes what `wg addconf` and `wg set ... remove` are given, as the real one does."""

    def __init__(self, peers: Peers) -> None:
        self.peers = dict(peers)
        self.touched: set[str] = set()

    def run(self, changes: list[Change]) -> None:
        self.add(sections(changes))
        for public_key in removals(changes):
            self.touched.add(public_key)
            del self.peers[public_key]

    def add(self, text: str) -> None:
        for section in text.split("[Peer]\n")[1:]:
            values = dict(line.split(" = ", 1) for line in section.splitlines())
            self._add(values.pop("PublicKey"), values)

    def _add(self, public_key: str, values: dict[str, str]) -> None:
        self.touched.add(public_key)
        peer = self.peers.get(public_key, Peer(public_key))
        allowed = set(values.pop("AllowedIPs", "").replace(" ", "").split(",")) - {""}
        # A prefix that two peers have goes to the later one.
        for other_key, other in self.peers.items():
            if other_key != public_key:
                rest = tuple(prefix for prefix in other.allowed_ips if prefix not in allowed)
                self.peers[other_key] = other._replace(allowed_ips=rest)
        peer = peer._replace(allowed_ips=tuple(sorted(allowed, key=allowed_order)))
        if "PresharedKey" in values:
            text = values.pop("PresharedKey")
            peer = peer._replace(preshared_key=None if text == NO_KEY else Secret(text))
        if "Endpoint" in values:
            peer = peer._replace(endpoint=values.pop("Endpoint"))
        if "PersistentKeepalive" in values:
            text = values.pop("PersistentKeepalive")
            peer = peer._replace(keepalive=0 if text == "off" else int(text))
        assert values == {}
        self.peers[public_key] = peer


@st.composite
def any_peers(draw: st.DrawFn, named: bool = False, least: int = 0) -> Peers:
    """Peers among whom every prefix has one owner."""
    keys = draw(st.lists(st.sampled_from(KEYS), unique=True, min_size=least))
    owners: dict[str, list[str]] = {public_key: [] for public_key in keys}
    for prefix in PREFIXES:
        owner = draw(st.sampled_from([None, *keys]))
        if owner:
            owners[owner].append(prefix)
    return {
        public_key: Peer(
            public_key,
            tuple(sorted(owners[public_key], key=allowed_order)),
            draw(st.sampled_from([*ENDPOINTS, "vpn.example.net:51820"] if named else ENDPOINTS)),
            draw(st.sampled_from([None, Secret(key(7)), Secret(key(8))])),
            draw(st.sampled_from([0, 25, 65535])),
            draw(st.sampled_from(["", "a site", "x"])) if named else "",
        )
        for public_key in keys
    }


def peer_options(*peers: dict[str, Any], **options: Any) -> dict[str, Any]:
    return {"interface": "wg0", "peers": list(peers), "metric": 11, "protocol": 213, "state": "present", **options}


def interface_options(**options: Any) -> dict[str, Any]:
    return {"name": "wg0", "addresses": [], "mtu": 1420, "fwmark": 0, **options}


def contains(outer: str, inner: str) -> bool:
    one, two = ipaddress.ip_network(outer), ipaddress.ip_network(inner)
    return one.version == two.version and two.subnet_of(one)  # type: ignore[arg-type]
