# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a test measured, kept for docs/measurements.md.

Figures are written under results/figures/, one JSON file a figure, only when full counts run (`make accept`):
a small run must not replace what a full one has shown.
"""

from __future__ import annotations

import json
import os
import re
from datetime import date
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[2] / "results"


def accepting() -> bool:
    """Whether this is a run at full count."""
    return os.environ.get("FABRIC_ACCEPT") == "1"


def record(part: str, name: str, figure: str, runs: int, how: str) -> None:
    """Keep one figure: what it is, its value with unit and spread, of how many runs, and how it was measured."""
    if not accepting():
        return
    place = RESULTS / "figures" / part
    place.mkdir(parents=True, exist_ok=True)
    row = {"name": name, "figure": figure, "runs": runs, "how": how, "date": date.today().isoformat()}
    file = place / (re.sub("[ /]", "-", name.replace(",", "")) + ".json")
    file.write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
