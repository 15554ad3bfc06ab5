# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Data to lines and back: what holds for every configuration."""

from __future__ import annotations

import random
from typing import Any

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._frr._canonical import canonical
from ansible_collections.routed.fabric.plugins.module_utils._frr._defaults import PROFILES, SUPPORTED
from ansible_collections.routed.fabric.plugins.module_utils._frr._gather import gather
from ansible_collections.routed.fabric.plugins.module_utils._frr._render import render, render_explicit
from ansible_collections.routed.fabric.plugins.module_utils._frr._tree import parse, unparse
from frr_generator import generate
from hypothesis import given, settings
from hypothesis import strategies as st

MODES = [(version, profile) for version in SUPPORTED for profile in PROFILES]
seeds = st.integers(min_value=0, max_value=1 << 30)
modes = st.sampled_from(MODES)


@settings(max_examples=150, deadline=None)
@given(seeds, modes)
def test_gather_is_the_inverse_of_render(seed: int, mode: tuple[Any, Any]) -> None:
    version, profile = mode
    lines = render(generate(seed, version, ["eth0"]), version, profile)
    config = gather(lines, version, profile)
    assert set(render(config, version, profile)) == set(lines)
    assert gather(render(config, version, profile), version, profile) == config


@settings(max_examples=150, deadline=None)
@given(seeds, modes)
def test_canonical_twice_is_canonical_once(seed: int, mode: tuple[Any, Any]) -> None:
    version, profile = mode
    once = canonical(render_explicit(generate(seed, version, ["eth0"])), version, profile)
    assert canonical(once, version, profile) == once


@settings(max_examples=50, deadline=None)
@given(seeds, modes)
def test_the_text_form_loses_nothing(seed: int, mode: tuple[Any, Any]) -> None:
    version, profile = mode
    lines = render(generate(seed, version, ["eth0"]), version, profile)
    assert canonical(parse(unparse(lines)), version, profile) == lines


@settings(max_examples=50, deadline=None)
@given(seeds, modes)
def test_every_given_value_comes_back(seed: int, mode: tuple[Any, Any]) -> None:
    """Independent of gather's own sorting: each scalar that is not a default stands in what is gathered."""
    version, profile = mode
    config = generate(seed, version, ["eth0"])
    gathered = gather(render(config, version, profile), version, profile)
    for kind in ("prefix_lists", "as_path_lists", "route_maps"):

        def key(item: dict[str, object]) -> tuple[object, object]:
            return item["name"], item.get("afi")

        assert sorted(map(key, gathered.get(kind, [])), key=str) == sorted(map(key, config[kind]), key=str)
    for wanted in config["route_maps"]:
        found = next(item for item in gathered["route_maps"] if item["name"] == wanted["name"])
        for want, got in zip(wanted["entries"], found["entries"]):
            communities = (want.get("set") or {}).get("community")
            if communities:
                assert sorted(got["set"].pop("community")["values"]) == sorted(communities.pop("values"))
                want["set"].pop("community")
                got["set"] or got.pop("set")
                want["set"] or want.pop("set")
            assert got == want


@settings(max_examples=50, deadline=None)
@given(seeds, st.randoms(use_true_random=False))
def test_unknown_lines_pass_through(seed: int, rng: random.Random) -> None:
    lines = render(generate(seed, (10, 3), []), (10, 3), "datacenter")
    unknown = [
        ((), "debug bgp updates"),
        (("router bgp 65001",), "bgp dampening 5"),
        (("router bgp 65001",), "neighbor 192.0.2.99 thing of the future"),
        (("router bgp 65001", "address-family ipv4 unicast"), "neighbor 192.0.2.99 other thing"),
        (("route-map other permit 5",), "set aigp-metric 5"),
        (("interface dum7",), "ip ospf area 0"),
    ]
    for line in unknown:
        lines.insert(rng.randint(0, len(lines)), line)
    result = canonical(lines, (10, 3), "datacenter")
    assert [line for line in result if line in unknown] == [line for line in lines if line in unknown]


@pytest.mark.parametrize(("version", "profile"), MODES)
def test_render_of_nothing_is_nothing(version: tuple[int, int], profile: str) -> None:
    assert render({}, version, profile) == []
    assert gather([], version, profile) == {}
