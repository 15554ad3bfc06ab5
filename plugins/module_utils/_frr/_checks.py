# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the checks of a configuration share. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._frr._errors import FrrConfigError

# kind -> how a person says it
KINDS = {
    "route_map": "route map",
    "ipv4 prefix_list": "IPv4 prefix list",
    "ipv6 prefix_list": "IPv6 prefix list",
    "as_path_list": "AS-path list",
    "community_list": "community list",
    "large_community_list": "large-community list",
    "bfd_profile": "BFD profile",
    "vrf_instance": "BGP instance of a VRF",
}


class Names:
    """The names that a reference may use: those of the wanted configuration and those that the node has already.

    existing: None while the node has not been read; then a reference is not checked.
    """

    def __init__(self, config: dict[str, Any], existing: dict[str, Any] | None) -> None:
        self.checked = existing is not None
        self.known: dict[str, set[str]] = {kind: set() for kind in KINDS}
        for source in (config, existing or {}):
            for kind in KINDS:
                for item in source.get(f"{kind}s") or []:
                    self.known[kind].add(item["name"])
            for item in source.get("prefix_lists") or []:
                self.known[f"{item['afi']} prefix_list"].add(item["name"])
            self.known["vrf_instance"].update(
                item["vrf"] for item in source.get("instances") or [] if item.get("vrf") not in (None, "default")
            )

    def require(self, kind: str, path: str, name: str) -> None:
        if self.checked and name not in self.known[kind]:
            sentence = f"there is no {KINDS[kind]} {name!r}, neither here nor on the node."
            raise FrrConfigError(path, name, sentence)


def each(block: dict[str, Any], key: str, path: str = "") -> Iterable[tuple[str, dict[str, Any]]]:
    for index, item in enumerate(block.get(key) or []):
        yield f"{path}{'.' if path else ''}{key}[{index}]", item


def once(seen: set[Any], path: str, key: Any, sentence: str) -> None:
    if key in seen:
        raise FrrConfigError(path, key, sentence)
    seen.add(key)


def limits(path: str, block: dict[str, Any], bounds: dict[str, tuple[int, int]]) -> None:
    """Each number that is given lies inside its bounds."""
    for key, (low, high) in bounds.items():
        value = block.get(key)
        if value is not None and not low <= value <= high:
            raise FrrConfigError(f"{path}.{key}", value, f"{value} is not between {low} and {high}.")


def afi_name(afi: str) -> str:
    return {"ipv4": "IPv4", "ipv6": "IPv6"}[afi]
