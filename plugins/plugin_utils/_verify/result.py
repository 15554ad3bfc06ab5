# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection routed.fabric: no promise is made to code outside of it.
"""What a check says."""

from __future__ import annotations

from typing import Any, NamedTuple

OK = "ok"
FAILED = "failed"
SKIPPED = "skipped"  # its cause is another check's failure, which says more


class Result(NamedTuple):
    check: str
    subject: str
    status: str
    message: str = ""
    hint: str = ""

    def as_data(self) -> dict[str, Any]:
        return {**self._asdict(), "ok": self.status != FAILED}


def judged(check: str, subject: str, faults: list[str], hint: str) -> Result:
    """`ok` without faults, else `failed` with all of them in one message."""
    if not faults:
        return Result(check, subject, OK)
    return Result(check, subject, FAILED, "; ".join(faults), hint)


def skipped(check: str, subject: str, because: str) -> Result:
    return Result(check, subject, SKIPPED, f"not judged, because {because}")
