# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole configuration as lines. Private to this collection."""

from __future__ import annotations

from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._frr._bgp import render_instances
from ansible_collections.routed.fabric.plugins.module_utils._frr._canonical import canonical
from ansible_collections.routed.fabric.plugins.module_utils._frr._lists import (
    render_as_path_lists,
    render_community_lists,
    render_prefix_lists,
)
from ansible_collections.routed.fabric.plugins.module_utils._frr._route_maps import render_route_maps
from ansible_collections.routed.fabric.plugins.module_utils._frr._words import Line
from ansible_collections.routed.fabric.plugins.module_utils._frr._zebra import (
    render_bfd,
    render_interfaces,
    render_static_routes,
    render_zebra,
)


def render_explicit(config: dict[str, Any]) -> list[Line]:
    """Every option that is given as a line, also where FRR would hide it because it is the default.

    Fed to FRR, these lines set what is given and nothing else: what state *merged* needs.
    Objects come before those that refer to them, except that route maps may call each other.
    """
    return [
        *render_zebra({"router_id": config.get("router_id")}),
        *render_prefix_lists(config.get("prefix_lists") or []),
        *render_as_path_lists(config.get("as_path_lists") or []),
        *render_community_lists(config.get("community_lists") or [], large=False),
        *render_community_lists(config.get("large_community_lists") or [], large=True),
        *render_route_maps(config.get("route_maps") or []),
        *render_zebra({"protocol_route_maps": config.get("protocol_route_maps")}),
        *render_static_routes(config.get("static_routes") or []),
        *render_interfaces(config.get("interfaces") or []),
        *render_bfd(config.get("bfd_profiles") or []),
        *render_instances(config.get("instances") or []),
    ]


def render(config: dict[str, Any], version: tuple[int, int], profile: str) -> list[Line]:
    """The lines as FRR of that version and profile prints them; their order inside a block may differ from FRR's."""
    return canonical(render_explicit(config), version, profile)
