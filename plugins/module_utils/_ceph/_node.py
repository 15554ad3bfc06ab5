# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""Whether this node has what Ceph's network needs: an address in it, and routes to the monitors. Pure.

What Ceph does at its start (src/common/pick_address.cc): among the node's addresses in the order of getifaddrs it takes
the first one inside of the network whose interface is up. It passes over labels that begin with `lo:`, so an address on
`lo` itself is fine (seen with 18.2: /128 on lo), and one with the label `lo:1` is not.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._ceph._errors import CephError
from ansible_collections.routed.fabric.plugins.module_utils._ceph._wanted import (
    ADDRESSES,
    NETWORKS,
    Address,
    Network,
    Values,
    address,
    split_networks,
)

_OF = dict(zip(NETWORKS, ADDRESSES))


@dataclass(frozen=True)
class Local:
    """An address of this node."""

    address: Address
    interface: str
    label: str
    up: bool
    usable: bool
    """Neither tentative nor refused by duplicate address detection."""

    @property
    def passed_over(self) -> bool:
        return self.label.startswith("lo:")


def local_addresses(links: Sequence[Mapping[str, Any]]) -> list[Local]:
    """From `ip -j address`, sorted: the kernel's order changes with every address that is added."""
    found = []
    for link in links:
        for info in link.get("addr_info", []):
            if "local" in info:
                found.append(
                    Local(
                        ipaddress.ip_address(info["local"]),
                        link["ifname"],
                        info.get("label", link["ifname"]),
                        "UP" in link.get("flags", []),
                        not (info.get("tentative") or info.get("dadfailed")),
                    )
                )
    return sorted(found, key=lambda entry: (entry.address.version, int(entry.address)))


def check_address(values: Values, local: Sequence[Local], path: str = "") -> dict[str, str]:
    """`{public_network: "2001:db8::1 on lo"}`: the address that a daemon will take. CephError where it has none."""
    picked = {}
    for key in NETWORKS:
        networks = split_networks(values.get(key), f"{path}{key}")
        explicit = values.get(_OF[key])
        if explicit:
            picked[key] = _explicit(address(explicit, f"{path}{_OF[key]}"), networks, local, f"{path}{_OF[key]}")
        elif networks:
            picked[key] = _only(networks, local, f"{path}{key}", _OF[key])
    return picked


def _explicit(value: Address, networks: Sequence[Network], local: Sequence[Local], path: str) -> str:
    found = [entry for entry in local if entry.address == value]
    if not found:
        raise CephError(f"{path}: {value} is no address of this node; it has {_listed(local, value.version)}")
    if networks and not any(value in entry for entry in networks):
        raise CephError(
            f"{path}: {value} lies outside of {', '.join(str(n) for n in networks)}; correct one of the two"
        )
    return f"{value} on {found[0].interface}"


def _only(networks: Sequence[Network], local: Sequence[Local], path: str, option: str) -> str:
    text = ", ".join(str(entry) for entry in networks)
    inside = [e for e in local if any(e.address in n for n in networks if n.version == e.address.version)]
    good = [e for e in inside if e.up and not e.passed_over]
    for entry in inside if not good else []:
        if entry.passed_over:
            raise CephError(
                f"{path}: {entry.address} has the label {entry.label}, and Ceph passes over labels that begin with "
                "'lo:'; add it without a label, or to a dummy interface"
            )
        raise CephError(f"{path}: {entry.address} is on {entry.interface}, which is down; Ceph passes over it")
    if not good:
        version = networks[0].version
        raise CephError(
            f"{path}: this node has no address in {text}, only {_listed(local, version)}; its daemons would not start"
        )
    addresses = list(dict.fromkeys(str(entry.address) for entry in good))
    if len(addresses) > 1:
        raise CephError(
            f"{path}: this node has {len(addresses)} addresses in {text}: {', '.join(addresses)}; "
            f"which one its daemons take is chance, so say it by {option}"
        )
    if not good[0].usable:
        raise CephError(
            f"{path}: {good[0].address} on {good[0].interface} is tentative or a duplicate; nothing can bind it yet"
        )
    return f"{addresses[0]} on {good[0].interface}"


def _listed(local: Sequence[Local], version: int) -> str:
    found = [
        str(e.address)
        for e in local
        if e.address.version == version and not (e.address.is_loopback or e.address.is_link_local)
    ]
    return ", ".join(dict.fromkeys(found)) or f"no IPv{version} address"


def check_route(
    target: Address,
    routes: Sequence[Mapping[str, Any]],
    mtus: Mapping[str, int],
    mtu: int | None,
    local: Sequence[Local],
) -> None:
    """Whether the main table leads to a monitor, over interfaces that take packets of `mtu` whole."""
    if any(entry.address == target for entry in local):
        return
    best: tuple[int, int] | None = None
    chosen: list[Mapping[str, Any]] = []
    for route in routes:
        destination = route.get("dst", "default")
        if destination == "default":
            length = 0
        else:
            entry = ipaddress.ip_network(destination, strict=False)
            if entry.version != target.version or target not in entry:
                continue
            length = entry.prefixlen
        rank = (length, -int(route.get("metric", 0)))
        if best is None or rank > best:
            best, chosen = rank, []
        if rank == best:
            chosen.append(route)
    if not chosen or any(route.get("type", "unicast") != "unicast" for route in chosen):
        raise CephError(
            f"there is no route to monitor {target}; the fabric's routes come before Ceph (`ip route get {target}`)"
        )
    if mtu is None:
        return
    for route in chosen:
        of_route = next((int(m["mtu"]) for m in route.get("metrics", []) if "mtu" in m), None)
        for hop in route.get("nexthops", [route]):
            device = hop.get("dev", "")
            size = min(s for s in (of_route, mtus.get(device), 1 << 30) if s is not None)
            if size < mtu:
                raise CephError(
                    f"mtu: the route to monitor {target} leaves through {device}, which takes {size} bytes, not {mtu}"
                )
