# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection routed.fabric: no promise is made to code outside of it.
"""Checks of links, addresses and kernel parameters. One function a check; pure."""

from __future__ import annotations

from ansible_collections.routed.fabric.plugins.plugin_utils._verify.result import Result, judged, skipped
from ansible_collections.routed.fabric.plugins.plugin_utils._verify.state import Live, Plan

_HINT = "run role underlay again; if it comes back, something else on the node sets it"


def link_as_planned(live: Live, plan: Plan) -> list[Result]:
    """Each uplink is there, up, and has the planned MTU."""
    results = []
    for interface in plan.underlay.get("interfaces", []):
        name = interface["name"]
        link = live.links.get(name)
        faults = []
        if link is None:
            faults.append("there is no such interface")
        else:
            if "UP" not in link["flags"]:
                faults.append("it is switched off")
            elif "LOWER_UP" not in link["flags"]:
                faults.append("it has no carrier")
            if interface.get("mtu") and link["mtu"] != interface["mtu"]:
                faults.append(f"its MTU is {link['mtu']}, not {interface['mtu']}")
        results.append(judged("link_as_planned", name, faults, _HINT))
    return results


def addresses_as_planned(live: Live, plan: Plan) -> list[Result]:
    """Each planned address is on its interface. Others may be there, too."""
    results = []
    for name, wanted in plan.addresses.items():
        if not wanted:
            continue
        if name not in live.links:
            results.append(skipped("addresses_as_planned", name, "there is no such interface"))
            continue
        missing = [address for address in wanted if address not in live.addresses.get(name, [])]
        faults = [f"{address} is missing" for address in missing]
        results.append(judged("addresses_as_planned", name, faults, _HINT))
    return results


def sysctl_as_planned(live: Live, plan: Plan) -> list[Result]:
    """Each planned kernel parameter has its value. What this kernel does not have is not judged."""
    wrong = []
    for key, wanted in sorted(plan.sysctl.items()):
        value = live.sysctl.get(key)
        if value is not None and value != " ".join(str(wanted).split()):
            wrong.append(f"{key} is {value}, not {wanted}")
    return [judged("sysctl_as_planned", "kernel parameters", wrong, _HINT)]
