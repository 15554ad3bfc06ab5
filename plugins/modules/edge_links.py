#!/usr/bin/python
# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: edge_links
short_description: Tunnels between edge routers, and the ports that devices are attached to
version_added: 0.3.0
description:
  - Brings the point-to-point tunnels of an edge router (VXLAN, GRE, and tun devices for programs such as SSH) and the
    interfaces that devices of an extended subnet are attached to into the given state, now and for the next boot.
  - It owns the tunnels and bridges whose interface alias is C(routed.fabric.edge), the ports of these bridges, the MAC
    addresses of the listed ports, the listed kernel parameters and its files. WireGuard interfaces belong to
    M(routed.fabric.wireguard_interface), what is routed to M(routed.fabric.host_route).
  - The ports of a bridge that it makes are isolated from each other, so that the router is what connects them.
  - A tunnel whose ends change is made anew; MTU, MAC and link-local address change in place.
author:
  - The routed.fabric contributors (@routed)
requirements:
  - iproute2 6.1 or later
  - systemd, where O(persist=true)
seealso:
  - module: routed.fabric.host_route
  - name: ip-link(8)
    description: Devices of the kinds vxlan, gre and ip6gre.
    link: https://man7.org/linux/man-pages/man8/ip-link.8.html
  - name: RFC 2784
    description: Generic Routing Encapsulation.
    link: https://www.rfc-editor.org/rfc/rfc2784
extends_documentation_fragment:
  - routed.fabric.attributes
options:
  tunnels:
    description: The tunnels to other edge routers. Those that are not listed any more are removed.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name of the device.
        type: str
        required: true
      kind:
        description:
          - V(gre) runs over IPv4, V(ip6gre) over IPv6, V(vxlan) over either.
          - V(tun) is a device without a tunnel of its own; a program (SSH) carries its packets.
        type: str
        choices: [vxlan, gre, ip6gre, tun]
        required: true
      local:
        description: This node's end, an address of its loopback. Not for V(tun).
        type: str
      remote:
        description: The other end. Not for V(tun).
        type: str
      vni:
        description: The VXLAN network identifier, the same at both ends and on this node nowhere else with this port.
        type: int
      port:
        description: The UDP port of VXLAN. EVPN's 4789 is better left alone.
        type: int
      mac:
        description: The MAC address of this end of a VXLAN device, so that the other end can be told it.
        type: str
      mtu:
        description: The MTU inside of the tunnel.
        type: int
        default: 1500
      address:
        description: The link-local IPv6 address of this end, with its length. BGP sessions use it.
        type: str
  ports:
    description: The interfaces that devices are attached to. They are brought up and get no address.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The interface. It has to exist, unless O(ports[].bridge_ports) makes it.
        type: str
        required: true
      mac:
        description: Its MAC address. The same one on all edges lets a device move without forgetting its neighbours.
        type: str
      bridge_ports:
        description: Makes the interface as a bridge with these isolated ports.
        type: list
        elements: str
  sysctl:
    description: Kernel parameters, as sysctl.d(5) writes them.
    type: dict
    default: {}
  persist:
    description:
      - Whether to write files, so that the state is there after a reboot. F(/etc/routed-fabric/edge-links.batch) is in
        the form of C(ip -batch), C(fabric-edge-links.service) reads it at boot, and
        F(/etc/sysctl.d/92-routed-fabric-edge.conf) holds the kernel parameters.
      - With V(false), files of an earlier run stay as they are.
    type: bool
    default: true
notes:
  - An interface that does not exist is refused before anything is changed. In check mode it is only told (RV(pending)).
  - A listed port that is a port of a bridge is refused, because no ARP arrives at it.
  - The MAC address of a port that is not listed any more stays until the next boot.
"""

EXAMPLES = r"""
- name: Two device ports and a GRE tunnel to another edge
  routed.fabric.edge_links:
    ports:
      - {name: eth2, mac: "02:00:5e:00:02:01"}
      - {name: br20, mac: "02:00:5e:00:02:01", bridge_ports: [eth3, eth4]}
    tunnels:
      - {name: ex-gre12, kind: gre, local: 10.255.0.11, remote: 10.255.0.12, address: "fe80::b/64"}
    sysctl:
      net.ipv4.conf.all.send_redirects: "0"

- name: Take everything away
  routed.fabric.edge_links: {}
"""

RETURN = r"""
before:
  description: The tunnels and ports before, and the kernel parameters.
  returned: always
  type: dict
  sample:
    links: {ex-gre12: {up: true, mtu: 1476, kind: gre, local: 10.255.0.11, remote: 10.255.0.12}}
    sysctl: {net.ipv4.conf.all.send_redirects: "0"}
after:
  description: The same afterwards. In check mode, as before.
  returned: always
  type: dict
commands:
  description: What was done to the kernel and to files, or would be done in check mode.
  returned: always
  type: list
  elements: str
  sample: ["ip link set dev eth2 address 02:00:5e:00:02:01"]
pending:
  description: In check mode, what the real run would refuse as things are now.
  returned: always
  type: list
  elements: str
  sample: []
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.routed.fabric.plugins.module_utils._edge_links._model import KINDS
from ansible_collections.routed.fabric.plugins.module_utils._edge_links._run import EdgeLinks
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError


def argument_spec() -> dict[str, Any]:
    return {
        "tunnels": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "name": {"type": "str", "required": True},
                "kind": {"type": "str", "choices": list(KINDS), "required": True},
                "local": {"type": "str"},
                "remote": {"type": "str"},
                "vni": {"type": "int"},
                "port": {"type": "int"},
                "mac": {"type": "str"},
                "mtu": {"type": "int", "default": 1500},
                "address": {"type": "str"},
            },
        },
        "ports": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "name": {"type": "str", "required": True},
                "mac": {"type": "str"},
                "bridge_ports": {"type": "list", "elements": "str"},
            },
        },
        "sysctl": {"type": "dict", "default": {}},
        "persist": {"type": "bool", "default": True},
    }


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    try:
        module.exit_json(**EdgeLinks(module).run())
    except IpError as exc:
        module.fail_json(msg=str(exc))


if __name__ == "__main__":
    main()
