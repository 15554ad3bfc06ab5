#!/usr/bin/python
# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: twin
short_description: Bring a fabric up as linked containers on one machine
version_added: 0.1.0
description:
  - Each node is a privileged podman container with systemd as its init, each link a veth pair between two of them.
    Its ends have exactly the names that were asked for, and MAC addresses that are the same at every start.
  - Only what is missing is made. Links stay when one of their nodes is restarted, as cables do. The other end loses its
    carrier meanwhile, and the node finds its interfaces before its init runs.
  - Works on an ordinary Debian or Ubuntu machine, and on one with hybrid cgroups and lowered resource limits.
  - Kernel limits that have to be raised for many systems on one machine are saved, reported in RV(limits), and put back
    when the last twin goes.
author:
  - The routed.fabric contributors (@routed)
requirements:
  - podman 4.3 or newer
  - iproute2
  - root on the machine that the module runs on, normally C(localhost)
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
  diff_mode:
    support: full
    description: >-
      Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  idempotent:
    support: partial
    details:
      - O(state=rebooted) reboots each time.
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
      - This assumes that the system controlled/queried by the module has not changed in a relevant way.
options:
  name:
    description:
      - The twin's name. Twins with different names stand side by side.
      - Containers and network namespaces are called C(fabric-NAME-NODE), and containers carry the label C(fabric=NAME).
    type: str
    required: true
  state:
    description:
      - With V(present), the twin stands as described.
      - With V(absent), it is gone with all that it needed. Images stay.
      - With V(rebooted), it stands as described, and the nodes in O(reboot) lose their power and get it back.
        Their file systems stay, addresses, routes and kernel state do not.
    type: str
    choices: [present, absent, rebooted]
    default: present
  nodes:
    description:
      - The nodes. Containers of the twin for nodes that are not listed are removed.
      - Left out, nodes and links stay what they were in the last call; useful with O(faults) and O(state=rebooted).
    type: list
    elements: dict
    suboptions:
      name:
        description: The node's name.
        type: str
        required: true
      release:
        description:
          - The Debian release that it runs, which decides on FRR's version.
          - Stands for the image C(localhost/fabric-twin:RELEASE), which C(scripts/twin_image.sh) builds.
          - V(trixie) unless O(nodes[].image) is given.
        type: str
        choices: [bookworm, trixie]
      image:
        description:
          - An image of your own instead. It must start systemd and have iproute2, nftables and Python.
          - A node whose image has been built anew since is made anew, unless O(nodes) is left out.
        type: str
      hostname:
        description: The host name. The node's name by default.
        type: str
      powered:
        description: Whether the node runs. Without power it keeps its file system and its links.
        type: bool
        default: true
      shared:
        description:
          - Where the node sees a directory that it has in common with the twin's other nodes that give this option.
          - The directory is kept over reboots of nodes, and goes with the twin.
        type: str
  links:
    description:
      - The links between O(nodes). Links of the twin that are not listed are removed.
      - Interfaces are made without being set up; that is the node's own matter.
    type: list
    elements: dict
    suboptions:
      a:
        description: One end.
        type: dict
        required: true
        suboptions: &end
          node:
            description: A node's name.
            type: str
            required: true
          interface:
            description: The interface's name on that node.
            type: str
            required: true
      b:
        description: The other end.
        type: dict
        required: true
        suboptions: *end
      mtu:
        description: The MTU in bytes that both ends are made with. What the node makes of it later is not changed.
        type: int
        default: 1500
  faults:
    description:
      - Faults to be in force on links. A fault of an earlier call that is not listed is lifted.
    type: list
    elements: dict
    default: []
    suboptions:
      node:
        description: The node at whose end the fault is.
        type: str
        required: true
      interface:
        description: The interface on that node.
        type: str
        required: true
      kind:
        description:
          - With V(silent), packets in both directions are lost while both ends keep their carrier.
          - With V(down), the interface is set down and the other end loses its carrier.
            Lifting it sets the interface up.
        type: str
        choices: [silent, down]
        default: silent
  reboot:
    description: The nodes that O(state=rebooted) reboots.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds to wait for all systems to be up. What is still missing then is named.
    type: int
    default: 120
seealso:
  - plugin: routed.fabric.twin
    plugin_type: connection
"""

EXAMPLES = r"""
- name: Two linked nodes
  routed.fabric.twin:
    name: lab
    nodes:
      - {name: pve1, release: trixie}
      - {name: tor1, release: bookworm}
    links:
      - a: {node: pve1, interface: enp1s0}
        b: {node: tor1, interface: swp1}
        mtu: 9216

- name: Lose packets on the link without a sign of it
  routed.fabric.twin:
    name: lab
    faults:
      - {node: pve1, interface: enp1s0, kind: silent}

- name: Lift all faults and cut a node's power for a moment
  routed.fabric.twin:
    name: lab
    state: rebooted
    reboot: [pve1]

- name: Nothing of it is left
  routed.fabric.twin:
    name: lab
    state: absent
"""

RETURN = r"""
before:
  description: The twin before, as lists of nodes, links and faults.
  returned: success
  type: dict
  sample: {nodes: {pve1: "off"}, links: [], faults: []}
after:
  description: The twin after; in check mode, as it would be.
  returned: success
  type: dict
  sample: {nodes: {pve1: "on", tor1: "on"}, links: ["pve1:enp1s0 - tor1:swp1"], faults: []}
steps:
  description: The nodes that were removed, created, started, cycled (power off and on) and stopped.
  returned: success, O(state) is not V(absent)
  type: dict
  sample: {remove: [], create: [tor1], start: [pve1], cycle: [], stop: []}
nodes:
  description: The nodes.
  returned: success, not in check mode
  type: list
  elements: dict
  contains:
    name: {description: The node's name., type: str, sample: pve1}
    container: {description: Its container., type: str, sample: fabric-lab-pve1}
    pid: {description: The PID of its init. Null without power., type: int, sample: 4711}
    system: {description: What its systemd says about itself., type: str, sample: running}
    failed_units: {description: Its failed units., type: list, elements: str, sample: []}
limits:
  description: >-
    Kernel limits that were raised for twins with their values before and now; with O(state=absent), what was put back.
  returned: success, not in check mode
  type: list
  elements: str
  sample: ["fs.inotify.max_user_instances: 128 -> 1024"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.routed.fabric.plugins.module_utils._twin import _state
from ansible_collections.routed.fabric.plugins.module_utils._twin._lifecycle import Lifecycle
from ansible_collections.routed.fabric.plugins.module_utils._twin._names import TwinError
from ansible_collections.routed.fabric.plugins.module_utils._twin._podman import Podman
from ansible_collections.routed.fabric.plugins.module_utils._twin._wanted import RELEASES, wanted

END: dict[str, Any] = {
    "type": "dict",
    "required": True,
    "options": {"node": {"type": "str", "required": True}, "interface": {"type": "str", "required": True}},
}
ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent", "rebooted"], "default": "present"},
    "nodes": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "release": {"type": "str", "choices": list(RELEASES)},
            "image": {"type": "str"},
            "hostname": {"type": "str"},
            "powered": {"type": "bool", "default": True},
            "shared": {"type": "str"},
        },
        "mutually_exclusive": [("release", "image")],
    },
    "links": {
        "type": "list",
        "elements": "dict",
        "options": {"a": END, "b": END, "mtu": {"type": "int", "default": 1500}},
    },
    "faults": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "node": {"type": "str", "required": True},
            "interface": {"type": "str", "required": True},
            "kind": {"type": "str", "choices": ["silent", "down"], "default": "silent"},
        },
    },
    "reboot": {"type": "list", "elements": "str", "default": []},
    "timeout": {"type": "int", "default": 120},
}


def run(options: dict[str, Any], check: bool) -> dict[str, Any]:
    """The module's whole behaviour; raises TwinError."""
    fabric = options["name"]
    twin = None
    if options["state"] != "absent":
        nodes, links = options["nodes"], options["links"]
        if nodes is None:
            if links is not None:
                raise TwinError("links: given without nodes; give both, or neither to keep the twin as it stands")
            stands = _state.load(fabric)
            if stands is None:
                raise TwinError(f"nodes: left out, but no twin '{fabric}' stands whose nodes could be kept")
            nodes, links = stands["nodes"].values(), stands["links"]
        twin, errors = wanted(fabric, nodes, links or [], options["faults"])
        unknown = [name for name in options["reboot"] if name not in twin.nodes]
        errors += [f"reboot: no node '{name}' in nodes" for name in unknown]
        if options["reboot"] and options["state"] != "rebooted":
            errors.append("reboot: only with state=rebooted")
        if errors:
            raise TwinError("; ".join(errors))
    lifecycle = Lifecycle(fabric, Podman(), check)
    with _state.locked(fabric):
        if twin is None:
            result: dict[str, Any] = lifecycle.absent()
        else:
            result = lifecycle.present(
                twin, options["reboot"], options["timeout"], keep_builds=options["nodes"] is None
            )
    return result


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_if=[("state", "rebooted", ("reboot",))],
    )
    try:
        result = run(module.params, module.check_mode)
    except TwinError as exc:
        module.fail_json(msg=str(exc))
    for sentence in result.pop("warnings", []):
        module.warn(sentence)
    for node in result.get("nodes", []):
        if node.get("failed_units"):
            module.warn(f"{node['name']}: units failed: {', '.join(node['failed_units'])}")
    result["diff"] = {side: result[side] for side in ("before", "after")}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
