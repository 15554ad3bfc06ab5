# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The edges stand for the whole session; a test puts back what it changes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import frrlab
import pytest
from interoplab import Lab

IMAGES = Path(__file__).resolve().parents[3] / "scripts" / "twin_image.sh"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.live)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Root file systems with FRR, GoBGP and BIRD as Debian packages them, then the routers, all devices known."""
    for release in frrlab.RELEASES:
        name = f"FABRIC_ROOTFS_{release}-edge"
        if name not in os.environ:
            done = subprocess.run(
                [str(IMAGES), "--flavour", "edge", "--rootfs", release], stdout=subprocess.PIPE, text=True, check=True
            )
            os.environ[name] = done.stdout.strip().splitlines()[-1]
    made = Lab()
    try:
        made.settled()
        yield made
    finally:
        made.stop()
