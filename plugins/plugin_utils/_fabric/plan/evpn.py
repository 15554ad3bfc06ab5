# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The EVPN family (RFC 7432, RFC 8365), on the fabric's own sessions or on those with route reflectors.

Routes go between VTEPs, through routers or reflectors, and never through a host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..model import Fabric, Node
from ..numbers import NAME_PREFIX
from . import reflectors

if TYPE_CHECKING:
    from .sessions import Session

_LOCAL = NAME_PREFIX + "local"
_NEIGHBOR = NAME_PREFIX + "neighbor"  # as-path list: routes that begin at the neighbor itself
_EXPORT = NAME_PREFIX + "export-evpn"
_IMPORT = NAME_PREFIX + "import-evpn"
_FROM_HOST = NAME_PREFIX + "from-host-evpn"


def carries(fabric: Fabric, node: Node, peer: Node) -> bool:
    """Whether a session of the underlay carries EVPN routes: both are VTEPs or routers, and there is a VTEP at all."""
    if fabric.overlay.reflected or fabric.overlay.local == "ipv6":
        return False
    speakers = all(end.is_router or is_vtep(end) for end in (node, peer))
    return speakers and any(is_vtep(other) for other in fabric.nodes.values())


def is_vtep(node: Node) -> bool:
    return "vtep" in node.functions


def as_path_lists(fabric: Fabric, node: Node, sessions: list[Session]) -> list[dict[str, Any]]:
    if _FROM_HOST not in _imports(fabric, node, sessions):
        return []
    # One AS alone, so that a host that passes on what it heard is not listened to; or none, from a peer of our own AS.
    entry = {"sequence": 10, "action": "permit", "regex": "^[0-9]*$"}
    return [{"name": _NEIGHBOR, "entries": [entry]}]


def route_maps(fabric: Fabric, node: Node, sessions: list[Session]) -> list[dict[str, Any]]:
    """A host announces what begins at it and takes everything; a router takes from a host what begins there."""
    imports = _imports(fabric, node, sessions)
    passes_on = node.is_router or (fabric.overlay.reflected and reflectors.is_reflector(node))
    maps: list[tuple[str, dict[str, Any]]] = []
    if imports:
        maps.append((_EXPORT, {} if passes_on else {"match": {"as_path": _LOCAL}}))
    if _IMPORT in imports:
        maps.append((_IMPORT, {}))
    if _FROM_HOST in imports:
        maps.append((_FROM_HOST, {"match": {"as_path": _NEIGHBOR}}))
    return [{"name": name, "entries": [{"sequence": 10, "action": "permit", **entry}]} for name, entry in maps]


def address_family(fabric: Fabric, node: Node, sessions: list[Session]) -> dict[str, Any] | None:
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
    neighbors += reflectors.family_neighbors(fabric, node, _EXPORT, _IMPORT, _FROM_HOST)
    if not neighbors:
        return None
    family: dict[str, Any] = {"afi": "l2vpn", "safi": "evpn", "neighbors": neighbors}
    if is_vtep(node):
        family["advertise_all_vni"] = True
        if fabric.segments:
            family["dup_addr_detection"] = _duplicates(fabric)
            family["vnis"] = _vnis(fabric, node)
    return {key: value for key, value in family.items() if value != []}


def _duplicates(fabric: Fabric) -> dict[str, Any]:
    """Written out, whatever FRR's default is: a moved address that is frozen looks like an outage."""
    found = fabric.overlay.duplicates
    if found is None:
        return {"enabled": False}
    result: dict[str, Any] = {"enabled": True, "max_moves": found.moves, "time_s": found.seconds}
    return {**result, "freeze": found.freeze} if found.freeze else result


def _vnis(fabric: Fabric, node: Node) -> list[dict[str, Any]]:
    """Segments with route targets of their own. FRR's derived ones match whatever the ASes (8.4 and 10.3 compare the
    VNI alone), so the others need none."""
    found = []
    for segment in fabric.segments:
        targets = {"import": list(segment.import_targets), "export": list(segment.export_targets)}
        given = {direction: values for direction, values in targets.items() if values}
        if given and node.name in segment.members:
            found.append({"vni": segment.vni, "route_targets": given})
    return found


def _imports(fabric: Fabric, node: Node, sessions: list[Session]) -> set[str]:
    """The import maps that some session needs."""
    found = {_import(node, s) for s in sessions if s.evpn}
    entries = reflectors.family_neighbors(fabric, node, _EXPORT, _IMPORT, _FROM_HOST)
    return found | {str(entry["route_map"]["in"]) for entry in entries}


def _import(node: Node, session: Session) -> str:
    return _FROM_HOST if node.is_router and not session.peer_is_router else _IMPORT
