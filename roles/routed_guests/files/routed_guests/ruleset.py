# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The firewall's rules as text for `nft -f -`. Pure.

Two tables of ours, and nobody else's are touched. A drop in any table is final, so this works beside pve-firewall in
whatever order the tables are asked; the priorities are early so that spoofed frames reach nobody's connection tracking.

Loading the text again changes rules atomically and keeps what is in the sets: the agent fills those. What is not in a
set is dropped. So without the agent nothing gets through that did not get through before.

nft 1.0.6 has no `icmpv6 taddr`: the target of neighbour discovery is read as raw bits, `@th,64,128`.
"""

from __future__ import annotations

from .addresses import GATEWAY4, GATEWAY6, IPV4, Network
from .config import Config

TABLE = "fabric_guests"

# set -> (its type, whether it holds prefixes)
BRIDGE_SETS = {
    "ports": ("type ifname", False),
    "macs": ("type ifname . ether_addr", False),
    "addresses4": ("type ifname . ipv4_addr", False),
    "addresses6": ("type ifname . ipv6_addr", False),
    "targets6": ("typeof iifname . @th,64,128", False),
    "prefixes4": ("type ifname . ipv4_addr", True),
    "prefixes6": ("type ifname . ipv6_addr", True),
}
INET_SETS = {
    "known4": ("type ether_addr . ipv4_addr", False),
    "known6": ("type ether_addr . ipv6_addr", False),
    "routed4": ("type ether_addr . ipv4_addr", True),
    "routed6": ("type ether_addr . ipv6_addr", True),
    "local4": ("type ipv4_addr", False),
    "local6": ("type ipv6_addr", False),
    "behind4": ("type ipv4_addr", True),
    "behind6": ("type ipv6_addr", True),
    "peers4": ("type ipv4_addr", False),
    "peers6": ("type ipv6_addr", False),
}
SETS = {"bridge": BRIDGE_SETS, "inet": INET_SETS}

# counter -> what was dropped. Plain words such as `arp` and `redirect` are reserved in nft.
BRIDGE_COUNTERS = {
    "unknown_mac": "a source MAC that the port does not have, or a port that nobody knows",
    "false_gateway": "said to be the gateway",
    "false_arp": "ARP with another sender than the port's, or not of IPv4 over Ethernet",
    "false_discovery": "neighbour discovery for an address that the port does not have",
    "false_router": "router advertisements and redirects",
    "false_dhcp_server": "answers that only a DHCP server gives",
    "false_source4": "an IPv4 source that the port does not have",
    "false_source6": "an IPv6 source that the port does not have",
    "other_frame": "neither ARP nor IP, or tagged",
    "bridged": "from one port of the bridge to another",
}
INET_COUNTERS = {
    "unknown_pair": "a MAC and a source address that do not belong together",
    "not_local": "forwarded from another node, to no guest of this one",
    "not_a_peer": "forwarding packets that no other node sent",
    "redirect_out": "redirects to guests",
}
COUNTERS = {"bridge": BRIDGE_COUNTERS, "inet": INET_COUNTERS}

_LINK_LOCAL = "0xfe800000000000000000000000000000"
_LINK_LOCAL_MASK = "0xffc00000000000000000000000000000"
_GATEWAY6_BITS = "0xfe800000000000000000000000000001"

_BRIDGE_CHAINS = f"""
 chain arp_frames {{
  arp saddr ip {GATEWAY4} counter name false_gateway drop
  arp htype != 1 counter name false_arp drop
  arp ptype != ip counter name false_arp drop
  arp hlen != 6 counter name false_arp drop
  arp plen != 4 counter name false_arp drop
  arp operation != {{ request, reply }} counter name false_arp drop
  iifname . arp saddr ether != @macs counter name false_arp drop
  iifname . arp saddr ip @addresses4 accept
  iifname . arp saddr ip @prefixes4 accept
  arp operation request arp saddr ip 0.0.0.0 iifname . arp daddr ip @addresses4 accept
  counter name false_arp drop
 }}
 chain ipv4_frames {{
  ip saddr {GATEWAY4} counter name false_gateway drop
  udp sport 67 counter name false_dhcp_server drop
  icmp type {{ redirect, router-advertisement }} counter name false_router drop
  iifname . ip saddr @addresses4 accept
  iifname . ip saddr @prefixes4 accept
  ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept
  counter name false_source4 drop
 }}
 chain own_link_locals {{
  ip6 saddr {GATEWAY6} counter name false_gateway drop
  ip6 daddr {{ fe80::/10, ff02::/16 }} accept
  counter name false_source6 drop
 }}
 chain solicitations {{
  ip6 saddr != :: return
  iifname . @th,64,128 @targets6 accept
  @th,64,128 {_GATEWAY6_BITS} counter name false_gateway drop
  @th,64,128 & {_LINK_LOCAL_MASK} == {_LINK_LOCAL} accept
  counter name false_discovery drop
 }}
 chain advertisements {{
  @th,64,128 {_GATEWAY6_BITS} counter name false_gateway drop
  iifname . @th,64,128 @targets6 return
  @th,64,128 & {_LINK_LOCAL_MASK} == {_LINK_LOCAL} return
  counter name false_discovery drop
 }}
 chain ipv6_frames {{
  icmpv6 type {{ nd-router-advert, nd-redirect }} counter name false_router drop
  udp sport 547 counter name false_dhcp_server drop
  icmpv6 type nd-neighbor-solicit jump solicitations
  icmpv6 type nd-neighbor-advert jump advertisements
  iifname . ip6 saddr @addresses6 accept
  iifname . ip6 saddr @prefixes6 accept
  ip6 saddr fe80::/10 goto own_link_locals
  ip6 saddr :: icmpv6 type mld2-listener-report accept
  counter name false_source6 drop
 }}
 chain from_guest {{
  iifname . ether saddr != @macs counter name unknown_mac drop
  ether type arp goto arp_frames
  ether type ip goto ipv4_frames
  ether type ip6 goto ipv6_frames
  counter name other_frame drop
 }}
"""


def _declare(family: str) -> str:
    lines = [f"table {family} {TABLE} {{"]
    for name, (kind, prefixes) in SETS[family].items():
        lines += [f" set {name} {{", f"  {kind}"] + (["  flags interval"] if prefixes else []) + [" }"]
    lines += [f" counter {name} {{\n }}" for name in COUNTERS[family]]
    return "\n".join(lines)


def _bridge(bridge: str, by_bridge_name: bool) -> str:
    """`by_bridge_name`: the kernel can say which bridge a frame is on. Else the agent's set of ports does."""
    came_in = f'meta ibrname "{bridge}"' if by_bridge_name else "iifname @ports"
    goes_out = f'meta obrname "{bridge}"' if by_bridge_name else "oifname @ports"
    return f"""{_declare("bridge")}
{_BRIDGE_CHAINS}
 chain prerouting {{
  {came_in} goto from_guest
 }}
 chain forward {{
  {came_in} counter name bridged drop
  {goes_out} counter name bridged drop
 }}
}}
"""


def _inet(config: Config) -> str:
    forward = config.forward
    from_node = f'iifname "{forward.interface}" goto from_node' if forward else ""
    port = (
        f"""  udp dport {forward.port} iifname "{config.bridge}" counter name not_a_peer drop
  udp dport {forward.port} ip saddr @peers4 accept
  udp dport {forward.port} ip6 saddr @peers6 accept
  udp dport {forward.port} counter name not_a_peer drop"""
        if forward
        else ""
    )
    return f"""{_declare("inet")}
 chain from_guest {{
  ether saddr . ip saddr @known4 accept
  ether saddr . ip6 saddr @known6 accept
  ether saddr . ip saddr @routed4 accept
  ether saddr . ip6 saddr @routed6 accept
  ip6 saddr {GATEWAY6} counter name unknown_pair drop
  ip6 saddr fe80::/10 ip6 daddr {{ fe80::/10, ff02::/16 }} accept
  ip6 saddr :: ip6 daddr ff02::/16 icmpv6 type {{ nd-neighbor-solicit, mld2-listener-report }} accept
  ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept
  counter name unknown_pair drop
 }}
 chain from_node {{
  ip daddr @local4 accept
  ip6 daddr @local6 accept
  ip daddr @behind4 accept
  ip6 daddr @behind6 accept
  counter name not_local drop
 }}
 chain prerouting {{
  iifname "{config.bridge}" goto from_guest
  {from_node}
 }}
 chain input {{
{port}
 }}
 chain output {{
  oifname "{config.bridge}" icmpv6 type nd-redirect counter name redirect_out drop
  oifname "{config.bridge}" icmp type redirect counter name redirect_out drop
 }}
}}
"""


_HOOKS = {
    "bridge": {"prerouting": -300, "forward": -300},
    "inet": {"prerouting": -310, "input": -10, "output": -10},
}
_CHAINS = {
    "bridge": [
        "from_guest",
        "ipv6_frames",
        "ipv4_frames",
        "arp_frames",
        "own_link_locals",
        "solicitations",
        "advertisements",
    ],
    "inet": ["from_guest", "from_node"],
}


def _empty_chains(family: str) -> str:
    """A chain that is not there yet is made by declaring it; its rules are taken out in the same transaction."""
    lines = [f"table {family} {TABLE} {{"]
    for chain, priority in _HOOKS[family].items():
        lines.append(f" chain {chain} {{\n  type filter hook {chain} priority {priority}; policy accept;\n }}")
    lines += [f" chain {chain} {{\n }}" for chain in _CHAINS[family]]
    lines.append("}")
    return "\n".join(lines + [f"flush chain {family} {TABLE} {chain}" for chain in (*_HOOKS[family], *_CHAINS[family])])


def _peers(config: Config) -> str:
    """The other nodes are in the rules' own transaction: they are configuration, and hold before the agent runs."""
    lines = [f"flush set inet {TABLE} peers4", f"flush set inet {TABLE} peers6"]
    addresses: list[Network] = [peer.address for peer in config.forward.peers.values()] if config.forward else []
    for address in addresses:
        name = "peers4" if address.version == IPV4 else "peers6"
        lines.append(f"add element inet {TABLE} {name} {{ {address} }}")
    return "\n".join(lines)


def render(config: Config, by_bridge_name: bool) -> str:
    return "\n".join(
        (
            _empty_chains("bridge"),
            _empty_chains("inet"),
            _bridge(config.bridge, by_bridge_name),
            _inet(config),
            _peers(config),
            "",
        )
    )
