# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""The module's options as typed data; what can be refused without reading the node is refused here. Pure."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.routed.fabric.plugins.module_utils._ip._links import Address, parse_address
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._model import MARK, Link, Links

# Ethernet of the inner frame 14, VXLAN 8, UDP 8, and the outer header (RFC 7348 section 5; the outer Ethernet header is
# not part of an MTU).
OVERHEAD = {4: 50, 6: 70}
_NAME = re.compile(r"[^\s/:]{1,15}")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


class Segment(NamedTuple):
    path: str  # of the options, for messages
    vni: int
    bridge: str
    vxlan: str
    vlan: int
    ports: tuple[str, ...]
    mtu: int
    addresses: tuple[Address, ...]
    gateway_mac: str
    suppress: bool
    flooding: bool


class Overlay(NamedTuple):
    form: str  # per_vni or single
    local: str
    port: int
    bridge: str
    device: str
    segments: tuple[Segment, ...]
    underlay_mtu: int
    underlay_interfaces: tuple[str, ...]
    remotes: tuple[str, ...] = ()

    @property
    def overhead(self) -> int:
        return OVERHEAD[6 if ":" in self.local else 4]


def wanted_overlay(options: Mapping[str, Any]) -> Overlay:
    """Raises IpError with every mistake, each with the option's path and the value."""
    found: list[str] = []
    form = options["form"]
    single = form == "single"
    if options["state"] != "present":
        return _named_only(options)
    if single and len(options["segments"]) > 4094:
        raise IpError(
            f"segments: {len(options['segments'])} are more than the 4094 VLANs of one VLAN-aware bridge; use `form: "
            "per_vni`, or fewer segments on this node"
        )
    if single:
        found += [_name_problem(options.get(key), key) for key in ("bridge", "device") if options.get(key)]
    else:
        found += [f"{key}: only for `form: single`" for key in ("bridge", "device") if options.get(key)]
    segments = tuple(
        _segment(item, f"segments[{index}]", single, found) for index, item in enumerate(options["segments"])
    )
    found += _twice(segments, single)
    if single:
        found += _one_value(segments)
    overlay = Overlay(
        form=form,
        local=_local(options.get("local"), found),
        port=options["port"],
        bridge=(options.get("bridge") or "") if single else "",
        device=(options.get("device") or "") if single else "",
        segments=segments,
        underlay_mtu=options.get("underlay_mtu") or 0,
        underlay_interfaces=tuple(options.get("underlay_interfaces") or ()),
    )
    if single and options.get("remote_vteps"):
        found.append("remote_vteps: only for `form: per_vni`")
    overlay = overlay._replace(remotes=_remotes(options.get("remote_vteps") or (), overlay.local, found))
    if not 1 <= overlay.port <= 65535:
        found.append(f"port: {overlay.port} is not between 1 and 65535")
    found = [sentence for sentence in found if sentence]
    if found:
        raise IpError("; ".join(found))
    return overlay


def _named_only(options: Mapping[str, Any]) -> Overlay:
    """What removal and reading need: the VNIs."""
    segments = tuple(
        Segment(f"segments[{index}]", item["vni"], "", "", 0, (), 0, (), "", False, True)
        for index, item in enumerate(options["segments"])
    )
    names = options.get("bridge") or "", options.get("device") or ""
    return Overlay(options["form"], "", options["port"], *names, segments, 0, ())


def _local(text: str | None, found: list[str]) -> str:
    try:
        address = ipaddress.ip_address(text or "")
    except ValueError:
        found.append(f"local: '{text or ''}' is not an IPv4 or IPv6 address without a length")
        return ""
    if address.is_multicast or address.is_loopback or address.is_link_local or address.is_unspecified:
        found.append(f"local: {address} cannot be a VTEP's address: other VTEPs have to reach it by a route")
    return str(address)


def _remotes(texts: Sequence[str], local: str, found: list[str]) -> tuple[str, ...]:
    remotes: list[str] = []
    for index, text in enumerate(texts):
        path = f"remote_vteps[{index}]"
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            found.append(f"{path}: '{text}' is not an IPv4 or IPv6 address without a length")
            continue
        if local and (address.version == 6) != (":" in local):
            found.append(f"{path}: {address} is of another family than `local` ({local})")
        elif str(address) == local:
            found.append(f"{path}: {address} is this VTEP itself")
        elif str(address) in remotes:
            found.append(f"{path}: {address} stands here twice, first as remote_vteps[{remotes.index(str(address))}]")
        remotes.append(str(address))
    return tuple(remotes)


def _name_problem(name: Any, path: str) -> str:
    if _NAME.fullmatch(str(name)) and name not in (".", ".."):
        return ""
    return f"{path}: '{name}' cannot be the name of an interface (1 to 15 characters, no space, slash or colon)"


def _segment(item: Mapping[str, Any], path: str, single: bool, found: list[str]) -> Segment:
    vni = item["vni"]
    if not 1 <= vni <= 16777215:
        found.append(f"{path}.vni: {vni} is not between 1 and 16777215")
    bridge, vxlan = item.get("bridge") or "", item.get("vxlan") or ""
    vlan = item.get("vlan") or 0
    if single:
        found += [f"{path}.{key}: only for `form: per_vni`" for key in ("bridge", "vxlan") if item.get(key)]
        if not item.get("vlan"):
            found.append(f"{path}.vlan: is missing; `form: single` needs the VLAN that VNI {vni} is on the bridge")
        elif not 1 <= vlan <= 4094:
            found.append(f"{path}.vlan: {vlan} is not between 1 and 4094")
    else:
        if item.get("vlan"):
            found.append(f"{path}.vlan: only for `form: single`")
        if not bridge:
            found.append(f"{path}.bridge: is missing; `form: per_vni` needs the bridge of VNI {vni}")
        else:
            found.append(_name_problem(bridge, f"{path}.bridge"))
        vxlan = vxlan or f"vxlan{vni}"
        found.append(_name_problem(vxlan, f"{path}.vxlan"))
    mtu = item["mtu"]
    if not 1280 <= mtu <= 65465:
        found.append(f"{path}.mtu: {mtu} is not between 1280 (the least that IPv6 takes) and 65465")
    mac = (item.get("gateway_mac") or "").lower()
    if mac and (not _MAC.fullmatch(mac) or int(mac[:2], 16) & 1 or mac == "00:00:00:00:00:00"):
        found.append(f"{path}.gateway_mac: '{mac}' is not the MAC address of one device, as 02:00:5e:00:02:01")
    ports = tuple(item.get("ports") or ())
    found += [_name_problem(name, f"{path}.ports[{index}]") for index, name in enumerate(ports)]
    addresses = []
    for index, text in enumerate(item.get("addresses") or ()):
        try:
            addresses.append(parse_address(text))
        except ValueError as exc:
            found.append(f"{path}.addresses[{index}]: {exc}")
    if mac and not addresses and single:
        found.append(f"{path}.gateway_mac: without addresses there is no gateway in this segment")
    return Segment(
        path, vni, bridge, vxlan, vlan, ports, mtu, tuple(addresses), mac, item["suppress"], item["flooding"]
    )


def _twice(segments: Sequence[Segment], single: bool) -> list[str]:
    """Values that may stand only once."""
    found = []
    names: dict[str, str] = {}
    numbers: dict[tuple[str, int], str] = {}
    for segment in segments:
        for key, number in (("vni", segment.vni), ("vlan", segment.vlan)):
            if number:
                first = numbers.setdefault((key, number), segment.path)
                if first != segment.path:
                    found.append(f"{segment.path}.{key}: {number} stands here twice, first as {first}.{key}")
        entries = [("bridge", segment.bridge), ("vxlan", segment.vxlan)] if not single else []
        entries += [(f"ports[{index}]", name) for index, name in enumerate(segment.ports)]
        for key, name in entries:
            path = f"{segment.path}.{key}"
            first = names.setdefault(name, path) if name else path
            if first != path:
                found.append(f"{path}: '{name}' stands here twice, first as {first}")
    return found


def _one_value(segments: Sequence[Segment]) -> list[str]:
    """What belongs to the one VXLAN device of the single form, and so is the same for all segments."""
    found = []
    for key in ("suppress", "flooding"):
        for segment in segments:
            if getattr(segment, key) != getattr(segments[0], key):
                first = f"{segments[0].path}.{key}"
                found.append(f"{segment.path}.{key}: differs from {first}; the single VXLAN device has one value")
                break
    return found


def device_mac(local: str, what: object) -> str:
    """A MAC address for a bridge: the same after every boot, and another on every VTEP."""
    digest = hashlib.sha256(f"{local} {what}".encode()).hexdigest()
    return ":".join(["02", *(digest[i : i + 2] for i in range(0, 10, 2))])


def link_local(mac: str) -> Address:
    """The link-local address that the kernel would make of a MAC address (RFC 4291, appendix A)."""
    octets = [int(part, 16) for part in mac.split(":")]
    octets[0] ^= 2
    words = [*octets[:3], 0xFF, 0xFE, *octets[3:]]
    return parse_address(str(ipaddress.IPv6Address(bytes([0xFE, 0x80, *[0] * 6, *words]))) + "/64")


def _with_link_local(addresses: tuple[Address, ...], mac: str) -> tuple[Address, ...]:
    """
    A bridge has no IPv6 address that nobody asked for, or every guest of the segment could talk to the node. Where it
    is given IPv6 addresses, it needs a link-local one too, and gets it like the others.
    """
    six = [address for address in addresses if ":" in address.local]
    if not six or any(address.local.startswith("fe80:") for address in six):
        return addresses
    return (*addresses, link_local(mac))


def _port(segment: Segment, tunnel: bool, learning: str = "off") -> dict[str, str]:
    words = {
        "learning": learning,
        "neigh_suppress": "on" if segment.suppress else "off",
        "flood": "on" if segment.flooding else "off",
        "mcast_flood": "on" if segment.flooding else "off",
    }
    return {**words, "vlan_tunnel": "on"} if tunnel else words


def wanted_links(overlay: Overlay, got: Links) -> dict[str, Link]:
    """
    What has to be there, in the order in which it is made. A bridge that is there keeps its MAC address unless another
    one was asked for: neighbours remember it.
    """
    return _single_links(overlay, got) if overlay.form == "single" else _per_vni_links(overlay, got)


def _per_vni_links(overlay: Overlay, got: Links) -> dict[str, Link]:
    wanted: dict[str, Link] = {}
    learning = "on" if overlay.remotes else "off"
    for segment in overlay.segments:
        mac = _mac(segment.gateway_mac, segment.bridge, got) or device_mac(overlay.local, segment.vni)
        wanted[segment.bridge] = Link(
            segment.bridge,
            "bridge",
            details={"stp_state": "0", "forward_delay": "0"},
            settings=_settings(segment.mtu, address=mac),
            addresses=_with_link_local(segment.addresses, mac),
        )
        wanted[segment.vxlan] = Link(
            segment.vxlan,
            "vxlan",
            fixed={"id": str(segment.vni), "dstport": str(overlay.port)},
            details={"local": overlay.local, "learning": learning},
            settings=_settings(segment.mtu, master=segment.bridge),
            port=_port(segment, False, learning),
            remotes=frozenset(overlay.remotes),
        )
        for name in segment.ports:
            wanted[name] = Link(name, settings={"master": segment.bridge, "state": "up"})
    return wanted


def _single_links(overlay: Overlay, got: Links) -> dict[str, Link]:
    if not overlay.segments:
        return {}
    mtu = max(segment.mtu for segment in overlay.segments)
    vlans = {segment.vlan: "" for segment in overlay.segments}
    mac = _mac("", overlay.bridge, got) or device_mac(overlay.local, overlay.bridge)
    wanted = {
        overlay.bridge: Link(
            overlay.bridge,
            "bridge",
            details={"stp_state": "0", "forward_delay": "0", "vlan_filtering": "1", "vlan_default_pvid": "0"},
            settings=_settings(mtu, address=mac),
            vlans=vlans,
        ),
        overlay.device: Link(
            overlay.device,
            "vxlan",
            fixed={"external": "on", "vnifilter": "on", "dstport": str(overlay.port)},
            details={"local": overlay.local, "learning": "off"},
            settings=_settings(mtu, master=overlay.bridge),
            port=_port(overlay.segments[0], True),
            vlans=vlans,
            tunnels={segment.vlan: segment.vni for segment in overlay.segments},
            vnis=frozenset(segment.vni for segment in overlay.segments),
        ),
    }
    for segment in overlay.segments:
        if segment.addresses:
            name = vlan_interface(overlay, segment)
            own = _mac(segment.gateway_mac, name, got) or device_mac(overlay.local, segment.vni)
            wanted[name] = Link(
                name,
                "vlan",
                fixed={"link": overlay.bridge, "id": str(segment.vlan)},
                settings=_settings(segment.mtu, address=own),
                addresses=_with_link_local(segment.addresses, own),
            )
        for port in segment.ports:
            settings = {"master": overlay.bridge, "state": "up"}
            wanted[port] = Link(port, settings=settings, vlans={segment.vlan: "pvid untagged"})
    return wanted


def keeping(wanted: Links, got: Links) -> dict[str, Link]:
    """The wanted links with the VLANs and VNIs that our single device has beside them (without purge)."""
    result = dict(wanted)
    for name, want in wanted.items():
        here = got.get(name)
        if here is None or not want.fixed.get("external"):
            continue
        vnis = set(want.tunnels.values())
        kept = {vlan: vni for vlan, vni in here.tunnels.items() if vlan not in want.tunnels and vni not in vnis}
        vlans = {**dict.fromkeys(kept, ""), **want.vlans}
        tunnels = {**kept, **want.tunnels}
        mtu = {"mtu": str(max(want.mtu, here.mtu))} if kept else {}
        result[name] = want._replace(
            vlans=vlans, tunnels=tunnels, vnis=frozenset(tunnels.values()), settings={**want.settings, **mtu}
        )
        bridge = result[want.master]
        result[want.master] = bridge._replace(vlans=vlans, settings={**bridge.settings, **mtu})
    return result


def vlan_interface(overlay: Overlay, segment: Segment) -> str:
    return f"{overlay.bridge}.{segment.vlan}"


def _mac(asked: str, name: str, got: Links) -> str:
    there = got.get(name)
    return asked or (there.settings.get("address", "") if there else "")


def _settings(mtu: int, **more: str) -> dict[str, str]:
    return {"alias": MARK, "addrgenmode": "none", "mtu": str(mtu), **more, "state": "up"}
