"""Properties that hold for every fabric."""

from __future__ import annotations

import copy
import json

from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.planner import plan
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FEW = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def fabrics(draw) -> dict:
    """Two or three routers, hosts with one or more uplinks, one or both families."""
    families = draw(st.sampled_from([("4",), ("6",), ("4", "6")]))
    pools = {"asn": "4200000000-4200009999", "router_id": "10.255.0.0/16"}
    if "4" in families:
        pools["loopback4"] = "10.254.0.0/16"
    if "6" in families:
        pools["loopback6"] = "2001:db8:100::/64"
    routers = [f"tor{i}" for i in range(1, draw(st.integers(2, 3)) + 1)]
    same_as = draw(st.booleans())
    nodes: dict = {name: {"id": i, "asn": 65000 if same_as else 65000 + i} for i, name in enumerate(routers, start=1)}
    for number in draw(st.lists(st.integers(10, 5000), min_size=1, max_size=6, unique=True)):
        chosen = draw(st.lists(st.sampled_from(routers), min_size=1, unique=True))
        function = draw(st.sampled_from(["proxmox", "ceph", "server"]))
        nodes[f"host{number}"] = {
            "id": number,
            "functions": [function],
            "uplinks": {f"up{i}": f"{router}:p{number}" for i, router in enumerate(chosen)},
        }
    for name in routers:  # a router that no host chose
        if not any(v.startswith(f"{name}:") for node in nodes.values() for v in node.get("uplinks", {}).values()):
            del nodes[name]
    return {"plugin": "routed.fabric.fabric", "name": "x", "pools": pools, "nodes": nodes}


def identity(node: dict) -> tuple:
    return node["asn"], node["router_id"], node["loopback"], node["frr"]["config"]["router_id"]


@FEW
@given(fabrics(), st.data())
def test_removing_a_host_renumbers_nobody(fabric, data):
    before = plan(fabric).nodes
    hosts = [name for name in fabric["nodes"] if name.startswith("host")]
    gone = data.draw(st.sampled_from(hosts))
    smaller = copy.deepcopy(fabric)
    routers = {
        v.partition(":")[0]
        for n, node in smaller["nodes"].items()
        if n != gone
        for v in node.get("uplinks", {}).values()
    }
    smaller["nodes"] = {
        n: node for n, node in smaller["nodes"].items() if n != gone and (n.startswith("host") or n in routers)
    }
    if not smaller["nodes"]:
        return
    after = plan(smaller).nodes
    for name, node in after.items():
        assert identity(node) == identity(before[name])
        # the configuration of the other hosts does not change at all
        if name.startswith("host"):
            assert node["frr"] == before[name]["frr"]
            assert node["underlay"] == before[name]["underlay"]


@FEW
@given(fabrics())
def test_the_order_of_the_nodes_changes_no_address(fabric):
    turned = {**fabric, "nodes": dict(reversed(fabric["nodes"].items()))}
    before, after = plan(fabric).nodes, plan(turned).nodes
    assert {n: identity(v) for n, v in before.items()} == {n: identity(v) for n, v in after.items()}


@FEW
@given(fabrics(), st.booleans())
def test_a_host_sends_nothing_but_its_own(fabric, twin):
    for name, node in plan(fabric, twin=twin).nodes.items():
        if not name.startswith("host"):
            continue
        own = set(node["loopback"].values())
        for entry in node["verify"]["advertised"]:
            assert set(entry.get("ipv4", [])) | set(entry.get("ipv6", [])) <= own


@FEW
@given(fabrics())
def test_every_reference_in_the_configuration_is_defined(fabric):
    for node in plan(fabric).nodes.values():
        config = node["frr"]["config"]
        prefix_lists = {p["name"] for p in config["prefix_lists"]}
        route_maps = {r["name"] for r in config["route_maps"]}
        lists = {
            "as_path": {p["name"] for p in config["as_path_lists"]},
            "comm": {p["name"] for p in config["community_lists"]},
        }
        for route_map in config["route_maps"]:
            for entry in route_map["entries"]:
                match = entry.get("match", {})
                assert {match[k] for k in ("ip_prefix_list", "ipv6_prefix_list") if k in match} <= prefix_lists
                assert match.get("as_path") in lists["as_path"] | {None}
                assert entry.get("set", {}).get("comm_list_delete") in lists["comm"] | {None}
        for instance in config["instances"]:
            groups = {g["name"] for g in instance["peer_groups"]}
            neighbors = {n["neighbor"] for n in instance["neighbors"]}
            assert {n["peer_group"] for n in instance["neighbors"] if "peer_group" in n} <= groups
            for family in instance["address_families"]:
                for neighbor in family["neighbors"]:
                    assert neighbor["neighbor"] in groups | neighbors
                    assert set(neighbor.get("route_map", {}).values()) <= route_maps
        assert json.loads(json.dumps(node)) == node
