# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guests: each interface once, each address once, all of them where guests may be.

There can be thousands, so that nothing here compares every guest with every other.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any, NamedTuple

from . import addressing
from .errors import Path, Problems, format_path
from .model import Fabric, Guest
from .numbers import GUEST_BRIDGE, GUEST_FORWARD

_NAMES = {"ipv4": "IPv4", "ipv6": "IPv6"}


def read_guests(data: dict[str, Any], fabric: Fabric, problems: Problems) -> tuple[Guest, ...]:
    """All guests in the order of the file."""
    raw_guests: dict[str, Any] = {name: raw or {} for name, raw in (data.get("guests") or {}).items()}
    guests = tuple(_guest(name, raw) for name, raw in raw_guests.items())
    _check_prefixes(fabric, problems)
    _check_interfaces(fabric, problems)
    if guests:
        _check_fabric(fabric, problems)
    _check_identities(guests, fabric, problems)
    _check_places(raw_guests, fabric, problems)
    _check_overlaps(raw_guests, fabric, problems)
    return guests


def _guest(name: str, raw: dict[str, Any]) -> Guest:
    return Guest(
        name=name,
        vmid=raw.get("vmid", 0),
        mac=addressing.mac_address(raw["mac"]) if raw.get("mac") else "",
        addresses=tuple(addressing.address(a) for a in raw.get("addresses") or [] if a),
        prefixes=tuple(addressing.prefix(p) for p in raw.get("prefixes") or [] if p),
        nameservers=tuple(addressing.address(a) for a in raw.get("nameservers") or [] if a),
        node=raw.get("node"),
        interface=raw.get("interface", "ens18"),
        dhcp=raw.get("dhcp", False),
    )


def _check_prefixes(fabric: Fabric, problems: Problems) -> None:
    """The prefixes of guests and the pools of nodes are apart, and every family is one that the fabric carries."""
    for index, prefix in enumerate(fabric.guest_prefixes):
        path: Path = ("guest_prefixes", index)
        for key in ("loopback4", "loopback6"):
            pool = getattr(fabric.pools, key)
            if pool and addressing.overlap(prefix, pool):
                problems.add("guest_overlaps_pool", path, prefix=prefix, pool=f"pools.{key}", range=pool)
        family = addressing.family_of(prefix)
        known = problems.touches(("pools",)) or problems.touches(("nodes",))
        if fabric.families and family not in fabric.families and not known:
            problems.add("guest_family", path, family=_NAMES[family], pool=f"pools.loopback{family[-1]}")


def _check_interfaces(fabric: Fabric, problems: Problems) -> None:
    """The names of the devices that guests need are not used for something else."""
    ours = (GUEST_BRIDGE["name"], str(GUEST_FORWARD["interface"]))
    used = [(end, link.path) for link in fabric.links for end in (link.a, link.b)]
    for end, path in used:
        if end.interface in ours and fabric.has_guests(fabric.nodes[end.node]):
            problems.add("interface_of_guests", path, interface=end.interface, node=end.node)
    for upstream in fabric.upstreams:
        node = fabric.nodes.get(upstream.node)
        if node and upstream.interface in ours and fabric.has_guests(node):
            path = ("upstreams", upstream.name, "interface")
            problems.add("interface_of_guests", path, interface=upstream.interface, node=upstream.node)


def _check_fabric(fabric: Fabric, problems: Problems) -> None:
    if not fabric.guest_prefixes and not problems.touches(("guest_prefixes",)):
        problems.add("guest_no_prefixes", ("guests",))
    if problems.touches(("nodes",)):
        return
    nodes = [node for node in fabric.nodes.values() if "proxmox" in node.functions]
    if not nodes:
        problems.add("guest_no_proxmox", ("guests",))
    elif not any(all(family in node.loopbacks for node in nodes) for family in addressing.FAMILIES):
        problems.add("guest_no_common_family", ("guests",), nodes=", ".join(node.name for node in nodes))


def _check_identities(guests: Iterable[Guest], fabric: Fabric, problems: Problems) -> None:
    """Names, MAC addresses, and the node in the twin."""
    macs: dict[str, Guest] = {}
    for guest in guests:
        path: Path = ("guests", guest.name)
        if guest.name in fabric.nodes:
            problems.add("guest_name_is_node", path, name=guest.name)
        if guest.mac == GUEST_BRIDGE["mac"]:
            problems.add("guest_mac_of_bridge", (*path, "mac"), mac=guest.mac, bridge=GUEST_BRIDGE["name"])
        elif guest.mac:
            other = macs.setdefault(guest.mac, guest)
            if other is not guest and other.vmid == guest.vmid:
                problems.add("guest_interface_twice", path, mac=guest.mac, vmid=guest.vmid, other=other.name)
            elif other is not guest:
                problems.add("guest_mac_twice", (*path, "mac"), mac=guest.mac, other=other.name, vmid=guest.vmid)
        if guest.node is not None:
            _check_node(guest.node, (*path, "node"), fabric, problems)
        leases = sum(addressing.family_of(address) == "ipv4" for address in guest.addresses)
        if guest.dhcp and leases != 1 and not problems.touches((*path, "addresses")):
            problems.add("guest_dhcp", (*path, "dhcp"), count=leases)


def _check_node(name: str, path: Path, fabric: Fabric, problems: Problems) -> None:
    node = fabric.nodes.get(name)
    if node is not None and "proxmox" not in node.functions and not problems.touches(("nodes", name, "functions")):
        problems.add("guest_node_not_proxmox", path, node=name)
    elif node is None and not problems.touches(("nodes", name)):
        hosts = [other.name for other in fabric.nodes.values() if "proxmox" in other.functions]
        problems.add("guest_unknown_node", path, node=name, known=", ".join(hosts) or "none, so far")


def _check_places(raw_guests: dict[str, Any], fabric: Fabric, problems: Problems) -> None:
    """Every address and routed prefix is inside of guest_prefixes, and a prefix has a way to the guest."""
    allowed = {family: [p for p in fabric.guest_prefixes if addressing.family_of(p) == family] for family in _NAMES}
    # Prefixes either nest or are apart, so the one that begins last before an address is not always the one around it:
    # overlapping ones are merged into spans first.
    spans = {family: _merged(addressing.span(p) for p in allowed[family]) for family in _NAMES}
    for name, raw in raw_guests.items():
        families = {addressing.family_of(a) for a in raw.get("addresses") or [] if a}
        for key in ("addresses", "prefixes"):
            for index, value in enumerate(raw.get(key) or []):
                if not value:
                    continue
                family = addressing.family_of(value)
                path: Path = ("guests", name, key, index)
                if fabric.guest_prefixes and not _inside(addressing.span(value), spans[family]):
                    known = ", ".join(allowed[family])
                    hint = f"Use something inside of {known}; or add" if known else "Add"
                    problems.add("guest_outside", path, value=value, hint=f"{hint} an {_NAMES[family]} prefix there")
                if key == "prefixes" and family not in families and None not in (raw.get("addresses") or [None]):
                    problems.add("guest_prefix_without_address", path, prefix=value, family=_NAMES[family])


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _inside(inner: tuple[int, int], spans: list[tuple[int, int]]) -> bool:
    index = bisect_right(spans, (inner[0], 1 << 128)) - 1
    return index >= 0 and spans[index][0] <= inner[0] and inner[1] <= spans[index][1]


class _Claim(NamedTuple):
    """Who has an address or a prefix. In the order of addresses; of the same address, the wider one first."""

    first: int
    minus_last: int
    order: int
    value: str
    owner: str
    path: Path

    @property
    def last(self) -> int:
        return -self.minus_last

    @property
    def is_host(self) -> bool:
        return self.first == self.last


def _check_overlaps(raw_guests: dict[str, Any], fabric: Fabric, problems: Problems) -> None:
    """No address twice in the whole fabric, no routed prefix over another or over somebody else's address."""
    claims: dict[str, list[_Claim]] = {family: [] for family in _NAMES}

    def claim(value: str, owner: str, path: Path) -> None:
        first, last = addressing.span(value)
        family = claims[addressing.family_of(value)]
        family.append(_Claim(first, -last, sum(map(len, claims.values())), value, owner, path))

    for node in fabric.nodes.values():
        for address in node.loopbacks.values():
            claim(address, f"nodes.{node.name}", ("nodes", node.name))
    for link in fabric.links:
        for end in (link.a, link.b):
            for address in end.addresses.values():
                claim(address.partition("/")[0], format_path(link.path), link.path)
    for upstream in fabric.upstreams:
        for text in (*upstream.addresses, *([upstream.neighbor] if upstream.neighbor else [])):
            claim(text.partition("/")[0], f"upstreams.{upstream.name}", ("upstreams", upstream.name))
    for name, raw in raw_guests.items():
        for key in ("addresses", "prefixes"):
            for index, value in enumerate(raw.get(key) or []):
                path: Path = ("guests", name, key, index)
                if value and not problems.at(path):
                    claim(value, f"guests.{name}", path)
    for found in claims.values():
        _report_overlaps(found, problems)


def _report_overlaps(claims: list[_Claim], problems: Problems) -> None:
    """One pass over the claims in order; *open_prefixes* are those that reach as far as the current one."""
    open_prefixes: list[_Claim] = []
    before: dict[tuple[int, int], _Claim] = {}
    for current in sorted(claims):
        while open_prefixes and open_prefixes[-1].last < current.first:
            open_prefixes.pop()
        same = before.setdefault((current.first, current.last), current)
        others = [same] if same is not current else open_prefixes[-1:]
        for other in others:
            _report(other, current, problems)
        if not current.is_host:
            open_prefixes.append(current)


def _report(one: _Claim, two: _Claim, problems: Problems) -> None:
    """The mistake is put where the later entry of the file is; addresses of nodes among themselves are not ours."""
    earlier, later = sorted((one, two), key=lambda c: (c.path[0] == "guests", c.order))
    repeated = one.owner == two.owner and problems.at(later.path[:-1])
    if later.path[0] != "guests" or problems.at(later.path) or repeated:
        return
    if one.is_host and two.is_host:
        problems.add("address_taken", later.path, address=later.value, other=earlier.owner)
    elif one.owner != two.owner or one.is_host == two.is_host or one[:2] == two[:2]:
        problems.add("guest_prefix_overlap", later.path, value=later.value, other=earlier.owner, prefix=earlier.value)
