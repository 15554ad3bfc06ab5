# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of playbooks on a twin has shown. Pure: texts and data in, texts and data out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

RECAP = re.compile(r"^(?P<host>\S+)\s+: (?P<counts>ok=\d+.*)$")
RESULT = re.compile(r"^(changed|fatal|failed): \[(?P<host>[^\]]+)\]")
HEADING = re.compile(r"^(TASK|RUNNING HANDLER|PLAY) \[(?P<name>.*?)\] \**$")


def recap(output: str) -> dict[str, dict[str, int]]:
    """The counts of `PLAY RECAP` by host: ok, changed, unreachable, failed and so on."""
    counts: dict[str, dict[str, int]] = {}
    _before, found, text = output.rpartition("PLAY RECAP")
    for line in text.splitlines() if found else []:
        match = RECAP.match(line)
        if match:
            pairs = (pair.split("=") for pair in match["counts"].split())
            counts[match["host"]] = {name: int(value) for name, value in pairs}
    return counts


def changed_tasks(output: str) -> list[str]:
    """`host: task` for each result that is a change."""
    found = []
    task = ""
    for line in output.splitlines():
        heading = HEADING.match(line)
        if heading:
            task = heading["name"]
        result = RESULT.match(line)
        if result and line.startswith("changed"):
            entry = f"{result['host'].split(' ')[0]}: {task}"
            if entry not in found:
                found.append(entry)
    return found


def heading(line: str) -> str | None:
    """What a line of ansible-playbook's output begins, if it begins something."""
    match = HEADING.match(line)
    return match["name"] if match else None


def differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """One line for each place in which two JSON values differ: `links.enp1s0.mtu: 9216 -> 1500`."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}, key=str):
            where = f"{path}.{key}" if path else str(key)
            if key not in before:
                yield f"{where}: appeared: {_short(after[key])}"
            elif key not in after:
                yield f"{where}: gone: {_short(before[key])}"
            else:
                yield from differences(before[key], after[key], where)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _list_differences(before, after, path)
    elif isinstance(before, str) and isinstance(after, str) and "\n" in before + after:
        yield from _list_differences(before.splitlines(), after.splitlines(), path)
    elif before != after or type(before) is not type(after):
        yield f"{path}: {_short(before)} -> {_short(after)}"


def _list_differences(before: Sequence[Any], after: Sequence[Any], path: str) -> Iterator[str]:
    """Lists of the same length are compared place by place, others by what is only in one of them."""
    if len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after)):
            yield from differences(old, new, f"{path}[{number}]")
        return
    rest = list(after)
    for entry in before:
        if entry in rest:
            rest.remove(entry)
        else:
            yield f"{path}: gone: {_short(entry)}"
    for entry in rest:
        yield f"{path}: appeared: {_short(entry)}"


def _short(value: Any, limit: int = 160) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def sessions(summary: Mapping[str, Any]) -> dict[str, bool]:
    """The BGP neighbors of `show bgp summary json` with whether each is established in all its families."""
    up: dict[str, bool] = {}
    for family in summary.values():
        for neighbor, entry in (family.get("peers") or {}).items() if isinstance(family, Mapping) else ():
            up[neighbor] = up.get(neighbor, True) and entry.get("state") == "Established"
    return up


def plain(value: Any) -> Any:
    """A value of `ansible-inventory --list` without the marks that ansible-core puts around a plugin's strings."""
    if isinstance(value, Mapping):
        if set(value) == {"__ansible_unsafe"}:
            return value["__ansible_unsafe"]
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    return value


def nodes_of(inventory: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """`fabric_node` by host, from `ansible-inventory --list`."""
    hostvars = inventory.get("_meta", {}).get("hostvars", {})
    return {host: values["fabric_node"] for host, values in hostvars.items() if "fabric_node" in values}


def errors_of(inventory: Mapping[str, Any]) -> list[str]:
    """What is wrong with the fabric's file, from `ansible-inventory --list`."""
    found: list[str] = list(inventory.get("all", {}).get("vars", {}).get("fabric_errors", []))
    for values in inventory.get("_meta", {}).get("hostvars", {}).values():
        found += [text for text in values.get("fabric_errors", []) if text not in found]
    return found


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their longest entry."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(entry.ljust(width) for entry, width in zip(row, widths)).rstrip() for row in rows)
