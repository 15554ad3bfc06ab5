# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""Keys that cannot be printed by accident. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

# What `wg` takes for "no preshared key".
NO_KEY = base64.b64encode(bytes(32)).decode()
_ANY_KEY = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=")


class Secret:
    """A private or preshared key. Whatever turns it into text shows a fingerprint; `reveal` is for tools and files."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    @property
    def fingerprint(self) -> str:
        return fingerprint(self._text)

    def __repr__(self) -> str:
        return f"({self.fingerprint})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


def fingerprint(text: str) -> str:
    """Tells two keys apart, and says nothing about a key that was made by chance."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def key_problem(text: str) -> str:
    """What is wrong with a key, without the key; empty where nothing is."""
    told = f"a value of {len(text)} characters ({fingerprint(text)})"
    rule = "a key is 32 bytes in base64: 44 characters, of which the last is '='"
    if len(text) != 44:
        return f"{told} is no key; {rule}"
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return f"{told} is not base64; {rule}"
    if len(raw) != 32 or base64.b64encode(raw).decode() != text:
        return f"{told} holds no 32 bytes; {rule}"
    if text == NO_KEY:
        return "this key is all zeros, which WireGuard takes for none"
    return ""


def mask(words: str) -> str:
    """A tool's own words without anything that could be a key: `wg` repeats what it cannot read."""
    return _ANY_KEY.sub("(a key)", re.sub(r"`[^']*'", _quoted, words))


def _quoted(match: re.Match[str]) -> str:
    """Only what looks like an address, a name or a path is repeated."""
    text = match.group(0)
    return text if re.fullmatch(r"`[A-Za-z0-9_.:\[\]/%@ -]{0,80}'", text) and not re.search(r"[A-Z]", text) else "`...'"
