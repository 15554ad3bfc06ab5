# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""Why a wanted overlay cannot be on this node: one sentence each, with the option's path and the value. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from ansible_collections.routed.fabric.plugins.module_utils._vxlan._model import Link, Links, ports_of
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._wanted import Overlay, vlan_interface

SDN_FILE = "/etc/network/interfaces.d/sdn"
# What Proxmox puts on a bridge when a guest starts.
_GUEST = re.compile(r"(tap|veth|fwpr)\d+[ip]\d+")


def is_guests(link: Link) -> bool:
    return bool(_GUEST.fullmatch(link.name)) or link.kind == "tun"


def carriers(local: str, links: Links) -> list[Link]:
    """The interfaces that have the VTEP's address."""
    return [link for link in links.values() if any(address.local == local for address in link.addresses)]


def missing_local(overlay: Overlay, links: Links) -> str:
    if not overlay.segments or carriers(overlay.local, links):
        return ""
    return f"local: {overlay.local} is not an address of this node; put it on the loopback interface first"


def problems(overlay: Overlay, links: Links, owned: Collection[str], stanzas: Mapping[str, Sequence[str]]) -> list[str]:
    """`owned`: names that are ours; `stanzas`: file of others below /etc/network → the interfaces it configures."""
    return [
        *_foreign_names(overlay, links, owned, stanzas),
        *_foreign_vnis(overlay, links, owned),
        *_ports(overlay, links, owned),
        *_mtu(overlay, links),
    ]


def _foreign_names(
    overlay: Overlay, links: Links, owned: Collection[str], stanzas: Mapping[str, Sequence[str]]
) -> list[str]:
    wanted: list[tuple[str, str, str]] = []
    if overlay.form == "single":
        wanted += [("bridge", overlay.bridge, "bridge"), ("device", overlay.device, "vxlan")]
        for segment in overlay.segments:
            if segment.addresses:
                wanted.append((f"{segment.path}.vlan", vlan_interface(overlay, segment), "vlan"))
    else:
        for segment in overlay.segments:
            wanted += [
                (f"{segment.path}.bridge", segment.bridge, "bridge"),
                (f"{segment.path}.vxlan", segment.vxlan, "vxlan"),
            ]
    by_name = {name: path for path, names in stanzas.items() for name in names}
    found = []
    for path, name, kind in wanted:
        file = by_name.get(name)
        link = links.get(name)
        if file == SDN_FILE:
            found.append(
                f"{path}: '{name}' belongs to Proxmox' SDN (it stands in {SDN_FILE}); take another name, or remove it "
                "from the SDN"
            )
        elif file:
            found.append(f"{path}: '{name}' is configured in {file}; take it out of there, or take another name")
        elif link and name not in owned:
            what = f"a {link.kind}" if link.kind else "an interface"
            found.append(
                f"{path}: there is {what} '{name}' that this module did not make; take another name"
                + (f", or hand it over: ip link set dev {name} alias routed.fabric" if link.kind == kind else "")
            )
    return found


def _foreign_vnis(overlay: Overlay, links: Links, owned: Collection[str]) -> list[str]:
    """The kernel takes a VNI once for a UDP port, and one external device."""
    taken: dict[str, str] = {}
    for link in links.values():
        if link.kind == "vxlan" and link.name not in owned and link.fixed.get("dstport") == str(overlay.port):
            taken["all" if link.fixed.get("external") else link.fixed.get("id", "")] = link.name
    found = []
    for segment in overlay.segments:
        other = taken.get(str(segment.vni))
        if other:
            found.append(
                f"{segment.path}.vni: {segment.vni} is the VNI of '{other}', which this module did not make; "
                "remove that device, or take another VNI or UDP port"
            )
    if overlay.form == "single" and "all" in taken:
        found.append(f"device: '{taken['all']}' is the single VXLAN device of UDP port {overlay.port} already")
    return found


def _ports(overlay: Overlay, links: Links, owned: Collection[str]) -> list[str]:
    found = []
    for segment in overlay.segments:
        bridge = segment.bridge or overlay.bridge
        for index, name in enumerate(segment.ports):
            path = f"{segment.path}.ports[{index}]"
            link = links.get(name)
            if link is None:
                found.append(f"{path}: there is no interface '{name}' on this node")
            elif link.kind in ("bridge", "vxlan") or name == "lo":
                found.append(f"{path}: '{name}' cannot be a port ({link.kind or 'loopback interface'})")
            elif link.master and link.master != bridge and link.master not in owned:
                found.append(f"{path}: '{name}' is a port of '{link.master}', which this module did not make")
    return found


def _mtu(overlay: Overlay, links: Links) -> list[str]:
    if not overlay.segments:
        return []
    names: Sequence[str] = overlay.underlay_interfaces
    absent = [name for name in names if name not in links]
    if absent:
        return [f"underlay_interfaces: there is no interface '{absent[0]}' on this node"]
    source, underlay = "underlay_mtu", overlay.underlay_mtu
    if not underlay:
        if not names:
            here = carriers(overlay.local, links)
            names = [link.name for link in here if link.name != "lo" and link.kind != "dummy"]
            if here and not names:
                where = f"{overlay.local} is on '{here[0].name}', which says nothing about the underlay's MTU"
                return [f"underlay_interfaces: {where}; name the uplinks, or give `underlay_mtu`"]
        if not names:
            return []  # the address is missing, which is said elsewhere
        smallest = min((links[name] for name in names), key=lambda link: link.mtu)
        source, underlay = smallest.name, smallest.mtu
    room = underlay - overlay.overhead
    family = "IPv6" if overlay.overhead == 70 else "IPv4"
    return [
        f"{segment.path}.mtu: {segment.mtu} does not fit: VXLAN over {family} adds {overlay.overhead} bytes, and the "
        f"underlay takes {underlay} ({source}); at most {room} here, or an underlay of {segment.mtu + overlay.overhead}"
        for segment in overlay.segments
        if segment.mtu > room
    ]


def busy_bridges(unwanted: Iterable[str], links: Links) -> list[str]:
    """A bridge that would go while guests run on it."""
    found = []
    for name in unwanted:
        link = links.get(name)
        if link is None or link.kind != "bridge":
            continue
        guests = sorted(port.name for port in ports_of(name, links) if is_guests(port))
        if guests:
            found.append(
                f"segments: '{name}' is not wanted any more, but guests are on it ({', '.join(guests[:3])}"
                f"{' and more' if len(guests) > 3 else ''}); stop or move them first, or keep the segment"
            )
    return found
