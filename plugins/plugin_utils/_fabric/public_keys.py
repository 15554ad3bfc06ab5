# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file of public keys beside a fabric file: `public_keys: {NODE: {INTERFACE: KEY}}`. Pure."""

from __future__ import annotations

import re
from typing import Any

from .errors import FabricError, Problems

_KEY = re.compile(r"^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$")


def keys_file(fabric_file: str, *, twin: bool) -> str:
    """The name of the file of keys: `lab.fabric.yml` has `lab.public_keys.yml`. The keys of a twin are its own."""
    stem = re.sub(r"\.ya?ml$", "", fabric_file)
    stem = stem[: -len("fabric")] if stem.endswith("fabric") else f"{stem}."
    return f"{stem}public_keys{'.twin' if twin else ''}.yml"


def read_keys(name: str, data: Any) -> dict[str, dict[str, str]]:
    """Node to interface to public key. Raises FabricError with every mistake; *name* is the file's."""
    problems, found = Problems(), dict[str, dict[str, str]]()
    nodes = data.get("public_keys") if isinstance(data, dict) else None
    if not isinstance(nodes, dict):
        problems.add("keys_form", ("public_keys",), file=name, value=type(data).__name__)
        nodes = {}
    for node, interfaces in nodes.items():
        if not isinstance(interfaces, dict):
            problems.add("keys_form", ("public_keys", str(node)), file=name, value=type(interfaces).__name__)
            continue
        for interface, key in interfaces.items():
            if isinstance(key, str) and _KEY.match(key):
                found.setdefault(str(node), {})[str(interface)] = str(key)
            else:
                problems.add("keys_key", ("public_keys", str(node), str(interface)), file=name)
    if len(problems):
        raise FabricError(list(problems))
    return found
