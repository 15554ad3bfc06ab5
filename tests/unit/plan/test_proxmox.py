"""What a Proxmox node is given: names, links of corosync, the migration network, firewall objects."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric import addressing
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.planner import plan
from hypothesis import assume, given
from hypothesis import strategies as st

from .test_plan import TWO_TORS, fabric, host

CLUSTER = {"clusters": {"ams": {"nodes": ["pve2", "pve1"]}}}
NODES = TWO_TORS | {"pve1": host(11), "pve2": host(12), "pve3": host(13)}


def of(name: str, data: dict[str, Any], **options: Any) -> dict[str, Any]:
    found = plan(data, **options).nodes[name]["proxmox"]
    assert isinstance(found, dict)
    return found


def test_without_a_cluster_everything_else_is_planned() -> None:
    found = of("pve1", fabric(NODES, domain="example.net"))
    assert found == {
        "hosts": [
            {"address": f"192.0.2.{number}", "names": [f"pve{number - 10}.example.net", f"pve{number - 10}"]}
            for number in (11, 12, 13)
        ],
        "nics": ["up0", "up1"],
        "start_order": {"deadline_s": 60, "peers": []},
        "repository": "none",
        "install": False,
        "migration": {"type": "secure", "network": "192.0.2.0/24"},
        "firewall": {"local_network": "192.0.2.0/24", "management": ["192.0.2.0/24", "2001:db8:100::/64"]},
    }


def test_a_cluster() -> None:
    more = {"firewall": {"management": ["203.0.113.0/24"]}, "repository": "no-subscription", "install": True}
    found = of("pve1", fabric(NODES, proxmox=CLUSTER | more))
    assert found["cluster"] == {
        "name": "ams",
        "first": "pve2",
        "nodes": [
            {"name": "pve2", "id": 12, "link0": "192.0.2.12", "link1": "2001:db8:100::c"},
            {"name": "pve1", "id": 11, "link0": "192.0.2.11", "link1": "2001:db8:100::b"},
        ],
    }
    assert found["hosts"] == [
        {"address": "192.0.2.12", "names": ["pve2"]},
        {"address": "192.0.2.11", "names": ["pve1"]},
    ]
    assert found["start_order"]["peers"] == ["192.0.2.12"]
    assert found["firewall"]["management"] == ["192.0.2.0/24", "2001:db8:100::/64", "203.0.113.0/24"]
    assert (found["repository"], found["install"]) == ("no-subscription", True)


def test_the_others_are_on_their_own() -> None:
    found = of("pve3", fabric(NODES, proxmox=CLUSTER))
    assert "cluster" not in found
    assert [entry["names"] for entry in found["hosts"]] == [["pve3"]]


def test_links_in_the_order_that_is_asked_for() -> None:
    proxmox = {"clusters": {"ams": {"nodes": ["pve1", "pve2"], "links": ["ipv6"], "migration": "insecure"}}}
    found = of("pve1", fabric(NODES, proxmox=proxmox))
    assert found["cluster"]["nodes"][0] == {"name": "pve1", "id": 11, "link0": "2001:db8:100::b"}
    assert found["hosts"][0]["address"] == "2001:db8:100::b"
    assert found["migration"] == {"type": "insecure", "network": "2001:db8:100::/64"}


def test_nodes_without_a_common_family_stand_alone() -> None:
    pools = {"asn": "4200000000-4200009999", "router_id": "192.0.2.0/24"}
    nodes = {
        "tor1": {"id": 1, "asn": 65001, "loopback4": "192.0.2.1", "loopback6": "2001:db8::1"},
        "pve1": {"id": 11, "functions": ["proxmox"], "uplinks": {"e0": "tor1:p1"}, "loopback4": "192.0.2.11"},
        "pve2": {"id": 12, "functions": ["proxmox"], "uplinks": {"e0": "tor1:p2"}, "loopback6": "2001:db8::c"},
    }
    data = fabric(nodes) | {"pools": pools}
    assert of("pve1", data)["migration"]["network"] == "192.0.2.11/32"
    assert of("pve2", data)["hosts"] == [{"address": "2001:db8::c", "names": ["pve2"]}]


def test_the_migration_network_is_not_the_pool_where_a_link_has_an_address_in_it() -> None:
    links = [{"a": "pve1:eth9", "b": "pve2:eth9", "ipv4": "192.0.2.128/31", "ipv6": "2001:db8:1::/127"}]
    found = of("pve1", fabric(NODES, links=links, proxmox=CLUSTER))
    assert found["migration"]["network"] == "192.0.2.8/29"


def test_point_to_point_links_may_carry_the_loopback_address() -> None:
    links = [{"a": "pve1:eth9", "b": "pve2:eth9", "ipv4": {"a": "192.0.2.11", "b": "192.0.2.12"}}]
    links[0]["ipv6"] = {"a": "2001:db8:100::b", "b": "2001:db8:100::c"}
    assert of("pve1", fabric(NODES, links=links, proxmox=CLUSTER))["migration"]["network"] == "192.0.2.0/24"


@given(st.sets(st.integers(2, 250), min_size=1, max_size=6), st.integers(1, 254))
def test_the_migration_network_holds_each_loopback_and_nothing_else_of_theirs(ids: set[int], other: int) -> None:
    assume(other not in sorted(ids)[1:])
    names = {number: f"pve{number}" for number in sorted(ids)}
    nodes = {"tor1": {"id": 1, "asn": 65001}, "tor2": {"id": 251, "asn": 65002}}
    nodes |= {name: host(number) for number, name in names.items()}
    first = next(iter(names.values()))
    address = f"192.0.2.{other}"
    upstream = {"node": first, "interface": "eno1", "neighbor": "203.0.113.2", "remote_as": 64500}
    data = fabric(nodes, upstreams={"t": upstream | {"addresses": [f"{address}/32", "203.0.113.1/30"]}})
    found = of(first, data).get("migration")
    loopbacks = [f"192.0.2.{number}" for number in names]
    if found is None:  # an undeclared group does without
        assert address not in loopbacks
        assert addressing.contains(addressing.spanning(loopbacks), address)
        return
    assert all(addressing.contains(found["network"], loopback) for loopback in loopbacks)
    assert address == loopbacks[0] or not addressing.contains(found["network"], address)


@pytest.mark.parametrize("name", ["lo", "eth0.100", "bond0", "vmbr0", "vlan10"])
def test_only_hardware_is_written_into_the_main_file(name: str) -> None:
    upstream = {"node": "pve1", "interface": name, "addresses": ["203.0.113.1/30"], "neighbor": "203.0.113.2"}
    if name == "lo":
        upstream["interface"] = "eno1"
    nics = of("pve1", fabric(NODES, upstreams={"t": upstream | {"remote_as": 64500}}))["nics"]
    assert nics == (["up0", "up1", "eno1"] if name == "lo" else ["up0", "up1"])


def test_unmanaged_nodes_have_their_part_in_the_twin() -> None:
    data = fabric(NODES | {"pve9": host(19, managed=False)}, proxmox=CLUSTER)
    assert of("pve9", data, twin=True)["hosts"]


def test_other_nodes_have_none() -> None:
    assert "proxmox" not in plan(fabric(NODES)).nodes["tor1"]
