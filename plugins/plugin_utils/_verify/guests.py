# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection routed.fabric: no promise is made to code outside of it.
"""Checks of routed guests. One function a check; pure. They say nothing on a node without guests."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from ansible_collections.routed.fabric.plugins.plugin_utils._verify.result import Result, judged, skipped
from ansible_collections.routed.fabric.plugins.plugin_utils._verify.state import Live, Plan

FIREWALL_TABLES = ("bridge fabric_guests", "inet fabric_guests")


def guest_agent_runs(live: Live, plan: Plan) -> list[Result]:
    """The agent runs and knows what Proxmox says; else guests stay where they were last."""
    if not plan.guests:
        return []
    agent = live.guests["agent"]
    faults = []
    if agent["service"] != "active":
        faults.append(f"its service is {agent['service']}")
    elif agent["status"] is None:
        faults.append(f"it does not answer: {agent['error'] or 'no words'}")
    elif agent["status"]["mode"] != "normal":
        faults.append("it is in mode static: it cannot read what Proxmox says and leaves everything as it is")
    return [judged("guest_agent_runs", "routed-guests", faults, "`journalctl -u routed-guests`; is /etc/pve readable?")]


def guest_reachable(live: Live, plan: Plan) -> list[Result]:
    """Each interface that the agent claims has its routes, with the right metric, and a permanent neighbour each."""
    if not plan.guests:
        return []
    status = live.guests["agent"]["status"]
    if live.guests["agent"]["service"] != "active" or status is None:
        return [skipped("guest_reachable", "guests", "the agent does not run")]
    results = []
    for guest in status["guests"]:
        metric = plan.guests["metrics"].get(guest["state"])
        if metric is None or guest["state"] == "leaving":
            continue
        faults = []
        for prefix in map(_host, guest["addresses"]):
            routes = [r for r in live.guest_routes(plan) if r["prefix"] == prefix and r["dev"] == plan.bridge["name"]]
            if not routes:
                faults.append(f"{prefix} has no route in table {plan.guests['table']}")
            elif metric not in [route["metric"] for route in routes]:
                faults.append(f"the route of {prefix} has metric {routes[0]['metric']}, not {metric}")
            host = prefix.partition("/")[0]
            if host not in live.guests["neighbours"] and ipaddress.ip_network(prefix).num_addresses == 1:
                faults.append(f"{host} has no permanent neighbour")
        subject = f"{guest.get('name') or guest['vmid']} {guest['nic']}"
        hint = f"`routed-guests status`; `ip route show table {plan.guests['table']}`; it repairs such within 30 s"
        results.append(judged("guest_reachable", subject, faults, hint))
    return results


def guest_bridge_as_planned(live: Live, plan: Plan) -> list[Result]:
    """The gateway is there: up, with its MAC address and both addresses, none of them tentative."""
    if not plan.guests:
        return []
    wanted, got = plan.bridge, live.guests["bridge"]
    faults = []
    if got is None:
        faults.append("there is no such interface")
    else:
        if not got["up"]:
            faults.append("it is switched off")
        if got["lladdr"] != wanted["mac"]:
            faults.append(
                f"its MAC address is {got['lladdr']}, not {wanted['mac']}: guests that move lose their gateway"
            )
        for address in (wanted["ipv4"], wanted["ipv6"]):
            if address not in got["addresses"]:
                faults.append(f"{address} is missing")
            elif address in got["tentative"]:
                faults.append(f"{address} is tentative, so that it answers nobody")
    return [judged("guest_bridge_as_planned", wanted["name"], faults, "run role routed_guests again")]


def guest_firewall_loaded(live: Live, plan: Plan) -> list[Result]:
    """Both tables are there: without them, a guest can take another one's address."""
    if not plan.guests:
        return []
    faults = [f"table {table} is missing" for table in FIREWALL_TABLES if table not in live.guests["tables"]]
    hint = "`systemctl restart fabric-guests-firewall`"
    return [judged("guest_firewall_loaded", "nft", faults, hint)]


def guest_announced_once(live: Live, plan: Plan) -> list[Result]:
    """What this node claims for good, no other one claims as well or better; else the fabric sends its packets there.

    A worse claim is not heard: routers pass on the best path alone.
    """
    if not plan.guests:
        return []
    steady = plan.guests["metrics"]["steady"]
    faults = []
    for family in ("ipv4", "ipv6"):
        others: Mapping[str, Any] = live.guests["elsewhere"][family]
        here = {route["prefix"] for route in live.guest_routes(plan) if route["metric"] == steady}
        faults += [
            f"{prefix} is announced with the path {others[prefix][0]}, too" for prefix in sorted(here & set(others))
        ]
    hint = "the last AS number of the path is the other node: `routed-guests status` on both"
    return [judged("guest_announced_once", "guests", faults, hint)]


def _host(address: str) -> str:
    return str(ipaddress.ip_network(address))
