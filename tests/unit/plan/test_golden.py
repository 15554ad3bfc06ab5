"""The whole `fabric_node` of every node of the example, and what follows from it."""

from __future__ import annotations

import json

import pytest
import yaml
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.planner import plan

from .conftest import HERE, ROOT

EXAMPLE = yaml.safe_load((ROOT / "examples/spine-leaf/fabric.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("twin", [False, True])
def test_spine_leaf(twin, expected):
    result = plan(EXAMPLE, twin=twin)
    everything = {
        "nodes": result.nodes,
        "groups": result.groups,
        "links": result.links,
        "containers": result.containers,
    }
    name = "spine-leaf-twin.json" if twin else "spine-leaf.json"
    expected(HERE / "golden" / name, json.dumps(everything, indent=1) + "\n")


def test_planning_twice_gives_the_same():
    assert plan(EXAMPLE) == plan(EXAMPLE)


def test_planning_leaves_the_data_alone():
    before = json.dumps(EXAMPLE)
    plan(EXAMPLE, twin=True)
    assert json.dumps(EXAMPLE) == before
