#!/usr/bin/python
# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: wireguard_interface
short_description: A WireGuard interface with its key, now and after a reboot
version_added: 0.1.0
description:
  - Brings one WireGuard interface to the given state. Its private key is made on the node where there is none, and
    never leaves it.
  - It owns the interface, the C([Interface]) part of its configuration file, and what brings it up at boot. The peers
    in the file belong to M(routed.fabric.wireguard_peer) and stay as they are.
  - A running interface is changed in place, so that no peer loses its session. One that does not run, also one whose
    C(wireguard-go) has died while its unit still says C(active), is brought up from its file with all its peers and
    routes.
  - Where the kernel has WireGuard, it is used, else C(wireguard-go); RV(implementation) says which.
author:
  - The routed.fabric contributors (@routed)
requirements:
  - wireguard-tools 1.0.20210914 or later
  - wireguard-go, where the kernel has no WireGuard
  - systemd, where O(persist=true) and O(manager=wg-quick)
seealso:
  - module: routed.fabric.wireguard_peer
  - name: wg(8)
    description: The tool that sets up a running interface.
    link: https://man7.org/linux/man-pages/man8/wg.8.html
  - name: wg-quick(8)
    description: The tool that brings an interface up from its file.
    link: https://man7.org/linux/man-pages/man8/wg-quick.8.html
extends_documentation_fragment:
  - routed.fabric.attributes
options:
  name:
    description:
      - The name of the interface. 1 to 15 letters, digits and C(_), C(.), C(-).
    type: str
    required: true
  private_key:
    description:
      - The private key, from Vault. Without it, the key that the file or the running interface has stays; where there
        is none, one is made on the node.
      - When it is another one than before, the public key changes, and no peer answers until it knows the new one.
    type: str
  listen_port:
    description:
      - The UDP port. Without it, the kernel chooses one at each boot.
    type: int
  addresses:
    description:
      - The interface's addresses with their lengths. One that this module had set and that is not listed any more is
        removed.
    type: list
    elements: str
    default: []
  mtu:
    description:
      - The MTU inside of the tunnel. WireGuard takes 60 bytes of the underlay's over IPv4 and 80 over IPv6; more than
        the underlay carries is refused.
    type: int
    default: 1420
  fwmark:
    description:
      - The mark of the packets that WireGuard itself sends, for rules. V(0) is none.
    type: int
    default: 0
  table:
    description:
      - The routing table of the routes to the peers' allowed IPs, which M(routed.fabric.wireguard_peer) makes. V(254)
        is main. Without it there are no such routes, for instance because BGP makes them.
      - When it changes, the routes move with the next run of M(routed.fabric.wireguard_peer).
    type: int
  persist:
    description:
      - Whether the interface is there after a reboot. Its configuration is F(/etc/wireguard/NAME.conf), mode 0600, in
        the form of wg-quick with C(Table = off).
      - With V(false) the configuration is below F(/run), and a key that was made goes with it. Files of an earlier run
        stay as they are.
    type: bool
    default: true
  manager:
    description:
      - What brings the interface up at boot. V(wg-quick) enables its unit C(wg-quick@NAME.service). V(ifupdown2)
        writes F(/etc/network/interfaces.d/routed-fabric-NAME), which calls wg-quick; C(ifreload) then knows the
        interface.
    type: str
    choices: [wg-quick, ifupdown2]
    default: wg-quick
  state:
    description:
      - V(present) brings the interface to the given state.
      - V(keyed) only makes the private key where there is none, and tells the public one. The interface is neither
        made nor changed.
      - V(absent) removes the interface, its file with the key and the peers, and what brings it up.
      - V(gathered) reads the interface and changes nothing.
    type: str
    choices: [present, keyed, absent, gathered]
    default: present
notes:
  - No private or preshared key is in a result, a diff or a message; where one has to be told apart, a fingerprint
    stands.
  - C(systemctl reload wg-quick@NAME) reads the peers anew and nothing else, and drops no session. C(restart) drops
    them.
  - A file that somebody else wrote is taken over, with its key and peers, unless it has settings that would be lost
    (C(PostUp), C(SaveConfig), C(DNS) and such); those are refused by name.
"""

EXAMPLES = r"""
- name: One interface to a site, with everything allowed and BGP deciding
  routed.fabric.wireguard_interface:
    name: wg-home
    listen_port: 51820
    addresses: ["2001:db8:77::1/64"]
  register: wg_home

- name: Peers' prefixes are routed in a table of their own
  routed.fabric.wireguard_interface:
    name: wg0
    listen_port: 51821
    addresses: [10.77.0.1/24, "2001:db8:78::1/64"]
    mtu: 1412
    table: 110
    private_key: "{{ wg0_private_key }}"

- name: Make the key before anything else is known
  routed.fabric.wireguard_interface:
    name: wg-home
    state: keyed
  register: wg_home

- name: Take the interface away, with its key
  routed.fabric.wireguard_interface:
    name: wg-home
    state: absent
"""

RETURN = r"""
public_key:
  description:
    - The public key that belongs to the interface. Null in check mode where the private key has yet to be made.
  returned: always
  type: str
  sample: IhYOkpqE0cIBclaR7zGLml/7BriPIMoMdjmM5dbkkGs=
implementation:
  description: V(kernel) or V(wireguard-go); null where the interface does not run.
  returned: always
  type: str
  sample: kernel
before:
  description: The interface as it ran before; empty where it did not.
  returned: always
  type: dict
  sample:
    public_key: IhYOkpqE0cIBclaR7zGLml/7BriPIMoMdjmM5dbkkGs=
    listen_port: 51820
    addresses: ["2001:db8:77::1/64"]
    mtu: 1420
    fwmark: 0
    table: 0
    up: true
after:
  description: The same afterwards, or as it would be in check mode.
  returned: always
  type: dict
commands:
  description: What was done, or would be done in check mode. Without keys.
  returned: always
  type: list
  elements: str
  sample: ["wg set wg0 listen-port 51821", "write /etc/wireguard/wg0.conf"]
pending:
  description: In check mode, what the real run would refuse as things are now.
  returned: always
  type: list
  elements: str
  sample: ["there is no `wg` on this node; install the package wireguard-tools"]
gathered:
  description: The interface in the form of the options, without its private key. Empty where there is none.
  returned: for O(state=gathered)
  type: dict
  sample: {name: wg0, listen_port: 51820, mtu: 1420}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._interface import WireguardInterface


def argument_spec() -> dict[str, Any]:
    return {
        "name": {"type": "str", "required": True},
        "private_key": {"type": "str", "no_log": True},
        "listen_port": {"type": "int"},
        "addresses": {"type": "list", "elements": "str", "default": []},
        "mtu": {"type": "int", "default": 1420},
        "fwmark": {"type": "int", "default": 0},
        "table": {"type": "int"},
        "persist": {"type": "bool", "default": True},
        "manager": {"type": "str", "choices": ["wg-quick", "ifupdown2"], "default": "wg-quick"},
        "state": {"type": "str", "choices": ["present", "keyed", "absent", "gathered"], "default": "present"},
    }


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    try:
        module.exit_json(**WireguardInterface(module).run())
    except IpError as exc:
        module.fail_json(msg=str(exc))


if __name__ == "__main__":
    main()
