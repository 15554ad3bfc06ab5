# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The standing twin of examples/ceph-l3, with its real cluster. A test puts back what it changes.

FABRIC_TWIN_FILE names another file of the same fabric, for a second twin beside one that stands.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cephlab import Ceph
from figures import accepting

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "ceph-l3" / "fabric.yml"


@pytest.fixture(scope="session")
def ceph() -> Ceph:
    """A cluster that stands and is whole, or an error: never a skip."""
    standing = Ceph(Path(os.environ.get("FABRIC_TWIN_FILE", EXAMPLE)).resolve())
    standing.require()
    standing.whole()
    standing.pool()
    return standing


@pytest.fixture(scope="session")
def runs() -> int:
    """How often a thing is measured."""
    return 3 if accepting() else 1
