# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The standing twin of examples/l2-over-l3, or of the file in FABRIC_TWIN_FILE, and copies of its file that say more.

Each test begins where the one before it ended, as changes of a file follow each other; the last one leads back.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from changes import Changes

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
FILE = Path(os.environ.get("FABRIC_TWIN_FILE", EXAMPLES / "l2-over-l3" / "fabric.yml")).resolve()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Changes:
    """Nodes that stand, or an error: never a skip."""
    return Changes(FILE, tmp_path_factory.mktemp("fabric"))
