# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection routed.fabric: no promise is made to code outside of it.
"""Checks of a Ceph cluster, seen from each of its nodes. One function a check; pure.

HEALTH_OK alone says little: a cluster whose OSDs never came up says so, too. Where one check is the reason of another's
failure, only the first one fails.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from ansible_collections.routed.fabric.plugins.plugin_utils._verify.result import Result, judged, skipped
from ansible_collections.routed.fabric.plugins.plugin_utils._verify.state import Live, Plan

SUBJECT = "cluster"
_NAMES = {"ipv4": "IPv4", "ipv6": "IPv6"}


def _monitor_faults(live: Live, plan: Plan) -> list[str]:
    state = live.ceph
    if state["error"]:
        return [f"it does not answer ({state['error']})"]
    faults = []
    for name, address in plan.ceph["monitors"].items():
        host = f"[{address}]" if ":" in address else address
        wanted = f"[v2:{host}:3300,v1:{host}:6789]"
        there = state["monitors"].get(name)
        if there != wanted:
            faults.append(f"{name} is at {there or 'no address'}, not at {wanted}")
        elif name not in state["quorum"]:
            faults.append(f"{name} is not in quorum")
    return faults


def _manager_faults(live: Live) -> list[str]:
    return [] if live.ceph["mgr"] else ["no manager is available"]


def _osd_faults(live: Live, plan: Plan) -> list[str]:
    state, planned = live.ceph, plan.ceph["osds"]
    faults = [] if state["osds_up"] == state["osds"] else [f"{state['osds_up']} of {state['osds']} OSDs are up"]
    if planned and state["osds"] != planned:
        faults.append(f"there are {state['osds']} OSDs, not {planned}")
    return faults


def _pg_faults(live: Live) -> list[str]:
    state = live.ceph
    clean = state["pgs_clean"] == state["pgs"]
    return [] if clean else [f"{state['pgs_clean']} of {state['pgs']} placement groups are active+clean"]


def ceph_monitors(live: Live, plan: Plan) -> list[Result]:
    """The monmap has every planned monitor at its address, with both protocols, and all are in quorum."""
    if not plan.ceph:
        return []
    hint = "`ceph mon dump`, `systemctl status ceph-mon@*`; to move monitors: role ceph with ceph_readdress=rolling"
    return [judged("ceph_monitors", SUBJECT, _monitor_faults(live, plan), hint)]


def ceph_manager(live: Live, plan: Plan) -> list[Result]:
    """A manager is available: without one, what is said of placement groups is old."""
    if not plan.ceph:
        return []
    if live.ceph["error"]:
        return [skipped("ceph_manager", SUBJECT, "the cluster does not answer")]
    hint = "`systemctl status ceph-mgr@*` on the managers' nodes"
    return [judged("ceph_manager", SUBJECT, _manager_faults(live), hint)]


def ceph_osds(live: Live, plan: Plan) -> list[Result]:
    """All OSDs are up, as many as are planned."""
    if not plan.ceph:
        return []
    if live.ceph["error"]:
        return [skipped("ceph_osds", SUBJECT, "the cluster does not answer")]
    return [judged("ceph_osds", SUBJECT, _osd_faults(live, plan), "`ceph osd tree`, `systemctl status ceph-osd@*`")]


def ceph_placement_groups(live: Live, plan: Plan) -> list[Result]:
    """All placement groups are active+clean."""
    if not plan.ceph:
        return []
    name = "ceph_placement_groups"
    if live.ceph["error"]:
        return [skipped(name, SUBJECT, "the cluster does not answer")]
    if _osd_faults(live, plan) or _manager_faults(live):
        return [skipped(name, SUBJECT, "OSDs or managers are missing")]
    return [judged(name, SUBJECT, _pg_faults(live), "`ceph pg dump_stuck`; they may need a while")]


def ceph_health(live: Live, plan: Plan) -> list[Result]:
    """HEALTH_OK."""
    if not plan.ceph:
        return []
    if live.ceph["error"]:
        return [skipped("ceph_health", SUBJECT, "the cluster does not answer")]
    if _monitor_faults(live, plan) or _manager_faults(live) or _osd_faults(live, plan) or _pg_faults(live):
        return [skipped("ceph_health", SUBJECT, "another check of the cluster says more")]
    state: dict[str, Any] = dict(live.ceph)
    reasons = ", ".join(state["checks"]) or "no reason given"
    faults = [] if state["status"] == "HEALTH_OK" else [f"{state['status']}: {reasons}"]
    return [judged("ceph_health", SUBJECT, faults, "`ceph health detail`")]


def ceph_listeners(live: Live, plan: Plan) -> list[Result]:
    """Ceph's daemons of this node listen on addresses of the planned family alone."""
    if not plan.ceph:
        return []
    other = "ipv4" if plan.ceph["family"] == "ipv6" else "ipv6"
    faults = [
        f"{entry['process']} listens on {_NAMES[other]}: {entry['address']}"
        for entry in live.ceph["listeners"]
        if _family(entry["address"]) == other
    ]
    hint = "ms_bind_ipv4 and ms_bind_ipv6 in ceph.conf; daemons read them when they start"
    return [judged("ceph_listeners", "daemons", faults, hint)]


def _family(address: str) -> str:
    """`*:3300` is IPv6's any address, which takes IPv4, too; ss writes IPv4's as 0.0.0.0."""
    host = re.sub(r"%.*$", "", address.rpartition(":")[0].strip("[]"))
    if host == "*":
        return "ipv4"
    return "ipv6" if ipaddress.ip_address(host).version == 6 else "ipv4"
