# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""DHCPv4 for guests that cannot be configured: the configuration of dnsmasq, which is the same on every node.

A guest gets its one address as a /32, and its gateway by option 121 (RFC 3442): first a route to the gateway's own
address, then the default route over it. Clients that know option 121 ignore option 3; option 3 is there for the rest.
"""

from __future__ import annotations

import ipaddress

from ..addressing import family_of
from ..model import Fabric
from ..numbers import GUEST_BRIDGE

_LEASE = "12h"
_HEADER = (
    "# Written by the Ansible collection routed.fabric (role routed_guests).\n"
    "# Do not edit: the next run puts this file back.\n"
)


def dnsmasq(fabric: Fabric) -> dict[str, str] | None:
    """The configuration as text, or None where no guest wants DHCP."""
    wanting = [guest for guest in fabric.guests if guest.dhcp]
    if not wanting:
        return None
    gateway = GUEST_BRIDGE["ipv4"].partition("/")[0]
    lines = [
        "port=0",  # no name server
        f"interface={GUEST_BRIDGE['name']}",
        "bind-dynamic",  # the bridge may come later
        "except-interface=lo",
        "no-ping",
        "leasefile-ro",  # whoever asks gets what is written here: nothing to remember, and nothing to lose in a move
        "dhcp-authoritative",
        "dhcp-option=option:netmask,255.255.255.255",
        f"dhcp-option=option:router,{gateway}",
        f"dhcp-option=option:classless-static-route,{gateway}/32,0.0.0.0,0.0.0.0/0,{gateway}",
    ]
    for prefix in fabric.guest_prefixes:
        if family_of(prefix) == "ipv4":
            network = ipaddress.ip_network(prefix)
            # The bridge has no address of this network, so dnsmasq has to be told that it serves it there.
            lines.append(f"shared-network={GUEST_BRIDGE['name']},{network.network_address}")
            lines.append(f"dhcp-range={network.network_address},static,{network.netmask},{_LEASE}")
    for guest in wanting:
        address = next(a for a in guest.addresses if family_of(a) == "ipv4")
        tag = f"set:{guest.name}"
        lines.append(f"dhcp-host={guest.mac},{tag},{address},{guest.name},{_LEASE}")
        servers = ",".join(a for a in guest.nameservers if family_of(a) == "ipv4")
        if servers:
            lines.append(f"dhcp-option=tag:{guest.name},option:dns-server,{servers}")
    return {"config": _HEADER + "".join(f"{line}\n" for line in lines)}
