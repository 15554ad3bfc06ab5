# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For each check of segments and gateways a fault on a live node turns exactly it red there; undone, all is green."""

from __future__ import annotations

import pytest
from standing import Fabric, faults

FAULTS = faults("two-datacenters")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["check"])
def test_fault_turns_exactly_its_check_red(fabric: Fabric, fault: dict[str, str]) -> None:
    fabric.turns_red(fault)


def test_rules_that_were_flushed_are_loaded_again(fabric: Fabric) -> None:
    """The unit still counts as active: the role looks at the rules themselves."""
    fabric.ask("DC01GW01", "nft flush ruleset")
    done = fabric.play("site", "--limit", "localhost,DC01GW01", "--tags", "border_gateway")
    assert done.status == 0, done.output[-3000:]
    assert done.changed() == {"DC01GW01": 1}
    assert fabric.red("DC01GW01", wait_s=10) == set()
