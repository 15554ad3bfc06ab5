# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What role verify and the tests say about what fabric_info read."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.routed.fabric.plugins.plugin_utils._verify import checks, snapshot


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "checks": checks.checks,
            "checks_report": checks.report,
            "failed_checks": checks.failed_checks,
            "snapshot_difference": snapshot.difference,
            "verify_questions": checks.questions,
        }
