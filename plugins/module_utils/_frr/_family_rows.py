# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands in an address family besides neighbors: networks, redistribution, EVPN. Private to this collection."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._frr._rows import (
    MISSING,
    Clause,
    Row,
    check_rows,
    choice,
    flag,
    number,
    value_of,
)
from ansible_collections.routed.fabric.plugins.module_utils._frr._words import natural, prefix

NETWORK = re.compile(r"network (\S+/\d+)(?: route-map (\S+))?")
AGGREGATE = re.compile(r"aggregate-address (\S+/\d+)(?:( as-set)|( summary-only)| route-map (\S+))*")
REDISTRIBUTE = re.compile(r"redistribute (\S+)(?: (\d+))?(?: metric (\d+))?(?: route-map (\S+))?")
IMPORT_VRF = re.compile(r"import vrf (?!route-map)(\S+)")
ADVERTISE = re.compile(r"advertise (ipv4|ipv6) (unicast)(?: route-map (\S+))?")
ROUTE_TARGET = re.compile(r"route-target (import|export|both) (\S+)")

FAMILY_ROWS = check_rows(
    [number("maximum_paths.ebgp", "maximum-paths"), number("maximum_paths.ibgp", "maximum-paths ibgp")]
)


def encode_network(item: dict[str, Any]) -> str:
    return f"network {prefix(item['prefix'])}{_route_map(item)}"


def decode_network(line: str) -> dict[str, Any] | None:
    match = NETWORK.fullmatch(line)
    return None if not match else _given({"prefix": prefix(match[1]), "route_map": match[2]})


def encode_aggregate(item: dict[str, Any]) -> str:
    words = f"aggregate-address {prefix(item['prefix'])}"
    words += " as-set" if item.get("as_set") else ""
    words += " summary-only" if item.get("summary_only") else ""
    return words + _route_map(item)


def decode_aggregate(line: str) -> dict[str, Any] | None:
    match = AGGREGATE.fullmatch(line)
    if not match:
        return None
    return _given(
        {
            "prefix": prefix(match[1]),
            "as_set": True if match[2] else None,
            "summary_only": True if match[3] else None,
            "route_map": match[4],
        }
    )


def encode_redistribute(item: dict[str, Any]) -> str:
    words = f"redistribute {item['protocol']}"
    words += "" if item.get("table") is None else f" {item['table']}"
    words += "" if item.get("metric") is None else f" metric {item['metric']}"
    return words + _route_map(item)


def decode_redistribute(line: str) -> dict[str, Any] | None:
    match = REDISTRIBUTE.fullmatch(line)
    if not match:
        return None
    table, metric = (int(match[group]) if match[group] else None for group in (2, 3))
    return _given({"protocol": match[1], "table": table, "metric": metric, "route_map": match[4]})


def encode_advertise(item: dict[str, Any]) -> str:
    return f"advertise {item['afi']} {item.get('safi') or 'unicast'}{_route_map(item)}"


def decode_advertise(line: str) -> dict[str, Any] | None:
    match = ADVERTISE.fullmatch(line)
    return None if not match else _given({"afi": match[1], "safi": match[2], "route_map": match[3]})


def _encode_dup_addr_detection(value: Any) -> list[Clause]:
    if value.get("enabled") is False:
        return [(True, "dup-addr-detection")]
    clauses: list[Clause] = []
    if value.get("max_moves") is not None or value.get("time_s") is not None:
        moves, time_s = value.get("max_moves") or 5, value.get("time_s") or 180
        clauses.append((False, f"dup-addr-detection max-moves {moves} time {time_s}"))
    if value.get("freeze") is not None:
        clauses.append((False, f"dup-addr-detection freeze {value['freeze']}"))
    return clauses or [(False, "dup-addr-detection")]


def _decode_dup_addr_detection(negated: bool, words: str, so_far: Any) -> Any:
    if words == "dup-addr-detection":
        return {"enabled": False} if negated else {**(so_far or {}), "enabled": True}
    if negated:
        return MISSING
    if match := re.fullmatch(r"dup-addr-detection max-moves (\d+) time (\d+)", words):
        return {**(so_far or {}), "max_moves": int(match[1]), "time_s": int(match[2])}
    if match := re.fullmatch(r"dup-addr-detection freeze (permanent|\d+)", words):
        return {**(so_far or {}), "freeze": match[1]}
    return MISSING


def _encode_route_targets(value: Any) -> list[Clause]:
    return [(False, f"route-target {way} {target}") for way in ("import", "export") for target in value.get(way) or []]


def _decode_route_targets(negated: bool, words: str, so_far: Any) -> Any:
    match = ROUTE_TARGET.fullmatch(words)
    if negated or not match:
        return MISSING
    value = {way: list(targets) for way, targets in (so_far or {}).items()}
    for way in ("import", "export"):
        if match[1] in (way, "both"):
            value[way] = sorted({*value.get(way, []), match[2]}, key=natural)
    return value


def _rd_rows() -> list[Row]:
    return [
        value_of("rd", "rd", str, "65001:1"),
        Row(
            "route_targets",
            _encode_route_targets,
            _decode_route_targets,
            {"import": ["1:1", "1:10"], "export": ["1:2"]},
        ),
    ]


# advertise_all_vni comes first: FRR refuses several of the others in an instance that does not have it (yet).
EVPN_ROWS = check_rows(
    [
        flag("advertise_all_vni", "advertise-all-vni"),
        flag("advertise_default_gw", "advertise-default-gw"),
        flag("advertise_svi_ip", "advertise-svi-ip"),
        Row(
            "dup_addr_detection",
            _encode_dup_addr_detection,
            _decode_dup_addr_detection,
            {"max_moves": 7, "time_s": 200, "freeze": "permanent"},
        ),
        choice(
            "flooding",
            {
                "disable": [(False, "flooding disable")],
                "head_end_replication": [(False, "flooding head-end-replication")],
            },
        ),
        *_rd_rows(),
    ]
)

VNI_ROWS = check_rows(
    [*_rd_rows(), flag("advertise_default_gw", "advertise-default-gw"), flag("advertise_svi_ip", "advertise-svi-ip")]
)


def _route_map(item: dict[str, Any]) -> str:
    return f" route-map {item['route_map']}" if item.get("route_map") else ""


def _given(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if value is not None}
