# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Segments, who carries EVPN, attached servers and border gateways."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.planner import Plan, plan

from .conftest import ROOT
from .test_plan import config, family, named

EXAMPLES = ROOT / "examples"


def example(name: str, twin: bool = False) -> Plan:
    return plan(yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8")), twin=twin)


DATACENTERS = "two-datacenters/fabric.yml"
VARIANT = "two-datacenters/with-default-route.fabric.yml"

FABRIC: dict[str, Any] = {
    "plugin": "routed.fabric.fabric",
    "name": "x",
    "pools": {"asn": "4200000000-4200009999", "loopback4": "192.0.2.0/24", "loopback6": "2001:db8::/64"},
    "underlay": {"mtu": 9216},
    "nodes": {
        "r1": {"id": 1},
        "v1": {"id": 11, "functions": ["vtep"], "uplinks": {"up": "r1:a"}},
        "v2": {"id": 12, "functions": ["vtep"], "uplinks": {"up": "r1:b"}},
        "rr1": {"id": 21, "functions": ["route_reflector"], "uplinks": {"up": "r1:c"}},
    },
    "segments": {"lan": {"vni": 100}},
}


def changed(**more: Any) -> Plan:
    return plan({**copy.deepcopy(FABRIC), **more})


def instance(result: Plan, node: str) -> dict[str, Any]:
    found: dict[str, Any] = config(result, node)["instances"][0]
    return found


def groups(result: Plan, node: str) -> dict[str, dict[str, Any]]:
    return {group["name"]: group for group in instance(result, node)["peer_groups"]}


class TestSegments:
    def test_every_vtep_is_a_member_where_nobody_says_so(self):
        result = changed()
        assert result.nodes["v1"]["overlay"] == {
            "form": "per_vni",
            "local": "192.0.2.11",
            "port": 4789,
            "underlay_mtu": 9216,
            "segments": [
                {
                    "vni": 100,
                    "bridge": "vmbr100",
                    "mtu": 1500,
                    "addresses": [],
                    "ports": [],
                    "suppress": False,
                    "flooding": True,
                }
            ],
        }
        assert result.nodes["v1"]["verify"]["segments"][0]["remotes"] == ["192.0.2.12"]
        assert "overlay" not in result.nodes["r1"]

    def test_members_have_addresses_and_ports_in_every_form(self):
        members = {"v1": "198.51.100.1/24", "v2": {"addresses": ["198.51.100.2/24"], "ports": ["eth5"]}}
        result = changed(segments={"lan": {"vni": 100, "members": members}})
        (first,) = result.nodes["v1"]["overlay"]["segments"]
        (second,) = result.nodes["v2"]["overlay"]["segments"]
        assert first["addresses"] == ["198.51.100.1/24"]
        assert (second["addresses"], second["ports"]) == (["198.51.100.2/24"], ["eth5"])
        assert changed(segments={"lan": {"vni": 1, "members": ["v2"]}}).nodes["v1"]["overlay"]["segments"] == []

    def test_the_single_form_has_a_vlan_for_each(self):
        segments = {"a": {"vni": 100}, "b": {"vni": 5000, "vlan": 7}}
        node = changed(overlay={"form": "single"}, segments=segments).nodes["v1"]
        assert (node["overlay"]["bridge"], node["overlay"]["device"]) == ("fabricbr", "fabricvx")
        assert [(s["vni"], s["vlan"]) for s in node["overlay"]["segments"]] == [(100, 100), (5000, 7)]
        assert {s["device"] for s in node["verify"]["segments"]} == {"fabricvx"}

    def test_a_gateway_is_the_same_everywhere_and_announced_where_asked(self):
        gateway = {"addresses": ["198.51.100.1/24", "2001:db8:1::1/64"], "announce": True}
        result = changed(segments={"lan": {"vni": 0x010203, "gateway": gateway}})
        for node in ("v1", "v2"):
            (segment,) = result.nodes[node]["overlay"]["segments"]
            assert segment["gateway_mac"] == "02:fb:00:01:02:03"
            assert {"prefix": "198.51.100.0/24"} in family(result, node, "ipv4")["networks"]
            assert {"prefix": "2001:db8:1::/64"} in family(result, node, "ipv6")["networks"]
        assert "198.51.100.0/24" in result.nodes["v1"]["verify"]["advertised"][0]["ipv4"]
        wanted = {"prefix": "198.51.100.0/24", "interfaces": ["a", "b"]}
        assert wanted in result.nodes["r1"]["verify"]["ecmp"]
        quiet = changed(segments={"lan": {"vni": 5, "gateway": {"addresses": ["198.51.100.1/24"]}}})
        assert family(quiet, "v1", "ipv4")["networks"] == [{"prefix": "192.0.2.11/32"}]

    def test_ipv6_vteps_flood_to_a_list(self):
        result = changed(overlay={"local": "ipv6"})
        assert result.nodes["v1"]["overlay"]["local"] == "2001:db8::b"
        assert result.nodes["v1"]["overlay"]["remote_vteps"] == ["2001:db8::c"]
        assert [f["afi"] for f in instance(result, "v1")["address_families"]] == ["ipv4", "ipv6"]
        assert result.nodes["v1"]["verify"]["segments"][0]["evpn"] is False

    @pytest.mark.parametrize(
        ("duplicates", "expected"),
        [
            ({}, {"enabled": True, "max_moves": 5, "time_s": 180}),
            (True, {"enabled": True, "max_moves": 5, "time_s": 180}),
            (False, {"enabled": False}),
            ({"moves": 3, "freeze": 60}, {"enabled": True, "max_moves": 3, "time_s": 180, "freeze": "60"}),
            ({"freeze": "permanent"}, {"enabled": True, "max_moves": 5, "time_s": 180, "freeze": "permanent"}),
        ],
    )
    def test_duplicates(self, duplicates, expected):
        result = changed(overlay={"duplicates": duplicates})
        assert family(result, "v1", "l2vpn")["dup_addr_detection"] == expected

    def test_route_targets_are_written_where_they_are_given(self):
        targets = {"import": ["65000:100", "65001:100"], "export": ["65000:100"]}
        result = changed(segments={"lan": {"vni": 100, "route_targets": targets}, "other": {"vni": 101}})
        assert family(result, "v1", "l2vpn")["vnis"] == [{"vni": 100, "route_targets": targets}]


class TestReflectors:
    def test_vteps_of_another_as_speak_ebgp_over_several_hops(self):
        result = changed()
        group = groups(result, "v1")["fabric-reflectors-external"]
        assert (group["remote_as"], group["ebgp_multihop"], group["update_source"]) == ("external", 255, "192.0.2.11")
        assert "bfd" not in group
        (entry,) = family(result, "v1", "l2vpn")["neighbors"]
        assert entry == {
            "neighbor": "fabric-reflectors-external",
            "activate": True,
            "route_map": {"in": "fabric-import-evpn", "out": "fabric-export-evpn"},
            "allowas_in": 1,
        }
        export = named(config(result, "v1")["route_maps"], "fabric-export-evpn")["entries"]
        assert export[0]["match"] == {"as_path": "fabric-local"}
        sessions = result.nodes["v1"]["verify"]["sessions"]
        assert {"neighbor": "192.0.2.21", "peer": "rr1", "afis": ["l2vpn_evpn"], "bfd": False} in sessions
        assert "l2vpn" not in [f["afi"] for f in instance(result, "r1")["address_families"]]

    def test_a_reflector_takes_from_a_vtep_what_begins_there_and_passes_everything_on(self):
        result = changed()
        (entry,) = family(result, "rr1", "l2vpn")["neighbors"]
        assert entry["route_map"] == {"in": "fabric-from-host-evpn", "out": "fabric-export-evpn"}
        assert "route_reflector_client" not in entry
        maps = {m["name"]: m["entries"][0] for m in config(result, "rr1")["route_maps"]}
        assert maps["fabric-from-host-evpn"]["match"] == {"as_path": "fabric-neighbor"}
        assert "match" not in maps["fabric-export-evpn"]
        assert "advertise_all_vni" not in family(result, "rr1", "l2vpn")

    def test_one_as_is_ibgp_with_clients_and_a_number(self):
        result = example(DATACENTERS)
        vtep, reflector = (groups(result, name) for name in ("DC01S01", "DC01RR01"))
        assert vtep["fabric-reflectors"]["remote_as"] == 65127
        assert reflector["fabric-vteps"]["remote_as"] == 65127
        entries = {e["neighbor"]: e for e in family(result, "DC01RR01", "l2vpn")["neighbors"]}
        assert entries["fabric-vteps"]["route_reflector_client"] is True
        assert "route_reflector_client" not in entries["fabric-reflectors"]
        assert instance(result, "DC01RR01")["cluster_id"] == "10.0.1.129"
        assert instance(result, "DC01RR01")["listen"] == {
            "limit": 20,
            "ranges": [{"prefix": "10.0.0.0/16", "peer_group": "fabric-vteps"}],
        }
        named_neighbors = [n["neighbor"] for n in instance(result, "DC01RR01")["neighbors"]]
        assert "10.0.3.129" in named_neighbors  # the other reflector
        assert "10.0.1.1" not in named_neighbors  # VTEPs come by themselves
        assert {s["neighbor"] for s in result.nodes["DC01RR01"]["verify"]["sessions"]} >= {"10.0.1.1", "10.0.3.1"}

    def test_the_password_is_a_name(self):
        result = example(VARIANT)
        for node in ("DC01S01", "DC01RR01"):
            found = [g["password"] for g in groups(result, node).values() if "password" in g]
            assert found
            assert all(value == {"secret": "evpn_password"} for value in found)

    def test_the_underlay_carries_it_where_there_is_no_reflector(self):
        result = example("proxmox-evpn/fabric.yml")
        entries = family(result, "infra-72-45-36", "l2vpn")["neighbors"]
        assert [e["neighbor"] for e in entries] == ["enp101s0f0np0", "enp101s0f1np1"]
        assert family(result, "infra-72-45-36", "l2vpn")["advertise_all_vni"] is True


class TestServers:
    def test_an_attached_server_is_no_node_of_the_routing(self):
        result = example(DATACENTERS)
        node = result.nodes["DC02Server01"]
        assert set(node) == {
            *("name", "fabric", "site", "platform", "managed", "release", "functions", "server", "twin"),
        }
        assert node["server"]["legs"] == ["eth0", "eth1"]
        assert node["server"]["shared_mac"] is True
        assert "DC02Server01" not in result.groups["fabric_managed"]
        assert "DC02Server01" in result.groups["fabric_servers"]
        assert "DC02Server01" in result.groups["function_server"]
        assert all("DC02Server01" not in str(other["verify"]) for other in result.nodes.values() if "verify" in other)

    def test_its_legs_are_ports_and_cables(self):
        result = example(DATACENTERS, twin=True)
        (segment,) = result.nodes["DC01S01"]["overlay"]["segments"]
        assert segment["ports"] == ["eth2", "eth3"]
        cable = {
            "a": {"node": "DC01S01", "interface": "eth2"},
            "b": {"node": "DC01Server01", "interface": "eth0"},
            "mtu": 1500,
        }
        assert cable in result.links
        assert [i["name"] for i in result.nodes["DC01S01"]["underlay"]["interfaces"]] == ["eth0", "eth1"]

    def test_its_gateways_are_the_segments(self):
        assert example(VARIANT).nodes["DC01Server01"]["server"]["gateways"] == ["10.1.0.1", "2001:db8:1::1"]

    def test_a_server_with_bgp_is_a_host(self):
        node = example(VARIANT).nodes["DC01Server03"]
        assert node["loopback"]["ipv4"] == "10.0.1.200/32"
        assert all(session["bfd"] for session in node["verify"]["sessions"])


class TestGateways:
    def test_the_default_route_goes_by_what_the_uplink_has(self):
        result = example(VARIANT)
        made = config(result, "DC01GW01")
        assert made["static_routes"] == [{"prefix": "0.0.0.0/0", "next_hop": "192.168.1.1", "interface": "eth9"}]
        redistributed = family(result, "DC01GW01", "ipv4")["redistribute"]
        assert redistributed == [{"protocol": "static", "route_map": "fabric-gateway-ipv4"}]
        (entry,) = named(made["route_maps"], "fabric-gateway-ipv4")["entries"]
        assert entry["match"] == {"ip_prefix_list": "fabric-gateway-ipv4", "interface": "eth9"}
        assert entry["set"]["community"]["values"] == ["64512:211"]
        assert all("default_originate" not in n for n in family(result, "DC01GW01", "ipv4")["neighbors"])
        assert "0.0.0.0/0" in result.nodes["DC01GW01"]["verify"]["advertised"][0]["ipv4"]
        # it takes the other's while it has none itself
        entries = named(made["prefix_lists"], "fabric-accepted-ipv4")["entries"]
        assert "0.0.0.0/0" in [entry["prefix"] for entry in entries]

    def test_without_a_next_hop_the_kernels_own_counts(self):
        nodes = {"r1": {"id": 1}}
        nodes["g1"] = {
            "id": 2,
            "functions": ["border_gateway"],
            "uplinks": {"up": "r1:a"},
            "gateway": {"uplink": "wan"},
        }
        result = changed(nodes=nodes, segments={})
        assert "static_routes" not in config(result, "g1")
        for afi in ("ipv4", "ipv6"):
            wanted = [{"protocol": "kernel", "route_map": f"fabric-gateway-{afi}"}]
            assert family(result, "g1", afi)["redistribute"] == wanted
        assert "ruleset" not in result.nodes["g1"]["gateway"]
        assert [i["name"] for i in result.nodes["g1"]["underlay"]["interfaces"]] == ["up"]

    def test_one_that_does_not_announce_translates_only(self):
        result = example(DATACENTERS)
        assert "redistribute" not in family(result, "DC01GW01", "ipv4")
        assert result.nodes["DC01GW01"]["gateway"]["ruleset"].endswith(
            "table ip fabric_gateway\n"
            "delete table ip fabric_gateway\n"
            "table ip fabric_gateway {\n"
            "\tchain postrouting {\n"
            "\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
            '\t\toifname "eth9" masquerade\n'
            "\t}\n"
            "}\n"
        )

    def test_prefixes_that_are_translated(self):
        gateway = {"uplink": "wan", "nat": ["10.0.0.0/8", "192.168.0.0/16"]}
        nodes = {"r1": {"id": 1}, "g1": {"id": 2, "functions": ["border_gateway"], "uplinks": {"up": "r1:a"}}}
        nodes["g1"]["gateway"] = gateway
        ruleset = changed(nodes=nodes, segments={}).nodes["g1"]["gateway"]["ruleset"]
        assert '\t\toifname "wan" ip saddr { 10.0.0.0/8, 192.168.0.0/16 } masquerade\n' in ruleset

    def test_the_twin_has_an_outside(self):
        result = example(VARIANT, twin=True)
        outside = result.nodes["outside"]
        assert "addr replace 192.168.1.1/24 dev uplinks" in outside["outside"]["ip_batch"]
        assert "outside" in result.groups["fabric"]
        assert "outside" not in result.groups["fabric_managed"]
        ends = [link["a"] for link in result.links if link["b"]["node"] == "outside"]
        assert ends == [{"node": "DC01GW01", "interface": "eth9"}, {"node": "DC02GW01", "interface": "eth9"}]
        assert "outside" not in example(VARIANT).nodes


def test_no_bfd_beside_a_point_to_point_address():
    """FRR 10.3 loses it for ever when the neighbor restarts."""
    for name, bfd in ((DATACENTERS, False), (VARIANT, True)):
        by_peer = {s["peer"]: s["bfd"] for s in example(name).nodes["DC01R01"]["verify"]["sessions"]}
        assert by_peer["DC01R02"] is bfd
        assert by_peer["DC01S01"] is bfd
