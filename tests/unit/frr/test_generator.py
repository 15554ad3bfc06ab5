# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The generator: valid configurations, and every option of the argument tree in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.routed.fabric.plugins.module_utils._frr._argspec import argument_spec, config_options
from ansible_collections.routed.fabric.plugins.module_utils._frr._validate import validate
from frr_generator import generate, mutate

VERSIONS = [(8, 4), (10, 3)]
SEEDS = range(300)
# 8.4 prints another address than it was given, and drops solo from a group: both are refused there.
NOT_IN_8_4 = {"router_id.ipv6", "instances.peer_groups.solo"}


def paths(options: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Every option of an argument tree that has no options of its own."""
    for name, spec in options.items():
        if "options" in spec:
            yield from paths(spec["options"], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def used(value: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{prefix}.{key}".lstrip(".")
            yield from used(inner, f"{prefix}.{key}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from used(inner, prefix)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_option_occurs(version: tuple[int, int]) -> None:
    found = {path for seed in SEEDS for path in used(generate(seed, version, []))}
    missing = set(paths(config_options())) - found
    assert missing == (NOT_IN_8_4 if version == (8, 4) else set())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("peers", [[], ["eth0", "192.0.2.200"]])
def test_valid(version: tuple[int, int], peers: list[str]) -> None:
    for seed in SEEDS:
        config = generate(seed, version, peers)
        validate(config, version, existing={})
        validate(mutate(config, seed, version), version, existing={})
        validate(config, version, existing=config, merged=True)
        validate(config)


def test_arguments_are_accepted_by_ansible() -> None:
    for seed in range(50):
        result = ArgumentSpecValidator(argument_spec()).validate({"config": generate(seed, (10, 3), [])})
        assert result.error_messages == []


def test_the_same_seed_gives_the_same() -> None:
    assert generate(7, (10, 3), ["eth0"]) == generate(7, (10, 3), ["eth0"])
    assert mutate(generate(7, (10, 3), []), 1) == mutate(generate(7, (10, 3), []), 1)


def test_a_mutation_keeps_part_and_changes_part() -> None:
    changed = sum(generate(seed, (8, 4), []) != mutate(generate(seed, (8, 4), []), seed) for seed in range(50))
    assert changed == 50


def test_peers_stay_neighbors() -> None:
    for seed in range(50):
        config = mutate(generate(seed, (8, 4), ["eth0"]), seed)
        names = [neighbor["neighbor"] for neighbor in config["instances"][0]["neighbors"]]
        assert "eth0" in names
