# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines with FRR as packaged (watchfrr and all), wired to each other, with EVPN between them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from frrlab import link, until
from machine import Machine

CONFIG = """frr defaults datacenter
hostname {name}
router bgp {asn}
 bgp router-id 10.255.0.{number}
 no bgp ebgp-requires-policy
 neighbor core0 interface remote-as external
 neighbor core0 timers connect 1
 neighbor core0 capability extended-nexthop
 address-family ipv4 unicast
  redistribute connected
 exit-address-family
 address-family ipv6 unicast
  redistribute connected
  neighbor core0 activate
 exit-address-family
 address-family l2vpn evpn
  neighbor core0 activate
  advertise-all-vni
 exit-address-family
exit
"""


class Vtep(Machine):
    """Addresses on lo: 10.255.0.N and 2001:db8:100::N."""

    def __init__(self, release: str, disk: Path, number: int) -> None:
        disk.mkdir(exist_ok=True)
        super().__init__(release, disk, "vxlan_bridge")
        self.number = number
        self.local = {"ipv4": f"10.255.0.{number}", "ipv6": f"2001:db8:100::{number}"}
        self.shell(
            f"ip addr add {self.local['ipv4']}/32 dev lo; ip addr add {self.local['ipv6']}/128 dev lo;"
            "for f in ipv4/ip_forward ipv6/conf/all/forwarding; do echo 1 > /proc/sys/net/$f; done"
        )

    def run(self, command: str) -> str:
        return self.shell(command).stdout

    def start_frr(self) -> None:
        config = CONFIG.format(name=f"v{self.number}", asn=65000 + self.number, number=self.number)
        self.shell("cat > /etc/frr/frr.conf", config)
        self.shell(
            "sed -i 's/^bgpd=no/bgpd=yes/' /etc/frr/daemons;"
            "echo 'watchfrr_options=\"--log file:/var/log/frr/watchfrr.log\"' >> /etc/frr/daemons;"
            "chown -R frr:frr /etc/frr /var/log/frr;"
            "mkdir -p /run/frr; chown frr:frr /run/frr; echo 'service integrated-vtysh-config' > /etc/frr/vtysh.conf;"
            "/usr/lib/frr/frrinit.sh start > /run/frr-start 2>&1 < /dev/null"
        )
        until("bgpd's terminal", lambda: self.shell("vtysh -c 'show bgp summary'", check=False).returncode == 0)

    def show(self, command: str) -> Any:
        return json.loads(self.run(f"vtysh -c '{command} json'") or "{}")

    def pids(self) -> dict[str, str]:
        """FRR's processes: a restart of any of them would show."""
        return dict(line.split(":") for line in self.run("cd /run/frr; grep -H . *.pid | tr -d ' '").split())

    def watched(self) -> str:
        """watchfrr's log: what it saw of the daemons, and which it restarted."""
        return self.read("/var/log/frr/watchfrr.log")

    def guest(self, bridge: str, name: str, address: str) -> None:
        """A stand-in for a guest: a network namespace behind a port that is named as Proxmox would name it."""
        self.shell(
            f"ip netns add {name}; ip link add tap{name}i0 type veth peer name eth0 netns {name};"
            f"ip link set dev tap{name}i0 master {bridge} up;"
            f"ip -n {name} link set dev eth0 up; ip -n {name} addr add {address} dev eth0"
        )

    def reaches(self, guest: str, address: str, size: int = 56) -> bool:
        command = f"ip netns exec {guest} ping -n -M do -s {size} -c 1 -W 1 {address}"
        return self.shell(command, check=False).returncode == 0


def wire(a: Vtep, b: Vtep) -> None:
    link(a, "core0", b, "core0")  # type: ignore[arg-type]
    for end in (a, b):
        end.shell("ip link set dev core0 mtu 9216 up")
