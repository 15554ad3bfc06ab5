#!/usr/bin/python
# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ceph_network
short_description: Ceph's networks and addresses on this node
version_added: 0.1.0
description:
  - Brings the options of F(ceph.conf) that say over which addresses Ceph works to the given values, and leaves every
    other line of it as it is.
  - Before it writes, it checks the node. There has to be exactly one address in each network, on an interface that Ceph
    looks at; routes to the monitors; and agreement with the monmap and with C(ceph config dump), where a cluster runs.
  - It tells which daemons of this node have to restart for the change, and which monitors of the cluster would have to
    move to other addresses.
  - Monitors do not follow their configuration, since clients and other monitors find them by the monmap. A change that
    needs them to move is refused unless O(readdress=rolling).
  - Proxmox' F(/etc/ceph/ceph.conf) is a symbolic link into F(/etc/pve); the file behind it is what is written.
author:
  - The routed.fabric contributors (@routed)
options:
  path:
    description: The file.
    type: path
    default: /etc/ceph/ceph.conf
  state:
    description:
      - V(gathered) changes nothing and returns what is there.
    type: str
    choices: [present, gathered]
    default: present
  public_network:
    description:
      - The networks in which daemons and clients talk. A network need not be on a link; it is enough that it contains
        the node's loopback.
      - An empty list takes the option away; without it, the option is left alone. So it is for all of them.
    type: list
    elements: str
  cluster_network:
    description: The networks in which OSDs talk to each other; without any it is O(public_network).
    type: list
    elements: str
  ms_bind_ipv4:
    description: Whether daemons bind IPv4. It is on by default, and off on nodes with IPv6 alone.
    type: bool
  ms_bind_ipv6:
    description: Whether daemons bind IPv6.
    type: bool
  mon_host:
    description: Where the monitors are, as addresses or as address vectors.
    type: list
    elements: str
  public_addr:
    description: The node's own address in O(public_network), where it has several. Empty takes it away.
    type: str
  cluster_addr:
    description: The node's own address in O(cluster_network), where it has several. Empty takes it away.
    type: str
  sections:
    description: The same options for some daemons only.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The section, such as C(osd) or C(mon.ceph1).
        type: str
        required: true
      public_network:
        description: As above.
        type: list
        elements: str
      cluster_network:
        description: As above.
        type: list
        elements: str
      ms_bind_ipv4:
        description: As above.
        type: bool
      ms_bind_ipv6:
        description: As above.
        type: bool
      public_addr:
        description: As above.
        type: str
      cluster_addr:
        description: As above.
        type: str
  monitors:
    description:
      - The monitors with the address that each shall have in the monmap. It is compared with the monmap.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name of the monitor.
        type: str
        required: true
      address:
        description: Its address; it listens there on the ports 3300 and 6789.
        type: str
        required: true
  monitor:
    description: The name of this node's own monitor, if it has one.
    type: str
  mtu:
    description: Packets of this size have to fit through every route to a monitor.
    type: int
  readdress:
    description:
      - What to do where daemons have to restart or monitors have to move. V(refuse) refuses if a monitor has to move,
        and leaves restarts to a person.
      - V(rolling) moves this node's monitor, if it has to, and restarts this node's daemons for which something
        changed, one at a time. Before each, the cluster says whether it can be stopped, and after each there have to be
        full quorum, all OSDs and clean placement groups again. C(noout) is set meanwhile.
      - It stops at the first doubt and says the way back. Run it on one node after the other.
      - V(prepare) comes before V(rolling), on all nodes, those without a monitor, too. It only writes the addresses
        that monitors will have into O(mon_host), beside those that they have, and does so only if V(rolling) could
        begin. Without it, a client that begins on a node whose turn has not come finds no monitor once the last one
        has moved.
      - While monitors have to move, V(rolling) leaves their former addresses in O(mon_host). Once more V(rolling) on
        all nodes takes them out at the end.
    type: str
    choices: [refuse, prepare, rolling]
    default: refuse
  deadline_s:
    description: How long a rolling change waits for the cluster after each step.
    type: int
    default: 180
extends_documentation_fragment:
  - routed.fabric.attributes
notes:
  - Secrets in other lines of the file are masked in the diff.
  - The cluster is asked by C(ceph) with the administrator's key. Where this node has daemons and no cluster answers, a
    change is refused; where it has none, as before a cluster is made, nothing is compared.
"""

EXAMPLES = r"""
- name: Ceph on IPv6 loopbacks
  routed.fabric.ceph_network:
    public_network: ["2001:db8:100::/64"]
    ms_bind_ipv4: false
    ms_bind_ipv6: true
    mon_host: ["2001:db8:100::1", "2001:db8:100::2", "2001:db8:100::3"]
    mtu: 9000

- name: What would moving to other addresses mean
  routed.fabric.ceph_network:
    public_network: ["2001:db8:200::/64"]
    mon_host: ["2001:db8:200::1", "2001:db8:200::2", "2001:db8:200::3"]
    monitor: ceph1
    monitors:
      - {name: ceph1, address: "2001:db8:200::1"}
      - {name: ceph2, address: "2001:db8:200::2"}
      - {name: ceph3, address: "2001:db8:200::3"}
    readdress: rolling
  check_mode: true
  register: answer # answer.plan
"""

RETURN = r"""
before:
  description: The options of each section before.
  returned: always
  type: dict
  sample: {global: {public_network: "2001:db8:100::/64"}}
after:
  description: The same afterwards, or as they would be in check mode.
  returned: always
  type: dict
commands:
  description: What was done, or would be done in check mode.
  returned: always
  type: list
  elements: str
addresses:
  description: The address that daemons of this node take for each network.
  returned: always
  type: dict
  sample: {public_network: "2001:db8:100::1 on lo"}
daemons:
  description: The daemons that this node has.
  returned: always
  type: list
  elements: str
  sample: [mon.ceph1, mgr.ceph1, osd.0]
cluster:
  description: Whether a cluster answered, and its monmap.
  returned: always
  type: dict
  sample: {answers: true, monitors: {ceph1: "[v2:[2001:db8:100::1]:3300,v1:[2001:db8:100::1]:6789]"}}
plan:
  description: What the change means for daemons that run.
  returned: always
  type: dict
  contains:
    restarts:
      description: Daemons of this node that restart, in order, each with the options that it reads again.
      type: list
      elements: dict
      returned: always
    readdress:
      description: Monitors of the cluster that move, each with its address vector before and after.
      type: list
      elements: dict
      returned: always
    quorum:
      description: The monitors, those in quorum, and whether quorum holds while one of them is away.
      type: dict
      returned: always
    order:
      description: The steps of a rolling change on this node.
      type: list
      elements: str
      returned: always
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.routed.fabric.plugins.module_utils._ceph import _run
from ansible_collections.routed.fabric.plugins.module_utils._ceph._errors import CephError

OPTIONS: dict[str, Any] = {
    "public_network": {"type": "list", "elements": "str"},
    "cluster_network": {"type": "list", "elements": "str"},
    "ms_bind_ipv4": {"type": "bool"},
    "ms_bind_ipv6": {"type": "bool"},
    "public_addr": {"type": "str"},
    "cluster_addr": {"type": "str"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "default": "/etc/ceph/ceph.conf"},
            "state": {"type": "str", "choices": ["present", "gathered"], "default": "present"},
            **OPTIONS,
            "mon_host": {"type": "list", "elements": "str"},
            "sections": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"name": {"type": "str", "required": True}, **OPTIONS},
            },
            "monitors": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "address": {"type": "str", "required": True},
                },
            },
            "monitor": {"type": "str"},
            "mtu": {"type": "int"},
            "readdress": {"type": "str", "choices": ["refuse", "prepare", "rolling"], "default": "refuse"},
            "deadline_s": {"type": "int", "default": 180},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**_run.Network(module).run())
    except CephError as exc:
        module.fail_json(msg=str(exc))


if __name__ == "__main__":
    main()
