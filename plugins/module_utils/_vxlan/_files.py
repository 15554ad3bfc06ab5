# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""
The overlay as files for the next boot: one block of stanzas for each segment. Pure.

With ifupdown2, VXLAN devices are made by commands, not by its `vxlan-` attributes: those refuse an IPv6 address
("Expected 4 octets"), and one way for both families is one way to test. A command runs only where the device is
missing, so that `ifreload` sends nothing to the kernel for one that is there. The VLAN-aware bridge of the single form
is made by commands too: given as a bridge, ifupdown2 would make the VLANs of every port its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from ansible_collections.routed.fabric.plugins.module_utils._ip._links import Address, parse_address
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._difference import (
    port_words,
    remote_commands,
    vlan_commands,
    words,
)
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._model import MARK, Link, Links
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._wanted import Overlay, vlan_interface

HEADER = (
    "# Written by the Ansible collection routed.fabric (module vxlan_bridge).\n"
    "# Do not edit: the next run puts this file back. Interfaces of your own belong in another file.\n"
)
IFUPDOWN2_NAME = "routed-fabric-vxlan"
IFUPDOWN2_FILE = f"/etc/network/interfaces.d/{IFUPDOWN2_NAME}"
VLAN_FILE = "/etc/network/routed-fabric-vxlan.vlans"  # for `bridge -batch`

_BLOCK = re.compile(r"^# (segment \d+|device)$", re.MULTILINE)


def split_blocks(text: str) -> dict[str, str]:
    """`segment 200` → its stanzas, of a file that `join_blocks` made."""
    parts = _BLOCK.split(text)
    return dict(zip(parts[1::2], (part.strip("\n") + "\n" if part.strip() else "" for part in parts[2::2])))


def join_blocks(blocks: Mapping[str, str]) -> str:
    def order(key: str) -> tuple[int, int]:
        kind, dummy, number = key.partition(" ")
        return (1, int(number)) if kind == "segment" else (0, 0)

    return HEADER + "".join(f"\n# {key}\n{blocks[key]}" for key in sorted(blocks, key=order))


def merged_blocks(before: str, wanted: Mapping[str, str], gone: Collection[int] | None) -> dict[str, str]:
    """
    The blocks of the next file. `gone`: VNIs that are not wanted any more; None: all that are not in `wanted`.
    The block of the device goes with the last segment.
    """
    kept = {} if gone is None else split_blocks(before)
    for vni in gone or ():
        kept.pop(f"segment {vni}", None)
    blocks = {**kept, **wanted}
    return blocks if any(key != "device" for key in blocks) else {}


def blocks_of(overlay: Overlay, wanted: Links) -> dict[str, str]:
    """The blocks of the wanted segments; for the single form also that of the device and its bridge."""
    single = overlay.form == "single"
    blocks = {}
    if single and overlay.segments:
        blocks["device"] = _aware_bridge(wanted[overlay.bridge], wanted[overlay.device])
    for segment in overlay.segments:
        stanzas = []
        if single:
            name = vlan_interface(overlay, segment)
            stanzas += [_vlan(wanted[name])] if name in wanted else []
            stanzas += [_aware_port(overlay.bridge, name, segment.vlan) for name in segment.ports]
        else:
            stanzas += [
                _device(wanted[segment.vxlan]),
                _bridge(wanted[segment.bridge], [segment.vxlan, *segment.ports]),
            ]
        blocks[f"segment {segment.vni}"] = "\n".join(stanzas)
    return blocks


def _stanza(name: str, lines: Iterable[str]) -> str:
    return f"auto {name}\niface {name}\n" + "".join(f"    {line}\n" for line in lines)


def _make_device(link: Link, name: str) -> list[str]:
    return [
        f"ip link add dev {name} mtu {link.mtu} type vxlan {words({**link.fixed, **link.details})}",
        f"ip link set dev {name} alias {MARK} addrgenmode none",
    ]


def _make_bridge(link: Link) -> list[str]:
    """Made with another MTU, which is then changed: that pins it."""
    mac = link.settings["address"]
    return [
        f"ip link add dev $IFACE mtu {link.mtu + 1} address {mac} type bridge {words(link.details)}",
        f"ip link set dev $IFACE alias {MARK} addrgenmode none mtu {link.mtu}",
    ]


def _pre_up(commands: Sequence[str]) -> str:
    """Only where the interface is missing."""
    return f"pre-up [ -d /sys/class/net/$IFACE ] || {{ {' && '.join(commands)}; }}"


def _device(link: Link) -> str:
    names = {
        "learning": "bridge-learning",
        "neigh_suppress": "bridge-arp-nd-suppress",
        "flood": "bridge-unicast-flood",
        "mcast_flood": "bridge-multicast-flood",
    }
    remotes = [f"bridge {command}" for command in remote_commands(link._replace(name="$IFACE"), None)]
    return _stanza(
        link.name,
        [
            f"alias {MARK}",
            f"mtu {link.mtu}",
            "ipv6-addrgen off",
            *(f"{names[key]} {value}" for key, value in link.port.items()),
            _pre_up([*_make_device(link, "$IFACE"), *remotes]),
            "post-down ip link del dev $IFACE",
        ],
    )


def _bridge(link: Link, ports: Sequence[str]) -> str:
    """`bridge-ports-condone-regex`: without it, ifreload throws out every port that is not listed, guests' too."""
    return _stanza(
        link.name,
        [
            f"alias {MARK}",
            f"bridge-ports {' '.join(ports)}",
            "bridge-ports-condone-regex .*",
            "bridge-stp off",
            "bridge-fd 0",
            f"hwaddress {link.settings['address']}",
            f"mtu {link.mtu}",
            "ipv6-addrgen off",
            _pre_up(_make_bridge(link)),
            *_addresses(link),
        ],
    )


def _aware_bridge(bridge: Link, device: Link) -> str:
    """
    With its VXLAN device, in one stanza: ifupdown2 takes two stanzas that know nothing of each other in any order. It
    warns of an "interface not recognized" and does not bring it up itself.
    """
    make = [
        *_make_bridge(bridge),
        *_make_device(device, device.name),
        f"ip link set dev {device.name} master $IFACE",
        f"ip link set dev {device.name} type bridge_slave {port_words(device.port)}",
        f"bridge -batch {VLAN_FILE}",
        f"ip link set dev {device.name} up",
        "ip link set dev $IFACE up",
    ]
    remove = [f"post-down ip link del dev {device.name}", "post-down ip link del dev $IFACE"]
    return _stanza(bridge.name, [f"alias {MARK}", f"mtu {bridge.mtu}", "ipv6-addrgen off", _pre_up(make), *remove])


def _aware_port(bridge: str, name: str, vlan: int) -> str:
    join = f"ip link set dev {name} master {bridge} up && bridge vlan add dev {name} vid {vlan} pvid untagged"
    return _stanza(name, [f"post-up [ -e /sys/class/net/{bridge}/brif/{name} ] || {{ {join}; }}"])


def _vlan(link: Link) -> str:
    return _stanza(
        link.name,
        [
            f"alias {MARK}",
            f"vlan-raw-device {link.fixed['link']}",
            f"vlan-id {link.fixed['id']}",
            f"hwaddress {link.settings['address']}",
            f"mtu {link.mtu}",
            "ipv6-addrgen off",
            # ifupdown2 makes the interface, and leaves it down where its bridge is none of its own. It would set the
            # MAC address last, taking the interface down for it, and IPv6 addresses with it.
            f"pre-up ip link set dev $IFACE address {link.settings['address']} addrgenmode none",
            "pre-up ip link set dev $IFACE up",
            *_addresses(link),
        ],
    )


def vlan_file(device: Link, bridge: Link) -> str:
    """The VLANs and VNIs of the single form, for `bridge -batch` when the device is made."""
    commands = [*vlan_commands(bridge, None, False), *vlan_commands(device, None, False)]
    return HEADER + "".join(f"{command}\n" for command in commands)


def _addresses(link: Link) -> list[str]:
    """Without a look for duplicates, which would find the gateway of the next node."""
    six = any(":" in address.local for address in link.addresses)
    return [
        "address-purge no",
        *(["pre-up echo 0 > /proc/sys/net/ipv6/conf/$IFACE/accept_dad"] if six else []),
        *(f"address {address}" for address in link.addresses),
    ]


def owned_addresses(text: str) -> dict[str, tuple[Address, ...]]:
    """Interface that we made → the addresses that a file of ours gives it."""
    owned: dict[str, tuple[Address, ...]] = {}
    name = ""
    for line in text.splitlines():
        parts = line.split()
        if parts[:1] == ["iface"] and len(parts) > 1:
            name = parts[1]
        elif parts == ["alias", MARK]:  # first in each stanza; a port has none
            owned[name] = ()
        elif parts[:1] == ["address"] and len(parts) == 2:
            owned[name] += (parse_address(parts[1]),)
    return owned


def stanza_names(text: str) -> list[str]:
    """The interfaces that a file of ifupdown configures."""
    found = (line.split() for line in text.splitlines())
    return [parts[1] for parts in found if parts[:1] in (["iface"], ["auto"]) and len(parts) > 1]
