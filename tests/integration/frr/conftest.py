# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lab per FRR version, for the whole session."""

from __future__ import annotations

from collections.abc import Iterator

import frrlab
import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.live)


@pytest.fixture(scope="session", params=frrlab.RELEASES)
def live(request: pytest.FixtureRequest) -> Iterator[frrlab.Lab]:
    """A device under test and three peers on FRR 10.3 (trixie) or 8.4 (bookworm), running."""
    with frrlab.lab(request.param) as lab:
        yield lab
