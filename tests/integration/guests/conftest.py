# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The standing twin of examples/routed-vms. A test puts back what it changes.

FABRIC_TWIN_FILE names another file of the same fabric, for a second twin beside one that stands.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from guestlab import Guests

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "routed-vms" / "fabric.yml"
FABRIC = Path(os.environ.get("FABRIC_TWIN_FILE", EXAMPLE))


@pytest.fixture(scope="session")
def guests() -> Guests:
    """Nodes that stand, or an error: never a skip."""
    standing = Guests(FABRIC)
    standing.require()
    return standing


@pytest.fixture(autouse=True)
def _calm(guests: Guests, request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test begins with pvesim's own timing, and all guests where the file has them, unless it wants chance."""
    guests.pvesim_settings(delay_ms=[20, 20], cont_delay_ms=0, migrate_fail="")
    if "chance" not in request.keywords:
        guests.home()
    yield
    guests.pvesim_settings(delay_ms=[20, 20], cont_delay_ms=0, migrate_fail="")
