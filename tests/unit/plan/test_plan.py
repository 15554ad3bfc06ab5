"""What the plan decides, rule by rule."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric import addressing
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.plan.twin import twin_interface
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.plan.underlay import interface_key
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.planner import Plan, plan


def fabric(nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    pools = {"asn": "4200000000-4200009999", "loopback4": "192.0.2.0/24", "loopback6": "2001:db8:100::/64"}
    return {"plugin": "routed.fabric.fabric", "name": "x", "pools": pools, "nodes": nodes} | more


def config(result: Plan, node: str) -> dict[str, Any]:
    return result.nodes[node]["frr"]["config"]


def family(result: Plan, node: str, afi: str) -> dict[str, Any]:
    return next(f for f in config(result, node)["instances"][0]["address_families"] if f["afi"] == afi)


def neighbor(result: Plan, node: str, name: str, afi: str = "ipv4") -> dict[str, Any]:
    return next(n for n in family(result, node, afi)["neighbors"] if n["neighbor"] == name)


def named(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(item for item in items if item["name"] == name)


TWO_TORS = {"tor1": {"id": 1, "asn": 65001}, "tor2": {"id": 2, "asn": 65002}}


def host(number: int, **more: Any) -> dict[str, Any]:
    uplinks = {"up0": f"tor1:p{number}", "up1": f"tor2:p{number}"}
    return {"id": number, "functions": ["proxmox"], "uplinks": uplinks} | more


class TestTransit:
    def test_a_host_exports_by_prefix_and_empty_path(self):
        made = config(plan(fabric(TWO_TORS | {"h1": host(11)})), "h1")
        export = named(made["route_maps"], "fabric-export-ipv4")
        assert export["entries"] == [
            {
                "sequence": 10,
                "action": "permit",
                "match": {"ip_prefix_list": "fabric-own-ipv4", "as_path": "fabric-local"},
            }
        ]
        assert named(made["prefix_lists"], "fabric-own-ipv4")["entries"][0]["prefix"] == "192.0.2.11/32"
        assert named(made["as_path_lists"], "fabric-local")["entries"][0]["regex"] == "^$"

    def test_what_an_upstream_gives_leaves_by_tag_and_the_tag_is_removed_from_what_the_fabric_sends(self):
        gateway = host(31, functions=["border_gateway"])
        upstream = {"node": "h1", "interface": "eth3", "neighbor": "198.51.100.1", "remote_as": 64500}
        upstreams = {"t": upstream | {"accept": ["0.0.0.0/0"], "announce": ["203.0.113.0/24"]}}
        result = plan(fabric(TWO_TORS | {"h1": gateway}, upstreams=upstreams))
        made = config(result, "h1")
        assert named(made["route_maps"], "fabric-export-ipv4")["entries"][1]["match"] == {
            "ip_prefix_list": "fabric-outside-ipv4",
            "community": {"list": "fabric-outside"},
        }
        assert named(made["route_maps"], "fabric-upstream-t-in-ipv4")["entries"][0]["set"]["community"] == {
            "values": ["64512:211"],
            "additive": True,
        }
        assert named(made["route_maps"], "fabric-import-ipv4")["entries"][0]["set"] == {
            "comm_list_delete": "fabric-outside"
        }
        assert neighbor(result, "h1", "198.51.100.1")["soft_reconfiguration_inbound"] is True
        # the others hear the default route over the gateway
        assert "0.0.0.0/0" in result.nodes["tor1"]["verify"]["accepted"]["ipv4"]
        assert result.nodes["h1"]["verify"]["advertised"][0]["ipv4"] == ["0.0.0.0/0", "192.0.2.31/32"]

    def test_a_router_takes_from_a_host_what_the_host_owns(self):
        nodes = TWO_TORS | {"h1": host(11), "h2": host(12, functions=["ceph"])}
        result = plan(fabric(nodes, guest_prefixes=["198.51.100.0/24", "2001:db8:200::/56"]))
        lists = config(result, "tor1")["prefix_lists"]
        assert [e["prefix"] for e in named(lists, "fabric-from-h1-ipv4")["entries"]] == [
            "192.0.2.11/32",
            "198.51.100.0/24",
        ]
        assert named(lists, "fabric-from-h1-ipv6")["entries"][1]["le"] == 128
        assert [e["prefix"] for e in named(lists, "fabric-from-h2-ipv4")["entries"]] == ["192.0.2.12/32"]
        assert neighbor(result, "tor1", "p11")["route_map"] == {"in": "fabric-from-h1-ipv4"}
        assert neighbor(result, "tor1", "fabric-hosts")["route_map"] == {"out": "fabric-export-ipv4"}

    def test_a_list_without_entries_denies(self):
        upstreams = {"t": {"node": "h1", "interface": "eth3", "neighbor": "198.51.100.1", "remote_as": 64500}}
        result = plan(fabric(TWO_TORS | {"h1": host(11)}, upstreams=upstreams))
        assert named(config(result, "h1")["prefix_lists"], "fabric-upstream-t-in-ipv4")["entries"] == [
            {"sequence": 10, "action": "deny", "prefix": "any"}
        ]


class TestDefaultRoute:
    def test_a_router_gives_it_to_hosts_only(self):
        nodes = {"tor1": {"id": 1, "default_originate": True}, "tor2": {"id": 2}, "h1": host(11)}
        links = [{"a": "tor1:x", "b": "tor2:x"}]
        result = plan(fabric(nodes, links=links))
        assert neighbor(result, "tor1", "fabric-hosts")["default_originate"] is True
        assert "default_originate" not in neighbor(result, "tor1", "fabric-routers")
        assert {"prefix": "0.0.0.0/0", "interfaces": ["up0"]} not in result.nodes["h1"]["verify"]["ecmp"]

    def test_a_border_gateway_that_announces_it_takes_none(self):
        nodes = TWO_TORS | {"gw1": host(31, functions=["border_gateway"], default_originate=True)}
        result = plan(fabric(nodes | {"gw2": host(32, functions=["border_gateway"], default_originate=True)}))
        entries = named(config(result, "gw1")["prefix_lists"], "fabric-accepted-ipv4")["entries"]
        assert [e["prefix"] for e in entries] == ["192.0.2.0/24"]
        sent = {e["neighbor"]: e["ipv4"] for e in result.nodes["tor1"]["verify"]["advertised"]}
        # the router's best is the gateway with the lower router-id: what goes back there is not counted
        assert "0.0.0.0/0" not in sent["p31"]
        assert "0.0.0.0/0" in sent["p32"]


class TestSameAs:
    def test_two_routers_of_one_as_are_legal(self):
        nodes = {"tor1": {"id": 1, "asn": 65002}, "tor2": {"id": 2, "asn": 65002}, "h1": host(11), "h2": host(12)}
        result = plan(fabric(nodes))
        assert {"prefix": "192.0.2.12/32", "interfaces": ["up0", "up1"]} in result.nodes["h1"]["verify"]["ecmp"]

    def test_hosts_of_one_as_with_allowas_in(self):
        nodes = TWO_TORS | {"h1": host(11, asn=65100, allowas_in=True), "h2": host(12, asn=65100, allowas_in=2)}
        result = plan(fabric(nodes))
        assert neighbor(result, "h2", "fabric-uplink")["allowas_in"] == 2
        assert "h2" in {e["node"] for e in result.nodes["h1"]["verify"]["loopbacks"]}

    def test_hosts_of_one_as_that_have_a_default_route(self):
        tors = {name: node | {"default_originate": True} for name, node in TWO_TORS.items()}
        plan(fabric(tors | {"h1": host(11, asn=65100), "h2": host(12, asn=65100)}))

    def test_ibgp_between_routers_sets_the_next_hop(self):
        nodes = {"r1": {"id": 1, "asn": 65000}, "r2": {"id": 2, "asn": 65000}, "r3": {"id": 3}}
        links = [{"a": "r1:x", "b": "r2:x"}, {"a": "r2:y", "b": "r3:y"}]
        result = plan(fabric(nodes, links=links))
        group = named(config(result, "r1")["instances"][0]["peer_groups"], "fabric-routers-internal")
        assert group["remote_as"] == 65000
        assert neighbor(result, "r2", "fabric-routers-internal")["next_hop_self"] == "all"
        assert {e["node"] for e in result.nodes["r1"]["verify"]["loopbacks"]} == {"r2", "r3"}

    def test_ibgp_does_not_pass_on_between_routers(self):
        nodes = {"r1": {"id": 1, "asn": 65000}, "r2": {"id": 2, "asn": 65000}, "r3": {"id": 3, "asn": 65000}}
        links = [{"a": "r1:x", "b": "r2:x"}, {"a": "r2:y", "b": "r3:y"}]
        result = plan(fabric(nodes, links=links))
        assert {e["node"] for e in result.nodes["r1"]["verify"]["loopbacks"]} == {"r2"}


class TestSessions:
    def test_a_numbered_dual_stack_link_has_two_sessions(self):
        links = [{"a": "r1:x", "b": "r2:x", "ipv4": "198.51.100.0/31", "ipv6": "2001:db8::/127"}]
        result = plan(fabric({"r1": {"id": 1}, "r2": {"id": 2}}, links=links))
        sessions = result.nodes["r1"]["verify"]["sessions"]
        assert [(s["neighbor"], s["afis"]) for s in sessions] == [
            ("198.51.100.1", ["ipv4_unicast"]),
            ("2001:db8::1", ["ipv6_unicast"]),
        ]
        assert [n["neighbor"] for n in family(result, "r1", "ipv4")["neighbors"]] == ["fabric-routers-ipv4"]
        assert "interfaces" not in config(result, "r1")

    def test_ipv6_addresses_alone_carry_both(self):
        links = [{"a": "r1:x", "b": "r2:x", "ipv6": "2001:db8::/127"}]
        result = plan(fabric({"r1": {"id": 1}, "r2": {"id": 2}}, links=links))
        assert result.nodes["r1"]["verify"]["sessions"][0]["afis"] == ["ipv4_unicast", "ipv6_unicast"]
        group = named(config(result, "r1")["instances"][0]["peer_groups"], "fabric-routers")
        assert group["capability_extended_nexthop"] is True

    def test_a_node_without_bfd_has_sessions_in_a_group_of_their_own(self):
        result = plan(fabric(TWO_TORS | {"h1": host(11, bfd=False), "h2": host(12)}))
        groups = {g["name"]: g for g in config(result, "tor1")["instances"][0]["peer_groups"]}
        assert "bfd" not in groups["fabric-hosts-nobfd"]
        assert groups["fabric-hosts"]["bfd"] == {"enabled": True, "profile": "fabric-bfd"}

    def test_no_bfd_at_all(self):
        result = plan(fabric(TWO_TORS | {"h1": host(11)}, underlay={"bfd": False}))
        assert result.nodes["h1"]["frr"]["daemons"] == {"bgpd": True, "bfdd": False}
        assert "bfd_profiles" not in config(result, "h1")

    @pytest.mark.parametrize(("twin", "interval"), [(False, 400), (True, 1500)])
    def test_the_twin_has_timers_of_its_own(self, twin, interval):
        underlay = {"bfd": {"interval": 400, "twin": {"interval": 1500}}}
        result = plan(fabric(TWO_TORS | {"h1": host(11)}, underlay=underlay), twin=twin)
        assert config(result, "h1")["bfd_profiles"][0]["transmit_interval_ms"] == interval

    def test_unnumbered_interfaces_advertise_without_becoming_a_default_router(self):
        result = plan(fabric(TWO_TORS | {"h1": host(11)}))
        nd = {"suppress_ra": False, "ra_interval_ms": 10000, "ra_lifetime_s": 0}
        assert config(result, "h1")["interfaces"] == [{"name": "up0", "nd": nd}, {"name": "up1", "nd": nd}]


class TestUnderlay:
    def test_keys_of_interfaces_with_a_dot_use_slashes(self):
        assert interface_key("ipv6", "eth0.100", "accept_ra") == "net/ipv6/conf/eth0.100/accept_ra"
        assert interface_key("ipv6", "eth0", "accept_ra") == "net.ipv6.conf.eth0.accept_ra"

    def test_settings_of_the_machine_are_not_for_a_container(self):
        data = fabric(TWO_TORS | {"h1": host(11)})
        key = "net.ipv4.neigh.default.gc_thresh3"
        assert key in plan(data).nodes["h1"]["underlay"]["sysctl"]
        assert key not in plan(data, twin=True).nodes["h1"]["underlay"]["sysctl"]

    def test_overrides(self):
        override = {"frr_lines": ["ip nht resolve-via-default"], "sysctl": {"net.ipv4.ip_forward": 0}}
        node = plan(fabric(TWO_TORS | {"h1": host(11, override=override)})).nodes["h1"]
        assert node["frr"]["config"]["raw_lines"] == ["ip nht resolve-via-default"]
        assert node["underlay"]["sysctl"]["net.ipv4.ip_forward"] == "0"

    def test_an_upstream_interface_is_ours_if_its_addresses_are_given(self):
        upstream = {"node": "h1", "interface": "eth3", "neighbor": "198.51.100.1", "remote_as": 64500}
        for addresses, expected in ((["198.51.100.2/30"], True), ([], False)):
            upstreams = {"t": upstream | {"addresses": addresses}}
            node = plan(fabric(TWO_TORS | {"h1": host(11)}, upstreams=upstreams)).nodes["h1"]
            assert ("eth3" in [i["name"] for i in node["underlay"]["interfaces"]]) is expected

    def test_names_in_the_twin(self):
        assert twin_interface("xe-0/0/1") == "xe-0-0-1"
        assert twin_interface("sfp-sfpplus1") == "sfp-sfpplus1"
        assert len(twin_interface("HundredGigE0/0/0/1")) == 15
        assert twin_interface("HundredGigE0/0/0/1") != twin_interface("HundredGigE0/0/0/2")


class TestAddressing:
    @pytest.mark.parametrize(
        ("prefix", "ends"),
        [
            ("192.0.2.0/31", ("192.0.2.0/31", "192.0.2.1/31")),
            ("192.0.2.0/30", ("192.0.2.1/30", "192.0.2.2/30")),
            ("2001:db8::/127", ("2001:db8::/127", "2001:db8::1/127")),
            ("2001:db8::/64", ("2001:db8::1/64", "2001:db8::2/64")),
            ("192.0.2.0/24", None),
            ("192.0.2.0/32", None),
        ],
    )
    def test_ends_of_a_link(self, prefix, ends):
        assert addressing.link_ends(prefix) == ends

    @pytest.mark.parametrize("text", ["192.0.2.1/24", "192.0.2.0", "192.0.2.0/33", "192.0/16", "::g/64", "2001:db8::/"])
    def test_not_a_prefix(self, text):
        with pytest.raises(ValueError, match=r"^'"):
            addressing.prefix(text)

    @pytest.mark.parametrize("text", ["0-10", "10-5", "10", "1-4294967295"])
    def test_not_a_range(self, text):
        with pytest.raises(ValueError, match="is not a range"):
            addressing.asn_range(text)

    def test_everything_but_the_default_route(self):
        assert addressing.prefix_rule("0.0.0.0/0 ge 8 le 24").covers() == ["0.0.0.0/1", "128.0.0.0/1"]
        assert addressing.prefix_rule("::/0 le 48").covers() == ["::/0", "::/1", "8000::/1"]
        assert addressing.prefix_rule("::/0").covers() == ["::/0"]


class TestReleases:
    def test_a_session_between_frr_8_4_and_10_3_has_no_bfd(self):
        nodes = {"tor1": {"id": 1}, "tor2": {"id": 2, "release": "bookworm"}, "h1": host(11, release="bookworm")}
        sessions = {s["neighbor"]: s["bfd"] for s in plan(fabric(nodes)).nodes["h1"]["verify"]["sessions"]}
        assert sessions == {"up0": False, "up1": True}
