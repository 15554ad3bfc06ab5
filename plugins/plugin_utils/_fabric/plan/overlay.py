# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The segments of one VTEP: the arguments of the module vxlan_bridge, and what must be seen live."""

from __future__ import annotations

from typing import Any

from ..model import Fabric, Node
from ..numbers import VXLAN_PORT
from ..overlay_model import Segment


def overlay(fabric: Fabric, node: Node, interfaces: list[dict[str, Any]]) -> dict[str, Any] | None:
    """`fabric_node.overlay`, or None on a node that is no VTEP. *interfaces*: those of the underlay."""
    local = node.loopbacks.get(fabric.overlay.local)
    if "vtep" not in node.functions or local is None:
        return None
    found: dict[str, Any] = {
        "form": fabric.overlay.form,
        "local": local,
        "port": VXLAN_PORT,
        # what the uplinks are given, not what they have: in check mode on a fresh node that is still less
        "underlay_mtu": min([i["mtu"] for i in interfaces if i["kind"] != "upstream"], default=fabric.underlay.mtu),
        "segments": [_segment(fabric, node, segment) for segment in _own(fabric, node)],
    }
    if fabric.overlay.local == "ipv6":
        found["remote_vteps"] = sorted({address for s in _own(fabric, node) for address in _remotes(fabric, node, s)})
    if fabric.overlay.form == "single":
        found.update(bridge=fabric.overlay.bridge, device=fabric.overlay.device)
    return found


def _own(fabric: Fabric, node: Node) -> list[Segment]:
    return [segment for segment in fabric.segments if node.name in segment.members]


def _remotes(fabric: Fabric, node: Node, segment: Segment) -> list[str]:
    return [fabric.nodes[name].loopbacks[fabric.overlay.local] for name in segment.members if name != node.name]


def _segment(fabric: Fabric, node: Node, segment: Segment) -> dict[str, Any]:
    member = segment.members[node.name]
    found: dict[str, Any] = {"vni": segment.vni}
    if fabric.overlay.form == "single":
        found["vlan"] = segment.vlan
    else:
        found["bridge"] = segment.bridge
    found.update(
        mtu=segment.mtu,
        addresses=list(segment.gateway or member.addresses),
        ports=list(member.ports),
        suppress=segment.suppress,
        flooding=segment.flooding,
    )
    if segment.gateway:
        found["gateway_mac"] = segment.gateway_mac
    return found


def verify(fabric: Fabric, node: Node) -> list[dict[str, Any]]:
    """Per segment: the VXLAN device with what it has to be like, and the VTEPs that it has to know."""
    local = node.loopbacks.get(fabric.overlay.local)
    single = fabric.overlay.form == "single"
    found = []
    for segment in _own(fabric, node) if local else []:
        found.append(
            {
                "name": segment.name,
                "vni": segment.vni,
                "device": fabric.overlay.device if single else f"vxlan{segment.vni}",
                "bridge": segment.bridge,
                "mtu": segment.mtu,
                "ports": list(segment.members[node.name].ports),
                "remotes": sorted(_remotes(fabric, node, segment)),
                "evpn": fabric.overlay.local == "ipv4",
            }
        )
    return found
