#!/usr/bin/python
# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: proxmox_cluster
short_description: Makes a Proxmox VE cluster, or joins one, with corosync's links on given addresses
version_added: 0.1.0
description:
  - Runs C(pvecm create) or C(pvecm add) on a node that is in no cluster, with explicit links, and waits for the quorum.
  - A node that is in the cluster already is left as it is, whatever its links are. A node of another one is refused.
  - Joining goes through SSH, with keys that the options hand over, so that nobody has to type a password or to
    trust a host key unseen.
  - One node at a time may join; call it with C(throttle=1).
author:
  - The routed.fabric contributors (@routed)
options:
  name:
    description: The name of the cluster, at most 15 letters, digits and hyphens.
    type: str
    required: true
  node:
    description: This node, with its C(name), its C(id) and its addresses C(link0), and maybe C(link1) and more.
    type: dict
    required: true
  member:
    description: Address of a node that is in the cluster. Without it, the cluster is made here.
    type: str
  member_host_keys:
    description: The member's public host keys, as in F(/etc/ssh/ssh_host_rsa_key.pub).
    type: list
    elements: str
    default: []
  root_keys:
    description: Public keys of the nodes that are to join, which may log in as root here.
    type: list
    elements: str
    default: []
  quorum_timeout:
    description: How long to wait for the quorum, in seconds.
    type: int
    default: 60
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
  - Neither can be undone by another run; C(pvecm delnode) and Proxmox' documentation say how a node leaves a cluster.
seealso:
  - module: routed.fabric.proxmox_node
"""

EXAMPLES = r"""
- name: The first node makes the cluster
  routed.fabric.proxmox_cluster:
    name: ams
    node: {name: pve1, id: 11, link0: 10.255.254.11, link1: "2001:db8:100::b"}
    root_keys: [ssh-rsa AAAAB3 root@pve2]

- name: Another one joins it
  routed.fabric.proxmox_cluster:
    name: ams
    node: {name: pve2, id: 12, link0: 10.255.254.12, link1: "2001:db8:100::c"}
    member: 10.255.254.11
    member_host_keys: [ssh-ed25519 AAAAC3]
"""

RETURN = r"""
before:
  description: The cluster of this node before, empty if it was in none, and its nodes.
  returned: always
  type: dict
  sample: {"name": "", "nodes": []}
after:
  description: The same afterwards, or as it would be in check mode.
  returned: always
  type: dict
commands:
  description: What was done, or would be done in check mode.
  returned: always
  type: list
  elements: str
  sample: ["pvecm create ams --nodeid 11 --link0 10.255.254.11"]
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.routed.fabric.plugins.module_utils._ip._files import Files
from ansible_collections.routed.fabric.plugins.module_utils._proxmox import _corosync
from ansible_collections.routed.fabric.plugins.module_utils._proxmox._node import Node, ProxmoxError
from ansible_collections.routed.fabric.plugins.module_utils._proxmox._wanted import check_cluster

COROSYNC = "/etc/pve/corosync.conf"
KNOWN_HOSTS = "/root/.ssh/known_hosts"
AUTHORIZED_KEYS = "/root/.ssh/authorized_keys"
# On a node of Proxmox the file above is a link to this one.
CLUSTER_KEYS = "/etc/pve/priv/authorized_keys"


def cluster_of(node: Node) -> _corosync.Cluster:
    """The cluster of this node; without name and nodes if it is in none."""
    text = node.read(COROSYNC)
    try:
        return _corosync.parse(text) if text else _corosync.Cluster("", {})
    except _corosync.CorosyncError as exc:
        raise ProxmoxError(f"cannot read {COROSYNC}: {exc}") from exc


class ProxmoxCluster:
    """One run: read, decide, act, wait."""

    def __init__(self, module: AnsibleModule, node: Node) -> None:
        self._module = module
        self._node = node
        self._options = module.params
        self._commands: list[str] = []

    def run(self) -> dict[str, Any]:
        name, entry = self._options["name"], self._options["node"]
        check_cluster(name, [entry])
        if not str(entry.get("id", "")).isdigit():
            raise ProxmoxError(f"node.id: '{entry.get('id', '')}' is not a number")
        if not self._node.has_pmxcfs:
            raise ProxmoxError(
                f"Proxmox VE does not run on {entry['name']} (no /etc/pve/.version): install it first, for example "
                "with 'install: true' under proxmox in fabric.yml"
            )
        before = cluster_of(self._node)
        if before.name not in ("", name):
            raise ProxmoxError(f"name: {entry['name']} is in the cluster '{before.name}' and cannot join '{name}'")
        if entry["name"] in before.links:
            after = before
        else:  # where the file is left over from a membership that has ended, pvecm says so
            self._join(name, entry)
            after = cluster_of(self._node)
            if self._module.check_mode:
                after = _corosync.Cluster(name, {**before.links, entry["name"]: {}})
        if self._options["root_keys"]:
            keys = CLUSTER_KEYS if self._node.read(CLUSTER_KEYS) is not None else AUTHORIZED_KEYS
            self._add_lines(keys, self._options["root_keys"])
        return {
            "changed": bool(self._commands),
            "before": {"name": before.name, "nodes": sorted(before.links)},
            "after": {"name": after.name, "nodes": sorted(after.links)},
            "commands": self._commands,
            "diff": {"before": _lines(before), "after": _lines(after)},
        }

    def _join(self, name: str, entry: dict[str, Any]) -> None:
        member = self._options["member"]
        if member:
            self._add_lines(KNOWN_HOSTS, [f"{member} {key}" for key in self._options["member_host_keys"]])
            command = _corosync.join_command(member, entry)
        else:
            command = _corosync.create_command(name, entry)
        self._commands.append(" ".join(command))
        if self._module.check_mode:
            return
        rc, out, err = self._module.run_command(command, cwd="/")
        if rc != 0:
            words = " ".join((err or out).split())
            raise ProxmoxError(f"`{' '.join(command)}` failed: {words or f'exit code {rc}'}")
        self._wait(name, entry["name"])

    def _wait(self, name: str, node: str) -> None:
        end = time.monotonic() + self._options["quorum_timeout"]
        missing = ""
        while time.monotonic() < end:
            try:
                missing = "" if node in cluster_of(self._node).links else f"{COROSYNC} does not name {node}"
            except ProxmoxError as exc:  # pmxcfs is restarted
                missing = str(exc)
            missing = missing or ("" if self._node.quorate() else "the cluster has no quorum")
            if not missing:
                return
            time.sleep(0.5)
        raise ProxmoxError(f"pvecm went well for '{name}', but after {self._options['quorum_timeout']} s {missing}")

    def _add_lines(self, path: str, lines: list[str]) -> None:
        before = self._node.read(path) or ""
        after = _corosync.with_lines(before, lines)
        if after == before:
            return
        self._commands.append(f"write {path}")
        if not self._module.check_mode:
            self._node.write(path, after)


def _lines(cluster: _corosync.Cluster) -> str:
    return "".join(f"{cluster.name} {node}\n" for node in sorted(cluster.links))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "node": {"type": "dict", "required": True},
            "member": {"type": "str"},
            "member_host_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "root_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "quorum_timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    try:
        node = Node(Files(module.atomic_move, module.tmpdir))
        module.exit_json(**ProxmoxCluster(module, node).run())
    except ProxmoxError as exc:
        module.fail_json(msg=str(exc))


if __name__ == "__main__":
    main()
