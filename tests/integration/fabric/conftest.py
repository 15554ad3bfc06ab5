# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The standing twin of examples/spine-leaf, as `make demo` leaves it. A test puts back what it changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from standing import Fabric

FABRIC = Path(__file__).resolve().parents[3] / "examples" / "spine-leaf" / "fabric.yml"


@pytest.fixture(scope="session")
def fabric() -> Fabric:
    """Nodes that stand, or an error: never a skip."""
    standing = Fabric(FABRIC)
    standing.require()
    return standing
