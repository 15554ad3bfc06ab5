# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames made by hand, and what of them arrives."""

from __future__ import annotations

import select
import socket
import struct
import time

from agentlab import BRIDGE_MAC, Namespace

BROADCAST = "ff:ff:ff:ff:ff:ff"


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def ethernet(source: str, kind: int, payload: bytes, target: str = BRIDGE_MAC) -> bytes:
    return (mac(target) + mac(source) + struct.pack("!H", kind) + payload).ljust(60, b"\0")


def arp(source: str, operation: int, sender_mac: str, sender: str, target: str) -> bytes:
    body = (
        struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation)
        + mac(sender_mac)
        + packed(sender)
        + b"\0" * 6
        + packed(target)
    )
    return ethernet(source, 0x0806, body, BROADCAST)


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data if len(data) % 2 == 0 else data + b"\0"))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip(source: str, target: str, protocol: int, payload: bytes, hops: int = 64) -> tuple[int, bytes]:
    """Ethernet type and packet."""
    if ":" in source:
        return 0x86DD, struct.pack("!IHBB", 6 << 28, len(payload), protocol, hops) + packed(source) + packed(
            target
        ) + payload
    head = (
        struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, hops, protocol, 0) + packed(source) + packed(target)
    )
    return 0x0800, head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def udp(  # noqa: PLR0917
    source_mac: str, source: str, target: str, sport: int = 4000, dport: int = 4001, data: bytes = b""
) -> bytes:
    segment = struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data
    kind, packet = ip(source, target, 17, segment)
    return ethernet(source_mac, kind, packet)


def icmp6(source_mac: str, source: str, target: str, kind: int, body: bytes) -> bytes:
    message = struct.pack("!BBH", kind, 0, 0) + body
    pseudo = packed(source) + packed(target) + struct.pack("!II", len(message), 58)
    message = message[:2] + struct.pack("!H", checksum(pseudo + message)) + message[4:]
    dummy, packet = ip(source, target, 58, message, 255)
    return ethernet(source_mac, 0x86DD, packet)


def solicitation(source_mac: str, source: str, wanted: str) -> bytes:
    option = b"" if source == "::" else b"\1\1" + mac(source_mac)
    return icmp6(source_mac, source, "ff02::1", 135, b"\0" * 4 + packed(wanted) + option)


def advertisement(source_mac: str, source: str, claimed: str) -> bytes:
    return icmp6(source_mac, source, "ff02::1", 136, b"\x20\0\0\0" + packed(claimed) + b"\2\1" + mac(source_mac))


class Wire:
    """One end that sends, and one that listens."""

    def __init__(self, space: Namespace, interface: str) -> None:
        self.socket = space.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind((interface, 3))

    def send(self, frame: bytes) -> None:
        self.socket.send(frame)

    def clear(self) -> None:
        while select.select([self.socket], [], [], 0)[0]:
            self.socket.recv(65536)

    def hears(self, frame: bytes, seconds: float = 0.15) -> bool:
        """Whether just this frame comes in."""
        limit = time.monotonic() + seconds
        if frame[12:14] == b"\x81\x00":  # the kernel hands a tag over beside the frame
            frame = frame[:12] + frame[16:]
        while (left := limit - time.monotonic()) > 0:
            if not select.select([self.socket], [], [], left)[0]:
                return False
            data, address = self.socket.recvfrom(65536)
            # br_netfilter takes the padding of a short IPv4 packet away
            if address[2] != socket.PACKET_OUTGOING and data == frame[: len(data)] and len(data) >= 42:
                return True
        return False

    def close(self) -> None:
        self.socket.close()
