# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One machine a test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from figures import accepting
from machine import Machine

sys.path.insert(0, str(Path(__file__).parent))

from wglab import Lab


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.live)


# The tools of both releases differ little, and a machine takes its time: the rest runs on both at full count.
ON_BOTH = ("test_four_calls", "test_the_next_boot", "test_fifty_peers_and_the_others_lose_nothing")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "lab" in metafunc.fixturenames:
        both = accepting() or metafunc.function.__name__ in ON_BOTH
        metafunc.parametrize("lab", ["trixie", "bookworm"] if both else ["trixie"], indirect=True)


@pytest.fixture
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    machine = Machine(request.param, tmp_path, "wireguard_interface")
    yield Lab(machine)
    machine.stop()
