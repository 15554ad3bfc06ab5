# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For each check of a cluster a fault on live nodes turns exactly it red there; undone, all is green again."""

from __future__ import annotations

import pytest
from ansible_collections.routed.fabric.plugins.plugin_utils._verify.checks import CEPH_CHECKS
from cephlab import Ceph
from standing import faults

FAULTS = faults("ceph-l3")


def test_every_check_has_a_fault() -> None:
    """The managers' is below: all of them have to go, on three nodes."""
    assert {fault["check"] for fault in FAULTS} | {"ceph_manager"} == {check.__name__ for check in CEPH_CHECKS}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["check"])
def test_fault_turns_exactly_its_check_red(ceph: Ceph, fault: dict[str, str]) -> None:
    ceph.turns_red(fault, ceph.whole)


def test_no_manager(ceph: Ceph) -> None:
    for node in ceph.members:
        ceph.ask(node, f"systemctl stop ceph-mgr@{node}")
    try:
        ceph.wait("the cluster's notice of it", lambda: "no manager" in ceph.missing())
        assert ceph.red("ceph02", wait_s=0) == {"ceph_manager"}
    finally:
        for node in ceph.members:
            ceph.ask(node, f"systemctl start ceph-mgr@{node}")
    ceph.whole()
    assert ceph.red("ceph02", wait_s=60) == set()
