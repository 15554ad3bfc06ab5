# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guest's own network configuration, in the form that its system reads. Pure.

The gateway lies in no network of the guest, so its IPv4 route is `on-link`; fe80::1 is on the link in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .addressing import address, family_of, host_prefix
from .numbers import GUEST_BRIDGE

GATEWAYS = {family: GUEST_BRIDGE[family].partition("/")[0] for family in ("ipv4", "ipv6")}
_HEADER = "# Made by the Ansible collection routed.fabric from fabric.yml.\n"


class _Guest:
    """What a form needs to know. Raises ValueError with the key where something is missing."""

    def __init__(self, guest: Mapping[str, Any]) -> None:
        for key in ("mac", "addresses"):
            if not guest.get(key):
                raise ValueError(f"the guest has no '{key}'")
        self.interface: str = guest.get("interface") or "ens18"
        self.mac: str = guest["mac"].lower()
        self.addresses: list[str] = [address(a) for a in guest["addresses"]]
        self.nameservers: list[str] = [address(a) for a in guest.get("nameservers") or []]
        self.families: list[str] = [f for f in ("ipv6", "ipv4") if any(family_of(a) == f for a in self.addresses)]

    @property
    def prefixes(self) -> list[str]:
        return [host_prefix(a) for a in self.addresses]


def netplan(guest: Mapping[str, Any]) -> str:
    """``/etc/netplan/60-routed.yaml``."""
    it = _Guest(guest)
    return f"{_HEADER}network:\n  version: 2\n  ethernets:\n    {it.interface}:\n" + _netplan_interface(it, 6)


def _netplan_interface(it: _Guest, indent: int) -> str:
    """The keys of an interface, which netplan and cloud-init's version 2 share."""
    pad = " " * indent
    lines = ["accept-ra: no", "addresses:", *(f"  - {prefix}" for prefix in map(_quoted, it.prefixes))]
    if it.nameservers:
        lines += ["nameservers:", "  addresses:", *(f"    - {server}" for server in map(_quoted, it.nameservers))]
    lines.append("routes:")
    for family in it.families:
        lines += ["  - to: default", f"    via: {_quoted(GATEWAYS[family])}"]
        if family == "ipv4":
            lines.append("    on-link: true")
    return "".join(f"{pad}{line}\n" for line in lines)


def _quoted(value: str) -> str:
    return f'"{value}"' if ":" in value else value


def cloud_init(guest: Mapping[str, Any]) -> str:
    """A network configuration of version 2 for cloud-init (Proxmox: ``qm set VMID --cicustom network=…``).

    Version 1, which Proxmox itself makes from ipconfigN, knows no `on-link`. Some of cloud-init's renderers do not know
    the word `default`, so the default routes are written as prefixes.
    """
    it = _Guest(guest)
    body = _netplan_interface(it, 4)
    for family in it.families:
        prefix = _quoted("::/0") if family == "ipv6" else "0.0.0.0/0"
        body = body.replace("- to: default\n", f"- to: {prefix}\n", 1)
    head = f'{_HEADER}version: 2\nethernets:\n  {it.interface}:\n    match: {{macaddress: "{it.mac}"}}\n'
    return f"{head}    set-name: {it.interface}\n{body}"


def ifupdown(guest: Mapping[str, Any]) -> str:
    """A file for ``/etc/network/interfaces.d/``; for classic ifupdown and ifupdown2 alike.

    `gateway` would be refused, because the address's own network does not contain it.
    """
    it = _Guest(guest)
    text = f"{_HEADER}auto {it.interface}\n"
    for family in reversed(it.families):
        own = [prefix for prefix in it.prefixes if family_of(prefix) == family]
        name = "inet" if family == "ipv4" else "inet6"
        text += f"\niface {it.interface} {name} static\n"
        if family == "ipv6":
            text += "    accept_ra 0\n    dad-attempts 0\n"
        text += f"    address {own[0]}\n"
        text += "".join(f"    post-up ip addr replace {prefix} dev $IFACE\n" for prefix in own[1:])
        version, onlink = ("-4", " onlink") if family == "ipv4" else ("-6", "")
        text += f"    post-up ip {version} route replace default via {GATEWAYS[family]} dev $IFACE{onlink}\n"
        if it.nameservers and family == it.families[-1]:
            text += f"    dns-nameservers {' '.join(it.nameservers)}\n"
    return text


def networkd(guest: Mapping[str, Any]) -> str:
    """``/etc/systemd/network/10-routed.network``."""
    it = _Guest(guest)
    lines = [
        "[Match]",
        f"MACAddress={it.mac}",
        "",
        "[Network]",
        "DHCP=no",
        "IPv6AcceptRA=no",
        "LinkLocalAddressing=ipv6",
    ]
    lines += [f"Address={prefix}" for prefix in it.prefixes]
    lines += [f"DNS={server}" for server in it.nameservers]
    for family in it.families:
        lines += ["", "[Route]", f"Gateway={GATEWAYS[family]}"]
        if family == "ipv4":
            lines.append("GatewayOnLink=yes")
    return _HEADER + "".join(f"{line}\n" for line in lines)


FORMS: dict[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    "netplan": ("netplan.yaml", netplan),
    "ifupdown": ("interfaces", ifupdown),
    "networkd": ("routed.network", networkd),
    "cloud-init": ("network-config", cloud_init),
}


def config(guest: Mapping[str, Any], form: str) -> str:
    """The guest's configuration in one form. Raises ValueError for a form or a guest that cannot be."""
    if form not in FORMS:
        raise ValueError(f"there is no form '{form}'; use one of {', '.join(FORMS)}")
    return FORMS[form][1](guest)


def files(guest: Mapping[str, Any]) -> dict[str, str]:
    """File name → text, of all forms."""
    return {name: render(guest) for name, render in FORMS.values()}
