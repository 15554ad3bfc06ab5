# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tunnels of the file: what follows from what is left out, and the rules between their fields."""

from __future__ import annotations

from typing import Any, Literal

from . import addressing
from .addressing import DEFAULT_ROUTE, PrefixRule
from .errors import Path, Problems, format_path
from .model import Fabric, Upstream
from .tunnel_model import WIREGUARD_OVERHEAD, NearEnd, Provider, Site, Tunnel, is_address

_NAMES = {"ipv4": "IPv4", "ipv6": "IPv6"}
_LEAST_ROUTEROS = (7, 18)
# Tunnels that share an interface have these in common.
_OF_INTERFACE = ("listen_port", "addresses", "private_key")
_DEFAULT_WAYS = {
    "a": "Set 'source_routing: true', use smaller prefixes, or give it as an address of the other family",
    "b": "Use smaller prefixes, or give it as an address of the other family",
}


def read_tunnels(raw_tunnels: dict[str, Any], fabric: Fabric, problems: Problems) -> tuple[Tunnel, ...]:
    """The tunnels in the order of the file, checked."""
    tunnels: list[Tunnel] = []
    for name, raw in raw_tunnels.items():
        path: Path = ("tunnels", name)
        if (
            not raw
            or any(not raw.get(end) or "node" not in raw[end] for end in ("a", "b"))
            or not raw["b"].get("prefixes")
        ):
            continue
        if raw["a"]["node"] not in fabric.nodes:
            if not problems.touches(("nodes", raw["a"]["node"])):
                known = ", ".join(sorted(fabric.nodes))
                problems.add("tunnel_unknown_node", (*path, "a", "node"), node=raw["a"]["node"], known=known)
            continue
        if any(problems.touches((*path, *end)) for end in (("a",), ("b",), ("underlay_mtu",), ("mtu",))):
            continue
        tunnel = _tunnel(name, raw, fabric)
        _check_ends(tunnel, fabric, tunnels, problems)
        _check_mtu(tunnel, raw, problems)
        _check_prefixes(tunnel, fabric, tunnels, problems)
        _check_interface(tunnel, fabric, tunnels, problems)
        if tunnel.bgp:
            _check_bgp(tunnel, raw, fabric, problems)
        tunnels.append(tunnel)
    return tuple(tunnels)


def _tunnel(name: str, raw: dict[str, Any], fabric: Fabric) -> Tunnel:
    near, far = raw["a"], raw["b"]
    routing = raw.get("routing", "allowed_ips")
    source_routing = raw.get("source_routing", False)
    endpoints = [near.get("endpoint") or "", far.get("endpoint") or ""]
    four = any(endpoints) and all(is_address(e) and addressing.family_of(e) == "ipv4" for e in endpoints if e)
    overhead = WIREGUARD_OVERHEAD["ipv4" if four else "ipv6"]
    site = _site(name, far)
    return Tunnel(
        name=name,
        routing=routing,
        source_routing=source_routing,
        mtu=raw.get("mtu", raw.get("underlay_mtu", 1500) - overhead),
        keepalive=raw.get("keepalive", 25),
        preshared_key=_secret(raw.get("preshared_key")),
        a=NearEnd(
            node=near["node"],
            interface=near.get("interface") or f"wg-{name}"[:15],
            listen_port=near.get("listen_port", 51820),
            addresses=_interfaces(near.get("addresses")),
            endpoint=_endpoint(near.get("endpoint")),
            prefixes=_near_prefixes(near, site, fabric, source_routing=source_routing and routing != "bgp"),
            private_key=_secret(near.get("private_key")),
        ),
        b=site,
    )


def _site(name: str, raw: dict[str, Any]) -> Site:
    provider = raw.get("provider")
    major, minor = (raw.get("version") or "7.18").split(".")
    return Site(
        node=raw["node"],
        platform=raw.get("platform", "debian"),
        managed=raw.get("managed", False),
        version=(int(major), int(minor)),
        interface=raw.get("interface") or f"wg-{name}"[:15],
        listen_port=raw.get("listen_port", 51820),
        addresses=_interfaces(raw.get("addresses")),
        endpoint=_endpoint(raw.get("endpoint")),
        allow_from=_prefixes(raw.get("allow_from")),
        prefixes=_prefixes(raw["prefixes"]),
        lans={lan: _interfaces(addresses) for lan, addresses in (raw.get("lans") or {}).items()},
        stay=_prefixes(raw.get("stay")),
        table=raw.get("table") or "fabric",
        interface_list=raw.get("interface_list") or "",
        asn=raw.get("asn"),
        router_id=raw.get("router_id"),
        public_key=raw.get("public_key") or "",
        private_key=_secret(raw.get("private_key")),
        provider=Provider(
            provider["interface"],
            _interfaces(provider["addresses"]),
            tuple(addressing.address(a) for a in provider["next_hops"] if a),
        )
        if provider
        else None,
    )


def _near_prefixes(raw: dict[str, Any], site: Site, fabric: Fabric, *, source_routing: bool) -> tuple[str, ...]:
    """With source routing everything is sent, whatever stands here; else what the fabric consists of."""
    if "prefixes" in raw:
        return _prefixes(raw["prefixes"])
    if source_routing:
        return ()
    families = {addressing.family_of(prefix) for prefix in site.prefixes}
    found = [p for p in (fabric.pools.loopback4, fabric.pools.loopback6, *fabric.guest_prefixes) if p]
    return tuple(p for p in dict.fromkeys(found) if addressing.family_of(p) in families)


def _prefixes(raw: list[str | None] | None) -> tuple[str, ...]:
    return tuple(addressing.prefix(text) for text in raw or [] if text)


def _interfaces(raw: list[str | None] | None) -> tuple[str, ...]:
    return tuple(addressing.interface_address(text) for text in raw or [] if text)


def _endpoint(raw: str | None) -> str:
    return addressing.address(raw) if raw and is_address(raw) and _sound(raw) else (raw or "")


def _sound(text: str) -> bool:
    try:
        addressing.address(text)
    except ValueError:
        return False
    return True


def _secret(raw: dict[str, str] | None) -> str | None:
    return raw.get("secret") if raw else None


def _check_ends(tunnel: Tunnel, fabric: Fabric, others: list[Tunnel], problems: Problems) -> None:
    path: Path = ("tunnels", tunnel.name)
    node = fabric.nodes[tunnel.a.node]
    if not node.managed:
        problems.add("tunnel_unmanaged", (*path, "a", "node"), node=node.name)
    if "wireguard" not in node.functions and not problems.touches(("nodes", node.name, "functions")):
        problems.add("tunnel_function", (*path, "a", "node"), node=node.name)
    site = tunnel.b
    if site.node in fabric.nodes or site.node in fabric.servers:
        problems.add("tunnel_far_node", (*path, "b", "node"), node=site.node)
    for other in others:
        if other.b.node == site.node:
            problems.add("tunnel_far_twice", (*path, "b", "node"), node=site.node, other=other.name)
    if site.platform == "routeros":
        if site.managed:
            problems.add("platform_managed", (*path, "b"), platform=site.platform)
        if site.version < _LEAST_ROUTEROS:
            problems.add("tunnel_version", (*path, "b", "version"), version=".".join(map(str, site.version)))
    for end, endpoint in (("a", tunnel.a.endpoint), ("b", site.endpoint)):
        if is_address(endpoint) and not _sound(endpoint):
            problems.add("tunnel_endpoint_form", (*path, end, "endpoint"), endpoint=endpoint)
    if not tunnel.a.endpoint and not site.endpoint:
        problems.add("tunnel_no_endpoint", path)


def _check_mtu(tunnel: Tunnel, raw: dict[str, Any], problems: Problems) -> None:
    four = any(is_address(e) and addressing.family_of(e) == "ipv6" for e in (tunnel.a.endpoint, tunnel.b.endpoint))
    overhead = WIREGUARD_OVERHEAD["ipv6" if four else "ipv4"]
    carried = raw.get("underlay_mtu", 1500)
    if tunnel.mtu + overhead > carried:
        problems.add(
            "tunnel_mtu",
            ("tunnels", tunnel.name, "mtu"),
            mtu=tunnel.mtu,
            carried=carried,
            overhead=overhead,
            most=carried - overhead,
        )


def _check_prefixes(tunnel: Tunnel, fabric: Fabric, others: list[Tunnel], problems: Problems) -> None:
    path: Path = ("tunnels", tunnel.name)
    for index, prefix in enumerate(tunnel.b.prefixes):
        here: Path = (*path, "b", "prefixes", index)
        for other in others:
            for taken in other.b.prefixes:
                if addressing.overlap(prefix, taken):
                    problems.add("tunnel_overlap", here, prefix=prefix, taken=taken, other=other.name)
        for pool in (fabric.pools.loopback4, fabric.pools.loopback6, *fabric.guest_prefixes):
            if pool and addressing.overlap(prefix, pool):
                problems.add("tunnel_prefix_taken", here, prefix=prefix, taken=pool)
        if addressing.family_of(prefix) not in fabric.families and fabric.families:
            family = _NAMES[addressing.family_of(prefix)]
            problems.add("tunnel_family", here, prefix=prefix, family=family)
        if (
            is_address(tunnel.b.endpoint)
            and _sound(tunnel.b.endpoint)
            and addressing.contains(prefix, tunnel.b.endpoint)
        ):
            problems.add("tunnel_through_itself", (*path, "b", "endpoint"), endpoint=tunnel.b.endpoint, prefix=prefix)
    _check_default(tunnel, "b", problems)
    if tunnel.bgp or tunnel.source_routing:
        return
    if not tunnel.a.prefixes:
        problems.add("tunnel_no_prefixes", (*path, "a"))
    for prefix in tunnel.a.prefixes:
        if (
            is_address(tunnel.a.endpoint)
            and _sound(tunnel.a.endpoint)
            and addressing.contains(prefix, tunnel.a.endpoint)
        ):
            problems.add("tunnel_through_itself", (*path, "a", "endpoint"), endpoint=tunnel.a.endpoint, prefix=prefix)
    _check_default(tunnel, "a", problems)


def _check_default(tunnel: Tunnel, end: Literal["a", "b"], problems: Problems) -> None:
    """A default route into the tunnel towards an end whose address is not in the file.

    Where it is, it was compared already. Where it is not, the address of the other end says the family of the way.
    """
    towards, other = (tunnel.a, tunnel.b) if end == "a" else (tunnel.b, tunnel.a)
    if is_address(towards.endpoint):
        return
    known = addressing.family_of(other.endpoint) if is_address(other.endpoint) else None
    for index, prefix in enumerate(towards.prefixes):
        if is_default(prefix) and known in (None, addressing.family_of(prefix)):
            problems.add(
                "tunnel_default_route",
                ("tunnels", tunnel.name, end, "prefixes", index),
                prefix=prefix,
                endpoint=f"'{towards.endpoint}', a name" if towards.endpoint else "not given",
                end=end,
                way=_DEFAULT_WAYS[end],
            )


def _check_interface(tunnel: Tunnel, fabric: Fabric, others: list[Tunnel], problems: Problems) -> None:
    path: Path = ("tunnels", tunnel.name, "a", "interface")
    for link in fabric.links:
        for end in (link.a, link.b):
            if (end.node, end.interface) == (tunnel.a.node, tunnel.a.interface):
                problems.add(
                    "interface_used_twice",
                    path,
                    interface=end.interface,
                    node=end.node,
                    other=format_path(link.path),
                )
    for other in others:
        if other.a.node != tunnel.a.node:
            continue
        if other.a.interface != tunnel.a.interface:
            if other.a.listen_port == tunnel.a.listen_port:
                port: Path = (*path[:3], "listen_port")
                problems.add("tunnel_port_taken", port, port=tunnel.a.listen_port, other=other.name)
            continue
        if tunnel.bgp or other.bgp:
            problems.add("tunnel_shared_bgp", path, interface=tunnel.a.interface, other=other.name)
            continue
        differing = [key for key in _OF_INTERFACE if getattr(tunnel.a, key) != getattr(other.a, key)]
        differing += ["mtu"] if tunnel.mtu != other.mtu else []
        if differing:
            problems.add(
                "tunnel_shared_differs",
                path,
                interface=tunnel.a.interface,
                other=other.name,
                keys=" and ".join(differing),
            )


def _check_bgp(tunnel: Tunnel, raw: dict[str, Any], fabric: Fabric, problems: Problems) -> None:
    path: Path = ("tunnels", tunnel.name)
    node = fabric.nodes[tunnel.a.node]
    if tunnel.b.asn is None:
        problems.add("tunnel_bgp_asn", (*path, "b"))
    elif tunnel.b.asn == node.asn:
        problems.add("tunnel_bgp_own_as", (*path, "b", "asn"), asn=node.asn, node=node.name)
    if tunnel.b.router_id is None:
        problems.add("tunnel_bgp_router_id", (*path, "b"))
    ends = tunnel.ends()
    if not ends:
        problems.add("tunnel_bgp_addresses", path)
        return
    exchanged = [("b", index, prefix) for index, prefix in enumerate(tunnel.b.prefixes)]
    if "prefixes" in raw["a"]:
        exchanged += [("a", index, prefix) for index, prefix in enumerate(tunnel.a.prefixes)]
    for end, index, prefix in exchanged:
        family = addressing.family_of(prefix)
        if family not in ends:
            problems.add("tunnel_bgp_family", (*path, end, "prefixes", index), prefix=prefix, family=_NAMES[family])


def sessions(tunnels: tuple[Tunnel, ...]) -> tuple[Upstream, ...]:
    """The sessions over tunnels, one a family, as the rest of the plan knows sessions with somebody outside."""
    found = []
    for tunnel in tunnels:
        if not tunnel.bgp or tunnel.b.asn is None:
            continue
        for family, (_near, far) in tunnel.ends().items():
            accept = [PrefixRule(p) for p in tunnel.b.prefixes if addressing.family_of(p) == family]
            announce = [PrefixRule(p) for p in tunnel.a.prefixes if addressing.family_of(p) == family]
            if accept or announce:
                found.append(
                    Upstream(
                        name=tunnel.name,
                        node=tunnel.a.node,
                        interface=tunnel.a.interface,
                        addresses=(),
                        neighbor=far.partition("/")[0],
                        remote_as=tunnel.b.asn,
                        accept=tuple(accept),
                        announce=tuple(announce),
                        multihop=None,
                        bfd=False,
                        tunnel=True,
                        in_twin=tunnel.b.provider is not None,
                    )
                )
    return tuple(found)


def announced_by(node: str, tunnels: tuple[Tunnel, ...]) -> tuple[str, ...]:
    """What a node announces because it routes it into a tunnel. Where BGP decides, it is learned instead."""
    return tuple(p for t in tunnels if t.a.node == node and not t.bgp for p in t.b.prefixes)


def is_default(prefix: str) -> bool:
    return prefix in DEFAULT_ROUTE.values()
