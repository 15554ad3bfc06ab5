# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection routed.fabric: no promise is made to code outside of it.
"""
Echo requests over a chosen interface from a chosen source, all at once, with one deadline.

The `ping` program will not do: bound to an uplink it also hears on that uplink only, and the answer to a loopback
address comes back over any of them. So each request leaves through a socket that is bound to its interface, and the
answers are heard on a socket that is bound to none. Needs root.

An IPv4 request over an interface without a route is not refused: the kernel then takes the address for a neighbour on
that link. Whoever wants to know that a route works has to look at the routes too.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

_SO_BINDTODEVICE = 25
_HEADER = struct.Struct("!BBHHH")
_TOKEN_LENGTH = 8
_REPLY: dict[int, int] = {socket.AF_INET: 0, socket.AF_INET6: 129}
_REQUEST: dict[int, int] = {socket.AF_INET: 8, socket.AF_INET6: 128}


@dataclass(frozen=True)
class Ping:
    address: str
    interface: str = ""
    source: str = ""
    count: int = 3


def checksum(packet: bytes) -> int:
    """RFC 1071."""
    total: int = sum(struct.unpack(f"!{(len(packet) + 1) // 2}H", packet + b"\0" * (len(packet) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def request(family: int, identifier: int, sequence: int, payload: bytes) -> bytes:
    """The kernel fills in the checksum of ICMPv6, not that of ICMP."""
    header = _HEADER.pack(_REQUEST[family], 0, 0, identifier, sequence)
    if family == socket.AF_INET:
        header = _HEADER.pack(_REQUEST[family], 0, checksum(header + payload), identifier, sequence)
    return header + payload


def reply_of(family: int, packet: bytes, token: bytes) -> int | None:
    """The index of the ping that this packet answers, or None."""
    if family == socket.AF_INET:
        packet = packet[(packet[0] & 0x0F) * 4 :]  # a raw IPv4 socket shows the IP header
    if len(packet) < _HEADER.size + _TOKEN_LENGTH + 4 or packet[0] != _REPLY[family]:
        return None
    payload = packet[_HEADER.size :]
    if payload[:_TOKEN_LENGTH] != token:
        return None
    return int(struct.unpack("!I", payload[_TOKEN_LENGTH : _TOKEN_LENGTH + 4])[0])


def run(pings: Sequence[Ping], deadline_s: float, interval_s: float = 0.2) -> list[dict[str, Any]]:
    """A result a ping, in order: `sent`, `received`, `rtt_ms` (of the first answer) and `error` in words."""
    token = os.urandom(_TOKEN_LENGTH)
    identifier = int.from_bytes(token[:2], "big")
    results: list[dict[str, Any]] = [
        {**asdict(ping), "sent": 0, "received": 0, "rtt_ms": None, "error": ""} for ping in pings
    ]
    senders: dict[int, socket.socket] = {}
    listeners: dict[int, socket.socket] = {}
    sent_at: dict[tuple[int, int], float] = {}
    try:
        for index, ping in enumerate(pings):
            try:
                family = socket.AF_INET6 if ":" in ping.address else socket.AF_INET
                if family not in listeners:
                    listeners[family] = _socket(family)
                senders[index] = _sender(family, ping)
            except OSError as exc:
                results[index]["error"] = exc.strerror or str(exc)
        end = time.monotonic() + deadline_s
        rounds = max((ping.count for ping in pings), default=0)
        for sequence in range(rounds):
            for index, sender in senders.items():
                if sequence >= pings[index].count or results[index]["received"]:
                    continue
                payload = token + struct.pack("!I", index)
                try:
                    sender.sendto(request(sender.family, identifier, sequence, payload), (pings[index].address, 0))
                    sent_at[index, sequence] = time.monotonic()
                    results[index]["sent"] += 1
                except OSError as exc:
                    results[index]["error"] = exc.strerror or str(exc)
            last = sequence == rounds - 1
            _listen(listeners, results, sent_at, token, end if last else min(end, time.monotonic() + interval_s))
    finally:
        for opened in [*senders.values(), *listeners.values()]:
            opened.close()
    for result in results:
        if result["received"]:
            result["error"] = ""
        elif not result["error"]:
            result["error"] = "no answer"
    return results


def _listen(
    listeners: dict[int, socket.socket],
    results: list[dict[str, Any]],
    sent_at: dict[tuple[int, int], float],
    token: bytes,
    until: float,
) -> None:
    """Take answers until every ping that was sent has one, or the time is over."""
    while any(result["sent"] and not result["received"] for result in results):
        left = until - time.monotonic()
        if left <= 0:
            return
        ready, _w, _x = select.select(list(listeners.values()), [], [], left)
        for listener in ready:
            packet = listener.recv(2048)
            index = reply_of(listener.family, packet, token)
            if index is None or index >= len(results):
                continue
            first = min(at for (of, _sequence), at in sent_at.items() if of == index)
            if not results[index]["received"]:
                results[index]["rtt_ms"] = round((time.monotonic() - first) * 1000, 3)
            results[index]["received"] += 1


def _socket(family: int) -> socket.socket:
    protocol = socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP
    return socket.socket(family, socket.SOCK_RAW, protocol)


def _sender(family: int, ping: Ping) -> socket.socket:
    sender = _socket(family)
    try:
        if ping.interface:
            sender.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, ping.interface.encode() + b"\0")
        if ping.source:
            sender.bind((ping.source, 0))
    except OSError:
        sender.close()
        raise
    return sender
