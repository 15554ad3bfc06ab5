# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mistakes that a fabric file can contain: one table of texts, and the list that collects them.

A text has two parts: the sentence says what is wrong, the hint what to do. Both are completed with named fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Union

from .texts import layer2, machines, outside, underlay

Path = tuple[Union[str, int], ...]

# code -> (sentence, hint)
RULES: dict[str, tuple[str, str]] = {**underlay.RULES, **outside.RULES, **layer2.RULES, **machines.RULES}


def format_path(path: Path) -> str:
    """``("links", 0, "a")`` as ``links[0].a``; keys with other characters are quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[A-Za-z0-9_/:-]+", part):
            text += f".{part}" if text else part
        else:
            text += f"['{part}']"
    return text or "fabric file"


@dataclass(frozen=True)
class Problem:
    """One mistake: where, which rule, what and what to do."""

    path: Path
    code: str
    sentence: str
    hint: str

    def __str__(self) -> str:
        end = "" if self.hint.endswith("?") else "."
        return f"{format_path(self.path)}: {self.sentence}. {self.hint}{end}"


class Problems:
    """Collects mistakes. A rule that only follows from another mistake asks :meth:`touches` first."""

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}
        # Of a file with thousands of mistakes each is asked for, too.
        self._paths: set[Path] = set()
        self._above: set[Path] = set()

    def add(self, code: str, path: Path, **fields: object) -> None:
        """Add a mistake; *code* is a key of :data:`RULES`, *fields* complete its texts."""
        sentence, hint = RULES[code]
        problem = Problem(path, code, sentence.format(**fields), hint.format(**fields).rstrip("."))
        self._found[problem] = None
        if path:
            self._paths.add(path)
            self._above.update(path[:length] for length in range(len(path) + 1))

    def touches(self, path: Path) -> bool:
        """Whether a mistake was found at *path*, above it or below it."""
        return path in self._above or any(path[:length] in self._paths for length in range(1, len(path)))

    def codes(self, path: Path) -> set[str]:
        """The rules that were broken at *path* or below it."""
        return {p.code for p in self._found if p.path[: len(path)] == path}

    def at(self, path: Path) -> bool:
        """Whether a mistake was found exactly at *path*."""
        return path in self._paths if path else any(not p.path for p in self._found)

    def __iter__(self) -> Iterator[Problem]:
        return iter(
            sorted(
                self._found,
                key=lambda p: [(isinstance(x, int), str(x).zfill(6) if isinstance(x, int) else x) for x in p.path],
            )
        )

    def __len__(self) -> int:
        return len(self._found)


class FabricError(Exception):
    """A fabric file with mistakes; :attr:`problems` has all of them."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(p) for p in problems))


class MissingLibrary(Exception):  # noqa: N818 - it is a state of the controller, not a mistake in the file
    """A Python library that the controller needs is not there."""

    def __init__(self, library: str) -> None:
        super().__init__(f"The plan needs the Python library {library} on the controller: pip install {library}")
