# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""RouterOS 7.18 and newer: a script to paste, as often as one likes. Pure.

Every line stands by itself, with its whole path, and adds one thing where it is not there yet. Things are told apart
by their name or, where they have none, by a comment that begins with the tunnel's name. What is there stays as it is.

Sources: https://help.mikrotik.com/docs/ (WireGuard, Routing Rule, IP Routing, BGP, Filter, Scripting, and
`place-before` under Command Line Interface). What differs by version is in `_bgp`: `afi` from 7.19 on, instances from
7.20 on.
"""

from __future__ import annotations

from collections.abc import Iterator

from .model import (
    Bgp,
    Peer,
    Site,
    checked,
    families,
    is_ipv6,
)

_LEAST_VERSION = (7, 18)  # before it, `lookup-only-in-table` for IPv6 did not do what it says

Properties = dict[str, str]


def render(site: Site) -> str:
    """Raises ValueError where the site is impossible or the version too old."""
    checked(site)
    if site.version < _LEAST_VERSION:
        raise ValueError(f"version: RouterOS {site.version[0]}.{site.version[1]} is older than 7.18")
    lines = [
        f"# Tunnel {site.name}, for RouterOS {site.version[0]}.{site.version[1]} and newer. Made by routed.fabric.",
        "# Paste it as often as you like: it only adds what is not there.",
        *_tunnel(site),
        *_addresses(site),
        *_routing(site),
        *_rules(site),
        *_firewall(site),
        *(line for session in site.bgp for line in _bgp(site, session)),
        "# The public key, for the other end:",
        f':put [/interface wireguard get [/interface wireguard find where name="{site.interface}"] public-key]',
    ]
    return "".join(f"{line}\n" for line in lines)


def _tunnel(site: Site) -> Iterator[str]:
    yield "# The tunnel. RouterOS makes the private key itself."
    yield _named("/interface wireguard", site.interface, {"listen-port": str(site.listen_port), "mtu": str(site.mtu)})
    for peer in site.peers:
        yield _commented(site, "/interface wireguard peers", f"peer {peer.name}", _peer(site, peer))


def _peer(site: Site, peer: Peer) -> Properties:
    properties = {
        "interface": _quoted(site.interface),
        "name": _quoted(f"{site.name}-{peer.name}"),
        "public-key": _quoted(peer.public_key),
        "allowed-address": ",".join(peer.allowed),
    }
    if peer.endpoint:
        properties["endpoint-address"] = peer.endpoint if is_ipv6(peer.endpoint) else _quoted(peer.endpoint)
        properties["endpoint-port"] = str(peer.port)
    if peer.keepalive_s:
        properties["persistent-keepalive"] = f"{peer.keepalive_s}s"
    if peer.preshared_key:
        properties["preshared-key"] = _quoted(peer.preshared_key)
    return properties


def _addresses(site: Site) -> Iterator[str]:
    if site.addresses:
        yield "# Addresses of the tunnel and of the LANs."
    for address, interface in site.addresses:
        properties = {"address": address, "interface": _quoted(interface)}
        if is_ipv6(address) and interface == site.interface:
            properties["advertise"] = "no"
        yield _commented(site, f"{_ip(address)} address", f"address {address}", properties)


def _routing(site: Site) -> Iterator[str]:
    if site.prefixes or site.routes:
        yield "# Routes. What of our prefixes is in no LAN ends here and does not go in circles."
    for prefix in site.prefixes:
        properties = {"dst-address": prefix, "blackhole": "", "distance": "254"}
        yield _commented(site, f"{_ip(prefix)} route", f"blackhole {prefix}", properties)
    for prefix in site.routes:
        properties = {"dst-address": prefix, "gateway": _quoted(site.interface)}
        yield _commented(site, f"{_ip(prefix)} route", f"route {prefix}", properties)
    if site.source_routing:
        yield "# A table of its own, in which the tunnel is the default."
        yield _named("/routing table", site.table, {"fib": ""})
        for ipv6 in families(site.prefixes):
            default = "::/0" if ipv6 else "0.0.0.0/0"
            properties = {
                "dst-address": default,
                "gateway": _quoted(site.interface),
                "routing-table": _quoted(site.table),
            }
            yield _commented(site, f"{_ip(default)} route", f"default {default}", properties)


def _rules(site: Site) -> Iterator[str]:
    """
    The first rule that matches decides, so the exceptions stand before the rules to which they are exceptions, also
    when one is added later.
    """
    if not site.source_routing:
        return
    yield "# Rules, in this order: what stays here is routed as ever; all else from our prefixes takes the tunnel."
    for prefix in site.prefixes:
        anchor = _comment(site, f"from {prefix}")
        for other in (*site.prefixes, *site.stay):
            if is_ipv6(other) == is_ipv6(prefix):
                properties = {
                    "action": "lookup",
                    "src-address": prefix,
                    "dst-address": other,
                    "table": "main",
                }
                text = f"from {prefix} to {other}"
                yield _commented(site, "/routing rule", text, properties, before=f"comment={anchor}")
    for prefix in site.prefixes:
        properties = {"action": "lookup-only-in-table", "src-address": prefix, "table": _quoted(site.table)}
        yield _commented(site, "/routing rule", f"from {prefix}", properties)


def _firewall(site: Site) -> Iterator[str]:
    endpoints = [peer for peer in site.peers if peer.endpoint and _is_address(peer.endpoint)]
    if endpoints:
        yield "# WireGuard's packets from the other ends, before whatever the chain drops."
    for peer in endpoints:
        properties = {
            "chain": "input",
            "action": "accept",
            "protocol": "udp",
            "dst-port": str(site.listen_port),
            "src-address": f"{peer.endpoint}/{128 if is_ipv6(peer.endpoint) else 32}",
        }
        if site.interface_list:
            properties["in-interface-list"] = _quoted(site.interface_list)
        path = f"{_ip(peer.endpoint)} firewall filter"
        yield _commented(site, path, f"WireGuard {peer.name}", properties, before="chain=input and action=drop")


def _bgp(site: Site, bgp: Bgp) -> Iterator[str]:
    yield "# BGP over the tunnel: exactly these prefixes out, exactly these in."
    ipv6 = is_ipv6(bgp.remote_address)
    name = f"{site.name}-bgp" if len(site.bgp) == 1 else f"{site.name}-bgp{6 if ipv6 else 4}"
    for prefix in bgp.announce:
        properties = {"list": _quoted(name), "address": prefix}
        yield _commented(site, f"{_ip(prefix)} firewall address-list", f"announce {prefix}", properties)
    for prefix in bgp.accept:
        properties = {"chain": _quoted(name), "rule": _quoted(f"if (dst == {prefix}) {{ accept }}")}
        yield _commented(site, "/routing filter rule", f"accept {prefix}", properties)
    connection = {
        "remote.address": bgp.remote_address,
        "remote.as": str(bgp.remote_asn),
        "local.address": bgp.local_address,
        "local.role": "ebgp" if bgp.asn != bgp.remote_asn else "ibgp",
        "output.network": _quoted(name),
        "input.filter": _quoted(name),
    }
    used = families((*bgp.announce, *bgp.accept)) or [ipv6]
    afi = ",".join("ipv6" if family else "ip" for family in used)
    connection["afi" if site.version >= (7, 19) else "address-families"] = afi
    if site.version >= (7, 20):
        yield _named("/routing bgp instance", name, {"as": str(bgp.asn), "router-id": bgp.router_id})
        connection["instance"] = _quoted(name)
    else:
        connection.update({"as": str(bgp.asn), "router-id": bgp.router_id})
    yield _named("/routing bgp connection", name, connection)


def _named(path: str, name: str, properties: Properties) -> str:
    return _add(path, f"name={_quoted(name)}", {"name": _quoted(name), **properties})


def _commented(site: Site, path: str, text: str, properties: Properties, before: str = "") -> str:
    comment = _comment(site, text)
    return _add(path, f"comment={comment}", {**properties, "comment": comment}, before)


def _add(path: str, condition: str, properties: Properties, before: str = "") -> str:
    words = " ".join(f"{key}={value}" if value else key for key, value in properties.items())
    add = f"{path} add {words}"
    if before:
        # `place-before` takes one item, and none is no item.
        there = f"[{path} find where {before}]"
        add = f":if ([:len {there}] = 0) do={{ {add} }} else={{ {add} place-before=({there}->0) }}"
    return f":if ([:len [{path} find where {condition}]] = 0) do={{ {add} }}"


def _comment(site: Site, text: str) -> str:
    return _quoted(f"{site.name}: {text}")


def _ip(text: str) -> str:
    return "/ipv6" if is_ipv6(text) else "/ip"


def _is_address(host: str) -> bool:
    return is_ipv6(host) or host.replace(".", "").isdecimal()


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'
