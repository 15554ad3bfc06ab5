# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The standing twins of examples/two-datacenters and examples/proxmox-evpn. A test puts back what it changes.

FABRIC_TWIN_FILE names the file whose twin stands; tests of another one are not collected, so that none is skipped.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from figures import accepting
from standing import Fabric

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
FILE = Path(os.environ.get("FABRIC_TWIN_FILE", EXAMPLES / "two-datacenters" / "fabric.yml")).resolve()

# Test file to the fabrics that it is for.
FOR = {
    "test_faults.py": ("two-datacenters",),
    "test_servers.py": ("two-datacenters",),
    "test_switch_over.py": ("two-datacenters", "two-datacenters-bgp"),
    "test_losses.py": ("two-datacenters", "two-datacenters-bgp"),
    "test_vrrp.py": ("two-datacenters",),
    "test_with_default_route.py": ("two-datacenters-bgp",),
    "test_proxmox.py": ("proxmox-evpn",),
}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    names = FOR.get(collection_path.name)
    text = FILE.read_text(encoding="utf-8")
    return True if names and not any(f"\nname: {name}\n" in text for name in names) else None


@pytest.fixture(scope="session")
def fabric() -> Fabric:
    """Nodes that stand, or an error: never a skip."""
    standing = Fabric(FILE)
    standing.require()
    return standing


@pytest.fixture(scope="session")
def runs() -> int:
    """How often a thing is measured."""
    return 10 if accepting() else 1
