# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of a live migration, as PVE::QemuMigrate has it, and what remains when it fails at each of its steps."""

from __future__ import annotations

import pytest
from pvesim.migrate import migrate
from pvesim.places import PvesimError

GOOD = [
    "lock",
    "start_target",
    "copy_memory",
    "move_config",
    "resume_target",
    "stop_source",
    "unlock_target",
]


class Recorder:
    def __init__(self, failing: str = "") -> None:
        self.steps: list[str] = []
        self.failing = failing

    def __getattr__(self, name):
        def step(*_arguments):
            self.steps.append(name)
            if name == self.failing:
                raise PvesimError(name)
            return "tcp:[::1]:60000"

        return step


def test_the_order():
    """The configuration moves before the guest runs on the target; the source's tap goes after that."""
    recorder = Recorder()
    migrate(recorder)
    assert recorder.steps == GOOD


@pytest.mark.parametrize("failing", ["copy_memory", "move_config"])
def test_a_failure_before_the_cut_over_leaves_the_guest(failing):
    recorder = Recorder(failing)
    with pytest.raises(PvesimError, match=failing):
        migrate(recorder)
    assert recorder.steps == [*GOOD[: GOOD.index(failing) + 1], "cancel_copy", "stop_target", "unlock_source"]


def test_a_target_that_does_not_start():
    recorder = Recorder("start_target")
    with pytest.raises(PvesimError):
        migrate(recorder)
    assert recorder.steps == ["lock", "start_target", "stop_target", "unlock_source"]


def test_a_locked_guest_is_left_alone():
    recorder = Recorder("lock")
    with pytest.raises(PvesimError):
        migrate(recorder)
    assert recorder.steps == ["lock"]


def test_after_the_cut_over_there_is_no_way_back():
    """The configuration is the target's: the source's QEMU ends even when the target could not be resumed."""
    recorder = Recorder("resume_target")
    with pytest.raises(PvesimError):
        migrate(recorder)
    assert recorder.steps == GOOD
