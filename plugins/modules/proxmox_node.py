#!/usr/bin/python
# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: proxmox_node
short_description: What a Proxmox VE node needs to live on loopback addresses
version_added: 0.1.0
description:
  - Edits the files of a Proxmox VE node that decide over which addresses it works, so that they are the loopbacks of a
    routed fabric; reports how its cluster differs from the plan.
  - Works on Proxmox VE 8 and 9, and on a Debian that is to become one.
  - "In F(/etc/hosts) the lines that end in C(# routed.fabric) are its own. The names in O(hosts) are taken out of all
    other lines: a node whose name is C(127.0.1.1) cannot start Proxmox' cluster file system."
  - In F(/etc/network/interfaces), whose other stanzas it leaves as they are, it sees to C(lo), a stanza for each card,
    and the line C(source /etc/network/interfaces.d/*) in the form that Proxmox looks for.
  - In F(/etc/pve/datacenter.cfg) it owns type and network of C(migration); in F(/etc/pve/firewall/cluster.fw) the alias
    C(local_network), and in the IP set C(management) the entries that end in C(# routed.fabric). The firewall is not
    switched on.
  - It owns C(fabric-online.service) and drop-ins with which C(corosync) and C(pve-cluster) begin after it.
  - Where Proxmox' SDN owns FRR's configuration, it refuses.
author:
  - The routed.fabric contributors (@routed)
options:
  node:
    description: The name of this node in the cluster.
    type: str
    required: true
  hosts:
    description: This node and the others of its cluster.
    type: list
    elements: dict
    default: []
    suboptions:
      address:
        description: The address, which is none of C(127.0.0.0/8) and not C(::1).
        type: str
        required: true
      names:
        description: Its names, the full one first.
        type: list
        elements: str
        required: true
  nics:
    description: Cards that get a stanza in F(/etc/network/interfaces) if they have none.
    type: list
    elements: str
    default: []
  migration:
    description: How guests migrate. Without it, nothing is written.
    type: dict
    suboptions:
      type:
        description: Whether through SSH.
        type: str
        choices: [secure, insecure]
        default: secure
      network:
        description: A prefix in which every node of the cluster has exactly one address.
        type: str
        required: true
  firewall:
    description: Objects of the cluster's firewall. Without it, nothing is written.
    type: dict
    suboptions:
      local_network:
        description:
          - The alias of this name. Proxmox would guess it from the routing table, where a fabric has no such network.
        type: str
        required: true
      management:
        description: Prefixes in the IP set of this name.
        type: list
        elements: str
        default: []
  start_order:
    description: What the cluster's services wait for at boot. Without it, nothing is written.
    type: dict
    suboptions:
      deadline_s:
        description: After so many seconds the boot goes on.
        type: int
        default: 60
      peers:
        description: Loopbacks of the cluster's other nodes.
        type: list
        elements: str
        default: []
  cluster:
    description: The cluster that is wanted. It is compared, never changed; see module M(routed.fabric.proxmox_cluster).
    type: dict
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      nodes:
        description: Its nodes, each with C(name), C(link0), and maybe C(link1) and more.
        type: list
        elements: dict
        required: true
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying the target.
    support: full
  diff_mode:
    description: Will return details on what has changed when in diff mode.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
notes:
  - No service is restarted; the start order counts from the next boot.
  - Where Proxmox VE does not run, what belongs into F(/etc/pve) is left out, with a warning.
seealso:
  - module: routed.fabric.proxmox_cluster
"""

EXAMPLES = r"""
- name: A node on its loopback
  routed.fabric.proxmox_node:
    node: pve1
    hosts:
      - {address: 10.255.254.11, names: [pve1.example.net, pve1]}
      - {address: 10.255.254.12, names: [pve2.example.net, pve2]}
    nics: [enp1s0, enp1s1]
    migration: {network: 10.255.254.0/24}
    firewall: {local_network: 10.255.254.0/24, management: [192.0.2.0/24]}
    start_order: {peers: [10.255.254.12]}
"""

RETURN = r"""
before:
  description: The files that differ, by path, before; null for one that is not there.
  returned: always
  type: dict
after:
  description: The same files afterwards, or as they would be in check mode.
  returned: always
  type: dict
commands:
  description: What was done, or would be done in check mode.
  returned: always
  type: list
  elements: str
  sample: ["write /etc/hosts", "systemctl daemon-reload"]
proxmox:
  description: Whether Proxmox VE runs here.
  returned: always
  type: bool
cluster:
  description: The cluster of this node beside O(cluster).
  returned: always
  type: dict
  contains:
    name:
      description: The name of the cluster; empty if the node is in none.
      type: str
      returned: always
    joined:
      description: Whether this node is in it.
      type: bool
      returned: always
    missing:
      description: Planned nodes that are not in it.
      type: list
      elements: str
      returned: always
    differences:
      description: What else differs, as sentences. They are warnings, too.
      type: list
      elements: str
      returned: always
ssh_keys:
  description: Public keys of this node, for a cluster that is still to be made.
  returned: always
  type: dict
  contains:
    root:
      description: That of root, with which nodes join a cluster; empty if there is none.
      type: str
      returned: always
    host:
      description: Those of the machine.
      type: list
      elements: str
      returned: always
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.routed.fabric.plugins.module_utils._frr._errors import FrrError
from ansible_collections.routed.fabric.plugins.module_utils._frr._node import check_owner
from ansible_collections.routed.fabric.plugins.module_utils._ip._files import Files
from ansible_collections.routed.fabric.plugins.module_utils._proxmox import _corosync, _texts, _units
from ansible_collections.routed.fabric.plugins.module_utils._proxmox._node import Change, Node, ProxmoxError
from ansible_collections.routed.fabric.plugins.module_utils._proxmox._wanted import Wanted, wanted_node


def wanted_texts(wanted: Wanted, node: Node) -> dict[str, str]:
    """Path → text of every file that has a part of ours. Reads only."""
    texts = dict(_units.units(*wanted.start_order)) if wanted.start_order else {}
    if wanted.hosts:
        texts["/etc/hosts"] = _texts.with_hosts(node.read("/etc/hosts") or "", wanted.hosts)
    main = node.read("/etc/network/interfaces") or ""
    texts["/etc/network/interfaces"] = _texts.with_main_interfaces(main, wanted.nics)
    if node.has_pmxcfs and wanted.migration:
        path = "/etc/pve/datacenter.cfg"
        texts[path] = _texts.with_migration(node.read(path) or "", *wanted.migration)
    if node.has_pmxcfs and wanted.firewall:
        path = "/etc/pve/firewall/cluster.fw"
        texts[path] = _texts.with_firewall(node.read(path) or "", *wanted.firewall)
    return texts


def read_cluster(node: Node) -> _corosync.Cluster | None:
    """None where the node is in no cluster."""
    text = node.read("/etc/pve/corosync.conf")
    try:
        return _corosync.parse(text) if text else None
    except _corosync.CorosyncError as exc:
        raise ProxmoxError(f"cannot read /etc/pve/corosync.conf: {exc}") from exc


def run(module: AnsibleModule, root: str = "") -> dict[str, Any]:
    """One run: read, compare, and write what differs."""
    wanted = wanted_node(module.params)
    node = Node(Files(module.atomic_move, module.tmpdir), root)
    check_owner(Path(f"{root}/etc/pve/sdn/.running-config"), Path(f"{root}/etc/frr/frr.conf.local"))
    found = read_cluster(node)
    planned = module.params["cluster"]
    if found and planned and found.name != planned["name"]:
        raise ProxmoxError(
            f"cluster.name: this node is in the cluster '{found.name}', not in '{planned['name']}', and Proxmox cannot "
            f"rename a cluster; call it '{found.name}' in the plan"
        )
    changes = [Change(path, node.read(path), text) for path, text in wanted_texts(wanted, node).items()]
    changes = [change for change in changes if change.before != change.after]
    reload = any(change.path.startswith("/etc/systemd/") for change in changes)
    if changes and not module.check_mode:
        node.apply(changes)
        if reload and Path("/run/systemd/system").exists():
            rc, out, err = module.run_command(["systemctl", "daemon-reload"])
            if rc != 0:
                raise ProxmoxError(f"`systemctl daemon-reload` failed: {(err or out).strip()}")

    nodes = planned["nodes"] if planned else []
    comparison = _corosync.compare(found, nodes, wanted.node)
    _warn(module, wanted, node, comparison if planned else None)
    return {
        "changed": bool(changes),
        "before": {change.path: change.before for change in changes},
        "after": {change.path: change.after for change in changes},
        "commands": [f"write {change.path}" for change in changes] + (["systemctl daemon-reload"] if reload else []),
        "proxmox": node.has_pmxcfs,
        "cluster": {
            "name": found.name if found else "",
            "joined": comparison.joined,
            "missing": list(comparison.missing),
            "differences": list(comparison.differences) if planned else [],
        },
        "ssh_keys": _ssh_keys(node),
        "diff": [
            {
                "before_header": change.path,
                "after_header": change.path,
                "before": change.before or "",
                "after": change.after or "",
            }
            for change in changes
        ],
    }


def _warn(module: AnsibleModule, wanted: Wanted, node: Node, comparison: _corosync.Comparison | None) -> None:
    if not node.has_pmxcfs and (wanted.migration or wanted.firewall):
        module.warn(
            f"Proxmox VE does not run on {wanted.node} (no /etc/pve/.version): the migration network and "
            "the firewall's objects are left to a later run"
        )
    for difference in comparison.differences if comparison else ():
        module.warn(f"{difference}; an existing cluster is not changed")


def _ssh_keys(node: Node) -> dict[str, Any]:
    host = [node.read(f"/etc/ssh/{name}") or "" for name in node.names("/etc/ssh", "ssh_host_*_key.pub")]
    return {"root": (node.read("/root/.ssh/id_rsa.pub") or "").strip(), "host": [key.strip() for key in host if key]}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "node": {"type": "str", "required": True},
            "hosts": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "address": {"type": "str", "required": True},
                    "names": {"type": "list", "elements": "str", "required": True},
                },
            },
            "nics": {"type": "list", "elements": "str", "default": []},
            "migration": {
                "type": "dict",
                "options": {
                    "type": {"type": "str", "choices": ["secure", "insecure"], "default": "secure"},
                    "network": {"type": "str", "required": True},
                },
            },
            "firewall": {
                "type": "dict",
                "options": {
                    "local_network": {"type": "str", "required": True},
                    "management": {"type": "list", "elements": "str", "default": []},
                },
            },
            "start_order": {
                "type": "dict",
                "options": {
                    "deadline_s": {"type": "int", "default": 60},
                    "peers": {"type": "list", "elements": "str", "default": []},
                },
            },
            "cluster": {
                "type": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "nodes": {"type": "list", "elements": "dict", "required": True},
                },
            },
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(module))
    except (ProxmoxError, FrrError) as exc:
        module.fail_json(msg=str(exc))


if __name__ == "__main__":
    main()
