# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files for systemd-networkd, read by a real systemd-networkd: over the running state, and after a reboot.

There is no systemd here, so systemctl and networkctl are stand-ins, and /sys is read-only, by which systemd-networkd
knows that there is no udev to wait for.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from conftest import LOOPBACK
from frrlab import LabError, until

STAND_INS = r"""
rm -rf /usr/share/ifupdown2 /usr/sbin/ifup /etc/systemd/network/*
printf '#!/bin/sh\necho active\necho inactive\n' > /usr/bin/systemctl
printf '#!/bin/sh\nexit 0\n' > /usr/bin/networkctl
"""
NETWORKD = """
mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
chown -R systemd-network: /run/systemd/netif
mount -o remount,ro,bind /sys
SYSTEMD_LOG_LEVEL=debug /usr/lib/systemd/systemd-networkd > /run/networkd.log 2>&1 < /dev/null &
"""
OPTIONS: dict[str, Any] = {
    "underlay_mtu": 9216,
    "segments": [
        {"vni": 200, "bridge": "vmbr200", "ports": ["up1"], "suppress": True, "flooding": False},
        {
            "vni": 202,
            "bridge": "vmbr202",
            "mtu": 9000,
            "addresses": ["192.168.202.36/24", "2001:db8:202::1/64"],
            "gateway_mac": "02:00:5e:00:02:02",
        },
    ],
}
CASES: dict[str, dict[str, Any]] = {
    "ipv4": {"local": "10.255.0.11"},
    "ipv6": {"local": "2001:db8:100::b", "remote_vteps": ["2001:db8:100::c", "2001:db8:100::d"]},
}


def configured(machine: Any) -> bool:
    log = machine.read("/run/networkd.log")
    names = ("vmbr200", "vxlan200", "vmbr202", "vxlan202", "up1")
    return all(f"{name}: State changed: configuring -> configured" in log for name in names)


@pytest.mark.parametrize("family", CASES)
def test_networkd_agrees_and_brings_it_back(machine: Any, family: str) -> None:
    options = {**OPTIONS, **CASES[family]}
    machine.shell(STAND_INS)
    first = machine.call(options)
    assert first.get("persisted") == "systemd-networkd", first
    assert machine.call(options)["commands"] == []
    machine.shell("ip link add tap100i0 type veth peer name guest0; ip link set dev tap100i0 master vmbr200 up")
    machine.shell("ip -o monitor link > /run/moved 2>&1 < /dev/null & echo $! > /run/monitor; sleep 0.3")
    machine.shell(NETWORKD)
    try:
        until("systemd-networkd took over", lambda: configured(machine), 30)
    except LabError as error:
        raise AssertionError(f"{error}\n{machine.read('/run/networkd.log')[-6000:]}") from None
    machine.shell("kill $(cat /run/monitor)")
    moved = machine.read("/run/moved").splitlines()
    assert [line for line in moved if "Deleted" in line or (" state DOWN" in line and "vmbr" in line)] == []
    assert machine.call(options)["commands"] == []
    assert "master vmbr200" in machine.shell("ip -o link show dev tap100i0").stdout

    machine.boot()
    machine.shell(f"{LOOPBACK}; ip link set dev lo up")
    machine.shell(NETWORKD)
    until("systemd-networkd is done", lambda: configured(machine), 30)
    again = machine.call(options)
    assert (again["changed"], again["commands"]) == (False, []), again

    # Removed in the kernel and from the files.
    gone = machine.call({**options, "segments": options["segments"][1:]})
    assert "remove /etc/systemd/network/11-routed-fabric-vxlan-vmbr200.netdev" in gone["commands"]
    time.sleep(0.5)  # systemd-networkd sees the links go; it must not make them again
    assert "vmbr200" not in machine.shell("ip -o link show").stdout
