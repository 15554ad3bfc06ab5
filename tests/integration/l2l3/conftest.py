# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The standing twin of examples/l2-over-l3, or of the file in FABRIC_TWIN_FILE. A test puts back what it changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from devicelab import Lab
from standing import Fabric

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
FILE = Path(os.environ.get("FABRIC_TWIN_FILE", EXAMPLES / "l2-over-l3" / "fabric.yml")).resolve()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of another file are not collected, so that none is skipped."""
    extension = yaml.safe_load(FILE.read_text(encoding="utf-8"))["subnet_extensions"]["lan"]
    without = []
    if extension.get("transport", "direct") == "direct":
        without.append("core")
    if extension.get("transport") != "ssh":
        without.append("ssh")
    if not extension.get("learn"):
        without += ["learned", "not_allowed", "device_moves"]
    items[:] = [item for item in items if not any(word in item.name for word in without)]


@pytest.fixture(scope="session")
def lab() -> Lab:
    """Nodes that stand, or an error: never a skip."""
    standing = Fabric(FILE)
    standing.require()
    return Lab(standing, FILE, yaml.safe_load(FILE.read_text(encoding="utf-8"))["subnet_extensions"]["lan"])
