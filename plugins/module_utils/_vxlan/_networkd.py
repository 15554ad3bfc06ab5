# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""The overlay as files of systemd-networkd (systemd.netdev(5), systemd.network(5)): two for each interface. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from ansible_collections.routed.fabric.plugins.module_utils._ip._links import Address, parse_address
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._files import HEADER
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._model import FLOOD_MAC, Link, Links
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._wanted import Overlay

DIRECTORY = "/etc/systemd/network"
PREFIX = "11-routed-fabric-vxlan-"

_SEGMENT = re.compile(r"^# segment (\d+)$", re.MULTILINE)


def render(overlay: Overlay, wanted: Links) -> dict[str, str]:
    """File name → text."""
    files = {}
    for segment in overlay.segments:
        head = f"{HEADER}# segment {segment.vni}\n"
        bridge, vxlan = wanted[segment.bridge], wanted[segment.vxlan]
        learning = "yes" if overlay.remotes else "no"
        files[f"{PREFIX}{bridge.name}.netdev"] = head + _netdev(
            bridge, "bridge", "[Bridge]\nSTP=no\nForwardDelaySec=0\n"
        )
        files[f"{PREFIX}{bridge.name}.network"] = head + _network(bridge.name, _addresses(bridge))
        files[f"{PREFIX}{vxlan.name}.netdev"] = head + _netdev(
            vxlan,
            "vxlan",
            f"[VXLAN]\nVNI={segment.vni}\nLocal={overlay.local}\nDestinationPort={overlay.port}\n"
            f"MacLearning={learning}\nIndependent=yes\n",
        )
        files[f"{PREFIX}{vxlan.name}.network"] = head + _network(vxlan.name, f"Bridge={bridge.name}\n" + _port(vxlan))
        for name in segment.ports:
            files[f"{PREFIX}{name}.network"] = head + _network(name, f"Bridge={bridge.name}\n")
    return files


def _netdev(link: Link, kind: str, more: str) -> str:
    mac = f"MACAddress={link.settings['address']}\n" if link.settings.get("address") else ""
    return f"\n[NetDev]\nName={link.name}\nKind={kind}\nMTUBytes={link.mtu}\n{mac}\n{more}"


def _network(name: str, more: str) -> str:
    return (
        f"\n[Match]\nName={name}\n\n[Network]\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"
        f"ConfigureWithoutCarrier=yes\nKeepConfiguration=static\n{more}"
    )


def _port(vxlan: Link) -> str:
    names = {
        "learning": "Learning",
        "neigh_suppress": "NeighborSuppression",
        "flood": "UnicastFlood",
        "mcast_flood": "MulticastFlood",
    }
    lines = [f"{names[key]}={'yes' if value == 'on' else 'no'}\n" for key, value in vxlan.port.items() if key in names]
    remotes = [
        f"\n[BridgeFDB]\nMACAddress={FLOOD_MAC}\nDestination={remote}\nAssociatedWith=self\n"
        for remote in sorted(vxlan.remotes)
    ]
    return "\n[Bridge]\n" + "".join([*lines, *remotes])


def _addresses(link: Link) -> str:
    """No look for duplicates: the next node has the gateway's address too. No broadcast address, as in the kernel's
    state that this agrees with; where systemd 252 would add one to an address that is there, it goes round in its
    queue of requests until it gives up ("Numerical result out of range").
    """
    text = ""
    for address in link.addresses:
        option = "DuplicateAddressDetection=none" if ":" in address.local else "Broadcast=no"
        text += f"\n[Address]\nAddress={address}\n{option}\n"
    return text


def outdated(own: Mapping[str, str], gone: Collection[int] | None) -> list[str]:
    """The names of files whose segment is not wanted any more; None: all of them."""
    found = []
    for name, text in own.items():
        match = _SEGMENT.search(text)
        if gone is None or match is None or int(match.group(1)) in gone:
            found.append(name)
    return found


def owned_addresses(own: Mapping[str, str]) -> dict[str, tuple[Address, ...]]:
    """Interface that we made → the addresses that our files give it."""
    owned: dict[str, tuple[Address, ...]] = {}
    for name in own:
        stem, dummy, kind = name.rpartition(".")
        if kind == "netdev":
            interface = stem[len(PREFIX) :]
            network = own.get(f"{stem}.network", "")
            owned[interface] = tuple(map(parse_address, re.findall(r"^Address=(.+)$", network, re.MULTILINE)))
    return owned
