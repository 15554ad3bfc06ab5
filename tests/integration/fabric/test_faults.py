# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For each check of role verify a fault on a live node turns exactly it red there; undone, all is green again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.routed.fabric.plugins.plugin_utils._verify.checks import CHECKS, GUEST_CHECKS
from standing import Fabric

FAULTS = yaml.safe_load((Path(__file__).resolve().parents[1] / "faults" / "spine-leaf.yml").read_text(encoding="utf-8"))


def red(fabric: Fabric, node: str, wait_s: int) -> set[str]:
    """The checks that fail on a node."""
    done = fabric.play("verify", "--limit", f"localhost,{node}", "-e", f"verify_wait_s={wait_s}")
    if done.status == 0:
        return set()
    report = re.search(rf'"msg": "{node}: \d+ of \d+ checks failed(.*?)"\n', done.output)
    assert report, done.output[-3000:]
    return set(re.findall(r"\\n  ([a-z_]+) ", report[1]))


def test_every_check_has_a_fault() -> None:
    here = [check.__name__ for check in CHECKS if check not in GUEST_CHECKS]  # this fabric has no guests
    assert sorted(fault["check"] for fault in FAULTS) == sorted(here)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["check"])
def test_fault_turns_exactly_its_check_red(fabric: Fabric, fault: dict[str, str]) -> None:
    node = fault["node"]
    fabric.ask(node, fault["inject"])
    try:
        if "seen" in fault:
            fabric.wait(f"the effect of {fault['check']}", lambda: fabric.shell(node, fault["seen"]).returncode == 0)
        assert red(fabric, node, wait_s=0) == {fault["check"]}
    finally:
        fabric.ask(node, fault["undo"])
    assert red(fabric, node, wait_s=60) == set()
