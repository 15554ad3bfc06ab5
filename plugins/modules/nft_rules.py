#!/usr/bin/python
# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: nft_rules
short_description: nftables tables of one's own, now and after a reboot
version_added: 0.1.0
description:
  - Writes rules to F(/etc/routed-fabric/NAME.nft), loads them in one transaction, and has the systemd unit
    C(fabric-NAME.service) load them before the network comes up.
  - It owns the listed O(tables), that file and that unit. F(/etc/nftables.conf) and all other tables stay as they are;
    rules that are about another table are refused.
  - Rules are loaded only where their text changed or a table is missing, so that counters and the elements of sets
    stay. What was changed by hand inside of a table that is there stays, too.
  - New rules are tried out with C(nft -c) before anything is written. If anything fails after that, the former files
    and tables are put back.
author:
  - The routed.fabric contributors (@routed)
requirements:
  - nftables 1.0.6 or later
  - systemd
seealso:
  - name: nft(8)
    description: What rules look like.
    link: https://man7.org/linux/man-pages/man8/nft.8.html
extends_documentation_fragment:
  - routed.fabric.attributes
options:
  name:
    description: The name of the file and of the unit, of lower-case letters, digits and dashes.
    type: str
    required: true
  tables:
    description: The tables of the O(rules), each with its family, as in C(inet filter).
    type: list
    elements: str
    required: true
  description:
    description: What the rules are for, in a few words. It is shown by C(systemctl). Needed with O(state=present).
    type: str
  rules:
    description:
      - What C(nft -f) loads. Needed with O(state=present).
      - It has to make each of the O(tables) and to delete or flush it before, so that it can be loaded again.
    type: str
  state:
    description:
      - V(present) has the rules loaded, and the unit enabled and active.
      - V(absent) removes the O(tables), the unit and the file.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: IPv4 packets leave with the address of the uplink
  routed.fabric.nft_rules:
    name: gateway
    tables: [ip fabric_gateway]
    description: Address translation of a border gateway
    rules: |
      table ip fabric_gateway
      delete table ip fabric_gateway
      table ip fabric_gateway {
        chain postrouting {
          type nat hook postrouting priority srcnat; policy accept;
          oifname "eth9" masquerade
        }
      }

- name: They leave as they are
  routed.fabric.nft_rules:
    name: gateway
    tables: [ip fabric_gateway]
    state: absent
"""

RETURN = r"""
before:
  description:
    - Which of the tables were loaded, and whether the unit was enabled and active.
    - Where systemd does not run, C(active) is C(null).
  returned: always
  type: dict
  sample: {tables: [], enabled: false, active: false}
after:
  description: The same afterwards, or as it would be in check mode.
  returned: always
  type: dict
  sample: {tables: [ip fabric_gateway], enabled: true, active: true}
commands:
  description: What was done, or would be done in check mode.
  returned: always
  type: list
  elements: str
  sample:
    - write /etc/routed-fabric/gateway.nft
    - write /etc/systemd/system/fabric-gateway.service
    - systemctl daemon-reload
    - systemctl start fabric-gateway.service
    - systemctl enable fabric-gateway.service
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError
from ansible_collections.routed.fabric.plugins.module_utils._nft_rules import NftError, NftRules


def argument_spec() -> dict[str, Any]:
    return {
        "name": {"type": "str", "required": True},
        "tables": {"type": "list", "elements": "str", "required": True},
        "description": {"type": "str"},
        "rules": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec=argument_spec(),
        required_if=[("state", "present", ["description", "rules"])],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**NftRules(module).run())
    except (NftError, IpError) as exc:
        module.fail_json(msg=str(exc))


if __name__ == "__main__":
    main()
