# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection routed.fabric: no promise is made to code outside of it.
"""
What must be equal before and after a run that moved nothing: live state without what changes by itself. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

# Next-hop group numbers are zebra's own and change when it restarts a calculation; the rest are ages.
_ROUTE_VOLATILE = ("nhid", "expires", "cache", "used", "age")
_STEADY_NEIGHBOUR = {"PERMANENT", "NOARP"}


def links(dump: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """`ifindex` stays: a link that was removed and made again is another one."""
    return sorted(
        (
            {
                "name": entry["ifname"],
                "ifindex": entry["ifindex"],
                "mtu": entry["mtu"],
                "flags": sorted(entry.get("flags", [])),
                "operstate": entry.get("operstate", ""),
                "lladdr": entry.get("address", ""),
                "master": entry.get("master", ""),
                "kind": entry.get("linkinfo", {}).get("info_kind", ""),
            }
            for entry in dump
        ),
        key=lambda link: str(link["name"]),
    )


def addresses(dump: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Interface → `LOCAL/LENGTH` or `LOCAL peer PEER/LENGTH`, link-local ones too."""
    found = {}
    for entry in dump:
        texts = []
        for item in entry.get("addr_info", []):
            if "local" in item:
                peer = f" peer {item['address']}" if item.get("address") else ""
                texts.append(f"{item['local']}{peer}/{item['prefixlen']}")
        found[entry["ifname"]] = sorted(texts)
    return found


def routes(dump: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Routes without volatile fields, in an order of their own."""
    kept = [{key: value for key, value in route.items() if key not in _ROUTE_VOLATILE} for route in dump]
    return sorted(kept, key=lambda route: json.dumps(route, sort_keys=True))


def neighbours(dump: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Those that somebody set: the kernel's own come, age and go."""
    kept = [
        {"dst": entry.get("dst", ""), "dev": entry.get("dev", ""), "lladdr": entry.get("lladdr", "")}
        for entry in dump
        if _STEADY_NEIGHBOUR & set(entry.get("state", [])) or "proxy" in entry or entry.get("extern_learn")
    ]
    return sorted(kept, key=lambda entry: (entry["dev"], entry["dst"]))


def ruleset(text: str) -> str:
    """`nft -s list ruleset` without counters and remaining times."""
    text = re.sub(r"counter packets \d+ bytes \d+", "counter", text)
    return re.sub(r" expires [0-9dhms]+", "", text)


def sessions(neighbors: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """`VRF NEIGHBOR` → the two counters that tell of a reset."""
    return {
        f"{item['vrf']} {item['neighbor']}": {
            "connections_established": item["connections_established"],
            "notifications_sent": item["notifications_sent"],
        }
        for item in neighbors
    }
