# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The attributes of a neighbor inside an address family, as rows. Private to this collection.

The words are those after ``neighbor NAME``. A command that a family does not know is not refused by vtysh: it climbs to
the block above and lands in *IPv4 unicast* (measured, 8.4 and 10.3: ``filter-list`` under ``l2vpn evpn``). So
``EVPN_OPTIONS`` says what may stand there, and ``_validate`` refuses the rest.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._frr._rows import (
    MISSING,
    Clause,
    Row,
    boolean_or_word,
    check_rows,
    choice,
    flag,
    value_of,
)

COMMUNITIES = ("standard", "extended", "large")
UNCHANGEABLE = ("as-path", "next-hop", "med")

# What EVPN knows: option -> first FRR version.
EVPN_OPTIONS = {
    "activate": (8, 4),
    "route_map": (8, 4),
    "next_hop_self": (8, 4),
    "next_hop_unchanged": (8, 4),
    "attribute_unchanged": (8, 4),
    "allowas_in": (8, 4),
    "soft_reconfiguration_inbound": (8, 4),
    "route_reflector_client": (8, 4),
    "route_server_client": (8, 4),
    "maximum_prefix": (10, 3),
}


def _directed(option: str, words: str) -> list[Row]:
    """``route-map NAME in``: one row a direction."""

    def row(direction: str) -> Row:
        def convert(line: str) -> str:
            name, dummy, end = line.partition(" ")
            if end != direction:
                raise ValueError(line)
            return name

        return value_of(f"{option}.{direction}", words, convert, "NAME", lambda name: f"{name} {direction}")

    return [row("in"), row("out")]


def _encode_send_community(value: Any) -> list[Clause]:
    """FRR sends all three unless told otherwise."""
    missing = [kind for kind in COMMUNITIES if kind not in value]
    if len(missing) == 3:
        return [(True, "send-community all")]
    return [(True, "send-community" if kind == "standard" else f"send-community {kind}") for kind in missing]


def _decode_send_community(negated: bool, words: str, so_far: Any) -> Any:
    match = re.fullmatch(r"send-community(?: (standard|extended|large|both|all))?", words)
    if not match:
        return MISSING
    named = {"both": COMMUNITIES[:2], "all": COMMUNITIES}.get(match[1] or "standard", (match[1] or "standard",))
    sent = set(COMMUNITIES if so_far is None else so_far)
    sent = sent - set(named) if negated else sent | set(named)
    return [kind for kind in COMMUNITIES if kind in sent]


def _encode_allowas_in(value: Any) -> list[Clause]:
    return [(False, "allowas-in" if str(value) == "3" else f"allowas-in {value}")]


def _decode_allowas_in(negated: bool, words: str, _so_far: Any) -> Any:
    match = re.fullmatch(r"allowas-in(?: (\d+|origin))?", words)
    if negated or not match:
        return MISSING
    return "origin" if match[1] == "origin" else int(match[1] or 3)


def _encode_maximum_prefix(value: Any) -> list[Clause]:
    words = ["maximum-prefix", str(value["limit"])]
    if value.get("threshold") not in (None, 75):
        words.append(str(value["threshold"]))
    if value.get("warning_only"):
        words.append("warning-only")
    if value.get("restart_min") is not None:
        words.append(f"restart {value['restart_min']}")
    return [(False, " ".join(words))]


def _decode_maximum_prefix(negated: bool, words: str, _so_far: Any) -> Any:
    match = re.fullmatch(r"maximum-prefix (\d+)(?: (\d+))?(?:( warning-only)| restart (\d+))?", words)
    if negated or not match:
        return MISSING
    value: dict[str, Any] = {"limit": int(match[1])}
    if match[2] and match[2] != "75":
        value["threshold"] = int(match[2])
    if match[3]:
        value["warning_only"] = True
    if match[4]:
        value["restart_min"] = int(match[4])
    return value


def _encode_default_originate(value: Any) -> list[Clause]:
    if isinstance(value, dict):
        return [(False, f"default-originate route-map {value['route_map']}")]
    return [(not boolean_or_word(value), "default-originate")]


def _decode_default_originate(negated: bool, words: str, _so_far: Any) -> Any:
    match = re.fullmatch(r"default-originate(?: route-map (\S+))?", words)
    if not match:
        return MISSING
    return {"route_map": match[1]} if match[1] and not negated else not negated


def _encode_advertise_map(value: Any) -> list[Clause]:
    kind = "exist" if value.get("exist_map") else "non-exist"
    return [
        (False, f"advertise-map {value['route_map']} {kind}-map {value.get('exist_map') or value.get('non_exist_map')}")
    ]


def _decode_advertise_map(negated: bool, words: str, _so_far: Any) -> Any:
    match = re.fullmatch(r"advertise-map (\S+) (exist|non-exist)-map (\S+)", words)
    if negated or not match:
        return MISSING
    return {"route_map": match[1], f"{match[2].replace('-', '_')}_map": match[3]}


def _encode_unchanged(value: Any) -> list[Clause]:
    return (
        [(False, " ".join(["attribute-unchanged", *(name for name in UNCHANGEABLE if name in value)]))] if value else []
    )


def _decode_unchanged(negated: bool, words: str, _so_far: Any) -> Any:
    names = words.split()
    if negated or names[0] != "attribute-unchanged" or not set(names[1:]) <= set(UNCHANGEABLE):
        return MISSING
    return [name for name in UNCHANGEABLE if name in names[1:]] if names[1:] else list(UNCHANGEABLE)


FAMILY_NEIGHBOR_ROWS = check_rows(
    [
        flag("activate", "activate"),
        choice(
            "addpath_tx",
            {"all": [(False, "addpath-tx-all-paths")], "bestpath_per_as": [(False, "addpath-tx-bestpath-per-AS")]},
        ),
        flag("route_reflector_client", "route-reflector-client"),
        flag("route_server_client", "route-server-client"),
        choice(
            "next_hop_self",
            {
                True: [(False, "next-hop-self")],
                "all": [(False, "next-hop-self force")],
                False: [(True, "next-hop-self")],
            },
            also={"next-hop-self all": "all"},
        ),
        choice(
            "remove_private_as",
            {
                True: [(False, "remove-private-AS")],
                "all": [(False, "remove-private-AS all")],
                "replace_as": [(False, "remove-private-AS replace-AS")],
                "all_replace_as": [(False, "remove-private-AS all replace-AS")],
                False: [(True, "remove-private-AS")],
            },
        ),
        flag("as_override", "as-override"),
        Row("send_community", _encode_send_community, _decode_send_community, ["large"]),
        Row("default_originate", _encode_default_originate, _decode_default_originate, {"route_map": "NAME"}),
        flag("soft_reconfiguration_inbound", "soft-reconfiguration inbound"),
        Row(
            "maximum_prefix",
            _encode_maximum_prefix,
            _decode_maximum_prefix,
            {"limit": 9, "threshold": 80, "restart_min": 5},
        ),
        Row("allowas_in", _encode_allowas_in, _decode_allowas_in, 5),
        value_of("weight", "weight", int, 7),
        *_directed("prefix_list", "prefix-list"),
        *_directed("route_map", "route-map"),
        *_directed("filter_list", "filter-list"),
        value_of("unsuppress_map", "unsuppress-map", str, "NAME"),
        Row("advertise_map", _encode_advertise_map, _decode_advertise_map, {"route_map": "A", "non_exist_map": "B"}),
        Row("attribute_unchanged", _encode_unchanged, _decode_unchanged, ["as-path", "med"]),
    ]
)


def join_unchanged(neighbor: dict[str, Any], afi: str) -> dict[str, Any]:
    """``next_hop_unchanged`` is one word of the line ``attribute-unchanged``: put it there.

    Outside of EVPN, FRR adds that word for a route server's client by itself, but only when the line is not given.
    """
    names = set(neighbor.get("attribute_unchanged") or [])
    if neighbor.get("next_hop_unchanged") or (neighbor.get("route_server_client") and afi != "l2vpn"):
        names.add("next-hop")
    joined = {key: value for key, value in neighbor.items() if key != "next_hop_unchanged"}
    if names:
        joined["attribute_unchanged"] = [name for name in UNCHANGEABLE if name in names]
    return joined


def split_unchanged(neighbor: dict[str, Any]) -> dict[str, Any]:
    """The inverse of ``join_unchanged``."""
    names = [name for name in neighbor.get("attribute_unchanged") or [] if name != "next-hop"]
    split = {key: value for key, value in neighbor.items() if key != "attribute_unchanged"}
    if "next-hop" in (neighbor.get("attribute_unchanged") or []):
        split["next_hop_unchanged"] = True
    if names:
        split["attribute_unchanged"] = names
    return split
