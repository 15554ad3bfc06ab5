# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""FRR on a far end that nothing here configures: lines to be given as often as one likes. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from .model import Bgp, Site, checked, is_ipv6


def render(site: Site) -> str:
    """For `vtysh -f`. Raises ValueError where the site is impossible."""
    checked(site)
    lines = [
        f"! Tunnel {site.name}. Made by routed.fabric.",
        "! vtysh -C -f FILE tries it, vtysh -f FILE applies it, and vtysh -c write keeps it.",
        *(line for session in site.bgp for line in _policy(site, session)),
        *(line for session in site.bgp for line in _session(site, session)),
    ]
    return "".join(f"{line}\n" for line in lines)


def _name(site: Site, session: Bgp, direction: str) -> str:
    return f"{site.name}-{direction}-{_family(session)}"


def _family(session: Bgp) -> str:
    return "ipv6" if is_ipv6(session.remote_address) else "ipv4"


def _policy(site: Site, session: Bgp) -> Iterator[str]:
    word = "ipv6" if is_ipv6(session.remote_address) else "ip"
    for direction, prefixes in (("in", session.accept), ("out", session.announce)):
        name = _name(site, session, direction)
        for index, prefix in enumerate(prefixes, start=1):
            yield f"{word} prefix-list {name} seq {10 * index} permit {prefix}"
        if not prefixes:
            yield f"{word} prefix-list {name} seq 10 deny any"


def _session(site: Site, session: Bgp) -> Iterator[str]:
    """A network is announced while the machine has a route for it, which the tunnel's file makes a blackhole."""
    yield f"router bgp {session.asn}"
    yield f" bgp router-id {session.router_id}"
    yield " no bgp ebgp-requires-policy"
    yield " no bgp default ipv4-unicast"
    yield f" neighbor {session.remote_address} remote-as {session.remote_asn}"
    yield f" neighbor {session.remote_address} description tunnel {site.name}"
    yield f" address-family {_family(session)} unicast"
    for prefix in session.announce:
        yield f"  network {prefix}"
    yield f"  neighbor {session.remote_address} activate"
    for direction in ("in", "out"):
        yield f"  neighbor {session.remote_address} prefix-list {_name(site, session, direction)} {direction}"
    yield " exit-address-family"
    yield "exit"
