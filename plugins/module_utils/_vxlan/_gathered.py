# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""What is there in the words of the module's options, and which links the removal of a VNI concerns. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._vxlan._model import Link, Links, ports_of
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._problems import is_guests
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._wanted import device_mac


def gathered(links: Links, owned: Collection[str]) -> dict[str, Any]:
    """The owned segments as options; no VXLAN device of ours: an empty list of segments."""
    devices = [links[name] for name in sorted(owned) if name in links and links[name].kind == "vxlan"]
    single = next((device for device in devices if device.fixed.get("external")), None)
    if single:
        first = single
        segments = _single_segments(single, links)
        head = {"form": "single", "bridge": single.master, "device": single.name}
    elif devices:
        first = devices[0]
        segments = [_per_vni_segment(device, links) for device in devices]
        head = {"form": "per_vni"}
    else:
        return {"segments": []}
    return {
        **head,
        "local": first.details["local"],
        "port": int(first.fixed["dstport"]),
        **({"remote_vteps": sorted(first.remotes)} if first.remotes else {}),
        "segments": sorted(segments, key=lambda segment: int(segment["vni"])),
    }


def _per_vni_segment(device: Link, links: Links) -> dict[str, Any]:
    vni = int(device.fixed["id"])
    bridge = links.get(device.master, Link(""))
    return {
        "vni": vni,
        "bridge": bridge.name,
        "vxlan": device.name,
        "ports": sorted(p.name for p in ports_of(bridge.name, links) if p.name != device.name and not is_guests(p)),
        **_common(vni, device, bridge),
    }


def _single_segments(device: Link, links: Links) -> list[dict[str, Any]]:
    segments = []
    ports = [port for port in ports_of(device.master, links) if port.name != device.name and not is_guests(port)]
    for vlan, vni in device.tunnels.items():
        upper = next(
            (k for k in links.values() if k.kind == "vlan" and k.fixed == {"link": device.master, "id": str(vlan)}),
            None,
        )
        segments.append(
            {
                "vni": vni,
                "vlan": vlan,
                "ports": sorted(port.name for port in ports if port.vlans.get(vlan) == "pvid untagged"),
                **_common(vni, device, upper),
            }
        )
    return segments


def _common(vni: int, device: Link, gateway: Link | None) -> dict[str, Any]:
    values: dict[str, Any] = {
        "mtu": (gateway or device).mtu or device.mtu,
        "addresses": [],
        "suppress": device.port.get("neigh_suppress") == "on",
        "flooding": device.port.get("flood") != "off",
    }
    if gateway:
        values["addresses"] = [str(address) for address in gateway.addresses if not address.local.startswith("fe80:")]
        mac = gateway.settings.get("address", "")
        if mac != device_mac(device.details["local"], vni):
            values["gateway_mac"] = mac
    return values


def segments_gone(vnis: Iterable[int], links: Links, owned: Collection[str]) -> tuple[list[str], dict[str, Link]]:
    """
    What the removal of these VNIs means: the links that go, and the single VXLAN device with what it keeps. With its
    last VNI it goes too, and its bridge.
    """
    going = set(vnis)
    names: list[str] = []
    kept: dict[str, Link] = {}
    for name in sorted(owned):
        device = links.get(name)
        if device is None or device.kind != "vxlan":
            continue
        if not device.fixed.get("external"):
            if int(device.fixed["id"]) in going:
                names += [name, *([device.master] if device.master in owned else [])]
            continue
        left = {vlan: vni for vlan, vni in device.tunnels.items() if vni not in going}
        if left == device.tunnels:
            continue
        uppers = [
            k for k in links.values() if k.kind == "vlan" and k.fixed.get("link") == device.master and k.name in owned
        ]
        names += [k.name for k in uppers if not left or int(k.fixed["id"]) not in left]
        if not left:
            names += [name, *([device.master] if device.master in owned else [])]
            continue
        vlans = dict.fromkeys(left, "")
        kept[device.master] = Link(device.master, "bridge", details={"vlan_filtering": "1"}, vlans=vlans)
        kept[name] = device._replace(settings={}, vlans=vlans, tunnels=left, vnis=frozenset(left.values()))
    return names, kept
