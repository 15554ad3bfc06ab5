# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is described, the same for every platform: a site at the far end of a tunnel as its own router sees it, and a
router of the fabric that somebody else manages.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from ..addressing import PrefixRule

# RouterOS, FRR and iproute2 all take these without quotes.
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$")
_HOST = re.compile(r"^[A-Za-z0-9][A-Za-z0-9.:_-]*$")
_KEY = re.compile(r"^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$")


@dataclass(frozen=True)
class Peer:
    """The end in the fabric."""

    name: str
    public_key: str
    allowed: tuple[str, ...]  # prefixes; ::/0 and 0.0.0.0/0 for everything
    endpoint: str = ""  # an address or a name; empty: it begins
    port: int = 51820
    keepalive_s: int = 0  # 0: off
    preshared_key: str = ""  # with it, the rendered text is a secret


@dataclass(frozen=True)
class Bgp:
    """A session over the tunnel, by addresses: a WireGuard interface has no link-local one."""

    asn: int
    router_id: str
    remote_asn: int
    local_address: str
    remote_address: str
    announce: tuple[str, ...]  # these prefixes, exactly
    accept: tuple[str, ...]  # these prefixes, exactly


@dataclass(frozen=True)
class Site:
    """
    A site that has prefixes of the fabric routed to it.

    With `source_routing`, what comes from `prefixes` leaves through the tunnel, except what goes to `stay` (the
    provider's prefix, the LAN): that is routed as ever. Nothing from `prefixes` leaves through the provider, also when
    the tunnel is down.
    """

    name: str  # of the tunnel
    interface: str
    peers: tuple[Peer, ...]
    prefixes: tuple[str, ...] = ()
    addresses: tuple[tuple[str, str], ...] = ()  # address with length, interface; of the tunnel and of the LANs
    listen_port: int = 51820
    mtu: int = 1420
    routes: tuple[str, ...] = ()  # through the tunnel, for all traffic
    source_routing: bool = False
    stay: tuple[str, ...] = ()
    table: str = "fabric"  # of source_routing; wg-quick wants `table_number`
    table_number: int = 110
    rule_priority: int = 1100
    interface_list: str = ""  # RouterOS: where the underlay's packets arrive; empty: on any interface
    bgp: tuple[Bgp, ...] = ()  # one a family
    version: tuple[int, int] = field(default=(7, 18))  # of RouterOS


@dataclass(frozen=True)
class Port:
    """A router's port with one node of the fabric behind it, and nothing else."""

    interface: str
    peer: str
    peer_asn: int
    mtu: int
    accept: tuple[PrefixRule, ...]  # what the node may announce
    default_route: bool  # whether it is given the default route


@dataclass(frozen=True)
class Router:
    """A router of the fabric, with what our nodes need of it."""

    name: str
    asn: int
    router_id: str
    loopbacks: dict[str, str]  # family to address, without length
    families: tuple[str, ...]
    ports: tuple[Port, ...]
    announce: tuple[PrefixRule, ...]  # what all of them may hear: the loopbacks of the fabric
    bfd: tuple[int, int] | None  # interval in ms, multiplier


def problems(site: Site) -> list[str]:
    """Sentences about what no platform takes; what stands in a script unquoted is checked here."""
    found = []
    for what, text in (("name", site.name), ("interface", site.interface), ("table", site.table)):
        if not _NAME.match(text):
            found.append(f"{what}: '{text}' is no name (1 to 15 letters, digits and _ . -)")
    if site.interface_list and not _NAME.match(site.interface_list):
        found.append(f"interface_list: '{site.interface_list}' is no name (1 to 15 letters, digits and _ . -)")
    for index, (address, interface) in enumerate(site.addresses):
        found += _address(f"addresses[{index}]", address)
        if not _NAME.match(interface):
            found.append(f"addresses[{index}]: '{interface}' is no name of an interface")
    for what, prefixes in (("prefixes", site.prefixes), ("routes", site.routes), ("stay", site.stay)):
        found += _prefixes(what, prefixes)
    for index, peer in enumerate(site.peers):
        path = f"peers[{index}]"
        found += _prefixes(f"{path}.allowed", peer.allowed)
        if not _NAME.match(peer.name):
            found.append(f"{path}.name: '{peer.name}' is no name (1 to 15 letters, digits and _ . -)")
        if peer.endpoint and not _HOST.match(peer.endpoint):
            found.append(f"{path}.endpoint: '{peer.endpoint}' is neither an address nor a name")
        if not _KEY.match(peer.public_key):
            found.append(f"{path}.public_key: this is no key (44 characters of base64 for 32 bytes)")
        if peer.preshared_key and not _KEY.match(peer.preshared_key):
            found.append(f"{path}.preshared_key: this is no key (44 characters of base64 for 32 bytes)")
    if site.source_routing and not site.prefixes:
        found.append("prefixes: source routing needs the prefixes that it is about")
    for session in site.bgp:
        found += _prefixes("bgp.announce", session.announce) + _prefixes("bgp.accept", session.accept)
        for what, text in (("local_address", session.local_address), ("remote_address", session.remote_address)):
            found += _address(f"bgp.{what}", text)
    return found


def checked(site: Site) -> Site:
    """Raises ValueError with all that is wrong."""
    found = problems(site)
    if found:
        raise ValueError("; ".join(found))
    return site


def is_ipv6(text: str) -> bool:
    return ":" in text


def families(prefixes: tuple[str, ...]) -> list[bool]:
    """Whether IPv6: of the families that occur, IPv4 first."""
    return sorted({is_ipv6(prefix) for prefix in prefixes})


def _prefixes(path: str, prefixes: tuple[str, ...]) -> list[str]:
    found = []
    for index, prefix in enumerate(prefixes):
        try:
            ipaddress.ip_network(prefix)
        except ValueError as exc:
            found.append(f"{path}[{index}]: {exc}")
    return found


def _address(path: str, text: str) -> list[str]:
    try:
        ipaddress.ip_interface(text)
    except ValueError as exc:
        return [f"{path}: {exc}"]
    return []
