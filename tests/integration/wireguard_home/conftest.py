# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The standing twin of examples/wireguard-home. A test puts back what it changes.

FABRIC_TWIN_FILE names another file, for a second twin beside one that stands; tests of the form with BGP are collected
for a fabric that uses it, and the others for one that does not, so that none is skipped.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from figures import accepting
from standing import Fabric

sys.path.insert(0, str(Path(__file__).parent))

from home import Home

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "wireguard-home"
FILE = Path(os.environ.get("FABRIC_TWIN_FILE", EXAMPLES / "fabric.yml")).resolve()
WITHOUT_BGP = ("test_traffic.py", "test_faults.py", "test_repair.py", "test_reboot.py", "test_secrets.py")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    bgp = "routing: bgp" in FILE.read_text(encoding="utf-8")
    names = WITHOUT_BGP if bgp else ("test_bgp.py",)
    return True if collection_path.name in names else None


@pytest.fixture(scope="session")
def fabric() -> Fabric:
    """Nodes that stand, or an error: never a skip."""
    standing = Fabric(FILE)
    standing.require()
    return standing


@pytest.fixture(scope="session")
def home(fabric: Fabric) -> Home:
    return Home(fabric)


@pytest.fixture(scope="session")
def probes() -> int:
    """How many packets are sent where a loss or a leak is counted."""
    return 1000 if accepting() else 50
