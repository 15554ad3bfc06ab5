# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One machine a test, with a VTEP's addresses on lo."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from figures import accepting
from machine import Machine

LOOPBACK = "ip addr add 10.255.0.11/32 dev lo; ip addr add 2001:db8:100::b/128 dev lo"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.live)


def _machine(release: str, disk: Path) -> Iterator[Machine]:
    made = Machine(release, disk, "vxlan_bridge")
    made.shell(LOOPBACK)
    yield made
    made.stop()


@pytest.fixture(params=["trixie", "bookworm"])
def each_machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    """For what depends on ifupdown2 and iproute2."""
    yield from _machine(request.param, tmp_path)


@pytest.fixture(params=["trixie", "bookworm"] if accepting() else ["trixie"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    yield from _machine(request.param, tmp_path)
