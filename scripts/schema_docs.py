#!/usr/bin/env python3
# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the JSON Schema for editors and the reference page of fabric.yml, both from the fragments of the schema.

Usage: scripts/schema_docs.py [--check]      --check: write nothing, exit 1 if one of them is out of date
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FABRIC = ROOT / "plugins" / "plugin_utils" / "_fabric"
REFERENCE = ROOT / "docs" / "reference"

HEAD = """# Reference: fabric.yml

This page is made from the schema by `scripts/schema_docs.py`; change the fragments in
`plugins/plugin_utils/_fabric/schema/`, not this page. For completion in an editor, put this line at the head of
your file:

    # yaml-language-server: $schema=https://github.com/routed/fabric/raw/main/docs/reference/fabric_schema.json

Every key that is not listed here is an error. Strings never contain templates.
"""


def load_schemas() -> Any:
    """schemas.py by its path: the command has to work without the collection on Python's path."""
    spec = importlib.util.spec_from_file_location("schemas", FABRIC / "schemas.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {inline(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(inline(inner) for inner in value) + "]"
    if isinstance(value, str):
        return f'"{value}"' if any(c in value for c in ":'{}[],") or not value else value
    return json.dumps(value)


def type_of(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(f"`{inline(v)}`" for v in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    names = {"object": "mapping", "array": "list", "integer": "whole number", "boolean": "true or false"}
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    text = " or ".join(str(names.get(kind, kind)) for kind in kinds)
    if "minimum" in schema or "maximum" in schema:
        text += f", {schema.get('minimum', '')} to {schema.get('maximum', '')}"
    if "format" in schema:
        text += f" ({schema['format']})"
    return text


def rows(schema: dict[str, Any], path: str) -> list[str]:
    """The lines of a table: this key and everything below it."""
    notes = []
    if "default" in schema:
        notes.append(f"default `{inline(schema['default'])}`")
    if schema.get("examples"):
        notes.append(f"e.g. `{inline(schema['examples'][0])}`")
    description = " ".join(schema.get("description", "").split())
    lines = [f"| `{path}` | {type_of(schema)} | {description} | {'; '.join(notes)} |"]
    for key, inner in schema.get("properties", {}).items():
        required = " (required)" if key in schema.get("required", []) else ""
        below = rows(inner, f"{path}.{key}")
        below[0] = below[0].replace("` |", f"`{required} |", 1)
        lines += below
    if isinstance(schema.get("additionalProperties"), dict) and "description" in schema["additionalProperties"]:
        lines += rows(schema["additionalProperties"], f"{path}.NAME")
    if isinstance(schema.get("items"), dict) and "description" in schema["items"]:
        lines += rows(schema["items"], f"{path}[]")
    return lines


def reference(fragments: dict[str, dict[str, Any]]) -> str:
    text = HEAD
    for fragment in fragments.values():
        text += f"\n## {fragment['title']}\n\n| key | value | what it means | |\n|---|---|---|---|\n"
        for key, schema in fragment["properties"].items():
            required = " (required)" if key in fragment.get("required", []) else ""
            lines = rows(schema, key)
            lines[0] = lines[0].replace("` |", f"`{required} |", 1)
            text += "\n".join(lines) + "\n"
    return text


def outputs() -> dict[Path, str]:
    schemas = load_schemas()
    fragments = schemas.read_fragments()
    return {
        REFERENCE / "fabric_schema.json": json.dumps(schemas.assemble(fragments), indent=2) + "\n",
        REFERENCE / "fabric.md": reference(fragments),
    }


def main(arguments: list[str]) -> int:
    stale = [path for path, text in outputs().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        name = path.relative_to(ROOT)
        if "--check" in arguments:
            print(f"{name} is out of date: run scripts/schema_docs.py")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(outputs()[path], encoding="utf-8")
            print(f"{name} written")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
