# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection routed.fabric: no promise is made to code outside of it.
"""Checks of segments and of a border gateway's address translation. One function a check; pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.routed.fabric.plugins.plugin_utils._verify.result import Result, judged, skipped
from ansible_collections.routed.fabric.plugins.plugin_utils._verify.state import Live, Plan


def _device_faults(live: Live, segment: dict[str, Any]) -> list[str]:
    """What is wrong with the VXLAN device itself: then nothing else of the segment is judged."""
    device = live.vxlan.get(segment["device"])
    if device is None:
        return [f"there is no VXLAN device {segment['device']}"]
    faults = []
    if device["bridge"] != segment["bridge"]:
        faults.append(f"{segment['device']} is a port of {device['bridge'] or 'no bridge'}, not of {segment['bridge']}")
    for name in (segment["device"], segment["bridge"]):
        link = live.links.get(name)
        if link is None or "UP" not in link["flags"]:
            faults.append(f"{name} is not up")
    return faults


def segment_as_planned(live: Live, plan: Plan) -> list[Result]:
    """Each segment's bridge and VXLAN device are there and up, with the planned MTU and ports."""
    results = []
    for segment in plan.segments:
        faults = _device_faults(live, segment)
        if not faults:
            mtu = live.links[segment["bridge"]]["mtu"]
            if mtu < segment["mtu"]:
                faults.append(f"the MTU of {segment['bridge']} is {mtu}, not {segment['mtu']}")
            for port in segment["ports"]:
                if live.links.get(port, {}).get("master") != segment["bridge"]:
                    faults.append(f"{port} is no port of {segment['bridge']}")
        results.append(
            judged("segment_as_planned", segment["name"], faults, "run role overlay again; it leaves guests connected")
        )
    return results


def vni_known(live: Live, plan: Plan) -> list[Result]:
    """zebra knows the VNI of each segment, so that EVPN announces it."""
    results = []
    for segment in plan.segments:
        if not segment["evpn"]:
            continue
        if _device_faults(live, segment):
            results.append(skipped("vni_known", segment["name"], "its VXLAN device is not as planned"))
            continue
        faults = [] if segment["vni"] in live.vnis else [f"zebra does not know VNI {segment['vni']}"]
        hint = f"`vtysh -c 'show evpn vni {segment['vni']}'`; does `advertise-all-vni` stand in l2vpn evpn?"
        results.append(judged("vni_known", segment["name"], faults, hint))
    return results


def remote_vteps(live: Live, plan: Plan) -> list[Result]:
    """Each segment floods to exactly the other members: one that is missing is cut off, a foreign one listens."""
    results = []
    for segment in plan.segments:
        if _device_faults(live, segment):
            results.append(skipped("remote_vteps", segment["name"], "its VXLAN device is not as planned"))
            continue
        if segment["evpn"] and segment["vni"] not in live.vnis:
            results.append(skipped("remote_vteps", segment["name"], "zebra does not know its VNI"))
            continue
        there = set(live.vxlan[segment["device"]]["flood"].get(str(segment["vni"]), []))
        wanted = set(segment["remotes"])
        faults = []
        if wanted - there:
            faults.append(f"VTEP {', '.join(sorted(wanted - there))} is missing")
        if there - wanted:
            faults.append(f"VTEP {', '.join(sorted(there - wanted))} is no member")
        hint = f"`vtysh -c 'show bgp l2vpn evpn route type multicast'` and `bridge fdb show dev {segment['device']}`"
        results.append(judged("remote_vteps", segment["name"], faults, hint))
    return results


def nat_loaded(live: Live, plan: Plan) -> list[Result]:
    """A gateway that translates addresses has its table."""
    nat = plan.verify.get("nat")
    if not nat:
        return []
    dummy, found, rest = live.nft.partition(f"table ip {nat['table']} {{")
    there = found and f'oifname "{nat["uplink"]}"' in rest.partition("\ntable ")[0]
    faults = [] if there else [f"there is no rule for {nat['uplink']} in table ip {nat['table']}"]
    return [judged("nat_loaded", nat["uplink"], faults, "run role border_gateway again; who flushes all rules?")]
