#!/usr/bin/python
# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ceph_daemons
short_description: Monitors, managers and OSDs of a small Ceph cluster from packages
version_added: 0.1.0
description:
  - Makes this node's daemons of a small cluster, from the distribution's packages, and sees to it that they are enabled
    and run. A daemon that is there is left alone; none is ever removed.
  - It works in three stages, which a play runs on all nodes one after the other. V(prepare) writes options to
    F(/etc/ceph/ceph.conf) and, on one node, makes the cluster's keys; V(monitor) makes and starts the monitor;
    V(daemons) waits for all monitors and makes and starts manager and OSDs.
  - Between the first two, module M(routed.fabric.ceph_network) writes the networks, and the keys are copied. Role
    P(routed.fabric.ceph#role) does all of it.
author:
  - The routed.fabric contributors (@routed)
options:
  stage:
    description: What is done.
    type: str
    choices: [prepare, monitor, daemons]
    required: true
  name:
    description: The name of this node's monitor and manager.
    type: str
    required: true
  fsid:
    description: The identity of the cluster, a UUID.
    type: str
    required: true
  monitors:
    description: All monitors of the cluster.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      address:
        description: Its address.
        type: str
        required: true
  monitor:
    description: Whether this node has a monitor.
    type: bool
    default: false
  manager:
    description: Whether this node has a manager.
    type: bool
    default: false
  seed:
    description: Whether this node makes the cluster's keys if it has none.
    type: bool
    default: false
  osds:
    description: This node's OSDs, each on a device or in a file.
    type: list
    elements: dict
    default: []
    suboptions:
      device:
        description: A whole disk, which C(ceph-volume) takes.
        type: path
      file:
        description: A file, which must not be there yet. For trials and tests.
        type: path
      size_gib:
        description: Its size.
        type: int
        default: 4
  options:
    description: Further options for F(ceph.conf), by section. An empty value takes one away.
    type: dict
    default: {}
  deadline_s:
    description: How long the stage V(daemons) waits for the monitors.
    type: int
    default: 120
extends_documentation_fragment:
  - routed.fabric.attributes
"""

EXAMPLES = r"""
- name: This node's manager and OSD
  routed.fabric.ceph_daemons:
    stage: daemons
    name: ceph1
    fsid: 8c1e9d0a-52a1-4b53-9b49-6ad0f1a1a001
    monitors:
      - {name: ceph1, address: "2001:db8:100::1"}
      - {name: ceph2, address: "2001:db8:100::2"}
      - {name: ceph3, address: "2001:db8:100::3"}
    manager: true
    osds: [{device: /dev/sdb}]
"""

RETURN = r"""
commands:
  description: What was done, or would be done in check mode.
  returned: always
  type: list
  elements: str
  sample: ["write /etc/ceph/ceph.conf"]
daemons:
  description: The daemons that this node has.
  returned: always
  type: list
  elements: str
  sample: [mon.ceph1, mgr.ceph1, osd.0]
has_keys:
  description: Whether the administrator's key is here.
  returned: always
  type: bool
monitor:
  description: Whether this node has its monitor.
  returned: always
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.routed.fabric.plugins.module_utils._ceph._daemons import Daemons
from ansible_collections.routed.fabric.plugins.module_utils._ceph._errors import CephError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "stage": {"type": "str", "choices": ["prepare", "monitor", "daemons"], "required": True},
            "name": {"type": "str", "required": True},
            "fsid": {"type": "str", "required": True},
            "monitors": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "address": {"type": "str", "required": True},
                },
            },
            "monitor": {"type": "bool", "default": False},
            "manager": {"type": "bool", "default": False},
            "seed": {"type": "bool", "default": False},
            "osds": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "device": {"type": "path"},
                    "file": {"type": "path"},
                    "size_gib": {"type": "int", "default": 4},
                },
                "mutually_exclusive": [("device", "file")],
                "required_one_of": [("device", "file")],
            },
            "options": {"type": "dict", "default": {}},
            "deadline_s": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**Daemons(module).run())
    except CephError as exc:
        module.fail_json(msg=str(exc))


if __name__ == "__main__":
    main()
