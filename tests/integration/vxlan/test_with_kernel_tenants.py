# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several ASes by VRF with L3VNI (RFC 9135, RFC 9136), on Debian's own kernel: the kernel here may lack VRFs.

Two tenants with the same networks, each in a VRF with an AS of its own on either VTEP. The devices are made by
vxlan_bridge, the VRF itself by a line of iproute2, the instances are written by frr_bgp.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from frrlab import until
from qemulab import Qemu


class Tenant(NamedTuple):
    name: str
    table: int
    l3vni: int
    first_vni: int
    """The segment on VTEP N has the VNI that is N higher."""
    ases: dict[int, int]
    """VTEP to the AS of the tenant's instance there."""


TENANTS = (
    Tenant("red", 1001, 9001, 100, {1: 65101, 2: 65201}),
    Tenant("blue", 1002, 9002, 200, {1: 65102, 2: 65202}),
)


def bridges(number: int) -> dict[str, Any]:
    """A segment of each tenant that is on this VTEP alone, and the one between the VTEPs' VRFs."""
    segments: list[dict[str, Any]] = []
    for tenant in TENANTS:
        segments += [
            {
                "vni": tenant.first_vni + number,
                "bridge": f"{tenant.name}{number}",
                "addresses": [f"10.1.{number}.1/24"],
            },
            {"vni": tenant.l3vni, "bridge": f"{tenant.name}l3"},
        ]
    return {"local": f"10.255.0.{number}", "underlay_mtu": 9216, "persist": False, "segments": segments}


def routing(number: int) -> dict[str, Any]:
    raw, instances = [], []
    for tenant in TENANTS:
        raw += [f"vrf {tenant.name}", f" vni {tenant.l3vni}", "exit-vrf"]
        instances.append(
            {
                "asn": tenant.ases[number],
                "vrf": tenant.name,
                "router_id": f"10.255.0.{number}",
                "address_families": [
                    {"afi": "ipv4", "safi": "unicast", "redistribute": [{"protocol": "connected"}]},
                    {"afi": "l2vpn", "safi": "evpn", "advertise": [{"afi": "ipv4"}]},
                ],
            }
        )
    return {"state": "rendered", "config": {"raw_lines": raw, "instances": instances}}


def build(machine: Qemu, number: int) -> None:
    inside = f"ip -n v{number}"
    for tenant in TENANTS:
        machine.shell(
            f"{inside} link add {tenant.name} type vrf table {tenant.table}; {inside} link set dev {tenant.name} up"
        )
    made = machine.call(bridges(number), prefix=f"ip netns exec v{number}")
    assert made.get("changed"), made
    for tenant in TENANTS:
        name, host = tenant.name, f"{tenant.name}-host{number}"
        machine.shell(
            f"for b in {name}{number} {name}l3; do {inside} link set dev $b master {name}; done;"
            f"ip netns add {host}; {inside} link add t-{name} type veth peer name eth0 netns {host};"
            f"{inside} link set dev t-{name} master {name}{number} up;"
            f"ip -n {host} addr add 10.1.{number}.10/24 dev eth0; ip -n {host} link set dev eth0 up;"
            f"ip -n {host} route add default via 10.1.{number}.1"
        )
    result = machine.call(routing(number), module="frr_bgp")
    rendered = result.get("rendered")
    assert rendered, result
    machine.shell(f"cat > /run/tenants{number}; vtysh -N v{number} -f /run/tenants{number}", rendered)
    # A bridge that is in a VRF is as planned: the second run takes it out of nothing.
    again = machine.call(bridges(number), prefix=f"ip netns exec v{number}")
    assert (again["changed"], again["commands"]) == (False, [])


def routes(machine: Qemu, number: int, tenant: str) -> dict[str, dict[str, Any]]:
    shown = json.loads(machine.shell(f"ip -n v{number} -j route show vrf {tenant} proto bgp").stdout or "[]")
    return {route["dst"]: route for route in shown}


def reaches(machine: Qemu, host: str, target: str) -> bool:
    return machine.shell(f"ip netns exec {host} ping -n -c 1 -W 2 {target}", check=False).returncode == 0


def layer3(machine: Qemu, tenant: str) -> tuple[int, str, str]:
    """L3VNI of a VRF on VTEP 1, its bridge, and whether it is up."""
    (vrf,) = json.loads(machine.shell(f"vtysh -N v1 -c 'show vrf {tenant} vni json'").stdout)["vrfs"]
    return vrf["vni"], vrf["sviIntf"], vrf["state"]


def test_tenants_with_an_as_of_their_own(emulated: Qemu) -> None:
    try:
        for number in (1, 2):
            build(emulated, number)
        _check(emulated)
    finally:
        for number in (1, 2):
            for tenant in TENANTS:
                lines = ("configure terminal", f"no router bgp {tenant.ases[number]} vrf {tenant.name}")
                lines += (f"vrf {tenant.name}", "no vni")
                vtysh = " ".join(f"-c '{line}'" for line in lines)
                emulated.shell(f"vtysh -N v{number} {vtysh}; ip netns del {tenant.name}-host{number}", check=False)
            emulated.call({**bridges(number), "segments": []}, prefix=f"ip netns exec v{number}")
            emulated.shell(f"for t in red blue; do ip -n v{number} link del dev $t; done", check=False)


def _check(machine: Qemu) -> None:
    for tenant, l3vni, ases in ((each.name, each.l3vni, each.ases) for each in TENANTS):
        until(f"the other VTEP's network in VRF {tenant}", lambda t=tenant: "10.1.2.0/24" in routes(machine, 1, t), 90)
        route = routes(machine, 1, tenant)["10.1.2.0/24"]
        assert (route["gateway"], route["dev"]) == ("10.255.0.2", f"{tenant}l3")
        until(
            f"the host of tenant {tenant} at the other VTEP answers",
            lambda t=tenant: reaches(machine, f"{t}-host1", "10.1.2.10"),
            30,
        )
        shown = json.loads(
            machine.shell(f"vtysh -N v1 -c 'show bgp vrf {tenant} ipv4 unicast 10.1.2.0/24 json'").stdout
        )
        # The VTEP's own AS, and behind it the tenant's there. Route targets differ in the AS and match by the VNI.
        assert [path["aspath"]["string"] for path in shown["paths"]] == [f"65002 {ases[2]}"]
        assert layer3(machine, tenant) == (l3vni, f"{tenant}l3", "Up")
    # The default VRF knows nothing of the tenants, and the tenants nothing of each other, although they have the same
    # addresses: an address that only red has is not there for blue.
    assert not machine.shell("ip -n v1 route show 10.1.2.0/24").stdout
    machine.shell("ip -n red-host2 addr add 10.1.2.11/24 dev eth0")
    assert reaches(machine, "red-host1", "10.1.2.11")
    assert not reaches(machine, "blue-host1", "10.1.2.11")
