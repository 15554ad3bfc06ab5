# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines as data, the inverse of render. Private to this collection."""

from __future__ import annotations

from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._frr._bgp import gather_instances
from ansible_collections.routed.fabric.plugins.module_utils._frr._canonical import canonical
from ansible_collections.routed.fabric.plugins.module_utils._frr._lists import (
    gather_as_path_lists,
    gather_community_lists,
    gather_prefix_lists,
)
from ansible_collections.routed.fabric.plugins.module_utils._frr._route_maps import gather_route_maps
from ansible_collections.routed.fabric.plugins.module_utils._frr._words import Line
from ansible_collections.routed.fabric.plugins.module_utils._frr._zebra import (
    gather_bfd,
    gather_interfaces,
    gather_static_routes,
    gather_zebra,
)


def gather(lines: list[Line], version: tuple[int, int], profile: str) -> dict[str, Any]:
    """What the lines say, as the argument ``config``: lists sorted, defaults absent, unknown lines ignored."""
    lines = canonical(lines, version, profile)
    config: dict[str, Any] = {
        **gather_zebra(lines),
        "prefix_lists": gather_prefix_lists(lines),
        "as_path_lists": gather_as_path_lists(lines),
        "community_lists": gather_community_lists(lines, large=False),
        "large_community_lists": gather_community_lists(lines, large=True),
        "route_maps": gather_route_maps(lines),
        "static_routes": gather_static_routes(lines),
        "interfaces": gather_interfaces(lines),
        "bfd_profiles": gather_bfd(lines),
        "instances": gather_instances(lines),
    }
    return {key: value for key, value in config.items() if value}
