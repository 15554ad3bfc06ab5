# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Raised kernel limits: what is saved, and what goes back."""

from __future__ import annotations

from ansible_collections.routed.fabric.plugins.module_utils._twin._limits import as_text, merged, to_raise, to_restore


def test_only_what_is_too_low_is_raised() -> None:
    assert to_raise({"a": 128, "b": 5000}, {"a": 1024, "b": 4096, "unknown.here": 1}) == {"a": 1024}


def test_the_first_value_is_the_one_to_go_back_to() -> None:
    record = merged({}, {"a": 128}, {"a": 1024})
    assert record == {"a": {"before": 128, "raised": 1024}}
    # Somebody lowered it meanwhile, and the next twin raises it again.
    assert merged(record, {"a": 200}, {"a": 1024}) == record
    assert as_text(record) == ["a: 128 -> 1024"]


def test_restore() -> None:
    record = {"a": {"before": 128, "raised": 1024}, "b": {"before": 1, "raised": 2}, "c": {"before": 3, "raised": 4}}
    back, left = to_restore(record, {"a": 1024, "b": 7, "c": 3})
    assert back == {"a": 128}
    assert left == [
        "b was raised from 1 to 2 for the twin and is 7 now: somebody else changed it, so it stays",
    ]
