# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hub and its far ends in one machine: the far ends' wireguard-go processes stand in a namespace of their own."""

from __future__ import annotations

import contextlib
from typing import Any

from frrlab import LabError, until
from kernel import KernelMachine
from machine import Machine

HUB4, FAR4 = "192.0.2.1", "192.0.2.2"
HUB6, FAR6 = "2001:db8:1::1", "2001:db8:1::2"
FILE = "/etc/wireguard/wg0.conf"
ROUTES = "/etc/wireguard/wg0.routes"

CABLE = (
    "ip netns add far; ip link set far0 netns far; ip link set far1 mtu 1500; ip link set up1 mtu 1500;"
    "for c in all default; do echo 0 >/proc/sys/net/ipv6/conf/$c/accept_dad;"
    " echo 0 >/proc/sys/net/ipv4/conf/$c/rp_filter; done;"
    f"ip addr add {HUB4}/24 dev up0; ip addr add {HUB6}/64 dev up0 nodad; ip link set up0 mtu 1500 up;"
    "ip netns exec far sh -c 'ip link set lo up; echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter;"
    f"ip addr add {FAR4}/24 dev far0; ip addr add {FAR6}/64 dev far0 nodad; ip link set far0 mtu 1500 up'"
)


class Lab:
    """The modules' options come from here, so that a test says only what it is about."""

    def __init__(self, machine: Machine | KernelMachine) -> None:
        self.machine = machine
        self.secrets: list[str] = []
        self.implementation = "kernel" if isinstance(machine, KernelMachine) else "wireguard-go"
        machine.shell(CABLE)

    def shell(self, script: str, stdin: str = "", check: bool = True) -> str:
        return self.machine.shell(script, stdin, check).stdout

    def boot(self) -> None:
        """The machine anew, with what is on its disk; the far ends are gone."""
        self.machine.boot()
        self.machine.shell(CABLE)

    def key(self) -> tuple[str, str]:
        """Private and public."""
        private = self.shell("wg genkey").strip()
        self.secrets.append(private)
        return private, self.shell("wg pubkey", f"{private}\n").strip()

    def preshared(self) -> str:
        self.secrets.append(self.shell("wg genpsk").strip())
        return self.secrets[-1]

    def public_keys(self, count: int) -> list[str]:
        return self.shell(f"for i in $(seq {count}); do wg genkey | wg pubkey; done").split()

    def interface(self, check: bool = False, **options: Any) -> dict[str, Any]:
        self.machine.module = "wireguard_interface"
        return self.machine.call({"name": "wg0", **options}, check)

    def peers(self, peers: list[dict[str, Any]], check: bool = False, **options: Any) -> dict[str, Any]:
        self.machine.module = "wireguard_peer"
        return self.machine.call({"interface": "wg0", "peers": peers, **options}, check)

    def hub(self, **options: Any) -> dict[str, Any]:
        """wg0 as most tests want it."""
        made = self.interface(
            **{
                "listen_port": 51820,
                "addresses": ["10.77.0.1/24", "2001:db8:77::1/64"],
                "mtu": 1400,
                "table": 254,
                **options,
            }
        )
        assert "msg" not in made, made
        return made

    def new_device(self, name: str) -> str:
        """The command that makes an interface."""
        return (
            f"ip link add {name} type wireguard"
            if self.implementation == "kernel"
            else f"wireguard-go {name} >/dev/null 2>&1"
        )

    def far_end(self, number: int, hub_key: str, preshared_key: str | None = None) -> dict[str, Any]:
        """A living peer 10.77.1.NUMBER; returns its entry for the hub."""
        private, public = self.key()
        device = f"far-wg{number}"
        extra = "preshared-key /run/psk" if preshared_key else ""
        self.shell(
            f"umask 077; echo {private} >/run/key; echo {preshared_key or ''} >/run/psk;"
            f"ip netns exec far sh -c '{self.new_device(device)};"
            f"wg set {device} listen-port {52000 + number} private-key /run/key"
            f" peer {hub_key} {extra} endpoint {HUB4}:51820 allowed-ips 10.77.0.0/24;"
            f"ip addr add 10.77.1.{number}/32 dev {device}; ip link set {device} mtu 1400 up;"
            f"ip route add 10.77.0.0/24 dev {device} table {100 + number};"
            f"ip rule add from 10.77.1.{number} lookup {100 + number}'; rm /run/key /run/psk"
        )
        entry = {
            "name": f"far end {number}",
            "public_key": public,
            "endpoint": f"{FAR4}:{52000 + number}",
            "allowed_ips": [f"10.77.1.{number}/32"],
        }
        return {**entry, "preshared_key": preshared_key} if preshared_key else entry

    def reach(self, number: int) -> None:
        """Wait until the far end answers."""
        until(f"an answer of far end {number}", lambda: self.pings(number), 20)

    def pings(self, number: int) -> bool:
        return self.machine.shell(f"ping -c 1 -W 1 -I 10.77.0.1 10.77.1.{number}", check=False).returncode == 0

    def files(self) -> str:
        return self.shell(
            "ls -ld /etc/wireguard 2>/dev/null; ls -l --time-style=full-iso /etc/wireguard /etc/network/interfaces.d"
            " /etc/systemd/system/multi-user.target.wants; cat /etc/wireguard/* /etc/network/interfaces.d/*"
            " /etc/network/interfaces 2>/dev/null",
            check=False,
        )

    def kernel(self) -> list[str]:
        """Everything that could move, without what moves by itself (handshakes and counters)."""
        script = (
            "ip -o addr show | sed 's/^[0-9]*: //; /stable-privacy/d; / link /d';"
            "ip -o link show | sed 's/^[0-9]*: //; s/@if[0-9]*/@if/; s/.    link.ether.*//';"
            "ip -N -4 route show table all; ip -N -6 route show table all; ip -4 rule; ip -6 rule;"
            "for f in public-key listen-port fwmark allowed-ips endpoints persistent-keepalive preshared-keys;"
            " do echo == $f; wg show wg0 $f 2>/dev/null; done"
        )
        lines = self.shell(script, check=False).splitlines()
        return sorted(line for line in lines if "fe80" not in line and "ff00::/8" not in line)

    def settles(self, before: list[str]) -> None:
        """The kernel is as it was, if need be after a moment: some of it is done by daemons."""
        with contextlib.suppress(LabError):
            until("the former state", lambda: self.kernel() == before, 5)
        now = self.kernel()
        gone, new = [line for line in before if line not in now], [line for line in now if line not in before]
        assert now == before, f"gone: {gone}; new: {new}"

    def daemon(self) -> int:
        """What wg0 stands or falls with: its process, or the kernel's interface."""
        if self.implementation == "kernel":
            return int(self.shell("ip -o link show wg0").partition(":")[0])
        for line in self.shell("pgrep -a -x wireguard-go", check=False).splitlines():
            if line.split()[-1] == "wg0":
                return int(line.split()[0])
        raise AssertionError("no wireguard-go for wg0")

    def lose_device(self) -> None:
        """wg0 goes without a word: its process dies, or somebody takes it away."""
        self.shell("ip link del wg0" if self.implementation == "kernel" else f"kill -9 {self.daemon()}")
        until("the death of wg0", lambda: "wg0" not in self.machine.state(), 20)

    def logging_wg(self) -> None:
        """From now on every call of wg and ip is written down."""
        for tool, place in (("wg", "/usr/bin/wg"), ("ip", "/usr/bin/ip")):
            self.shell(
                f"[ -e {place}.real ] || {{ cp {place} {place}.real; rm {place};"
                f' printf \'#!/bin/sh\\necho "{tool} $*" >>/run/calls\\nexec {place}.real "$@"\\n\' >{place};'
                f" chmod 755 {place}; }}; : >/run/calls"
            )

    def calls(self) -> list[str]:
        return self.shell("cat /run/calls; : >/run/calls").splitlines()


class Probes:
    """Pings to living far ends until they are told to stop. Late is not lost: each has five seconds for its answer."""

    def __init__(self, lab: Lab, numbers: list[int]) -> None:
        self.lab = lab
        words = " ".join(str(number) for number in numbers)
        lab.shell(
            "rm -f /run/stop /run/done; echo 0 0 >/run/probes; cat >/run/prober.py;"
            f" python3 /run/prober.py {words} >/run/probes.log 2>&1 </dev/null & echo $! >/run/prober",
            PROBER,
        )

    def sent(self) -> tuple[int, int]:
        """So far, of those whose time is over: sent, lost."""
        sent, lost = self.lab.shell("cat /run/probes").split()
        return int(sent), int(lost)

    def stop(self) -> tuple[int, int]:
        self.lab.shell("touch /run/stop")
        until("the last answers", lambda: self.lab.machine.shell("ls /run/done", check=False).stdout, 60)
        return self.sent()


# `ping -c` waits for its last answer no longer than twice the time of the others, which is too short on a busy machine.
PROBER = """
import os, select, socket, struct, sys, time
numbers = [int(word) for word in sys.argv[1:]]
mark, sequence, sent, lost, waiting = os.getpid() & 0xFFFF, 0, 0, 0, {}
next_send = next_word = time.monotonic()
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as icmp:
    icmp.bind(("10.77.0.1", 0))
    icmp.setblocking(False)
    stopping = False
    while waiting or not stopping:
        now = time.monotonic()
        stopping = stopping or os.path.exists("/run/stop")
        if now >= next_send and not stopping:
            next_send = now + 0.05
            sequence = (sequence + 1) & 0xFFFF
            total = 0x0800 + mark + sequence
            total = (total & 0xFFFF) + (total >> 16)
            packet = struct.pack("!BBHHH", 8, 0, ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF, mark, sequence)
            for number in numbers:
                sent += 1
                try:
                    icmp.sendto(packet, (f"10.77.1.{number}", 0))
                    waiting[number, sequence] = now
                except OSError:
                    lost += 1
        select.select([icmp], [], [], max(0.001, next_send - time.monotonic()))
        while True:
            try:
                data, sender = icmp.recvfrom(2048)
            except OSError:
                break
            kind, dummy, dummy, whose, which = struct.unpack("!BBHHH", data[(data[0] & 15) * 4 :][:8])
            if (kind, whose) == (0, mark):
                waiting.pop((int(sender[0].rpartition(".")[2]), which), None)
        now = time.monotonic()
        for key in [key for key, when in waiting.items() if when < now - 5]:
            del waiting[key]
            lost += 1
        if now >= next_word:
            next_word = now + 0.5
            with open("/run/probes.new", "w") as file:
                file.write(f"{sent - len(waiting)} {lost}")
            os.rename("/run/probes.new", "/run/probes")
with open("/run/probes", "w") as file:
    file.write(f"{sent} {lost}")
open("/run/done", "w").close()
"""
