# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is lost once YAML has become data: keys that stand twice in a mapping, of which only the last would count."""

from __future__ import annotations

from typing import Any

from .errors import Path


def duplicate_keys(text: str) -> list[Path]:
    """The paths of all keys that stand a second time; none if the text is not YAML (whoever reads it will say so)."""
    import yaml  # noqa: PLC0415 - the import test of ansible-test knows no third-party library

    try:
        # LibYAML's, where it is there: a file with thousands of guests takes seconds otherwise
        root = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return []
    found: list[Path] = []
    _walk(root, (), found, set())
    return found


def _walk(node: Any, path: Path, found: list[Path], seen: set[int]) -> None:
    if node is None or id(node) in seen:  # an alias leads to the same node again
        return
    seen.add(id(node))
    if node.id == "mapping":
        keys: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in keys and name != "<<":
                found.append((*path, name))
            keys.add(name)
            _walk(value, (*path, name), found, seen)
    elif node.id == "sequence":
        for index, value in enumerate(node.value):
            _walk(value, (*path, index), found, seen)
