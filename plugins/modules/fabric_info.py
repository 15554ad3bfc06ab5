#!/usr/bin/python
# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fabric_info
short_description: The live state of a fabric's node
version_added: 0.1.0
description:
  - Reads, in one call, what the checks of role P(routed.fabric.verify#role) and the comparison "nothing moved" need.
  - Changes nothing. Secrets are masked.
author:
  - The routed.fabric contributors (@routed)
requirements:
  - iproute2
  - FRR for what is read from it
options:
  gather_subset:
    description:
      - What to read. Each subset is one key of RV(fabric).
      - V(bgp) are the neighbors with their state, negotiated families and reset counters; V(bfd) the BFD peers; V(rib)
        the prefixes that BGP gave to zebra; V(advertised) the prefixes sent to each of O(advertised_to).
      - V(evpn) are the VNIs that zebra knows; V(vxlan) the kernel's VXLAN devices and the VTEPs that they flood to.
      - V(links), V(addresses), V(routes) (all tables), V(rules), V(neighbours) and V(nft) are the kernel's.
      - V(sysctl), V(files) and V(pings) read what their options list.
      - V(guests) is what a node knows of its routed guests. That is the agent's own words, the bridge, routes,
        permanent neighbours, nft tables, and over which AS paths the fabric offers the same prefixes.
      - V(wireguard) are the WireGuard interfaces with their peers, ages of handshakes, and no secret.
      - V(ceph) is what the node knows of its Ceph cluster, asked with the administrator's key, and where Ceph's daemons
        of this node listen.
      - V(snapshot) is all state that must be equal before and after a run that moves nothing, without counters, ages
        and other values that change by themselves.
    type: list
    elements: str
    choices:
      - addresses
      - advertised
      - bfd
      - bgp
      - ceph
      - evpn
      - files
      - frr_running_config
      - guests
      - links
      - neighbours
      - nft
      - pings
      - rib
      - routes
      - rules
      - snapshot
      - sysctl
      - vxlan
      - wireguard
    default: [bgp, bfd, links, addresses]
  advertised_to:
    description: The neighbors whose advertised prefixes are read, as FRR names them (an address or an interface).
    type: list
    elements: str
    default: []
  sysctl:
    description: Kernel parameters to read.
    type: list
    elements: str
    default: []
  files:
    description:
      - Files to add to those that this collection writes. C(*) matches as in a shell.
    type: list
    elements: str
    default: []
  pings:
    description: Echo requests. All of them are sent at the same time; each ends at its first answer.
    type: list
    elements: dict
    default: []
    suboptions:
      address:
        description: Where to.
        type: str
        required: true
      interface:
        description:
          - The interface through which the request leaves. The answer may come in through any.
        type: str
      source:
        description: The source address.
        type: str
      count:
        description: How many requests, 0.2 s apart, until there is an answer.
        type: int
        default: 3
  ping_deadline_s:
    description: The time in seconds after which all pings end.
    type: float
    default: 2.0
  guests:
    description: Where the subset V(guests) looks.
    type: dict
    default: {}
    suboptions:
      bridge:
        description: The bridge of routed guests.
        type: str
        default: vmbr1
      protocol:
        description: The protocol number of their routes.
        type: int
        default: 212
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying the target.
    support: full
    details: It changes nothing in either mode.
  diff_mode:
    description: Will return details on what has changed when in diff mode.
    support: N/A
    details: It changes nothing.
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Read the sessions, and ping a loopback over one uplink
  routed.fabric.fabric_info:
    gather_subset: [bgp, bfd, pings]
    pings:
      - {address: 10.255.254.21, interface: enp1s0, source: 10.255.254.11}
  register: state

- name: Take a snapshot
  routed.fabric.fabric_info:
    gather_subset: [snapshot]
  register: before
"""

RETURN = r"""
fabric:
  description: One key a subset.
  returned: success
  type: dict
  contains:
    bgp:
      description: Whether bgpd answers, and its neighbors.
      type: dict
      returned: with subset V(bgp)
      sample:
        running: true
        neighbors:
          - vrf: default
            neighbor: enp1s0
            state: Established
            remote_as: 65002
            peer_hostname: tor1
            afis: [ipv4_unicast, ipv6_unicast]
            prefixes_received: {ipv4_unicast: 4}
            bfd: up
            last_reset: ""
            connections_established: 1
            notifications_sent: 0
            notifications_received: 0
    bfd:
      description: Whether bfdd answers, and its peers.
      type: dict
      returned: with subset V(bfd)
      sample: {running: true, peers: [{vrf: default, peer: "fe80::1", interface: enp1s0, status: up, diagnostic: ok}]}
    rib:
      description: The prefixes that BGP gave to zebra, by family.
      type: dict
      returned: with subset V(rib)
      sample: {ipv4: [10.255.254.21/32], ipv6: []}
    advertised:
      description:
        - The prefixes sent to each neighbor, by family, each with the AS path that this node has; none where the family
          is not active.
      type: dict
      returned: with subset V(advertised)
      sample: {enp1s0: {ipv4: {10.255.254.11/32: ""}, ipv6: null}}
    links:
      description: Name, number, MTU, flags, state, master and kind of each link.
      type: list
      elements: dict
      returned: with subset V(links)
    addresses:
      description: The addresses of each interface.
      type: dict
      returned: with subset V(addresses)
      sample: {lo: [10.255.254.11/32, 127.0.0.1/8]}
    routes:
      description: The kernel's routes of all tables, by family, as C(ip -j -d route) prints them.
      type: dict
      returned: with subset V(routes)
    rules:
      description: The kernel's routing rules, by family, as C(ip -j rule) prints them.
      type: dict
      returned: with subset V(rules)
    neighbours:
      description: The neighbour table and its proxy entries, as C(ip -j neigh) prints them.
      type: list
      elements: dict
      returned: with subset V(neighbours)
    nft:
      description: The ruleset without counters.
      type: str
      returned: with subset V(nft)
    sysctl:
      description: The live value of each parameter; none where the kernel has no such parameter.
      type: dict
      returned: with subset V(sysctl)
    files:
      description: Time of change (ns) and SHA-256 of each file that is there.
      type: dict
      returned: with subset V(files)
    frr_running_config:
      description: FRR's running configuration, with secrets masked.
      type: str
      returned: with subset V(frr_running_config)
    evpn:
      description: The Layer 2 VNIs that zebra knows.
      type: dict
      returned: with subset V(evpn)
      sample: {vnis: [100, 202]}
    ceph:
      description: Health, OSDs, manager, placement groups, quorum, monmap and listeners; or the error instead.
      type: dict
      returned: with subset V(ceph)
      sample:
        error: ""
        status: HEALTH_OK
        checks: []
        osds: 3
        osds_up: 3
        osds_in: 3
        mgr: true
        pgs: 9
        pgs_clean: 9
        quorum: [ceph1, ceph2, ceph3]
        monitors: {ceph1: "[v2:[2001:db8:100::1]:3300,v1:[2001:db8:100::1]:6789]"}
        listeners: [{process: ceph-mon, address: "[2001:db8:100::1]:3300"}]
    vxlan:
      description: VXLAN devices with VNI, own address, bridge, and where each VNI floods to.
      type: dict
      returned: with subset V(vxlan)
      sample: {vxlan202: {vni: 202, local: 10.255.254.5, bridge: vmbr202, flood: {"202": [10.255.254.6]}}}
    wireguard:
      description:
        - WireGuard interfaces that answer, with public key, port, and peers by public key. C(source) is the address
          that packets to the endpoint leave with; C(handshake_age_s) is none where there was no handshake yet.
      type: dict
      returned: with subset V(wireguard)
      sample:
        wg0:
          public_key: IhYOkpqE0cIBclaR7zGLml/7BriPIMoMdjmM5dbkkGs=
          listen_port: 51820
          peers:
            ZZkW3L0OES1bqQKdDpe3GQ88G4I3ABZVasuEVyvS5iM=:
              endpoint: "[2001:db8:6f67::2]:51820"
              source: "2001:db8:1::100"
              allowed_ips: ["2001:db8:101::/48"]
              handshake_age_s: 12
    pings:
      description: Each ping with what was sent, received, the round-trip time in ms and the error in words.
      type: list
      elements: dict
      returned: with subset V(pings)
      sample:
        - address: 10.255.254.21
          interface: enp1s0
          source: 10.255.254.11
          count: 3
          sent: 1
          received: 1
          rtt_ms: 0.2
          error: ""
    snapshot:
      description: All of the above that does not change by itself.
      type: dict
      returned: with subset V(snapshot)
"""

from collections.abc import Sequence

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.routed.fabric.plugins.module_utils._info._collect import Collector
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError

SUBSETS = (
    "addresses",
    "advertised",
    "bfd",
    "bgp",
    "ceph",
    "evpn",
    "files",
    "frr_running_config",
    "guests",
    "links",
    "neighbours",
    "nft",
    "pings",
    "rib",
    "routes",
    "rules",
    "snapshot",
    "sysctl",
    "vxlan",
    "wireguard",
)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "gather_subset": {
                "type": "list",
                "elements": "str",
                "choices": list(SUBSETS),
                "default": ["bgp", "bfd", "links", "addresses"],
            },
            "advertised_to": {"type": "list", "elements": "str", "default": []},
            "sysctl": {"type": "list", "elements": "str", "default": []},
            "files": {"type": "list", "elements": "str", "default": []},
            "pings": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "address": {"type": "str", "required": True},
                    "interface": {"type": "str"},
                    "source": {"type": "str"},
                    "count": {"type": "int", "default": 3},
                },
            },
            "ping_deadline_s": {"type": "float", "default": 2.0},
            "guests": {
                "type": "dict",
                "default": {},
                "options": {
                    "bridge": {"type": "str", "default": "vmbr1"},
                    "protocol": {"type": "int", "default": 212},
                },
            },
        },
        supports_check_mode=True,
    )

    def run(argv: Sequence[str], data: str | None = None) -> tuple[int, str, str]:
        try:
            rc, out, err = module.run_command(
                list(argv),
                data=data,
                environ_update={"LC_ALL": "C", "WG_HIDE_KEYS": "always"},
                handle_exceptions=False,
            )
        except OSError as exc:  # the program is not there; what it would tell stays empty
            return 127, "", f"{argv[0]}: {exc.strerror}"
        return rc, out, err

    try:
        module.exit_json(changed=False, fabric=Collector(run, module.params).collect(module.params["gather_subset"]))
    except IpError as exc:
        module.fail_json(msg=str(exc))


if __name__ == "__main__":
    main()
