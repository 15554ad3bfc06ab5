# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Segments: each VNI once, each bridge once on a node, every member a VTEP, and frames that fit below."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import addressing
from .errors import Path, Problems, format_path
from .model import Fabric, Node
from .numbers import GATEWAY_MAC_PREFIX, VLAN_MAXIMUM, VXLAN_OVERHEAD
from .overlay_model import Member, Overlay, Segment

MTU_SEGMENT = 1500
GATEWAY = "the gateway"


def read_segments(data: dict[str, Any], fabric: Fabric, overlay: Overlay, problems: Problems) -> tuple[Segment, ...]:
    """All segments in the order of the file. Members that are no VTEPs are reported, and left out."""
    raw_segments: dict[str, Any] = {name: raw or {} for name, raw in (data.get("segments") or {}).items()}
    vteps = _vteps(fabric)
    if raw_segments and not vteps and not problems.touches(("nodes",)):
        problems.add("segment_no_vtep", ("segments",))
    segments = []
    for name, raw in raw_segments.items():
        if "vni" in raw:
            members = dict(_members(name, raw, fabric, problems))
            segments.append(_segment(name, raw, overlay, members, problems))
    _check_numbers(segments, raw_segments, overlay, problems)
    _check_bridges(segments, overlay, fabric, problems)
    _check_mtu(segments, fabric, overlay, problems)
    return tuple(segments)


def _segment(
    name: str, raw: dict[str, Any], overlay: Overlay, members: dict[str, Member], problems: Problems
) -> Segment:
    path: Path = ("segments", name)
    vni: int = raw["vni"]
    single = overlay.form == "single"
    for key, form in (("vlan", "single"), ("bridge", "per_vni")):
        if key in raw and overlay.form != form:
            problems.add("segment_form", (*path, key), key=key, form=overlay.form)
    vlan = raw.get("vlan", vni if vni <= VLAN_MAXIMUM else 0) if single else 0
    if single and not vlan and not problems.touches((*path, "vlan")):
        problems.add("segment_vlan_missing", path, vni=vni)
    gateway = raw.get("gateway") or {}
    addresses = tuple(addressing.interface_address(a) for a in gateway.get("addresses") or [] if a)
    targets = raw.get("route_targets") or {}
    return Segment(
        name=name,
        vni=vni,
        bridge=overlay.bridge if single else raw.get("bridge", f"vmbr{vni}"),
        vlan=vlan,
        mtu=raw.get("mtu", MTU_SEGMENT),
        suppress=raw.get("suppress", False),
        flooding=raw.get("flooding", True),
        gateway=addresses,
        gateway_mac=(gateway.get("mac") or _gateway_mac(vni)).lower() if addresses else "",
        announce=gateway.get("announce", False),
        import_targets=tuple(t for t in targets.get("import") or [] if t),
        export_targets=tuple(t for t in targets.get("export") or [] if t),
        members=members,
    )


def _gateway_mac(vni: int) -> str:
    return (GATEWAY_MAC_PREFIX | vni).to_bytes(6, "big").hex(":")


def _vteps(fabric: Fabric) -> list[str]:
    return [node.name for node in fabric.nodes.values() if "vtep" in node.functions]


def _members(segment: str, raw: dict[str, Any], fabric: Fabric, problems: Problems) -> Iterator[tuple[str, Member]]:
    path: Path = ("segments", segment)
    vteps = _vteps(fabric)
    given = raw.get("members")
    if given is None:
        if not problems.touches((*path, "members")):
            yield from ((name, Member(name)) for name in vteps)
        return
    entries = dict.fromkeys(name for name in given if name) if isinstance(given, list) else given
    for index, (name, value) in enumerate(entries.items()):
        here = (*path, "members", index if isinstance(given, list) else name)
        if name not in fabric.nodes:
            if not problems.touches(("nodes", name)):
                problems.add("segment_unknown_node", here, node=name, known=", ".join(vteps) or "none")
        elif "vtep" not in fabric.nodes[name].functions:
            if not problems.touches(("nodes", name, "functions")):
                problems.add("segment_not_vtep", here, node=name)
        else:
            yield name, _member(name, value)


def _member(name: str, value: Any) -> Member:
    if isinstance(value, dict):
        addresses, ports = value.get("addresses") or [], value.get("ports") or []
    else:
        addresses, ports = [value] if isinstance(value, str) else value or [], []
    return Member(name, tuple(addressing.interface_address(a) for a in addresses if a), tuple(p for p in ports if p))


def _check_numbers(segments: list[Segment], raw_segments: dict[str, Any], overlay: Overlay, problems: Problems) -> None:
    if overlay.form == "single" and len(segments) > VLAN_MAXIMUM:
        problems.add("segment_too_many", ("segments",), count=len(segments))
        return
    vnis: dict[int, str] = {}
    vlans: dict[int, str] = {}
    for segment in segments:
        path: Path = ("segments", segment.name)
        other = vnis.setdefault(segment.vni, segment.name)
        if other != segment.name:
            problems.add("segment_vni_twice", (*path, "vni"), vni=segment.vni, other=other)
            continue
        if segment.vlan and vlans.setdefault(segment.vlan, segment.name) != segment.name:
            place = (*path, "vlan") if "vlan" in raw_segments[segment.name] else path
            problems.add("segment_vlan_twice", place, vlan=segment.vlan, other=vlans[segment.vlan])


def _check_bridges(segments: list[Segment], overlay: Overlay, fabric: Fabric, problems: Problems) -> None:
    """A bridge of its own for each segment of a node, and no interface that something else has already."""
    used = {(end.node, end.interface): format_path(link.path) for link in fabric.links for end in (link.a, link.b)}
    used |= {(u.node, u.interface): f"upstreams.{u.name}" for u in fabric.upstreams}
    bridges: dict[tuple[str, str], str] = {}
    for segment in segments:
        path: Path = ("segments", segment.name)
        for member in segment.members.values():
            place = (member.node, segment.bridge)
            if place in used:
                problems.add("segment_bridge_taken", path, bridge=segment.bridge, node=member.node, other=used[place])
            other = bridges.setdefault(place, segment.name)
            if overlay.form == "per_vni" and other != segment.name and segment.vni:
                problems.add("segment_bridge_twice", path, bridge=segment.bridge, node=member.node, other=other)
            for port in member.ports:
                here = (*path, "members", member.node)
                owner = used.setdefault((member.node, port), format_path(here))
                if owner != format_path(here):
                    problems.add("segment_port_taken", here, port=port, node=member.node, other=owner)


def _check_mtu(segments: list[Segment], fabric: Fabric, overlay: Overlay, problems: Problems) -> None:
    """A frame takes whatever way the underlay finds, so that the narrowest link decides."""
    overhead = VXLAN_OVERHEAD[overlay.local]
    narrow = min(fabric.links, key=lambda link: link.mtu, default=None)
    there = min(fabric.underlay.mtu, narrow.mtu) if narrow else fabric.underlay.mtu
    where = format_path(narrow.path) if narrow and narrow.mtu < fabric.underlay.mtu else "underlay.mtu"
    if problems.touches(("underlay", "mtu")) or problems.touches(("links",)):
        return
    for segment in segments:
        if segment.mtu + overhead > there:
            problems.add(
                "segment_mtu",
                ("segments", segment.name),
                mtu=segment.mtu,
                overhead=overhead,
                needed=segment.mtu + overhead,
                where=where,
                there=there,
                most=there - overhead,
            )


class AddressBook:
    """The addresses of one segment: one network a family, and each address once."""

    def __init__(self) -> None:
        self._networks: dict[str, tuple[str, str]] = {}
        self._taken: dict[str, str] = {}

    def add(self, address: str, path: Path, owner: str, problems: Problems) -> None:
        """An address of a host; a mistake goes to *problems*."""
        network, example = addressing.network_of(address)
        host, _slash, length = address.partition("/")
        family = addressing.family_of(address)
        if host == network.partition("/")[0] and int(length) < addressing.LENGTH[family] - 1:
            problems.add("segment_address_network", path, address=address, example=example)
            return
        first, whose = self._networks.setdefault(family, (network, owner))
        if first != network and owner != GATEWAY:
            problems.add("segment_address_elsewhere", path, address=address, network=first, other=whose)
        other = self._taken.setdefault(host, owner)
        if other != owner:
            problems.add("segment_address_twice", path, address=host, other=other)


def read_addresses(segment: Segment, problems: Problems) -> AddressBook:
    """The gateway's addresses, which may be of several networks, and the members'."""
    path: Path = ("segments", segment.name)
    book = AddressBook()
    for address in segment.gateway:
        book.add(address, (*path, "gateway", "addresses"), GATEWAY, problems)
    for member in segment.members.values():
        here: Path = (*path, "members", member.node)
        if member.addresses and segment.gateway:
            problems.add("segment_gateway_and_addresses", here, node=member.node)
            continue
        for address in member.addresses:
            book.add(address, here, member.node, problems)
    return book


def announced_by(node: Node, segments: tuple[Segment, ...]) -> tuple[str, ...]:
    """The networks of segments whose gateway a node is, where they are announced."""
    own = [segment for segment in segments if segment.announce and node.name in segment.members]
    return tuple(dict.fromkeys(addressing.network_of(address)[0] for segment in own for address in segment.gateway))
