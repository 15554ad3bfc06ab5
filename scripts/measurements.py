#!/usr/bin/env python3
"""Write docs/measurements.md from results/figures/PART/*.json: one table a part, as the full counts left them.

A part without figures here keeps the table it has in the page.
"""

from __future__ import annotations

import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "measurements.md"
HEAD = """# Measurements

What the full counts showed (`make accept PART=…`), on a machine with two shared cores. Times are what was seen
there, not promises.
"""


def table(rows: list[dict[str, object]]) -> str:
    lines = ["| what | figure | runs | how | date |", "|---|---|---|---|---|"]
    lines += [f"| {row['name']} | {row['figure']} | {row['runs']} | {row['how']} | {row['date']} |" for row in rows]
    return "\n".join(lines) + "\n"


def main() -> None:
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else HEAD
    parts = dict(re.findall(r"^## (\S+)\n\n((?:\|.*\n)+)", text, flags=re.MULTILINE))
    for place in sorted((ROOT / "results" / "figures").glob("*/")):
        rows = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(place.glob("*.json"))]
        if rows:
            parts[place.name] = table(rows)
    PAGE.write_text(HEAD + "".join(f"\n## {part}\n\n{parts[part]}" for part in sorted(parts)), encoding="utf-8")


if __name__ == "__main__":
    main()
