# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From data that keeps to the schema to the model: allocation, and the rules between fields.

Every rule reports and goes on. Where a mistake was already found, rules that only follow from it stay silent.
The returned fabric is complete only if no problem was found.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from . import addressing
from .ceph import ceph_nodes, more_addresses, read_ceph
from .errors import Path, Problems
from .extensions import read_extensions
from .gateways import check_uplinks, read_gateway
from .guests import read_guests
from .links import read_links
from .model import Bfd, Fabric, Link, Node, Pools, Underlay
from .numbers import BFD_DEFAULT, BFD_TWIN, MTU_DEFAULT, RESERVED_ASNS
from .overlay import read_overlay
from .overlay_model import Segment
from .peer_config import junos
from .proxmox import read_proxmox
from .segments import announced_by, read_segments
from .servers import check_servers, is_attached, read_servers
from .tunnel_model import Tunnel
from .tunnels import announced_by as announced_into_tunnels
from .tunnels import read_tunnels, sessions
from .upstreams import read_rules, read_upstreams

# After these nobody knows where a link would have gone.
_LOST_LINK = {"link_unknown_node", "bad_pattern", "bad_name", "wrong_type", "template", "key_type"}
_RESERVED_NAMES = ("all", "ungrouped", "fabric", "localhost")


def build(data: dict[str, Any], problems: Problems) -> Fabric:
    """The model of a validated file; mistakes between fields go to *problems*."""
    pools = _read_pools(data.get("pools") or {})
    underlay = _read_underlay(data.get("underlay") or {}, problems)
    everything: dict[str, Any] = {name: node or {} for name, node in (data.get("nodes") or {}).items()}
    raw_servers = {
        name: node
        for name, node in everything.items()
        if is_attached(node) or problems.codes(("nodes", name, "attached"))
    }
    raw_nodes = {name: node for name, node in everything.items() if name not in raw_servers}
    _check_names(everything, problems)
    nodes = _read_nodes(raw_nodes, pools, problems)
    _check_sites(data, everything, problems)
    check_servers(raw_servers, data, problems)
    data = {**data, "nodes": raw_nodes}
    fabric = Fabric(
        name=data.get("name", ""),
        domain=data.get("domain"),
        pools=pools,
        underlay=underlay,
        nodes=nodes,
        links=(),
        upstreams=(),
        guest_prefixes=tuple(addressing.prefix(p) for p in data.get("guest_prefixes") or [] if p),
        guest_sources=tuple(s for s in data.get("guest_sources") or ["fabric"] if s),
    )
    links = read_links(data, fabric, problems)
    upstreams = read_upstreams(data.get("upstreams") or {}, fabric, links, problems)
    _check_isolated(nodes, raw_nodes, links, problems)
    _check_junos(nodes, links, problems)
    fabric = replace(fabric, links=links, upstreams=upstreams)
    overlay = read_overlay(data, fabric, problems)
    segments = read_segments(data, fabric, overlay, problems)
    servers, segments = read_servers(raw_servers, segments, fabric, problems)
    fabric = replace(fabric, overlay=overlay, segments=segments, servers=servers)
    tunnels = read_tunnels(data.get("tunnels") or {}, fabric, problems)
    fabric = replace(fabric, tunnels=tunnels, upstreams=(*upstreams, *sessions(tunnels)))
    more = more_addresses(data.get("ceph"), ceph_nodes(fabric), problems)
    nodes = {name: _with_announced(node, more.get(name), segments, tunnels) for name, node in nodes.items()}
    fabric = replace(fabric, nodes=nodes)
    fabric = replace(fabric, ceph=read_ceph(data.get("ceph"), fabric, problems))
    check_uplinks(fabric, problems)
    fabric = replace(fabric, proxmox=read_proxmox(data.get("proxmox") or {}, fabric, problems))
    fabric = replace(fabric, guests=read_guests(data, fabric, problems))
    extensions = read_extensions(data, fabric, problems)
    return replace(fabric, extensions=extensions, extended="subnet_extensions" in data)


def _with_announced(node: Node, more: str | None, segments: tuple[Segment, ...], tunnels: tuple[Tunnel, ...]) -> Node:
    addresses = (more,) if more else ()
    announced = (
        *announced_by(node, segments),
        *announced_into_tunnels(node.name, tunnels),
        *(addressing.host_prefix(address) for address in addresses),
    )
    return replace(node, announced=announced, more=addresses)


def _read_pools(raw: dict[str, Any]) -> Pools:
    return Pools(
        asn=addressing.asn_range(raw["asn"]) if raw.get("asn") else None,
        router_id=addressing.prefix(raw["router_id"]) if raw.get("router_id") else None,
        loopback4=addressing.prefix(raw["loopback4"]) if raw.get("loopback4") else None,
        loopback6=addressing.prefix(raw["loopback6"]) if raw.get("loopback6") else None,
    )


def _read_underlay(raw: dict[str, Any], problems: Problems) -> Underlay:
    bfd = raw.get("bfd", True)
    values = bfd if isinstance(bfd, dict) else {}
    twin = values.get("twin") or {}
    return Underlay(
        mtu=raw.get("mtu", MTU_DEFAULT),
        loopback_interface=raw.get("loopback_interface", "lo"),
        profile=raw.get("profile", "datacenter"),
        bfd=None
        if bfd is False
        else Bfd(values.get("interval", BFD_DEFAULT[0]), values.get("multiplier", BFD_DEFAULT[1])),
        bfd_twin=None if bfd is False else Bfd(twin.get("interval", BFD_TWIN[0]), twin.get("multiplier", BFD_TWIN[1])),
        accept=read_rules(raw.get("accept") or [], ("underlay", "accept"), problems),
    )


class _Allocator:
    """Hands out what belongs to an id, and sees to it that nothing is handed out twice."""

    def __init__(self, raw_nodes: dict[str, Any], pools: Pools, problems: Problems) -> None:
        self.pools = pools
        self.problems = problems
        self.taken: dict[tuple[str, Any], str] = {}
        self.pinned_asns = {node["asn"]: name for name, node in reversed(raw_nodes.items()) if "asn" in node}
        used = {node.get("id") for node in raw_nodes.values()}
        self._free = (i for i in range(1, len(raw_nodes) + 2_000_000) if i not in used)
        self._ids: dict[int, str] = {}

    def id(self, name: str, raw: dict[str, Any]) -> int | None:
        path: Path = ("nodes", name)
        if "id" not in raw:
            if not self.problems.touches((*path, "id")):
                self.problems.add("id_missing", path, free=next(self._free))
            return None
        number: int = raw["id"]
        if number in self._ids:
            self.problems.add("id_duplicate", (*path, "id"), id=number, other=self._ids[number], free=next(self._free))
            return None
        self._ids[number] = name
        return number

    def asn(self, name: str, raw: dict[str, Any], number: int | None) -> int:
        path: Path = ("nodes", name)
        if "asn" in raw:
            asn: int = raw["asn"]
            if asn in RESERVED_ASNS:
                self.problems.add("asn_reserved", (*path, "asn"), asn=asn)
            return asn
        if self.pools.asn is None:
            if not self.problems.touches((*path, "asn")) and not self.problems.touches(("pools", "asn")):
                self.problems.add("asn_missing", path)
            return 0
        if number is None:
            return 0
        low, high = self.pools.asn
        if low + number > high:
            self._outside(path, number, "pools.asn", f"{low}-{high}", high - low)
            return 0
        other = self.pinned_asns.get(low + number)
        if other is not None:
            self.problems.add("asn_pool_clash", path, asn=low + number, other=other, range=f"{low}-{high}")
        if low + number in RESERVED_ASNS:
            self.problems.add("asn_reserved", path, asn=low + number)
        return low + number

    def address(self, name: str, raw: dict[str, Any], key: str, number: int | None) -> str | None:
        """The pinned address, or pool[id]; None where there is neither."""
        path: Path = ("nodes", name)
        pool = getattr(self.pools, key)
        if key in raw:
            value: str | None = addressing.address(raw[key])
            path = (*path, key)
        elif pool is None or number is None:
            return None
        else:
            value = addressing.from_pool(pool, number)
            if value is None:
                self._outside(path, number, f"pools.{key}", pool, addressing.pool_last(pool))
                return None
        self._claim("router_id_duplicate" if key == "router_id" else "loopback_duplicate", path, name, value)
        return value

    def router_id(self, name: str, raw: dict[str, Any], number: int | None, loopbacks: dict[str, str]) -> str:
        path: Path = ("nodes", name)
        value = self.address(name, raw, "router_id", number)
        if value is None and "ipv4" in loopbacks:
            value = loopbacks["ipv4"]
            self._claim("router_id_duplicate", path, name, value)
        causes: tuple[Path, ...] = (("pools",), (*path, "id"), (*path, "router_id"), (*path, "loopback4"))
        if value is None and number is not None and not any(self.problems.touches(cause) for cause in causes):
            self.problems.add("router_id_missing", path)
        return value or "0.0.0.0"  # noqa: S104 - a placeholder: a fabric with problems is never planned

    def _claim(self, code: str, path: Path, name: str, value: str | None) -> None:
        other = self.taken.setdefault((code, value), name)
        if other != name:
            self.problems.add(code, path, address=value, other=other)

    def _outside(self, path: Path, number: int, pool: str, text: str, last: int) -> None:
        self.problems.add("id_outside_pool", (*path, "id"), id=number, pool=pool, range=text, last=last)


def _check_names(raw_nodes: dict[str, Any], problems: Problems) -> None:
    lower: dict[str, str] = {}
    for name in raw_nodes:
        path: Path = ("nodes", name)
        if name.lower() in _RESERVED_NAMES:
            problems.add("name_reserved", path, name=name)
        if lower.setdefault(name.lower(), name) != name:
            problems.add("name_case", path, other=lower[name.lower()])


def _read_nodes(raw_nodes: dict[str, Any], pools: Pools, problems: Problems) -> dict[str, Node]:
    allocator = _Allocator(raw_nodes, pools, problems)
    nodes: dict[str, Node] = {}
    for name, raw in raw_nodes.items():
        path: Path = ("nodes", name)
        number = allocator.id(name, raw)
        loopbacks = {}
        for family, key in (("ipv4", "loopback4"), ("ipv6", "loopback6")):
            address = allocator.address(name, raw, key, number)
            if address:
                loopbacks[family] = address
        pinned_badly = any(problems.touches((*path, key)) for key in ("id", "loopback4", "loopback6"))
        if not loopbacks and number is not None and not pinned_badly and not problems.touches(("pools",)):
            problems.add("loopback_missing", path)
        functions = tuple(f for f in raw.get("functions") or ["router"] if f)
        node = Node(
            name=name,
            id=number or 0,
            functions=functions or ("router",),
            platform=raw.get("platform", "frr"),
            managed=raw.get("managed", True),
            release=raw.get("release", "trixie"),
            site=raw.get("site"),
            rack=raw.get("rack"),
            asn=allocator.asn(name, raw, number),
            router_id=allocator.router_id(name, raw, number, loopbacks),
            loopbacks=loopbacks,
            default_originate=raw.get("default_originate", False),
            bfd=raw.get("bfd", True),
            allowas_in=int(raw.get("allowas_in", 0)),
            frr_lines=tuple(line for line in (raw.get("override") or {}).get("frr_lines") or [] if line),
            sysctl={k: str(v) for k, v in ((raw.get("override") or {}).get("sysctl") or {}).items()},
            gateway=read_gateway(name, raw, problems),
        )
        nodes[name] = node
        _check_node(node, raw, path, problems)
    return nodes


def _check_node(node: Node, raw: dict[str, Any], path: Path, problems: Problems) -> None:
    if node.platform in ("junos", "routeros") and node.managed and not problems.touches((*path, "managed")):
        problems.add("platform_managed", path, platform=node.platform)
    if raw.get("override") and not node.managed:
        problems.add("override_unmanaged", (*path, "override"))
    may_originate = node.is_router or "border_gateway" in node.functions
    if node.default_originate and not may_originate and not problems.touches((*path, "functions")):
        problems.add("originate_not_router", (*path, "default_originate"))


def _check_sites(data: dict[str, Any], raw_nodes: dict[str, Any], problems: Problems) -> None:
    sites = data.get("sites")
    if not sites or problems.touches(("sites",)):
        return
    for name, raw in raw_nodes.items():
        site, rack = raw.get("site"), raw.get("rack")
        if site is not None and site not in sites:
            problems.add("site_unknown", ("nodes", name, "site"), site=site, known=", ".join(sites))
        elif (
            site is not None
            and rack is not None
            and "racks" in (sites[site] or {})
            and rack not in sites[site]["racks"]
        ):
            known = ", ".join(sites[site]["racks"])
            problems.add("rack_unknown", ("nodes", name, "rack"), site=site, rack=rack, known=known)


def _check_junos(nodes: dict[str, Node], links: tuple[Link, ...], problems: Problems) -> None:
    """What a Juniper switch is told has its interfaces' names in it."""
    for link in links:
        for end in (link.a, link.b):
            node = nodes.get(end.node)
            if node and node.platform == "junos" and not junos.INTERFACE.match(end.interface):
                problems.add("junos_interface", link.path, interface=end.interface, node=end.node)


def _check_isolated(
    nodes: dict[str, Node], raw_nodes: dict[str, Any], links: tuple[Any, ...], problems: Problems
) -> None:
    if len(nodes) < 2 or problems.touches(("links",)):
        return
    linked = {end.node for link in links for end in (link.a, link.b)}
    if any(problems.codes(("nodes", name, "uplinks")) & _LOST_LINK for name in raw_nodes):
        return
    for name in nodes:
        if name not in linked and "unknown_key" not in problems.codes(("nodes", name)):
            problems.add("isolated", ("nodes", name))
