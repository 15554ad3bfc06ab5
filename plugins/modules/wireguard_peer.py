#!/usr/bin/python
# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: wireguard_peer
short_description: The peers of a WireGuard interface and the routes to them
version_added: 0.1.0
description:
  - Brings the peers of one WireGuard interface to the given state, in the kernel (or C(wireguard-go)) and in the file
    that brings them back at boot, together with the routes to their allowed IPs.
  - Only peers that differ are touched. All others keep their session and lose no packet, whatever the length of the
    list.
  - It owns the interface's peers and the routes out of it that carry its O(protocol). The interface itself belongs to
    M(routed.fabric.wireguard_interface).
  - The interface has the same public key before and after, or the change is undone. If anything is refused, what was
    already changed is undone, too.
author:
  - The routed.fabric contributors (@routed)
requirements:
  - wireguard-tools 1.0.20210914 or later
  - iproute2 6.1 or later
seealso:
  - module: routed.fabric.wireguard_interface
  - name: wg(8)
    description: What the words of a peer mean.
    link: https://man7.org/linux/man-pages/man8/wg.8.html
extends_documentation_fragment:
  - routed.fabric.attributes
options:
  interface:
    description: The interface whose peers these are.
    type: str
    required: true
  peers:
    description: The peers.
    type: list
    elements: dict
    default: []
    suboptions:
      public_key:
        description: The other end's public key, which is what a peer is told apart by.
        type: str
        required: true
      name:
        description: What people call it. It stands in the file as a comment.
        type: str
      endpoint:
        description:
          - Where the other end is, as V(192.0.2.1:51820), V([2001:db8::1]:51820) or V(vpn.example.net:51820). Without
            it, the other end has to begin.
          - A peer that has moved and answers from elsewhere is left there, as long as its last handshake is younger
            than 180 seconds and the declared endpoint is the same as last time. After that the declared one is set
            again.
          - A name is looked up when it is set and at boot. An address needs nobody else.
        type: str
      allowed_ips:
        description:
          - The prefixes that the peer may send from and that are sent to it. They replace those that it had.
          - A prefix that lies in one of another peer, or that holds the peer's own endpoint, is refused. The default
            prefixes C(0.0.0.0/0) and C(::/0) hold every endpoint and are refused only where they would be a route in
            table main.
        type: list
        elements: str
        default: []
      preshared_key:
        description: A key that both ends have besides their own ones, from Vault. Without it there is none.
        type: str
      persistent_keepalive:
        description: Seconds between packets that keep a NAT open. V(0) is off.
        type: int
        default: 0
      table:
        description:
          - The routing table of the routes to the allowed IPs. V(0) means no routes. Without it, the one that
            M(routed.fabric.wireguard_interface) was given.
        type: int
  metric:
    description:
      - The metric of the routes. V(0) means 1024 for IPv6, which is the kernel's rule.
      - In table main it should be below 20, FRR's own; IPv6 routes of one prefix compete by it.
    type: int
    default: 11
  protocol:
    description:
      - The protocol number that marks the routes as ours. V(213) is C(fabric-tunnel).
    type: int
    default: 213
  purge:
    description:
      - Whether to remove peers that are not listed, with the routes to them.
      - With V(false), a prefix that such a peer has is refused for a listed one.
    type: bool
    default: true
  persist:
    description:
      - Whether to write the peers into F(/etc/wireguard/NAME.conf) and the routes beside it, so that they are there
        after a reboot.
      - With V(false), the file below F(/run) is written that M(routed.fabric.wireguard_interface) made with
        C(persist=false), if there is one.
    type: bool
    default: true
  state:
    description:
      - V(present) brings the peers to the given state.
      - V(absent) removes the listed peers, and no other.
      - V(gathered) reads the peers and changes nothing.
    type: str
    choices: [present, absent, gathered]
    default: present
notes:
  - No private or preshared key is in a result, a diff or a message; a preshared key is told apart by a fingerprint.
  - C(wg) cannot take an endpoint away. One that is not declared any more goes from the file at once, and from the
    running interface at the next boot.
  - An interface that does not exist is refused before anything is changed. In check mode it is only told
    (RV(pending)), since on a fresh node an earlier task would have made it.
"""

EXAMPLES = r"""
- name: One site, everything allowed, BGP decides
  routed.fabric.wireguard_peer:
    interface: wg-home
    peers:
      - name: home
        public_key: ZZkW3L0OES1bqQKdDpe3GQ88G4I3ABZVasuEVyvS5iM=
        endpoint: "[2001:db8:6f67::2]:51820"
        allowed_ips: ["::/0", 0.0.0.0/0]

- name: Two sites with their prefixes, routed in main
  routed.fabric.wireguard_peer:
    interface: wg0
    peers:
      - name: home
        public_key: ZZkW3L0OES1bqQKdDpe3GQ88G4I3ABZVasuEVyvS5iM=
        endpoint: "[2001:db8:6f67::2]:51820"
        allowed_ips: ["2001:db8:101::/48"]
        preshared_key: "{{ home_preshared_key }}"
        table: 254
      - name: office, behind NAT
        public_key: IhYOkpqE0cIBclaR7zGLml/7BriPIMoMdjmM5dbkkGs=
        allowed_ips: ["2001:db8:102::/48", 10.2.0.0/16]
        persistent_keepalive: 25
        table: 254

- name: Remove one peer
  routed.fabric.wireguard_peer:
    interface: wg0
    peers:
      - public_key: IhYOkpqE0cIBclaR7zGLml/7BriPIMoMdjmM5dbkkGs=
    state: absent
"""

RETURN = r"""
public_key:
  description: The interface's public key; null where it does not run.
  returned: always
  type: str
  sample: IhYOkpqE0cIBclaR7zGLml/7BriPIMoMdjmM5dbkkGs=
implementation:
  description: V(kernel) or V(wireguard-go); null where the interface does not run.
  returned: always
  type: str
  sample: kernel
before:
  description: The peers and the routes to them before, one line each, with fingerprints instead of preshared keys.
  returned: always
  type: dict
  sample:
    peers: ["ZZkW3L0OES1bqQKdDpe3GQ88G4I3ABZVasuEVyvS5iM= allowed-ips 2001:db8:101::/48"]
    routes: ["2001:db8:101::/48 dev wg0 proto 213 table 254 metric 11"]
after:
  description: The same afterwards, or as it would be in check mode.
  returned: always
  type: dict
commands:
  description: What was done, or would be done in check mode. Without keys.
  returned: always
  type: list
  elements: str
  sample: ["wg set wg0 peer ZZkW3L0OES1bqQKdDpe3GQ88G4I3ABZVasuEVyvS5iM= allowed-ips 2001:db8:101::/48"]
pending:
  description: In check mode, what the real run would refuse as things are now.
  returned: always
  type: list
  elements: str
  sample: ["interface: there is no WireGuard interface 'wg0' on this node; wireguard_interface makes it"]
gathered:
  description: The peers in the form of the options O(interface) and O(peers), without preshared keys.
  returned: for O(state=gathered)
  type: dict
  sample:
    interface: wg0
    peers: [{"public_key": "ZZkW3L0OES1bqQKdDpe3GQ88G4I3ABZVasuEVyvS5iM=", "allowed_ips": ["2001:db8:101::/48"]}]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._peers import WireguardPeer


def argument_spec() -> dict[str, Any]:
    return {
        "interface": {"type": "str", "required": True},
        "peers": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "public_key": {"type": "str", "required": True, "no_log": False},
                "name": {"type": "str"},
                "endpoint": {"type": "str"},
                "allowed_ips": {"type": "list", "elements": "str", "default": []},
                "preshared_key": {"type": "str", "no_log": True},
                "persistent_keepalive": {"type": "int", "default": 0},
                "table": {"type": "int"},
            },
        },
        "metric": {"type": "int", "default": 11},
        "protocol": {"type": "int", "default": 213},
        "purge": {"type": "bool", "default": True},
        "persist": {"type": "bool", "default": True},
        "state": {"type": "str", "choices": ["present", "absent", "gathered"], "default": "present"},
    }


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    try:
        module.exit_json(**WireguardPeer(module).run())
    except IpError as exc:
        module.fail_json(msg=str(exc))


if __name__ == "__main__":
    main()
