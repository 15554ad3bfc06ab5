# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The EVPN family on the fabric's own sessions (RFC 7432, RFC 8365).

Routes go between VTEPs, through the routers, and never through a host.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..model import Fabric, Node
from ..numbers import NAME_PREFIX

if TYPE_CHECKING:
    from .sessions import Session

_LOCAL = NAME_PREFIX + "local"
_NEIGHBOR = NAME_PREFIX + "neighbor"  # as-path list: routes that begin at the neighbor itself
_EXPORT = NAME_PREFIX + "export-evpn"
_IMPORT = NAME_PREFIX + "import-evpn"
_FROM_HOST = NAME_PREFIX + "from-host-evpn"


def carries(fabric: Fabric, node: Node, peer: Node) -> bool:
    """Whether a session between the two carries EVPN routes: both are VTEPs or routers, and there is a VTEP at all."""
    speakers = all(end.is_router or is_vtep(end) for end in (node, peer))
    return speakers and any(is_vtep(other) for other in fabric.nodes.values())


def is_vtep(node: Node) -> bool:
    return "vtep" in node.functions


def as_path_lists(sessions: Iterable[Session]) -> list[dict[str, Any]]:
    if not any(s.evpn and not s.peer_is_router for s in sessions):
        return []
    # One AS alone, so that a host that passes on what it heard is not listened to; or none, from a peer of our own AS.
    entry = {"sequence": 10, "action": "permit", "regex": "^[0-9]*$"}
    return [{"name": _NEIGHBOR, "entries": [entry]}]


def route_maps(node: Node, sessions: list[Session]) -> list[dict[str, Any]]:
    """A host announces what begins at it and takes everything; a router takes from a host what begins there."""
    evpn = [s for s in sessions if s.evpn]
    maps: list[tuple[str, dict[str, Any]]] = []
    if evpn:
        maps.append((_EXPORT, {} if node.is_router else {"match": {"as_path": _LOCAL}}))
    if any(_import(node, s) == _IMPORT for s in evpn):
        maps.append((_IMPORT, {}))
    if any(_import(node, s) == _FROM_HOST for s in evpn):
        maps.append((_FROM_HOST, {"match": {"as_path": _NEIGHBOR}}))
    return [{"name": name, "entries": [{"sequence": 10, "action": "permit", **entry}]} for name, entry in maps]


def address_family(node: Node, sessions: list[Session]) -> dict[str, Any] | None:
    """The block `address-family l2vpn evpn`, or None where no session carries it.

    The next hop is the VTEP that originates a route; FRR leaves it as it is between eBGP neighbors in this family.
    """
    neighbors: list[dict[str, Any]] = []
    for session in sessions:
        if session.evpn:
            entry: dict[str, Any] = {
                "neighbor": session.neighbor,
                "activate": True,
                "route_map": {"in": _import(node, session), "out": _EXPORT},
            }
            if session.internal and node.is_router and not session.peer_is_router:
                entry["route_reflector_client"] = True
            neighbors.append(entry)
    if not neighbors:
        return None
    family: dict[str, Any] = {"afi": "l2vpn", "safi": "evpn", "neighbors": neighbors}
    if is_vtep(node):
        family["advertise_all_vni"] = True
    return family


def _import(node: Node, session: Session) -> str:
    return _FROM_HOST if node.is_router and not session.peer_is_router else _IMPORT
