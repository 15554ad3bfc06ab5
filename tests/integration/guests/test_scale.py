# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A large node of a large cluster, its configurations read through FUSE: ready soon, quiet afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from figures import accepting, record
from guestlab import Guests

NODE, ELSEWHERE_NODE = "pve1", "pve2"
FIRST = 10000
PREFIX4, PREFIX6 = "198.18.0.0/15", "2001:db8:1000:f000::/56"
CONFIG = "/etc/routed-guests/config.json"
LIST = "/etc/pve/fabric/guests.json"
READY_S, IDLE_SHARE = 2.0, 0.01


def sizes() -> tuple[int, int, int]:
    """Guests here, guests elsewhere, idle seconds."""
    return (1000, 3000, 60) if accepting() else (100, 300, 10)


@pytest.fixture
def crowd(guests: Guests) -> Iterator[Guests]:
    """Configurations written through Proxmox's file system, and taps without a machine behind them."""
    here, elsewhere, dummy = sizes()
    make = f"""
import json, os, pathlib
claims = json.load(open("{LIST}"))
for number in range({here + elsewhere}):
    vmid = {FIRST} + number
    mac = "52:02:01:00:%02x:%02x" % (number >> 8, number & 255)
    node = "{NODE}" if number < {here} else "{ELSEWHERE_NODE}"
    text = "name: g%d\\nmemory: 2048\\nnet0: virtio=%s,bridge=vmbr1\\n" % (vmid, mac.upper())
    pathlib.Path("/etc/pve/nodes/%s/qemu-server/%d.conf" % (node, vmid)).write_text(text)
    addresses = ["198.18.%d.%d" % (number >> 8, number & 255), "2001:db8:1000:f000::%x" % number]
    claims["guests"].append({{"name": "g%d" % vmid, "vmid": vmid, "mac": mac, "addresses": addresses, "prefixes": []}})
pathlib.Path("/root/guests.before").write_text(open("{LIST}").read())
pathlib.Path("{LIST}").write_text(json.dumps(claims))
config = json.load(open("{CONFIG}"))
pathlib.Path("/root/config.before").write_text(json.dumps(config, indent=1))
config["prefixes"] += ["{PREFIX4}", "{PREFIX6}"]
pathlib.Path("{CONFIG}").write_text(json.dumps(config))
lines = []
for number in range({here}):
    tap = "tap%di0" % ({FIRST} + number)
    lines += ["link add %s type veth peer name g%d" % (tap, number)]
    lines += ["link set %s addrgenmode none master vmbr1 up" % tap]
pathlib.Path("/root/taps").write_text("\\n".join(lines) + "\\n")
"""
    remove = f"""
import pathlib
for node in ("{NODE}", "{ELSEWHERE_NODE}"):
    for file in pathlib.Path("/etc/pve/nodes/%s/qemu-server" % node).glob("1????.conf"):
        file.unlink()
pathlib.Path("{LIST}").write_text(open("/root/guests.before").read())
pathlib.Path("{CONFIG}").write_text(open("/root/config.before").read())
pathlib.Path("/root/taps").write_text("".join("link del tap%di0\\n" % n for n in range({FIRST}, {FIRST + here})))
"""
    guests.ask(NODE, "systemctl stop routed-guests")
    try:
        guests.ask(
            NODE,
            f"python3 - <<'END'\n{make}\nEND\nip -batch /root/taps",
        )
        yield guests
    finally:
        guests.shell(NODE, f"python3 - <<'END'\n{remove}\nEND\nip -force -batch /root/taps", 300)
        guests.ask(NODE, "systemctl restart routed-guests")


def processor_s(guests: Guests) -> float:
    """What the agent and its ended children have taken: a clock that other work on the machine does not move."""
    pid = guests.ask(NODE, "systemctl show -p MainPID --value routed-guests").strip()
    fields = guests.ask(NODE, f"cat /proc/{pid}/stat").rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11:15]) / 100


def test_a_large_node(crowd: Guests) -> None:
    here, elsewhere, idle_s = sizes()
    ready = []
    for dummy in range(3):
        # without routes: as after a boot, all of them have to be made
        crowd.ask(NODE, "ip route flush table 100 proto 212; ip -6 route flush table 100 proto 212")
        crowd.ask(NODE, "systemctl start routed-guests")
        status = crowd.status(NODE)
        ready.append(float(status["ready_s"]))
        mine = [guest for guest in status["guests"] if guest["vmid"] >= FIRST]
        assert len(mine) == here, f"{len(mine)} of {here}"
        routes = json.loads(crowd.ask(NODE, "ip -j route show table 100 proto 212"))
        assert len([route for route in routes if route["dst"].startswith("198.18.")]) == here
        if dummy < 2:
            crowd.ask(NODE, "systemctl stop routed-guests")
    crowd.settle(15)  # fresh claims become steady ones
    before = processor_s(crowd)
    crowd.settle(idle_s)
    share = (processor_s(crowd) - before) / idle_s
    text = f"ready after {', '.join(f'{value:.2f}' for value in ready)} s; idle {100 * share:.2f} % of a core"
    print(f"\n{here} guests here, {elsewhere} elsewhere: {text}")
    record("guests", f"{here} guests on a node", text, 3, f"{elsewhere} elsewhere; {idle_s} s idle; read through FUSE")
    assert min(ready) < READY_S, text
    assert share < IDLE_SHARE, text
