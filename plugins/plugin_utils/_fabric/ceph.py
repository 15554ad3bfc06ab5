# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ceph on the fabric: which nodes take part, on which of their addresses."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from . import addressing
from .addressing import FAMILIES
from .errors import Path, Problems
from .model import Fabric, Node

# What module ceph_network writes.
NETWORK_OPTIONS = (
    *("public_network", "cluster_network", "ms_bind_ipv4", "ms_bind_ipv6"),
    *("mon_host", "public_addr", "cluster_addr"),
)
_SPACE = uuid.UUID("5b1c7c0e-6d0f-5b51-9d52-0c1f5ad5a6a1")
_POOLS = {"ipv6": "loopback6", "ipv4": "loopback4"}


@dataclass(frozen=True)
class Ceph:
    deploy: str
    fsid: str
    public_network: str
    cluster_network: str | None
    monitors: tuple[str, ...]
    managers: tuple[str, ...]
    osds: dict[str, tuple[str, ...]]
    options: dict[str, dict[str, Any]]
    addresses: dict[str, str] = field(default_factory=dict)
    """Node to its address in the public network, without length."""

    @property
    def family(self) -> str:
        return addressing.family_of(self.public_network)

    @property
    def members(self) -> tuple[str, ...]:
        return tuple(self.addresses)


def ceph_nodes(fabric: Fabric) -> list[Node]:
    return [node for node in fabric.nodes.values() if "ceph" in node.functions and node.managed]


def more_addresses(raw: dict[str, Any] | None, nodes: list[Node], problems: Problems) -> dict[str, str]:
    """Node to its address from `ceph.addresses`."""
    found: dict[str, str] = {}
    if not raw or not raw.get("addresses"):
        return found
    pool = addressing.prefix(raw["addresses"])
    for node in nodes:
        value = addressing.from_pool(pool, node.id) if node.id else None
        if value:
            found[node.name] = value
        elif node.id:
            problems.add(
                "id_outside_pool",
                ("nodes", node.name, "id"),
                id=node.id,
                pool="ceph.addresses",
                range=pool,
                last=addressing.pool_last(pool),
            )
    taken = {address: f"node '{n.name}'" for n in nodes for address in n.loopbacks.values()}
    for value in found.values():
        if value in taken:
            problems.add("address_taken", ("ceph", "addresses"), address=value, other=taken[value])
    return found


def read_ceph(raw: dict[str, Any] | None, fabric: Fabric, problems: Problems) -> Ceph | None:
    """None without Ceph, and where a mistake leaves nothing to plan."""
    if raw is None:
        return None
    path: Path = ("ceph",)
    deploy = raw.get("deploy", "none")
    names = {
        key: _names(raw.get(key) or [], (*path, key), fabric, problems)
        for key in ("monitors", "managers")
        if key in raw
    }
    osds = {name: tuple(disks or ()) for name, disks in (raw.get("osds") or {}).items()}
    _names(list(osds), (*path, "osds"), fabric, problems)
    _check_deploy(deploy, fabric, raw, problems)
    for section, options in (raw.get("options") or {}).items():
        for key in options or {}:
            if key.replace(" ", "_").replace("-", "_") in NETWORK_OPTIONS:
                problems.add("ceph_option_owned", (*path, "options", section, key), option=key)
    public = raw.get("addresses") if "public_network" not in raw else raw["public_network"]
    if public is None:
        public = next((pool for f in ("ipv6", "ipv4") if (pool := getattr(fabric.pools, _POOLS[f]))), None)
    if public is None:
        if not problems.touches(("pools",)):
            problems.add("ceph_no_network", path)
        return None
    public = addressing.prefix(public)
    cluster = addressing.prefix(raw["cluster_network"]) if raw.get("cluster_network") else None
    if cluster and addressing.family_of(cluster) != addressing.family_of(public):
        problems.add("ceph_families", (*path, "cluster_network"), cluster=cluster, public=public)
        return None
    monitors = tuple(names.get("monitors", ()))
    if problems.touches(("nodes",)) or problems.touches(("pools",)) or problems.touches((*path, "addresses")):
        return None
    addresses = {node.name: _address(node, public, "public_network", fabric, problems) for node in ceph_nodes(fabric)}
    for name in osds if cluster else ():
        if name in addresses:
            _address(fabric.nodes[name], cluster or "", "cluster_network", fabric, problems)
    return Ceph(
        deploy=deploy,
        fsid=raw.get("fsid") or str(uuid.uuid5(_SPACE, fabric.name)),
        public_network=public,
        cluster_network=cluster,
        monitors=monitors,
        managers=tuple(names.get("managers", monitors)),
        osds=osds,
        options={section: dict(options or {}) for section, options in (raw.get("options") or {}).items()},
        addresses={name: value for name, value in addresses.items() if value},
    )


def _names(names: list[Any], path: Path, fabric: Fabric, problems: Problems) -> list[str]:
    found = []
    known = ", ".join(node.name for node in ceph_nodes(fabric)) or "a node with the function ceph"
    for index, name in enumerate(names):
        here: Path = (*path, name if path[-1] == "osds" else index)
        if name is None:
            continue
        node = fabric.nodes.get(name)
        if node is None:
            problems.add("ceph_unknown_node", here, node=name, known=known)
        elif "ceph" not in node.functions:
            if not problems.touches(("nodes", name, "functions")):
                problems.add("ceph_function", here, node=name)
        elif not node.managed:
            problems.add("ceph_unmanaged", here, node=name)
        else:
            found.append(name)
    return found


def _check_deploy(deploy: str, fabric: Fabric, raw: dict[str, Any], problems: Problems) -> None:
    for node in ceph_nodes(fabric):
        if deploy == "packages" and node.release != "trixie":
            problems.add("ceph_release", ("ceph", "deploy"), node=node.name, release=node.release)
        if deploy == "pveceph" and "proxmox" not in node.functions:
            problems.add("ceph_pveceph", ("ceph", "deploy"), node=node.name)
    if deploy == "none" and raw.get("osds") and not problems.touches(("ceph", "deploy")):
        problems.add("ceph_osds_of_others", ("ceph", "osds"))


def _address(node: Node, network: str, key: str, fabric: Fabric, problems: Problems) -> str | None:
    """The node's one address in a network: any of the planned ones can be it."""
    family = addressing.family_of(network)
    planned = [node.loopbacks.get(family), *node.more]
    planned += [a.partition("/")[0] for a in _others(node, fabric)]
    inside = list(dict.fromkeys(a for a in planned if a and _in(network, a)))
    if len(inside) == 1:
        return inside[0]
    if not inside:
        there = [a for a in planned if a and addressing.family_of(a) == family]
        have = ", ".join(dict.fromkeys(there)) or f"no {'IPv6' if family == 'ipv6' else 'IPv4'} address"
        problems.add("ceph_no_address", ("ceph", key), node=node.name, network=network, have=have)
    else:
        problems.add("ceph_two_addresses", ("ceph", key), node=node.name, network=network, have=", ".join(inside))
    return None


def _others(node: Node, fabric: Fabric) -> list[str]:
    found = [
        end.addresses[family]
        for link in fabric.links
        for end in (link.a, link.b)
        for family in FAMILIES
        if end.node == node.name and family in end.addresses
    ]
    return found + [a for u in fabric.upstreams if u.node == node.name for a in u.addresses]


def _in(network: str, value: str) -> bool:
    return addressing.family_of(network) == addressing.family_of(value) and addressing.contains(network, value)
