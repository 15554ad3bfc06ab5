# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the status says of an agent."""

from __future__ import annotations

from typing import Any

from . import status
from .agent import QUIET, Agent
from .machine import Name


def report(agent: Agent) -> dict[str, Any]:
    guests = []
    for key, guest in sorted(agent.guests.items()):
        state = agent.states.get(key, QUIET)
        if state.name is Name.ABSENT:
            continue
        port = agent.port(guest)
        entry: dict[str, Any] = {
            "vmid": guest.vmid,
            "name": guest.name,
            "nic": f"net{guest.number}",
            "port": port.name if port else "",
            "state": state.name.value,
            "addresses": [str(network) for network in (*guest.addresses, *guest.prefixes)],
            "since": status.instant(agent.since_wall.get(key, 0)),
        }
        if state.target:
            entry["target"] = state.target
        guests.append(entry)
    return {
        "node": agent.config.node,
        "ready_s": agent.ready_s,
        "mode": "normal" if agent.proxmox.readable and not agent.proxmox.why_guests_unknown else "static",
        "guests": guests,
        "refused": [refusal._asdict() for refusal in agent.inventory.refused],
        "firewall": agent.firewall.mode,
        "counters": {
            **agent.counters,
            "flip_ms_worst": round(agent.flip_ms, 2),
            "flip_cpu_ms_worst": round(agent.flip_cpu_ms, 2),
        },
    }
