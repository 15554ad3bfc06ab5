# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine whose kernel has WireGuard: the small QEMU machine, one for all tests, made empty for each."""

from __future__ import annotations

from typing import Any

from machine import Machine
from qemulab import Qemu

TOOLS = "/usr/bin/wg /usr/bin/wg-quick /usr/bin/ip"
PLACES = (
    "/etc/wireguard /etc/network/interfaces.d/* /etc/systemd/system/multi-user.target.wants/wg-quick@*"
    " /etc/systemd/system/fabric-* /etc/systemd/system/multi-user.target.wants/fabric-* /etc/routed-fabric"
)
CABLES = (
    "ip link add up0 type veth peer name far0; ip link add up1 type veth peer name far1;"
    "ip link set dev far0 mtu 9216 up; ip link set dev far1 mtu 9216 up"
)


class KernelMachine:
    """As machine.Machine. What is written outlives `boot`, and `empty` ends it."""

    release = "kernel"

    def __init__(self) -> None:
        self.qemu = Qemu("wireguard_interface")
        self.module = "wireguard_interface"
        self.shell("modprobe wireguard; modprobe veth; modprobe dummy; mkdir /root/kept")
        # What udev makes elsewhere; wg-quick hands its configuration over by such a name.
        self.shell(
            "ln -sfn /proc/self/fd /dev/fd; cd /dev; ln -sfn fd/0 stdin; ln -sfn fd/1 stdout; ln -sfn fd/2 stderr"
        )
        self.shell(f"cp -a {TOOLS} /etc/network/interfaces /root/kept/")

    def empty(self) -> None:
        self._unplug()
        self.shell(f"rm -rf {PLACES}; for t in {TOOLS}; do cp -a /root/kept/${{t##*/}} $t; done")
        self.shell("cp -a /root/kept/interfaces /etc/network/interfaces; mkdir -p /etc/network/interfaces.d")
        self.shell(CABLES)

    def boot(self) -> None:
        self._unplug()
        self.shell(CABLES)

    def _unplug(self) -> None:
        """The kernel's state goes, as it would with the machine's power."""
        self.shell(
            "for p in $(ip netns pids far 2>/dev/null); do kill -9 $p; done; kill -9 $(cat /run/prober);"
            "ip netns del far 2>/dev/null;"
            "for l in $(ip -o link show type wireguard | cut -d: -f2); do ip link del $l; done;"
            "for l in up0 up1 x0; do ip link del $l 2>/dev/null; done;"
            "for f in 4 6; do for p in $(ip -$f rule | cut -d: -f1 | grep -vE '^(0|32766|32767)$');"
            " do ip -$f rule del pref $p; done;"
            " ip -$f route flush table 110; ip -$f route flush proto 213;"
            " ip -$f route flush table all type blackhole;"
            " ip -$f route flush table all type unreachable; done 2>/dev/null;"
            "rm -rf /run/wireguard /run/prober* /run/probes* /run/done /run/stop /run/calls; true",
            check=False,
        )

    def shell(self, script: str, stdin: str = "", check: bool = True) -> Any:
        return self.qemu.shell(script, stdin, check)

    def call(self, options: dict[str, Any], check: bool = False) -> dict[str, Any]:
        # Its first process is a shell, and not in a changed root: systemctl has to be told that nobody listens.
        return self.qemu.call(options, check, prefix="SYSTEMD_OFFLINE=1", module=self.module)

    state = Machine.state
    read = Machine.read

    def stop(self) -> None:
        self.qemu.stop()
