# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each check of role verify can fail: one injected fault turns exactly it red."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.routed.fabric.plugins.plugin_utils._verify.checks import CHECKS
from standing import Fabric

FAULTS: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).resolve().parents[1] / "faults" / "spine-leaf.yml").read_text(encoding="utf-8")
)


def red(output: str) -> set[str]:
    """The names of the failed checks in what role verify said."""
    return set(re.findall(r"^  (\w+) .+: ", output, re.MULTILINE))


def test_each_check_has_a_fault() -> None:
    assert [fault["check"] for fault in FAULTS] == list(dict.fromkeys(fault["check"] for fault in FAULTS))
    assert {fault["check"] for fault in FAULTS} == {check.__name__ for check in CHECKS}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["check"])
def test_one_fault_turns_exactly_one_check_red(fabric: Fabric, fault: dict[str, Any]) -> None:
    node, limit = fault["node"], f"{fault['node']},localhost"
    before = fabric.play("verify", "--limit", limit)
    assert before.status == 0, before.output[-3000:]
    fabric.ask(node, fault["inject"])
    try:
        fabric.wait(
            f"the fault {fault['check']} on {node}",
            lambda: fabric.shell(node, fault.get("seen", "true")).returncode == 0,
        )
        during = fabric.play("verify", "--limit", limit, "-e", "verify_wait_s=6")
    finally:
        fabric.ask(node, fault["undo"])
    assert during.status != 0, "the fault was not seen"
    assert red(during.output) == {fault["check"]}, during.output[-3000:]
    after = fabric.play("verify", "--limit", limit)
    assert after.status == 0, after.output[-3000:]
