# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites that the tests render: the first seed's, a big one, a small one."""

from __future__ import annotations

from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.peer_config.model import Bgp, Peer, Site

HUB = "IhYOkpqE0cIBclaR7zGLml/7BriPIMoMdjmM5dbkkGs="

# Routing IPv6 through WireGuard with MikroTik and Debian, line by line.
SEED = Site(
    name="home",
    interface="wg-hrl23",
    peers=(Peer("proxmox01", HUB, ("::/0",), "2001:678:3a4:1::100", keepalive_s=30),),
    prefixes=("2a14:9b80:101::/48",),
    addresses=(("2a14:9b80:101::1/64", "wg-hrl23"), ("2a14:9b80:101:1::1/64", "ether4")),
    source_routing=True,
    stay=("2001:41f0:6f67::/48",),
    table="wireguard",
    interface_list="WAN",
)
BOTH = Site(
    name="office",
    interface="wg-office",
    peers=(
        Peer("pve1", HUB, ("0.0.0.0/0", "::/0"), "192.0.2.1", 51821, preshared_key=f"{'A' * 42}E="),
        Peer("pve2", f"{'B' * 42}E=", ("10.9.0.0/16",), "vpn.example.net", keepalive_s=25),
        Peer("roaming", f"{'C' * 42}E=", ("10.10.0.0/16",)),
    ),
    prefixes=("198.51.100.0/24", "2001:db8:102::/48"),
    addresses=(("10.77.0.2/24", "wg-office"), ("198.51.100.1/25", "bridge1"), ("2001:db8:77::2/64", "wg-office")),
    listen_port=13231,
    mtu=1412,
    routes=("10.9.0.0/16",),
    source_routing=True,
    stay=("192.168.88.0/24",),
    bgp=(
        Bgp(
            asn=4200000900,
            router_id="10.77.0.2",
            remote_asn=65010,
            local_address="2001:db8:77::2",
            remote_address="2001:db8:77::1",
            announce=("198.51.100.0/24", "2001:db8:102::/48"),
            accept=("::/0", "0.0.0.0/0"),
        ),
    ),
)
SMALL = Site(name="small", interface="wg0", peers=(Peer("hub", HUB, ("10.0.0.0/8",)),))
SITES = {"seed": SEED, "office": BOTH, "small": SMALL}
