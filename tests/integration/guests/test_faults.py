# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For each check of routed guests a fault on a live node turns exactly it red there; undone, all is green again."""

from __future__ import annotations

import pytest
from ansible_collections.routed.fabric.plugins.plugin_utils._verify.checks import GUEST_CHECKS
from guestlab import Guests
from standing import faults

FAULTS = faults("routed-vms")


def test_every_check_has_a_fault() -> None:
    assert sorted(fault["check"] for fault in FAULTS) == sorted(check.__name__ for check in GUEST_CHECKS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["check"])
def test_fault_turns_exactly_its_check_red(guests: Guests, fault: dict[str, str]) -> None:
    guests.turns_red(fault)
