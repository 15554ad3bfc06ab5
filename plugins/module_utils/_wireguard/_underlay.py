# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""What the node's other interfaces and sockets mean for a tunnel. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._wireguard._model import (
    OVERHEAD,
    Peer,
    is_address,
    split_endpoint,
)

_NO_UNDERLAY = ("wireguard", "tun")


def udp_ports(tables: Iterable[str]) -> set[int]:
    """The local ports of /proc/net/udp and udp6."""
    found = set()
    for table in tables:
        for line in table.splitlines()[1:]:
            words = line.split()
            if len(words) > 1 and ":" in words[1]:
                found.add(int(words[1].rpartition(":")[2], 16))
    return found


def implementation(link: Mapping[str, Any] | None) -> str | None:
    """`kernel`, `wireguard-go`, or None for what is neither; for a link that `wg` knows."""
    kind = (link or {}).get("linkinfo", {}).get("info_kind")
    return {"wireguard": "kernel", "tun": "wireguard-go"}.get(str(kind))


def mtu_problem(name: str, mtu: int, links: Iterable[Mapping[str, Any]]) -> list[str]:
    """An MTU that none of the node's other interfaces could carry."""
    others = [
        (int(link["mtu"]), str(link["ifname"]))
        for link in links
        if link["ifname"] not in ("lo", name)
        and "UP" in link.get("flags", ())
        and link.get("linkinfo", {}).get("info_kind") not in _NO_UNDERLAY
    ]
    if not others:
        return []
    most, interface = max(others)
    if mtu <= most - OVERHEAD[4]:
        return []
    shares = f"WireGuard takes {OVERHEAD[4]} over IPv4 and {OVERHEAD[6]} over IPv6"
    return [f"mtu: {mtu} is too large: no interface of this node carries more than '{interface}', {most}, and {shares}"]


def endpoint_addresses(peers: Iterable[Peer]) -> list[str]:
    hosts = [split_endpoint(peer.endpoint)[0] for peer in peers if peer.endpoint]
    return [host for host in hosts if is_address(host)]


def endpoint_mtu_problems(
    name: str,
    mtu: int,
    peers: Mapping[str, Peer],
    *,
    paths: Mapping[str, str],
    ways: Mapping[str, Mapping[str, Any]],
    link_mtu: Mapping[str, int],
) -> list[str]:
    """
    Endpoints to which the underlay carries less than the tunnel's MTU. `paths`: public key → how to call its endpoint;
    `ways`: address → `ip route get`; `link_mtu`: interface → MTU. What has no way, or one through the tunnel, says
    nothing.
    """
    found = []
    for key, peer in peers.items():
        host = split_endpoint(peer.endpoint)[0].partition("%")[0] if peer.endpoint else ""
        way = ways.get(host, {})
        device = str(way.get("dev", name))
        if device in (name, "lo") or device not in link_mtu:
            continue
        carried = min([link_mtu[device], *(int(m["mtu"]) for m in way.get("metrics", ()) if "mtu" in m)])
        overhead = OVERHEAD[ipaddress.ip_address(host).version]
        if mtu > carried - overhead:
            found.append(
                f"{paths[key]}: the way to {host} leads over '{device}', which carries {carried} bytes, of which "
                f"WireGuard takes {overhead}: the MTU of '{name}' can be {carried - overhead} at most, not {mtu}"
            )
    return found
