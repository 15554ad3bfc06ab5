# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Junos: the lines of a router that somebody else manages, in the form that `load set terminal` takes. Pure.

BGP unnumbered is peer auto-discovery there: neighbour discovery finds the host's link-local address, and a list of AS
numbers says who may begin a session (Junos 21.1 and newer on QFX and PTX; "BGP Auto-Discovered Neighbors" in Juniper's
BGP user guide). A group a node, since groups share their policies and each node may announce its own prefixes only.

Every policy ends in a reject: after the last term Junos goes on to BGP's default policy, which accepts all that is
heard and announces all that is active, so that a policy of accepts alone filters nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..addressing import DEFAULT_ROUTE, LENGTH, PrefixRule
from .model import Port, Router

_FAMILIES = {"ipv4": "inet", "ipv6": "inet6"}
INTERFACE = re.compile(r"^((xe|et|ge|mge|fte)-[0-9]+/[0-9]+/[0-9]+(:[0-9]+)?|ae[0-9]+)$")
_ETHERNET = 14  # Junos counts the Ethernet header in a port's MTU, and not in a family's


def render(router: Router) -> str:
    """Raises ValueError where a port has a name that Junos does not have."""
    for port in router.ports:
        if not INTERFACE.match(port.interface):
            raise ValueError(f"'{port.interface}' is no interface of a Juniper switch; write it like xe-0/0/1")
    lines = [
        f"# {router.name}, for Junos. Made by routed.fabric.",
        "# `load set terminal`, `commit check`, then `commit confirmed`.",
        *_default_note(router),
        *_system(router),
        *(line for port in router.ports for line in _port(router, port)),
        *_export(router),
        *(line for port in router.ports for line in _session(router, port)),
    ]
    return "".join(f"{line}\n" for line in lines)


def _default_note(router: Router) -> Iterator[str]:
    if any(port.default_route for port in router.ports):
        yield "# It announces the default route, which it has to have from its own uplinks."


def _system(router: Router) -> Iterator[str]:
    yield f"set routing-options router-id {router.router_id}"
    yield f"set routing-options autonomous-system {router.asn}"
    for family in router.families:
        if family in router.loopbacks:
            address = f"{router.loopbacks[family]}/{LENGTH[family]}"
            yield f"set interfaces lo0 unit 0 family {_FAMILIES[family]} address {address}"
    # without it one of several next hops is installed
    yield "set policy-options policy-statement fabric-ecmp then load-balance per-packet"
    yield "set routing-options forwarding-table export fabric-ecmp"


def _port(router: Router, port: Port) -> Iterator[str]:
    name, unit = port.interface, f"{port.interface}.0"
    yield f"set interfaces {name} description {port.peer}"
    yield f"set interfaces {name} mtu {port.mtu + _ETHERNET}"
    for family in router.families:
        yield f"set interfaces {name} unit 0 family {_FAMILIES[family]} mtu {port.mtu}"
    if "ipv6" not in router.families:
        yield f"set interfaces {name} unit 0 family inet6"
    yield f"set protocols router-advertisement interface {unit} max-advertisement-interval 10"
    yield f"set protocols router-advertisement interface {unit} min-advertisement-interval 3"
    # it is found by its advertisements, and is nobody's default router because of them
    yield f"set protocols router-advertisement interface {unit} default-lifetime 0"


def _export(router: Router) -> Iterator[str]:
    own = [PrefixRule(f"{router.loopbacks[f]}/{LENGTH[f]}") for f in router.families if f in router.loopbacks]
    for name, default in (("fabric-to-hosts", False), ("fabric-to-hosts-with-default", True)):
        if not any(port.default_route is default for port in router.ports):
            continue
        policy = f"set policy-options policy-statement {name}"
        if own:
            yield f"{policy} term own from protocol direct"
            yield from (f"{policy} term own from {_filter(rule)}" for rule in own)
            yield f"{policy} term own then accept"
        if router.announce:
            yield f"{policy} term fabric from protocol bgp"
            yield from (f"{policy} term fabric from {_filter(rule)}" for rule in router.announce)
            yield f"{policy} term fabric then accept"
        if default:
            yield from (f"{policy} term default from {_filter(PrefixRule(DEFAULT_ROUTE[f]))}" for f in router.families)
            yield f"{policy} term default then accept"
        yield f"{policy} then reject"


def _session(router: Router, port: Port) -> Iterator[str]:
    group = f"set protocols bgp group fabric-{port.peer}"
    policy = f"set policy-options policy-statement fabric-from-{port.peer}"
    yield from (f"{policy} term own from {_filter(rule)}" for rule in port.accept)
    if port.accept:
        yield f"{policy} term own then accept"
    yield f"{policy} then reject"
    yield f"set policy-options as-list fabric-as-{port.peer} members {port.peer_asn}"
    yield f"{group} type external"
    for family in router.families:
        # IPv4 has no addresses on the link: its next hops are IPv6 (RFC 8950)
        yield f"{group} family {_FAMILIES[family]} unicast" + (" extended-nexthop" if family == "ipv4" else "")
    yield f"{group} multipath multiple-as"
    yield f"{group} import fabric-from-{port.peer}"
    yield f"{group} export {'fabric-to-hosts-with-default' if port.default_route else 'fabric-to-hosts'}"
    if router.bfd:
        yield f"{group} bfd-liveness-detection minimum-interval {router.bfd[0]}"
        yield f"{group} bfd-liveness-detection multiplier {router.bfd[1]}"
    yield f"{group} peer-as-list fabric-as-{port.peer}"
    neighbor = f"{group} dynamic-neighbor fabric-{port.peer} peer-auto-discovery"
    yield f"{neighbor} family inet6 ipv6-nd"
    yield f"{neighbor} interface {port.interface}.0"


def _filter(rule: PrefixRule) -> str:
    if rule.ge is None and rule.le is None:
        return f"route-filter {rule.prefix} exact"
    low, high = rule.ge or rule.length, rule.le or LENGTH[rule.family]
    if low == rule.length:
        return f"route-filter {rule.prefix} upto /{high}"
    return f"route-filter {rule.prefix} prefix-length-range /{low}-/{high}"
