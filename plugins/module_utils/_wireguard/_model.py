# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""An interface and its peers as plain data. Keys that are secret are `Secret`s. Pure."""

from __future__ import annotations

import socket
from typing import NamedTuple

from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._keys import Secret

PORT = 51820
# After this long without a new handshake a session is dead (REJECT_AFTER_TIME of the WireGuard paper, section 6.1).
ALIVE_S = 180
# Outer IP header, UDP 8, WireGuard 32.
OVERHEAD = {4: 60, 6: 80}


class WireguardError(IpError):
    """One sentence for a person, with the tool's own words and without a key."""


class Interface(NamedTuple):
    """What the file says about the interface. 0 means: not given."""

    private_key: Secret | None = None
    listen_port: int = 0
    addresses: tuple[str, ...] = ()  # with their lengths
    mtu: int = 0
    fwmark: int = 0
    table: int = 0  # where the routes to the peers go; 0: nowhere


class Peer(NamedTuple):
    public_key: str
    allowed_ips: tuple[str, ...] = ()  # sorted, each with its length
    endpoint: str = ""  # 192.0.2.1:51820, [2001:db8::1]:51820, vpn.example.net:51820
    preshared_key: Secret | None = None
    keepalive: int = 0  # seconds; 0: off
    name: str = ""  # for people; only the file knows it


Peers = dict[str, Peer]  # by public key


class Running(NamedTuple):
    """An interface as it runs."""

    public_key: str  # empty: it has no private key
    listen_port: int
    fwmark: int


def is_ipv6(text: str) -> bool:
    return ":" in text


def split_endpoint(endpoint: str) -> tuple[str, int]:
    """Host without brackets, and port."""
    host, dummy, port = endpoint.rpartition(":")
    return host.strip("[]"), int(port)


def join_endpoint(host: str, port: int) -> str:
    return f"[{host}]:{port}" if is_ipv6(host) else f"{host}:{port}"


def is_address(host: str) -> bool:
    """Whether an endpoint's host is an address; a zone may follow (`fe80::1%eth0`)."""
    try:
        socket.inet_pton(socket.AF_INET6 if is_ipv6(host) else socket.AF_INET, host.partition("%")[0])
    except OSError:
        return False
    return True


def allowed_order(prefix: str) -> tuple[int, bytes, int]:
    """The order in which prefixes are kept: IPv4 first, then by value and length."""
    address, dummy, length = prefix.partition("/")
    family = socket.AF_INET6 if is_ipv6(address) else socket.AF_INET
    return int(family), socket.inet_pton(family, address), int(length)


def describe(peer: Peer) -> str:
    """One line for people, with fingerprints instead of secrets."""
    words = [peer.public_key, f"allowed-ips {', '.join(peer.allowed_ips) or '(none)'}"]
    if peer.endpoint:
        words.append(f"endpoint {peer.endpoint}")
    if peer.keepalive:
        words.append(f"persistent-keepalive {peer.keepalive}")
    if peer.preshared_key:
        words.append(f"preshared-key ({peer.preshared_key.fingerprint})")
    return " ".join(words)
