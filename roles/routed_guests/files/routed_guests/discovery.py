# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ARP and neighbour discovery frames, to and from plain data. Pure.

RFC 826, RFC 5227 (address conflict detection), RFC 4861 and 4862 (duplicate address detection).
"""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

from .addresses import IPV4, Network, from_packed, mac_bytes, mac_text

ETH_ARP, ETH_IPV6 = 0x0806, 0x86DD
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_ETHERNET = struct.Struct("!6s6sH")
_IPV6 = struct.Struct("!IHBB16s16s")
_ICMP6 = 58
_SOLICITATION, _ADVERTISEMENT = 135, 136
_SOURCE_MAC, _TARGET_MAC = 1, 2
_SOLICITED, _OVERRIDE = 0x40000000, 0x20000000
ALL_NODES = socket.inet_pton(socket.AF_INET6, "ff02::1")
ALL_NODES_MAC = "33:33:00:00:00:01"

# ARP, or ICMPv6 of the two kinds, and nothing that this host sends itself (PACKET_OUTGOING).
FILTER = (
    (0x30, 0, 0, 0xFFFFF004),  # ld pkttype
    (0x15, 8, 0, 4),  # jeq outgoing -> drop
    (0x28, 0, 0, 12),  # ldh ether type
    (0x15, 5, 0, ETH_ARP),  # jeq -> take
    (0x15, 0, 5, ETH_IPV6),  # jne -> drop
    (0x30, 0, 0, 20),  # ldb next header
    (0x15, 0, 3, _ICMP6),
    (0x30, 0, 0, 54),  # ldb ICMPv6 type
    (0x15, 0, 1, _SOLICITATION),  # else: perhaps an advertisement
    (0x06, 0, 0, 0x40000),
    (0x15, 0, 1, _ADVERTISEMENT),
    (0x06, 0, 0, 0x40000),
    (0x06, 0, 0, 0),
)


class Heard(NamedTuple):
    """What a frame says."""

    mac: str  # of who sent it
    source: Network | None  # the address that it has, or None
    target: Network | None  # the address that it asks for, or None
    probe: bool  # it asks whether anybody has the target, because it wants to have it
    announcement: bool  # nobody asked for it


def read(frame: bytes) -> Heard | None:
    """None for what says nothing about anybody's address."""
    if len(frame) < 42:
        return None
    dummy, sender, kind = _ETHERNET.unpack_from(frame)
    if kind == ETH_ARP:
        return _read_arp(frame)
    if kind == ETH_IPV6 and len(frame) >= 78 and frame[20] == _ICMP6 and frame[21] == 255:
        return _read_nd(frame, mac_text(sender))
    return None


def _read_arp(frame: bytes) -> Heard | None:
    hardware, protocol, size, length, operation, mac, source, dummy, target = _ARP.unpack_from(frame, 14)
    if (hardware, protocol, size, length) != (1, 0x0800, 6, 4) or operation not in (1, 2):
        return None
    own = from_packed(source) if any(source) else None
    asked = from_packed(target) if operation == 1 and any(target) and source != target else None
    return Heard(mac_text(mac), own, asked, operation == 1 and own is None, source == target and own is not None)


def _read_nd(frame: bytes, sender: str) -> Heard | None:
    source, target = frame[22:38], frame[62:78]
    options = _options(frame[78:])
    if frame[54] == _SOLICITATION:
        unspecified = not any(source)
        own = None if unspecified or source[:2] == b"\xfe\x80" else from_packed(source)
        return Heard(options.get(_SOURCE_MAC, sender), own, from_packed(target), unspecified, False)
    if frame[54] == _ADVERTISEMENT:
        solicited = bool(int.from_bytes(frame[58:62], "big") & _SOLICITED)
        return Heard(options.get(_TARGET_MAC, sender), from_packed(target), None, False, not solicited)
    return None


def _options(data: bytes) -> dict[int, str]:
    found: dict[int, str] = {}
    while len(data) >= 8 and data[1]:
        if data[0] in (_SOURCE_MAC, _TARGET_MAC) and data[1] == 1:
            found[data[0]] = mac_text(data[2:8])
        data = data[8 * data[1] :]
    return found


def answer(port_mac: str, heard: Heard, port_address: bytes) -> bytes:
    """That the port has what was asked for. *port_address*: its link-local IPv6 address."""
    target = heard.target
    if target is None:
        raise ValueError("nothing was asked for")
    mine, yours = mac_bytes(port_mac), mac_bytes(heard.mac)
    if target.version == IPV4:
        to = heard.source.packed if heard.source else b"\0\0\0\0"
        arp = _ARP.pack(1, 0x0800, 6, 4, 2, mine, target.packed, yours, to)
        return _ETHERNET.pack(yours, mine, ETH_ARP) + arp
    if heard.probe:  # whoever detects duplicates has no address yet
        return _nd(_ADVERTISEMENT, mac_bytes(ALL_NODES_MAC), mine, port_address, ALL_NODES, 0, target, _TARGET_MAC)
    to = heard.source.packed if heard.source else ALL_NODES
    return _nd(_ADVERTISEMENT, yours, mine, port_address, to, _SOLICITED, target, _TARGET_MAC)


def question(port_mac: str, mac: str, target: Network, port_address: bytes, source4: bytes) -> bytes:
    """To the one device that is thought to have the address."""
    mine, yours = mac_bytes(port_mac), mac_bytes(mac)
    if target.version == IPV4:
        arp = _ARP.pack(1, 0x0800, 6, 4, 1, mine, source4, b"\0" * 6, target.packed)
        return _ETHERNET.pack(yours, mine, ETH_ARP) + arp
    return _nd(_SOLICITATION, yours, mine, port_address, target.packed, 0, target, _SOURCE_MAC)


def _nd(  # noqa: PLR0917 - the fields of one frame
    kind: int, to_mac: bytes, from_mac: bytes, source: bytes, to: bytes, flags: int, target: Network, option: int
) -> bytes:
    body = struct.pack("!BBHI", kind, 0, 0, flags) + target.packed + struct.pack("!BB6s", option, 1, from_mac)
    pseudo = source + to + struct.pack("!II", len(body), _ICMP6)
    total = sum(struct.unpack(f"!{(len(pseudo) + len(body)) // 2}H", pseudo + body))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    body = body[:2] + struct.pack("!H", ~total & 0xFFFF) + body[4:]
    header = _IPV6.pack(6 << 28, len(body), _ICMP6, 255, source, to)
    return _ETHERNET.pack(to_mac, from_mac, ETH_IPV6) + header + body
