# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What GoBGP and BIRD are configured with, as edge routers of an extended subnet: docs/guides/l2-over-l3.md."""

from __future__ import annotations

# By id, which tells everything else.
EDGES = {11: "vrouter1", 12: "vrouter2", 13: "speaker", 14: "gobgp", 15: "bird"}
# Those whose kernel forwards what BGP says; the speaker only speaks.
INSTALLING = ("vrouter1", "vrouter2", "gobgp", "bird")


def asn(number: int) -> int:
    """From the pool."""
    return 4200000000 + number


GOBGP = """
[global.config]
  as = {asn}
  router-id = "10.255.0.{id}"
[global.apply-policy.config]
  import-policy-list = [{imports}]
  default-import-policy = "reject-route"
  export-policy-list = ["own"]
  default-export-policy = "reject-route"

[[defined-sets.prefix-sets]]
  prefix-set-name = "devices4"
  [[defined-sets.prefix-sets.prefix-list]]
    ip-prefix = "20.0.0.0/24"
    masklength-range = "32..32"
[[defined-sets.prefix-sets]]
  prefix-set-name = "devices6"
  [[defined-sets.prefix-sets.prefix-list]]
    ip-prefix = "2001:db8:20::/64"
    masklength-range = "128..128"
# What is published here passes the import policy, too.
[[defined-sets.prefix-sets]]
  prefix-set-name = "own4"
  [[defined-sets.prefix-sets.prefix-list]]
    ip-prefix = "10.255.0.{id}/32"
[[defined-sets.prefix-sets]]
  prefix-set-name = "own6"
  [[defined-sets.prefix-sets.prefix-list]]
    ip-prefix = "2001:db8:100::{id:x}/128"

[[policy-definitions]]
  name = "from-edges"
  [[policy-definitions.statements]]
    [policy-definitions.statements.conditions.match-prefix-set]
      prefix-set = "devices4"
    [policy-definitions.statements.actions]
      route-disposition = "accept-route"
  [[policy-definitions.statements]]
    [policy-definitions.statements.conditions.match-prefix-set]
      prefix-set = "devices6"
    [policy-definitions.statements.actions]
      route-disposition = "accept-route"
  [[policy-definitions.statements]]
    [policy-definitions.statements.conditions.match-prefix-set]
      prefix-set = "own4"
    [policy-definitions.statements.actions]
      route-disposition = "accept-route"
  [[policy-definitions.statements]]
    [policy-definitions.statements.conditions.match-prefix-set]
      prefix-set = "own6"
    [policy-definitions.statements.actions]
      route-disposition = "accept-route"

# The edges are a full mesh: what another has said is not said again.
[[policy-definitions]]
  name = "own"
  [[policy-definitions.statements]]
    [policy-definitions.statements.conditions.bgp-conditions]
      route-type = "local"
    [policy-definitions.statements.actions]
      route-disposition = "accept-route"
      [policy-definitions.statements.actions.bgp-actions]
        set-next-hop = "fe80::{id:x}"
"""

# zebra is not told the interface of a next hop, so that each other end needs an address that is on one tunnel only.
GOBGP_NEXT_HOP = """
[[defined-sets.bgp-defined-sets.as-path-sets]]
  as-path-set-name = "edge{id}"
  as-path-list = ["^{asn}"]
[[policy-definitions]]
  name = "from-edge{id}"
"""
GOBGP_NEXT_HOP_OF = """
  [[policy-definitions.statements]]
    [policy-definitions.statements.conditions.match-prefix-set]
      prefix-set = "devices{family}"
    [policy-definitions.statements.conditions.bgp-conditions.match-as-path-set]
      as-path-set = "edge{id}"
    [policy-definitions.statements.actions]
      route-disposition = "accept-route"
      [policy-definitions.statements.actions.bgp-actions]
        set-next-hop = "{next_hop}"
"""

GOBGP_NEIGHBOR = """
[[neighbors]]
  [neighbors.config]
    neighbor-interface = "{interface}"
    peer-as = {asn}
  [neighbors.timers.config]
    hold-time = 9
    keepalive-interval = 3
    connect-retry = 5
    idle-hold-time-after-reset = 2
"""
# Two GoBGP that call each other may go on refusing each other's calls for minutes.
GOBGP_PASSIVE = """  [neighbors.transport.config]
    passive-mode = true
"""

# FRR 8.4's zebra and GoBGP 3.36; see the guide for what else was tried.
GOBGP_ZEBRA = """
[zebra.config]
  enabled = true
  url = "unix:/run/frr/zserv.api"
  version = 6
  software-name = "frr8.2"
  redistribute-route-type-list = ["kernel"]
"""

BIRD = """
log "/var/log/bird.log" all;
router id 10.255.0.{id};

protocol device {{ }}

# What the kernel is told, and what it tells: a host route that somebody adds for a device is announced.
protocol kernel kernel4 {{
  learn;
  ipv4 {{ import filter {{ if net ~ [20.0.0.0/24{{32,32}}] then accept; reject; }};
         export filter {{ if source = RTS_BGP then {{ krt_prefsrc = 10.255.0.{id}; accept; }} reject; }}; }};
}}
protocol kernel kernel6 {{
  learn;
  ipv6 {{ import filter {{ if net ~ [2001:db8:20::/64{{128,128}}] then accept; reject; }};
         export filter {{ if source = RTS_BGP then {{ krt_prefsrc = 2001:db8:100::{id:x}; accept; }} reject; }}; }};
}}
protocol static own4 {{ ipv4; route 10.255.0.{id}/32 via "lo"; }}
protocol static own6 {{ ipv6; route 2001:db8:100::{id:x}/128 via "lo"; }}

# FRR finds the other end of a session that has no addresses by its router advertisements.
protocol radv {{
  interface "{uplink}", "ex-vx*" {{ max ra interval 10; default lifetime 0; }};
}}

template bgp edge {{
  local as {asn};
  hold time 9; keepalive time 3; connect retry time 5; error wait time 1, 10;
  ipv4 {{
    extended next hop on;
    import filter {{ if net ~ [20.0.0.0/24{{32,32}}] then accept; reject; }};
    export filter {{ if source = RTS_INHERIT && net ~ [20.0.0.0/24{{32,32}}] then accept; reject; }};
  }};
  ipv6 {{
    import filter {{ if net ~ [2001:db8:20::/64{{128,128}}] then accept; reject; }};
    export filter {{ if source = RTS_INHERIT && net ~ [2001:db8:20::/64{{128,128}}] then accept; reject; }};
  }};
}}
template bgp core {{
  local as {asn};
  hold time 9; keepalive time 3; connect retry time 5; error wait time 1, 10;
  ipv4 {{
    extended next hop on;
    import filter {{ if net ~ [10.255.0.0/24{{32,32}}] then accept; reject; }};
    export where proto = "own4";
  }};
  ipv6 {{
    import filter {{ if net ~ [2001:db8:100::/64{{128,128}}] then accept; reject; }};
    export where proto = "own6";
  }};
}}
"""

BIRD_NEIGHBOR = """
protocol bgp edge{id} from edge {{ neighbor fe80::{id:x} as {asn}; interface "ex-vx{id}"; }}
"""


def gobgp(own: int, zebra: bool) -> str:
    """For /etc/gobgpd.conf."""
    imports = [*(f"from-edge{other}" for other in EDGES if zebra and other != own), "from-edges"]
    text = GOBGP.format(asn=asn(own), id=own, imports=", ".join(f'"{policy}"' for policy in imports))
    if zebra:
        text += GOBGP_ZEBRA
        for other in EDGES:
            if other != own:
                text += GOBGP_NEXT_HOP.format(id=other, asn=asn(other))
                for family, next_hop in ((4, f"169.254.20.{other}"), (6, f"fd00:20::{other:x}")):
                    text += GOBGP_NEXT_HOP_OF.format(id=other, family=family, next_hop=next_hop)
    text += GOBGP_NEIGHBOR.format(interface="eth1", asn=65001)
    for other, edge in EDGES.items():
        if other != own:
            text += GOBGP_NEIGHBOR.format(interface=f"ex-vx{other}", asn=asn(other))
            if edge == "gobgp":
                text += GOBGP_PASSIVE
    return text


def bird(own: int, core: str) -> str:
    """For /etc/bird/bird.conf. `core`: the link-local address of the router at the other end of eth1."""
    text = BIRD.format(asn=asn(own), id=own, uplink="eth1")
    text += f'protocol bgp core1 from core {{ neighbor {core} as 65001; interface "eth1"; }}\n'
    for other in EDGES:
        if other != own:
            text += BIRD_NEIGHBOR.format(id=other, asn=asn(other))
    return text
