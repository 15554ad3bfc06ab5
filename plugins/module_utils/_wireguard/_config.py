# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""The file that wg-quick reads: `render` and `parse` are each other's inverse for what is ours. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from ansible_collections.routed.fabric.plugins.module_utils._wireguard._keys import Secret
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._model import (
    Interface,
    Peer,
    WireguardError,
    allowed_order,
)

_OWNER = "# Written by the Ansible collection routed.fabric (modules wireguard_interface and wireguard_peer).\n"
HEADER = f"{_OWNER}# Do not edit: the next run puts this file back.\n"
_TABLE = re.compile(r"^# Routes to the peers: table (\d+)$", re.MULTILINE)
_INTERFACE_KEYS = ("privatekey", "listenport", "address", "mtu", "fwmark", "table", "postup")
_PEER_KEYS = ("publickey", "presharedkey", "endpoint", "allowedips", "persistentkeepalive")


class Document(NamedTuple):
    interface: Interface
    peers: tuple[Peer, ...] = ()


def routes_path(path: str) -> str:
    """Where the routes of a configuration file's peers stand."""
    return f"{path.removesuffix('.conf')}.routes"


def render(document: Document, path: str, masked: bool = False) -> str:
    """
    `Table = off`: wg-quick adds no route and no rule of its own. The routes stand beside the file, since
    `systemctl reload` takes up peers only. masked: with fingerprints instead of keys, for a diff.
    """
    interface = document.interface
    text = HEADER
    if interface.table:
        text += f"# Routes to the peers: table {interface.table}\n"
    text += "\n[Interface]\n"
    if interface.private_key:
        text += f"PrivateKey = {_shown(interface.private_key, masked)}\n"
    if interface.listen_port:
        text += f"ListenPort = {interface.listen_port}\n"
    if interface.fwmark:
        text += f"FwMark = {interface.fwmark:#x}\n"
    text += "".join(f"Address = {address}\n" for address in interface.addresses)
    if interface.mtu:
        text += f"MTU = {interface.mtu}\n"
    routes = routes_path(path)
    text += f"Table = off\nPostUp = [ ! -e {routes} ] || ip -force -batch {routes} || true\n"
    for peer in document.peers:
        text += "\n[Peer]\n"
        if peer.name:
            text += f"# {peer.name}\n"
        text += f"PublicKey = {peer.public_key}\n"
        if peer.preshared_key:
            text += f"PresharedKey = {_shown(peer.preshared_key, masked)}\n"
        if peer.endpoint:
            text += f"Endpoint = {peer.endpoint}\n"
        if peer.allowed_ips:
            text += f"AllowedIPs = {', '.join(peer.allowed_ips)}\n"
        if peer.keepalive:
            text += f"PersistentKeepalive = {peer.keepalive}\n"
    return text


def parse(text: str) -> Document:
    """Raises WireguardError, without a key, where the text is no configuration at all."""
    interface, peers = Interface(), list[Peer]()
    section = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith("#"):
            if section == "[peer]" and not peers[-1].public_key:
                peers[-1] = peers[-1]._replace(name=line[1:].strip())
            continue
        line = line.partition("#")[0].strip()
        if not line:
            continue
        if line.startswith("["):
            section = line.lower()
            if section == "[peer]":
                peers.append(Peer(""))
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        try:
            if not equals:
                raise ValueError
            if section == "[interface]":
                interface = _with_interface(interface, key.lower(), value)
            elif section == "[peer]":
                peers[-1] = _with_peer(peers[-1], key.lower(), value)
        except (ValueError, OSError) as exc:
            raise WireguardError(f"line {number} cannot be read ({key if equals else 'no key and value'})") from exc
    match = _TABLE.search(text)
    return Document(interface._replace(table=int(match.group(1)) if match else 0), tuple(peers))


def foreign(text: str) -> list[str]:
    """
    What would be lost if the text were written anew: settings of a file that is not ours. Ours has none: people are
    told not to edit it.
    """
    if text.startswith(_OWNER):
        return []
    found, section = list[str](), ""
    for raw in text.splitlines():
        line = raw.partition("#")[0].strip()
        if line.startswith("["):
            section = line.lower()
            continue
        key = line.partition("=")[0].strip()
        known = {"[interface]": _INTERFACE_KEYS[:-1], "[peer]": _PEER_KEYS}.get(section, ())
        if key and key.lower() not in known and key not in found:
            found.append(key)
    return found


def is_ours(text: str | None) -> bool:
    return bool(text) and str(text).startswith(_OWNER)


def _with_interface(interface: Interface, key: str, value: str) -> Interface:
    if key == "privatekey":
        return interface._replace(private_key=Secret(value))
    if key == "listenport":
        return interface._replace(listen_port=int(value))
    if key == "fwmark":
        return interface._replace(fwmark=0 if value == "off" else int(value, 0))
    if key == "mtu":
        return interface._replace(mtu=int(value))
    if key == "address":
        return interface._replace(addresses=(*interface.addresses, *_words(value)))
    return interface


def _with_peer(peer: Peer, key: str, value: str) -> Peer:
    if key == "publickey":
        return peer._replace(public_key=value)
    if key == "presharedkey":
        return peer._replace(preshared_key=Secret(value))
    if key == "endpoint":
        return peer._replace(endpoint=value)
    if key == "allowedips":
        return peer._replace(allowed_ips=tuple(sorted({*peer.allowed_ips, *_words(value)}, key=allowed_order)))
    if key == "persistentkeepalive":
        return peer._replace(keepalive=0 if value == "off" else int(value))
    return peer


def _words(value: str) -> Iterable[str]:
    return (word.strip() for word in value.split(",") if word.strip())


def _shown(secret: Secret, masked: bool) -> str:
    return repr(secret) if masked else secret.reveal()
