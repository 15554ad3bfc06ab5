# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the kernel forwards, as far as FRR has a say in it. Private to the collection. Pure.

FRR 8.4 and 10.3 touch the kernel's switches in one place, the commands `[no] ip forwarding` and `[no] ipv6
forwarding`: not at their start, unless the file has these lines. zebra shows `no ip forwarding` whenever the kernel has
0, whoever set it, and a reload (frr-reload.py) takes that for a line that was configured: where the file does not have
it, forwarding goes on. So a node that shall not forward has the lines in its file.

`wanted`: family to whether the kernel forwards. The lines of a family that it does not name are nobody's: they stay in
the file, and are neither given nor compared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ansible_collections.routed.fabric.plugins.module_utils._frr._tree import Line

WORD = {"ipv4": "ip", "ipv6": "ipv6"}
_HEAD = re.compile(r"(frr (version|defaults)|hostname|log|service) ")


def _on(family: str) -> str:
    return f"{WORD[family]} forwarding"


def _off(family: str) -> str:
    return f"no {WORD[family]} forwarding"


def lines(wanted: Mapping[str, bool]) -> list[Line]:
    """As FRR prints it: that a family forwards is no line."""
    return [((), _off(family)) for family in WORD if wanted.get(family) is False]


def state(running: Sequence[Line], wanted: Mapping[str, bool]) -> dict[str, bool]:
    """What the kernel has, for the families of `wanted`."""
    return {family: ((), _off(family)) not in running for family in WORD if family in wanted}


def commands(running: Sequence[Line], wanted: Mapping[str, bool]) -> list[Line]:
    """What switches the kernel; empty where it is as wanted."""
    there = state(running, wanted)
    return [((), _on(f) if wanted[f] else _off(f)) for f in there if there[f] != wanted[f]]


def back(given: Sequence[Line]) -> list[Line]:
    """What takes `commands` back."""
    return [(context, text[3:] if text.startswith("no ") else f"no {text}") for context, text in given]


def in_file(text: str, wanted: Mapping[str, bool]) -> str:
    """The file with these lines as wanted, and otherwise as it is; the same text where they are right already."""
    found = text.splitlines(keepends=True)
    for family, forwards in wanted.items():
        on, off = _on(family), _off(family)
        right = [line for line in found if line.rstrip() not in ((off,) if forwards else (on, off))]
        if not forwards:
            if sum(line.rstrip() == off for line in found) == 1 and len(found) - len(right) == 1:
                continue
            right.insert(_behind_head(right), f"{off}\n")
        found = right
    return "".join(found)


def _behind_head(found: Sequence[str]) -> int:
    """Before the first block: FRR prints them there, and a line behind a block could be read as a part of it."""
    place = 0
    for number, line in enumerate(found):
        words = line.strip()
        if _HEAD.match(line) or (words and words[0] in "!#" and words != "!" and place == number):
            place = number + 1
        elif words and words[0] not in "!#" and not re.match(r"(no )?(ip|ipv6) forwarding$", words):
            break
    if place and not found[place - 1].endswith("\n"):
        return 0
    return place
