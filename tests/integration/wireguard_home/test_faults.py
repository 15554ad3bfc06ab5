# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For each check of tunnels a fault on a live node turns exactly it red there; undone, all is green again."""

from __future__ import annotations

import pytest
from ansible_collections.routed.fabric.plugins.plugin_utils._verify.checks import TUNNEL_CHECKS
from home import Home
from standing import Fabric, faults

FAULTS = faults("wireguard-home")


def test_every_check_has_a_fault() -> None:
    assert sorted(fault["check"] for fault in FAULTS) == sorted(check.__name__ for check in TUNNEL_CHECKS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["check"])
def test_fault_turns_exactly_its_check_red(fabric: Fabric, home: Home, fault: dict[str, str]) -> None:
    home.until_it_answers()
    fabric.turns_red(fault)
