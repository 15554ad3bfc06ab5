# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""ceph.conf: read and edited line by line, so that whatever is not asked for stays as it is. Pure.

The language is that of Ceph's own parser (src/common/ConfUtils.cc): sections in brackets, `option = value`, comments
after `#` or `;`, a backslash at the end of a line that goes on, quotes around values. The words of an option's name may
be parted by spaces, dashes or underscores. Of an option that stands in a section twice the last one counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.routed.fabric.plugins.module_utils._ceph._errors import CephError

_SECTION = re.compile(r"\s*\[([^\[\]]+)\]\s*([#;].*)?$")
_OPTION = re.compile(r"(?P<head>\s*(?P<key>[^=#;\[\]]*[^=#;\[\]\s])\s*=[ \t]*)(?P<rest>.*)$", re.DOTALL)
_SECRET = re.compile(r"(password|secret|token|passphrase|(^|_)key)$")


def option_name(text: str) -> str:
    """`public network`, `public-network` → `public_network`."""
    return re.sub(r"[\s_-]+", "_", text.strip())


@dataclass
class _Line:
    """One logical line: a continued one holds several of the file's. `section` is the one that it stands in."""

    text: str
    section: str = ""
    key: str = ""
    head: str = ""
    """Up to the value, as it was written."""
    value: str = ""
    tail: str = ""
    """The comment behind the value, with the spaces before it."""


class Conf:
    """A file, and edits to it. `text` is the whole of it again."""

    def __init__(self, text: str, path: str = "ceph.conf") -> None:
        self._lines: list[_Line] = []
        self._end = "\n" if text.endswith("\n") or not text else ""
        section = ""
        for number, line in _logical_lines(text):
            stripped = line.strip()
            entry = _Line(line, section)
            if stripped.startswith("["):
                match = _SECTION.match(line)
                if match is None:
                    raise CephError(f"{path} line {number}: '{stripped}' is no section; write it as [NAME]")
                section = entry.section = match[1].strip()
            elif stripped and stripped[0] not in "#;":
                match = _OPTION.match(line)
                if match is None:
                    raise CephError(f"{path} line {number}: '{stripped}' is neither a section, an option nor a comment")
                if not section:
                    raise CephError(
                        f"{path} line {number}: the option '{match['key']}' stands before the first section"
                    )
                entry.key, entry.head = option_name(match["key"]), match["head"]
                entry.value, entry.tail = _split_comment(match["rest"], f"{path} line {number}")
            self._lines.append(entry)

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self._lines) + self._end if self._lines else ""

    @property
    def masked(self) -> str:
        """The text for a diff: values that are secrets are left out."""
        lines = []
        for line in self._lines:
            secret = line.key and _SECRET.search(line.key)
            lines.append(f"{line.head}********" if secret else line.text)
        return "\n".join(lines) + self._end if lines else ""

    def sections(self) -> list[str]:
        """In the order of the file, each once."""
        return list(dict.fromkeys(line.section for line in self._lines if line.section))

    def options(self, section: str) -> dict[str, str]:
        """What counts in a section."""
        return {line.key: line.value for line in self._lines if line.section == section and line.key}

    def get(self, section: str, key: str) -> str | None:
        return self.options(section).get(key)

    def set(self, section: str, key: str, value: str | None) -> None:
        """Give an option a value, or take it away (None). Nothing else changes."""
        if self.get(section, key) == value:
            return
        found = [line for line in self._lines if line.section == section and line.key == key]
        if value is None:
            self._lines = [line for line in self._lines if line not in found]
        elif found:
            last = found[-1]
            last.value = value
            last.text = f"{last.head}{value}{last.tail}"
            self._lines = [line for line in self._lines if line is last or line not in found]
        else:
            self._add(section, key, value)

    def _add(self, section: str, key: str, value: str) -> None:
        """Behind the section's last option; a section that is not there comes last."""
        here = [number for number, line in enumerate(self._lines) if line.section == section]
        if not here:
            if self._lines and self._lines[-1].text.strip():
                self._lines.append(_Line("", self._lines[-1].section))
            self._lines.append(_Line(f"[{section}]", section))
            here = [len(self._lines) - 1]
        options = [number for number in here if self._lines[number].key]
        headers = [number for number in here if self._lines[number].text.strip().startswith("[")]
        place = (options or headers)[-1]
        indent = re.match(r"\s*", self._lines[place].text)
        head = f"{indent[0] if indent and options else ''}{key} = "
        self._lines.insert(place + 1, _Line(f"{head}{value}", section, key, head, value))
        self._end = "\n"


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Each with the number of its first line; one that ends in a backslash holds the next one, too."""
    found: list[tuple[int, str]] = []
    open_line = False
    for number, line in enumerate(text.split("\n"), start=1):
        if open_line:
            first, before = found[-1]
            found[-1] = (first, f"{before}\n{line}")
        else:
            found.append((number, line))
        open_line = line.endswith("\\")
    if found and found[-1][1] == "":
        found.pop()
    return found


def _split_comment(rest: str, place: str) -> tuple[str, str]:
    """The value without quotes and continuations, and the comment behind it as it was written."""
    joined = rest
    quoted = re.match(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')(\s*(?:[#;].*)?)$""", joined.strip(), re.DOTALL)
    if quoted:
        return re.sub(r"\\(.)", r"\1", quoted[1][1:-1]), quoted[2].rstrip()
    if joined[:1] in "\"'" and joined[:1]:
        raise CephError(f"{place}: the quote in {joined.strip()} is never closed")
    match = re.search(r"(?<!\\)\s*[#;]", joined)
    value, tail = (joined[: match.start()], joined[match.start() :]) if match else (joined, "")
    value = re.sub(r"\\\n\s*", "", value)
    return re.sub(r"\\([#;\"'\\])", r"\1", value).strip(), tail
