# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""rtnetlink messages to and from plain data: just the few that the agent needs. Pure.

Numbers: linux/rtnetlink.h, linux/if_link.h, linux/neighbour.h, linux/fib_rules.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

from .addresses import BITS, IPV4, IPV6, Network, from_packed, mac_bytes, mac_text
from .wanted import Neighbour, Route

HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_IFINFO = struct.Struct("=BxHiII")
_RTMSG = struct.Struct("=BBBBBBBBI")
_NDMSG = struct.Struct("=BxHiHBB")
_IFADDRMSG = struct.Struct("=BBBBi")
_U32 = struct.Struct("=I")

NLMSG_ERROR, NLMSG_DONE = 2, 3
RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR = 20
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30
RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE = 32, 33, 34
F_REQUEST, F_ACK, F_DUMP = 0x1, 0x4, 0x300
F_DUMP_INTR = 0x10
F_REPLACE, F_EXCL, F_CREATE = 0x100, 0x200, 0x400
NESTED = 0x8000

AF_BRIDGE = 7
FAMILY = {IPV4: socket.AF_INET, IPV6: socket.AF_INET6}
VERSION = {family: version for version, family in FAMILY.items()}

IFF_UP = 1
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_MASTER, _IFLA_PROTINFO, _IFLA_LINKINFO = 1, 3, 4, 10, 12, 18
_INFO_KIND, _INFO_DATA, _INFO_SLAVE_KIND, _INFO_SLAVE_DATA = 1, 2, 4, 5
_BRPORT_ISOLATED = 33
_VXLAN_ID, _VXLAN_LOCAL, _VXLAN_PORT, _VXLAN_LOCAL6 = 1, 4, 15, 17
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_TABLE, _RTA_VIA = 1, 4, 5, 6, 15, 18
_NDA_DST, _NDA_LLADDR, _NDA_IFINDEX, _NDA_PROTOCOL = 1, 2, 8, 12
_FRA_IIFNAME, _FRA_PRIORITY, _FRA_TABLE, _FRA_PROTOCOL = 3, 6, 15, 21
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_IFA_F_NODAD = 0x02
_NUD_PERMANENT = 0x80
_NTF_SELF = 2
_ONLINK = 4
_SCOPE_UNIVERSE, _SCOPE_LINK, _SCOPE_NOWHERE = 0, 253, 255
_UNICAST = 1
_TO_TABLE = 1
_FIB_MATCH = 0x2000


class Link(NamedTuple):
    ifindex: int
    name: str
    mac: str
    up: bool
    mtu: int
    master: int
    kind: str
    isolated: bool | None  # None: no bridge port
    vxlan: tuple[int, int, Network | None] | None  # VNI, UDP port, local address


class Fdb(NamedTuple):
    """An entry of a VXLAN device: what has this MAC is behind that address."""

    interface: int
    mac: str
    address: Network


class Rule(NamedTuple):
    version: int
    priority: int
    table: int
    interface: str  # iif; "" any


def attribute(kind: int, payload: bytes) -> bytes:
    length = 4 + len(payload)
    return _ATTRIBUTE.pack(length, kind) + payload + b"\0" * (-length % 4)


def message(kind: int, flags: int, body: bytes) -> bytes:
    """Without a sequence number: the socket puts it in."""
    return HEADER.pack(HEADER.size + len(body), kind, flags, 0, 0) + body


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """(type, flags, sequence number, body) of all messages in a datagram."""
    offset = 0
    while offset + HEADER.size <= len(data):
        length, kind, flags, sequence, _port = HEADER.unpack_from(data, offset)
        if length < HEADER.size:
            return
        yield kind, flags, sequence, data[offset + HEADER.size : offset + length]
        offset += (length + 3) & ~3


def attributes(data: bytes, offset: int = 0) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    end = len(data)
    while offset + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


def _text(data: bytes) -> str:
    return data.rstrip(b"\0").decode("utf-8", "replace")


def _u32(found: dict[int, bytes], kind: int) -> int:
    value = found.get(kind)
    return _U32.unpack(value)[0] if value else 0


# --- links


def get_links() -> bytes:
    return message(RTM_GETLINK, F_REQUEST | F_DUMP, _IFINFO.pack(0, 0, 0, 0, 0))


def _vxlan(data: dict[int, bytes]) -> tuple[int, int, Network | None]:
    local = data.get(_VXLAN_LOCAL6) or data.get(_VXLAN_LOCAL)
    port = int.from_bytes(data.get(_VXLAN_PORT, b"\0\0"), "big")
    return _u32(data, _VXLAN_ID), port, from_packed(local) if local else None


def read_link(body: bytes) -> Link:
    dummy, dummy, index, flags, dummy = _IFINFO.unpack_from(body)
    found = attributes(body, _IFINFO.size)
    kind, isolated, vxlan = "", None, None
    if _IFLA_LINKINFO in found:
        info = attributes(found[_IFLA_LINKINFO])
        kind = _text(info.get(_INFO_KIND, b""))
        if kind == "vxlan":
            vxlan = _vxlan(attributes(info.get(_INFO_DATA, b"")))
        if info.get(_INFO_SLAVE_KIND, b"").rstrip(b"\0") == b"bridge":
            isolated = attributes(info.get(_INFO_SLAVE_DATA, b"")).get(_BRPORT_ISOLATED, b"\0") != b"\0"
    mac = found.get(_IFLA_ADDRESS, b"")
    return Link(
        index,
        _text(found.get(_IFLA_IFNAME, b"")),
        mac_text(mac) if len(mac) == 6 else "",
        bool(flags & IFF_UP),
        _u32(found, _IFLA_MTU),
        _u32(found, _IFLA_MASTER),
        kind,
        isolated,
        vxlan,
    )


def link_family(body: bytes) -> int:
    return body[0]


def read_port(body: bytes) -> tuple[int, bool | None]:
    """(interface index, isolated) of a bridge's own announcement of a port."""
    index = _IFINFO.unpack_from(body)[2]
    info = attributes(body, _IFINFO.size).get(_IFLA_PROTINFO)
    value = attributes(info).get(_BRPORT_ISOLATED) if info else None
    return index, None if value is None else value != b"\0"


def isolate(index: int) -> bytes:
    info = attribute(_IFLA_PROTINFO | NESTED, attribute(_BRPORT_ISOLATED, b"\1"))
    return message(RTM_SETLINK, F_REQUEST | F_ACK, _IFINFO.pack(AF_BRIDGE, 0, index, 0, 0) + info)


# --- routes


def get_routes(version: int, protocol: int) -> bytes:
    """Of one protocol, in all tables; needs strict checking, or the kernel sends everything."""
    return message(RTM_GETROUTE, F_REQUEST | F_DUMP, _RTMSG.pack(FAMILY[version], 0, 0, 0, 0, protocol, 0, 0, 0))


def get_route(address: Network) -> bytes:
    """The entry of the forwarding table that a packet to the address meets."""
    body = _RTMSG.pack(FAMILY[address.version], address.length, 0, 0, 0, 0, 0, 0, _FIB_MATCH)
    return message(RTM_GETROUTE, F_REQUEST, body + attribute(_RTA_DST, address.packed))


def is_unicast(body: bytes) -> bool:
    return bool(_RTMSG.unpack_from(body)[7] == _UNICAST)


def read_route(body: bytes) -> tuple[Route, int]:
    """The route and its protocol."""
    family, length, dummy, dummy, table, protocol, dummy, dummy, dummy = _RTMSG.unpack_from(body)
    found = attributes(body, _RTMSG.size)
    version = VERSION[family]
    destination = from_packed(found.get(_RTA_DST, b"\0" * (BITS[version] // 8)), length)
    gateway = None
    if _RTA_GATEWAY in found:
        gateway = from_packed(found[_RTA_GATEWAY])
    elif _RTA_VIA in found:
        gateway = from_packed(found[_RTA_VIA][2:])
    route = Route(
        _u32(found, _RTA_TABLE) or table, destination, _u32(found, _RTA_PRIORITY), _u32(found, _RTA_OIF), gateway
    )
    return route, protocol


def _route(kind: int, flags: int, route: Route, protocol: int) -> bytes:
    destination = route.destination
    if kind == RTM_DELROUTE:
        scope = _SCOPE_NOWHERE  # any
    elif route.gateway is None and destination.version == IPV4:
        scope = _SCOPE_LINK
    else:
        scope = _SCOPE_UNIVERSE
    body = _RTMSG.pack(
        FAMILY[destination.version],
        destination.length,
        0,
        0,
        route.table if route.table < 256 else 0,
        protocol,
        scope,
        _UNICAST,
        _ONLINK if route.gateway is not None else 0,
    )
    body += attribute(_RTA_DST, destination.packed)
    body += attribute(_RTA_OIF, _U32.pack(route.interface))
    body += attribute(_RTA_PRIORITY, _U32.pack(route.metric))
    body += attribute(_RTA_TABLE, _U32.pack(route.table))
    if route.gateway is not None:
        packed = route.gateway.packed
        if route.gateway.version == destination.version:
            body += attribute(_RTA_GATEWAY, packed)
        else:
            body += attribute(_RTA_VIA, struct.pack("=H", FAMILY[route.gateway.version]) + packed)
    return message(kind, flags, body)


def add_route(route: Route, protocol: int) -> bytes:
    """Refused by the kernel where somebody else has a route of this prefix and metric."""
    return _route(RTM_NEWROUTE, F_REQUEST | F_ACK | F_CREATE | F_EXCL, route, protocol)


def replace_route(route: Route, protocol: int) -> bytes:
    return _route(RTM_NEWROUTE, F_REQUEST | F_ACK | F_CREATE | F_REPLACE, route, protocol)


def delete_route(route: Route, protocol: int) -> bytes:
    return _route(RTM_DELROUTE, F_REQUEST | F_ACK, route, protocol)


# --- neighbours


def get_neighbours(interface: int) -> bytes:
    body = _NDMSG.pack(0, 0, 0, 0, 0, 0) + attribute(_NDA_IFINDEX, _U32.pack(interface))
    return message(RTM_GETNEIGH, F_REQUEST | F_DUMP, body)


def read_neighbour(body: bytes) -> tuple[Neighbour | None, int]:
    """A permanent neighbour and who wrote it (0: nobody said); None for any other."""
    family, dummy, interface, state, dummy, dummy = _NDMSG.unpack_from(body)
    if family not in VERSION or not state & _NUD_PERMANENT:
        return None, 0
    found = attributes(body, _NDMSG.size)
    protocol = found.get(_NDA_PROTOCOL, b"\0")[0]
    return Neighbour(interface, from_packed(found[_NDA_DST]), mac_text(found.get(_NDA_LLADDR, b""))), protocol


def _neighbour(kind: int, flags: int, neighbour: Neighbour, protocol: int) -> bytes:
    body = _NDMSG.pack(FAMILY[neighbour.address.version], 0, neighbour.interface, _NUD_PERMANENT, 0, 0)
    body += attribute(_NDA_DST, neighbour.address.packed)
    if kind == RTM_NEWNEIGH:
        body += attribute(_NDA_LLADDR, mac_bytes(neighbour.mac)) + attribute(_NDA_PROTOCOL, bytes((protocol,)))
    return message(kind, flags, body)


def put_neighbour(neighbour: Neighbour, protocol: int) -> bytes:
    return _neighbour(RTM_NEWNEIGH, F_REQUEST | F_ACK | F_CREATE | F_REPLACE, neighbour, protocol)


def delete_neighbour(neighbour: Neighbour, protocol: int) -> bytes:
    return _neighbour(RTM_DELNEIGH, F_REQUEST | F_ACK, neighbour, protocol)


# --- entries of the forwarding device


def get_fdb(interface: int) -> bytes:
    body = _NDMSG.pack(AF_BRIDGE, 0, interface, 0, 0, 0)
    return message(RTM_GETNEIGH, F_REQUEST | F_DUMP, body)


def read_fdb(body: bytes) -> Fdb | None:
    family, dummy, interface, dummy, flags, dummy = _NDMSG.unpack_from(body)
    found = attributes(body, _NDMSG.size)
    if family != AF_BRIDGE or not flags & _NTF_SELF or _NDA_DST not in found or _NDA_LLADDR not in found:
        return None
    return Fdb(interface, mac_text(found[_NDA_LLADDR]), from_packed(found[_NDA_DST]))


def _fdb(kind: int, flags: int, entry: Fdb) -> bytes:
    body = _NDMSG.pack(AF_BRIDGE, 0, entry.interface, _NUD_PERMANENT, _NTF_SELF, 0)
    body += attribute(_NDA_LLADDR, mac_bytes(entry.mac)) + attribute(_NDA_DST, entry.address.packed)
    return message(kind, flags, body)


def put_fdb(entry: Fdb) -> bytes:
    return _fdb(RTM_NEWNEIGH, F_REQUEST | F_ACK | F_CREATE | F_REPLACE, entry)


def delete_fdb(entry: Fdb) -> bytes:
    return _fdb(RTM_DELNEIGH, F_REQUEST | F_ACK, entry)


# --- rules


def get_rules(version: int) -> bytes:
    return message(RTM_GETRULE, F_REQUEST | F_DUMP, _RTMSG.pack(FAMILY[version], 0, 0, 0, 0, 0, 0, 0, 0))


def read_rule(body: bytes) -> Rule:
    family, dummy, dummy, dummy, table, dummy, dummy, dummy, dummy = _RTMSG.unpack_from(body)
    found = attributes(body, _RTMSG.size)
    return Rule(
        VERSION.get(family, 0),
        _u32(found, _FRA_PRIORITY),
        _u32(found, _FRA_TABLE) or table,
        _text(found.get(_FRA_IIFNAME, b"")),
    )


def add_rule(rule: Rule, protocol: int) -> bytes:
    body = _RTMSG.pack(FAMILY[rule.version], 0, 0, 0, rule.table if rule.table < 256 else 0, 0, 0, _TO_TABLE, 0)
    body += attribute(_FRA_PRIORITY, _U32.pack(rule.priority)) + attribute(_FRA_TABLE, _U32.pack(rule.table))
    body += attribute(_FRA_PROTOCOL, bytes((protocol,)))
    if rule.interface:
        body += attribute(_FRA_IIFNAME, rule.interface.encode() + b"\0")
    return message(RTM_NEWRULE, F_REQUEST | F_ACK | F_CREATE | F_EXCL, body)


# --- addresses


def add_address(interface: int, address: str, length: int) -> bytes:
    """An address that is usable at once."""
    version = IPV6 if ":" in address else IPV4
    packed = socket.inet_pton(FAMILY[version], address)
    flags = _IFA_F_NODAD if version == IPV6 else 0
    scope = _SCOPE_LINK if address.startswith("fe80:") else _SCOPE_UNIVERSE
    body = _IFADDRMSG.pack(FAMILY[version], length, flags, scope, interface)
    body += attribute(_IFA_LOCAL, packed) + attribute(_IFA_ADDRESS, packed)
    return message(RTM_NEWADDR, F_REQUEST | F_ACK | F_CREATE | F_EXCL, body)
