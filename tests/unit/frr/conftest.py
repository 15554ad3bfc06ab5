# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the generator importable, and the collection where the tests of this folder run alone."""

from __future__ import annotations

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]
for place in (TESTS.parent / "build" / "collections", TESTS):
    if str(place) not in sys.path:
        sys.path.insert(0, str(place))
