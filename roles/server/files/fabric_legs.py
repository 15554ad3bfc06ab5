# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a server's addresses on a leg that has a carrier, and tells the segment where they are.

    fabric-legs run                   follow the carriers (fabric-legs.service)
    fabric-legs switch LEG            move the addresses to LEG now
    fabric-legs announce INTERFACE    send one train of announcements for the addresses of an interface

A move is announced by gratuitous ARP (RFC 5227) and unsolicited neighbour advertisements (RFC 4861, 7.2.6), several
times, since the first may be lost before the other side's port forwards. The leg that is not in use stays up and
silent: in one segment with the other, it would answer for its addresses with its own MAC address.

Configuration: /etc/routed-fabric/legs.json. Standard library only, Python 3.9.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

CONFIG = Path("/etc/routed-fabric/legs.json")
CONTROL = Path("/run/fabric-legs.sock")
BOND = "bond0"
BOND_MIIMON_MS = 50
RTMGRP_LINK = 1
BROADCAST = b"\xff" * 6
ETHERTYPE_ARP, ETHERTYPE_IPV6 = 0x0806, 0x86DD
RESYNC_S = 10.0
# A bridge forgets after 300 s what it has not heard from, and EVPN withdraws it.
REFRESH_S = 100.0


class Config(NamedTuple):
    mode: str
    legs: tuple[str, ...]
    shared_mac: bool
    mtu: int
    addresses: tuple[str, ...]
    gateways: tuple[str, ...]
    announce_at_ms: tuple[int, ...]


def read_config(text: str) -> Config:
    data = json.loads(text)
    return Config(
        mode=data["mode"],
        legs=tuple(data["legs"]),
        shared_mac=data["shared_mac"],
        mtu=data["mtu"],
        addresses=tuple(data["addresses"]),
        gateways=tuple(data.get("gateways", ())),
        announce_at_ms=tuple(data["announce_at_ms"]),
    )


def choose(legs: Sequence[str], carriers: Iterable[str], active: str | None) -> str | None:
    """The leg for the addresses: the one they are on, as long as it has a carrier; else the first that has one."""
    alive = set(carriers)
    if active in alive:
        return active
    return next((leg for leg in legs if leg in alive), active)


def arp(mac: bytes, sender: str, target: str) -> bytes:
    """A broadcast ARP request. For the own address it is a gratuitous one."""
    addresses = [socket.inet_pton(socket.AF_INET, text) for text in (sender, target)]
    body = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mac, addresses[0], bytes(6), addresses[1])
    return BROADCAST + mac + struct.pack("!H", ETHERTYPE_ARP) + body


def advertisement(mac: bytes, address: str) -> bytes:
    """An unsolicited neighbour advertisement to all nodes, with the override flag."""
    about = socket.inet_pton(socket.AF_INET6, address)
    body = struct.pack("!I16sBB6s", 0x20000000, about, 2, 1, mac)
    return _icmpv6(mac, about, socket.inet_pton(socket.AF_INET6, "ff02::1"), 136, body)


def solicitation(mac: bytes, sender: str, target: str) -> bytes:
    """A neighbour solicitation (RFC 4861, 4.3) to the solicited-node address."""
    about = socket.inet_pton(socket.AF_INET6, target)
    group = socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:0")[:13] + about[13:]
    body = struct.pack("!I16sBB6s", 0, about, 1, 1, mac)
    return _icmpv6(mac, socket.inet_pton(socket.AF_INET6, sender), group, 135, body)


def _icmpv6(mac: bytes, source: bytes, target: bytes, kind: int, body: bytes) -> bytes:
    unsummed = struct.pack("!BBH", kind, 0, 0) + body
    pseudo = source + target + struct.pack("!II", len(unsummed), 58)
    message = struct.pack("!BBH", kind, 0, checksum(pseudo + unsummed)) + body
    header = struct.pack("!IHBB16s16s", 6 << 28, len(message), 58, 255, source, target)
    return b"\x33\x33" + target[12:] + mac + struct.pack("!H", ETHERTYPE_IPV6) + header + message


def checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frames(mac: bytes, addresses: Iterable[str], gateways: Iterable[str] = ()) -> list[bytes]:
    """What one announcement consists of. The gateways are asked, too: so a VTEP that is one learns the address beside
    the MAC address, and EVPN takes both to the others."""
    hosts = [text.partition("/")[0] for text in addresses]
    found = [advertisement(mac, host) if ":" in host else arp(mac, host, host) for host in hosts]
    for gateway in gateways:
        for host in (host for host in hosts if (":" in host) == (":" in gateway)):
            found.append(solicitation(mac, host, gateway) if ":" in host else arp(mac, host, gateway))
    return found


def start_lines(config: Config, mac: str) -> list[str]:
    """Lines for `ip -force -batch` that bring all legs up, once: who sets one down later has a reason. *mac*: of the
    first leg."""
    shared = f" address {mac}" if config.shared_mac else ""
    return [f"link set dev {leg}{shared} mtu {config.mtu} up" for leg in config.legs]


def move_lines(config: Config, active: str) -> list[str]:
    """Lines that leave the addresses on *active* alone."""
    lines = []
    for leg in config.legs:
        if leg != active:
            lines += [f"addr del {address} dev {leg}" for address in config.addresses]
    return lines + address_lines(config, active)


def address_lines(config: Config, interface: str) -> list[str]:
    # nodad: the address is ours, and a second of looking for others would be a second of silence
    lines = [
        f"addr replace {address} dev {interface}{' nodad' if ':' in address else ''}" for address in config.addresses
    ]
    return lines + [f"route replace default via {gateway} dev {interface}" for gateway in config.gateways]


def bond_lines(config: Config) -> list[str]:
    """The kernel's own active-backup: it announces a move at once, and then every miimon."""
    times = len(config.announce_at_ms)
    return [
        (
            f"link add dev {BOND} type bond mode active-backup miimon {BOND_MIIMON_MS} num_grat_arp {times} "
            "primary_reselect failure"
        ),
        *(line for leg in config.legs for line in (f"link set dev {leg} down", f"link set dev {leg} master {BOND}")),
        f"link set dev {BOND} type bond primary {config.legs[0]}",
        f"link set dev {BOND} mtu {config.mtu} up",
        *address_lines(config, BOND),
    ]


# What touches the machine


def ip_batch(lines: Sequence[str]) -> None:
    """Errors are expected: an address that is to go may not be there."""
    subprocess.run(
        ["ip", "-force", "-batch", "-"],
        input="\n".join([*lines, ""]),
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )


def sysfs(leg: str, name: str) -> str:
    try:
        return Path(f"/sys/class/net/{leg}/{name}").read_text(encoding="ascii").strip()
    except OSError:  # no such interface, or one that is set down
        return ""


def set_sysctl(family: str, leg: str, key: str, value: str) -> None:
    with contextlib.suppress(OSError):
        Path(f"/proc/sys/net/{family}/conf/{leg}/{key}").write_text(value, encoding="ascii")


def mac_of(leg: str) -> bytes:
    return bytes.fromhex(sysfs(leg, "address").replace(":", ""))


class Announcer:
    """Sends trains of announcements without ever waiting."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._due: list[float] = []
        self._interface = ""
        self._last = 0.0

    def start(self, interface: str) -> None:
        now = time.monotonic()
        self._interface = interface
        self._due = [now + at_ms / 1000 for at_ms in self._config.announce_at_ms]
        self._last = now
        self.send_due()

    def wait_s(self) -> float | None:
        return max(0.0, self._due[0] - time.monotonic()) if self._due else None

    def refresh(self) -> None:
        """A server that says nothing for a while is kept in the tables by one announcement now and then."""
        now = time.monotonic()
        if self._interface and not self._due and now - self._last >= REFRESH_S:
            self._due, self._last = [now], now

    def send_due(self) -> None:
        while self._due and self._due[0] <= time.monotonic() + 0.0005:
            self._due.pop(0)
            try:
                with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as raw:
                    raw.bind((self._interface, 0))
                    for frame in frames(mac_of(self._interface), self._config.addresses, self._config.gateways):
                        raw.send(frame)
            except OSError as exc:
                print(f"announcement over {self._interface}: {exc.strerror}", file=sys.stderr, flush=True)


class Legs:
    """The running service."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._announcer = Announcer(config)
        self._active: str | None = None
        self._up: set[str] = set()

    def run(self) -> None:
        netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        netlink.bind((0, RTMGRP_LINK))
        CONTROL.unlink(missing_ok=True)
        control = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        control.bind(str(CONTROL))
        CONTROL.chmod(0o600)
        for leg in self._config.legs:
            # Both legs are in one segment: only the one that has the address may answer for it.
            set_sysctl("ipv4", leg, "arp_ignore", "1")
            set_sysctl("ipv4", leg, "arp_announce", "2")
            set_sysctl("ipv6", leg, "accept_dad", "0")
            set_sysctl("ipv6", leg, "accept_ra", "0")
        ip_batch(start_lines(self._config, sysfs(self._config.legs[0], "address")))
        self._follow()
        notify("READY=1")
        while True:
            timeout = self._announcer.wait_s()
            ready = select.select([netlink, control], [], [], RESYNC_S if timeout is None else timeout)[0]
            if control in ready:
                self._move(control.recv(64).decode("ascii", "replace").strip())
            if netlink in ready:
                with contextlib.suppress(OSError):  # ENOBUFS: the state is read anyway
                    netlink.recv(1 << 16)
            self._follow()
            self._announcer.refresh()
            self._announcer.send_due()

    def _follow(self) -> None:
        """Where the carriers are decides; a leg that comes back where the addresses are is announced, too."""
        alive = {leg for leg in self._config.legs if sysfs(leg, "carrier") == "1"}
        chosen = choose(self._config.legs, alive, self._active)
        back = chosen in alive - self._up and chosen == self._active
        self._up = alive
        if chosen is not None and chosen in alive and (chosen != self._active or back):
            self._move(chosen)

    def _move(self, leg: str) -> None:
        if leg not in self._config.legs:
            print(f"no leg '{leg}' here", file=sys.stderr, flush=True)
            return
        for other in self._config.legs:
            set_sysctl("ipv6", other, "disable_ipv6", "0" if other == leg else "1")
        ip_batch(move_lines(self._config, leg))
        before, self._active = self._active, leg
        self._announcer.start(leg)
        print(f"addresses on {leg}" + (f", before on {before}" if before else ""), flush=True)


def notify(state: str) -> None:
    """sd_notify(3)."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.sendto(state.encode(), "\0" + path[1:] if path.startswith("@") else path)


def interface_addresses(interface: str) -> list[str]:
    done = subprocess.run(["ip", "-j", "addr", "show", "dev", interface], capture_output=True, text=True, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    addresses = [item["local"] for entry in found for item in entry.get("addr_info", []) if "local" in item]
    return [text for text in addresses if not ipaddress.ip_address(text).is_link_local]


def announce(config: Config, interface: str) -> None:
    announcer = Announcer(config._replace(addresses=tuple(interface_addresses(interface))))
    announcer.start(interface)
    while (wait_s := announcer.wait_s()) is not None:
        time.sleep(wait_s)
        announcer.send_due()


def main(arguments: Sequence[str]) -> int:
    command, rest = (arguments[0] if arguments else ""), list(arguments[1:])
    if command == "switch" and len(rest) == 1:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as control:
            control.sendto(rest[0].encode(), str(CONTROL))
        return 0
    if command not in ("run", "announce") or len(rest) != (command == "announce"):
        print((__doc__ or "").strip(), file=sys.stderr)
        return 2
    config = read_config(CONFIG.read_text(encoding="utf-8"))
    if command == "announce":
        announce(config, rest[0])
    elif config.mode == "bond":
        ip_batch(bond_lines(config))
        notify("READY=1")
        while True:
            time.sleep(3600)
    else:
        Legs(config).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
