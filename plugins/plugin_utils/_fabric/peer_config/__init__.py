# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the other end of a tunnel is to be told, where this collection does not manage that machine. Pure.

One renderer a platform, from one description (`model.Site`) to texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import frr, routeros, wg_quick
from .model import Bgp, Peer, Site

PLATFORMS = ("routeros", "debian", "frr")


def files(platform: str, site: Site) -> dict[str, str]:
    """File name to text. Raises ValueError for a platform without a renderer, and where the site is impossible."""
    if platform == "routeros":
        return {f"{site.name}.rsc": routeros.render(site)}
    if platform in PLATFORMS:
        found = {f"{site.interface}.conf": wg_quick.render(site)}
        return {**found, f"{site.name}.frr.conf": frr.render(site)} if site.bgp else found
    raise ValueError(f"platform: '{platform}' is not one of {', '.join(PLATFORMS)}")


def site_of(data: Mapping[str, Any]) -> Site:
    """From plain data, in which tuples are lists."""

    def tuples(value: Any) -> Any:
        return tuple(tuples(item) for item in value) if isinstance(value, (list, tuple)) else value

    plain = {key: tuples(value) for key, value in data.items() if key not in ("peers", "bgp")}
    peers = tuple(Peer(**{key: tuples(value) for key, value in peer.items()}) for peer in data["peers"])
    sessions = tuple(Bgp(**{key: tuples(value) for key, value in item.items()}) for item in data.get("bgp", ()))
    return Site(**plain, peers=peers, bgp=sessions)
