# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The configuration file that FRR starts with. Private to the collection. Pure.

FRR's own `write memory` would drop every comment, and would write `no ip forwarding` where the sysctls happen to be 0.
So the
file is made from itself: lines that are not ours stay in their block and order, ours come from the running
configuration.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ansible_collections.routed.fabric.plugins.module_utils._frr._apply import Node, same
from ansible_collections.routed.fabric.plugins.module_utils._frr._scope import owned
from ansible_collections.routed.fabric.plugins.module_utils._frr._tree import Line, parse, unparse

HEADER = (
    "! Parts of this file are written by the Ansible module routed.fabric.frr_bgp, which puts its own lines back.",
    "! Lines of others stay. Comments are kept here, at the top.",
)
_META = re.compile(r"frr (version|defaults) ")
_FORWARDING = re.compile(r"(no )?(ip|ipv6) forwarding$")


def is_stale(saved: str | None, node: Node, ours: Callable[[Line], bool]) -> bool:
    """True when FRR, started with the file, would not have our lines as they run now."""
    if saved is None:
        return True
    return not same(node.canonical(owned(parse(saved), ours)), node.canonical(owned(node.lines, ours)))


def file_text(saved: str | None, node: Node, ours: Callable[[Line], bool]) -> str:
    """The new text of the file."""
    meta = [line for line in node.lines if _is_meta(line)]
    if saved is None:
        rest = [line for line in node.lines if not _is_meta(line) and not _FORWARDING.match(line[1])]
        return _text([], [*meta, *rest])
    comments = [
        line.strip()
        for line in saved.splitlines()
        if re.match(r"\s*[!#]\s*[^\s!#]", line) and line.strip() not in HEADER
    ]
    lines = parse(saved)
    emptied = {((), context[0]) for context, dummy in owned(lines, ours) if context}
    foreign = [line for line in lines if not ours(line) and not _is_meta(line)]
    emptied -= {((), context[0]) for context, dummy in foreign if context}
    kept = [line for line in foreign if line not in emptied]
    return _text(comments, [*meta, *_insert(kept, owned(node.lines, ours))])


def _is_meta(line: Line) -> bool:
    return not line[0] and bool(_META.match(line[1]))


def _insert(foreign: Sequence[Line], own: Sequence[Line]) -> list[Line]:
    """Our lines at the end of the block they share with others, or after everything."""
    result = list(foreign)
    for line in own:
        context = line[0]
        if not context:
            if line not in result:
                result.append(line)
            continue
        head = context[0]
        places = [number for number, (other, said) in enumerate(result) if (other[0] if other else said) == head]
        if places:
            result.insert(places[-1] + 1, line)
        else:
            result += [((), head), line]
    return result


def _text(comments: Sequence[str], lines: Sequence[Line]) -> str:
    return "\n".join([*HEADER, *comments, "!", ""]) + unparse(lines)
