# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""corosync.conf as Proxmox writes it: who is in the cluster, over which links, and what differs from the plan. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class CorosyncError(Exception):
    """The file is not corosync's."""


class Cluster(NamedTuple):
    """What a corosync.conf says. `links`: node → number of the link → address or name."""

    name: str
    links: dict[str, dict[int, str]]


class Comparison(NamedTuple):
    """The planned cluster beside the real one."""

    joined: bool
    missing: tuple[str, ...]
    differences: tuple[str, ...]


def parse(text: str) -> Cluster:
    """Raises CorosyncError. The grammar is that of Proxmox' own reader: words, with blocks in braces."""
    words = re.sub(r"#.*", "", text).split()
    stack: list[dict[str, Any]] = [{}]
    position = 0
    while position < len(words):
        word = words[position]
        if words[position + 1 : position + 2] == ["{"]:
            block: dict[str, Any] = {}
            stack[-1].setdefault(word, []).append(block)
            stack.append(block)
        elif word == "}":
            if len(stack) == 1:
                raise CorosyncError("a '}' without its '{'")
            stack.pop()
            position += 1
            continue
        elif not word.endswith(":") or position + 1 == len(words):
            raise CorosyncError(f"'{word}' is neither a block nor a key with its value")
        else:
            stack[-1][word[:-1]] = words[position + 1]
        position += 2
    if len(stack) != 1:
        raise CorosyncError("a '{' without its '}'")
    links: dict[str, dict[int, str]] = {}
    for node in _blocks(_blocks(stack[0], "nodelist"), "node"):
        name = str(node.get("name", node.get("ring0_addr", "")))
        numbers = {key: re.fullmatch(r"ring(\d)_addr", key) for key in node}
        links[name] = {int(found[1]): str(node[key]) for key, found in numbers.items() if found}
    totem = _blocks(stack[0], "totem")
    return Cluster(str(totem[0].get("cluster_name", "")) if totem else "", links)


def _blocks(where: Any, key: str) -> list[dict[str, Any]]:
    """All blocks of a name in a block, or in a list of blocks."""
    found = []
    for block in where if isinstance(where, list) else [where]:
        inner = block.get(key, [])
        found += [entry for entry in inner if isinstance(entry, dict)] if isinstance(inner, list) else []
    return found


def compare(found: Cluster | None, nodes: Sequence[Mapping[str, Any]], node: str) -> Comparison:
    """`nodes`: the planned ones, each with `name` and `link0`, `link1` …; `node`: this one."""
    if found is None:
        return Comparison(False, tuple(entry["name"] for entry in nodes), ())
    planned = {entry["name"]: planned_links(entry) for entry in nodes}
    differences = []
    for member, links in planned.items():
        for number in sorted({*links, *found.links.get(member, {})} if member in found.links else ()):
            is_now, wanted = found.links[member].get(number), links.get(number)
            if _address(is_now) != _address(wanted):
                differences.append(f"link {number} of {member} is {is_now or 'missing'}, planned is {wanted or 'none'}")
    differences += [
        f"{member} is in the cluster and not in the plan" for member in found.links if member not in planned
    ]
    missing = tuple(member for member in planned if member not in found.links)
    return Comparison(node in found.links, missing, tuple(differences))


def planned_links(entry: Mapping[str, Any]) -> dict[int, str]:
    """Number of the link → address."""
    return {int(key[4:]): str(value) for key, value in entry.items() if re.fullmatch(r"link\d", key) and value}


def _address(text: str | None) -> str | None:
    try:
        return str(ipaddress.ip_address(text or ""))
    except ValueError:
        return text


def create_command(name: str, entry: Mapping[str, Any]) -> list[str]:
    return ["pvecm", "create", name, "--nodeid", str(entry["id"]), *_link_options(entry)]


def join_command(member: str, entry: Mapping[str, Any]) -> list[str]:
    """`member`: the address of a node that is in the cluster."""
    return ["pvecm", "add", member, "--use_ssh", "1", "--nodeid", str(entry["id"]), *_link_options(entry)]


def _link_options(entry: Mapping[str, Any]) -> list[str]:
    return [word for number, address in sorted(planned_links(entry).items()) for word in (f"--link{number}", address)]


def with_lines(text: str, lines: Sequence[str]) -> str:
    """A file of SSH with these lines; those that stand there already, with whatever comment, are not added again."""
    there = {tuple(line.split()[:3]) for line in text.splitlines()} | {
        tuple(line.split()[:2]) for line in text.splitlines()
    }
    missing = [line for line in lines if tuple(line.split()[:3]) not in there and tuple(line.split()[:2]) not in there]
    head = text if text.endswith("\n") or not text else f"{text}\n"
    return (head if missing else text) + "".join(f"{line}\n" for line in missing)
