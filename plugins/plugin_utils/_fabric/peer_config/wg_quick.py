# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Debian, or any Linux with wg-quick: the file /etc/wireguard/INTERFACE.conf of the far end. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from .model import (
    Peer,
    Site,
    checked,
    families,
    is_ipv6,
)

# What is refused by `wg` until somebody has read it.
KEY_PLACE = "(the private key of this machine)"


def render(site: Site) -> str:
    """
    Raises ValueError where the site is impossible. The session of BGP, where there is one, belongs to another daemon.

    `PreUp`, and nothing in `PostDown`: rules and blackholes stay when the tunnel goes, so nothing from the prefixes
    leaves through the provider then.
    """
    checked(site)
    text = (
        f"# Tunnel {site.name}. Made by routed.fabric.\n# `wg genkey` makes a private key; mode 0600 for this file.\n"
    )
    text += f"\n[Interface]\nPrivateKey = {KEY_PLACE}\nListenPort = {site.listen_port}\n"
    text += "".join(f"Address = {address}\n" for address, interface in site.addresses if interface == site.interface)
    text += f"MTU = {site.mtu}\nTable = off\n"
    text += "".join(f"PreUp = {line}\n" for line in _before(site))
    text += "".join(f"PostUp = {line}\n" for line in _after(site))
    return text + "".join(_peer(peer) for peer in site.peers)


def _before(site: Site) -> Iterator[str]:
    for prefix in site.prefixes:
        yield f"ip {_option(prefix)} route replace blackhole {prefix} metric 4096"
    if not site.source_routing:
        return
    table, priority = site.table_number, site.rule_priority
    for ipv6 in families(site.prefixes):
        default = "::/0" if ipv6 else "0.0.0.0/0"
        yield f"ip {_option(default)} route replace blackhole {default} table {table} metric 4096"
    for prefix in site.prefixes:
        rules = (
            f"pref {priority} from {prefix} lookup main suppress_prefixlength 0",
            f"pref {priority + 1} from {prefix} lookup {table}",
        )
        for rule in rules:
            # There is no `ip rule replace`, and the same rule can stand there twice.
            yield f"ip {_option(prefix)} rule del {rule} 2>/dev/null || true"
            yield f"ip {_option(prefix)} rule add {rule}"


def _after(site: Site) -> Iterator[str]:
    for prefix in site.routes:
        yield f"ip {_option(prefix)} route replace {prefix} dev %i"
    if site.source_routing:
        for ipv6 in families(site.prefixes):
            default = "::/0" if ipv6 else "0.0.0.0/0"
            yield f"ip {_option(default)} route replace {default} dev %i table {site.table_number}"


def _peer(peer: Peer) -> str:
    text = f"\n[Peer]\n# {peer.name}\nPublicKey = {peer.public_key}\n"
    if peer.preshared_key:
        text += f"PresharedKey = {peer.preshared_key}\n"
    if peer.endpoint:
        host = f"[{peer.endpoint}]" if is_ipv6(peer.endpoint) else peer.endpoint
        text += f"Endpoint = {host}:{peer.port}\n"
    text += f"AllowedIPs = {', '.join(peer.allowed)}\n"
    if peer.keepalive_s:
        text += f"PersistentKeepalive = {peer.keepalive_s}\n"
    return text


def _option(text: str) -> str:
    return "-6" if is_ipv6(text) else "-4"
