# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection routed.fabric: no promise is made to code outside of it.
"""What differs between two snapshots of a node. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any


def difference(before: Any, after: Any, path: str = "") -> list[str]:
    """
    One sentence a difference, with its path; nothing where both are equal.

    Lists are compared as collections: what is gone and what is new, whatever the order.
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        found = []
        for key in sorted({*before, *after}, key=str):
            inner = f"{path}.{key}" if path else str(key)
            if key not in after:
                found.append(f"{inner}: gone, it was {_text(before[key])}")
            elif key not in before:
                found.append(f"{inner}: new, it is {_text(after[key])}")
            else:
                found += difference(before[key], after[key], inner)
        return found
    if _is_list(before) and _is_list(after):
        old, new = Counter(map(_text, before)), Counter(map(_text, after))
        return [
            *(f"{path}: gone: {item}" for item in (old - new).elements()),
            *(f"{path}: new: {item}" for item in (new - old).elements()),
        ]
    return [] if before == after else [f"{path}: {_text(before)} became {_text(after)}"]


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
