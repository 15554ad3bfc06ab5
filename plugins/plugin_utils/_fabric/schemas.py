# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The schema: reads the fragments beside this file and assembles them. All others take the result as plain data."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "schema"

# In the order of the reference page.
TOPICS = (
    *("fabric", "pools", "underlay", "sites", "nodes", "links", "upstreams", "tunnels"),
    *("guests", "segments", "overlay", "extensions", "proxmox", "ceph", "inventory"),
)


def read_fragments() -> dict[str, dict[str, Any]]:
    """Topic to fragment."""
    import yaml  # noqa: PLC0415 - the import test of ansible-test knows no third-party library

    return {topic: yaml.safe_load((FOLDER / f"{topic}.yml").read_text(encoding="utf-8")) for topic in TOPICS}


def assemble(fragments: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """One JSON Schema from the fragments, each of which brings properties of the file's top level."""
    properties: dict[str, Any] = {}
    required: list[str] = []
    for topic, fragment in fragments.items():
        for key, value in fragment["properties"].items():
            if key in properties:
                raise ValueError(f"{topic}.yml defines {key} a second time")
            properties[key] = value
        required += fragment.get("required", [])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "routed.fabric: fabric.yml",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """The schema of a fabric file. Do not change the result."""
    return assemble(read_fragments())
