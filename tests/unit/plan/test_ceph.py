# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of Ceph nodes: addresses, what the twin has instead, and the calls of pveceph and cephadm."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric import planner

EXAMPLE = yaml.safe_load(
    (Path(__file__).resolve().parents[3] / "examples" / "ceph-l3" / "fabric.yml").read_text(encoding="utf-8")
)

# Per command all options of pveceph(1), Proxmox VE 9, and those of cephadm and `ceph` that matter here.
DOCUMENTED = {
    ("pveceph", "install"): {"--allow-experimental", "--repository", "--version"},
    ("pveceph", "init"): {"--cluster-network", "--disable_cephx", "--min_size", "--network", "--pg_bits", "--size"},
    ("pveceph", "mon", "create"): {"--mon-address", "--monid"},
    ("pveceph", "mgr", "create"): {"--id"},
    ("pveceph", "osd", "create"): {
        "--crush-device-class",
        "--db_dev",
        "--db_dev_size",
        "--encrypted",
        "--osds-per-device",
        "--wal_dev",
        "--wal_dev_size",
    },
    ("cephadm", "bootstrap"): {
        "--fsid",
        "--mon-ip",
        "--mon-addrv",
        "--cluster-network",
        "--skip-mon-network",
        "--skip-dashboard",
    },
    ("ceph", "config", "set"): set(),
    ("ceph", "orch", "host", "add"): set(),
    ("ceph", "orch", "apply", "mon"): {"--placement", "--unmanaged"},
    ("ceph", "orch", "apply", "mgr"): {"--placement", "--unmanaged"},
    ("ceph", "orch", "daemon", "add"): set(),
}


def plan(twin: bool = False, functions: tuple[str, ...] = ("ceph",), **ceph: Any) -> dict[str, dict[str, Any]]:
    data = copy.deepcopy(EXAMPLE)
    data["ceph"].update(ceph)
    data["ceph"] = {key: value for key, value in data["ceph"].items() if value is not None}
    for name, node in data["nodes"].items():
        if name.startswith("ceph"):
            node["functions"] = list(functions)
    return planner.plan(data, twin=twin).nodes


def argvs(nodes: dict[str, dict[str, Any]], node: str) -> list[list[str]]:
    found = []
    for call in nodes[node]["ceph"]["calls"]:
        argv = call["argv"]
        found.append(argv[3:] if argv[:3] == ["cephadm", "shell", "--"] else argv)
    return found


def test_the_network_says_on_which_address_ceph_works() -> None:
    assert plan()["ceph02"]["ceph"]["address"] == "2001:db8:100::2"
    moved = plan(public_network="2001:db8:200::/64")["ceph02"]
    assert moved["ceph"]["address"] == "2001:db8:200::2"
    assert moved["loopback"] == {
        "interface": "lo",
        "ipv6": "2001:db8:100::2/128",
        "more": ["2001:db8:200::2/128"],
    }
    assert moved["ceph"]["network"]["mon_host"] == ["2001:db8:200::1", "2001:db8:200::2", "2001:db8:200::3"]
    assert plan(public_network=None)["ceph02"]["ceph"]["address"] == "2001:db8:200::2"
    assert plan(public_network=None, addresses=None)["ceph02"]["ceph"]["address"] == "2001:db8:100::2"


def test_the_identity_follows_from_the_name() -> None:
    assert plan()["ceph01"]["ceph"]["fsid"] == plan()["ceph03"]["ceph"]["fsid"]
    given = "8c1e9d0a-52a1-4b53-9b49-6ad0f1a1a001"
    assert plan(fsid=given)["ceph01"]["ceph"]["fsid"] == given


def test_a_ceph_node_forwards_nothing_and_others_do() -> None:
    for functions, value in ((("ceph",), "0"), (("ceph", "proxmox"), "1")):
        assert plan(functions=functions)["ceph01"]["underlay"]["sysctl"]["net.ipv6.conf.all.forwarding"] == value
    assert plan()["tor01"]["underlay"]["sysctl"]["net.ipv6.conf.all.forwarding"] == "1"


def test_frr_says_of_forwarding_what_the_sysctls_say() -> None:
    """Else a reload of FRR would switch it on; where a node forwards, FRR has no say in it."""
    assert plan()["ceph01"]["frr"]["config"]["forwarding"] == {"ipv4": False, "ipv6": False}
    assert "forwarding" not in plan()["tor01"]["frr"]["config"]
    assert "forwarding" not in plan(functions=("ceph", "proxmox"))["ceph01"]["frr"]["config"]
    data = copy.deepcopy(EXAMPLE)
    data["nodes"]["ceph01"]["override"] = {"sysctl": {"net.ipv6.conf.all.forwarding": 1}}
    data["nodes"]["tor01"]["override"] = {"sysctl": {"net.ipv4.ip_forward": 0}}
    nodes = planner.plan(data).nodes
    assert nodes["ceph01"]["frr"]["config"]["forwarding"] == {"ipv4": False}
    assert nodes["tor01"]["frr"]["config"]["forwarding"] == {"ipv4": False}


def test_in_the_twin_disks_are_files_and_packages_make_the_cluster() -> None:
    node = plan(twin=True, functions=("ceph", "proxmox"), deploy="pveceph")["ceph01"]
    assert node["ceph"]["deploy"] == "packages"
    assert node["ceph"]["osds"] == [{"file": "/var/lib/ceph/files/sdb.img", "size_gib": 8}]
    assert node["twin"]["container"]["image"] == "localhost/fabric-twin:trixie-ceph"
    assert plan()["ceph01"]["ceph"]["osds"] == [{"device": "/dev/sdb"}]


def test_the_twin_leaves_out_what_others_deploy() -> None:
    node = plan(twin=True, deploy="none", osds=None)["ceph01"]
    assert "ceph" not in node
    assert node["twin"]["container"] == {"name": "ceph01", "release": "trixie"}


@pytest.mark.parametrize("deploy", ["pveceph", "cephadm"])
def test_every_option_is_known(deploy: str) -> None:
    nodes = plan(deploy=deploy, functions=("ceph", "proxmox"), cluster_network="2001:db8:100::/64")
    everything = [argv for name in ("ceph01", "ceph02", "ceph03") for argv in argvs(nodes, name)]
    assert everything
    for argv in everything:
        command = next(words for words in DOCUMENTED if tuple(argv[: len(words)]) == words)
        options = {word.partition("=")[0] for word in argv if word.startswith("--")}
        assert options <= DOCUMENTED[command], argv


def test_pveceph() -> None:
    nodes = plan(deploy="pveceph", functions=("ceph", "proxmox"))
    assert argvs(nodes, "ceph01") == [
        ["pveceph", "install", "--repository", "no-subscription"],
        ["pveceph", "init", "--network", "2001:db8:100::/64"],
        ["pveceph", "mon", "create", "--monid", "ceph01", "--mon-address", "2001:db8:100::1"],
        ["pveceph", "mgr", "create", "--id", "ceph01"],
        ["pveceph", "osd", "create", "/dev/sdb"],
    ]
    assert "init" not in [argv[1] for argv in argvs(nodes, "ceph02")]


def test_cephadm_does_everything_from_the_first_node() -> None:
    nodes = plan(deploy="cephadm")
    assert argvs(nodes, "ceph02") == []
    calls = [" ".join(argv) for argv in argvs(nodes, "ceph01")]
    fsid = nodes["ceph01"]["ceph"]["fsid"]
    assert calls[0] == f"cephadm bootstrap --fsid {fsid} --mon-ip 2001:db8:100::1 --skip-mon-network --skip-dashboard"
    # monitors are unmanaged before there is another host: cephadm would put them there by itself
    order = ["bootstrap", "config set", "apply mon", "host add", "add mon", "apply mgr", "add osd"]
    places = [min(n for n, call in enumerate(calls) if words in call) for words in order]
    assert places == sorted(places)
    assert "ceph orch daemon add mon ceph02:[2001:db8:100::2]" in calls


def test_cephadm_knows_what_is_done() -> None:
    """As `orch ls --export` and `device ls-by-host` print it: neither another placement nor another disk will do."""
    calls = {" ".join(call["argv"][4:]): call for call in plan(deploy="cephadm")["ceph01"]["ceph"]["calls"]}
    managers = calls["orch apply mgr --placement=ceph01,ceph02,ceph03"]["contains"]
    assert managers in "service_name: mgr\nplacement:\n  hosts:\n  - ceph01\n  - ceph02\n  - ceph03"
    assert managers not in "service_name: mgr\nplacement:\n  count: 2"
    disk = calls["orch daemon add osd ceph02:/dev/sdb"]["contains"]
    assert disk in "DEVICE         DEV  DAEMONS  EXPECTED FAILURE\nQEMU_HARDDISK  sdb  osd.1"
    assert disk not in "DEVICE         DEV   DAEMONS  EXPECTED FAILURE\nQEMU_HARDDISK  sdba  osd.1"
