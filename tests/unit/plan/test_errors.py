"""Every mistake's literal text: errors/NAME.yml beside errors/NAME.txt."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric import duplicates, errors, planner
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.texts import layer2, machines, outside, underlay

CASES = sorted((Path(__file__).parent / "errors").glob("*.yml"))


def problems_of(path: Path) -> list[errors.Problem]:
    with pytest.raises(errors.FabricError) as caught:
        text = path.read_text(encoding="utf-8")
        planner.plan(yaml.safe_load(text), duplicates=duplicates.duplicate_keys(text))
    return caught.value.problems


@pytest.mark.parametrize("path", CASES, ids=lambda p: p.stem)
def test_text(path, expected):
    expected(path.with_suffix(".txt"), "".join(f"{problem}\n" for problem in problems_of(path)))


@pytest.mark.parametrize("path", [p for p in CASES if p.stem.startswith("five-")], ids=lambda p: p.stem)
def test_five_mistakes_are_five_errors(path):
    assert len(problems_of(path)) == 5


def test_ten_files_have_five_mistakes():
    assert sum(p.stem.startswith("five-") for p in CASES) == 10


def test_every_rule_is_reached():
    reached = {problem.code for path in CASES for problem in problems_of(path)}
    of_another_file = {"keys_form", "keys_key"}
    assert reached | of_another_file | {"segment_too_many"} == set(errors.RULES)


def test_more_segments_than_a_bridge_has_vlans():
    fabric = {
        "plugin": "routed.fabric.fabric",
        "name": "x",
        "pools": {"asn": "4200000000-4200009999", "loopback4": "192.0.2.0/24"},
        "underlay": {"mtu": 9216},
        "nodes": {"v1": {"id": 1, "functions": ["vtep"], "uplinks": {"up": "v2:up"}}, "v2": {"id": 2}},
        "overlay": {"form": "single"},
        "segments": {f"s{number}": {"vni": 5000 + number, "vlan": number % 4094 + 1} for number in range(4095)},
    }
    with pytest.raises(errors.FabricError) as caught:
        planner.plan(fabric)
    (problem,) = caught.value.problems
    assert str(problem) == (
        "segments: 4095 segments are more than the 4094 VLANs of one bridge. "
        "Use 'form: per_vni', or make it several fabrics."
    )


def test_a_problem_without_a_place_names_the_file():
    assert errors.format_path(()) == "fabric file"
    assert errors.format_path(("links", 0, "a")) == "links[0].a"
    assert errors.format_path(("nodes", "pve1", "uplinks", "eth0.100")) == "nodes.pve1.uplinks['eth0.100']"


@pytest.mark.parametrize("library", ["jsonschema", "netaddr"])
def test_a_missing_library_is_named_with_its_command(library, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, library, None)
    with pytest.raises(errors.MissingLibrary, match=f"pip install {library}"):
        planner.plan(yaml.safe_load((CASES[0].parent / "repeated.yml").read_text()))


def test_no_rule_is_written_twice() -> None:
    """The table is put together from parts by subject; a code in two of them would lose one of its texts."""
    parts = [part.RULES for part in (layer2, machines, outside, underlay)]
    assert sum(len(part) for part in parts) == len(errors.RULES)
