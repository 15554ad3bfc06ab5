# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The single form on Debian's own kernel, in the QEMU machine: the kernel here may lack VLAN-aware bridges."""

from __future__ import annotations

import json
import time
from typing import Any

from figures import accepting, record
from frrlab import until
from qemulab import Qemu

COUNT = 1000 if accepting() else 100
FILE = "/etc/network/interfaces.d/routed-fabric-vxlan"
BASE: dict[str, Any] = {"form": "single", "bridge": "fab", "device": "vx", "local": "10.255.0.1", "underlay_mtu": 9216}


def call(emulated: Qemu, number: int, options: dict[str, Any], check: bool = False) -> dict[str, Any]:
    return emulated.call(options, check, prefix=f"ip netns exec v{number}")


def segments(count: int, first: int = 1) -> list[dict[str, Any]]:
    return [{"vni": 20000 + vlan, "vlan": vlan} for vlan in range(first, first + count)]


def known(emulated: Qemu, number: int) -> int:
    found = json.loads(emulated.shell(f"vtysh -N v{number} -c 'show evpn vni json'").stdout or "{}")
    return sum(1 for vni in found.values() if isinstance(vni, dict))


def test_two_vteps_and_what_is_kept(emulated: Qemu) -> None:
    """Without files here: both VTEPs share them."""
    options = {**BASE, "persist": False, "segments": segments(5)}
    options["segments"][2].update(addresses=["10.3.0.1/24", "2001:db8:3::1/64"], mtu=9000)
    predicted = call(emulated, 1, options, check=True)
    assert predicted.get("changed"), predicted
    first = call(emulated, 1, options)
    assert first["commands"] == predicted["commands"]
    assert first["commands"][-4:] == [
        "bridge vlan add dev fab vid 1-5 self",
        "bridge vni add dev vx vni 20001-20005",
        "bridge vlan add dev vx vid 1-5",
        "bridge vlan add dev vx vid 1-5 tunnel_info id 20001-20005",
    ]
    assert first["after"] == predicted["after"]
    again = call(emulated, 1, options)
    assert (again["changed"], again["commands"]) == (False, [])
    other = {**options, "local": "10.255.0.2", "segments": segments(5)}
    assert call(emulated, 2, other).get("changed")
    for number in (1, 2):
        emulated.shell(
            f"ip netns add g{number};"
            f"ip -n v{number} link add tap10{number}i0 type veth peer name eth0 netns g{number};"
            f"ip -n v{number} link set dev tap10{number}i0 master fab up;"
            f"ip netns exec v{number} bridge vlan add dev tap10{number}i0 vid 4 pvid untagged;"
            f"ip -n g{number} addr add 10.4.0.{number}/24 dev eth0; ip -n g{number} link set dev eth0 up"
        )
    ping = "ip netns exec g1 ping -n -c 1 -W 2 10.4.0.2"
    until("the guest of the other VTEP answers", lambda: emulated.shell(ping, check=False).returncode == 0, 90)
    mac = emulated.shell("ip netns exec g2 cat /sys/class/net/eth0/address").stdout.strip()
    until(
        "the MAC address from EVPN",
        lambda: (
            f"{mac} dst 10.255.0.2 src_vni 20004" in emulated.shell("ip netns exec v1 bridge fdb show dev vx").stdout
        ),
        30,
    )

    # Fewer, others, another map: in place, and the guests stay where they are.
    links = "cat /sys/class/net/fab/ifindex /sys/class/net/vx/ifindex /sys/class/net/tap101i0/ifindex"
    inside = f"ip netns exec v1 sh -c 'mount -t sysfs sysfs /sys && {links}'"
    before = emulated.shell(f"unshare -m {inside}").stdout
    changed = {**options, "segments": [*segments(2, 4), {"vni": 20001, "vlan": 7}]}
    result = call(emulated, 1, changed)
    assert [command for command in result["commands"] if command.startswith("bridge")] == [
        "bridge vlan del dev fab vid 1-3 self",
        "bridge vlan add dev fab vid 7 self",
        "bridge vlan del dev vx vid 1 tunnel_info id 20001",
        "bridge vlan del dev vx vid 2 tunnel_info id 20002",
        "bridge vlan del dev vx vid 3 tunnel_info id 20003",
        "bridge vni del dev vx vni 20002-20003",
        "bridge vlan del dev vx vid 1-3",
        "bridge vlan add dev vx vid 7",
        "bridge vlan add dev vx vid 7 tunnel_info id 20001",
    ]
    assert emulated.shell(f"unshare -m {inside}").stdout == before
    assert emulated.shell(ping, check=False).returncode == 0
    absent = {**BASE, "state": "absent", "persist": False, "segments": [{"vni": 20001}]}
    assert [c for c in call(emulated, 1, absent)["commands"] if c.startswith("bridge")] == [
        "bridge vlan del dev fab vid 7 self",
        "bridge vlan del dev vx vid 7 tunnel_info id 20001",
        "bridge vni del dev vx vni 20001",
        "bridge vlan del dev vx vid 7",
    ]
    for number in (1, 2):
        emulated.shell(f"ip -n v{number} link del vx; ip -n v{number} link del fab; ip netns del g{number}")


def test_many_segments(emulated: Qemu) -> None:
    options = {**BASE, "persist": False, "segments": segments(COUNT)}
    pids = emulated.shell("pgrep -x 'zebra|bgpd' | sort").stdout
    times: dict[str, float] = {}
    begun = time.monotonic()
    result = call(emulated, 1, options)
    times["created"] = time.monotonic() - begun
    assert result.get("changed"), result
    until("all VNIs in FRR", lambda: known(emulated, 1) == COUNT, 180)
    begun = time.monotonic()
    assert call(emulated, 1, options)["commands"] == []
    times["second run"] = time.monotonic() - begun
    begun = time.monotonic()
    assert call(emulated, 1, {**options, "segments": segments(COUNT // 2)})["changed"]
    times["halved"] = time.monotonic() - begun
    until("half of the VNIs in FRR", lambda: known(emulated, 1) == COUNT // 2, 180)
    assert call(emulated, 1, {**options, "segments": []})["changed"]
    until("no VNI in FRR", lambda: known(emulated, 1) == 0, 180)
    assert emulated.shell("pgrep -x 'zebra|bgpd' | sort").stdout == pids
    begun = time.monotonic()
    for tool in ("ip", "bridge"):
        lines = [command[len(tool) + 1 :] for command in result["commands"] if command.startswith(f"{tool} ")]
        emulated.shell(f"{tool} -n v1 -batch -", "".join(f"{line}\n" for line in lines))
    plain = time.monotonic() - begun
    emulated.shell("ip -n v1 link del vx; ip -n v1 link del fab")
    for name, seconds in times.items():
        how = f"{COUNT} VNIs of a single VXLAN device with FRR, whole module call in an emulated machine"
        figure = f"{seconds:.1f} s; {seconds / plain:.1f} times the creation by `ip -batch` and `bridge -batch`"
        record("evpn", f"{COUNT} VNIs of a single VXLAN device {name}", figure, 1, how)


def test_files_and_the_next_boot(emulated: Qemu) -> None:
    """In the machine's own network namespace, with ifupdown2."""
    emulated.shell(r"sed -i 's#^iface lo.*#&\n address 10.255.0.1/32#' /etc/network/interfaces; ifup lo")
    emulated.shell("ip link add eth9 type veth peer name far9; ip link set dev far9 up")
    options = {**BASE, "segments": segments(5)}
    options["segments"][2].update(addresses=["10.3.0.1/24", "2001:db8:3::1/64"], gateway_mac="02:00:5e:00:02:03")
    options["segments"][3].update(ports=["eth9"])
    assert emulated.call(options).get("persisted") == "ifupdown2"
    watched = "ip -o link show; bridge vlan show; bridge vlan tunnelshow; bridge vni show; ip -o addr show"
    # eth9's own link-local address may still be checked for a duplicate
    until("no address tentative", lambda: "tentative" not in emulated.shell("ip -o addr show").stdout, 10)
    before = emulated.shell(watched).stdout
    for dummy in range(2):
        done = emulated.shell("ifreload -a")
        assert "error" not in done.stderr
    assert emulated.shell(watched).stdout == before
    emulated.shell("ip link del dev vx; ip link del dev fab; ip link set dev eth9 down; ifup -a")
    again = emulated.call(options)
    assert (again["changed"], again["commands"]) == (False, []), again
    emulated.call({**options, "segments": []})
    assert emulated.shell(f"ls {FILE} /etc/network/routed-fabric-vxlan.vlans", check=False).stdout == ""
