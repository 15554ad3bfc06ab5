# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Groups of the inventory."""

from __future__ import annotations

import re

from ..model import Fabric


def groups(fabric: Fabric) -> dict[str, list[str]]:
    """Group to its hosts. What playbooks name is always there: ansible-core warns where a group does not exist.

    Attached servers are in `fabric_servers` instead of `fabric_managed`, since nothing is routed on them.
    """
    found: dict[str, list[str]] = {
        "fabric": [*fabric.nodes, *fabric.servers],
        "fabric_managed": [],
        "fabric_unmanaged": [],
        "fabric_servers": [server.name for server in fabric.servers.values() if server.managed],
        # our part of the nodes that run guests with addresses of their own
        "fabric_guest_nodes": [n.name for n in fabric.nodes.values() if n.managed and fabric.has_guests(n)],
        # those that have, or may have had, something to do with extended subnets
        "fabric_extension_nodes": [n.name for n in fabric.nodes.values() if n.managed and fabric.extended],
        "function_proxmox": [],
        # managed nodes with an end of a tunnel
        "fabric_tunnel_nodes": [
            n.name for n in fabric.nodes.values() if n.managed and any(t.a.node == n.name for t in fabric.tunnels)
        ],
        # nodes of a cluster that we know of
        "fabric_ceph": [n.name for n in fabric.nodes.values() if fabric.ceph and n.name in fabric.ceph.addresses],
    }
    for server in fabric.servers.values():
        names = ["function_server", *([f"site_{server.site}"] if server.site else [])]
        for name in [*names, *([f"rack_{server.rack}"] if server.rack else [])]:
            found.setdefault(re.sub(r"[^A-Za-z0-9_]", "_", name), []).append(server.name)
    for node in fabric.nodes.values():
        names = ["fabric_managed" if node.managed else "fabric_unmanaged"]
        names += [f"function_{function}" for function in node.functions]
        names += [f"site_{node.site}"] if node.site else []
        names += [f"rack_{node.rack}"] if node.rack else []
        names += [f"platform_{node.platform}"]
        for name in names:
            found.setdefault(re.sub(r"[^A-Za-z0-9_]", "_", name), []).append(node.name)
    return found
