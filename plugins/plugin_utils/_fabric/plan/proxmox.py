# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Proxmox node is brought to: names, interfaces, cluster, migration network, firewall objects, start order."""

from __future__ import annotations

import re
from typing import Any

from ..model import Fabric, Node, ProxmoxCluster
from ..numbers import FABRIC_ONLINE_S

# Not listed by `ip link` as hardware, so Proxmox' editor does not add them.
_VIRTUAL = re.compile(r"(lo|dummy|vmbr|br|bond|vlan|vxlan|wg|tap|veth)\d*$|.*\.")


def proxmox(fabric: Fabric, node: Node, interfaces: list[dict[str, Any]]) -> dict[str, Any] | None:
    """None for other nodes. *interfaces*: those of the underlay."""
    cluster = next((c for c in fabric.proxmox.clusters if node.name in c.nodes), None)
    if cluster is None:
        return None
    found: dict[str, Any] = {
        "hosts": [_host(fabric, fabric.nodes[name], cluster) for name in cluster.nodes],
        "nics": list(dict.fromkeys(i["name"] for i in interfaces if not _VIRTUAL.match(i["name"]))),
        "start_order": {
            "deadline_s": FABRIC_ONLINE_S,
            "peers": [_link(fabric, name, cluster, 0) for name in cluster.nodes if cluster.name and name != node.name],
        },
        "repository": fabric.proxmox.repository,
        "install": fabric.proxmox.install,
    }
    if cluster.name:
        found["cluster"] = {
            "name": cluster.name,
            "first": cluster.nodes[0],
            "nodes": [_member(fabric, fabric.nodes[name], cluster) for name in cluster.nodes],
        }
    network = cluster.networks.get(cluster.links[0])
    if network:
        found["migration"] = {"type": cluster.migration, "network": network}
        management = [*cluster.networks.values(), *fabric.proxmox.management]
        found["firewall"] = {"local_network": network, "management": list(dict.fromkeys(management))}
    return found


def _link(fabric: Fabric, name: str, cluster: ProxmoxCluster, number: int) -> str:
    return fabric.nodes[name].loopbacks[cluster.links[number]]


def _host(fabric: Fabric, node: Node, cluster: ProxmoxCluster) -> dict[str, Any]:
    """One address: Proxmox takes the first that the resolver gives, and that must not depend on the resolver's mood."""
    names = [f"{node.name}.{fabric.domain}", node.name] if fabric.domain else [node.name]
    return {"address": _link(fabric, node.name, cluster, 0), "names": names}


def _member(fabric: Fabric, node: Node, cluster: ProxmoxCluster) -> dict[str, Any]:
    links = {f"link{number}": _link(fabric, node.name, cluster, number) for number in range(len(cluster.links))}
    return {"name": node.name, "id": node.id, **links}
