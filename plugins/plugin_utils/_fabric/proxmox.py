# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clusters of Proxmox nodes: who is in which, over which links, and the network for migrations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import addressing
from .addressing import FAMILIES
from .errors import Path, Problems, format_path
from .model import Fabric, Node, Proxmox, ProxmoxCluster

_NAMES = {"ipv4": "IPv4", "ipv6": "IPv6"}
_LOOPBACKS = {"ipv4": "loopback4", "ipv6": "loopback6"}


def read_proxmox(raw: dict[str, Any], fabric: Fabric, problems: Problems) -> Proxmox:
    """The declared clusters, and one without a name for the Proxmox nodes that are in none."""
    clusters: list[ProxmoxCluster] = []
    taken: dict[str, str] = {}
    for name, entry in (raw.get("clusters") or {}).items():
        path: Path = ("proxmox", "clusters", name)
        names = _members(path, (entry or {}).get("nodes") or [], fabric, taken, problems)
        links = _links(entry or {}, names, fabric, path, problems)
        if names and links:
            networks = _networks(names, links[:1], fabric, path, problems)
            networks |= _networks(names, links[1:], fabric, path, None)
            migration = (entry or {}).get("migration", "secure")
            clusters.append(ProxmoxCluster(name, tuple(names), links, migration, networks))
    rest = [n.name for n in fabric.nodes.values() if "proxmox" in n.functions and n.name not in taken]
    for names in [rest] if _common(rest, fabric) else [[name] for name in rest]:
        families = _common(names, fabric)
        networks = _networks(names, families, fabric, (), None)
        clusters.append(ProxmoxCluster("", tuple(names), families, "secure", networks))
    return Proxmox(
        clusters=tuple(clusters),
        management=tuple(addressing.prefix(p) for p in (raw.get("firewall") or {}).get("management") or [] if p),
        repository=raw.get("repository", "none"),
        install=raw.get("install", False),
    )


def _common(names: list[str], fabric: Fabric) -> tuple[str, ...]:
    return tuple(f for f in FAMILIES if names and all(f in fabric.nodes[name].loopbacks for name in names))


def _members(
    path: Path, names: list[str | None], fabric: Fabric, taken: dict[str, str], problems: Problems
) -> list[str]:
    cluster = str(path[-1])
    found: list[str] = []
    for index, name in enumerate(names):
        here: Path = (*path, "nodes", index)
        if name is None:
            continue
        node = fabric.nodes.get(name)
        if node is None:
            known = [n.name for n in fabric.nodes.values() if "proxmox" in n.functions and n.managed]
            problems.add("cluster_unknown_node", here, node=name, known=", ".join(known) or "a node of nodes")
        elif "proxmox" not in node.functions:
            if not problems.touches(("nodes", name, "functions")):
                problems.add("cluster_not_proxmox", here, node=name)
        elif not node.managed:
            problems.add("cluster_unmanaged", here, node=name)
        elif taken.setdefault(name, cluster) != cluster:
            problems.add("cluster_two", here, node=name, other=taken[name])
        elif name not in found:
            found.append(name)
    return found


def _links(entry: dict[str, Any], names: list[str], fabric: Fabric, path: Path, problems: Problems) -> tuple[str, ...]:
    nodes: list[Node] = [fabric.nodes[name] for name in names]
    # which loopbacks there are is not known where pools or pins are wrong
    if not nodes or problems.touches(("pools",)) or any(problems.touches(("nodes", n.name)) for n in nodes):
        return ()
    if "links" not in entry:
        common = _common(names, fabric)
        if not common and not problems.touches((*path, "links")):
            other = next(n for n in nodes if not set(n.loopbacks) & set(nodes[0].loopbacks))
            problems.add("cluster_no_family", (*path, "nodes"), node=nodes[0].name, other=other.name)
        return common
    links = tuple(family for family in entry["links"] if family)
    for number, family in enumerate(links):
        for node in nodes:
            if family not in node.loopbacks:
                problems.add(
                    "cluster_link_family",
                    (*path, "links", number),
                    node=node.name,
                    family=_NAMES[family],
                    number=number,
                    key=family,
                    loopback=f"nodes.{node.name}.{_LOOPBACKS[family]}",
                )
                return ()
    return links


def _networks(
    names: list[str], families: tuple[str, ...], fabric: Fabric, path: Path, problems: Problems | None
) -> dict[str, str]:
    """
    Per family a prefix for the migration network: the pool, which stays the same when nodes come and go, or else the
    smallest one that contains the loopbacks. Proxmox takes the node's one address in it and refuses two.
    """
    found = {}
    for family in families:
        loopbacks = [fabric.nodes[name].loopbacks[family] for name in names]
        pool = getattr(fabric.pools, _LOOPBACKS[family])
        smallest = addressing.spanning(loopbacks)
        candidates = [pool] if pool and all(addressing.contains(pool, address) for address in loopbacks) else []
        for prefix in [*candidates, smallest]:
            other = next(_others(prefix, names, family, fabric), None)
            if other is None:
                found[family] = prefix
                break
        else:
            if problems is not None and other is not None:
                where, address = other
                listed = ", ".join(names)
                problems.add("cluster_network", path, nodes=listed, prefix=smallest, address=address, where=where)
    return found


def _others(prefix: str, names: list[str], family: str, fabric: Fabric) -> Iterator[tuple[str, str]]:
    """The nodes' planned addresses inside *prefix* that are not their loopbacks, each with where it comes from."""
    for link in fabric.links:
        for end in (link.a, link.b):
            address = end.addresses.get(family, "").partition("/")[0]
            own = end.node in names and address and address != fabric.nodes[end.node].loopbacks[family]
            if own and addressing.contains(prefix, address):
                yield format_path(link.path), address
    for upstream in fabric.upstreams:
        for value in upstream.addresses if upstream.node in names else ():
            address = value.partition("/")[0]
            if address != fabric.nodes[upstream.node].loopbacks[family] and addressing.contains(prefix, address):
                yield f"upstreams.{upstream.name}", address
