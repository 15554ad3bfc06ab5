#!/usr/bin/python
# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: source_routing
short_description: Routing rules and blackhole routes, now and after a reboot
version_added: 0.1.0
description:
  - Brings the routing rules of a node, and the blackhole routes that catch what they lead nowhere, to the given state.
  - "It owns the rules and the blackhole routes that carry its O(protocol) number, and its files: one C(ip -batch) a
    family, which a systemd unit runs before the network comes up. Routes into a tunnel belong to
    M(routed.fabric.wireguard_peer)."
  - If anything is refused, what was already changed is undone.
author:
  - The routed.fabric contributors (@routed)
requirements:
  - iproute2 6.1 or later
  - systemd, where O(persist=true)
seealso:
  - module: routed.fabric.wireguard_peer
  - name: ip-rule(8)
    description: What the words of a rule mean.
    link: https://man7.org/linux/man-pages/man8/ip-rule.8.html
extends_documentation_fragment:
  - routed.fabric.attributes
options:
  rules:
    description: The rules. All others with the same O(protocol) are removed.
    type: list
    elements: dict
    default: []
    suboptions:
      priority:
        description: The place among all rules; the lowest is looked at first. Main's is 32766.
        type: int
        required: true
      from:
        description: The prefix of the sources. One of this and O(rules[].to) is needed.
        type: str
      to:
        description: The prefix of the destinations.
        type: str
      table:
        description: The number of the table that is looked up. V(254) is main.
        type: int
        required: true
      suppress_prefixlength:
        description: Routes whose prefix is not longer do not count. V(0) leaves the default route out.
        type: int
  blackholes:
    description: Routes that end here. All others with the same O(protocol) are removed.
    type: list
    elements: dict
    default: []
    suboptions:
      prefix:
        description: The prefix.
        type: str
        required: true
      table:
        description: The number of the table. V(254) is main.
        type: int
        default: 254
      metric:
        description: The metric; every route of the same prefix with a lower one wins.
        type: int
        default: 4096
  protocol:
    description: The protocol number that marks rules and routes as ours. V(213) is C(fabric-tunnel).
    type: int
    default: 213
  persist:
    description: Whether they are there after a reboot.
    type: bool
    default: true
  state:
    description:
      - V(present) brings rules and blackhole routes to the given state.
      - V(absent) removes all that carry the O(protocol), and the files.
      - V(gathered) reads them and changes nothing.
    type: str
    choices: [present, absent, gathered]
    default: present
"""

EXAMPLES = r"""
- name: What comes from a prefix takes the tunnel, and nothing else when the tunnel is down
  routed.fabric.source_routing:
    rules:
      - {priority: 1100, from: "2001:db8:101::/48", table: 254, suppress_prefixlength: 0}
      - {priority: 1101, from: "2001:db8:101::/48", table: 110}
    blackholes:
      - {prefix: "::/0", table: 110}

- name: Take it away
  routed.fabric.source_routing:
    state: absent
"""

RETURN = r"""
before:
  description: The rules and blackhole routes before.
  returned: always
  type: dict
  sample: {rules: ["pref 1101 from 2001:db8:101::/48 lookup 110"], blackholes: ["blackhole ::/0 table 110 metric 4096"]}
after:
  description: The same afterwards, or as it would be in check mode.
  returned: always
  type: dict
commands:
  description: What was done, or would be done in check mode.
  returned: always
  type: list
  elements: str
  sample: ["ip -6 rule add pref 1101 from 2001:db8:101::/48 lookup 110 protocol 213"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError
from ansible_collections.routed.fabric.plugins.module_utils._source_routing import SourceRouting


def argument_spec() -> dict[str, Any]:
    return {
        "rules": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "priority": {"type": "int", "required": True},
                "from": {"type": "str"},
                "to": {"type": "str"},
                "table": {"type": "int", "required": True},
                "suppress_prefixlength": {"type": "int"},
            },
        },
        "blackholes": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "prefix": {"type": "str", "required": True},
                "table": {"type": "int", "default": 254},
                "metric": {"type": "int", "default": 4096},
            },
        },
        "protocol": {"type": "int", "default": 213},
        "persist": {"type": "bool", "default": True},
        "state": {"type": "str", "choices": ["present", "absent", "gathered"], "default": "present"},
    }


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    try:
        module.exit_json(**SourceRouting(module).run())
    except IpError as exc:
        module.fail_json(msg=str(exc))


if __name__ == "__main__":
    main()
