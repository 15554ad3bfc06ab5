# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The agent on an edge router: listens on the devices' ports, answers conflict probes, and keeps what is learned."""

from __future__ import annotations

import contextlib
import selectors
import signal
import socket
import struct
import time
from array import array
from dataclasses import dataclass
from typing import Any

from . import discovery, netlink, service, status
from .addresses import Network, parse
from .config import ConfigError, Metrics, Reader
from .devices import Devices, Port
from .journal import ERROR, Journal
from .kernel import Kernel
from .wanted import Difference, Neighbour, Route

_SO_ATTACH_FILTER, _SOL_PACKET, _ADD_MEMBERSHIP, _ALLMULTI = 26, 263, 1, 2
_ETH_P_ALL = 3
_GROUP_LINK, _GROUP_ROUTE4, _GROUP_ROUTE6 = 1, 0x40, 0x400
_PROTOCOL_BGP = 186
_LOWER_UP = 0x10000
_TURN_S = 0.5


@dataclass(frozen=True)
class EdgeConfig:
    """``/etc/routed-guests/config.json`` of an edge router. It has `ports`, which a Proxmox node's has not."""

    node: str
    mac: str
    source: str
    table: int
    table_priority: int
    protocol: int
    metrics: Metrics
    ports: tuple[Port, ...]
    run: str = "/run/routed-guests"
    # as the kernel's part of the agent wants it
    has_own_table: bool = True
    forward: None = None


def read_config(data: Any) -> EdgeConfig:
    """ConfigError with the path of the first thing that is wrong."""
    reader = Reader(data)
    metrics = Reader(reader.raw("metrics", {}), "metrics")
    ports = []
    for number, entry in enumerate(reader.raw("ports")):
        port = Reader(entry, f"ports[{number}]")
        try:
            ports.append(
                Port(
                    interface=port.interface("interface"),
                    prefixes=tuple(parse(text) for text in port.texts("prefixes")),
                    learn=tuple(parse(text) for text in port.texts("learn", [])),
                    isolated=bool(port.raw("isolated", False)),
                    devices={
                        parse(a): m.lower() for a, m in Reader(port.raw("devices", {}), port.at("devices")).data.items()
                    },
                    elsewhere=frozenset(parse(text) for text in port.texts("elsewhere", [])),
                )
            )
        except ValueError as exc:
            raise ConfigError(f"ports[{number}]: {exc}") from exc
    return EdgeConfig(
        node=reader.text("node"),
        mac=reader.text("mac").lower(),
        source=reader.text("source", "0.0.0.0"),  # noqa: S104 - nobody, in ARP
        table=reader.integer("table", 1, 2**32 - 1),
        table_priority=reader.integer("table_priority", 1, 32765, 1000),
        protocol=reader.integer("protocol", 5, 255),
        metrics=Metrics(
            fresh=metrics.integer("fresh", 1, 2**31, 10),
            steady=metrics.integer("steady", 1, 2**31, 11),
            leaving=metrics.integer("leaving", 1, 2**31, 12),
        ),
        ports=tuple(ports),
        run=reader.text("run", "/run/routed-guests"),
    )


class _Ear:
    """A port's packet socket; it goes when the interface does."""

    def __init__(self, interface: str) -> None:
        self.index = socket.if_nametoindex(interface)
        self.raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0)
        try:
            code = array("B", b"".join(struct.pack("=HBBI", *instruction) for instruction in discovery.FILTER))
            program = struct.pack("HL", len(discovery.FILTER), code.buffer_info()[0])
            self.raw.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
            # solicited-node groups of addresses that are not ours
            membership = struct.pack("iHH8s", self.index, _ALLMULTI, 0, b"")
            self.raw.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, membership)
            self.raw.bind((interface, _ETH_P_ALL))
        except OSError:
            self.raw.close()
            raise


class EdgeAgent:
    """State, and the loop over sockets and due times."""

    def __init__(self, config: EdgeConfig, journal: Journal, kernel: Kernel) -> None:
        self.config = config
        self.journal = journal
        self.kernel = kernel
        self.ports = {port.interface: port for port in config.ports}
        self.devices = Devices(self.ports)
        self.ears: dict[str, _Ear] = {}
        self.selector = selectors.DefaultSelector()
        self.ending = False
        self.counters = {"answers": 0, "learned": 0, "withdrawn": 0, "failures": 0}
        self.ready_s: float | None = None
        self._shown: Any = None
        self.events = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
        )
        with contextlib.suppress(OSError):
            self.events.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
        self.events.bind((0, _GROUP_LINK | _GROUP_ROUTE4 | _GROUP_ROUTE6))

    # --- life

    def run(self) -> None:
        def end(_number: int, _frame: object) -> None:
            self.ending = True

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        signal.signal(signal.SIGHUP, lambda _number, _frame: None)
        self._report(self.kernel.keep_rules(self.config))  # type: ignore[arg-type]
        self._adopt()
        self.selector.register(self.events, selectors.EVENT_READ, self._on_events)
        self._listen()
        self.ready_s = round(service.age_s(), 3)
        self._tell()
        service.notify("READY=1", f"STATUS={len(self.ports)} ports")
        self.journal.info(f"ready after {self.ready_s} s: {len(self.ports)} ports")
        watchdog_s = service.watchdog_interval_s()
        turn_at = watchdog_at = 0.0
        while not self.ending:
            for key, dummy in self.selector.select(_TURN_S):
                key.data()
            now = time.monotonic()
            if now >= turn_at:
                turn_at = now + _TURN_S
                self._on_time(now)
                self._tell()
            if watchdog_s and now >= watchdog_at:
                watchdog_at = now + watchdog_s
                service.notify("WATCHDOG=1")
        service.notify("STOPPING=1")
        self.journal.info("ending; routes and neighbours stay")

    def _adopt(self) -> None:
        """What was learned before the agent was started again; what is not ours to learn any more goes."""
        indexes = {}
        for name in self.ports:
            with contextlib.suppress(OSError):
                indexes[socket.if_nametoindex(name)] = name
        now = time.monotonic()
        macs = {
            (each.interface, each.address): each.mac
            for index in indexes
            for each in self.kernel.neighbours(index, self.config.protocol)
        }
        stale = []
        for route in self.kernel.routes(self.config.protocol):
            if route.table != self.config.table:
                continue
            name = indexes.get(route.interface, "")
            mac = macs.get((route.interface, route.destination), "")
            heard = discovery.Heard(mac, route.destination, None, False, True)
            known = route.destination in self.devices.found
            if name and mac and (known or self.devices.hears(self.ports[name], heard, now, lambda _address: False)):
                self.devices.found[route.destination].fresh = route.metric == self.config.metrics.fresh
            else:
                stale.append(route)
        if stale:
            gone = [Neighbour(r.interface, r.destination, "") for r in stale]
            self._change(delete=stale, stale_neighbours=gone)

    def _listen(self) -> None:
        """Open the ears that are missing; a port may come later."""
        for name in self.ports:
            if name in self.ears:
                continue
            try:
                ear = _Ear(name)
            except OSError as exc:
                self.journal.standing(f"port {name}", ERROR, f"{name}: not listening: {exc.strerror or exc}")
                continue
            self.journal.standing(f"port {name}", ERROR, "")
            self.ears[name] = ear
            self.selector.register(ear.raw, selectors.EVENT_READ, lambda name=name: self._on_frames(name))

    def _deafen(self, name: str) -> None:
        ear = self.ears.pop(name, None)
        if ear:
            self.selector.unregister(ear.raw)
            ear.raw.close()

    # --- news

    def _on_frames(self, name: str) -> None:
        port = self.ports[name]
        for dummy in range(256):
            ear = self.ears.get(name)
            if ear is None:
                return
            try:
                frame = ear.raw.recv(2048)
            except BlockingIOError:
                return
            except OSError:  # it went down, or away
                if not _exists(name):
                    self._deafen(name)
                return
            heard = discovery.read(frame)
            if heard is None or heard.mac == self.config.mac:
                continue
            if self.devices.answers(port, heard, lambda address: self._elsewhere(address, name)):
                self._send(name, discovery.answer(self.config.mac, heard, _link_local(self.config.mac)))
                self.counters["answers"] += 1
            former = self.devices.found.get(heard.source) if heard.source else None
            new = self.devices.hears(port, heard, time.monotonic(), lambda address: self._elsewhere(address, name))
            if new and heard.source:
                self._learned(heard.source, former.port if former else "")

    def _send(self, name: str, frame: bytes) -> None:
        with contextlib.suppress(OSError):
            self.ears[name].raw.send(frame)

    def _elsewhere(self, address: Network, name: str) -> bool:
        """Whether a host route leads to the address, and not out of this port."""
        route = self.kernel.lookup(address)
        return route is not None and route.destination.is_address and route.interface != self.ears[name].index

    def _learned(self, address: Network, former_port: str) -> None:
        device = self.devices.found[address]
        index = self.ears[device.port].index
        self.counters["learned"] += 1
        self.journal.notice(f"{address} on {device.port}: learned, {device.mac}")
        delete, stale = [], []
        if former_port and former_port != device.port and former_port in self.ears:
            old = self.ears[former_port].index
            delete = [Route(self.config.table, address, metric, old) for metric in self._metrics()]
            stale = [Neighbour(old, address, "")]
        self._change(
            neighbours=[Neighbour(index, address, device.mac)],
            replace=[Route(self.config.table, address, self.config.metrics.fresh, index)],
            delete=delete,
            stale_neighbours=stale,
        )

    def _metrics(self) -> tuple[int, int]:
        return self.config.metrics.fresh, self.config.metrics.steady

    def _withdraw(self, address: Network, name: str, why: str) -> None:
        self.counters["withdrawn"] += 1
        self.journal.notice(f"{address} on {name}: withdrawn: {why}")
        ear = self.ears.get(name)
        if ear:
            self._change(
                delete=[Route(self.config.table, address, metric, ear.index) for metric in self._metrics()],
                stale_neighbours=[Neighbour(ear.index, address, "")],
            )

    def _on_events(self) -> None:
        for dummy in range(256):
            try:
                data = self.events.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError:  # too many at once: the next ones count
                continue
            for kind, _flags, _sequence, body in netlink.messages(data):
                if kind in (netlink.RTM_NEWLINK, netlink.RTM_DELLINK) and body[0] == 0:
                    self._on_link(kind, body)
                elif kind == netlink.RTM_NEWROUTE:
                    route, owner = netlink.read_route(body)
                    if owner == _PROTOCOL_BGP:
                        self._on_bgp(route.destination)

    def _on_bgp(self, address: Network) -> None:
        found = self.devices.found.get(address)
        if found and self.devices.claimed_elsewhere(address, time.monotonic()):
            self._withdraw(address, found.port, "another edge has it now")

    def _on_link(self, kind: int, body: bytes) -> None:
        link = netlink.read_link(body)
        if link.name not in self.ports:
            return
        flags = struct.unpack_from("=I", body, 8)[0]
        if kind == netlink.RTM_DELLINK or not flags & _LOWER_UP:
            for address in self.devices.port_down(link.name):
                self._withdraw(address, link.name, "the port is down")
        if kind == netlink.RTM_DELLINK:
            self._deafen(link.name)
        else:
            self._listen()

    def _on_time(self, now: float) -> None:
        ports = {address: device.port for address, device in self.devices.found.items()}
        due = self.devices.tick(now)
        for address in due.settled:
            device = self.devices.found.get(address)
            ear = self.ears.get(device.port) if device else None
            if ear:
                metrics = self.config.metrics
                self._change(
                    add=[Route(self.config.table, address, metrics.steady, ear.index)],
                    delete=[Route(self.config.table, address, metrics.fresh, ear.index)],
                )
        for address in due.ask:
            device = self.devices.found[address]
            source = socket.inet_pton(socket.AF_INET, self.config.source)
            asked = discovery.question(self.config.mac, device.mac, address, _link_local(self.config.mac), source)
            if device.port in self.ears:
                self._send(device.port, asked)
        for address in due.gone:
            self._withdraw(address, ports[address], "it does not answer any more")
        self._listen()

    def _change(
        self,
        *,
        neighbours: list[Neighbour] | None = None,
        add: list[Route] | None = None,
        replace: list[Route] | None = None,
        delete: list[Route] | None = None,
        stale_neighbours: list[Neighbour] | None = None,
    ) -> None:
        change = Difference(
            add=add or [],
            replace=replace or [],
            delete=delete or [],
            neighbours=neighbours or [],
            stale_neighbours=stale_neighbours or [],
        )
        self._report(self.kernel.apply(change, self.config.protocol))

    def _report(self, failures: Any) -> None:
        for failure in failures:
            self.counters["failures"] += 1
            self.journal.error(f"the kernel refused: {failure}")

    def _tell(self) -> None:
        seen = (
            tuple((a, d.port, d.mac, d.fresh) for a, d in self.devices.found.items()),
            tuple(self.counters.values()),
        )
        if seen == self._shown:
            return
        self._shown = seen
        status.write(self.config.run, self.status())

    def status(self) -> dict[str, Any]:
        return {
            "node": self.config.node,
            "ready_s": self.ready_s,
            "mode": "devices",
            "guests": [],
            "devices": [
                {
                    "address": str(address),
                    "port": device.port,
                    "mac": device.mac,
                    "state": "fresh" if device.fresh else "steady",
                }
                for address, device in sorted(self.devices.found.items())
            ],
            "refused": [],
            "firewall": "",
            "counters": dict(self.counters),
        }


def _exists(name: str) -> bool:
    try:
        return bool(socket.if_nametoindex(name))
    except OSError:
        return False


def _link_local(mac: str) -> bytes:
    """As the kernel makes it of a MAC (EUI-64)."""
    packed = bytes.fromhex(mac.replace(":", ""))
    return b"\xfe\x80" + b"\0" * 6 + bytes((packed[0] ^ 2,)) + packed[1:3] + b"\xff\xfe" + packed[3:]
