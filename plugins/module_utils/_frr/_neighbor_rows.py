# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The attributes of a BGP neighbor or peer group, as rows. Private to this collection.

The words are those after ``neighbor NAME``. What FRR hides of them, per version and profile: ``_defaults``.
"""

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
    number_or_word,
    text,
    value_of,
)
from ansible_collections.routed.fabric.plugins.module_utils._frr._words import address


def _encode_local_as(value: Any) -> list[Clause]:
    words = ["local-as", str(value["asn"])]
    if value.get("no_prepend") or value.get("replace_as"):
        words.append("no-prepend")  # FRR's grammar has replace-as only behind no-prepend
    if value.get("replace_as"):
        words.append("replace-as")
    return [(False, " ".join(words))]


def _decode_local_as(negated: bool, words: str, _so_far: Any) -> Any:
    match = re.fullmatch(r"local-as (\d+)( no-prepend)?( replace-as)?", words)
    if negated or not match:
        return MISSING
    value: dict[str, Any] = {"asn": int(match[1])}
    value.update({key: True for key, group in (("no_prepend", 2), ("replace_as", 3)) if match[group]})
    return value


def _encode_timers(value: Any) -> list[Clause]:
    clauses = []
    if value.get("keepalive_s") is not None:
        clauses.append((False, f"timers {value['keepalive_s']} {value['hold_s']}"))
    if value.get("connect_s") is not None:
        clauses.append((False, f"timers connect {value['connect_s']}"))
    return clauses


def _decode_timers(negated: bool, words: str, so_far: Any) -> Any:
    if negated:
        return MISSING
    if match := re.fullmatch(r"timers (\d+) (\d+)", words):
        return {**(so_far or {}), "keepalive_s": int(match[1]), "hold_s": int(match[2])}
    if match := re.fullmatch(r"timers connect (\d+)", words):
        return {**(so_far or {}), "connect_s": int(match[1])}
    return MISSING


def _encode_bfd(value: Any) -> list[Clause]:
    if value.get("enabled") is False:
        return [(True, "bfd")]
    clauses = [(False, "bfd")]
    if value.get("profile"):
        clauses.append((False, f"bfd profile {value['profile']}"))
    if value.get("check_control_plane_failure"):
        clauses.append((False, "bfd check-control-plane-failure"))
    return clauses


def _decode_bfd(negated: bool, words: str, so_far: Any) -> Any:
    if negated:
        return {"enabled": False} if words == "bfd" else MISSING
    so_far = {**(so_far or {}), "enabled": True}
    if words == "bfd" or re.fullmatch(r"bfd \d+ \d+ \d+", words):
        return so_far  # FRR keeps the three numbers nowhere: a profile has them
    if words == "bfd check-control-plane-failure":
        return {**so_far, "check_control_plane_failure": True}
    match = re.fullmatch(r"bfd profile (\S+)", words)
    return {**so_far, "profile": match[1]} if match else MISSING


def _decode_multihop(negated: bool, words: str, _so_far: Any) -> Any:
    match = re.fullmatch(r"ebgp-multihop(?: (\d+))?", words)
    return MISSING if negated or not match else int(match[1] or 255)


def _decode_shutdown(negated: bool, words: str, _so_far: Any) -> Any:
    return not negated if words == "shutdown" else MISSING


REMOTE_AS = value_of("remote_as", "remote-as", number_or_word, 65001)

NEIGHBOR_ROWS = check_rows(
    [
        Row("local_as", _encode_local_as, _decode_local_as, {"asn": 65099, "no_prepend": True, "replace_as": True}),
        text("description", "description"),
        Row("shutdown", lambda value: [(not value, "shutdown")], _decode_shutdown, True),
        Row("bfd", _encode_bfd, _decode_bfd, {"enabled": True, "profile": "fast", "check_control_plane_failure": True}),
        text("password", "password"),
        flag("solo", "solo"),
        number("port", "port"),
        flag("passive", "passive"),
        Row("ebgp_multihop", lambda value: [(False, f"ebgp-multihop {value}")], _decode_multihop, 255),
        number("ttl_security_hops", "ttl-security hops"),
        flag("disable_connected_check", "disable-connected-check"),
        flag("enforce_first_as", "enforce-first-as"),
        value_of("update_source", "update-source", address, "lo", show=address),
        number("advertisement_interval_s", "advertisement-interval"),
        Row("timers", _encode_timers, _decode_timers, {"keepalive_s": 3, "hold_s": 9, "connect_s": 5}),
        flag("capability_extended_nexthop", "capability extended-nexthop"),
        flag("capability_dynamic", "capability dynamic"),
        flag("strict_capability_match", "strict-capability-match"),
        choice(
            "graceful_restart",
            {
                "enabled": [(False, "graceful-restart")],
                "disabled": [(False, "graceful-restart-disable")],
                "helper": [(False, "graceful-restart-helper")],
            },
        ),
    ]
)
