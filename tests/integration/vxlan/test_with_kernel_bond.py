# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server with active-backup bonding on two VTEPs, on Debian's own kernel: the kernel here may lack bonds.

The bond is made by role server's own program. Somebody behind each of the VTEPs talks to the server while its active
leg is lost: for one the server moves from its own VTEP to the other, for the other the reverse. In an emulated machine
the figures are upper bounds.
"""

from __future__ import annotations

import json
import re

from figures import accepting, record
from frrlab import until
from qemulab import CHECKOUT, Qemu

RUNS = 10 if accepting() else 1
SEGMENT = {"vni": 300, "bridge": "lan300"}
SERVER, ADDRESS = "server", "10.30.0.101"
PROGRAM = CHECKOUT / "roles" / "server" / "files" / "fabric_legs.py"
CONFIG = {
    "mode": "bond",
    "legs": ["eth0", "eth1"],
    "shared_mac": False,
    "mtu": 1500,
    "addresses": [f"{ADDRESS}/24"],
    "announce_at_ms": [0, 20, 50, 100, 200, 500, 1000, 2000],
}
WATCHERS = {1: "10.30.0.1", 2: "10.30.0.2"}  # VTEP: the address of somebody behind it
BOUND_MS = 1500.0  # of an emulated machine with one slow processor


def build(machine: Qemu) -> None:
    machine.shell(f"ip netns add {SERVER}; mkdir -p /etc/routed-fabric; cat > /run/fabric_legs.py", PROGRAM.read_text())
    machine.shell("cat > /etc/routed-fabric/legs.json", json.dumps(CONFIG))
    for number, address in WATCHERS.items():
        options = {"local": f"10.255.0.{number}", "underlay_mtu": 9216, "persist": False, "segments": [SEGMENT]}
        made = machine.call(options, prefix=f"ip netns exec v{number}")
        assert made.get("changed"), made
        machine.shell(
            f"ip -n v{number} link add leg type veth peer name eth{number - 1} netns {SERVER};"
            f"ip -n v{number} link set dev leg master lan300 up;"
            f"ip netns add w{number}; ip -n v{number} link add watcher type veth peer name eth0 netns w{number};"
            f"ip -n v{number} link set dev watcher master lan300 up;"
            f"ip -n w{number} addr add {address}/24 dev eth0; ip -n w{number} link set dev eth0 up"
        )
    machine.shell(f"ip netns exec {SERVER} python3 -I -B /run/fabric_legs.py run > /run/legs.log 2>&1 < /dev/null &")


def active(machine: Qemu) -> str:
    shown = json.loads(machine.shell(f"ip -n {SERVER} -d -j link show dev bond0").stdout)
    return str(shown[0]["linkinfo"]["info_data"].get("active_slave", ""))


def behind(machine: Qemu, vtep: int, mac: str) -> str:
    """Where a VTEP forwards to: the other's address, or the name of its own port."""
    for line in machine.shell(f"ip netns exec v{vtep} bridge fdb show br lan300").stdout.splitlines():
        words = line.split()
        if words[0] == mac and "dst" in words:
            return words[words.index("dst") + 1]
    for line in machine.shell(f"ip netns exec v{vtep} bridge fdb show br lan300").stdout.splitlines():
        if line.startswith(f"{mac} dev leg "):
            return "leg"
    return ""


def longest_gap_ms(text: str) -> float:
    """Of the output of `ping -D`."""
    times = [float(found) for found in re.findall(r"^\[([0-9.]+)\] \d+ bytes from", text, flags=re.MULTILINE)]
    assert len(times) > 50, text[-500:]
    return max(later - earlier for earlier, later in zip(times, times[1:])) * 1000


def test_the_active_leg_is_lost(emulated: Qemu) -> None:
    try:
        build(emulated)
        gaps: dict[int, list[float]] = {1: [], 2: []}
        legs = {"eth0": 1, "eth1": 2}  # leg: its VTEP
        for address in WATCHERS.values():
            until(f"the server reaches {address}", lambda a=address: _reaches(emulated, a), 60)
        mac = emulated.shell(f"ip netns exec {SERVER} cat /sys/class/net/bond0/address").stdout.strip()
        for dummy in range(RUNS):
            old = active(emulated)
            new = "eth1" if old == "eth0" else "eth0"
            at, then = legs[old], legs[new]
            until("EVPN has it here", lambda v=then, a=at: behind(emulated, v, mac) == f"10.255.0.{a}", 30)
            for number in WATCHERS:
                emulated.shell(
                    f"ip netns exec w{number} ping -n -D -i 0.01 -w 6 {ADDRESS} > /run/ping{number} 2>&1 < /dev/null &"
                )
            emulated.shell(f"sleep 1; ip -n v{at} link set dev leg down")
            until("the bond has changed its leg", lambda n=new: active(emulated) == n, 10)
            until("EVPN has it there", lambda v=at, a=then: behind(emulated, v, mac) == f"10.255.0.{a}", 30)
            until("the pings end", lambda: emulated.shell("pgrep -x ping", check=False).returncode != 0, 30, 0.5)
            for number in WATCHERS:
                # The first is behind the VTEP that loses the server.
                gaps[1 if number == at else 2].append(longest_gap_ms(emulated.read(f"/run/ping{number}")))
            emulated.shell(f"ip -n v{at} link set dev leg up")
            until("both legs have a carrier", lambda: carriers(emulated) == 2, 30)
            assert active(emulated) == new, "it stays where it is: changing back would be another gap"
    finally:
        emulated.shell(
            "pkill -f '[f]abric_legs.py'; ip netns del server; ip netns del w1; ip netns del w2", check=False
        )
        for number in WATCHERS:
            options = {"local": f"10.255.0.{number}", "underlay_mtu": 9216, "persist": False, "segments": []}
            emulated.call(options, prefix=f"ip netns exec v{number}")
    for place, words in ((1, "from behind the VTEP that loses the server"), (2, "from behind the one that gets it")):
        found = sorted(round(gap) for gap in gaps[place])
        print(words, found)
        how = "active leg's port set down at the VTEP; ping each 10 ms in an emulated machine, longest gap"
        record("evpn", f"bond on two VTEPs, {words}", f"{' '.join(map(str, found))} ms", len(found), how)
        assert found[-1] <= BOUND_MS, found


def _reaches(machine: Qemu, address: str) -> bool:
    return machine.shell(f"ip netns exec {SERVER} ping -n -c 1 -W 2 {address}", check=False).returncode == 0


def carriers(machine: Qemu) -> int:
    shown = json.loads(machine.shell(f"ip -n {SERVER} -j link show").stdout)
    return sum(1 for link in shown if link["ifname"] in ("eth0", "eth1") and "LOWER_UP" in link["flags"])
