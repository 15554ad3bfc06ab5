# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variant of the two datacenters with what their author could not get to work."""

from __future__ import annotations

import pytest
from probe import probing, until
from servers import VNI, address, behind, leg, mac, note, received, settled
from standing import Fabric

GATEWAYS = ("DC01GW01", "DC02GW01")
WORLD = "198.51.100.1"
SERVER, OTHER = "DC01Server03", "DC02Server03"


def default_over(fabric: Fabric, node: str) -> set[str]:
    """The loopbacks of the gateways whose default route a node has."""
    shown = fabric.json(node, "vtysh -c 'show bgp ipv4 unicast 0.0.0.0/0 json'")
    paths = [path["aspath"]["string"] for path in shown.get("paths", []) if path.get("valid")]
    return set(paths)


def has_default(fabric: Fabric, node: str) -> bool:
    return any(route["dst"] == "default" for route in fabric.json(node, "ip -j route show default"))


def test_reflectors_in_another_as_with_a_password(fabric: Fabric) -> None:
    vtep, reflector = fabric.nodes["DC01S01"], fabric.nodes["DC02RR01"]
    assert vtep["asn"] != reflector["asn"]
    shown = fabric.json("DC01S01", f"vtysh -c 'show bgp neighbors {fabric.loopback('DC02RR01', 4)} json'")
    (session,) = (entry for entry in shown.values() if isinstance(entry, dict))
    assert session["bgpState"] == "Established"
    assert session["nbrExternalLink"] is True
    for node in ("DC01S01", "DC02RR01"):
        text = fabric.vtysh(node, "show running-config")
        assert "password" in text
        assert (
            "not-a-secret-in-a-twin" not in fabric.play("site", "--tags", "frr", "--limit", f"localhost,{node}").output
        )
    # VTEPs of one AS hear each other by way of it, and the frames take the VTEP's own address.
    fabric.ask("DC01Server01", f"fabric-legs announce {leg(fabric, 'DC01Server01')}")
    settled(fabric, "DC01Server01", leg(fabric, "DC01Server01"))
    assert behind(fabric, "DC02S01", mac(fabric, "DC01Server01")) in {
        fabric.loopback(name, 4) for name in ("DC01S01", "DC01S02")
    }


def test_ipv4_and_evpn_in_one_instance(fabric: Fabric) -> None:
    shown = fabric.json("DC01S01", "vtysh -c 'show bgp summary json'")
    assert {"ipv4Unicast", "l2VpnEvpn"} <= set(shown)
    assert {family["as"] for family in shown.values()} == {fabric.nodes["DC01S01"]["asn"]}


@pytest.mark.parametrize("family", [4, 6])
def test_addresses_are_known_before_a_packet(fabric: Fabric, family: int) -> None:
    """With a gateway on the VTEPs, EVPN takes the IP address with the MAC address."""
    server = "DC01Server01"
    own = address(fabric, server, family)
    fabric.ask(server, f"fabric-legs announce {leg(fabric, server)}")

    def known() -> bool:
        shown = fabric.json("DC02S02", f"vtysh -c 'show evpn arp-cache vni {VNI} ip {own} json' || echo '{{}}'")
        return bool(shown.get("mac") == mac(fabric, server) and shown.get("type") == "remote")

    until(known, f"DC02S02 knows {own} as remote")


def test_servers_reach_the_world_through_a_gateway(fabric: Fabric) -> None:
    for server in ("DC01Server01", "DC02Server02"):
        fabric.ask(server, f"ping -n -c 2 -i 0.2 -W 5 {WORLD}")
    # translated: the world knows no address of the fabric
    assert not has_default(fabric, "outside")


def test_the_default_route_goes_with_the_uplink(fabric: Fabric, runs: int) -> None:
    try:
        _lose_uplinks(fabric, runs)
    finally:
        for gateway in GATEWAYS:
            fabric.ask(gateway, "ip link set dev eth9 up")
    until(lambda: has_default(fabric, SERVER), "the default route is back")
    fabric.verify()


def _lose_uplinks(fabric: Fabric, runs: int) -> None:
    """One gateway's, as often as it is measured, then both."""
    probes = []
    server = SERVER
    for dummy in range(runs):
        until(lambda: has_default(fabric, server), f"{server} has a default route")
        with probing(fabric, (server, "outside"), (fabric.loopback(server, 4), WORLD), flows=8, settle_s=3) as probe:
            fabric.ask("DC01GW01", "ip link set dev eth9 down")
            until(lambda: "0.0.0.0/0" not in sent(fabric, "DC01GW01"), "it announces nothing")
        assert probe.result is not None
        probes.append(probe.result)
        assert has_default(fabric, server), "the other gateway's is there"
        fabric.ask(server, f"ping -n -c 1 -W 5 {WORLD}")
        fabric.ask("DC01GW01", "ip link set dev eth9 up")
        until(lambda: "0.0.0.0/0" in sent(fabric, "DC01GW01"), "it announces again")
    how = "first gateway's uplink set down; UDP echo each 10 ms to the outside, 8 flows, worst"
    note("a gateway's uplink lost", probes, how)

    for gateway in GATEWAYS:
        fabric.ask(gateway, "ip link set dev eth9 down")
    until(lambda: not has_default(fabric, server), "nobody has a default route")


def sent(fabric: Fabric, gateway: str) -> set[str]:
    interface = next(s["neighbor"] for s in fabric.nodes[gateway]["verify"]["sessions"])
    command = f"show bgp ipv4 unicast neighbors {interface} advertised-routes json"
    return set(fabric.json(gateway, f"vtysh -c '{command}'").get("advertisedRoutes", {}))


FLOWS = 12
HOW = f"server with BGP and its own /32 and /128, {FLOWS} flows from the other datacenter, UDP echo each 10 ms, worst"
BFD_LINES = "transmit-interval {0}", "receive-interval {0}"


@pytest.mark.parametrize("family", [4, 6])
def test_a_server_with_bgp_loses_a_link(fabric: Fabric, runs: int, family: int) -> None:
    interface = fabric.link(SERVER, "DC01R01")[0]
    addresses = (fabric.loopback(OTHER, family), fabric.loopback(SERVER, family))
    probes = []
    for dummy in range(runs):
        with probing(fabric, (OTHER, SERVER), addresses, flows=FLOWS, settle_s=3) as probe:
            assert received(fabric, SERVER, interface) > 20, "no flow is on the link that is to go"
            fabric.ask(SERVER, f"ip link set dev {interface} down")
            until(lambda: not up(fabric, SERVER, interface), "the session is down")
        assert probe.result is not None
        probes.append(probe.result)
        fabric.ask(SERVER, f"ip link set dev {interface} up")
        until(lambda: up(fabric, SERVER, interface), "the session is back", 60)
        until(lambda: other_way(fabric, interface), "flows can take the link again", 30)
    fabric.verify()
    note(f"server with BGP, link down, IPv{family}", probes, HOW)
    for result in probes:
        assert result.gap_ms <= 250 + 2 * result.late_ms, result


@pytest.mark.parametrize("family", [4, 6])
def test_a_server_with_bgp_loses_a_link_silently(fabric: Fabric, runs: int, family: int) -> None:
    """With BFD of 3x100 ms on this one link; a run in which BFD was down before counts for nothing."""
    interface = fabric.link(SERVER, "DC01R01")[0]
    addresses = (fabric.loopback(OTHER, family), fabric.loopback(SERVER, family))
    ends = (SERVER, "DC01R01")
    slow = fabric.nodes[SERVER]["frr"]["config"]["bfd_profiles"][0]["transmit_interval_ms"]
    probes, void = [], 0
    bfd(fabric, ends, 100)
    try:
        while len(probes) < runs:
            assert void < 20, "BFD is down before anything was lost: this machine is too busy"
            until(lambda: up(fabric, SERVER, interface), "the session is up", 60)
            before = established(fabric, SERVER, interface)
            with probing(fabric, (OTHER, SERVER), addresses, flows=FLOWS, settle_s=3) as probe:
                assert received(fabric, SERVER, interface) > 20, "no flow is on the link that is to go"
                steady = established(fabric, SERVER, interface) == before
                fabric.twin(faults=[{"node": SERVER, "interface": interface, "kind": "silent"}])
                until(lambda: not up(fabric, SERVER, interface), "the session is down")
            fabric.twin(faults=[])
            assert probe.result is not None
            if steady and probe.result.late_ms < 100:
                probes.append(probe.result)
            else:
                void += 1
    finally:
        fabric.twin(faults=[])
        bfd(fabric, ends, slow)
    until(lambda: up(fabric, SERVER, interface), "the session is back", 60)
    fabric.verify()
    note(f"server with BGP, silent loss, BFD 3x100, IPv{family}", probes, f"{HOW}; {void} void")
    for result in probes:
        assert result.gap_ms <= 500 + 2 * result.late_ms, result


def other_way(fabric: Fabric, interface: str) -> bool:
    """Both sites' routers that the server is at know it over their own links, so that flows spread over both."""
    own = f"{fabric.loopback(SERVER, 4)}/32"
    at = fabric.link("DC01R01", SERVER)[0]
    shown = fabric.json("DC01R01", f"ip -j route show {own}")
    return any(route.get("dev") == at for route in shown) and up(fabric, SERVER, interface)


def up(fabric: Fabric, node: str, interface: str) -> bool:
    shown = fabric.json(node, f"vtysh -c 'show bgp neighbors {interface} json'")
    return bool(shown[interface]["bgpState"] == "Established")


def established(fabric: Fabric, node: str, interface: str) -> int:
    shown = fabric.json(node, f"vtysh -c 'show bgp neighbors {interface} json'")
    return int(shown[interface]["connectionsEstablished"])


def bfd(fabric: Fabric, nodes: tuple[str, ...], interval_ms: int) -> None:
    for node in nodes:
        lines = [line.format(interval_ms) for line in BFD_LINES]
        fabric.vtysh(node, "configure terminal", "bfd", "profile fabric-bfd", *lines)
