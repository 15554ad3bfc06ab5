# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Configuration text of FRR as data, and back. Private to the collection.

A line is `(context path, text)`: `(("router bgp 65001", "address-family ipv4 unicast"), "neighbor TOR activate")`.
The header of a block is a line too: `((), "router bgp 65001")`. Order is FRR's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

Context = tuple[str, ...]
Line = tuple[Context, str]

# Which line opens a block, by the word its parent begins with ("" is the top). Blocks that are not listed are
# recognised
# by their indentation, which FRR always writes; the table is for text that a person wrote without it.
_OPENERS: dict[str, re.Pattern[str]] = {
    "": re.compile(
        r"router \w+|route-map \S+ (permit|deny) \d+$|interface \S|vrf \S|bfd$|line vty$|key chain \S|segment-routing$"
        r"|nexthop-group \S|pbr-map \S+ seq|mpls ldp$|rpki|l2vpn \S+ type|pseudowire \S"
    ),
    "router": re.compile(r"address-family \S"),
    "address-family": re.compile(r"vni \d+$"),
    "bfd": re.compile(r"(profile|peer) \S"),
}
# What begins a new top-level line in text without indentation, when a block is still open.
_TOP = re.compile(
    r"(no )?(router (bgp|ospf6?|isis|rip|ripng|eigrp|babel|pim6?|openfabric)( |$)"
    r"|route-map \S+ (permit|deny)|interface|vrf"
    r"|bfd$|line vty|key chain|segment-routing$|nexthop-group|pbr-map|mpls ldp|rpki|frr |hostname|log |service "
    r"|password|enable password|debug|access-list|ipv6 access-list"
    r"|ip(v6)? (prefix-list|route|protocol|router-id|nht|forwarding)"
    r"|bgp (as-path|community-list|large-community-list|extcommunity-list)|fpm|zebra |agentx)"
)
_EXIT = re.compile(r"(exit|quit|exit-[a-z0-9-]+)$")
_EXITS = {"address-family": "exit-address-family", "vni": "exit-vni", "vrf": "exit-vrf"}
_NOISE = ("Building configuration...", "Current configuration:", "end")


def parse(text: str) -> list[Line]:
    """Lines of `show running-config` or of a configuration file; comments, blank lines and ends of blocks go."""
    lines: list[Line] = []
    open_blocks: list[tuple[str, int]] = []
    previous: tuple[str, int] | None = None
    for raw in text.splitlines():
        stripped = raw.strip()
        indent = len(raw) - len(raw.lstrip())
        if not stripped or stripped[0] in "!#":
            continue
        if stripped in _NOISE and not indent:
            open_blocks, previous = [], None
            continue
        if previous and indent > previous[1] and (not open_blocks or open_blocks[-1] != previous):
            open_blocks.append(previous)
        if _EXIT.match(stripped):
            _leave(open_blocks, stripped)
            previous = None
            continue
        while open_blocks and _is_outside(stripped, indent, open_blocks):
            open_blocks.pop()
        lines.append((tuple(header for header, dummy in open_blocks), stripped))
        previous = (stripped, indent)
        if _opens(stripped, open_blocks[-1][0] if open_blocks else ""):
            open_blocks.append(previous)
    return lines


def _leave(open_blocks: list[tuple[str, int]], word: str) -> None:
    """Close what an exit line closes; FRR 8.4 leaves some out, so a named exit may close more than one block."""
    opener = next((start for start, end in _EXITS.items() if end == word), "")
    if opener and any(_first_word(header) == opener for header, dummy in open_blocks):
        while _first_word(open_blocks.pop()[0]) != opener:
            pass
    elif open_blocks:
        open_blocks.pop()


def _is_outside(text: str, indent: int, open_blocks: list[tuple[str, int]]) -> bool:
    header, header_indent = open_blocks[-1]
    if indent != header_indent:
        return indent < header_indent
    if _TOP.match(text) and not indent:
        return True
    if _first_word(header) == "address-family" and text.startswith("address-family "):
        return True
    # Same column as the header: inside it only where the block is one that we know, and no sibling of it begins.
    parent = open_blocks[-2][0] if len(open_blocks) > 1 else ""
    return not _opens(header, parent) or _opens(text, parent)


def _opens(text: str, parent: str) -> bool:
    pattern = _OPENERS.get(_first_word(parent))
    return bool(pattern and pattern.match(text))


def _first_word(text: str) -> str:
    return text.split(" ", 1)[0]


def unparse(lines: Iterable[Line]) -> str:
    """Configuration text, indented and closed as FRR writes it. A block is opened again where its lines come apart."""
    out: list[str] = []
    here: Context = ()

    def close(depth: int) -> None:
        nonlocal here
        while len(here) > depth:
            out.append(" " * (len(here) - 1) + _EXITS.get(_first_word(here[-1]), "exit"))
            here = here[:-1]

    for context, text in lines:
        common = 0
        while common < min(len(here), len(context)) and here[common] == context[common]:
            common += 1
        close(common)
        for header in context[common:]:
            if not (out and out[-1] == " " * len(here) + header):
                out.append(" " * len(here) + header)
            here = (*here, header)
        out.append(" " * len(here) + text)
    # A header without lines is closed too, or what is fed after it would land inside.
    close(0)
    return "".join(line + "\n" for line in _closed(out))


def _closed(out: list[str]) -> list[str]:
    """Add the exit of blocks that have no lines."""
    result: list[str] = []
    parents: list[str] = []
    for position, line in enumerate(out):
        text = line.strip()
        depth = len(line) - len(line.lstrip())
        del parents[depth:]
        result.append(line)
        parent = parents[-1] if parents else ""
        parents.append(text)
        following = out[position + 1] if position + 1 < len(out) else ""
        following_depth = len(following) - len(following.lstrip()) if following else 0
        if _opens(text, parent) and following_depth <= depth and not _EXIT.match(text):
            ended = following_depth == depth and _EXIT.match(following.strip() or "-")
            if not ended:
                result.append(" " * depth + _EXITS.get(_first_word(text), "exit"))
    return result
