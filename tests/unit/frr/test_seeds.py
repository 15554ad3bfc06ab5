# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The BGP configurations of the four documents that the project grew from, as data and as FRR prints them.

Equal to their own text on paper; seen equal on FRR 10.3 and 8.4, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.routed.fabric.plugins.module_utils._frr._gather import gather
from ansible_collections.routed.fabric.plugins.module_utils._frr._render import render
from ansible_collections.routed.fabric.plugins.module_utils._frr._tree import parse
from ansible_collections.routed.fabric.plugins.module_utils._frr._validate import validate

SEEDS = sorted((Path(__file__).parent / "data" / "seeds").glob("*.yml"))


@pytest.fixture(params=SEEDS, ids=lambda path: path.stem)
def seed(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(yaml.safe_load(request.param.read_text()))


def test_there_are_six() -> None:
    assert len(SEEDS) == 6


def test_render(seed: dict[str, Any]) -> None:
    assert set(render(seed["config"], (10, 3), seed["profile"])) == set(parse(seed["lines"]))


def test_render_8_4(seed: dict[str, Any]) -> None:
    other = seed.get("lines_8_4", {})
    expected = {(context, other.get(line, line)) for context, line in parse(seed["lines"])}
    assert set(render(seed["config"], (8, 4), seed["profile"])) == expected


def test_gather(seed: dict[str, Any]) -> None:
    assert gather(parse(seed["lines"]), (10, 3), seed["profile"]) == seed["config"]


def test_valid(seed: dict[str, Any]) -> None:
    for version in ((8, 4), (10, 3)):
        validate(seed["config"], version, existing={})
