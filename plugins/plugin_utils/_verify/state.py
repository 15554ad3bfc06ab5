# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection routed.fabric: no promise is made to code outside of it.
"""
The two sides of every check, easy to ask: what fabric_info read (`Live`) and what the plan says (`Plan`). Pure.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

DEFAULT = {"ipv4": "0.0.0.0/0", "ipv6": "::/0"}
MAIN_TABLE = "main"


def family_of(address: str) -> str:
    return "ipv6" if ":" in address else "ipv4"


def canonical_address(text: str, peer: str | None = None) -> str:
    """As fabric_info shows addresses: `LOCAL/LENGTH` or `LOCAL peer PEER/LENGTH`."""
    local = ipaddress.ip_interface(text)
    if not peer:
        return f"{local.ip}/{local.network.prefixlen}"
    other = ipaddress.ip_interface(peer)
    return f"{local.ip} peer {other.ip}/{other.network.prefixlen}"


def canonical_prefix(text: str, family: str) -> str:
    """`ip route` says `default`, and leaves out the length of a host route."""
    return DEFAULT[family] if text == "default" else str(ipaddress.ip_network(text, strict=False))


class Plan:
    """One node of the plan (`fabric_node`)."""

    def __init__(self, node: Mapping[str, Any]) -> None:
        self.node = node
        self.verify: Mapping[str, Any] = node.get("verify", {})
        self.underlay: Mapping[str, Any] = node.get("underlay", {})

    @property
    def is_router(self) -> bool:
        """Whether the node passes on what it hears."""
        return "router" in self.node.get("functions", ())

    @property
    def guests(self) -> Mapping[str, Any]:
        """What the checks of routed guests have to know; empty on a node without guests."""
        found: Mapping[str, Any] = self.verify.get("guests") or {}
        return found

    @property
    def bridge(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.node["guests"]["bridge"]
        return found

    @property
    def ceph(self) -> Mapping[str, Any]:
        """What the checks of a Ceph cluster have to know; empty on other nodes."""
        found: Mapping[str, Any] = self.verify.get("ceph") or {}
        return found

    @property
    def sysctl(self) -> dict[str, str]:
        """Every planned kernel parameter."""
        more = (self.node.get("guests") or {}).get("sysctl", {}) if self.guests else {}
        return {**self.underlay.get("sysctl", {}), **more}

    @property
    def sessions(self) -> list[dict[str, Any]]:
        return list(self.verify.get("sessions", []))

    @property
    def segments(self) -> list[dict[str, Any]]:
        return list(self.verify.get("segments", []))

    @property
    def tunnels(self) -> list[dict[str, Any]]:
        """WireGuard interfaces."""
        return list((self.verify.get("tunnels") or {}).get("interfaces", []))

    @property
    def handshake_s(self) -> int:
        return int(self.verify["tunnels"]["handshake_s"])

    def loopback(self, family: str) -> str:
        """The node's own address of a family without length; empty where it has none."""
        text = str(self.node.get("loopback", {}).get(family) or "")
        return text.partition("/")[0]

    @cached_property
    def addresses(self) -> dict[str, list[str]]:
        """Interface → addresses that have to be there."""
        loopback = self.node.get("loopback", {})
        found = {
            loopback.get("interface", "lo"): [
                *(canonical_address(loopback[family]) for family in ("ipv4", "ipv6") if loopback.get(family)),
                *(canonical_address(address) for address in loopback.get("more", [])),
            ]
        }
        for interface in self.underlay.get("interfaces", []):
            found[interface["name"]] = [
                canonical_address(item["address"], item.get("peer")) for item in interface.get("addresses", [])
            ]
        return found


class Live:
    """What fabric_info returned (`fabric`)."""

    def __init__(self, info: Mapping[str, Any]) -> None:
        self._info = info

    @cached_property
    def neighbors(self) -> dict[str, dict[str, Any]]:
        """The neighbors of the default VRF by name."""
        return {item["neighbor"]: item for item in self._info["bgp"]["neighbors"] if item["vrf"] == "default"}

    @property
    def bgp_runs(self) -> bool:
        return bool(self._info["bgp"]["running"])

    @cached_property
    def links(self) -> dict[str, dict[str, Any]]:
        return {link["name"]: link for link in self._info["links"]}

    @property
    def addresses(self) -> Mapping[str, list[str]]:
        found: Mapping[str, list[str]] = self._info["addresses"]
        return found

    @property
    def sysctl(self) -> Mapping[str, str | None]:
        found: Mapping[str, str | None] = self._info["sysctl"]
        return found

    @property
    def vxlan(self) -> Mapping[str, dict[str, Any]]:
        found: Mapping[str, dict[str, Any]] = self._info["vxlan"]
        return found

    @property
    def vnis(self) -> list[int]:
        """Those that zebra knows."""
        found: list[int] = self._info["evpn"]["vnis"]
        return found

    @property
    def wireguard(self) -> Mapping[str, dict[str, Any]]:
        """WireGuard interfaces that answer."""
        found: Mapping[str, dict[str, Any]] = self._info["wireguard"]
        return found

    def rules(self, family: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._info["rules"][family]
        return found

    @property
    def nft(self) -> str:
        return str(self._info["nft"])

    @property
    def ceph(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._info["ceph"]
        return found

    @property
    def guests(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._info["guests"]
        return found

    def guest_routes(self, plan: Plan) -> list[dict[str, Any]]:
        """The agent's routes in the table that FRR announces."""
        table = str(plan.guests["table"])
        found = [route for family in ("ipv4", "ipv6") for route in self.guests["routes"][family]]
        return [route for route in found if route["table"] == table]

    def advertised_to(self, neighbor: str, family: str, transit: bool) -> set[str]:
        """
        What the neighbor is sent; of a router (`transit`) without what it had from that neighbor first.

        FRR sends a route back to where it came from if others with the same policy get it too; the neighbor finds
        its own AS in the path and drops it. From a host, which passes nothing on, even that would be a leak.
        """
        routes: Mapping[str, str] = self._info["advertised"].get(neighbor, {}).get(family) or {}
        echo = [str(self.neighbors.get(neighbor, {}).get("remote_as"))] if transit else None
        return {canonical_prefix(prefix, family) for prefix, path in routes.items() if path.split()[:1] != echo}

    def routes(self, family: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._info["routes"][family]
        return found

    @cached_property
    def pings(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {(item["address"], item["interface"]): item for item in self._info["pings"]}

    def bgp_prefixes(self, family: str) -> set[str]:
        """What BGP brought in: what zebra took and what the kernel has."""
        kernel = {
            canonical_prefix(route["dst"], family)
            for route in self.routes(family)
            if route.get("protocol") == "bgp" and "dst" in route
        }
        return kernel | {canonical_prefix(prefix, family) for prefix in self._info["rib"][family]}

    def next_hop_interfaces(self, address: str) -> set[str]:
        """
        The interfaces of the best unicast route to an address in the main table; empty where there is none.

        The longest prefix wins, then the lowest metric. IPv6 shows a route with several next hops as several lines.
        """
        value = ipaddress.ip_address(address)
        family = family_of(address)
        best: tuple[int, int] | None = None
        interfaces: set[str] = set()
        for route in self.routes(family):
            if route.get("table", MAIN_TABLE) != MAIN_TABLE or route.get("type", "unicast") != "unicast":
                continue
            network = ipaddress.ip_network(canonical_prefix(route["dst"], family))
            if value not in network:
                continue
            rank = (network.prefixlen, -int(route.get("metric", 0)))
            if best is None or rank > best:
                best, interfaces = rank, set()
            if rank == best:
                interfaces |= set(_devices(route))
        return interfaces


def _devices(route: Mapping[str, Any]) -> Iterable[str]:
    if "nexthops" in route:
        return [hop["dev"] for hop in route["nexthops"] if "dev" in hop and "dead" not in hop.get("flags", [])]
    return [route["dev"]] if "dev" in route and "dead" not in route.get("flags", []) else []
