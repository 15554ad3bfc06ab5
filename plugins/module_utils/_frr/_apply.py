# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One change of one node: what is there, what shall be, the commands between, the way back. Private."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.routed.fabric.plugins.module_utils._frr import _forwarding
from ansible_collections.routed.fabric.plugins.module_utils._frr._canonical import canonical
from ansible_collections.routed.fabric.plugins.module_utils._frr._difference import batches, difference
from ansible_collections.routed.fabric.plugins.module_utils._frr._errors import FrrError
from ansible_collections.routed.fabric.plugins.module_utils._frr._graceful import is_step
from ansible_collections.routed.fabric.plugins.module_utils._frr._render import render_explicit
from ansible_collections.routed.fabric.plugins.module_utils._frr._scope import (
    check_instances,
    is_ours,
    merge,
    owned,
)
from ansible_collections.routed.fabric.plugins.module_utils._frr._secrets import mask
from ansible_collections.routed.fabric.plugins.module_utils._frr._tree import Line, parse, unparse
from ansible_collections.routed.fabric.plugins.module_utils._frr._vtysh import Outcome, Vtysh

SUPPORTED = ((8, 4), (10, 3))


class RefusedError(FrrError):
    """FRR did not take the change. The message says what FRR said and what is there now."""


class Node(NamedTuple):
    """A running configuration and how it has to be read."""

    lines: list[Line]
    version: tuple[int, int]
    profile: str

    def canonical(self, lines: Sequence[Line]) -> list[Line]:
        return canonical(list(lines), self.version, self.profile)


class Plan(NamedTuple):
    """Our part of the configuration before and after, and the commands between."""

    node: Node
    ours: Callable[[Line], bool]
    got: list[Line]
    wanted: list[Line]
    commands: list[Line]


def read_node(text: str) -> Node:
    """A running configuration's lines, version and profile. Raises FrrError when the version is not said."""
    lines = parse(text)
    version, profile = (0, 0), "traditional"
    for context, line in lines:
        found = re.match(r"frr (version|defaults) (\S+)$", line) if not context else None
        if found and found.group(1) == "defaults":
            profile = found.group(2)
        elif found:
            numbers = re.match(r"(\d+)\.(\d+)", found.group(2))
            version = (int(numbers.group(1)), int(numbers.group(2))) if numbers else version
    if version == (0, 0):
        raise FrrError("the running configuration has no line 'frr version': this is not FRR")
    return Node(lines, version, profile)


def make_plan(node: Node, config: Mapping[str, Any], state: str, name_prefix: str) -> Plan:
    """Pure. Raises FrrConfigError where the configuration cannot be meant."""
    given = [*render_explicit(dict(config)), *parse("\n".join(config.get("raw_lines") or ()))]
    if state != "deleted":
        check_instances(node.lines, config, state)
    ours = is_ours(config, given, state, name_prefix)
    got = node.canonical(owned(node.lines, ours))
    if state == "merged":
        wanted = node.canonical(merge(got, given))
    elif state == "deleted":
        wanted = []
    else:
        wanted = node.canonical(given)
    return Plan(node, ours, got, wanted, difference(got, wanted, node.lines))


def same(one: Sequence[Line], other: Sequence[Line]) -> bool:
    """Equal but for order, which FRR chooses itself, and for blocks without lines that only hold others."""
    return not difference(one, other)


def apply_plan(plan: Plan, vtysh: Vtysh) -> tuple[Node, list[str]]:
    """Apply, read back, and go back where the result is not what was wanted. Gives the new node and warnings.

    Raises RefusedError. All or nothing: unless the message says otherwise, the former configuration is there again.
    """
    text = unparse(plan.commands)
    dry = vtysh.dry_run(text)
    if not dry.accepted:
        raise RefusedError(_said("FRR does not know this configuration; nothing was touched", dry))
    outcome = _feed(plan.commands, vtysh)
    node = read_node(vtysh.read())
    left = _remaining(plan, node, plan.wanted)
    if left and outcome.accepted:
        # FRR lets one line drag others along: a member that joins a group takes over what is active there.
        outcome = _feed(left, vtysh)
        node = read_node(vtysh.read())
        left = _remaining(plan, node, plan.wanted)
    if not left:
        warnings = (
            [] if outcome.accepted else [_said("FRR refused a line, but the configuration is as wanted", outcome)]
        )
        return node, warnings
    missing = mask(" | ".join(_one_line(line) for line in left))
    raise RefusedError(
        _said("FRR refused the change", outcome) + f"; not in effect: {missing}; " + undo_plan(plan, node, vtysh)
    )


def renewal(plan: Plan) -> list[Line]:
    """The lines `ip protocol … route-map` that stay as they are, all taken away and then all given again. Pure.

    The kernel drops every route whose preferred source address goes, and zebra does not install them again when the
    address is back: it keeps them as rejected. A change of the route map makes it try anew. BGP notices nothing.
    """
    lines = [line for line in plan.wanted if line in plan.got and re.match(r"(ip|ipv6) protocol ", line[1])]
    return [(context, f"no {text}") for context, text in lines] + lines


def renew(commands: Sequence[Line], vtysh: Vtysh) -> None:
    """Give one line at a time: FRR 10.3 takes `no X` and `X` in one file as no change. Raises RefusedError."""
    for command in commands:
        outcome = vtysh.apply(unparse([command]))
        if not outcome.accepted:
            raise RefusedError(_said("FRR refused to apply its route maps anew", outcome))


def switch(commands: Sequence[Line], plan: Plan, vtysh: Vtysh) -> Node:
    """Forwarding, after everything else. Raises RefusedError, and goes back, where the kernel is not as wanted then."""
    outcome = vtysh.apply(unparse(commands))
    node = read_node(vtysh.read())
    left = [text for context, text in commands if (text.startswith("no ")) != ((context, _off(text)) in node.lines)]
    if left:
        vtysh.apply(unparse(_forwarding.back(commands)))
        raise RefusedError(
            _said("FRR did not switch forwarding", outcome)
            + f"; not in effect: {' | '.join(left)}; {undo_plan(plan, node, vtysh)}"
        )
    return node


def _off(text: str) -> str:
    return text if text.startswith("no ") else f"no {text}"


def _feed(commands: Sequence[Line], vtysh: Vtysh) -> Outcome:
    """Feed in runs, and no further than the first that FRR refuses something of."""
    said = []
    for batch in batches(commands):
        said.append(_harmless(vtysh.apply(unparse(batch))))
        if not said[-1].accepted:
            break
    return Outcome(
        all(outcome.accepted for outcome in said),
        [line for outcome in said for line in outcome.refused],
        list(dict.fromkeys(word for outcome in said for word in outcome.words)),
    )


def _harmless(outcome: Outcome) -> Outcome:
    """FRR 8.4 refuses a mode that a neighbour's hidden state has already (_graceful.py): reading back decides."""
    refused = outcome.refused
    failed = any("Configuration failed" in word for word in outcome.words)
    return outcome._replace(accepted=True) if refused and all(map(is_step, refused)) and not failed else outcome


def undo_plan(plan: Plan, node: Node, vtysh: Vtysh) -> str:
    """Put the former configuration back; says what came of it."""
    back = _remaining(plan, node, plan.got)
    if not back:
        return "the former configuration is unchanged"
    for dummy in range(2):  # what FRR hides behind one line may show only when that is gone
        outcome = _feed(back, vtysh)
        left = back = _remaining(plan, read_node(vtysh.read()), plan.got)
        if not left:
            break
    if not left:
        return "the former configuration is back, as reading it shows"
    missing = " | ".join(_one_line(line) for line in left)
    return mask(
        f"the former configuration could NOT be restored; these commands would still be needed: {missing}"
        + (f"; FRR says: {' '.join(outcome.words)}" if outcome.words else "")
    )


def _remaining(plan: Plan, node: Node, wanted: Sequence[Line]) -> list[Line]:
    """The commands that still lie between what is there and what is wanted."""
    return difference(node.canonical(owned(node.lines, plan.ours)), wanted, node.lines)


def _one_line(line: Line) -> str:
    return " / ".join([*line[0], line[1]])


def _said(start: str, outcome: Outcome) -> str:
    parts = [start]
    if outcome.refused:
        parts.append("refused: " + " | ".join(outcome.refused))
    if outcome.words:
        parts.append("FRR says: " + " | ".join(outcome.words))
    return mask("; ".join(parts))
