# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""BGP sessions from links: who speaks with whom, over what, for which families, in which peer group."""

from __future__ import annotations

from dataclasses import dataclass

from ..addressing import FAMILIES
from ..model import End, Fabric, Link, Node
from ..numbers import BFD_BEFORE_BGP, BFD_LOST_BESIDE_PEER_ADDRESS, BFD_WAITS_FOR_BGP, NAME_PREFIX
from . import evpn

_LOSES_BFD = frozenset(BFD_LOST_BESIDE_PEER_ADDRESS)


@dataclass(frozen=True)
class Session:
    """One end of a session."""

    node: str
    peer: str
    interface: str
    peer_interface: str
    neighbor: str
    """As FRR shows it: the interface where the session is unnumbered, else the peer's address."""
    unnumbered: bool
    families: tuple[str, ...]
    internal: bool
    peer_is_router: bool
    group: str
    bfd: bool
    evpn: bool
    """Whether the session carries l2vpn evpn, too."""
    reverse: tuple[str, str]
    """(node, neighbor) of the other end."""

    @property
    def key(self) -> tuple[str, str]:
        return self.node, self.neighbor


def sessions(fabric: Fabric) -> dict[str, list[Session]]:
    """Node to its sessions inside the fabric, in the order of the file."""
    result: dict[str, list[Session]] = {name: [] for name in fabric.nodes}
    for link in fabric.links:
        for index, (families, address_family) in enumerate(_carried(link, fabric)):
            for near, far in ((link.a, link.b), (link.b, link.a)):
                session = _session(fabric, near, far, families, address_family, first=index == 0)
                result[near.node].append(session)
    return result


def _carried(link: Link, fabric: Fabric) -> list[tuple[tuple[str, ...], str | None]]:
    """(families that the session carries, family of its own addresses or None) for each session of a link."""
    if link.kind == "unnumbered" or _ends_are_loopbacks(link, fabric):
        return [(fabric.families, None)]
    if link.families == ("ipv6",):
        return [(fabric.families, "ipv6")]
    return [((f,), f) for f in FAMILIES if f in link.families and f in fabric.families]


def _ends_are_loopbacks(link: Link, fabric: Fabric) -> bool:
    """Whether a point-to-point address of the link is a loopback.

    Such a link needs a session over the interface: over the addresses, a router's loopback would come with itself as
    its next hop, and FRR (10.3) takes a route that resolves over itself as unreachable and does not pass it on.
    """
    return link.kind == "peer" and any(
        address in fabric.nodes[end.node].loopbacks.values()
        for end in (link.a, link.b)
        for address in end.addresses.values()
    )


def _session(
    fabric: Fabric, near: End, far: End, families: tuple[str, ...], address_family: str | None, *, first: bool
) -> Session:
    node, peer = fabric.nodes[near.node], fabric.nodes[far.node]

    def neighbor(local: End, remote: End) -> str:
        return local.interface if address_family is None else remote.addresses[address_family].partition("/")[0]

    bfd = fabric.underlay.bfd is not None and node.bfd and peer.bfd and not _wait_for_each_other(node, peer)
    if address_family is None and near.addresses and {node.release, peer.release}.intersection(_LOSES_BFD):
        bfd = False
    return Session(
        node=node.name,
        peer=peer.name,
        interface=near.interface,
        peer_interface=far.interface,
        neighbor=neighbor(near, far),
        unnumbered=address_family is None,
        families=families,
        internal=node.asn == peer.asn,
        peer_is_router=peer.is_router,
        group=_group(fabric, node, peer, families, bfd),
        bfd=bfd,
        # A link with two sessions, one a family, carries EVPN once.
        evpn=first and evpn.carries(fabric, node, peer),
        reverse=(peer.name, neighbor(far, near)),
    )


def _wait_for_each_other(node: Node, peer: Node) -> bool:
    """Whether one end begins BGP only with BFD up, and the other BFD only with BGP up."""
    ends = {node.release, peer.release} if node.platform == peer.platform == "frr" else set()
    return bool(ends.intersection(BFD_WAITS_FOR_BGP) and ends.intersection(BFD_BEFORE_BGP))


def _group(fabric: Fabric, node: Node, peer: Node, families: tuple[str, ...], bfd: bool) -> str:
    """The peer group. Sessions that differ in what a group settles are in different groups."""
    towards_router, towards_host = ("routers", "hosts") if node.is_router else ("uplink", "peers")
    name = towards_router if peer.is_router else towards_host
    if node.asn == peer.asn:
        name += "-internal"
    if families != fabric.families:
        name += "-" + "-".join(families)
    if fabric.underlay.bfd is not None and not bfd:
        name += "-nobfd"
    return NAME_PREFIX + name
