# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For each check of role verify a fault on a live node turns exactly it red there; undone, all is green again."""

from __future__ import annotations

import pytest
from ansible_collections.routed.fabric.plugins.plugin_utils._verify.checks import (
    CEPH_CHECKS,
    CHECKS,
    GUEST_CHECKS,
    OVERLAY_CHECKS,
    TUNNEL_CHECKS,
)
from standing import Fabric, faults

FAULTS = faults("spine-leaf")


def test_every_check_has_a_fault() -> None:
    """Those of segments, tunnels, guests and Ceph are in other twins."""
    elsewhere = (*GUEST_CHECKS, *OVERLAY_CHECKS, *TUNNEL_CHECKS, *CEPH_CHECKS)
    here = [check.__name__ for check in CHECKS if check not in elsewhere]
    assert sorted(fault["check"] for fault in FAULTS) == sorted(here)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["check"])
def test_fault_turns_exactly_its_check_red(fabric: Fabric, fault: dict[str, str]) -> None:
    fabric.turns_red(fault)
