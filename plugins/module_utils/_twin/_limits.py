# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: kernel limits that a twin has to raise, kept and put back.

The first twin saves what it finds; the last one that goes puts it back, unless somebody else has changed it since.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

Values = dict[str, int]

AT_LEAST: Values = {
    # Each systemd container takes about twenty; with the usual 128 the sixth dies at its start with exit code 255.
    "fs.inotify.max_user_instances": 1024,
    "fs.inotify.max_user_watches": 65536,
    # One table for all network namespaces. Above the first, what nobody used for a minute goes, and EVPN withdraws it.
    **{
        f"net.{family}.neigh.default.{name}": value
        for family in ("ipv4", "ipv6")
        for name, value in (("gc_thresh1", 4096), ("gc_thresh2", 16384), ("gc_thresh3", 32768))
    },
}


def to_raise(current: Mapping[str, int], wanted: Mapping[str, int]) -> Values:
    """The limits that are too low, with what they become."""
    return {name: value for name, value in wanted.items() if name in current and current[name] < value}


def merged(
    saved: Mapping[str, Mapping[str, int]], current: Mapping[str, int], raised: Mapping[str, int]
) -> dict[str, Values]:
    """The record `{name: {before, raised}}` after raising: what was saved first stays the value to go back to."""
    record = {name: dict(entry) for name, entry in saved.items()}
    for name, value in raised.items():
        before = record.get(name, {}).get("before", current[name])
        record[name] = {"before": before, "raised": value}
    return record


def to_restore(record: Mapping[str, Mapping[str, int]], current: Mapping[str, int]) -> tuple[Values, list[str]]:
    """What to put back, and a sentence for each limit that is left alone because it is no longer what we made it."""
    back: Values = {}
    left = []
    for name, entry in sorted(record.items()):
        if name not in current:
            continue
        if current[name] == entry["raised"]:
            back[name] = entry["before"]
        elif current[name] != entry["before"]:
            left.append(
                f"{name} was raised from {entry['before']} to {entry['raised']} for the twin and is {current[name]} "
                "now: somebody else changed it, so it stays"
            )
    return back, left


def as_text(record: Mapping[str, Mapping[str, int]]) -> list[str]:
    return [f"{name}: {entry['before']} -> {entry['raised']}" for name, entry in sorted(record.items())]


def read() -> Values:
    """The current values of the limits that we know."""
    values = {}
    for name in AT_LEAST:
        path = _path(name)
        if path.exists():
            values[name] = int(path.read_text(encoding="ascii"))
    return values


def write(values: Mapping[str, int]) -> None:
    for name, value in values.items():
        _path(name).write_text(f"{value}\n", encoding="ascii")


def _path(name: str) -> Path:
    return Path("/proc/sys") / name.replace(".", "/")
