# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Junos side of the seed's fabric, whole; and what a policy there must not lack."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric import planner
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.addressing import PrefixRule
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.peer_config import files, junos
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.peer_config.model import Port, Router

CHECKOUT = Path(__file__).resolve().parents[3]
SEED = CHECKOUT / "tests" / "unit" / "plan" / "seeds" / "ceph-l3.yml"
EXAMPLE = CHECKOUT / "examples" / "ceph-l3" / "fabric.yml"
PORT = Port("et-0/0/1:0", "h1", 65101, 1500, (PrefixRule("192.0.2.1/32"),), default_route=False)
ROUTER = Router(
    name="sw",
    asn=65002,
    router_id="192.0.2.254",
    loopbacks={"ipv4": "192.0.2.254"},
    families=("ipv4",),
    ports=(PORT,),
    announce=(PrefixRule("192.0.2.0/24", ge=32), PrefixRule("198.51.100.0/24", le=28)),
    bfd=None,
)


def of_file(path: Path, node: str) -> str:
    """By way of JSON, as the plan goes through an inventory."""
    found = planner.plan(yaml.safe_load(path.read_text(encoding="utf-8"))).nodes[node]
    return files(json.loads(json.dumps(found["peer_config"])))[f"{node}.junos"]


def test_the_seed(golden):
    golden("seed.junos", of_file(SEED, "tor01"))


def test_the_example(golden):
    golden("ceph-l3.junos", of_file(EXAMPLE, "tor02"))


def test_ipv4_over_ipv6(golden):
    golden("small.junos", junos.render(ROUTER))


@pytest.mark.parametrize("text", [of_file(SEED, "tor01"), of_file(EXAMPLE, "tor02"), junos.render(ROUTER)])
def test_every_policy_for_routes_ends_in_a_reject(text):
    """What the seed lacks: without it, Junos goes on to BGP's default policy and accepts all."""
    policies = set(re.findall(r"policy-statement (\S+) term", text))
    assert policies
    for policy in policies:
        lines = [line for line in text.splitlines() if f"policy-statement {policy} " in line]
        assert lines[-1] == f"set policy-options policy-statement {policy} then reject"
    used = set(re.findall(r" (?:import|export) (\S+)$", text, re.MULTILINE)) - {"fabric-ecmp"}
    assert used == policies


def test_a_node_may_announce_its_own_address_and_no_other():
    text = of_file(SEED, "tor01")
    mine = [line for line in text.splitlines() if "policy-statement fabric-from-ceph02 " in line]
    assert mine == [
        "set policy-options policy-statement fabric-from-ceph02 term own from route-filter 2001:db8:100::2/128 exact",
        "set policy-options policy-statement fabric-from-ceph02 term own then accept",
        "set policy-options policy-statement fabric-from-ceph02 then reject",
    ]


def test_managed_nodes_have_none():
    nodes = planner.plan(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))).nodes
    assert [name for name, node in nodes.items() if "peer_config" in node] == ["tor02"]
    twin = planner.plan(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")), twin=True).nodes
    assert not any("peer_config" in node for node in twin.values())


def test_an_interface_that_no_juniper_switch_has():
    with pytest.raises(ValueError, match=r"^'swp1' is no interface of a Juniper switch; write it like xe-0/0/1$"):
        junos.render(replace(ROUTER, ports=(replace(PORT, interface="swp1"),)))


def test_a_platform_without_a_form():
    peer_config = planner.plan(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))).nodes["tor02"]["peer_config"]
    with pytest.raises(ValueError, match=r"^platform: 'frr' is not one of junos$"):
        files({**peer_config, "platform": "frr"})
