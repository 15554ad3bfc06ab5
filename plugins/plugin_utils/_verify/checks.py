# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection routed.fabric: no promise is made to code outside of it.
"""All checks of a node, what they need to know, and how their outcome reads. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.routed.fabric.plugins.plugin_utils._verify import (
    ceph,
    guests,
    overlay,
    routing,
    tunnels,
    underlay,
)
from ansible_collections.routed.fabric.plugins.plugin_utils._verify.result import FAILED, SKIPPED, Result
from ansible_collections.routed.fabric.plugins.plugin_utils._verify.state import Live, Plan, family_of

# These say nothing on a node without routed guests.
GUEST_CHECKS: tuple[Callable[[Live, Plan], list[Result]], ...] = (
    guests.guest_agent_runs,
    guests.guest_bridge_as_planned,
    guests.guest_firewall_loaded,
    guests.guest_reachable,
    guests.guest_announced_once,
)
# These say nothing on a node without segments and without address translation.
OVERLAY_CHECKS: tuple[Callable[[Live, Plan], list[Result]], ...] = (
    overlay.segment_as_planned,
    overlay.vni_known,
    overlay.remote_vteps,
    overlay.nat_loaded,
)
# These say nothing on a node without tunnels.
TUNNEL_CHECKS: tuple[Callable[[Live, Plan], list[Result]], ...] = (
    tunnels.tunnel_up,
    tunnels.tunnel_peer,
    tunnels.tunnel_handshake,
    tunnels.tunnel_endpoint,
    tunnels.tunnel_source,
    tunnels.tunnel_rules,
    tunnels.tunnel_firewall,
)
# These say nothing on a node without Ceph.
CEPH_CHECKS: tuple[Callable[[Live, Plan], list[Result]], ...] = (
    ceph.ceph_monitors,
    ceph.ceph_manager,
    ceph.ceph_osds,
    ceph.ceph_placement_groups,
    ceph.ceph_health,
    ceph.ceph_listeners,
)
CHECKS: tuple[Callable[[Live, Plan], list[Result]], ...] = (
    underlay.link_as_planned,
    underlay.addresses_as_planned,
    underlay.sysctl_as_planned,
    routing.session_up,
    routing.bfd_up,
    routing.ecmp,
    routing.loopback_reachable,
    routing.advertised_exactly,
    routing.no_ra_route,
    routing.no_foreign_prefix,
    *OVERLAY_CHECKS,
    *TUNNEL_CHECKS,
    *GUEST_CHECKS,
    *CEPH_CHECKS,
)


def questions(node: Mapping[str, Any], ping_deadline_s: float = 2.0) -> dict[str, Any]:
    """The arguments of fabric_info that answer everything that the checks of this node ask."""
    plan = Plan(node)
    pings = []
    for target in plan.verify.get("loopbacks", []):
        source = plan.loopback(family_of(target["address"]))
        for uplink in target["uplinks"]:
            ping = {"address": target["address"], "interface": uplink}
            pings.append({**ping, "source": source} if source else ping)
    # Only so that there is a handshake: the far end need not answer pings.
    for interface in plan.tunnels:
        pings += [
            {"address": peer["ping"], "interface": interface["name"], "count": 1}
            for peer in interface["peers"]
            if peer["ping"]
        ]
    subsets = ["bgp", "rib", "advertised", "links", "addresses", "routes", "sysctl", "pings"]
    subsets += ["evpn", "vxlan"] if plan.segments else []
    subsets += ["nft"] if plan.verify.get("nat") or plan.tunnels else []
    subsets += ["rules", "wireguard"] if plan.tunnels else []  # after the pings
    subsets += ["ceph"] if plan.ceph else []
    subsets += ["guests"] if plan.guests else []
    return {
        "gather_subset": subsets,
        "advertised_to": [item["neighbor"] for item in plan.verify.get("advertised", [])],
        "sysctl": sorted(plan.sysctl),
        "pings": pings,
        "ping_deadline_s": ping_deadline_s,
        "guests": {"bridge": plan.bridge["name"], "protocol": plan.guests["protocol"]} if plan.guests else {},
    }


def checks(info: Mapping[str, Any], node: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every result as `{check, subject, status, ok, message, hint}`; `info` is `fabric` of fabric_info."""
    live, plan = Live(info), Plan(node)
    return [result.as_data() for check in CHECKS for result in check(live, plan)]


def failed_checks(info: Mapping[str, Any], node: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [result for result in checks(info, node) if result["status"] == FAILED]


def report(results: Sequence[Mapping[str, Any]], name: str) -> str:
    """One line if all is well; else one line a failure, with its hint below."""
    failed = [result for result in results if result["status"] == FAILED]
    skipped = sum(result["status"] == SKIPPED for result in results)
    rest = f", {skipped} not judged" if skipped else ""
    if not failed:
        kinds = Counter(result["check"] for result in results if result["status"] != SKIPPED)
        details = ", ".join(f"{count} {check}" for check, count in kinds.items())
        return f"{name}: all {sum(kinds.values())} checks passed ({details}){rest}"
    lines = [f"{name}: {len(failed)} of {len(results)} checks failed{rest}"]
    for result in failed:
        lines.append(f"  {result['check']} {result['subject']}: {result['message']}")
        if result["hint"]:
            lines.append(f"    {result['hint']}")
    return "\n".join(lines)
