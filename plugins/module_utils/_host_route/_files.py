# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""The files that bring routes, neighbours and proxy entries back: a batch, a unit, a hook, kernel parameters. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ansible_collections.routed.fabric.plugins.module_utils._host_route._state import (
    State,
    neighbour_words,
    proxy_words,
    route_words,
    rule_words,
)
from ansible_collections.routed.fabric.plugins.module_utils._ip import _sysctl

BATCH = "/etc/routed-fabric/host-routes.batch"
SYSCTL = "/etc/sysctl.d/91-routed-fabric-host-routes.conf"
SERVICE = "fabric-host-routes.service"
UNIT = f"/etc/systemd/system/{SERVICE}"
ENABLED = f"/etc/systemd/system/multi-user.target.wants/{SERVICE}"
# ifupdown2 runs these for every interface that it brings up, in `ifreload` too (`addon_scripts_support`, on in Debian).
HOOK_DIRECTORY = "/etc/network/if-up.d"
HOOK = f"{HOOK_DIRECTORY}/fabric-host-routes"

_HEADER = (
    "# Written by the Ansible collection routed.fabric (module host_route).\n"
    "# Do not edit: the next run puts this file back.\n"
)
_MARK = re.compile(r"^# protocol (\d+) table (\d+)$", re.MULTILINE)


class Change(NamedTuple):
    path: str
    before: str | None
    after: str | None  # None: no such file any more
    mode: int = 0o644


def render_batch(state: State, protocol: int, table: int) -> str:
    """
    For `ip -force -batch`, as often as one likes: every line replaces. Neighbours before the routes to them, routes
    without a gateway before those through them.
    """
    lines = [
        f"neigh replace {neighbour_words(key, lladdr, protocol)}" for key, lladdr in sorted(state.neighbours.items())
    ]
    routes = sorted(state.routes.values(), key=lambda route: (any(hop.via for hop in route.hops), route))
    lines += [f"route replace {route_words(route, protocol)}" for route in routes]
    lines += [f"neigh add proxy {proxy_words(key, protocol)}" for key in sorted(state.proxies)]
    return f"{_HEADER}# protocol {protocol} table {table}\n" + "".join(f"{line}\n" for line in lines)


def marks_of(batch: str | None) -> tuple[int, int] | None:
    """The protocol and the table that an earlier run wrote the batch for."""
    match = _MARK.search(batch or "")
    return (int(match.group(1)), int(match.group(2))) if match else None


def render_unit(state: State, protocol: int) -> str:
    """
    Interfaces of tunnels can come late, so a run in which a line was refused is repeated: for a minute, every two
    seconds. A rule that is there already is refused, which says nothing; there is no `ip rule replace`.
    """
    rules = "".join(
        f"ExecStart=-ip {'-6' if rule.family == 'inet6' else '-4'} rule add {rule_words(rule, protocol)}\n"
        for rule in sorted(state.rules)
    )
    return f"""{_HEADER}
[Unit]
Description=Host routes, permanent neighbours and proxy entries of the fabric
After=network.target
ConditionPathExists={BATCH}
StartLimitIntervalSec=300
StartLimitBurst=30

[Service]
Type=oneshot
ExecStart=-/usr/lib/systemd/systemd-sysctl {SYSCTL}
{rules}ExecStart=ip -force -batch {BATCH}
Restart=on-failure
RestartSec=2
LogRateLimitIntervalSec=30
LogRateLimitBurst=200

[Install]
WantedBy=multi-user.target
"""


def render_hook() -> str:
    """
    A link that goes down loses its routes and permanent neighbours. `restart`, because a run that has passed the
    interface's lines already would swallow a mere start; `reset-failed`, because many interfaces come up at once.
    """
    return f"""#!/bin/sh
{_HEADER}
[ -n "$IFACE" ] && grep -qsF -- " dev $IFACE " {BATCH} || exit 0
systemctl reset-failed {SERVICE} 2>/dev/null || true
exec systemctl --no-block restart {SERVICE}
"""


def render_sysctl(values: Mapping[str, str]) -> str:
    return _HEADER + "".join(f"{_sysctl.key_of(path)} = {values[path]}\n" for path in sorted(values))


def parse_sysctl(text: str | None) -> dict[str, str]:
    """Path below /proc/sys → value, of a file that `render_sysctl` wrote."""
    pairs = (line.split(" = ", 1) for line in (text or "").splitlines() if not line.startswith("#") and " = " in line)
    return {_sysctl.path_of(key): value for key, value in pairs}
