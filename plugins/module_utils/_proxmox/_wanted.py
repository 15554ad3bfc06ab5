# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""The module's options as typed data; everything that can be refused without reading the node is refused here. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.routed.fabric.plugins.module_utils._proxmox._node import ProxmoxError
from ansible_collections.routed.fabric.plugins.module_utils._proxmox._texts import Host

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_CLUSTER = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,13}[A-Za-z0-9])?")
_INTERFACE = re.compile(r"[^\s/]{1,15}")


class Wanted(NamedTuple):
    node: str
    hosts: tuple[Host, ...]
    nics: tuple[str, ...]
    migration: tuple[str, str] | None  # type, network
    firewall: tuple[str, tuple[str, ...]] | None  # local_network, management
    start_order: tuple[int, tuple[str, ...]] | None  # deadline_s, peers


def wanted_node(options: Mapping[str, Any]) -> Wanted:
    """Raises ProxmoxError with the option's path and the value."""
    hosts = tuple(_host(entry, f"hosts[{index}]") for index, entry in enumerate(options["hosts"]))
    _once(hosts)
    own = [host for host in hosts if options["node"] in host.names]
    if hosts and not own:
        raise ProxmoxError(f"hosts: no entry has the name '{options['node']}' of this node")
    for index, nic in enumerate(options["nics"]):
        if not _INTERFACE.fullmatch(nic):
            raise ProxmoxError(f"nics[{index}]: '{nic}' is not the name of an interface")
    migration, firewall, order = options["migration"], options["firewall"], options["start_order"]
    if options["cluster"]:
        check_cluster(options["cluster"]["name"], options["cluster"]["nodes"], "cluster.")
    return Wanted(
        node=options["node"],
        hosts=hosts,
        nics=tuple(options["nics"]),
        migration=(migration["type"], _prefix(migration["network"], "migration.network")) if migration else None,
        firewall=(
            _prefix(firewall["local_network"], "firewall.local_network"),
            tuple(_prefix(p, f"firewall.management[{i}]") for i, p in enumerate(firewall["management"])),
        )
        if firewall
        else None,
        start_order=(
            _seconds(order["deadline_s"]),
            tuple(_address(p, f"start_order.peers[{i}]") for i, p in enumerate(order["peers"])),
        )
        if order
        else None,
    )


def check_cluster(name: str, nodes: Sequence[Mapping[str, Any]], path: str = "") -> None:
    """Raises ProxmoxError."""
    if not _CLUSTER.fullmatch(name):
        raise ProxmoxError(
            f"{path}name: '{name}' is not 1 to 15 letters, digits and hyphens, which is what pvecm takes"
        )
    for index, entry in enumerate(nodes):
        if not entry.get("name"):
            raise ProxmoxError(f"{path}nodes[{index}].name: is missing")
        links = [key for key in sorted(entry) if re.fullmatch(r"link\d", key) and entry[key] is not None]
        if links != [f"link{number}" for number in range(len(links))] or not links:
            raise ProxmoxError(f"{path}nodes[{index}]: the links are numbered from link0 on, without a gap")
        for key in links:
            _address(str(entry[key]), f"{path}nodes[{index}].{key}")


def _host(entry: Mapping[str, Any], path: str) -> Host:
    address = _address(entry["address"], f"{path}.address")
    if ipaddress.ip_address(address).is_loopback:
        raise ProxmoxError(
            f"{path}.address: {address} is an address of the kernel's own loopback, which pmxcfs refuses"
        )
    names = tuple(entry["names"])
    if not names:
        raise ProxmoxError(f"{path}.names: is empty")
    for index, name in enumerate(names):
        if not _NAME.fullmatch(name):
            raise ProxmoxError(f"{path}.names[{index}]: '{name}' is not a host name")
    return Host(address, names)


def _once(hosts: Sequence[Host]) -> None:
    """A name with two addresses would have one of them, as the resolver likes."""
    seen: dict[str, str] = {}
    for host in hosts:
        for name in host.names:
            other = seen.setdefault(name.lower(), host.address)
            if other != host.address:
                raise ProxmoxError(f"hosts: '{name}' has two addresses, {other} and {host.address}")


def _address(text: str, path: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as exc:
        raise ProxmoxError(f"{path}: '{text}' is not an IP address") from exc


def _prefix(text: str, path: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as exc:
        raise ProxmoxError(f"{path}: '{text}' is not a prefix: {exc}") from exc


def _seconds(value: int) -> int:
    if not 1 <= value <= 600:
        raise ProxmoxError(f"start_order.deadline_s: {value} is not between 1 and 600 seconds")
    return value
