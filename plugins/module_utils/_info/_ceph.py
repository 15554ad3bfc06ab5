# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection routed.fabric: no promise is made to code outside of it.
"""What a node knows of its Ceph cluster, and where its daemons listen."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._ceph._cluster import Cluster
from ansible_collections.routed.fabric.plugins.module_utils._ceph._errors import CephError

Run = Callable[[Sequence[str]], "tuple[int, str, str]"]
_PROCESS = re.compile(r'"(ceph[^"]*)"')


def collect(run: Run, conf: str = "/etc/ceph/ceph.conf") -> dict[str, Any]:
    rc, out, _err = run(["ss", "-H", "-l", "-t", "-n", "-p"])
    found: dict[str, Any] = {"error": "", "listeners": listeners(out if rc == 0 else "")}
    cluster = Cluster(run, conf)
    try:
        health = cluster.health()
        monmap = cluster.monmap()
    except (CephError, ValueError) as exc:
        return {**found, "error": str(exc)}
    return {**found, **health.as_data(), "monitors": {member.name: member.vector for member in monmap}}


def listeners(text: str) -> list[dict[str, str]]:
    """Ceph's sockets in what `ss -Hltnp` prints: `{process: ceph-mon, address: "[2001:db8::1]:3300"}`."""
    found = []
    for line in text.splitlines():
        words = line.split()
        process = _PROCESS.search(line)
        if process and len(words) > 3:
            found.append({"process": process[1], "address": words[3]})
    return found
