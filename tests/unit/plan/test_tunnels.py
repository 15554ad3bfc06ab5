"""What the plan makes of tunnels, beyond the golden files of the example."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric import errors
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.peer_config import files
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.planner import plan
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.public_keys import keys_file, read_keys

from .conftest import ROOT
from .test_golden import KEYS

EXAMPLE = yaml.safe_load((ROOT / "examples/wireguard-home/fabric.yml").read_text(encoding="utf-8"))
WITH_BGP = yaml.safe_load((ROOT / "examples/wireguard-home/with-bgp.fabric.yml").read_text(encoding="utf-8"))


def tunnel(example: dict[str, Any] = EXAMPLE, **changes: Any) -> dict[str, Any]:
    """The example with its only tunnel changed: `a__x=1` changes `x` of end a."""
    data = copy.deepcopy(example)
    home = data["tunnels"]["home"]
    for key, value in changes.items():
        end, dummy, name = key.rpartition("__")
        (home[end] if end else home)[name] = value
    return data


def test_a_key_that_nobody_knows_is_told_by_the_end_that_needs_it() -> None:
    nodes = plan(EXAMPLE, public_keys={"proxmox01": KEYS["proxmox01"]}).nodes
    missing = [{"node": "home", "interface": "wg-hrl23"}]
    assert nodes["proxmox01"]["wireguard"]["missing_keys"] == missing
    assert nodes["home"]["peer_config"]["missing_keys"] == []
    missing = [{"node": "proxmox01", "interface": "wg0"}]
    assert plan(EXAMPLE).nodes["home"]["peer_config"]["missing_keys"] == missing


def test_the_key_of_a_machine_that_is_not_managed_stands_in_the_file() -> None:
    data = tunnel(b__public_key=KEYS["home"]["wg-hrl23"])
    keys = {"proxmox01": KEYS["proxmox01"]}
    wireguard = plan(data, public_keys=keys).nodes["proxmox01"]["wireguard"]
    assert wireguard["missing_keys"] == []
    assert wireguard["interfaces"][0]["peers"][0]["public_key"] == KEYS["home"]["wg-hrl23"]
    # What stands for it in the twin has a key of its own.
    assert plan(data, public_keys=keys, twin=True).nodes["proxmox01"]["wireguard"]["missing_keys"]


@pytest.mark.parametrize(
    ("underlay", "a", "b", "mtu"),
    [
        (1500, "192.0.2.1", "192.0.2.2", 1440),
        (1500, "192.0.2.1", None, 1440),
        (1500, "192.0.2.1", "vpn.example.net", 1420),
        (1500, "2001:db8::1", "192.0.2.2", 1420),
        (1492, "2001:db8::1", None, 1412),
    ],
)
def test_mtu_from_the_underlay(underlay: int, a: str, b: str | None, mtu: int) -> None:
    data = tunnel(underlay_mtu=underlay, a__endpoint=a)
    home = data["tunnels"]["home"]
    del home["mtu"]
    home["b"].pop("endpoint")
    if b:
        home["b"]["endpoint"] = b
    wireguard = plan(data).nodes["proxmox01"]["wireguard"]
    assert wireguard["interfaces"][0]["mtu"] == mtu
    assert f"tcp option maxseg size set {mtu - 60}" in wireguard["ruleset"]


def test_the_port_is_open_for_declared_endpoints_alone() -> None:
    rules = plan(EXAMPLE).nodes["proxmox01"]["wireguard"]["ruleset"]
    assert "\t\tip6 saddr { 2001:41f0:6f67::2 } udp dport 51820 accept\n\t\tudp dport 51820 counter drop\n" in rules
    rules = plan(tunnel(b__allow_from=["2001:41f0:6f67::/48"])).nodes["proxmox01"]["wireguard"]["ruleset"]
    assert "ip6 saddr { 2001:41f0:6f67::2, 2001:41f0:6f67::/48 } udp dport 51820 accept" in rules
    data = tunnel(b__endpoint="home.example.net")
    rules = plan(data).nodes["proxmox01"]["wireguard"]["ruleset"]
    assert "udp dport 51820 accept  # a far end may come from anywhere" in rules
    assert "drop" not in rules


def test_tunnels_that_share_an_interface() -> None:
    data = copy.deepcopy(EXAMPLE)
    second = copy.deepcopy(data["tunnels"]["home"])
    second["b"] |= {"node": "office", "prefixes": ["2a14:9b80:102::/48"], "endpoint": "2001:db8:2::2", "addresses": []}
    data["tunnels"]["office"] = second
    node = plan(data).nodes["proxmox01"]
    [interface] = node["wireguard"]["interfaces"]
    assert [peer["allowed_ips"] for peer in interface["peers"]] == [["2a14:9b80:101::/48"], ["2a14:9b80:102::/48"]]
    assert "ip6 saddr { 2001:41f0:6f67::2, 2001:db8:2::2 } udp dport 51820 accept" in node["wireguard"]["ruleset"]
    networks = node["frr"]["config"]["instances"][0]["address_families"][0]["networks"]
    assert {"prefix": "2a14:9b80:102::/48"} in networks
    # They go into tunnels, so no blackhole hides them.
    static = [route["prefix"] for route in node["frr"]["config"]["static_routes"]]
    assert static == ["2a14:9b80::/32", "2001:678:3a4:100::/56"]


def test_without_source_routing_the_far_end_reaches_what_is_listed() -> None:
    data = tunnel(source_routing=False, a__prefixes=["2a14:9b80::/40"])
    peer_config = plan(data).nodes["home"]["peer_config"]
    assert peer_config["site"]["routes"] == ["2a14:9b80::/40"]
    assert peer_config["site"]["peers"][0]["allowed"] == ["2a14:9b80::/40"]
    wireguard = plan(data, twin=True).nodes["home"]["wireguard"]
    assert wireguard["rules"] == []
    assert wireguard["interfaces"][0]["peers"][0]["table"] == 254
    assert [hole["prefix"] for hole in wireguard["blackholes"]] == ["2a14:9b80:101::/48"]


def test_bgp_over_a_tunnel_is_in_the_one_transaction() -> None:
    node = plan(tunnel(WITH_BGP, a__prefixes=["2a14:9b80::/32", "::/0"])).nodes["proxmox01"]
    [interface] = node["wireguard"]["interfaces"]
    assert interface["peers"][0]["allowed_ips"] == ["0.0.0.0/0", "::/0"]
    assert interface["peers"][0]["table"] == 0
    config = node["frr"]["config"]
    neighbors = {n["neighbor"]: n for n in config["instances"][0]["neighbors"]}
    assert neighbors["2a14:9b80:0:1::2"]["remote_as"] == 4200000900
    lists = {item["name"]: [entry["prefix"] for entry in item["entries"]] for item in config["prefix_lists"]}
    assert lists["fabric-tunnel-home-in-ipv6"] == ["2a14:9b80:101::/48"]
    assert lists["fabric-tunnel-home-out-ipv6"] == ["2a14:9b80::/32", "::/0"]
    # Learned there and announced onward; not originated, and the default route is none of its aggregates.
    assert lists["fabric-outside-ipv6"] == ["::/0", "2a14:9b80:101::/48"]
    assert lists["fabric-own-ipv6"] == ["2a14:9b80::1/128"]
    static = [route["prefix"] for route in config["static_routes"]]
    assert static == ["2a14:9b80::/32", "2001:678:3a4:100::/56"]
    [family] = config["instances"][0]["address_families"]
    [entry] = [n for n in family["neighbors"] if n["neighbor"] == "2a14:9b80:0:1::2"]
    assert entry["default_originate"]


def test_the_script_says_what_the_stand_in_does() -> None:
    """In the twin a container does what RouterOS is told."""
    script = files_of(plan(EXAMPLE, public_keys=KEYS).nodes["home"]["peer_config"])["home.rsc"]
    home = plan(EXAMPLE, public_keys=KEYS, twin=True).nodes["home"]
    [interface] = home["wireguard"]["interfaces"]
    [peer] = interface["peers"]
    lines = [
        f'/interface wireguard add name="{interface["name"]}" listen-port={interface["listen_port"]}',
        f"mtu={interface['mtu']} ",
        f"allowed-address={','.join(peer['allowed_ips'])} endpoint-address=2001:678:3a4:1::100 endpoint-port=51820",
        f"persistent-keepalive={peer['persistent_keepalive']}s",
        f'public-key="{peer["public_key"]}"',
        *(f"address={address}" for address in interface["addresses"]),
        *(f"address={a['address']}" for lan in home["underlay"]["interfaces"] for a in lan["addresses"]),
        "/ipv6 route add dst-address=2a14:9b80:101::/48 blackhole",
        '/ipv6 route add dst-address=::/0 gateway="wg-hrl23" routing-table="wireguard"',
        "action=lookup src-address=2a14:9b80:101::/48 dst-address=2001:41f0:6f67::/48 table=main",
        'action=lookup-only-in-table src-address=2a14:9b80:101::/48 table="wireguard"',
        "protocol=udp dst-port=51820 src-address=2001:678:3a4:1::100/128",
    ]
    for line in lines:
        assert line in script
    assert "ip6 saddr { 2001:678:3a4:1::100 } udp dport 51820 accept" in home["wireguard"]["ruleset"]
    assert [(rule["from"], rule["table"]) for rule in home["wireguard"]["rules"]] == [
        ("2a14:9b80:101::/48", 254),
        ("2a14:9b80:101::/48", 110),
    ]


def files_of(peer_config: dict[str, Any]) -> dict[str, str]:
    peer_config = copy.deepcopy(peer_config)
    for peer in peer_config["site"]["peers"]:
        if "preshared_key" in peer:
            peer["preshared_key"] = f"{'A' * 42}E="
    return files(peer_config)


@pytest.mark.parametrize("platform", ["debian", "frr", "routeros"])
def test_every_platform_gets_its_files(platform: str) -> None:
    data = tunnel(WITH_BGP, b__platform=platform, b__managed=False)
    node = plan(data, public_keys={"proxmox01": {"wg-home": KEYS["proxmox01"]["wg0"]}}).nodes["home"]
    made = files_of(node["peer_config"])
    assert set(made) == ({"home.rsc"} if platform == "routeros" else {"wg-home.conf", "home.frr.conf"})
    if platform != "routeros":
        assert "neighbor 2a14:9b80:0:1::1 remote-as 212540" in made["home.frr.conf"]
        assert "ipv6 prefix-list home-out-ipv6 seq 10 permit 2a14:9b80:101::/48" in made["home.frr.conf"]


def test_a_platform_without_a_form() -> None:
    peer_config = plan(EXAMPLE, public_keys=KEYS).nodes["home"]["peer_config"]
    with pytest.raises(ValueError, match=r"^platform: 'junos' is not one of routeros, debian, frr$"):
        files_of({**peer_config, "platform": "junos"})


@pytest.mark.parametrize(
    ("file", "twin", "expected"),
    [
        ("fabric.yml", False, "public_keys.yml"),
        ("fabric.yaml", True, "public_keys.twin.yml"),
        ("with-bgp.fabric.yml", False, "with-bgp.public_keys.yml"),
        ("lab.yml", False, "lab.public_keys.yml"),
    ],
)
def test_where_the_keys_stand(file: str, twin: bool, expected: str) -> None:
    assert keys_file(file, twin=twin) == expected


def test_bad_files_of_keys_are_told_whole_and_without_the_key() -> None:
    with pytest.raises(errors.FabricError) as caught:
        read_keys("public_keys.yml", {"public_keys": {"gw1": {"wg0": "x" * 44}, "gw2": "y"}})
    assert [str(problem) for problem in caught.value.problems] == [
        (
            "public_keys.gw1.wg0: this is no public key in public_keys.yml: "
            "one has 44 characters of base64 for 32 bytes. "
            "Let the playbook routed.fabric.wireguard_keys write the file, or paste the key again."
        ),
        (
            "public_keys.gw2: public_keys.yml has str here, not a mapping. "
            "Let the playbook routed.fabric.wireguard_keys write the file."
        ),
    ]
    with pytest.raises(errors.FabricError) as caught:
        read_keys("public_keys.yml", [])
    assert len(caught.value.problems) == 1
    assert read_keys("public_keys.yml", {"public_keys": KEYS}) == KEYS


def test_what_an_upstream_and_the_home_speak_with_a_password() -> None:
    data = copy.deepcopy(EXAMPLE)
    data["upstreams"]["upstream-v6"]["password"] = {"secret": "transit_password"}
    for twin, name in ((False, "proxmox01"), (True, "outside")):
        [neighbor] = plan(data, twin=twin).nodes[name]["frr"]["config"]["instances"][0]["neighbors"]
        assert neighbor["password"] == {"secret": "transit_password"}
