"""The whole `fabric_node` of every node of the examples, and what follows from it."""

from __future__ import annotations

import json

import pytest
import yaml
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.planner import plan

from .conftest import HERE, ROOT

EXAMPLES = {
    name: yaml.safe_load((ROOT / f"examples/{name}/fabric.yml").read_text(encoding="utf-8"))
    for name in ("spine-leaf", "routed-vms", "wireguard-home", "ceph-l3")
}
EXAMPLE = EXAMPLES["spine-leaf"]
KEYS = {
    "proxmox01": {"wg0": "IhYOkpqE0cIBclaR7zGLml/7BriPIMoMdjmM5dbkkGs="},
    "home": {"wg-hrl23": "ZZkW3L0OES1bqQKdDpe3GQ88G4I3ABZVasuEVyvS5iM="},
}


@pytest.mark.parametrize("twin", [False, True])
@pytest.mark.parametrize("example", EXAMPLES)
def test_example(example, twin, expected):
    result = plan(EXAMPLES[example], twin=twin, public_keys=KEYS)
    everything = {
        "nodes": result.nodes,
        "groups": result.groups,
        "links": result.links,
        "containers": result.containers,
        "guests": result.guests,
    }
    name = f"{example}-twin.json" if twin else f"{example}.json"
    expected(HERE / "golden" / name, json.dumps(everything, indent=1) + "\n")


@pytest.mark.parametrize(
    "file", sorted(ROOT.glob("examples/*/*fabric.yml")), ids=lambda file: f"{file.parent.name}-{file.name}"
)
def test_what_stands_for_the_world_outside_has_what_the_twin_sets_up(file):
    nodes = plan(yaml.safe_load(file.read_text(encoding="utf-8")), twin=True, public_keys=KEYS).nodes
    for name, node in nodes.items():
        if "outside" in node:
            assert node["outside"].keys() - {"world"} == {"ip_batch", "interfaces", "sysctl"}, name
            assert node["outside"]["interfaces"], name


def test_planning_twice_gives_the_same():
    assert plan(EXAMPLE) == plan(EXAMPLE)


def test_planning_leaves_the_data_alone():
    before = json.dumps(EXAMPLE)
    plan(EXAMPLE, twin=True)
    assert json.dumps(EXAMPLE) == before
