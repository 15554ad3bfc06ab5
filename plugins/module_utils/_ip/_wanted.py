# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""The module's options as typed data; everything that can be refused without reading the node is refused here. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.routed.fabric.plugins.module_utils._ip import _names
from ansible_collections.routed.fabric.plugins.module_utils._ip._links import Address, Wanted, parse_address
from ansible_collections.routed.fabric.plugins.module_utils._ip._sysctl import normalise
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError


class Underlay(NamedTuple):
    loopback: Wanted
    interfaces: tuple[Wanted, ...]
    loopback_scope: tuple[str, ...]
    sysctl: dict[str, str]  # path below /proc/sys → value
    names: dict[str, str]  # path → text of the files that iproute2 reads names from


def wanted_underlay(options: Mapping[str, Any]) -> Underlay:
    """Raises IpError with the option's path and the value."""
    loopback = options["loopback"]
    name = loopback["interface"]
    addresses = tuple(
        _address(text, None, f"loopback.addresses[{index}]") for index, text in enumerate(loopback["addresses"])
    )
    interfaces = []
    for index, item in enumerate(options["interfaces"]):
        mtu = item.get("mtu") or 0
        if mtu and not 1280 <= mtu <= 65535:
            raise IpError(f"interfaces[{index}].mtu: {mtu} is not between 1280 (the least that IPv6 takes) and 65535")
        own = tuple(
            _address(entry["address"], entry.get("peer"), f"interfaces[{index}].addresses[{position}]")
            for position, entry in enumerate(item["addresses"])
        )
        interfaces.append(Wanted(item["name"], mtu, own))
    for index, prefix in enumerate(options["loopback_scope"]):
        try:
            ipaddress.ip_network(prefix)
        except ValueError as exc:
            raise IpError(f"loopback_scope[{index}]: '{prefix}' is not a prefix: {exc}") from exc
    return Underlay(
        loopback=Wanted(name, 0, addresses, create_dummy=name.startswith("dummy")),
        interfaces=tuple(interfaces),
        loopback_scope=tuple(options["loopback_scope"]),
        sysctl=normalise(options["sysctl"]),
        names=_names.render(options.get("names") or {}),
    )


def _address(text: str, peer: str | None, path: str) -> Address:
    try:
        return parse_address(text, peer)
    except ValueError as exc:
        raise IpError(f"{path}: {exc}") from exc
