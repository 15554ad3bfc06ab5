# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For each check of tunnels a fault on a live node turns exactly it red there; undone, all is green again."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.routed.fabric.plugins.plugin_utils._verify.checks import TUNNEL_CHECKS
from home import Home
from standing import Fabric

FILE = Path(__file__).resolve().parents[1] / "faults" / "wireguard-home.yml"
FAULTS = yaml.safe_load(FILE.read_text(encoding="utf-8"))


def test_every_check_has_a_fault() -> None:
    assert sorted(fault["check"] for fault in FAULTS) == sorted(check.__name__ for check in TUNNEL_CHECKS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["check"])
def test_fault_turns_exactly_its_check_red(fabric: Fabric, home: Home, fault: dict[str, str]) -> None:
    node = fault["node"]
    home.until_it_answers()
    fabric.ask(node, fault["inject"])
    try:
        assert fabric.red(node, wait_s=0) == {fault["check"]}
    finally:
        fabric.ask(node, fault["undo"])
    assert fabric.red(node, wait_s=60) == set()
