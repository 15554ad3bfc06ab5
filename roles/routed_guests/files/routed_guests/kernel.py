# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel's links, routes, neighbours and rules over two rtnetlink sockets: one for questions, one for events."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import socket
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from . import netlink
from .addresses import GATEWAY4, GATEWAY6, IPV4, IPV6, Network
from .config import Config, Forward
from .wanted import Difference, Neighbour, Route

_SOL_NETLINK = 270
_NETLINK_GET_STRICT_CHK = 12
_GROUP_LINK = 1
FORWARD_IPV4 = "169.254.0.2"
_CHUNK = 100  # answers of so many requests fit into any receive buffer


class KernelError(Exception):
    """The kernel refused something that the agent cannot work without."""


class _Request(NamedTuple):
    data: bytes
    verb: str
    item: object
    harmless: tuple[int, ...] = ()


class Failure(NamedTuple):
    what: str
    error: int

    def __str__(self) -> str:
        return f"{self.what}: {os.strerror(self.error)}"


class Events(NamedTuple):
    """What has happened to links since the last reading."""

    changed: list[netlink.Link]
    removed: list[int]
    isolation: list[tuple[int, bool]]
    lost: bool  # the buffer ran over: everything must be read anew


class Kernel:
    """Blocking questions are answered by the kernel within the same system call: they do not hold the loop up."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind((0, 0))
        self._socket.settimeout(5)
        self._sequence = 0
        self.events = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
        )
        with contextlib.suppress(OSError):
            self.events.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
        self.events.bind((0, _GROUP_LINK))

    # --- reading

    def _dump(self, request: bytes) -> Iterator[tuple[int, bytes]]:
        """Answers of a dump; OSError where the kernel refuses it or it was disturbed for the fourth time."""
        for _attempt in range(4):
            found, disturbed = self._dump_once(request)
            if not disturbed:
                break
        return iter(found)

    def _dump_once(self, request: bytes) -> tuple[list[tuple[int, bytes]], bool]:
        self._sequence += 1
        self._socket.send(request[:8] + self._sequence.to_bytes(4, "little") + request[12:])
        found: list[tuple[int, bytes]] = []
        disturbed = False
        while True:
            for kind, flags, sequence, body in netlink.messages(self._socket.recv(1 << 18)):
                if sequence != self._sequence:
                    continue
                disturbed = disturbed or bool(flags & netlink.F_DUMP_INTR)
                if kind == netlink.NLMSG_DONE:
                    return found, disturbed
                if kind == netlink.NLMSG_ERROR:
                    code = -int.from_bytes(body[:4], "little", signed=True)
                    raise OSError(code, os.strerror(code))
                found.append((kind, body))

    def links(self) -> dict[int, netlink.Link]:
        links = (
            netlink.read_link(body) for kind, body in self._dump(netlink.get_links()) if kind == netlink.RTM_NEWLINK
        )
        return {link.ifindex: link for link in links}

    def routes(self, protocol: int) -> list[Route]:
        """All routes of the protocol, in all tables."""
        found = []
        for version in (IPV4, IPV6):
            for dummy, body in self._dump(netlink.get_routes(version, protocol)):
                route, owner = netlink.read_route(body)
                if owner == protocol:
                    found.append(route)
        return found

    def lookup(self, address: Network) -> Route | None:
        """The route that a packet to the address takes; None where there is none, or where it leads nowhere."""
        self._sequence += 1
        request = netlink.get_route(address)
        self._socket.send(request[:8] + self._sequence.to_bytes(4, "little") + request[12:])
        while True:
            for kind, dummy, sequence, body in netlink.messages(self._socket.recv(1 << 16)):
                if sequence != self._sequence:
                    continue
                if kind == netlink.RTM_NEWROUTE and netlink.is_unicast(body):
                    return netlink.read_route(body)[0]
                return None

    def neighbours(self, interface: int, protocol: int) -> list[Neighbour]:
        found = []
        for dummy, body in self._dump(netlink.get_neighbours(interface)):
            neighbour, owner = netlink.read_neighbour(body)
            if neighbour and owner == protocol and neighbour.interface == interface:
                found.append(neighbour)
        return found

    def fdb(self, interface: int) -> set[netlink.Fdb]:
        entries = (netlink.read_fdb(body) for dummy, body in self._dump(netlink.get_fdb(interface)))
        return {entry for entry in entries if entry and entry.interface == interface}

    def rules(self) -> set[netlink.Rule]:
        return {
            netlink.read_rule(body)
            for version in (IPV4, IPV6)
            for dummy, body in self._dump(netlink.get_rules(version))
        }

    def read_events(self) -> Events:
        changed: list[netlink.Link] = []
        removed: list[int] = []
        isolation: list[tuple[int, bool]] = []
        while True:
            try:
                data = self.events.recv(1 << 16)
            except BlockingIOError:
                return Events(changed, removed, isolation, False)
            except OSError as exc:
                if exc.errno == errno.ENOBUFS:
                    return Events(changed, removed, isolation, True)
                raise
            for kind, dummy, dummy, body in netlink.messages(data):
                if netlink.link_family(body) == netlink.AF_BRIDGE:
                    # A bridge speaks of a port. That a port is taken out comes as DELLINK here, and is no deletion.
                    if kind == netlink.RTM_NEWLINK:
                        index, isolated = netlink.read_port(body)
                        if isolated is not None:
                            isolation.append((index, isolated))
                elif kind == netlink.RTM_NEWLINK:
                    link = netlink.read_link(body)
                    changed.append(link)
                    removed = [index for index in removed if index != link.ifindex]
                elif kind == netlink.RTM_DELLINK:
                    index = netlink.read_link(body).ifindex
                    removed.append(index)
                    changed = [link for link in changed if link.ifindex != index]

    # --- changing

    def _apply(self, requests: Sequence[_Request]) -> list[Failure]:
        """Send requests in order, many at a time."""
        failures = []
        for start in range(0, len(requests), _CHUNK):
            chunk = requests[start : start + _CHUNK]
            first = self._sequence + 1
            data = b"".join(
                request.data[:8] + (first + number).to_bytes(4, "little") + request.data[12:]
                for number, request in enumerate(chunk)
            )
            self._sequence += len(chunk)
            self._socket.send(data)
            waiting = len(chunk)
            while waiting:
                for kind, dummy, sequence, body in netlink.messages(self._socket.recv(1 << 16)):
                    if kind != netlink.NLMSG_ERROR or not first <= sequence <= self._sequence:
                        continue
                    waiting -= 1
                    code = -int.from_bytes(body[:4], "little", signed=True)
                    request = chunk[sequence - first]
                    if code and code not in request.harmless:
                        failures.append(Failure(f"{request.verb} {self._words(request.item)}", code))
        return failures

    def _words(self, item: object) -> str:
        def name(index: int) -> str:
            try:
                return socket.if_indextoname(index)
            except OSError:
                return f"if{index}"

        if isinstance(item, Route):
            via = f" via {item.gateway}" if item.gateway else ""
            return f"{item.destination}{via} dev {name(item.interface)} table {item.table} metric {item.metric}"
        if isinstance(item, Neighbour):
            return f"{item.address} lladdr {item.mac} dev {name(item.interface)}"
        if isinstance(item, netlink.Fdb):
            return f"{item.mac} dst {item.address} dev {name(item.interface)}"
        if isinstance(item, netlink.Rule):
            return f"pref {item.priority} {f'iif {item.interface} ' if item.interface else ''}lookup {item.table}"
        return str(item)

    def apply(self, change: Difference, protocol: int) -> list[Failure]:
        """Neighbours, new routes, changed routes, then what goes away."""
        gone = (errno.ESRCH, errno.ENOENT, errno.ENODEV)
        return self._apply(
            [_Request(netlink.put_neighbour(each, protocol), "neigh replace", each) for each in change.neighbours]
            + [_Request(netlink.add_route(each, protocol), "route add", each) for each in change.add]
            + [_Request(netlink.replace_route(each, protocol), "route replace", each) for each in change.replace]
            + [_Request(netlink.delete_route(each, protocol), "route del", each, gone) for each in change.delete]
            + [
                _Request(netlink.delete_neighbour(each, protocol), "neigh del", each, gone)
                for each in change.stale_neighbours
            ]
        )

    def renew(self, routes: Iterable[Route], protocol: int) -> list[Failure]:
        """Take each away and add it at once: a replacement by the same route is told to nobody."""
        requests = []
        for route in sorted(routes, key=lambda route: (route.gateway is not None, route[:4])):
            requests.append(_Request(netlink.delete_route(route, protocol), "route del", route, (errno.ESRCH,)))
            requests.append(_Request(netlink.add_route(route, protocol), "route add", route))
        return self._apply(requests)

    def isolate(self, ports: Iterable[netlink.Link]) -> list[Failure]:
        gone = (errno.ENODEV, errno.EINVAL, errno.EOPNOTSUPP)  # it has left the bridge again meanwhile
        return self._apply([_Request(netlink.isolate(port.ifindex), "isolate", port.name, gone) for port in ports])

    def keep_rules(self, config: Config) -> list[Failure]:
        """Add the missing ones of our rules."""
        wanted = []
        for version in (IPV4, IPV6):
            if config.has_own_table:
                wanted.append(netlink.Rule(version, config.table_priority, config.table, ""))
            if config.forward:
                wanted.append(
                    netlink.Rule(version, config.incoming_priority, config.incoming_table, config.forward.interface)
                )
        got = self.rules()
        return self._apply(
            [
                _Request(netlink.add_rule(rule, config.protocol), "rule add", rule, (errno.EEXIST,))
                for rule in wanted
                if rule not in got
            ]
        )

    def keep_gateways(self, bridge: int) -> list[Failure]:
        """Add the bridge's addresses where they are missing: the kernel takes the link-local one away at link-down."""
        harmless = (errno.EEXIST, errno.ENODEV)
        return self._apply(
            [
                _Request(netlink.add_address(bridge, address, length), "address add", address, harmless)
                for address, length in ((GATEWAY4, 32), (GATEWAY6, 64))
            ]
        )

    def keep_fdb(self, forward: Forward, interface: int) -> list[Failure]:
        wanted = {netlink.Fdb(interface, peer.mac, peer.address) for peer in forward.peers.values()}
        got = self.fdb(interface)
        kept = {entry.mac for entry in wanted}
        return self._apply(
            [
                _Request(netlink.delete_fdb(entry), "fdb del", entry, (errno.ENOENT,))
                for entry in sorted(got - wanted)
                if entry.mac not in kept
            ]
            + [_Request(netlink.put_fdb(entry), "fdb replace", entry) for entry in sorted(wanted - got)]
        )


def forward_is_right(link: netlink.Link | None, forward: Forward) -> bool:
    return (
        link is not None
        and link.vxlan == (forward.vni, forward.port, forward.local)
        and link.mac == forward.mac
        and link.mtu == forward.mtu
        and link.up
    )


def make_forward(link: netlink.Link | None, forward: Forward) -> None:
    """The forwarding device as it should be; KernelError in iproute2's words."""
    name = forward.interface
    lines = []
    if link is not None and link.vxlan != (forward.vni, forward.port, forward.local):
        lines.append(f"link delete {name}")
        link = None
    if link is None:
        lines.append(
            f"link add {name} address {forward.mac} type vxlan id {forward.vni} dstport {forward.port} "
            f"local {forward.local} nolearning"
        )
    lines += [
        f"link set {name} address {forward.mac} addrgenmode none",
        f"link set {name} mtu {forward.mtu} up",
        f"address replace {forward.link_local}/64 dev {name} nodad",
        # With rp_filter=2, as pve-firewall sets it, the kernel takes no IPv4 packet with a source that lies elsewhere
        # on a device without any IPv4 address (fib_validate_source: no_addr).
        f"address replace {FORWARD_IPV4}/32 dev {name} scope link",
    ]
    done = subprocess.run(
        ("ip", "-batch", "-"), input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=10, check=False
    )
    if done.returncode:
        raise KernelError(f"{name}: {done.stderr.strip()}")
    # What comes out of it has any source, and is routed on. The firewall decides what may.
    for setting, value in {
        "ipv4/conf/{}/rp_filter": "0",
        "ipv4/conf/{}/forwarding": "1",
        "ipv4/conf/{}/send_redirects": "0",
        "ipv4/conf/{}/accept_redirects": "0",
        "ipv6/conf/{}/forwarding": "1",
        "ipv6/conf/{}/accept_ra": "0",
        "ipv6/conf/{}/accept_redirects": "0",
    }.items():
        with contextlib.suppress(OSError):
            pathlib.Path("/proc/sys/net", setting.format(name)).write_text(value, encoding="ascii")
