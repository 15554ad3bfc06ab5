# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packets that go out to a guest's tap while it is about to leave, and their second sending to where it went.

With the virtio header on both sockets, checksums and segmentation that the kernel has put off stay put off.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from array import array
from collections import deque
from collections.abc import Collection

from .addresses import Network, from_packed, mac_bytes

_SOL_PACKET, _PACKET_VNET_HDR = 263, 15
_SO_ATTACH_FILTER, _SO_RCVBUFFORCE = 26, 33
_ETH_P_ALL = 3
_VNET = 10  # struct virtio_net_hdr
_ETHERNET = 14
_IPV4, _IPV6 = 0x0800, 0x86DD
_LARGEST = 1 << 17
MOST_PACKETS, MOST_BYTES = 20000, 32 << 20

# Only what the host sends (PACKET_OUTGOING), and only IP: ld pkttype; jne 4; ld protocol; jeq IPv4; jeq IPv6; ret.
_FILTER = (
    (0x30, 0, 0, 0xFFFFF004),
    (0x15, 0, 4, 4),
    (0x28, 0, 0, 0xFFFFF000),
    (0x15, 1, 0, _IPV4),
    (0x15, 0, 1, _IPV6),
    (0x06, 0, 0, 0x40000),
    (0x06, 0, 0, 0),
)


def _attach_filter(raw: socket.socket) -> None:
    code = array("B", b"".join(struct.pack("=HBBI", *instruction) for instruction in _FILTER))
    program = struct.pack("HL", len(_FILTER), code.buffer_info()[0])
    raw.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def destination(frame: bytes) -> Network | None:
    """Of an IP packet behind its virtio and Ethernet headers."""
    kind = int.from_bytes(frame[_VNET + 12 : _VNET + 14], "big")
    start = _VNET + _ETHERNET
    if kind == _IPV4 and len(frame) >= start + 20:
        return from_packed(frame[start + 16 : start + 20])
    if kind == _IPV6 and len(frame) >= start + 40:
        return from_packed(frame[start + 24 : start + 40])
    return None


class Capture:
    """OSError where the interface is gone."""

    def __init__(self, interface: str) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0)
        try:
            _attach_filter(self._socket)
            self._socket.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, MOST_BYTES)
            self._socket.bind((interface, _ETH_P_ALL))
        except OSError:
            self._socket.close()
            raise
        self._packets: deque[bytes] = deque()
        self._bytes = 0

    def drain(self) -> None:
        """Take over what has come; the oldest make room for the newest."""
        for dummy in range(MOST_PACKETS):
            try:
                frame = self._socket.recv(_LARGEST)
            except (BlockingIOError, OSError):
                return
            self._packets.append(frame)
            self._bytes += len(frame)
            while self._bytes > MOST_BYTES or len(self._packets) > MOST_PACKETS:
                self._bytes -= len(self._packets.popleft())

    def mark(self) -> int:
        """How many packets there are now, for `forget`."""
        self.drain()
        return len(self._packets)

    def forget(self, count: int) -> None:
        """The first ones reached a guest that ran."""
        for dummy in range(min(count, len(self._packets))):
            self._bytes -= len(self._packets.popleft())

    def take(self) -> list[bytes]:
        self.drain()
        packets = list(self._packets)
        self._packets.clear()
        self._bytes = 0
        return packets

    def close(self) -> None:
        self._socket.close()


def send_again(
    interface: str, source: str, target: str, packets: Collection[bytes], networks: Collection[Network]
) -> int:
    """Packets for these networks once more, out of the interface to the node with MAC `target`; how many."""
    ethernet = mac_bytes(target) + mac_bytes(source)
    sent = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0) as raw:
        raw.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
        raw.bind((interface, 0))
        for frame in packets:
            where = destination(frame)
            if where is None or not any(network.covers(where) for network in networks):
                continue
            with contextlib.suppress(OSError):  # longer than the device takes: lost, as it would have been
                raw.send(frame[:_VNET] + ethernet + frame[_VNET + 12 :])
                sent += 1
    return sent
