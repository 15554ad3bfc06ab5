# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""Units that hold Proxmox' cluster back at boot until the fabric has routes. Pure."""

from __future__ import annotations

from collections.abc import Sequence

PROGRAM = "/usr/local/sbin/fabric-online"
UNIT = "/etc/systemd/system/fabric-online.service"
HELD_BACK = ("corosync", "pve-cluster")

_HEADER = (
    "# Written by the Ansible collection routed.fabric (module proxmox_node).\n"
    "# Do not edit: the next run puts this file back.\n"
)


def units(deadline_s: int, peers: Sequence[str]) -> dict[str, str]:
    """Path → text. The deadline passes: the boot goes on, since a node that waits for ever cannot be repaired."""
    command = " ".join([PROGRAM, "--deadline", str(deadline_s), *peers])
    found = {
        UNIT: (
            f"{_HEADER}\n[Unit]\nDescription=Routes of the fabric\n"
            "Wants=frr.service\nAfter=frr.service networking.service\n"
            f"\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart={command}\n"
            f"TimeoutStartSec={deadline_s + 30}\n"
        )
    }
    for name in HELD_BACK:
        found[f"/etc/systemd/system/{name}.service.d/10-routed-fabric.conf"] = (
            f"{_HEADER}\n[Unit]\nWants=fabric-online.service\nAfter=frr.service fabric-online.service\n"
        )
    return found
