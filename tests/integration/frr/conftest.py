# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lab per FRR version, for the whole session."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
for place in (CHECKOUT / "build" / "collections", CHECKOUT / "tests", CHECKOUT / "tests" / "integration"):
    if str(place) not in sys.path:
        sys.path.insert(0, str(place))

import frrlab  # noqa: E402

RELEASES = [release for release in ("trixie", "bookworm") if os.environ.get(f"FABRIC_ROOTFS_{release}")]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.live)
        if not RELEASES or os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root and FABRIC_ROOTFS_trixie or FABRIC_ROOTFS_bookworm"))


@pytest.fixture(scope="session", params=RELEASES or ["trixie"])
def live(request: pytest.FixtureRequest) -> Iterator[frrlab.Lab]:
    """A device under test and three peers on FRR 10.3 (trixie) or 8.4 (bookworm), running."""
    with frrlab.lab(request.param) as lab:
        yield lab
