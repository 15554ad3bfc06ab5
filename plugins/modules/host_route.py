#!/usr/bin/python
# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: host_route
short_description: Host routes, permanent neighbours and proxy entries of declared devices
version_added: 0.1.0
description:
  - Brings the routes to declared devices, their permanent neighbour entries, and what a router answers for them
    (proxy ARP, proxy NDP) to the given state, now and for the next boot.
  - A device is behind a bridge or a port of this router (O(routes[].interface)), or somewhere else behind a tunnel or a
    next hop (O(routes[].via)). Proxmox's guests belong to the agent C(routed-guests), which has a protocol number and a
    table of its own.
  - It owns the routes with its O(protocol) in its O(table), the rule that has this table looked up, and the permanent
    neighbours and proxy entries that carry its O(protocol). Everything else stays as it is, whatever it says.
  - Reads with one dump a kind and writes with one C(ip -batch), however long the list is. If anything is refused, what
    was already written is undone.
author:
  - The routed.fabric contributors (@routed)
requirements:
  - iproute2 6.1 or later
  - systemd, where O(persist=true)
seealso:
  - name: ip-route(8)
    description: What the words of a route mean.
    link: https://man7.org/linux/man-pages/man8/ip-route.8.html
  - name: ip-neighbour(8)
    description: Neighbour and proxy entries.
    link: https://man7.org/linux/man-pages/man8/ip-neighbour.8.html
  - name: RFC 826
    description: ARP.
    link: https://www.rfc-editor.org/rfc/rfc826
  - name: RFC 4861
    description: Neighbour discovery for IPv6; proxies are in 7.2.8.
    link: https://www.rfc-editor.org/rfc/rfc4861
  - name: Kernel, IP sysctl
    description: C(proxy_arp), C(proxy_arp_pvlan) and C(proxy_ndp).
    link: https://docs.kernel.org/networking/ip-sysctl.html
extends_documentation_fragment:
  - routed.fabric.attributes
options:
  routes:
    description:
      - The routes. The same address with the same metric twice is refused.
    type: list
    elements: dict
    default: []
    suboptions:
      address:
        description: The device's address, or a prefix behind it. A default route is refused.
        type: str
        required: true
      interface:
        description:
          - The interface that leads there. It has to exist and to be up.
          - May be left out where there is O(routes[].via); then the kernel looks the interface up once, when it takes
            the route, and does not follow later changes.
        type: str
      via:
        description:
          - The next hop. For an IPv4 address it may be an IPv6 one (RFC 8950, C(via inet6)). A link-local one needs
            O(routes[].interface).
        type: str
      onlink:
        description: The next hop is on the link, whatever the addresses of the interface say.
        type: bool
        default: false
      lladdr:
        description:
          - The link-layer address of the next hop or, without one, of the device. A permanent neighbour entry is made
            of it on O(routes[].interface).
          - A MAC; on a tunnel with many ends, the other end's address.
        type: str
      metric:
        description: Less is better. Without it, O(metric).
        type: int
      type:
        description:
          - V(unreachable) answers with an error for what no better route leads to; V(blackhole) drops it silently.
            Neither has an interface.
          - One V(unreachable) route for each subnet with proxy ARP is needed where there is a default route; with it
            alone the router would answer for every address.
        type: str
        choices: [unicast, unreachable, blackhole]
        default: unicast
      source:
        description: The source address of what this node itself sends there.
        type: str
  proxy:
    description: What this router answers for.
    type: dict
    suboptions:
      entries:
        description:
          - Single addresses, IPv6 (proxy NDP) or IPv4 (proxy ARP).
          - IPv6 entries do nothing until V(proxy_ndp) of the interface is on.
        type: list
        elements: dict
        default: []
        suboptions:
          address:
            description: The address.
            type: str
            required: true
          interface:
            description: Where it is asked for.
            type: str
            required: true
      interfaces:
        description:
          - The switches of an interface. One that is not given is not touched.
          - One that this module had set and that is not listed any more is switched off, with O(purge=true) and
            O(persist=true).
        type: list
        elements: dict
        default: []
        suboptions:
          interface:
            description: Its name.
            type: str
            required: true
          proxy_arp:
            description: Answer ARP for every address to which a route leads out of another interface.
            type: bool
          proxy_arp_pvlan:
            description: Answer ARP for addresses behind the same interface too, for bridges whose ports are isolated.
            type: bool
          proxy_ndp:
            description: Answer neighbour solicitations for the IPv6 O(proxy.entries) of the interface.
            type: bool
  allowed_prefixes:
    description:
      - A route or a proxy entry outside of them is refused. Without them, everything is allowed; an empty list allows
        nothing.
    type: list
    elements: str
  protocol:
    description:
      - The protocol number that marks what is ours. V(211) is C(fabric-host). V(212) belongs to the agent, V(186) to
        FRR.
      - Two calls with the same number undo each other's work; one call carries the whole state.
    type: int
    default: 211
  table:
    description:
      - The routing table. V(101) is C(fabric-hosts). V(254) is main, which needs no rule.
      - When it changes, the routes move; the table of the last run stands in the file that O(persist=true) writes.
    type: int
    default: 101
  rule_priority:
    description: The priority of the rule that has O(table) looked up, for both families.
    type: int
    default: 1001
  metric:
    description:
      - The metric of the routes that have none of their own. V(0) means 1024 for IPv6, which is the kernel's rule.
      - In table main it should be below 20, FRR's own; IPv6 routes of one prefix compete by it.
    type: int
    default: 11
  purge:
    description: Whether to remove what is ours and is not listed.
    type: bool
    default: true
  persist:
    description:
      - Whether to write files, so that the state is there after a reboot. F(/etc/routed-fabric/host-routes.batch) holds
        it in the form of C(ip -batch), C(fabric-host-routes.service) reads it at boot, and
        F(/etc/sysctl.d/91-routed-fabric-host-routes.conf) holds the switches of O(proxy.interfaces).
      - With ifupdown or ifupdown2, F(/etc/network/if-up.d/fabric-host-routes) reads it again whenever one of the
        interfaces comes up, also in C(ifreload).
      - With V(false), files of an earlier run stay as they are.
    type: bool
    default: true
  state:
    description:
      - V(present) brings the node to the given state.
      - V(absent) removes all that is ours, with the rule and the files; with O(purge=false) only what is listed.
      - V(gathered) reads what is ours and changes nothing.
    type: str
    choices: [present, absent, gathered]
    default: present
notes:
  - An interface that goes down and up loses all of its routes and permanent neighbours, and so does a bridge that is
    made anew. The hook above puts them back with ifupdown2. With systemd-networkd, which does not take interfaces down
    when it reloads, and after C(ip link set down) by hand, C(systemctl restart fabric-host-routes) does, or the next
    run.
  - An interface that does not exist or is down is refused before anything is changed. In check mode it is only told
    (RV(pending)), since on a fresh node an earlier task would have made it.
  - A permanent neighbour or proxy entry that is listed and carries no protocol number becomes ours. One of another
    protocol number is refused.
"""

EXAMPLES = r"""
- name: Two devices behind a bridge, one with a prefix behind it
  routed.fabric.host_route:
    allowed_prefixes: [203.0.113.0/24, "2001:db8:100::/56"]
    routes:
      - {address: 203.0.113.9, interface: br0, lladdr: "52:54:00:12:34:56"}
      - {address: "2001:db8:100::9", interface: br0, lladdr: "52:54:00:12:34:56"}
      - {address: "2001:db8:100:10::/64", interface: br0, via: "2001:db8:100::9"}

- name: One subnet behind several routers (the others are reached through tunnels)
  routed.fabric.host_route:
    routes:
      - {address: 20.0.0.0/24, type: unreachable}
      - {address: 20.0.0.1, interface: br0, lladdr: "52:54:00:00:00:01"}
      - {address: 20.0.0.2, interface: wg-r2}
      - {address: 20.0.0.3, interface: vx-r3, via: "fe80::3", onlink: true, lladdr: "02:fd:00:00:00:03"}
      - {address: "2001:db8:20::2", interface: wg-r2}
    proxy:
      interfaces:
        - {interface: br0, proxy_arp: true, proxy_arp_pvlan: true, proxy_ndp: true}
      entries:
        - {address: "2001:db8:20::2", interface: br0}

- name: See what is there
  routed.fabric.host_route:
    state: gathered
  register: host_routes

- name: Take everything away
  routed.fabric.host_route:
    state: absent
"""

RETURN = r"""
before:
  description: What was ours before, one line an entry, and the switches.
  returned: always
  type: dict
  sample:
    routes: [203.0.113.9 dev br0 table 101 metric 11]
    neighbours: ["203.0.113.9 dev br0 lladdr 52:54:00:12:34:56"]
    proxies: ["2001:db8:20::2 dev br0"]
    rules: [ipv4 pref 1001 lookup 101, ipv6 pref 1001 lookup 101]
    sysctl: {net.ipv4.conf.br0.proxy_arp: "1"}
after:
  description: The same afterwards, or as it would be in check mode.
  returned: always
  type: dict
commands:
  description: What was done to the kernel and to files, or would be done in check mode.
  returned: always
  type: list
  elements: str
  sample: ["ip route add 203.0.113.9/32 dev br0 proto 211 table 101 metric 11"]
pending:
  description: In check mode, what the real run would refuse as things are now; switches of interfaces not yet there.
  returned: always
  type: list
  elements: str
  sample: ["routes[0].interface: there is no interface 'br0' on this node; it has: lo"]
gathered:
  description: What is ours, in the form of the options O(routes) and O(proxy).
  returned: for O(state=gathered)
  type: dict
  sample:
    routes: [{"address": "203.0.113.9", "metric": 11, "interface": "br0"}]
    proxy: {"entries": [], "interfaces": []}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.routed.fabric.plugins.module_utils._host_route._run import HostRoute
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError


def argument_spec() -> dict[str, Any]:
    return {
        "routes": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "address": {"type": "str", "required": True},
                "interface": {"type": "str"},
                "via": {"type": "str"},
                "onlink": {"type": "bool", "default": False},
                "lladdr": {"type": "str"},
                "metric": {"type": "int"},
                "type": {"type": "str", "choices": ["unicast", "unreachable", "blackhole"], "default": "unicast"},
                "source": {"type": "str"},
            },
        },
        "proxy": {
            "type": "dict",
            "options": {
                "entries": {
                    "type": "list",
                    "elements": "dict",
                    "default": [],
                    "options": {
                        "address": {"type": "str", "required": True},
                        "interface": {"type": "str", "required": True},
                    },
                },
                "interfaces": {
                    "type": "list",
                    "elements": "dict",
                    "default": [],
                    "options": {
                        "interface": {"type": "str", "required": True},
                        "proxy_arp": {"type": "bool"},
                        "proxy_arp_pvlan": {"type": "bool"},
                        "proxy_ndp": {"type": "bool"},
                    },
                },
            },
        },
        "allowed_prefixes": {"type": "list", "elements": "str"},
        "protocol": {"type": "int", "default": 211},
        "table": {"type": "int", "default": 101},
        "rule_priority": {"type": "int", "default": 1001},
        "metric": {"type": "int", "default": 11},
        "purge": {"type": "bool", "default": True},
        "persist": {"type": "bool", "default": True},
        "state": {"type": "str", "choices": ["present", "absent", "gathered"], "default": "present"},
    }


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    try:
        module.exit_json(**HostRoute(module).run())
    except IpError as exc:
        module.fail_json(msg=str(exc))


if __name__ == "__main__":
    main()
