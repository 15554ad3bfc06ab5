# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The single form on Debian's own kernel, in the QEMU machine: this machine's kernel has no VLAN-aware bridges."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from figures import accepting, record
from frrlab import until
from qemulab import Qemu

COUNT = 1000 if accepting() else 100
FILE = "/etc/network/interfaces.d/routed-fabric-vxlan"
BASE: dict[str, Any] = {"form": "single", "bridge": "fab", "device": "vx", "local": "10.255.0.1", "underlay_mtu": 9216}
FRR = """frr defaults datacenter
hostname v{number}
router bgp 6500{number}
 bgp router-id 10.255.0.{number}
 no bgp ebgp-requires-policy
 neighbor core interface remote-as external
 neighbor core timers connect 1
 neighbor core capability extended-nexthop
 address-family ipv4 unicast
  redistribute connected
 exit-address-family
 address-family l2vpn evpn
  neighbor core activate
  advertise-all-vni
 exit-address-family
exit
"""


@pytest.fixture(scope="module")
def machine() -> Iterator[Qemu]:
    """Two VTEPs in one machine: namespaces v1 and v2, with a cable between them, and FRR in both."""
    with Qemu("vxlan_bridge") as made:
        for number in (1, 2):
            made.shell(
                f"ip netns add v{number}; ip -n v{number} link set dev lo up;"
                f"ip -n v{number} addr add 10.255.0.{number}/32 dev lo;"
                f"ip netns exec v{number} sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'"
            )
        made.shell(
            "ip link add core netns v1 mtu 9216 type veth peer name core netns v2 mtu 9216;"
            "for n in 1 2; do ip -n v$n link set dev core up; done"
        )
        for number in (1, 2):
            place = f"/etc/frr/v{number}"
            made.shell(f"mkdir -p {place} /run/frr/v{number}; cat > {place}/frr.conf", FRR.format(number=number))
            made.shell(
                f"touch {place}/vtysh.conf; chown -R frr:frr /etc/frr /run/frr;"
                f"for d in mgmtd zebra bgpd; do ip netns exec v{number} /usr/lib/frr/$d -N v{number} -d -F datacenter "
                f"> /dev/null 2>&1 < /dev/null || exit 1; done; vtysh -N v{number} -b"
            )
        yield made


def call(machine: Qemu, number: int, options: dict[str, Any], check: bool = False) -> dict[str, Any]:
    return machine.call(options, check, prefix=f"ip netns exec v{number}")


def segments(count: int, first: int = 1) -> list[dict[str, Any]]:
    return [{"vni": 20000 + vlan, "vlan": vlan} for vlan in range(first, first + count)]


def known(machine: Qemu, number: int) -> int:
    found = json.loads(machine.shell(f"vtysh -N v{number} -c 'show evpn vni json'").stdout or "{}")
    return sum(1 for vni in found.values() if isinstance(vni, dict))


def test_two_vteps_and_what_is_kept(machine: Qemu) -> None:
    """Without files here: both VTEPs share them."""
    options = {**BASE, "persist": False, "segments": segments(5)}
    options["segments"][2].update(addresses=["10.3.0.1/24", "2001:db8:3::1/64"], mtu=9000)
    predicted = call(machine, 1, options, check=True)
    assert predicted.get("changed"), predicted
    first = call(machine, 1, options)
    assert first["commands"] == predicted["commands"]
    assert first["commands"][-4:] == [
        "bridge vlan add dev fab vid 1-5 self",
        "bridge vni add dev vx vni 20001-20005",
        "bridge vlan add dev vx vid 1-5",
        "bridge vlan add dev vx vid 1-5 tunnel_info id 20001-20005",
    ]
    assert first["after"] == predicted["after"]
    again = call(machine, 1, options)
    assert (again["changed"], again["commands"]) == (False, [])
    other = {**options, "local": "10.255.0.2", "segments": segments(5)}
    assert call(machine, 2, other).get("changed")
    for number in (1, 2):
        machine.shell(
            f"ip netns add g{number};"
            f"ip -n v{number} link add tap10{number}i0 type veth peer name eth0 netns g{number};"
            f"ip -n v{number} link set dev tap10{number}i0 master fab up;"
            f"ip netns exec v{number} bridge vlan add dev tap10{number}i0 vid 4 pvid untagged;"
            f"ip -n g{number} addr add 10.4.0.{number}/24 dev eth0; ip -n g{number} link set dev eth0 up"
        )
    ping = "ip netns exec g1 ping -n -c 1 -W 2 10.4.0.2"
    until("the guest of the other VTEP answers", lambda: machine.shell(ping, check=False).returncode == 0, 90)
    mac = machine.shell("ip netns exec g2 cat /sys/class/net/eth0/address").stdout.strip()
    until(
        "the MAC address from EVPN",
        lambda: (
            f"{mac} dst 10.255.0.2 src_vni 20004" in machine.shell("ip netns exec v1 bridge fdb show dev vx").stdout
        ),
        30,
    )

    # Fewer, others, another map: in place, and the guests stay where they are.
    links = "cat /sys/class/net/fab/ifindex /sys/class/net/vx/ifindex /sys/class/net/tap101i0/ifindex"
    inside = f"ip netns exec v1 sh -c 'mount -t sysfs sysfs /sys && {links}'"
    before = machine.shell(f"unshare -m {inside}").stdout
    changed = {**options, "segments": [*segments(2, 4), {"vni": 20001, "vlan": 7}]}
    result = call(machine, 1, changed)
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
    assert machine.shell(f"unshare -m {inside}").stdout == before
    assert machine.shell(ping, check=False).returncode == 0
    absent = {**BASE, "state": "absent", "persist": False, "segments": [{"vni": 20001}]}
    assert [c for c in call(machine, 1, absent)["commands"] if c.startswith("bridge")] == [
        "bridge vlan del dev fab vid 7 self",
        "bridge vlan del dev vx vid 7 tunnel_info id 20001",
        "bridge vni del dev vx vni 20001",
        "bridge vlan del dev vx vid 7",
    ]
    for number in (1, 2):
        machine.shell(f"ip -n v{number} link del vx; ip -n v{number} link del fab; ip netns del g{number}")


def test_many_segments(machine: Qemu) -> None:
    options = {**BASE, "persist": False, "segments": segments(COUNT)}
    pids = machine.shell("pgrep -x 'zebra|bgpd' | sort").stdout
    times: dict[str, float] = {}
    begun = time.monotonic()
    result = call(machine, 1, options)
    times["created"] = time.monotonic() - begun
    assert result.get("changed"), result
    until("all VNIs in FRR", lambda: known(machine, 1) == COUNT, 180)
    begun = time.monotonic()
    assert call(machine, 1, options)["commands"] == []
    times["second run"] = time.monotonic() - begun
    begun = time.monotonic()
    assert call(machine, 1, {**options, "segments": segments(COUNT // 2)})["changed"]
    times["halved"] = time.monotonic() - begun
    until("half of the VNIs in FRR", lambda: known(machine, 1) == COUNT // 2, 180)
    assert call(machine, 1, {**options, "segments": []})["changed"]
    until("no VNI in FRR", lambda: known(machine, 1) == 0, 180)
    assert machine.shell("pgrep -x 'zebra|bgpd' | sort").stdout == pids
    begun = time.monotonic()
    for tool in ("ip", "bridge"):
        lines = [command[len(tool) + 1 :] for command in result["commands"] if command.startswith(f"{tool} ")]
        machine.shell(f"{tool} -n v1 -batch -", "".join(f"{line}\n" for line in lines))
    plain = time.monotonic() - begun
    machine.shell("ip -n v1 link del vx; ip -n v1 link del fab")
    for name, seconds in times.items():
        how = f"{COUNT} VNIs of a single VXLAN device with FRR, whole module call in an emulated machine"
        figure = f"{seconds:.1f} s; {seconds / plain:.1f} times the creation by `ip -batch` and `bridge -batch`"
        record("overlay", f"{COUNT} VNIs of a single VXLAN device {name}", figure, 1, how)


def test_files_and_the_next_boot(machine: Qemu) -> None:
    """In the machine's own network namespace, with ifupdown2."""
    machine.shell(r"sed -i 's#^iface lo.*#&\n address 10.255.0.1/32#' /etc/network/interfaces; ifup lo")
    machine.shell("ip link add eth9 type veth peer name far9; ip link set dev far9 up")
    options = {**BASE, "segments": segments(5)}
    options["segments"][2].update(addresses=["10.3.0.1/24", "2001:db8:3::1/64"], gateway_mac="02:00:5e:00:02:03")
    options["segments"][3].update(ports=["eth9"])
    assert machine.call(options).get("persisted") == "ifupdown2"
    watched = "ip -o link show; bridge vlan show; bridge vlan tunnelshow; bridge vni show; ip -o addr show"
    before = machine.shell(watched).stdout
    for dummy in range(2):
        done = machine.shell("ifreload -a")
        assert "error" not in done.stderr
    assert machine.shell(watched).stdout == before
    machine.shell("ip link del dev vx; ip link del dev fab; ip link set dev eth9 down; ifup -a")
    again = machine.call(options)
    assert (again["changed"], again["commands"]) == (False, []), again
    machine.call({**options, "segments": []})
    assert machine.shell(f"ls {FILE} /etc/network/routed-fabric-vxlan.vlans", check=False).stdout == ""
