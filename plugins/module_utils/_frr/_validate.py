# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must hold before anything is touched: policy objects, static routes, interfaces. Private to this collection.

Instances are in ``_validate_bgp``. Each rule is a mistake that FRR takes in silently, refuses half-way, or shows
differently than it was told; the sentence says the way out where there is one.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._frr._checks import Names, afi_name, each, limits, once
from ansible_collections.routed.fabric.plugins.module_utils._frr._defaults import NEWER
from ansible_collections.routed.fabric.plugins.module_utils._frr._errors import FrrConfigError
from ansible_collections.routed.fabric.plugins.module_utils._frr._lists import family_of_prefix
from ansible_collections.routed.fabric.plugins.module_utils._frr._validate_bgp import validate_instances
from ansible_collections.routed.fabric.plugins.module_utils._frr._words import (
    afi_of,
    community_value,
    is_address,
    large_community_value,
    prefix,
)

NEXT_HOP_WORDS = ("unchanged", "peer-address")


def validate(
    config: dict[str, Any],
    version: tuple[int, int] | None = None,
    existing: dict[str, Any] | None = None,
    merged: bool = False,
) -> None:
    """Raise FrrConfigError for the first mistake.

    version: None while it is not known: what only some versions refuse passes.
    existing: the configuration of the node as ``gather`` gives it, without what this very call removes; a reference to
    what stands there is defined. None while the node has not been read: references are not checked.
    merged: ``config`` is added to ``existing``, so a neighbor may be given without what the node knows of it.
    """
    names = Names(config, existing)
    _router_id(config.get("router_id") or {}, version)
    _prefix_lists(config)
    _as_path_lists(config)
    _community_lists(config, "community_lists", version)
    _community_lists(config, "large_community_lists", version)
    _route_maps(config, names)
    seen: set[tuple[str, str]] = set()
    for path, item in each(config, "protocol_route_maps"):
        once(seen, path, (item["afi"], item["protocol"]), f"{item['afi']} {item['protocol']} has a route map already.")
        names.require("route_map", f"{path}.route_map", item["route_map"])
    _static_routes(config)
    _interfaces(config)
    _bfd_profiles(config)
    validate_instances(config, version, names, (existing if merged else {}))


def _router_id(router_id: dict[str, Any], version: tuple[int, int] | None) -> None:
    for afi, value in router_id.items():
        if value is not None and (not is_address(value) or afi_of(value) != afi):
            raise FrrConfigError(f"router_id.{afi}", value, f"{value!r} is not an {afi_name(afi)} address.")
    if router_id.get("ipv6") and version and version < NEWER:
        sentence = "FRR 8.4 saves another address than the one it is given here; leave it out, BGP does not use it."
        raise FrrConfigError("router_id.ipv6", router_id["ipv6"], sentence)


def _prefix_lists(config: dict[str, Any]) -> None:
    seen: set[Any] = set()
    for path, item in each(config, "prefix_lists"):
        once(
            seen, path, (item["afi"], item["name"]), f"the {item['afi']} prefix list {item['name']!r} is listed twice."
        )
        sequences: set[Any] = set()
        contents: set[Any] = set()
        for where, entry in each(item, "entries", path):
            once(sequences, f"{where}.sequence", entry["sequence"], f"sequence {entry['sequence']} is there twice.")
            _prefix_entry(where, entry, item["afi"])
            content = (entry["action"], prefix(entry["prefix"]), entry.get("ge"), entry.get("le"))
            once(
                contents, where, content, f"{entry['prefix']!r} is there twice with the same bounds; FRR refuses that."
            )


def _prefix_entry(path: str, entry: dict[str, Any], afi: str) -> None:
    text, lower, upper = entry["prefix"], entry.get("ge"), entry.get("le")
    if text == "any":
        if lower is not None or upper is not None:
            raise FrrConfigError(path, text, "'any' takes neither ge nor le; write the prefix of length 0 instead.")
        return
    family = family_of_prefix(text)
    if "/" not in text or family is None:
        raise FrrConfigError(f"{path}.prefix", text, f"{text!r} is not a prefix.")
    if family != afi:
        raise FrrConfigError(f"{path}.prefix", text, f"{text!r} does not belong into an {afi} prefix list.")
    length, width = int(text.split("/")[1]), 32 if afi == "ipv4" else 128
    limits(path, entry, {"ge": (length, width), "le": (length, width)})
    if lower is not None and upper is not None and lower > upper:
        raise FrrConfigError(f"{path}.ge", lower, f"ge {lower} is greater than le {upper}.")


def _as_path_lists(config: dict[str, Any]) -> None:
    seen: set[Any] = set()
    for path, item in each(config, "as_path_lists"):
        once(seen, path, item["name"], f"the AS-path list {item['name']!r} is listed twice.")
        sequences: set[Any] = set()
        for where, entry in each(item, "entries", path):
            once(sequences, f"{where}.sequence", entry["sequence"], f"sequence {entry['sequence']} is there twice.")
            if not entry["regex"].strip():
                raise FrrConfigError(f"{where}.regex", entry["regex"], "the regular expression is empty.")


def _community_lists(config: dict[str, Any], key: str, version: tuple[int, int] | None) -> None:
    value_of = large_community_value if key.startswith("large") else community_value
    seen: set[Any] = set()
    for path, item in each(config, key):
        once(seen, path, item["name"], f"the list {item['name']!r} is there twice, be it standard or expanded.")
        wanted = "regex" if item.get("kind") == "expanded" else "communities"
        sequences: set[Any] = set()
        for where, entry in each(item, "entries", path):
            once(sequences, f"{where}.sequence", entry["sequence"], f"sequence {entry['sequence']} is there twice.")
            if not entry.get(wanted):
                kind = item.get("kind") or "standard"
                raise FrrConfigError(where, entry.get(wanted), f"an entry of a list of kind {kind!r} needs {wanted!r}.")
            for community in entry.get("communities") or []:
                if value_of(community) is None:
                    raise FrrConfigError(f"{where}.communities", community, f"{community!r} is not such a community.")
                if community == "internet" and version and version >= NEWER:
                    raise FrrConfigError(f"{where}.communities", community, "FRR 9.1 and later do not know 'internet'.")


def _route_maps(config: dict[str, Any], names: Names) -> None:
    seen: set[Any] = set()
    for path, item in each(config, "route_maps"):
        once(seen, path, item["name"], f"the route map {item['name']!r} is listed twice.")
        sequences: set[Any] = set()
        for where, entry in each(item, "entries", path):
            once(sequences, f"{where}.sequence", entry["sequence"], f"sequence {entry['sequence']} is there twice.")
            _route_map_entry(where, entry, item["name"], names)
        _no_deadly_pair(path, item)


def _no_deadly_pair(path: str, item: dict[str, Any]) -> None:
    """bgpd (8.4 and 10.3) dies of a change to a prefix list that a route map with `evpn default-route` matches, too."""
    matches = [(where, entry.get("match") or {}) for where, entry in each(item, "entries", path)]
    lists = any(match.get(key) for dummy, match in matches for key in match if key.endswith("prefix_list"))
    for where, match in matches:
        if lists and match.get("evpn_default_route"):
            sentence = "FRR's bgpd crashes when a route map matches this and a prefix list; use two route maps."
            raise FrrConfigError(f"{where}.match.evpn_default_route", True, sentence)


MATCH_LISTS = (
    ("ip_prefix_list", "ipv4 prefix_list"),
    ("ipv6_prefix_list", "ipv6 prefix_list"),
    ("ip_next_hop_prefix_list", "ipv4 prefix_list"),
    ("as_path", "as_path_list"),
)


def _route_map_entry(path: str, entry: dict[str, Any], name: str, names: Names) -> None:
    match, settings = entry.get("match") or {}, entry.get("set") or {}
    on_match = entry.get("on_match")
    if on_match is not None:
        goto = re.fullmatch(r"goto (\d+)", on_match)
        if on_match != "next" and not goto:
            raise FrrConfigError(f"{path}.on_match", on_match, f"{on_match!r} is neither 'next' nor 'goto N'.")
        if goto and int(goto[1]) <= entry["sequence"]:
            raise FrrConfigError(f"{path}.on_match", on_match, f"{on_match!r} goes back, and FRR only goes forward.")
        if entry["action"] == "deny":
            raise FrrConfigError(f"{path}.on_match", on_match, "FRR takes on_match only in an entry that permits.")
    if entry.get("call"):
        if entry["call"] == name:
            raise FrrConfigError(f"{path}.call", name, "the route map calls itself.")
        names.require("route_map", f"{path}.call", entry["call"])
    for key, kind in MATCH_LISTS:
        if match.get(key):
            names.require(kind, f"{path}.match.{key}", match[key])
    for key in ("community", "large_community"):
        if match.get(key):
            names.require(f"{key}_list", f"{path}.match.{key}.list", match[key]["list"])
    for key, value_of in (("community", community_value), ("large_community", large_community_value)):
        for value in (settings.get(key) or {}).get("values") or []:
            if value_of(value) is None:
                raise FrrConfigError(f"{path}.set.{key}.values", value, f"{value!r} is not such a community.")
        if settings.get(key) and settings[key].get("additive") and not settings[key].get("values"):
            raise FrrConfigError(f"{path}.set.{key}.additive", True, "there is no value to add.")
    if settings.get("comm_list_delete"):
        names.require("community_list", f"{path}.set.comm_list_delete", settings["comm_list_delete"])
    if settings.get("as_path_prepend") and settings.get("as_path_prepend_last_as") is not None:
        sentence = "FRR takes either as_path_prepend or as_path_prepend_last_as in one entry."
        raise FrrConfigError(f"{path}.set", settings["as_path_prepend"], sentence)
    metric = settings.get("metric")
    if metric is not None and not re.fullmatch(r"[+-]?(\d+|rtt)", str(metric)):
        raise FrrConfigError(f"{path}.set.metric", metric, f"{metric!r} is not a number, +N, -N, rtt, +rtt or -rtt.")
    for key, afi in (("ip_next_hop", "ipv4"), ("ipv6_next_hop_global", "ipv6")):
        value = settings.get(key)
        word = key == "ip_next_hop" and value in NEXT_HOP_WORDS
        if value is not None and not word and (not is_address(value) or afi_of(value) != afi):
            raise FrrConfigError(f"{path}.set.{key}", value, f"{value!r} is not an {afi_name(afi)} address.")
    if settings.get("src") is not None and not is_address(settings["src"]):
        raise FrrConfigError(f"{path}.set.src", settings["src"], f"{settings['src']!r} is not an address.")
    limits(f"{path}.set", settings, {"as_path_prepend_last_as": (1, 10)})


def _static_routes(config: dict[str, Any]) -> None:
    seen: set[Any] = set()
    discards: dict[Any, bool] = {}
    for path, route in each(config, "static_routes"):
        afi = afi_of(route["prefix"])
        if "/" not in route["prefix"] or afi is None:
            raise FrrConfigError(f"{path}.prefix", route["prefix"], f"{route['prefix']!r} is not a prefix.")
        next_hop, interface = route.get("next_hop"), route.get("interface")
        discard = bool(route.get("blackhole"))
        if discard == bool(next_hop or interface):
            sentence = "a static route is either a blackhole, or has a next_hop, an interface or both."
            raise FrrConfigError(path, route["prefix"], sentence)
        if next_hop is not None and not is_address(next_hop):
            raise FrrConfigError(f"{path}.next_hop", next_hop, f"{next_hop!r} is not an address.")
        if next_hop is not None and afi_of(next_hop) != afi:
            sentence = f"{next_hop!r} is of another family than the prefix {route['prefix']!r}."
            raise FrrConfigError(f"{path}.next_hop", next_hop, sentence)
        if next_hop is not None and next_hop.lower().startswith("fe80:") and not interface:
            raise FrrConfigError(f"{path}.next_hop", next_hop, "a link-local next hop needs an interface.")
        limits(path, route, {"distance": (1, 255), "tag": (1, 4294967295), "table": (1, 4294967295)})
        vrf = route.get("vrf") or "default"
        key = (vrf, prefix(route["prefix"]), next_hop, interface, route.get("table"))
        once(seen, path, key, f"the route to {route['prefix']!r} by the same way is there twice.")
        if discards.setdefault((vrf, prefix(route["prefix"]), route.get("table")), discard) != discard:
            sentence = f"{route['prefix']!r} has a blackhole and a next hop; FRR takes one kind for a prefix."
            raise FrrConfigError(path, route["prefix"], sentence)
        if vrf != "default" and route.get("table") is not None:
            raise FrrConfigError(f"{path}.table", route["table"], "a VRF has a table of its own; give vrf or table.")


def _interfaces(config: dict[str, Any]) -> None:
    seen: set[Any] = set()
    for path, item in each(config, "interfaces"):
        once(seen, path, item["name"], f"the interface {item['name']!r} is listed twice.")
        limits(f"{path}.nd", item.get("nd") or {}, {"ra_interval_ms": (70, 1800000), "ra_lifetime_s": (0, 9000)})
        interval, lifetime = ((item.get("nd") or {}).get(key) for key in ("ra_interval_ms", "ra_lifetime_s"))
        if interval and lifetime and lifetime * 1000 < interval:
            sentence = f"a lifetime of {lifetime} s is shorter than the interval of {interval} ms."
            raise FrrConfigError(f"{path}.nd.ra_lifetime_s", lifetime, sentence)


def _bfd_profiles(config: dict[str, Any]) -> None:
    seen: set[Any] = set()
    bounds = {
        "detect_multiplier": (2, 255),
        "transmit_interval_ms": (10, 60000),
        "receive_interval_ms": (10, 60000),
        "echo_transmit_interval_ms": (10, 60000),
        "echo_receive_interval_ms": (10, 60000),
        "minimum_ttl": (1, 254),
    }
    for path, profile in each(config, "bfd_profiles"):
        once(seen, path, profile["name"], f"the BFD profile {profile['name']!r} is listed twice.")
        limits(path, profile, bounds)
