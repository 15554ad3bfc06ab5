# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What zebra, staticd and bfdd hold: router ids, static routes, nd settings, BFD profiles. Private to this collection.

Sources: RFC 4861 (router advertisements), RFC 5880 (BFD), FRR's zebra, static and bfd pages.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._frr._lists import AFI_OF_IP, IP_OF_AFI
from ansible_collections.routed.fabric.plugins.module_utils._frr._rows import (
    MISSING,
    Row,
    check_rows,
    decode_rows,
    encode_rows,
    flag,
    join_no,
    number,
    split_no,
)
from ansible_collections.routed.fabric.plugins.module_utils._frr._words import (
    Line,
    address,
    afi_of,
    is_address,
    natural,
    prefix,
)

ROUTER_ID = re.compile(r"(ip|ipv6) router-id (\S+)")
PROTOCOL = re.compile(r"(ip|ipv6) protocol (\S+) route-map (\S+)")
STATIC = re.compile(
    r"(ip|ipv6) route (\S+) (\S+)(?: (?!tag |table |\d+(?: |$))(\S+))?"
    r"(?: tag (\d+))?(?: (\d+))?(?: table (\d+))?"
)
DISCARD = ("Null0", "blackhole", "reject")


def render_zebra(config: dict[str, Any]) -> list[Line]:
    lines: list[Line] = []
    router_id = config.get("router_id") or {}
    lines.extend(
        ((), f"{IP_OF_AFI[afi]} router-id {address(router_id[afi])}") for afi in ("ipv4", "ipv6") if router_id.get(afi)
    )
    for item in config.get("protocol_route_maps") or []:
        lines.append(((), f"{IP_OF_AFI[item['afi']]} protocol {item['protocol']} route-map {item['route_map']}"))
    return lines


def gather_zebra(lines: list[Line]) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for context, line in lines:
        if context:
            continue
        if match := ROUTER_ID.fullmatch(line):
            config.setdefault("router_id", {})[AFI_OF_IP[match[1]]] = address(match[2])
        elif match := PROTOCOL.fullmatch(line):
            item = {"afi": AFI_OF_IP[match[1]], "protocol": match[2], "route_map": match[3]}
            config.setdefault("protocol_route_maps", []).append(item)
    if "protocol_route_maps" in config:
        config["protocol_route_maps"].sort(key=lambda item: (item["afi"], item["protocol"]))
    return config


def render_static_routes(routes: list[dict[str, Any]]) -> list[Line]:
    """A route of a VRF stands in the block of that VRF."""
    lines: list[Line] = []
    for route in routes:
        vrf = route.get("vrf") or "default"
        context: tuple[str, ...] = () if vrf == "default" else (f"vrf {vrf}",)
        if context and ((), context[0]) not in lines:
            lines.append(((), context[0]))
        words = ["ip" if afi_of(route["prefix"]) == "ipv4" else "ipv6", "route", prefix(route["prefix"])]
        if route.get("blackhole"):
            words.append("Null0")
        words.extend(address(route[key]) for key in ("next_hop", "interface") if route.get(key))
        if route.get("tag") is not None:
            words.append(f"tag {route['tag']}")
        if route.get("distance") not in (None, 1):
            words.append(str(route["distance"]))
        if route.get("table") is not None:
            words.append(f"table {route['table']}")
        lines.append((context, " ".join(words)))
    return lines


def gather_static_routes(lines: list[Line]) -> list[dict[str, Any]]:
    routes: list[dict[str, Any]] = []
    for context, line in lines:
        match = STATIC.fullmatch(line)
        if not match or len(context) > 1 or (context and not context[0].startswith("vrf ")):
            continue
        route: dict[str, Any] = {"prefix": match[2]}
        if context:
            route["vrf"] = context[0][4:]
        if match[3] in DISCARD:
            route["blackhole"] = True
        elif is_address(match[3]):
            route["next_hop"] = address(match[3])
            if match[4]:
                route["interface"] = match[4]
        else:
            route["interface"] = match[3]
        route.update(
            {key: int(match[group]) for key, group in (("tag", 5), ("distance", 6), ("table", 7)) if match[group]}
        )
        routes.append(route)
    return sorted(routes, key=static_route_key)


def static_route_key(route: dict[str, Any]) -> tuple[Any, ...]:
    return (
        route.get("vrf") or "default",
        ":" in route["prefix"],
        natural(route["prefix"]),
        natural(route.get("next_hop") or ""),
        natural(route.get("interface") or ""),
        route.get("table") or 0,
    )


def _interval(option: str) -> Row:
    """FRR prints whole seconds as seconds, anything else in milliseconds."""

    def encode(value: Any) -> list[tuple[bool, str]]:
        return [
            (
                False,
                f"ipv6 nd ra-interval {value // 1000}" if value % 1000 == 0 else f"ipv6 nd ra-interval msec {value}",
            )
        ]

    def decode(negated: bool, words: str, _so_far: Any) -> Any:
        match = re.fullmatch(r"ipv6 nd ra-interval (msec )?(\d+)", words)
        if negated or not match:
            return MISSING
        return int(match[2]) if match[1] else int(match[2]) * 1000

    return Row(option, encode, decode, 1500)


ND_ROWS = check_rows(
    [
        flag("suppress_ra", "ipv6 nd suppress-ra"),
        _interval("ra_interval_ms"),
        number("ra_lifetime_s", "ipv6 nd ra-lifetime"),
        flag("managed_config", "ipv6 nd managed-config-flag"),
        flag("other_config", "ipv6 nd other-config-flag"),
    ]
)

BFD_ROWS = check_rows(
    [
        number("detect_multiplier", "detect-multiplier"),
        number("transmit_interval_ms", "transmit-interval"),
        number("receive_interval_ms", "receive-interval"),
        flag("shutdown", "shutdown"),
        flag("passive_mode", "passive-mode"),
        flag("echo_mode", "echo-mode"),
        number("echo_transmit_interval_ms", "echo transmit-interval"),
        number("echo_receive_interval_ms", "echo receive-interval"),
        number("minimum_ttl", "minimum-ttl"),
    ]
)


def render_interfaces(interfaces: list[dict[str, Any]]) -> list[Line]:
    lines: list[Line] = []
    for item in interfaces:
        head = f"interface {item['name']}"
        body = [((head,), join_no(*clause)) for clause in encode_rows(ND_ROWS, item.get("nd") or {})]
        lines.extend([((), head), *body] if body else [])
    return lines


def gather_interfaces(lines: list[Line]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for context, line in lines:
        if len(context) == 1 and context[0].startswith("interface "):
            nd: dict[str, Any] = {}
            if decode_rows(ND_ROWS, nd, *split_no(line)):
                name = context[0].split()[1]
                found.setdefault(name, {"name": name, "nd": {}})["nd"].update(nd)
    return [found[name] for name in sorted(found, key=natural)]


def render_bfd(profiles: list[dict[str, Any]]) -> list[Line]:
    lines: list[Line] = [((), "bfd")] if profiles else []
    for profile in profiles:
        head = f"profile {profile['name']}"
        lines.append((("bfd",), head))
        lines.extend((("bfd", head), join_no(*clause)) for clause in encode_rows(BFD_ROWS, profile))
    return lines


def gather_bfd(lines: list[Line]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for context, line in lines:
        if context == ("bfd",) and line.startswith("profile "):
            found.setdefault(line[8:], {"name": line[8:]})
        elif len(context) == 2 and context[0] == "bfd" and context[1].startswith("profile "):
            decode_rows(BFD_ROWS, found.setdefault(context[1][8:], {"name": context[1][8:]}), *split_no(line))
    return [found[name] for name in sorted(found, key=natural)]
