# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which devices are behind an edge's ports, and what is answered for others. Pure: no socket, no clock of its own.

A device is learned when it speaks, from its port's allowed prefixes alone, never an address that is declared somewhere:

    nobody -- speaks ----------------------------> fresh      its route is preferred everywhere
    another edge has it -- announces itself -----> fresh      it has moved here; a mere word is no claim then
    fresh  -- FRESH_S ---------------------------> steady
    either -- silent for PROBE_S, then three questions without an answer --> nobody
    either -- its port goes down, or another edge's fresh claim arrives ---> nobody
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Callable, NamedTuple

from .addresses import IPV4, Network, inside
from .discovery import Heard

# Long enough for the former edge to give way. Meanwhile nobody else can claim the address: a device that moves on at
# once is heard where it is now as soon as this is over.
FRESH_S = 2.0
PROBE_S = 10.0
PROBE_AGAIN_S = 1.0
PROBES = 3
# BGP's news of the former edge can still arrive just after a device has announced itself here.
SETTLE_S = 0.2


@dataclass(frozen=True)
class Port:
    """An interface that devices are attached to."""

    interface: str
    prefixes: tuple[Network, ...]
    learn: tuple[Network, ...]
    isolated: bool
    """A bridge whose ports do not hear each other: devices behind it ask for each other in vain."""
    devices: dict[Network, str]
    """Declared here: address to MAC."""
    elsewhere: frozenset[Network]
    """Declared at other ports: the kernel answers for the IPv6 ones."""


@dataclass
class Device:
    port: str
    mac: str
    since: float
    seen: float
    fresh: bool = True
    asked: int = 0
    ask_at: float = 0.0


class Due(NamedTuple):
    """What time has brought."""

    settled: list[Network]
    ask: list[Network]
    gone: list[Network]


@dataclass
class Devices:
    """All that is learned."""

    ports: dict[str, Port]
    found: dict[Network, Device] = field(default_factory=dict)

    def owner(self, port: Port, address: Network) -> str:
        """The MAC of who has the address behind this port, or nothing."""
        if address in port.devices:
            return port.devices[address]
        device = self.found.get(address)
        return device.mac if device and device.port == port.interface else ""

    def answers(self, port: Port, heard: Heard, elsewhere: Callable[[Network], bool]) -> bool:
        """Whether the port answers this question. *elsewhere*: whether a host route leads out of another port.

        The kernel answers ARP requests of those who have an address. It never answers a probe (RFC 5227), and NDP only
        for what it was told of, which is what is declared.
        """
        target = heard.target
        if target is None or not inside(target, port.prefixes):
            return False
        owner = self.owner(port, target)
        if owner:  # never towards itself; and on one wire, it answers itself
            kernel = target.version == IPV4 and not heard.probe
            return owner != heard.mac and port.isolated and not kernel
        if target.version == IPV4:
            return heard.probe and elsewhere(target)
        return target not in port.elsewhere and elsewhere(target)

    def hears(self, port: Port, heard: Heard, now: float, elsewhere: Callable[[Network], bool]) -> bool:
        """Take note of who spoke; whether a device is new here."""
        address = heard.source
        if address is None or heard.probe:
            return False
        device = self.found.get(address)
        if device and device.port == port.interface and device.mac == heard.mac:
            device.seen, device.asked = now, 0
            return False
        if not inside(address, port.learn) or self._declared(address) or _is_network(address, port.prefixes):
            return False
        if not heard.announcement and (device is not None or elsewhere(address)):
            return False
        self.found[address] = Device(port.interface, heard.mac, now, now)
        return True

    def _declared(self, address: Network) -> bool:
        return any(address in port.devices or address in port.elsewhere for port in self.ports.values())

    def claimed_elsewhere(self, address: Network, now: float) -> bool:
        """Another edge has a better claim; whether a device goes."""
        device = self.found.get(address)
        if device is None or now - device.since < SETTLE_S:
            return False
        del self.found[address]
        return True

    def port_down(self, interface: str) -> list[Network]:
        gone = [address for address, device in self.found.items() if device.port == interface]
        for address in gone:
            del self.found[address]
        return gone

    def tick(self, now: float) -> Due:
        due = Due([], [], [])
        for address, device in list(self.found.items()):
            if device.fresh and now - device.since >= FRESH_S:
                device.fresh = False
                due.settled.append(address)
            if now - device.seen < PROBE_S or now < device.ask_at:
                continue
            if device.asked >= PROBES:
                del self.found[address]
                due.gone.append(address)
            else:
                device.asked += 1
                device.ask_at = now + PROBE_AGAIN_S
                due.ask.append(address)
        return due


def _is_network(address: Network, prefixes: Iterable[Network]) -> bool:
    """The subnet's own addresses, which no device has."""
    for prefix in prefixes:
        if prefix.covers(address):
            ends = (prefix.value, prefix.last) if prefix.version == IPV4 else (prefix.value,)
            return not prefix.is_address and address.value in ends
    return True
