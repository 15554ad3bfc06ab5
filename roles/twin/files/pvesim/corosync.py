# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""corosync.conf as Proxmox writes it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass
class Node:
    name: str
    nodeid: int
    addresses: list[str]
    votes: int = 1


@dataclass
class Corosync:
    name: str
    version: int = 1
    nodes: list[Node] = field(default_factory=list)


def parse(text: str) -> Corosync:
    def value(key: str, block: str, default: str = "") -> str:
        found = re.search(rf"^\s*{key}:\s*(\S+)\s*$", block, re.MULTILINE)
        return found[1] if found else default

    nodes = [
        Node(
            value("name", block),
            int(value("nodeid", block, "0")),
            re.findall(r"^\s*ring\d_addr:\s*(\S+)\s*$", block, re.MULTILINE),
            int(value("quorum_votes", block, "1")),
        )
        for block in re.findall(r"\bnode\s*\{([^{}]*)\}", text)
    ]
    return Corosync(value("cluster_name", text), int(value("config_version", text, "0")), nodes)


def write(cluster: Corosync) -> str:
    lines = ["logging {", "  debug: off", "  to_syslog: yes", "}", "", "nodelist {"]
    for node in sorted(cluster.nodes, key=lambda one: one.name):
        lines += ["  node {", f"    name: {node.name}", f"    nodeid: {node.nodeid}", f"    quorum_votes: {node.votes}"]
        lines += [f"    ring{number}_addr: {address}" for number, address in enumerate(node.addresses)] + ["  }"]
    lines += ["}", "", "quorum {", "  provider: corosync_votequorum", "}", "", "totem {"]
    lines += [f"  cluster_name: {cluster.name}", f"  config_version: {cluster.version}"]
    for number in range(max((len(node.addresses) for node in cluster.nodes), default=1)):
        lines += ["  interface {", f"    linknumber: {number}", "  }"]
    lines += ["  ip_version: ipv4-6", "  link_mode: passive", "  secauth: on", "  version: 2", "}", ""]
    return "\n".join(lines)
