# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The standing twin of examples/spine-leaf, as `make demo` leaves it. A test puts back what it changes.

FABRIC_TWIN_FILE names another file of the same fabric, for a second twin beside one that stands.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from standing import Fabric

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "spine-leaf" / "fabric.yml"
FABRIC = Path(os.environ.get("FABRIC_TWIN_FILE", EXAMPLE))


@pytest.fixture(scope="session")
def fabric() -> Fabric:
    """Nodes that stand, or an error: never a skip."""
    standing = Fabric(FABRIC)
    standing.require()
    return standing
