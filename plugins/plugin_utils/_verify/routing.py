# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection routed.fabric: no promise is made to code outside of it.
"""Checks of sessions and routes. One function a check; pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from ansible_collections.routed.fabric.plugins.plugin_utils._verify.result import Result, judged, skipped
from ansible_collections.routed.fabric.plugins.plugin_utils._verify.state import (
    DEFAULT,
    Live,
    Plan,
    canonical_prefix,
    family_of,
)


def down_sessions(live: Live, plan: Plan) -> set[str]:
    """The neighbors of planned sessions that are not up: what hangs on them is not judged."""
    return {
        session["neighbor"]
        for session in plan.sessions
        if live.neighbors.get(session["neighbor"], {}).get("state") != "Established"
    }


def held_by_bfd(live: Live, plan: Plan) -> set[str]:
    """
    The neighbors that were up and whose session FRR keeps down for as long as BFD is down: bfd_up says more there.
    """
    guarded = {session["neighbor"] for session in plan.sessions if session.get("bfd")}
    return {
        name
        for name in guarded & down_sessions(live, plan)
        if live.neighbors.get(name, {}).get("bfd") == "down" and live.neighbors[name]["connections_established"] > 0
    }


def missing_loopbacks(live: Live, plan: Plan) -> set[str]:
    """Families whose own loopback address is not on the node: without it, no route of the family can be judged."""
    loopback = plan.node.get("loopback", {})
    there = live.addresses.get(loopback.get("interface", "lo"), [])
    found = set()
    for family in ("ipv4", "ipv6"):
        address = plan.loopback(family)
        if address and not any(text.partition("/")[0] == address for text in there):
            found.add(family)
    return found


def session_up(live: Live, plan: Plan) -> list[Result]:
    """Each planned session is established, with each planned address family negotiated."""
    held = held_by_bfd(live, plan)
    results = []
    for session in plan.sessions:
        neighbor = session["neighbor"]
        subject = f"{neighbor} ({session['peer']})" if session.get("peer") else neighbor
        entry = live.neighbors.get(neighbor)
        link = live.links.get(neighbor)
        if link and "LOWER_UP" not in link["flags"]:
            results.append(skipped("session_up", subject, "the link is down"))
            continue
        if neighbor in held:
            results.append(skipped("session_up", subject, "BFD is down"))
            continue
        faults = []
        if not live.bgp_runs:
            faults.append("bgpd does not answer")
        elif entry is None:
            faults.append("FRR has no such neighbor")
        elif entry["state"] != "Established":
            reset = f", last reset: {entry['last_reset']}" if entry.get("last_reset") else ""
            faults.append(f"the session is {entry['state']}{reset}")
        else:
            faults += [f"{afi} was not negotiated" for afi in session.get("afis", []) if afi not in entry["afis"]]
        hint = f"`vtysh -c 'show bgp neighbors {neighbor}'`; is the link up, and the other end configured?"
        results.append(judged("session_up", subject, faults, hint))
    return results


def bfd_up(live: Live, plan: Plan) -> list[Result]:
    """Each session that the plan guards with BFD has BFD up."""
    down, held = down_sessions(live, plan), held_by_bfd(live, plan)
    results = []
    for session in plan.sessions:
        if not session.get("bfd"):
            continue
        neighbor = session["neighbor"]
        link = live.links.get(neighbor)
        if neighbor in down and (neighbor not in held or (link and "LOWER_UP" not in link["flags"])):
            results.append(skipped("bfd_up", neighbor, "the session is not up"))
            continue
        faults = []
        if neighbor in held:
            faults.append("BFD is down and keeps the session down")
        elif live.neighbors[neighbor]["bfd"] != "up":
            faults.append(f"BFD is {live.neighbors[neighbor]['bfd'] or 'not used'} on an established session")
        hint = "`vtysh -c 'show bfd peers'`; BFD has to be configured on both ends, and UDP 3784 let through"
        results.append(judged("bfd_up", neighbor, faults, hint))
    return results


def loopback_reachable(live: Live, plan: Plan) -> list[Result]:
    """Each planned loopback answers, from this node's own loopback, over each planned uplink."""
    down, broken = down_sessions(live, plan), missing_loopbacks(live, plan)
    judged_by_ecmp = {str(ipaddress.ip_network(item["prefix"])[0]) for item in plan.verify.get("ecmp", [])}
    results = []
    for target in plan.verify.get("loopbacks", []):
        address = target["address"]
        for uplink in target["uplinks"]:
            subject = f"{target['node']} {address} over {uplink}"
            if uplink in down:
                results.append(skipped("loopback_reachable", subject, f"the session on {uplink} is not up"))
                continue
            if family_of(address) in broken:
                results.append(skipped("loopback_reachable", subject, "this node's own loopback address is missing"))
                continue
            faults = []
            if uplink not in live.next_hop_interfaces(address):
                if str(ipaddress.ip_address(address)) in judged_by_ecmp:
                    results.append(skipped("loopback_reachable", subject, f"there is no route over {uplink}"))
                    continue
                faults.append(f"there is no route over {uplink}")
            ping = live.pings.get((address, uplink))
            if not faults and not (ping and ping["received"]):
                faults.append(f"no answer to a ping: {ping['error'] if ping else 'none was sent'}")
            hint = f"`ip route get {address} oif {uplink}`, and the same on {target['node']} towards this node"
            results.append(judged("loopback_reachable", subject, faults, hint))
    return results


def ecmp(live: Live, plan: Plan) -> list[Result]:
    """The kernel's route to each planned prefix uses exactly the planned interfaces."""
    down, broken = down_sessions(live, plan), missing_loopbacks(live, plan)
    results = []
    for item in plan.verify.get("ecmp", []):
        prefix = item["prefix"]
        if family_of(prefix) in broken:
            results.append(skipped("ecmp", prefix, "this node's own loopback address is missing"))
            continue
        if _has_ra_route(live, plan, prefix):
            # Seen with FRR 10.3: zebra prefers the kernel's route, whatever its metric, and takes BGP's away.
            results.append(skipped("ecmp", prefix, "a router advertisement gave the node a route to it"))
            continue
        wanted = set(item["interfaces"]) - down
        if not wanted:
            results.append(skipped("ecmp", prefix, "none of its sessions is up"))
            continue
        there = live.next_hop_interfaces(str(ipaddress.ip_network(prefix)[0])) - down
        faults = []
        if wanted - there:
            faults.append(f"the kernel's route does not use {', '.join(sorted(wanted - there))}")
        if there - wanted:
            faults.append(f"the kernel's route also uses {', '.join(sorted(there - wanted))}")
        hint = f"`ip route show {prefix}` and `vtysh -c 'show bgp {family_of(prefix)} unicast {prefix}'`"
        results.append(judged("ecmp", prefix, faults, hint))
    return results


def advertised_exactly(live: Live, plan: Plan) -> list[Result]:
    """Each neighbor is sent exactly the planned prefixes: a missing one is an outage, a surplus one is a leak."""
    down, broken = down_sessions(live, plan), missing_loopbacks(live, plan)
    results = []
    for item in plan.verify.get("advertised", []):
        neighbor = item["neighbor"]
        for family in ("ipv4", "ipv6"):
            if family not in item:
                continue
            subject = f"{family} to {neighbor}"
            if neighbor in down:
                results.append(skipped("advertised_exactly", subject, "the session is not up"))
                continue
            if family in broken:
                results.append(skipped("advertised_exactly", subject, "this node's own loopback address is missing"))
                continue
            wanted = {canonical_prefix(prefix, family) for prefix in item[family] or []}
            # Of hosts of one AS that take each other's routes, the other's route looks like what the neighbor sent.
            sent = live.advertised_to(neighbor, family, transit=False)
            there = live.advertised_to(neighbor, family, transit=plan.is_router)
            if neighbor in plan.verify.get("guest_neighbors", []):
                must, may = _guest_prefixes(live, plan, family, there)
                wanted |= must
                there -= may - wanted
            learned = [p for p in plan.verify.get("learned_prefixes", []) if family_of(p) == family]
            there -= {prefix for prefix in there if _inside(prefix, learned)} - wanted
            missing, surplus = wanted - sent, there - wanted
            faults = []
            if missing:
                faults.append(f"not advertised: {listed(missing)}")
            if surplus:
                faults.append(f"advertised, but not planned: {listed(surplus)}")
            hint = f"`vtysh -c 'show bgp {family} unicast neighbors {neighbor} advertised-routes'`"
            results.append(judged("advertised_exactly", subject, faults, hint))
    return results


def _guest_prefixes(live: Live, plan: Plan, family: str, there: set[str]) -> tuple[set[str], set[str]]:
    """What has to be advertised for guests, and what may be: nobody plans where a guest is.

    A node with guests advertises exactly the routes of its agent. A router passes on what lies inside guest_prefixes.
    """
    own: set[str] = set()
    if plan.guests:
        metrics = set(plan.guests["metrics"].values())
        routes = [route for route in live.guest_routes(plan) if route["metric"] in metrics]
        own = {canonical_prefix(r["prefix"], family) for r in routes if family_of(r["prefix"]) == family}
    if not plan.is_router:
        return own, own
    allowed = [p for p in plan.verify.get("guest_prefixes", []) if family_of(p) == family]
    return set(), {prefix for prefix in there if _inside(prefix, allowed)}


def no_ra_route(live: Live, plan: Plan) -> list[Result]:
    """No route comes from a router advertisement: it stays when BGP says that the way is gone."""
    faults = sorted(
        f"{route['dst']} over {route['dev']} comes from a router advertisement" for route in _ra_routes(live, plan)
    )
    hint = "set accept_ra=0 on the uplink (role underlay does), then `ip -6 route flush proto ra`"
    return [judged("no_ra_route", "uplinks", faults, hint)]


def no_foreign_prefix(live: Live, plan: Plan) -> list[Result]:
    """Each route that BGP brought in lies inside a planned prefix; the default route only if it is planned itself."""
    accepted = plan.verify.get("accepted")
    if accepted is None:
        return []
    results = []
    for family in ("ipv4", "ipv6"):
        allowed = [canonical_prefix(prefix, family) for prefix in accepted.get(family) or []]
        foreign = {prefix for prefix in live.bgp_prefixes(family) if not _inside(prefix, allowed)}
        faults = [f"not planned, but in the routing table: {listed(foreign)}"] if foreign else []
        hint = f"`vtysh -c 'show {'ip' if family == 'ipv4' else 'ipv6'} route bgp'`: which neighbor sends it?"
        results.append(judged("no_foreign_prefix", family, faults, hint))
    return results


def _ra_routes(live: Live, plan: Plan) -> list[dict[str, Any]]:
    return [
        route for route in live.routes("ipv6") if route.get("protocol") == "ra" and route.get("dev") in plan.addresses
    ]


def _has_ra_route(live: Live, plan: Plan, prefix: str) -> bool:
    return family_of(prefix) == "ipv6" and any(
        canonical_prefix(route["dst"], "ipv6") == canonical_prefix(prefix, "ipv6") for route in _ra_routes(live, plan)
    )


def listed(prefixes: Iterable[str], most: int = 8) -> str:
    ordered = sorted(prefixes)
    rest = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(ordered[:most]) + rest


def _inside(prefix: str, allowed: Iterable[str]) -> bool:
    network = ipaddress.ip_network(prefix)
    for text in allowed:
        if text in DEFAULT.values():
            if prefix == text:
                return True
            continue
        other = ipaddress.ip_network(text)
        if network.network_address in other and network.prefixlen >= other.prefixlen:
            return True
    return False
