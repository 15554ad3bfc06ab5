# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tunnels: the ends that WireGuard makes, their firewall, and how their traffic is routed by its source.

Both ends are planned: the one in the fabric, and the far one for where our roles configure it (a managed machine, and
the one that stands for it in the twin).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .. import addressing
from ..addressing import DEFAULT_ROUTE, FAMILIES, LENGTH
from ..model import Fabric, Node
from ..numbers import (
    BLACKHOLE_METRIC,
    HANDSHAKE_MAXIMUM_S,
    NFT_TABLES,
    ROUTE_PROTOCOLS,
    ROUTE_TABLES,
    RULE_PRIORITIES,
)
from ..tunnel_model import Tunnel, is_address

Keys = dict[str, dict[str, str]]
"""Node to interface to public key."""

MAIN_TABLE = 254
_IP = {"ipv4": "ip", "ipv6": "ip6"}
_HEADERS = {"ipv4": 40, "ipv6": 60}  # IP and TCP, which the maximum segment size leaves out


@dataclass(frozen=True)
class _Half:
    """A tunnel as one of its ends sees it."""

    tunnel: Tunnel
    node: str
    interface: str
    listen_port: int
    addresses: tuple[str, ...]
    private_key: str | None
    peer: str
    peer_interface: str
    peer_key: str
    """Where the file has it; else it is in public_keys.yml."""
    peer_endpoint: str
    peer_from: tuple[str, ...]
    allowed: tuple[str, ...]
    table: int
    keepalive: int
    ping: str
    """The peer's address in the tunnel."""
    own_endpoint: str
    """The address that the peer lets in; empty where it is a name."""


def wireguard(fabric: Fabric, node: Node, keys: Keys, *, twin: bool) -> dict[str, Any] | None:
    """`fabric_node.wireguard` of a node of the fabric, None without tunnels."""
    halves = [_near(t, twin=twin) for t in fabric.tunnels if t.a.node == node.name and (t.b.provider or not twin)]
    return _described(halves, keys, rules=[], blackholes=[]) if halves else None


def wireguard_of_site(tunnel: Tunnel, keys: Keys) -> dict[str, Any]:
    """The same of the far end."""
    rules, blackholes = _source_routing(tunnel)
    return _described([_far(tunnel)], keys, rules, blackholes)


def verify(wireguard: dict[str, Any] | None) -> dict[str, Any]:
    """What must be seen live; left out where there is nothing."""
    if wireguard is None:
        return {}
    interfaces = [
        {
            "name": interface["name"],
            "public_key": interface["public_key"],
            "listen_port": interface["listen_port"],
            "mtu": interface["mtu"],
            "peers": [
                {key: peer[key] for key in ("name", "public_key", "allowed_ips", "ping", "source")}
                | {"endpoint": peer.get("endpoint", "")}
                for peer in interface["peers"]
            ],
        }
        for interface in wireguard["interfaces"]
    ]
    return {
        "tunnels": {
            "interfaces": interfaces,
            "table": NFT_TABLES["tunnels"],
            "handshake_s": HANDSHAKE_MAXIMUM_S,
            "rules": wireguard["rules"],
            "blackholes": wireguard["blackholes"],
        }
    }


def _near(tunnel: Tunnel, *, twin: bool) -> _Half:
    a, b = tunnel.a, tunnel.b
    allowed = _everything(FAMILIES) if tunnel.bgp else _with_addresses(b.prefixes, b.addresses)
    return _Half(
        tunnel=tunnel,
        node=a.node,
        interface=a.interface,
        listen_port=a.listen_port,
        addresses=a.addresses,
        private_key=a.private_key,
        peer=b.node,
        peer_interface=b.interface,
        peer_key="" if twin or b.managed else b.public_key,
        peer_endpoint=_endpoint(b.endpoint, b.listen_port),
        peer_from=_sources(b.endpoint, b.allow_from),
        allowed=allowed,
        table=0 if tunnel.bgp else MAIN_TABLE,
        keepalive=0 if a.endpoint else tunnel.keepalive,
        ping=b.addresses[0].partition("/")[0] if b.addresses else "",
        own_endpoint=a.endpoint if is_address(a.endpoint) else "",
    )


def _far(tunnel: Tunnel) -> _Half:
    a, b = tunnel.a, tunnel.b
    families = tuple(f for f in FAMILIES if any(addressing.family_of(p) == f for p in b.prefixes))
    if tunnel.bgp:
        allowed, table = _everything(FAMILIES), 0
    elif tunnel.source_routing:
        allowed, table = _everything(families), ROUTE_TABLES["fabric-tunnel"]
    else:
        allowed, table = _with_addresses(a.prefixes, a.addresses), MAIN_TABLE
    if tunnel.bgp and tunnel.source_routing:
        table = ROUTE_TABLES["fabric-tunnel"]
    return _Half(
        tunnel=tunnel,
        node=b.node,
        interface=b.interface,
        listen_port=b.listen_port,
        addresses=b.addresses,
        private_key=b.private_key,
        peer=a.node,
        peer_interface=a.interface,
        peer_key="",
        peer_endpoint=_endpoint(a.endpoint, a.listen_port),
        peer_from=_sources(a.endpoint, ()),
        allowed=allowed,
        table=table,
        keepalive=tunnel.keepalive if a.endpoint else 0,
        ping=a.addresses[0].partition("/")[0] if a.addresses else "",
        own_endpoint=b.endpoint if is_address(b.endpoint) else "",
    )


def _everything(families: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(DEFAULT_ROUTE[family] for family in families)


def _with_addresses(prefixes: tuple[str, ...], addresses: tuple[str, ...]) -> tuple[str, ...]:
    """The prefixes, and the far end's own addresses where they are not in them."""
    hosts = [addressing.host_prefix(address.partition("/")[0]) for address in addresses]
    return (*prefixes, *(h for h in hosts if not any(addressing.contains(p, h) for p in prefixes)))


def _endpoint(host: str, port: int) -> str:
    if not host:
        return ""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _sources(endpoint: str, more: tuple[str, ...]) -> tuple[str, ...]:
    """From where the other end's packets come; nothing: from anywhere."""
    if endpoint and not is_address(endpoint):
        return more  # a name's address is not known here
    return ((addressing.host_prefix(endpoint),) if endpoint else ()) + more


def _described(halves: list[_Half], keys: Keys, rules: list[Any], blackholes: list[Any]) -> dict[str, Any]:
    interfaces: dict[str, dict[str, Any]] = {}
    missing = []
    for half in halves:
        own = keys.get(half.node, {}).get(half.interface, "")
        interface = interfaces.setdefault(
            half.interface,
            {
                "name": half.interface,
                "listen_port": half.listen_port,
                "addresses": list(half.addresses),
                "mtu": half.tunnel.mtu,
                **({"private_key": {"secret": half.private_key}} if half.private_key else {}),
                "public_key": own,
                "peers": [],
            },
        )
        if not own:
            missing.append({"node": half.node, "interface": half.interface})
        key = half.peer_key or keys.get(half.peer, {}).get(half.peer_interface, "")
        if not key:
            missing.append({"node": half.peer, "interface": half.peer_interface})
        interface["peers"].append(_peer(half, key))
    return {
        "interfaces": list(interfaces.values()),
        "missing_keys": [m for index, m in enumerate(missing) if m not in missing[:index]],
        "ruleset": ruleset(halves),
        "rules": rules,
        "blackholes": blackholes,
        "protocol": ROUTE_PROTOCOLS["fabric-tunnel"],
        "table": NFT_TABLES["tunnels"],
    }


def _peer(half: _Half, key: str) -> dict[str, Any]:
    peer: dict[str, Any] = {
        "name": half.peer,
        "public_key": key,
        "allowed_ips": list(half.allowed),
        "table": half.table,
        "persistent_keepalive": half.keepalive,
        "ping": half.ping,
        "source": half.own_endpoint,
    }
    if half.peer_endpoint:
        peer["endpoint"] = half.peer_endpoint
    if half.tunnel.preshared_key:
        peer["preshared_key"] = {"secret": half.tunnel.preshared_key}
    return peer


def _source_routing(tunnel: Tunnel) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rules and blackhole routes of the far end.

    The first rule lets every route but main's default win, so what is between its own networks stays there. The second
    leads everything else into the tunnel's table. Its default route goes with the tunnel's interface; the blackhole
    behind it stays, so nothing falls through to main's default. What of the prefixes is in no network ends at the
    blackhole in main, and does not go to and fro through the tunnel.
    """
    blackholes = [{"prefix": p, "table": MAIN_TABLE, "metric": BLACKHOLE_METRIC} for p in tunnel.b.prefixes]
    if not tunnel.source_routing:
        return [], blackholes
    priority, table = RULE_PRIORITIES["fabric-tunnel"], ROUTE_TABLES["fabric-tunnel"]
    rules: list[dict[str, Any]] = []
    for prefix in tunnel.b.prefixes:
        rules.append({"priority": priority, "from": prefix, "table": MAIN_TABLE, "suppress_prefixlength": 0})
        rules.append({"priority": priority + 1, "from": prefix, "table": table})
    families = dict.fromkeys(addressing.family_of(prefix) for prefix in tunnel.b.prefixes)
    blackholes += [{"prefix": DEFAULT_ROUTE[f], "table": table, "metric": BLACKHOLE_METRIC} for f in families]
    return rules, blackholes


def ruleset(halves: list[_Half]) -> str:
    """What nft loads: the table anew, in one transaction. Nothing else of the machine's rules is touched."""
    table = f"table inet {NFT_TABLES['tunnels']}"
    lines = [
        "\t\t# a tunnel's MTU is found out by these",
        "\t\ticmpv6 type packet-too-big accept",
        "\t\ticmp type destination-unreachable icmp code frag-needed accept",
    ]
    ports: dict[int, list[_Half]] = {}
    for half in halves:
        ports.setdefault(half.listen_port, []).append(half)
    for port, sharing in ports.items():
        if not all(half.peer_from for half in sharing):
            lines.append(f"\t\tudp dport {port} accept  # a far end may come from anywhere")
            continue
        sources = list(dict.fromkeys(prefix for half in sharing for prefix in half.peer_from))
        for family in FAMILIES:
            listed = ", ".join(_short(p) for p in sources if addressing.family_of(p) == family)
            if listed:
                lines.append(f"\t\t{_IP[family]} saddr {{ {listed} }} udp dport {port} accept")
        lines.append(f"\t\tudp dport {port} counter drop")
    clamps = []
    for name, mtu in {half.interface: half.tunnel.mtu for half in halves}.items():
        for direction in ("iifname", "oifname"):
            for family, headers in _HEADERS.items():
                clamps.append(
                    f'\t\tmeta nfproto {family} {direction} "{name}" tcp flags syn / syn,rst '
                    f"tcp option maxseg size set {mtu - headers}"
                )
    return (
        "# Written by the Ansible collection routed.fabric (role wireguard).\n"
        "# Do not edit: the next run puts this file back.\n"
        f"{table}\n"
        f"delete {table}\n"
        f"{table} {{\n"
        "\tchain input {\n"
        "\t\ttype filter hook input priority -10; policy accept;\n" + "".join(f"{line}\n" for line in lines) + "\t}\n"
        "\tchain forward {\n"
        "\t\t# the segments that fit into the tunnel; the kernel never makes the announced size larger\n"
        "\t\ttype filter hook forward priority mangle; policy accept;\n"
        + "".join(f"{line}\n" for line in clamps)
        + "\t}\n"
        "}\n"
    )


def _short(prefix: str) -> str:
    """nft shows a host without its length."""
    host, _slash, length = prefix.partition("/")
    return host if int(length) == LENGTH[addressing.family_of(prefix)] else prefix
