# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""corosync.conf as Proxmox writes it (PVE::Corosync, create_conf and write_conf), for what `pvecm` would make.

Follows documented behaviour: keys sorted, two spaces a level, an empty line after each block of the first level. Left
out: link priorities, which the plan does not set, and everything that other programs add (qdevice).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def corosync_conf(cluster: Mapping[str, Any]) -> str:
    """`cluster`: as in `fabric_node.proxmox.cluster`. One `pvecm create` and one `pvecm add` for each further node."""
    links = sorted(key for key in cluster["nodes"][0] if key.startswith("link"))
    nodes = {
        node["name"]: {
            "name": node["name"],
            "nodeid": node["id"],
            "quorum_votes": 1,
            **{f"ring{link[4:]}_addr": node[link] for link in links},
        }
        for node in cluster["nodes"]
    }
    return _dump(
        {
            "logging": {"debug": "off", "to_syslog": "yes"},
            "nodelist": {"node": [nodes[name] for name in sorted(nodes)]},
            "quorum": {"provider": "corosync_votequorum"},
            "totem": {
                "cluster_name": cluster["name"],
                "config_version": len(nodes),
                "interface": [{"linknumber": link[4:]} for link in links],
                "ip_version": "ipv4-6",
                "link_mode": "passive",
                "secauth": "on",
                "version": 2,
            },
        }
    )


def _dump(section: Mapping[str, Any], prefix: str = "") -> str:
    text = ""
    for key, value in sorted(section.items()):
        if isinstance(value, dict):
            text += f"{prefix}{key} {{\n{_dump(value, prefix + '  ')}{prefix}}}\n" + ("" if prefix else "\n")
        elif isinstance(value, list):
            for child in value:
                text += f"{prefix}{key} {{\n{_dump(child, prefix + '  ')}{prefix}}}\n"
        else:
            text += f"{prefix}{key}: {value}\n"
    return text
