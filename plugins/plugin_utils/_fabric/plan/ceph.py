# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Ceph node is brought to: its network, its daemons, the start order."""

from __future__ import annotations

from typing import Any

from ..ceph import Ceph
from ..model import Fabric, Node
from ..numbers import FABRIC_ONLINE_S
from .ceph_calls import calls

# Debian's manager knows no more than this: see role ceph, mgr_bcrypt.py.
_BASE: dict[str, dict[str, Any]] = {
    "global": {
        "auth_cluster_required": "cephx",
        "auth_service_required": "cephx",
        "auth_client_required": "cephx",
        "mgr_initial_modules": "iostat",
    },
    "mon": {"auth_allow_insecure_global_id_reclaim": False},
}
# All nodes of a twin share two cores, one disk and little memory.
_TWIN: dict[str, dict[str, Any]] = {
    "global": {"osd_pool_default_pg_num": 8, "osd_pool_default_pg_autoscale_mode": "off"},
    "mon": {
        "mon_data_avail_warn": 2,
        "mon_data_avail_crit": 1,
        "mon_osd_cache_size": 10,
        "mon_memory_target": 134217728,
        "mon_memory_autotune": False,
        "rocksdb_cache_size": 16777216,
    },
    "osd": {
        "bluestore_cache_autotune": False,
        "bluestore_cache_size": 33554432,
        "osd_memory_target": 939524096,
        "osd_op_num_shards": 1,
        "osd_op_num_threads_per_shard": 1,
        "osd_max_pg_log_entries": 100,
        "osd_min_pg_log_entries": 10,
    },
}
_TWIN_FILES = "/var/lib/ceph/files"
_TWIN_SIZE_GIB = 8


def ceph(fabric: Fabric, node: Node, twin: bool) -> dict[str, Any] | None:
    """None on other nodes."""
    plan = fabric.ceph
    if plan is None or node.name not in plan.addresses:
        return None
    monitors = [{"name": name, "address": plan.addresses[name]} for name in plan.monitors]
    peers = [plan.addresses[name] for name in plan.members if name != node.name]
    return {
        "deploy": plan.deploy,
        "fsid": plan.fsid,
        "first": plan.monitors[0],
        "address": plan.addresses[node.name],
        "monitors": monitors,
        "monitor": node.name in plan.monitors,
        "manager": node.name in plan.managers,
        "osds": _osds(plan, node, twin),
        "options": _options(plan, twin),
        "network": {
            "public_network": [plan.public_network],
            "cluster_network": [plan.cluster_network] if plan.cluster_network else [],
            "ms_bind_ipv4": plan.family == "ipv4",
            "ms_bind_ipv6": plan.family == "ipv6",
            "mon_host": [monitor["address"] for monitor in monitors],
            "mtu": fabric.underlay.mtu,
        },
        "start_order": {"deadline_s": FABRIC_ONLINE_S, "peers": peers},
        "calls": calls(plan, node) if plan.deploy in ("pveceph", "cephadm") else [],
    }


def verify(fabric: Fabric, node: Node) -> dict[str, Any] | None:
    """What has to be seen of the cluster, by nodes that have the administrator's key. OSDs are counted if planned."""
    plan = fabric.ceph
    if plan is None or node.name not in plan.addresses:
        return None
    having_keys = {"none": plan.monitors, "cephadm": plan.monitors[:1]}.get(plan.deploy, plan.members)
    if node.name not in having_keys:
        return None
    return {
        "family": plan.family,
        "monitors": {name: plan.addresses[name] for name in plan.monitors},
        "osds": sum(len(disks) for disks in plan.osds.values()),
    }


def _osds(plan: Ceph, node: Node, twin: bool) -> list[dict[str, Any]]:
    disks = plan.osds.get(node.name, ())
    if not twin:
        return [{"device": disk} for disk in disks]
    names = [disk.removeprefix("/dev/").replace("/", "-") for disk in disks]
    return [{"file": f"{_TWIN_FILES}/{name}.img", "size_gib": _TWIN_SIZE_GIB} for name in names]


def _options(plan: Ceph, twin: bool) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    base = {**_BASE, "global": {"mon_initial_members": ",".join(plan.monitors), **_BASE["global"]}}
    for layer in (base, _TWIN if twin else {}, plan.options):
        for section, options in layer.items():
            found.setdefault(section, {}).update(options)
    return found
