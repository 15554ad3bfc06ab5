# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection routed.fabric: no promise is made to code outside of it.
"""What a node knows of its routed guests: the agent, the kernel, the firewall, and who else announces them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Callable

from ansible_collections.routed.fabric.plugins.module_utils._info import _frr
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import Ip

Run = Callable[[Sequence[str]], "tuple[int, str, str]"]

AGENT = "routed-guests"
MAIN_TABLE = "254"
_LENGTH = {"ipv4": 32, "ipv6": 128}
_OWN = ("0.0.0.0", "::", "")  # noqa: S104 - how FRR shows a path that begins on this node


def collect(run: Run, ip: Ip, bridge: str, protocol: int) -> dict[str, Any]:
    routes = {
        family: kernel_routes(ip.json("-N", flag, "route", "show", "table", "all", "proto", str(protocol)), family)
        for family, flag in (("ipv4", "-4"), ("ipv6", "-6"))
    }
    links = [entry for entry in ip.dump() if entry["ifname"] == bridge]
    return {
        "agent": agent(run),
        "bridge": bridge_state(links[0]) if links else None,
        "routes": routes,
        "neighbours": permanent(ip.json("neigh", "show", "dev", bridge)) if links else {},
        "tables": nft_tables(run(["nft", "-j", "list", "tables"])[1]),
        "elsewhere": {family: elsewhere(run, family, found) for family, found in routes.items()},
    }


def agent(run: Run) -> dict[str, Any]:
    """Whether its service runs, and what it says itself."""
    active = run(["systemctl", "is-active", f"{AGENT}.service"])[1].strip()
    rc, out, err = run([AGENT, "status", "--json"])
    try:
        status = json.loads(out) if rc == 0 else None
    except ValueError:
        status = None
    return {"service": active or "unknown", "status": status, "error": "" if status else (err or out).strip()}


def kernel_routes(dump: Iterable[Mapping[str, Any]], family: str) -> list[dict[str, Any]]:
    found = []
    for route in dump:
        prefix = str(route["dst"])
        found.append(
            {
                "prefix": prefix if "/" in prefix else f"{prefix}/{_LENGTH[family]}",
                "table": str(route.get("table", MAIN_TABLE)),
                "metric": int(route.get("metric", 0)),
                "dev": route.get("dev", ""),
            }
        )
    return sorted(found, key=lambda route: (route["prefix"], route["metric"], route["table"]))


def bridge_state(entry: Mapping[str, Any]) -> dict[str, Any]:
    addresses = [item for item in entry.get("addr_info", []) if "local" in item]
    return {
        "up": "UP" in entry.get("flags", []),
        "lladdr": entry.get("address", ""),
        "addresses": sorted(f"{item['local']}/{item['prefixlen']}" for item in addresses),
        "tentative": sorted(
            f"{item['local']}/{item['prefixlen']}"
            for item in addresses
            if item.get("tentative") or item.get("dadfailed")
        ),
    }


def permanent(dump: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Address → MAC address of entries that somebody set and nothing ages."""
    return {str(entry["dst"]): str(entry.get("lladdr", "")) for entry in dump if "PERMANENT" in entry.get("state", [])}


def nft_tables(text: str) -> list[str]:
    """`FAMILY NAME` of each table."""
    try:
        entries = json.loads(text)["nftables"]
    except (ValueError, KeyError):
        return []
    return sorted(f"{item['table']['family']} {item['table']['name']}" for item in entries if "table" in item)


def elsewhere(run: Run, family: str, routes: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Prefix → AS paths over which the fabric offers it, too; those without are left out."""
    prefixes = list(dict.fromkeys(route["prefix"] for route in routes))
    commands = [f"show bgp {family} unicast {prefix} json" for prefix in prefixes]
    if not commands:
        return {}
    answers = _frr.Vtysh(run).show(commands)
    found = {}
    for prefix, command in zip(prefixes, commands):
        paths = foreign_paths(answers[command] or {})
        if paths:
            found[prefix] = paths
    return found


def foreign_paths(answer: Mapping[str, Any]) -> list[str]:
    return sorted(
        str(path.get("aspath", {}).get("string", ""))
        for path in answer.get("paths", [])
        if path.get("peer", {}).get("peerId", "") not in _OWN
    )
