# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""The bridge of routed guests: what it has to be like, what differs, and its stanzas in /etc/network/interfaces. Pure.

Proxmox' network editor writes the main file anew as a whole. What stands here survives that (seen in its parser): one
address a stanza and so a stanza a family, options that it knows in its own order, options that it does not know
verbatim behind them, no comments of ours.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.routed.fabric.plugins.module_utils import _interfaces_file as interfaces_file
from ansible_collections.routed.fabric.plugins.module_utils._interfaces_file import Iface
from ansible_collections.routed.fabric.plugins.module_utils._ip import _sysctl
from ansible_collections.routed.fabric.plugins.module_utils._ip._links import Change
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError

MAIN_FILE = interfaces_file.IFUPDOWN2_MAIN
# What the editor holds back until somebody presses Apply: it then replaces the main file.
PENDING_FILE = f"{MAIN_FILE}.new"
SYSCTL_FILE = "/etc/sysctl.d/91-routed-fabric-guests.conf"
SYSCTL_HEADER = (
    "# Written by the Ansible collection routed.fabric (module guest_bridge).\n"
    "# Do not edit: the next run puts this file back. Other settings belong in a file of your own.\n"
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
# Without it, `ifreload` takes every running guest off the bridge (seen with Debian's ifupdown2 3.0; Proxmox' own
# package has this value as its default).
CONDONE = "bridge-ports-condone-regex"
GUEST_PORTS = "^(tap|veth|fwpr)"
# Of the stanzas of our bridge, these are ours; all other options (mtu, say) stay as they are.
_OURS = {
    "inet": {
        "address",
        "netmask",
        "broadcast",
        "gateway",
        "bridge-ports",
        "bridge-stp",
        "bridge-fd",
        "hwaddress",
        CONDONE,
    },
    "inet6": {"address", "netmask", "gateway", "ipv6-addrgen"},
}


class Bridge(NamedTuple):
    name: str
    mac: str
    ipv4: str
    ipv6: str
    sysctl: dict[str, str]  # path below /proc/sys → value


class Got(NamedTuple):
    """The bridge as it is."""

    up: bool
    mac: str
    stp: bool
    addresses: tuple[str, ...]
    tentative: tuple[str, ...]


def wanted_bridge(options: Mapping[str, Any]) -> Bridge:
    """Raises IpError with the option's path and the value."""
    name, mac = options["name"], options["mac"].lower()
    if not _NAME.fullmatch(name):
        raise IpError(f"name: '{name}' cannot be the name of an interface")
    if not _MAC.fullmatch(mac) or int(mac[:2], 16) & 1:
        raise IpError(f"mac: '{options['mac']}' is not the MAC address of one interface")
    addresses = {}
    for key, version in (("ipv4", 4), ("ipv6", 6)):
        try:
            address = ipaddress.ip_interface(options[key])
        except ValueError as exc:
            raise IpError(f"{key}: {exc}") from exc
        if address.version != version:
            raise IpError(f"{key}: '{options[key]}' is not an IPv{version} address")
        addresses[key] = str(address)
    return Bridge(name, mac, addresses["ipv4"], addresses["ipv6"], _sysctl.normalise(options["sysctl"]))


def got_bridge(dump: Sequence[Mapping[str, Any]], name: str) -> Got | None:
    """From `ip -j -d addr show`; None where there is no such interface. Raises IpError where it is something else."""
    entry = next((item for item in dump if item["ifname"] == name), None)
    if entry is None:
        return None
    info = entry.get("linkinfo", {})
    if info.get("info_kind") != "bridge":
        kind = info.get("info_kind", "physical")
        raise IpError(f"name: '{name}' is a device of kind '{kind}' on this node, not a bridge; rename it")
    addresses = [item for item in entry.get("addr_info", []) if "local" in item]
    texts = [f"{item['local']}/{item['prefixlen']}" for item in addresses]
    return Got(
        up="UP" in entry.get("flags", []),
        mac=entry.get("address", ""),
        stp=bool(info.get("info_data", {}).get("stp_state")),
        addresses=tuple(texts),
        tentative=tuple(t for t, item in zip(texts, addresses) if item.get("tentative") or item.get("dadfailed")),
    )


def creation(wanted: Bridge, got: Got | None) -> list[Change]:
    """The device itself, down: kernel parameters come before its addresses."""
    if got:
        return []
    add = f"link add dev {wanted.name} address {wanted.mac} type bridge stp_state 0 forward_delay 0"
    return [Change(add, f"link del dev {wanted.name}")]


def changes(wanted: Bridge, got: Got) -> list[Change]:
    """What differs on an existing bridge. It is never set down, since that takes every guest's route with it."""
    name = wanted.name
    found = []
    if got.mac != wanted.mac:
        found.append(Change(f"link set dev {name} address {wanted.mac}", f"link set dev {name} address {got.mac}"))
    if got.stp:
        found.append(
            Change(f"link set dev {name} type bridge stp_state 0", f"link set dev {name} type bridge stp_state 1")
        )
    for address, flag in ((wanted.ipv4, ""), (wanted.ipv6, " nodad")):
        add, delete = f"addr add {address} dev {name}{flag}", f"addr del {address} dev {name}"
        if address in got.tentative:  # the kernel keeps the state of an address that is there already
            found.append(Change(delete, add))
        if address in got.tentative or address not in got.addresses:
            found.append(Change(add, delete))
    if not got.up:
        found.append(Change(f"link set dev {name} up", f"link set dev {name} down"))
    return found


def describe(got: Got | None) -> dict[str, Any] | None:
    if got is None:
        return None
    return {
        "mac": got.mac,
        "stp": got.stp,
        "up": got.up,
        "addresses": sorted(got.addresses),
        "tentative": sorted(got.tentative),
    }


def predicted(wanted: Bridge, got: Got | None) -> Got:
    """What the bridge will be like (check mode shows it)."""
    there = got.addresses if got else ()
    added = tuple(address for address in (wanted.ipv4, wanted.ipv6) if address not in there)
    tentative = tuple(a for a in (got.tentative if got else ()) if a not in (wanted.ipv4, wanted.ipv6))
    return Got(True, wanted.mac, False, (*there, *added), tentative)


def pre_up(name: str) -> str:
    """
    Makes the bridge before ifupdown2 does and gives it its kernel parameters before it has addresses.

    Without a carrier, fe80::1 stays tentative with `dad-attempts 0` and with a later `ip addr replace … nodad`, too
    (seen with ifupdown2 3.0); accept_dad=0 has to be there first.
    """
    return f"ip link add dev {name} type bridge 2>/dev/null; sysctl -q -e -p {SYSCTL_FILE} || true"


def stanzas(wanted: Bridge, there: Sequence[Iface]) -> list[Iface]:
    """The stanzas that the file should have: ours, completed with what somebody else put there."""
    rest = {family: _kept(there, family) for family in ("inet", "inet6")}
    ipv4 = (
        ("address", wanted.ipv4),
        ("bridge-ports", "none"),
        ("bridge-stp", "off"),
        ("bridge-fd", "0"),
        *(option for option in rest["inet"] if option[0] == "mtu"),
        ("hwaddress", wanted.mac),
        (CONDONE, GUEST_PORTS),
        ("pre-up", pre_up(wanted.name)),
        *(option for option in rest["inet"] if option[0] != "mtu"),
    )
    # ifupdown2 sets addr_gen_mode itself: 0 unless it is told otherwise
    ipv6 = (("address", wanted.ipv6), ("ipv6-addrgen", "off"), *rest["inet6"])
    return [Iface(wanted.name, "inet", "static", ipv4), Iface(wanted.name, "inet6", "static", ipv6)]


def _kept(there: Sequence[Iface], family: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for stanza in there:
        if stanza.family == family or (family == "inet" and not stanza.family):
            for option in stanza.options:
                ours = option[0] in _OURS[family] or (option[0] == "pre-up" and SYSCTL_FILE in option[1])
                if not ours and option not in found:
                    found.append(option)
    return found


def with_bridge(text: str, wanted: Bridge) -> str:
    """The file with the bridge in it; unchanged, byte for byte, where it says the same in whatever order."""
    there = interfaces_file.ifaces(text, wanted.name)
    return interfaces_file.with_interface(text, wanted.name, stanzas(wanted, there))


def render_sysctl(wanted: Bridge) -> str:
    """The file for the next boot. It is read for the bridge alone (udev, `pre-up`) as well as as a whole."""
    lines = [f"{_sysctl.key_of(path)} = {wanted.sysctl[path]}\n" for path in _sysctl.in_order(wanted.sysctl)]
    return SYSCTL_HEADER + "".join(lines)
