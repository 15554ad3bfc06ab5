# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The acceptance property of frr_bgp: see pairs.py for what must hold.

FABRIC_PAIRS (default 30) pairs, half on each FRR version, seeds from 0. FABRIC_RESULTS names a directory: each pair
is noted there in frr_pairs.json, and a pair that has passed with the same code is not run again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import frrlab
import pairs
import pytest
from figures import record
from frrlab import CHECKOUT, RELEASES

COUNT = int(os.environ.get("FABRIC_PAIRS", "30"))
EACH = -(-COUNT // max(len(RELEASES), 1))

# What frr-reload does and community wisdom asks for: take away what changes, then add it again.
DELETE_THEN_ADD = """
from ansible_collections.routed.fabric.plugins.module_utils._frr import _instance
def mutated(got, wanted, shown=()):
    commands = []
    have, want = _instance._split(got), _instance._split(wanted)
    if {key: set(lines) for key, lines in have.items()} == {key: set(lines) for key, lines in want.items()}:
        return []
    for header in sorted(have, key=lambda text: " vrf " not in text):
        commands.append(((), "no " + header))
    for header, lines in want.items():
        commands += [((), header), *lines]
    return commands
_instance.difference = mutated
"""


def code_fingerprint() -> str:
    """Changes when the module, the generator or the property does: then every pair counts as not run."""
    digest = hashlib.sha256()
    for folder in ("plugins/module_utils/_frr", "tests/frr_generator", "tests/integration/frr"):
        for path in sorted((CHECKOUT / folder).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class Results:
    """The pairs that were run, on disk."""

    def __init__(self, folder: str | None) -> None:
        self.path = Path(folder) / "frr_pairs.json" if folder else None
        self.code = code_fingerprint()
        self.known: dict[str, Any] = {}
        if self.path and self.path.exists():
            stored = json.loads(self.path.read_text(encoding="utf-8"))
            self.known = stored["pairs"] if stored.get("code") == self.code else {}

    def note(self, key: str, passed: bool, figures: dict[str, Any], findings: list[pairs.Finding]) -> None:
        self.known[key] = {"passed": passed, **figures, "findings": [finding._asdict() for finding in findings]}
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps({"code": self.code, "pairs": self.known}, indent=1)
            self.path.write_text(text + "\n", encoding="utf-8")


@pytest.fixture(scope="session")
def results() -> Iterator[Results]:
    yield Results(os.environ.get("FABRIC_RESULTS"))


@pytest.mark.parametrize("seed", range(EACH))
def test_pair(live: frrlab.Lab, results: Results, seed: int) -> None:
    key = f"{live.release} {seed}"
    if results.known.get(key, {}).get("passed"):
        return
    passed = False
    try:
        findings, figures = pairs.run(live, seed)
        if "bgpd" not in live.dut.vtysh("show daemons").split():
            findings.append(pairs.Finding("bgpd died", live.dut.run("cat /var/tmp/frr/bgpd*/crashlog", check=False)))
        passed = not findings
    finally:
        if not passed:  # each pair is judged by itself: the next one shall not find what this one left
            live.afresh()
    results.note(key, passed, figures, findings)
    assert not findings, "\n".join(f"{what}: {detail}" for what, detail in findings)


def test_enough_sessions_were_watched(live: frrlab.Lab, results: Results) -> None:
    """The property says nothing about sessions where none was up with equal lines."""
    run = [value for key, value in results.known.items() if key.startswith(live.release)]
    assert len(run) >= EACH, "run the pairs first: this looks at all of them"
    watched = sum(len(value.get("checked", ())) for value in run)
    assert watched >= 2 * len(run), f"{watched} sessions in {len(run)} pairs"
    figure = f"{sum(value['passed'] for value in run)} of {len(run)} pairs; {watched} sessions watched, none moved"
    record(
        "spine", f"random pairs, {live.release}", figure, len(run), "applied A then B on live sessions; see pairs.py"
    )


def test_frr_reload_would_say_so(live: frrlab.Lab) -> None:
    """The oracle can fail: a line that the file has not, and one that only the file has."""
    pairs.run(live, 0)
    assert pairs.reload_test(live) == []
    live.dut.vtysh("conf t", "ip prefix-list stray seq 5 permit any")
    stray = pairs.reload_test(live)
    live.dut.vtysh("conf t", "no ip prefix-list stray")
    assert any("stray" in line for line in stray)


def test_a_differ_that_deletes_and_adds_fails(live: frrlab.Lab) -> None:
    """The test of the test: with this differ the configuration is right and the sessions are not."""
    seen = []
    for seed in (0, 3, 6, 12, 15, 18):
        findings, _ = pairs.run(live, seed, hook=DELETE_THEN_ADD, reload_too=False)
        seen += [finding.what for finding in findings]
        if "session moved" in seen:
            return
    raise AssertionError(f"no session moved: {seen}")
