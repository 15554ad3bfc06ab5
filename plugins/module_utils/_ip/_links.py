# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""Links and addresses as plain data, and the difference between what is there and what is wanted. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple


class Address(NamedTuple):
    """One address of an interface. `prefix_length` is the peer's where there is a peer, as the kernel keeps it."""

    local: str
    prefix_length: int
    peer: str = ""

    def __str__(self) -> str:
        if self.peer:
            return f"{self.local} peer {self.peer}/{self.prefix_length}"
        return f"{self.local}/{self.prefix_length}"


class Link(NamedTuple):
    name: str
    mtu: int
    up: bool
    max_mtu: int = 0  # 0: the kernel knows no limit
    bridge: str = ""  # the bridge of which it is a port
    addresses: tuple[Address, ...] = ()


class Wanted(NamedTuple):
    """What the caller owns on one interface. `mtu` 0: the MTU is not ours."""

    name: str
    mtu: int
    addresses: tuple[Address, ...]
    create_dummy: bool = False


class Change(NamedTuple):
    command: str  # as `ip -batch` reads it
    inverse: str


def parse_address(text: str, peer: str | None = None) -> Address:
    """`10.0.0.1/31`, or `10.0.0.1/32` with peer `10.0.0.9/32`; a missing length is a host's. Raises ValueError."""
    local = ipaddress.ip_interface(text)
    if not peer:
        return Address(str(local.ip), local.network.prefixlen)
    other = ipaddress.ip_interface(peer)
    if other.version != local.version:
        raise ValueError(f"{text} and its peer {peer} are of different families")
    return Address(str(local.ip), other.network.prefixlen, str(other.ip))


def parse_dump(dump: Iterable[Mapping[str, Any]]) -> dict[str, Link]:
    """`ip -j -d addr show` as Links by name."""
    links = {}
    for entry in dump:
        addresses = tuple(
            Address(item["local"], int(item["prefixlen"]), item.get("address", ""))
            for item in entry.get("addr_info", [])
            if "local" in item
        )
        is_port = entry.get("linkinfo", {}).get("info_slave_kind") == "bridge"
        links[entry["ifname"]] = Link(
            name=entry["ifname"],
            mtu=int(entry["mtu"]),
            up="UP" in entry.get("flags", []),
            max_mtu=int(entry.get("max_mtu", 0)),
            bridge=entry.get("master", "") if is_port else "",
            addresses=addresses,
        )
    return links


def problems(loopback: Wanted, interfaces: Sequence[Wanted], links: Mapping[str, Link]) -> list[str]:
    """What makes the wanted state impossible on this node, one sentence each, with the option's path."""
    found = []
    there = ", ".join(sorted(links)) or "none"
    if loopback.name not in links and not loopback.create_dummy:
        found.append(
            f"loopback.interface: there is no interface '{loopback.name}' on this node; it has: {there}. "
            "Only lo and names that begin with 'dummy' can be used."
        )
    seen: dict[str, int] = {}
    for index, wanted in enumerate(interfaces):
        path = f"interfaces[{index}].name"
        if wanted.name in seen:
            found.append(f"{path}: '{wanted.name}' stands here twice, first as interfaces[{seen[wanted.name]}]")
            continue
        seen[wanted.name] = index
        if wanted.name == loopback.name:
            found.append(f"{path}: '{wanted.name}' is the loopback interface; its addresses belong to `loopback`")
            continue
        link = links.get(wanted.name)
        if link is None:
            found.append(f"{path}: there is no interface '{wanted.name}' on this node; it has: {there}")
            continue
        if link.bridge:
            found.append(
                f"{path}: '{wanted.name}' is a port of the bridge '{link.bridge}', so it cannot be routed; "
                "take it out of the bridge or name the bridge"
            )
        if wanted.mtu and link.max_mtu and wanted.mtu > link.max_mtu:
            found.append(
                f"interfaces[{index}].mtu: '{wanted.name}' takes at most {link.max_mtu} bytes, not {wanted.mtu}"
            )
    return found


def difference(
    wanted: Sequence[Wanted],
    links: Mapping[str, Link],
    formerly_owned: Mapping[str, Iterable[Address]],
    loopback: str,
    loopback_scope: Sequence[str],
) -> list[Change]:
    """
    The `ip` commands from `links` to `wanted`, each with its inverse.

    An address is removed only if it was ours before (`formerly_owned`), if it lies on the loopback interface inside
    `loopback_scope`, or if it is a wanted address with another length or peer (the kernel takes no second one).
    """
    changes: list[Change] = []
    by_name = {item.name: item for item in wanted}
    for name in [*by_name, *(other for other in formerly_owned if other not in by_name)]:
        want = by_name.get(name)
        link = links.get(name)
        if link is None:
            if want is None:
                continue
            changes.append(Change(f"link add dev {name} type dummy", f"link del dev {name}"))
            link = Link(name, want.mtu, False)
        target = want.addresses if want else ()
        if want and want.mtu and want.mtu != link.mtu:
            changes.append(Change(f"link set dev {name} mtu {want.mtu}", f"link set dev {name} mtu {link.mtu}"))
        scope = loopback_scope if name == loopback else ()
        for address in removable(link.addresses, target, formerly_owned.get(name, ()), scope):
            changes.append(Change(f"addr del {address} dev {name}", f"addr add {address} dev {name}"))
        for address in target:
            if address not in link.addresses:
                changes.append(Change(f"addr add {address} dev {name}", f"addr del {address} dev {name}"))
        if want and not link.up:
            changes.append(Change(f"link set dev {name} up", f"link set dev {name} down"))
    return changes


def removable(
    there: Iterable[Address], target: Sequence[Address], formerly_owned: Iterable[Address], scope: Sequence[str]
) -> list[Address]:
    """The addresses that are there, are not wanted, and are ours to remove."""
    former = set(formerly_owned)
    locals_wanted = {address.local for address in target}
    networks = [ipaddress.ip_network(prefix) for prefix in scope]
    found = []
    for address in there:
        if address in target:
            continue
        value = ipaddress.ip_address(address.local)
        if value.is_loopback or (value.is_link_local and address not in former):
            continue
        in_scope = any(value in network for network in networks if network.version == value.version)
        if address in former or address.local in locals_wanted or in_scope:
            found.append(address)
    return found


def describe(wanted: Sequence[Wanted], links: Mapping[str, Link], also: Iterable[str] = ()) -> dict[str, Any]:
    """What is there on the interfaces that we touch, for `before` and `after`: MTU, up, addresses without the
    kernel's own (loopback and link-local ones)."""
    state: dict[str, Any] = {}
    for name in sorted({*(item.name for item in wanted), *also}):
        link = links.get(name)
        if link is None:
            continue
        shown = [a for a in link.addresses if not _is_kernels_own(a)]
        state[name] = {"mtu": link.mtu, "up": link.up, "addresses": sorted(map(str, shown))}
    return state


def predict(links: Mapping[str, Link], changes: Iterable[Change]) -> dict[str, Link]:
    """What the links will be once the kernel took the changes (check mode shows it)."""
    result = dict(links)
    for change in changes:
        words = change.command.split()
        name = words[words.index("dev") + 1]
        link = result.get(name, Link(name, 1500, False))
        if words[:2] == ["link", "set"]:
            link = link._replace(up=True) if words[-1] == "up" else link._replace(mtu=int(words[-1]))
        elif words[0] == "addr":
            text = words[2:-2]
            address = parse_address(text[0], text[2] if len(text) > 1 else None)
            rest = tuple(item for item in link.addresses if item != address)
            link = link._replace(addresses=(*rest, address) if words[1] == "add" else rest)
        result[name] = link
    return result


def _is_kernels_own(address: Address) -> bool:
    value = ipaddress.ip_address(address.local)
    return value.is_loopback or value.is_link_local
