"""The topologies that the project grew from are valid fabrics, and say what they should."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.planner import Plan, plan

FOLDER = Path(__file__).parent / "seeds"
ALL = sorted(FOLDER.glob("*.yml"))


def planned(name: str, twin: bool = False) -> Plan:
    return plan(yaml.safe_load((FOLDER / f"{name}.yml").read_text(encoding="utf-8")), twin=twin)


def instance(result: Plan, node: str) -> dict:
    return result.nodes[node]["frr"]["config"]["instances"][0]


def reached(result: Plan, node: str) -> set[str]:
    return {entry["node"] for entry in result.nodes[node]["verify"]["loopbacks"]}


@pytest.mark.parametrize("twin", [False, True])
@pytest.mark.parametrize("path", ALL, ids=lambda p: p.stem)
def test_it_is_a_valid_fabric(path, twin):
    result = planned(path.stem, twin)
    assert result.nodes
    for node in result.nodes.values():
        assert node["loopback"]["interface"] in ("lo", "dummy0")


def test_routed_vms_announces_its_guests_upstream_and_takes_a_default_route():
    config = planned("routed-vms").nodes["hv1"]["frr"]["config"]
    lists = {p["name"]: p["entries"] for p in config["prefix_lists"]}
    assert lists["fabric-upstream-transit-v6-in-ipv6"] == [{"sequence": 10, "action": "permit", "prefix": "::/0"}]
    assert lists["fabric-upstream-transit-v6-out-ipv6"] == [
        {"sequence": 10, "action": "permit", "prefix": "2001:678:3a4:100::/56", "le": 128}
    ]
    assert {"prefix": "2001:678:3a4:100::/56", "blackhole": True} in config["static_routes"]
    neighbor = next(n for n in config["instances"][0]["neighbors"] if n["neighbor"] == "2001:678:3a4:1::50")
    assert neighbor["remote_as"] == 64500


def test_wireguard_home_announces_exactly_its_aggregate():
    node = planned("wireguard-home").nodes["proxmox01"]
    assert node["router_id"] == "2.57.57.4"
    assert node["verify"]["advertised"] == [{"neighbor": "2001:678:3a4:1::3", "ipv6": ["2a14:9b80::/32"]}]
    family = node["frr"]["config"]["instances"][0]["address_families"][0]
    assert family["networks"] == [{"prefix": "2001:678:3a4:1::100/128"}, {"prefix": "2a14:9b80::/32"}]


def test_ceph_is_ipv6_only_with_a_default_route_over_both_uplinks():
    result = planned("ceph-l3")
    assert [f["afi"] for f in instance(result, "ceph01")["address_families"]] == ["ipv6"]
    assert "ipv4" not in result.nodes["ceph01"]["loopback"]
    uplinks = ["enp196s0f0np0", "enp196s0f1np1"]
    assert {"prefix": "::/0", "interfaces": uplinks} in result.nodes["ceph01"]["verify"]["ecmp"]
    assert {"prefix": "2001:db8:100::2/128", "interfaces": uplinks} in result.nodes["ceph01"]["verify"]["ecmp"]
    assert result.groups["fabric_unmanaged"] == ["tor01", "tor02"]
    # what an unmanaged router sends is not ours to promise
    assert result.nodes["tor01"]["verify"]["advertised"] == []


def test_the_ceph_twin_has_stand_ins_with_linux_names():
    tor = planned("ceph-l3", twin=True).nodes["tor01"]
    assert tor["managed"] is True
    assert tor["twin"]["stand_in_for"] == "junos"
    assert [i["name"] for i in tor["underlay"]["interfaces"]] == ["xe-0-0-1", "xe-0-0-2", "xe-0-0-3"]
    assert tor["verify"]["advertised"][0] == {
        "neighbor": "xe-0-0-1",
        "ipv6": ["2001:db8:100::2/128", "2001:db8:100::3/128", "2001:db8:100::c9/128", "::/0"],
    }


def test_proxmox_nodes_reach_each_other_over_both_routers_without_being_transit():
    result = planned("proxmox-evpn")
    node = result.nodes["infra-72-45-36"]
    assert node["asn"] == 4200400036
    assert {"prefix": "10.255.254.6/32", "interfaces": ["enp101s0f0np0", "enp101s0f1np1"]} in node["verify"]["ecmp"]
    assert node["verify"]["advertised"][0]["ipv4"] == ["10.255.254.5/32"]
    # two routers without a link between them do not hear each other through a host
    assert reached(result, "leaf1") == {"infra-72-45-36", "infra-72-45-37", "infra-72-45-38"}


def test_two_datacenters_hear_each_other_inside_and_between_the_sites():
    result = planned("two-datacenters")
    everybody = set(result.nodes)
    for name in everybody:
        assert reached(result, name) == everybody - {name}, name
    groups = {g["name"]: g for g in instance(result, "dc01r01")["peer_groups"]}
    assert groups["fabric-routers-internal-nobfd"]["remote_as"] == 65001
    assert groups["fabric-routers-nobfd"]["remote_as"] == "external"
    assert groups["fabric-hosts-internal-nobfd"]["remote_as"] == 65001
    family = instance(result, "dc01r01")["address_families"][0]
    clients = [n["neighbor"] for n in family["neighbors"] if n.get("route_reflector_client")]
    assert clients == ["fabric-hosts-internal-nobfd"]
    # the reflectors are in another AS than the VTEPs
    vtep = {g["name"]: g for g in instance(result, "dc02s01")["peer_groups"]}["fabric-reflectors-external"]
    assert (vtep["remote_as"], vtep["ebgp_multihop"], vtep["update_source"]) == ("external", 255, "10.0.3.1")
    assert instance(result, "dc01rr01")["cluster_id"] == "10.0.1.129"
    assert result.nodes["dc01r01"]["underlay"]["interfaces"][0]["addresses"] == [
        {"address": "10.0.1.128/32", "peer": "10.0.128.128/32"}
    ]
    gateway = next(
        n
        for n in instance(result, "dc01gw01")["address_families"][0]["neighbors"]
        if n["neighbor"] == "fabric-uplink-nobfd"
    )
    assert gateway["default_originate"] is True


def test_l2_over_l3_has_a_numbered_and_an_unnumbered_session():
    result = planned("l2-over-l3")
    assert [s["neighbor"] for s in result.nodes["transit"]["verify"]["sessions"]] == ["eth2", "172.16.0.1"]
    assert reached(result, "vrouter1") == {"transit", "vrouter2"}
    assert result.nodes["vrouter1"]["underlay"]["interfaces"][0]["addresses"] == [{"address": "172.16.0.1/30"}]
