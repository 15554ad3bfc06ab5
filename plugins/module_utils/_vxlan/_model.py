# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""
Links as plain data, in iproute2's words, and what the dumps of `ip` and `bridge` say about them. Pure.

A Link that is there has every key; a Link that is wanted has only the keys that we care about. So the same type serves
for got, wanted, and the former state that an undo goes back to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from ansible_collections.routed.fabric.plugins.module_utils._ip._links import Address

# The interface alias (`ip link set DEV alias`) of what this module made. It stands in the kernel, so that it is there
# without files too; ifupdown2 sets it at boot from our file.
MARK = "routed.fabric"

FLOOD_MAC = "00:00:00:00:00:00"  # of FDB entries for all that has no entry of its own (bridge(8))
KINDS = ("bridge", "vxlan", "vlan")  # what this module makes

Words = Mapping[str, str]
NOTHING: Words = MappingProxyType({})
NO_VLANS: Mapping[int, str] = MappingProxyType({})
NO_TUNNELS: Mapping[int, int] = MappingProxyType({})

# Options of a bridge port that we set, as `ip link set type bridge_slave` names them (so does the dump).
PORT_OPTIONS = ("learning", "neigh_suppress", "flood", "mcast_flood", "vlan_tunnel")


class Link(NamedTuple):
    """
    One interface.

    fixed: what cannot be changed on a running device (`ip link add ... type KIND WORDS`)
    details: what can (`ip link set ... type KIND WORDS`)
    settings: what every device has (`ip link set dev NAME WORDS`); `state` is up or down, `master` "" is none
    port: what a bridge's port has (`ip link set ... type bridge_slave WORDS`)
    vlans: VLAN → "", "untagged" or "pvid untagged"; of a bridge, its own ones (`bridge vlan ... self`)
    tunnels: VLAN → VNI of a single VXLAN device; vnis: its filter
    remotes: the VTEPs to which a VXLAN device floods because somebody said so (not FRR)
    """

    name: str
    kind: str = ""  # bridge, vxlan, vlan, or any other that the kernel names
    fixed: Words = NOTHING
    details: Words = NOTHING
    settings: Words = NOTHING
    port: Words = NOTHING
    addresses: tuple[Address, ...] = ()
    vlans: Mapping[int, str] = NO_VLANS
    tunnels: Mapping[int, int] = NO_TUNNELS
    vnis: frozenset[int] = frozenset()
    remotes: frozenset[str] = frozenset()
    group: str = "default"

    @property
    def master(self) -> str:
        return self.settings.get("master", "")

    @property
    def mtu(self) -> int:
        return int(self.settings.get("mtu", 0))


Links = Mapping[str, Link]


def parse_dump(dump: Iterable[Mapping[str, Any]], addresses: Iterable[Mapping[str, Any]] = ()) -> dict[str, Link]:
    """`ip -d -j link show` (which alone tells addrgenmode) and `ip -j addr show`."""
    links = {}
    local = {entry.get("ifname"): entry.get("addr_info", ()) for entry in addresses}
    for entry in dump:
        info = entry.get("linkinfo", {})
        kind = info.get("info_kind", "")
        data = info.get("info_data", {})
        settings = {
            "mtu": str(entry["mtu"]),
            "address": entry.get("address", ""),
            "alias": entry.get("ifalias", ""),
            "master": entry.get("master", ""),
            "state": "up" if "UP" in entry.get("flags", ()) else "down",
        }
        if "inet6_addr_gen_mode" in entry:  # not where IPv6 is off
            settings["addrgenmode"] = entry["inet6_addr_gen_mode"]
        slave = info.get("info_slave_data", {}) if info.get("info_slave_kind") == "bridge" else {}
        links[entry["ifname"]] = Link(
            name=entry["ifname"],
            kind=kind,
            fixed=_fixed(kind, data, entry),
            details=_details(kind, data),
            settings=settings,
            port={option: _on(slave[option]) for option in PORT_OPTIONS if option in slave},
            addresses=tuple(
                Address(item["local"], int(item["prefixlen"]), item.get("address", ""))
                for item in local.get(entry["ifname"], ())
                if "local" in item
            ),
            group=str(entry.get("group", "default")),
        )
    return links


def _fixed(kind: str, data: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, str]:
    if kind == "vxlan":
        if data.get("external"):
            fixed = {"external": "on", "vnifilter": _on(data.get("vnifilter", False))}
        else:
            fixed = {"id": str(data.get("id", 0))}
        return {**fixed, "dstport": str(data.get("port", 0))}
    if kind == "vlan":
        return {"link": entry.get("link", ""), "id": str(data.get("id", 0))}
    return {}


def _details(kind: str, data: Mapping[str, Any]) -> dict[str, str]:
    if kind == "vxlan":
        return {"local": data.get("local") or data.get("local6") or "", "learning": _on(data.get("learning", False))}
    if kind == "bridge":
        names = ["stp_state", "forward_delay"]
        if data.get("vlan_filtering"):  # a kernel that has no VLAN filtering refuses to be told so
            names += ["vlan_filtering", "vlan_default_pvid"]
        return {name: str(data[name]) for name in names if name in data}
    return {}


def _on(value: object) -> str:
    return "on" if value in (True, 1, "on") else "off"


def with_vlans(
    links: Links,
    vlans: Iterable[Mapping[str, Any]],
    tunnels: Iterable[Mapping[str, Any]],
    vnis: Iterable[Mapping[str, Any]],
) -> dict[str, Link]:
    """The links with what `bridge -j vlan show`, `bridge -j vlan tunnelshow` and `bridge -j vni show` say."""
    result = dict(links)
    for entry in vlans:
        link = result.get(entry["ifname"])
        if link:
            own = {}
            for item in entry.get("vlans", ()):
                flags = {flag.lower() for flag in item.get("flags", ())}
                words = "pvid untagged" if "pvid" in flags else "untagged" if "egress untagged" in flags else ""
                own.update(dict.fromkeys(_span(item, "vlan"), words))
            result[link.name] = link._replace(vlans=own)
    for entry in tunnels:
        link = result.get(entry["ifname"])
        if link:
            mapping: dict[int, int] = {}
            for item in entry.get("tunnels", ()):
                mapping.update(zip(_span(item, "vlan"), _span(item, "tunid")))
            result[link.name] = link._replace(tunnels=mapping)
    for entry in vnis:
        link = result.get(entry["ifname"])
        if link:
            filtered = frozenset(vni for item in entry.get("vnis", ()) for vni in _span(item, "vni"))
            result[link.name] = link._replace(vnis=filtered)
    return result


def with_remotes(links: Links, fdb: Iterable[Mapping[str, Any]]) -> dict[str, Link]:
    """The links with what `bridge -j fdb show` says about flooding. What FRR put there is FRR's."""
    found: dict[str, set[str]] = {}
    for entry in fdb:
        if entry.get("mac") == FLOOD_MAC and "dst" in entry and "extern_learn" not in entry.get("flags", ()):
            found.setdefault(entry["ifname"], set()).add(entry["dst"])
    return {name: link._replace(remotes=frozenset(found.get(name, ()))) for name, link in links.items()}


def _span(item: Mapping[str, Any], key: str) -> range:
    first = int(item[key])
    return range(first, int(item.get(f"{key}End", first)) + 1)


def runs(values: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Consecutive numbers as (first, last)."""
    first = last = -1
    for value in sorted(values):
        if first >= 0 and value == last + 1:
            last = value
            continue
        if first >= 0:
            yield first, last
        first = last = value
    if first >= 0:
        yield first, last


def text_of(span: tuple[int, int]) -> str:
    """(5, 5) as `5`, (5, 9) as `5-9`."""
    return str(span[0]) if span[0] == span[1] else f"{span[0]}-{span[1]}"


def ports_of(bridge: str, links: Links) -> list[Link]:
    return [link for link in links.values() if bridge and link.master == bridge]


def marked(links: Links) -> set[str]:
    """The names of what carries our mark."""
    return {link.name for link in links.values() if link.kind in KINDS and link.settings.get("alias") == MARK}


def describe(names: Iterable[str], links: Links) -> dict[str, Any]:
    """What is there under these names, for `before` and `after`; of ports only whose they are, and whether up."""
    state: dict[str, Any] = {}
    for name in sorted(set(names)):
        link = links.get(name)
        if link is None:
            continue
        hidden = {"alias", "address"} if link.kind == "vxlan" else {"alias"}  # its MAC address is random
        ours = link.kind in KINDS
        if not ours:
            hidden = set(link.settings) - {"master", "state"}
        plain = link.kind != "vxlan" or "external" not in link.fixed
        state[name] = {
            "kind": link.kind,
            **link.fixed,
            **link.details,
            **{key: value for key, value in link.settings.items() if value != "" and key not in hidden},
        }
        if link.kind == "vxlan":
            port = {f"port_{key}": value for key, value in link.port.items() if not (plain and key == "vlan_tunnel")}
            state[name].update(port)
        if link.addresses and ours:
            state[name]["addresses"] = sorted(map(str, link.addresses))
        if link.vlans:
            flags = sorted(set(link.vlans.values()))
            state[name]["vlans"] = [
                f"{text_of(span)} {words}".rstrip()
                for words in flags
                for span in runs(vlan for vlan, own in link.vlans.items() if own == words)
            ]
        if link.remotes:
            state[name]["remotes"] = sorted(link.remotes)
        if link.tunnels:
            state[name]["tunnels"] = [f"{vlan}:{vni}" for vlan, vni in sorted(link.tunnels.items())]
    return state


def lines(state: Mapping[str, Mapping[str, Any]]) -> str:
    """What `describe` gives, as lines for the diff."""
    found = []
    for name, values in state.items():
        for key, value in values.items():
            items: Sequence[Any] = value if isinstance(value, list) else [value]
            found += [f"{name} {key} {item}\n" for item in items]
    return "".join(found)
