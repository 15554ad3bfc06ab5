"""What the plan decides about routed guests."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest
import yaml
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric import numbers
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.errors import FabricError
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.planner import Plan, plan

from .conftest import ROOT

EXAMPLE = yaml.safe_load((ROOT / "examples/routed-vms/fabric.yml").read_text(encoding="utf-8"))


def config(result: Plan, node: str) -> dict[str, Any]:
    return result.nodes[node]["frr"]["config"]


def named(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(item for item in items if item["name"] == name)


def family(result: Plan, node: str, afi: str = "ipv4") -> dict[str, Any]:
    return next(f for f in config(result, node)["instances"][0]["address_families"] if f["afi"] == afi)


def example(**more: Any) -> dict[str, Any]:
    return copy.deepcopy(EXAMPLE) | more


@pytest.fixture(scope="module")
def planned() -> Plan:
    return plan(EXAMPLE)


class TestWhere:
    def test_only_nodes_that_run_guests_have_the_part(self, planned):
        assert [n for n, node in planned.nodes.items() if "guests" in node] == ["pve1", "pve2", "pve3", "pve4"]
        assert "redistribute" not in family(planned, "gw1")

    def test_without_guest_prefixes_nobody_has_it(self):
        data = example(guests={})
        del data["guest_prefixes"]
        assert not [n for n, node in plan(data).nodes.items() if "guests" in node]

    def test_prefixes_alone_are_enough_where_proxmox_knows_the_addresses(self):
        result = plan(example(guests={}, guest_sources=["ipfilter"]))
        assert result.guests == {}
        assert result.nodes["pve1"]["guests"]["agent"]["sources"] == ["ipfilter"]
        assert "list" not in result.nodes["pve1"]["guests"]
        assert "dhcp" not in result.nodes["pve1"]["guests"]

    def test_every_node_has_the_same_bridge_with_the_same_addresses(self, planned):
        nodes = [planned.nodes[n]["guests"] for n in ("pve1", "pve2", "pve3", "pve4")]
        for key in ("bridge", "sysctl"):
            assert nodes[0][key] == nodes[1][key] == nodes[2][key]


class TestAnnouncements:
    @pytest.mark.parametrize("afi", ["ipv4", "ipv6"])
    def test_the_metric_becomes_the_length_of_the_path(self, planned, afi):
        entries = named(config(planned, "pve1")["route_maps"], f"fabric-guests-{afi}")["entries"]
        assert [(e["match"]["metric"], e["set"].get("as_path_prepend", [])) for e in entries] == [
            (10, []),
            (11, [4200000011]),
            (12, [4200000011, 4200000011]),
        ]
        assert {e["action"] for e in entries} == {"permit"}

    def test_only_single_addresses_and_declared_prefixes_go_out(self, planned):
        lists = config(planned, "pve1")["prefix_lists"]
        assert named(lists, "fabric-guests-ipv4")["entries"] == [
            {"sequence": 10, "action": "permit", "prefix": "203.0.113.0/24", "ge": 32},
            {"sequence": 20, "action": "permit", "prefix": "203.0.113.64/28"},
        ]
        assert [e["prefix"] for e in named(lists, "fabric-guests-ipv6")["entries"]] == [
            "2001:db8:1000::/56",
            "2001:db8:1000:50::/64",
        ]

    def test_the_gateway_of_the_guests_is_in_no_list(self, planned):
        for node in planned.nodes.values():
            for prefix_list in node["frr"]["config"]["prefix_lists"]:
                assert not [e for e in prefix_list["entries"] if e.get("prefix", "").startswith(("169.254", "fe80"))]

    def test_a_table_of_its_own_where_frr_can_read_one(self, planned):
        name = "fabric-guests-ipv4"
        assert family(planned, "pve1")["redistribute"] == [
            {"protocol": "table-direct", "table": 100, "route_map": name}
        ]
        assert family(planned, "pve3")["redistribute"] == [{"protocol": "kernel", "route_map": name}]
        assert planned.nodes["pve1"]["guests"]["agent"]["table"] == 100
        assert planned.nodes["pve3"]["guests"]["agent"]["table"] == 254

    def test_only_what_this_node_tagged_leaves_it(self, planned):
        export = named(config(planned, "pve1")["route_maps"], "fabric-export-ipv4")["entries"]
        assert export[1]["match"] == {
            "ip_prefix_list": "fabric-guests-ipv4",
            "community": {"list": "fabric-outside"},
        }
        importing = named(config(planned, "pve1")["route_maps"], "fabric-import-ipv4")["entries"]
        assert importing[0]["set"] == {"comm_list_delete": "fabric-outside"}

    def test_a_router_takes_a_guest_only_from_the_node_that_has_it(self, planned):
        made = config(planned, "tor1")
        assert named(made["route_maps"], "fabric-from-pve1-ipv4")["entries"][0]["match"] == {
            "ip_prefix_list": "fabric-from-pve1-ipv4",
            "as_path": "fabric-from-pve1",
        }
        assert named(made["as_path_lists"], "fabric-from-pve1")["entries"] == [
            {"sequence": 10, "action": "permit", "regex": "^4200000011(_4200000011)*$"}
        ]
        assert "as_path" not in named(made["route_maps"], "fabric-from-gw1-ipv4")["entries"][0]["match"]

    def test_what_such_a_node_learns_outside_has_a_longer_path_and_an_entry_of_its_own(self):
        upstream = {"node": "pve1", "interface": "eth9", "neighbor": "198.51.100.1", "remote_as": 64500}
        made = config(plan(example(upstreams={"t": upstream | {"accept": ["0.0.0.0/0"]}})), "tor1")
        entries = named(made["route_maps"], "fabric-from-pve1-ipv4")["entries"]
        assert [e["match"].get("ip_prefix_list") for e in entries] == [
            "fabric-from-pve1-ipv4",
            "fabric-from-pve1-ipv4-outside",
        ]
        assert "as_path" not in entries[1]["match"]

    def test_inside_of_one_as_the_metric_decides(self):
        nodes = copy.deepcopy(EXAMPLE["nodes"])
        for name in ("pve1", "pve2", "pve3"):
            nodes[name] |= {"asn": 65001}
        nodes["tor2"]["asn"] = 65001
        nodes["tor1"]["default_originate"] = nodes["tor2"]["default_originate"] = True
        made = config(plan(example(nodes=nodes)), "pve1")
        entries = named(made["route_maps"], "fabric-guests-ipv4")["entries"]
        assert ["as_path_prepend" in e["set"] for e in entries] == [False, False, False]

    def test_nodes_of_one_as_accept_the_longer_paths_of_each_others_guests(self):
        nodes = copy.deepcopy(EXAMPLE["nodes"])
        for name in ("pve1", "pve2"):
            nodes[name] |= {"asn": 65100, "allowas_in": True}
        result = plan(example(nodes=nodes))
        neighbors = family(result, "pve1")["neighbors"]
        assert next(n for n in neighbors if n["neighbor"] == "fabric-uplink")["allowas_in"] == 3


class TestForwarding:
    def test_the_device_belongs_to_the_node_and_knows_the_others(self, planned):
        forward = planned.nodes["pve1"]["guests"]["agent"]["forward"]
        assert {k: v for k, v in forward.items() if k != "peers"} == {
            "interface": "fabric-fwd",
            "vni": 211,
            "port": 4787,
            "mtu": 9000,
            "local": "2001:db8:100::b",
            "mac": "02:fd:00:00:00:0b",
            "link_local": "fe80::b",
        }
        assert list(forward["peers"]) == ["pve2", "pve3", "pve4"]
        assert planned.nodes["pve2"]["guests"]["agent"]["forward"]["mac"] == forward["peers"]["pve2"]["mac"]

    def test_a_large_id_fits(self):
        nodes = copy.deepcopy(EXAMPLE["nodes"])
        nodes["pve1"] |= {"id": 16777215, "loopback4": "192.0.2.1", "asn": 65100}
        forward = plan(example(nodes=nodes)).nodes["pve1"]["guests"]["agent"]["forward"]
        assert (forward["mac"], forward["link_local"]) == ("02:fd:00:ff:ff:ff", "fe80::ff:ffff")

    def test_the_mtu_is_that_of_the_narrowest_link(self):
        nodes = copy.deepcopy(EXAMPLE["nodes"])
        links = [{"a": "tor1:x", "b": "tor2:x", "mtu": 1600}]
        assert plan(example(nodes=nodes, links=links)).nodes["pve1"]["guests"]["agent"]["forward"]["mtu"] == 1530

    def test_ipv4_where_there_is_no_ipv6(self):
        data = example(guest_prefixes=["203.0.113.0/24"], underlay={"mtu": 1600})
        del data["pools"]["loopback6"]
        data["guests"] = {"web01": data["guests"]["web01"] | {"addresses": ["203.0.113.30"]}}
        forward = plan(data).nodes["pve1"]["guests"]["agent"]["forward"]
        assert (forward["local"], forward["mtu"]) == ("10.255.254.11", 1550)

    def test_a_single_node_has_nobody_to_forward_to(self):
        nodes = {n: node for n, node in EXAMPLE["nodes"].items() if n not in ("pve2", "pve3", "pve4")}
        guests = {"web01": EXAMPLE["guests"]["web01"]}
        assert plan(example(nodes=nodes, guests=guests, proxmox={})).nodes["pve1"]["guests"]["agent"]["forward"] is None


class TestValues:
    def test_what_is_written_in_other_ways_becomes_one(self):
        guest = {"vmid": 130, "mac": "52-02-45-76-D2-35", "addresses": ["2001:DB8:1000:0::80"]}
        assert plan(example(guests={"web01": guest})).guests["web01"] == {
            "name": "web01",
            "vmid": 130,
            "mac": "52:02:45:76:d2:35",
            "addresses": ["2001:db8:1000::80"],
            "prefixes": [],
            "nameservers": [],
            "interface": "ens18",
            "dhcp": False,
        }

    def test_two_interfaces_of_one_guest(self):
        one = {"vmid": 130, "mac": "52:02:45:76:d2:35", "addresses": ["203.0.113.1"]}
        two = {"vmid": 130, "mac": "52:02:45:76:d2:36", "addresses": ["203.0.113.2"]}
        assert len(plan(example(guests={"a": one, "b": two})).guests) == 2

    def test_a_guest_may_have_an_address_in_its_own_prefix(self):
        guest = {
            "vmid": 130,
            "mac": "52:02:45:76:d2:35",
            "addresses": ["203.0.113.65"],
            "prefixes": ["203.0.113.64/28"],
        }
        plan(example(guests={"a": guest}))

    def test_the_kernel_settings_leave_rp_filter_to_proxmox(self, planned):
        sysctl = planned.nodes["pve1"]["guests"]["sysctl"]
        assert not [key for key in sysctl if "rp_filter" in key]
        assert sysctl["net.ipv4.conf.all.send_redirects"] == sysctl["net.ipv4.conf.vmbr1.send_redirects"] == "0"

    def test_metrics_are_below_zebras(self):
        assert max(numbers.GUEST_METRICS.values()) < 20
        assert set(numbers.GUEST_METRICS) == set(numbers.GUEST_PREPENDS)


class TestThousands:
    @staticmethod
    def many(count: int, address: int | None = None) -> dict[str, Any]:
        guests = {
            f"g{i}": {
                "vmid": 100 + i,
                "mac": f"02:00:00:00:{i >> 8:02x}:{i & 255:02x}",
                "addresses": [f"10.64.{i >> 8}.{i & 255}", f"2001:db8:1000::{i if address is None else address:x}"],
                "prefixes": [f"2001:db8:1000:{i + 1:x}::/64"],
            }
            for i in range(count)
        }
        return example(guest_prefixes=["10.64.0.0/16", "2001:db8:1000::/48"], guests=guests)

    def test_four_thousand_guests_take_seconds(self):
        begun = time.process_time()
        result = plan(self.many(4000))
        assert len(result.guests) == 4000
        assert time.process_time() - begun < 15  # one second on an idle machine; comparing each with each takes minutes

    def test_thousands_of_mistakes_are_all_reported(self):
        with pytest.raises(FabricError) as caught:
            plan(self.many(2000, address=1))
        assert len(caught.value.problems) == 1999


class TestDhcp:
    def test_a_guest_that_wants_it_gets_its_one_address_and_option_121(self):
        guests = {
            "a": {
                "vmid": 160,
                "mac": "52:02:45:76:d2:60",
                "addresses": ["203.0.113.60", "2001:db8:1000::60"],
                "nameservers": ["9.9.9.9", "2620:fe::9"],
                "dhcp": True,
            },
            "b": {"vmid": 161, "mac": "52:02:45:76:d2:61", "addresses": ["203.0.113.61"]},
        }
        made = plan(example(guests=guests)).nodes["pve1"]["guests"]["dhcp"]["config"]
        assert made.splitlines()[2:] == [
            "port=0",
            "interface=vmbr1",
            "bind-dynamic",
            "except-interface=lo",
            "no-ping",
            "leasefile-ro",
            "dhcp-authoritative",
            "dhcp-option=option:netmask,255.255.255.255",
            "dhcp-option=option:router,169.254.0.1",
            "dhcp-option=option:classless-static-route,169.254.0.1/32,0.0.0.0,0.0.0.0/0,169.254.0.1",
            "shared-network=vmbr1,203.0.113.0",
            "dhcp-range=203.0.113.0,static,255.255.255.0,12h",
            "dhcp-host=52:02:45:76:d2:60,set:a,203.0.113.60,a,12h",
            "dhcp-option=tag:a,option:dns-server,9.9.9.9",
        ]

    def test_nobody_wants_it(self, planned):
        assert "dhcp" not in planned.nodes["pve1"]["guests"]


def test_the_twin_starts_the_guests():
    """On the node that they name; what Proxmox has no option for stands in the description."""
    nodes = plan(EXAMPLE, twin=True).nodes
    twin = nodes["pve1"]["twin"]
    assert twin["flavour"] == "proxmox"
    assert twin["container"] == {
        "name": "pve1",
        "image": "localhost/fabric-twin:trixie-proxmox",
        "shared": "/run/pvesim",
    }
    assert [guest["vmid"] for guest in twin["guests"]] == [130, 150]
    assert twin["guests"][1]["options"] == {
        "name": "k8s01",
        "net0": "virtio=52:02:45:76:D2:50,bridge=vmbr1",
        "ipconfig0": "ip=203.0.113.50/32,gw=169.254.0.1,ip6=2001:db8:1000::50/128,gw6=fe80::1",
        "description": "pvesim.net0: name=ens18 net=203.0.113.64/28 net=2001:db8:1000:50::/64",
        "onboot": "1",
    }
    assert nodes["tor1"]["twin"]["container"] == {"name": "tor1", "release": "trixie"}
    assert "guests" not in nodes["tor1"]["twin"]


def test_guests_that_name_no_node_are_spread():
    data = copy.deepcopy(EXAMPLE)
    for guest in data["guests"].values():
        guest.pop("node")
    nodes = plan(data, twin=True).nodes
    found = {
        name: [guest["vmid"] for guest in nodes[name]["twin"]["guests"]] for name in ("pve1", "pve2", "pve3", "pve4")
    }
    assert found == {"pve1": [130, 160], "pve2": [131], "pve3": [140], "pve4": [150]}
