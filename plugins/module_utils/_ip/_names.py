# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""Names of route protocols and tables, as iproute2 reads them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError

# kind → file and the largest number
FILES = {
    "protocols": ("/etc/iproute2/rt_protos.d/fabric.conf", 255),
    "tables": ("/etc/iproute2/rt_tables.d/fabric.conf", 4294967295),
}
_HEADER = (
    "# Written by the Ansible collection routed.fabric (module underlay_interfaces).\n"
    "# Do not edit: the next run puts this file back. Names of your own belong in another file.\n"
)
_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_.-]*$")


def render(names: Mapping[str, Any]) -> dict[str, str]:
    """`names`: `protocols` and `tables`, each name → number. Path → text; a kind without names has no file."""
    files = {}
    for kind, (path, most) in FILES.items():
        lines = []
        for name, number in (names.get(kind) or {}).items():
            if not _NAME.match(str(name)):
                raise IpError(
                    f"names.{kind}: '{name}' is no name that iproute2 reads (a letter, then letters and digits)"
                )
            if not str(number).isdecimal() or not 0 < int(number) <= most:
                raise IpError(f"names.{kind}.{name}: {number} is not between 1 and {most}")
            lines.append((int(number), name))
        if lines:
            files[path] = _HEADER + "".join(f"{number}\t{name}\n" for number, name in sorted(lines))
    return files
