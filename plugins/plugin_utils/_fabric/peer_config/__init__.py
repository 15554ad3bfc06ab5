# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a peer of the fabric is to be told, where this collection does not manage that machine. Pure.

There are two kinds of peers: the site at the far end of a tunnel, and a router of the fabric. One renderer a platform,
from one description (`model.Site`, `model.Router`) to texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..addressing import PrefixRule
from . import frr, junos, routeros, wg_quick
from .model import Bgp, Peer, Port, Router, Site

SITE_PLATFORMS = ("routeros", "debian", "frr")
ROUTER_PLATFORMS = ("junos",)


def files(data: Mapping[str, Any]) -> dict[str, str]:
    """File name to text, of `fabric_node.peer_config` with its secrets resolved.

    Raises ValueError for a platform without a renderer, and where the description is impossible.
    """
    if "router" in data:
        return _of_router(data["platform"], router_of(data["router"]))
    return _of_site(data["platform"], site_of(data["site"]))


def _of_site(platform: str, site: Site) -> dict[str, str]:
    _check_platform(platform, SITE_PLATFORMS)
    if platform == "routeros":
        return {f"{site.name}.rsc": routeros.render(site)}
    found = {f"{site.interface}.conf": wg_quick.render(site)}
    return {**found, f"{site.name}.frr.conf": frr.render(site)} if site.bgp else found


def _of_router(platform: str, router: Router) -> dict[str, str]:
    _check_platform(platform, ROUTER_PLATFORMS)
    return {f"{router.name}.junos": junos.render(router)}


def _check_platform(platform: str, known: tuple[str, ...]) -> None:
    if platform not in known:
        raise ValueError(f"platform: '{platform}' is not one of {', '.join(known)}")


def site_of(data: Mapping[str, Any]) -> Site:
    """From plain data, in which tuples are lists."""
    plain = {key: _tuples(value) for key, value in data.items() if key not in ("peers", "bgp")}
    peers = tuple(Peer(**{key: _tuples(value) for key, value in peer.items()}) for peer in data["peers"])
    sessions = tuple(Bgp(**{key: _tuples(value) for key, value in item.items()}) for item in data.get("bgp", ()))
    return Site(**plain, peers=peers, bgp=sessions)


def router_of(data: Mapping[str, Any]) -> Router:
    """From plain data, in which tuples are lists and rules are `{prefix, ge, le}` without what is None."""
    plain = {key: _tuples(value) for key, value in data.items() if key not in ("ports", "announce")}
    ports = tuple(Port(**{**port, "accept": _rules(port["accept"])}) for port in data["ports"])
    return Router(**plain, ports=ports, announce=_rules(data["announce"]))


def _rules(items: list[Mapping[str, Any]]) -> tuple[PrefixRule, ...]:
    return tuple(PrefixRule(**item) for item in items)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, (list, tuple)) else value
