# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Routed guests on one node: the bridge, what its agent is told, and what FRR makes of the agent's routes.

FRR is configured once and never when a guest moves: the agent's routes carry a metric, which says how sure their node
is of the guest, and a route map makes the length of the AS path of it.
"""

from __future__ import annotations

from typing import Any

from .. import addressing
from ..addressing import FAMILIES, LENGTH, PrefixRule
from ..model import Fabric, Guest, Node
from ..numbers import (
    COMMUNITY_OUTSIDE,
    GUEST_BRIDGE,
    GUEST_FORWARD,
    GUEST_FORWARD_MAC,
    GUEST_FORWARD_MTU,
    GUEST_METRICS,
    GUEST_PREPENDS,
    GUEST_TIMING,
    GUESTS_FILE,
    NAME_PREFIX,
    ROUTE_PROTOCOLS,
    ROUTE_TABLES,
    RULE_PRIORITIES,
    VXLAN_OVERHEAD,
)
from . import guest_dhcp
from .sessions import Session

MAIN_TABLE = 254
_MATCH = {"ipv4": "ip_prefix_list", "ipv6": "ipv6_prefix_list"}
# FRR 8.4 cannot redistribute a table of its own: there the routes stand in main.
_TABLE_DIRECT = {"trixie": True, "bookworm": False}


def guests(fabric: Fabric, node: Node) -> dict[str, Any] | None:
    """`fabric_node.guests`, or None on a node without guests.

    The list of guests is not in it: there can be thousands, and Ansible copies every variable of every host. It is a
    variable of the fabric, see :func:`described`.
    """
    if not fabric.has_guests(node):
        return None
    dhcp = guest_dhcp.dnsmasq(fabric)
    return {
        "bridge": dict(GUEST_BRIDGE),
        "sysctl": _sysctl(GUEST_BRIDGE["name"]),
        "agent": _agent(fabric, node),
        **({"dhcp": dhcp} if dhcp else {}),
    }


def described(guest: Guest) -> dict[str, Any]:
    """Everything about a guest: for the agents' list the files of its own side, and the twin."""
    return {
        "name": guest.name,
        "vmid": guest.vmid,
        "mac": guest.mac,
        "addresses": list(guest.addresses),
        "prefixes": list(guest.prefixes),
        "nameservers": list(guest.nameservers),
        "interface": guest.interface,
        "dhcp": guest.dhcp,
        **({"node": guest.node} if guest.node else {}),
    }


def _sysctl(bridge: str) -> dict[str, str]:
    """Keys as sysctl.d wants them. rp_filter is left alone: it belongs to Proxmox' firewall."""
    return {
        # A guest that took a redirect once would talk past the node, and be lost where ports are isolated. OR of both.
        "net.ipv4.conf.all.send_redirects": "0",
        f"net.ipv4.conf.{bridge}.send_redirects": "0",
        f"net.ipv4.conf.{bridge}.forwarding": "1",
        f"net.ipv6.conf.{bridge}.forwarding": "1",
        f"net.ipv6.conf.{bridge}.disable_ipv6": "0",
        # A guest is no router of ours.
        f"net.ipv6.conf.{bridge}.accept_ra": "0",
        f"net.ipv4.conf.{bridge}.accept_redirects": "0",
        f"net.ipv6.conf.{bridge}.accept_redirects": "0",
        # Without a carrier fe80::1 would stay tentative until the first guest starts, and a second longer.
        f"net.ipv6.conf.{bridge}.accept_dad": "0",
        # no second link-local address, made of the MAC address
        f"net.ipv6.conf.{bridge}.addr_gen_mode": "1",
        # The node answers for the gateway alone, not for its other addresses, and asks with the gateway's.
        f"net.ipv4.conf.{bridge}.arp_ignore": "1",
        f"net.ipv4.conf.{bridge}.arp_announce": "2",
        f"net.ipv4.conf.{bridge}.proxy_arp": "0",
        f"net.ipv4.conf.{bridge}.proxy_arp_pvlan": "0",
        f"net.ipv6.conf.{bridge}.proxy_ndp": "0",
    }


def guest_table(node: Node) -> int:
    """The table of the guests' routes that FRR announces."""
    return ROUTE_TABLES["fabric-guests"] if _TABLE_DIRECT[node.release] else MAIN_TABLE


def _agent(fabric: Fabric, node: Node) -> dict[str, Any]:
    return {
        "node": node.name,
        "bridge": GUEST_BRIDGE["name"],
        "table": guest_table(node),
        "table_priority": RULE_PRIORITIES["fabric-guests"],
        "incoming_table": ROUTE_TABLES["fabric-incoming"],
        "incoming_priority": RULE_PRIORITIES["fabric-incoming"],
        "protocol": ROUTE_PROTOCOLS["fabric-guest"],
        "metrics": dict(GUEST_METRICS),
        "prefixes": list(fabric.guest_prefixes),
        "guests_file": GUESTS_FILE,
        "sources": list(fabric.guest_sources),
        "forward": _forward(fabric, node),
        "timing": dict(GUEST_TIMING),
        "pve": "/etc/pve",
    }


def _forward(fabric: Fabric, node: Node) -> dict[str, Any] | None:
    """The device over which a guest's late packets follow it to another node; None where there is no other node."""
    hosts = [other for other in fabric.nodes.values() if fabric.has_guests(other)]
    # IPv6 where all have it; the rule guest_no_common_family sees to it that there is one.
    family = next((f for f in reversed(FAMILIES) if all(f in host.loopbacks for host in hosts)), None)
    if len(hosts) < 2 or family is None:
        return None
    mtu = min([fabric.underlay.mtu, *(link.mtu for link in fabric.links)])
    return {
        **GUEST_FORWARD,
        "mtu": min(GUEST_FORWARD_MTU, mtu - VXLAN_OVERHEAD[family]),
        "local": node.loopbacks[family],
        "mac": _forward_mac(node),
        "link_local": _forward_link_local(node),
        "peers": {
            host.name: {
                "address": host.loopbacks[family],
                "mac": _forward_mac(host),
                "link_local": _forward_link_local(host),
            }
            for host in hosts
            if host.name != node.name
        },
    }


def _forward_mac(node: Node) -> str:
    return (GUEST_FORWARD_MAC | node.id).to_bytes(6, "big").hex(":")


def _forward_link_local(node: Node) -> str:
    return addressing.address(f"fe80::{node.id >> 16:x}:{node.id & 0xFFFF:x}")


# FRR


def route_map_name(family: str) -> str:
    return f"{NAME_PREFIX}guests-{family}"


def prefix_rules(fabric: Fabric, family: str) -> list[PrefixRule]:
    """What a node may announce for its guests: any single address inside of guest_prefixes, and declared prefixes."""
    rules = []
    for prefix in fabric.guest_prefixes:
        if addressing.family_of(prefix) == family:
            length = int(prefix.rpartition("/")[2])
            rules.append(PrefixRule(prefix, ge=LENGTH[family] if length < LENGTH[family] else None))
    rules += [PrefixRule(p) for guest in fabric.guests for p in guest.prefixes if addressing.family_of(p) == family]
    return list(dict.fromkeys(rules))


def route_map_entries(node: Node, sessions: list[Session], family: str) -> list[dict[str, Any]]:
    """One entry a metric; all else is denied, since a route map ends so.

    Where the node's routers are of its own AS, its number in the path would look like a loop to them. There the metric
    itself decides, which reaches them as MED.
    """
    internal = any(session.internal for session in sessions)
    entries = []
    for state, metric in GUEST_METRICS.items():
        # The tag lets it out: see COMMUNITY_OUTSIDE.
        settings: dict[str, Any] = {"community": {"values": [COMMUNITY_OUTSIDE], "additive": True}}
        if GUEST_PREPENDS[state] and not internal:
            settings["as_path_prepend"] = [node.asn] * GUEST_PREPENDS[state]
        entries.append({"match": {_MATCH[family]: route_map_name(family), "metric": metric}, "set": settings})
    return entries


def redistribute(node: Node, family: str) -> list[dict[str, Any]]:
    source: dict[str, Any] = {"protocol": "kernel"}
    if _TABLE_DIRECT[node.release]:
        source = {"protocol": "table-direct", "table": ROUTE_TABLES["fabric-guests"]}
    return [{**source, "route_map": route_map_name(family)}]


def loops(fabric: Fabric, node: Node) -> int:
    """How much more often than otherwise the node's own AS number may stand in a path: in those of guests on other
    nodes of its AS."""
    shared = any(
        fabric.has_guests(other) and other.asn == node.asn and other is not node for other in fabric.nodes.values()
    )
    return max(GUEST_PREPENDS.values()) if shared else 0
