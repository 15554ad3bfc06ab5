# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection routed.fabric: no promise is made to code outside of it.
"""VXLAN devices and where they flood to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

EVERYBODY = "00:00:00:00:00:00"


def devices(links: Iterable[Mapping[str, Any]], fdb: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """
    VXLAN device → its VNI (0 of a single device, which has many), address and bridge, and the VTEPs that it floods to:
    VNI (as text) → addresses.
    """
    found: dict[str, dict[str, Any]] = {}
    for link in links:
        info = link.get("linkinfo", {})
        if info.get("info_kind") == "vxlan":
            data = info.get("info_data", {})
            found[link["ifname"]] = {
                "vni": data.get("id", 0),
                "local": data.get("local") or data.get("local6") or "",
                "bridge": link.get("master", ""),
                "flood": {},
            }
    for entry in fdb:
        device = found.get(entry.get("ifname", ""))
        if device and entry.get("mac") == EVERYBODY and "dst" in entry:
            vni = str(entry.get("src_vni") or device["vni"])
            device["flood"].setdefault(vni, []).append(entry["dst"])
    for device in found.values():
        device["flood"] = {vni: sorted(addresses) for vni, addresses in device["flood"].items()}
    return found
