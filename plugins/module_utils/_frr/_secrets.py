# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No password in anything that leaves the module. Private to the collection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "********"
# Ours, and what raw lines and foreign blocks may carry.
_SECRET = re.compile(
    r"(?P<key>\b(?:password|authentication-key|key-string|md5|secret|message-digest-key \d+ md5) )(?P<value>[^|;\n]+)"
)


def mask(text: str) -> str:
    """The text with every secret's value replaced."""
    return _SECRET.sub(lambda found: found.group("key") + MASK, text)


def mask_pair(before: str, after: str) -> tuple[str, str]:
    """Both texts masked; a secret that is new or changed in `after` is marked, so that the change is visible."""
    known = {line.strip() for line in before.splitlines() if _SECRET.search(line)}
    lines = [
        mask(line) + (" (changed)" if _SECRET.search(line) and line.strip() not in known else "")
        for line in after.splitlines()
    ]
    return mask(before), "".join(line + "\n" for line in lines)


def mask_data(value: Any) -> Any:
    """Configuration data with every `password` replaced."""
    if isinstance(value, Mapping):
        return {key: MASK if key == "password" and item is not None else mask_data(item) for key, item in value.items()}
    if isinstance(value, list):
        return [mask_data(item) for item in value]
    return mask(value) if isinstance(value, str) else value
