# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One machine a test, with a VTEP's addresses on lo."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from figures import accepting
from machine import Machine
from qemulab import Qemu

LOOPBACK = "ip addr add 10.255.0.11/32 dev lo; ip addr add 2001:db8:100::b/128 dev lo"


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.live)


def _machine(release: str, disk: Path) -> Iterator[Machine]:
    made = Machine(release, disk, "vxlan_bridge")
    made.shell(LOOPBACK)
    yield made
    made.stop()


@pytest.fixture(params=["trixie", "bookworm"])
def each_machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    """For what depends on ifupdown2 and iproute2."""
    yield from _machine(request.param, tmp_path)


@pytest.fixture(params=["trixie", "bookworm"] if accepting() else ["trixie"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    yield from _machine(request.param, tmp_path)


@pytest.fixture(scope="session")
def emulated() -> Iterator[Qemu]:
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
