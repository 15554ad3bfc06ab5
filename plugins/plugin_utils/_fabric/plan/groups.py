# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Groups of the inventory."""

from __future__ import annotations

import re

from ..model import Fabric


def groups(fabric: Fabric) -> dict[str, list[str]]:
    """Group to its nodes. What playbooks name is always there: ansible-core warns where a group does not exist."""
    found: dict[str, list[str]] = {"fabric": list(fabric.nodes), "fabric_managed": [], "fabric_unmanaged": []}
    # our part of the nodes that run guests with addresses of their own
    found["fabric_guest_nodes"] = [n.name for n in fabric.nodes.values() if n.managed and fabric.has_guests(n)]
    found["function_proxmox"] = []
    for node in fabric.nodes.values():
        names = ["fabric_managed" if node.managed else "fabric_unmanaged"]
        names += [f"function_{function}" for function in node.functions]
        names += [f"site_{node.site}"] if node.site else []
        names += [f"rack_{node.rack}"] if node.rack else []
        names += [f"platform_{node.platform}"]
        for name in names:
            found.setdefault(re.sub(r"[^A-Za-z0-9_]", "_", name), []).append(node.name)
    return found
