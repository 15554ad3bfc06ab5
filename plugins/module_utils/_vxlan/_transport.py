# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""The only place that runs `ip` and `bridge` for the overlay: few dumps to read, batches with pauses to write."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import BatchError, Ip, IpError, Run
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._difference import Step
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._model import (
    Link,
    parse_dump,
    with_remotes,
    with_vlans,
)

# Between two batches, for zebra and whoever else waits for the kernel's RTNL lock. Measured with FRR 10.3 and
# advertise-all-vni: with batches of 100 removed links zebra answers within a second, with or without a longer pause.
PAUSE_S = 0.05
# A bridge and a VXLAN device as the single form needs them, in a network namespace of their own.
_PROBE = (
    "link add dev probe0 type bridge vlan_filtering 1 vlan_default_pvid 0\n"
    "link add dev probe1 type vxlan external vnifilter dstport 4789 nolearning\n"
    "link add link probe0 name probe2 type vlan id 2\n"
)
_PROBED = (
    "VLAN filtering on bridges (BRIDGE_VLAN_FILTERING)",
    "a VNI filter on VXLAN devices (vnifilter; Linux 5.18 and iproute2 5.19)",
    "VLAN interfaces (VLAN_8021Q)",
)


class Tools:
    """iproute2 on one node."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._ip = Ip(run)

    def links(self, remotes: bool) -> dict[str, Link]:
        """
        Every link. Where there is a single VXLAN device, also VLANs, tunnels and VNI filters. With `remotes`, or where
        a VXLAN device learns, also to whom VXLAN devices flood.
        """
        links = parse_dump(self._ip.json("-d", "link", "show"), self._ip.json("addr", "show"))
        learns = any(link.kind == "vxlan" and link.details.get("learning") == "on" for link in links.values())
        if remotes or learns:
            links = with_remotes(links, self._bridge("fdb", "show"))
        if not any(link.fixed.get("external") for link in links.values()):
            return links
        return with_vlans(
            links, self._bridge("vlan", "show"), self._bridge("vlan", "tunnelshow"), self._bridge("vni", "show")
        )

    def _bridge(self, *arguments: str) -> list[dict[str, Any]]:
        rc, out, err = self._run(["bridge", "-j", *arguments], None)
        if rc != 0:
            raise IpError(f"`bridge -j {' '.join(arguments)}` failed: {err.strip() or f'exit code {rc}'}")
        return [entry for entry in json.loads(out or "[]") if entry]

    def single_form_missing(self) -> str:
        """What the kernel lacks for the single form, or an empty string. Touches nothing on the node."""
        rc, out, err = self._run(["unshare", "-n", "ip", "-batch", "-"], _PROBE)
        if rc == 0:
            return ""
        text = err or out
        match = re.search(r"Command failed -:(\d+)", text)
        if not match:
            raise IpError(f"cannot find out what this kernel can: `unshare -n ip -batch -` failed: {text.strip()}")
        return _PROBED[int(match.group(1)) - 1]

    def apply(self, steps: Sequence[Step]) -> None:
        """Run the batches; stops at the first command that is refused and says which."""
        for number, step in enumerate(steps):
            if number:
                time.sleep(PAUSE_S)
            if step.tool == "ip":
                self._ip.batch(step.commands)
            else:
                self._bridge_batch(step.commands)

    def _bridge_batch(self, commands: Sequence[str]) -> None:
        rc, out, err = self._run(["bridge", "-batch", "-"], "".join(f"{command}\n" for command in commands))
        if rc == 0:
            return
        text = (err or out).strip()
        match = re.search(r"Command failed -:(\d+)", text)
        done = int(match.group(1)) - 1 if match else 0
        cause = re.sub(r"\s*Command failed -:\d+\s*", "", text) or f"exit code {rc}"
        raise BatchError(f"`bridge {commands[min(done, len(commands) - 1)]}` was refused: {cause}", done)
