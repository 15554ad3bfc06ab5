# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers that are attached to a segment: what the role server makes of them, and their cables in the twin."""

from __future__ import annotations

from typing import Any

from ..model import Fabric
from ..numbers import ANNOUNCE_AT_MS
from ..overlay_model import Server
from .twin import twin_interface


def fabric_node(fabric: Fabric, server: Server) -> dict[str, Any]:
    """Without the parts of a node that routes."""
    segment = next(s for s in fabric.segments if s.name == server.segment)
    found: dict[str, Any] = {
        "name": server.name,
        "fabric": fabric.name,
        "domain": fabric.domain,
        "site": server.site,
        "rack": server.rack,
        "platform": "debian",
        "managed": server.managed,
        "release": server.release,
        "functions": list(server.functions),
        "server": {
            "mode": server.mode,
            "legs": [leg.interface for leg in server.legs],
            "shared_mac": server.shared_mac or server.mode == "bond",
            "mtu": segment.mtu,
            "addresses": list(server.addresses),
            "gateways": [address.partition("/")[0] for address in segment.gateway],
            "announce_at_ms": list(ANNOUNCE_AT_MS),
        },
        "twin": {
            "release": server.release,
            "container": {"name": server.name, "release": server.release},
            "interfaces": [twin_interface(leg.interface) for leg in server.legs],
        },
    }
    return {key: value for key, value in found.items() if value is not None}


def twin_links(fabric: Fabric) -> list[dict[str, Any]]:
    """Both ends have the segment's MTU: a port's MTU is its cable's, not the underlay's."""
    mtus = {segment.name: segment.mtu for segment in fabric.segments}
    return [
        {
            "a": {"node": leg.node, "interface": leg.port},
            "b": {"node": server.name, "interface": leg.interface},
            "mtu": mtus[server.segment],
        }
        for server in fabric.servers.values()
        for leg in server.legs
    ]
