# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What FRR's lines replace, and how each is taken back. Private to the collection.

A *slot* is what one line can hold at a time: `neighbor X timers 3 9` and `neighbor X timers 10 30` share one, so
setting
the second replaces the first. The table below names the slot of every line whose text holds more than its key; a line
that
is not in the table is its own slot. All of it was measured on FRR 8.4 and 10.3; the tests compare it with the real
thing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ansible_collections.routed.fabric.plugins.module_utils._frr._tree import Context, Line

Key = tuple[str, ...]


class Slot(NamedTuple):
    """One rule of the table."""

    block: str  # first word of the innermost block; "" is the top
    pattern: re.Pattern[str]  # matches the line without its "no"; its groups are the key
    undo: str = ""  # what takes the line back, with the groups as {0}, {1}; "" = the whole line with "no"
    clear_first: bool = False  # FRR refuses or ignores the new value while the old one stands
    clear_to_shrink: bool = False  # setting anew keeps the options that are no longer named


def _slot(block: str, pattern: str, undo: str = "", clear_first: bool = False, clear_to_shrink: bool = False) -> Slot:
    return Slot(block, re.compile(pattern + r"(?:\s|$)"), undo, clear_first, clear_to_shrink)


def _neighbor(attribute: str, undo: str = "", **flags: bool) -> list[Slot]:
    """A neighbour's attribute exists at session level, in every family, or in both: the block tells them apart."""
    full = f"no neighbor {{0}} {undo}" if undo else ""
    return [_slot(block, rf"neighbor (\S+) {attribute}", full, **flags) for block in ("router", "address-family")]


_NEIGHBOR: list[Slot] = [
    slot
    for rules in (
        _neighbor(r"(remote-as)"),
        _neighbor(r"(interface)"),
        _neighbor(r"(peer-group)"),
        _neighbor(r"(description)", "description"),
        _neighbor(r"(password)", "password"),
        _neighbor(r"(update-source)", "update-source"),
        _neighbor(r"(ebgp-multihop)", "ebgp-multihop"),
        _neighbor(r"(ttl-security) hops"),
        _neighbor(r"(local-as)", "local-as", clear_to_shrink=True),
        _neighbor(r"(timers connect)", "timers connect"),
        _neighbor(r"(timers)", "timers"),
        _neighbor(r"(advertisement-interval)", "advertisement-interval"),
        _neighbor(r"(port)", "port"),
        _neighbor(r"(shutdown)", "shutdown"),
        _neighbor(r"(bfd profile)"),
        _neighbor(r"(bfd check-control-plane-failure)"),
        _neighbor(r"(bfd)", "bfd"),
        _neighbor(r"(graceful-restart)(?:-disable|-helper)?"),
        _neighbor(r"(maximum-prefix)", "maximum-prefix", clear_to_shrink=True),
        _neighbor(r"(maximum-prefix-out)", "maximum-prefix-out"),
        _neighbor(r"(allowas-in)", "allowas-in"),
        _neighbor(r"(weight)", "weight"),
        _neighbor(r"(default-originate)", "default-originate", clear_to_shrink=True),
        _neighbor(r"(next-hop-self)", clear_first=True),
        _neighbor(r"(attribute-unchanged)", "attribute-unchanged"),
        _neighbor(r"(addpath-tx)-(?:all-paths|bestpath-per-AS|best-selected \d+)"),
        _neighbor(r"(remove-private-AS)(?:.*)", clear_first=True),
        _neighbor(r"(advertise-map)(?:.*)", clear_first=True),
        _neighbor(r"(unsuppress-map)"),
        _neighbor(r"(route-map) \S+ (in|out)"),
        _neighbor(r"(prefix-list) \S+ (in|out)"),
        _neighbor(r"(filter-list) \S+ (in|out)"),
        _neighbor(r"(distribute-list) \S+ (in|out)"),
    )
    for slot in rules
]

# A static route is known by its prefix, way and table. Tag and distance change in place, and `no` looks at neither:
# taking back the old line after the new one is set would take back both.
_STATIC_ROUTE = r"(ip|ipv6) route (\S+) (\S+(?: (?!tag |table |\d+(?: |$))\S+)?)(?: tag \d+)?(?: \d+)?(?: (table \d+))?"

TABLE: tuple[Slot, ...] = (
    # Policy objects. A list refuses (or, FRR 8.4, silently drops) an entry equal to one with another number.
    _slot("", r"(ip|ipv6) prefix-list (\S+) seq (\d+)", "no {0} prefix-list {1} seq {2}"),
    _slot("", r"(ip|ipv6) prefix-list (\S+) (description)", "no {0} prefix-list {1} description"),
    _slot("", r"bgp as-path access-list (\S+) seq (\d+)"),
    _slot("", r"bgp (\S*community-list) (?:standard|expanded) (\S+) seq (\d+)"),
    _slot("", r"(route-map) (\S+) (?:permit|deny) (\d+)"),
    # zebra and staticd.
    _slot("", _STATIC_ROUTE),
    _slot("vrf", _STATIC_ROUTE),
    _slot("", r"(ip|ipv6) (router-id)"),
    _slot("", r"(ip|ipv6) (protocol) (\S+) route-map"),
    _slot("vrf", r"(ip|ipv6) (router-id)"),
    _slot("vrf", r"(ip|ipv6) (protocol) (\S+) route-map"),
    _slot("interface", r"ipv6 nd (ra-interval)", "no ipv6 nd ra-interval"),
    _slot("interface", r"ipv6 nd (ra-lifetime)", "no ipv6 nd ra-lifetime"),
    # BFD has no "no" for numbers in FRR 8.4: the default is set.
    _slot("profile", r"(detect-multiplier)", "detect-multiplier 3"),
    _slot("profile", r"(transmit-interval)", "transmit-interval 300"),
    _slot("profile", r"(receive-interval)", "receive-interval 300"),
    _slot("profile", r"(echo transmit-interval)", "echo transmit-interval 50"),
    _slot("profile", r"(echo receive-interval)", "echo receive-interval 50"),
    _slot("profile", r"(echo-interval)", "echo-interval 50"),
    _slot("profile", r"(minimum-ttl)", "no minimum-ttl"),
    # Route maps.
    _slot("route-map", r"(description)", "no description"),
    _slot("route-map", r"(call)", "no call"),
    _slot("route-map", r"(on-match) goto", "no on-match goto"),
    _slot("route-map", r"(on-match) next"),
    _slot("route-map", r"match (ip|ipv6) (address|next-hop|route-source) (prefix-list|prefix-len|type)"),
    _slot("route-map", r"match (ip|ipv6) (address|next-hop|route-source)"),
    _slot("route-map", r"match evpn (\S+)"),
    _slot("route-map", r"match (\S+)"),
    _slot("route-map", r"set (as-path prepend last-as)", "no set as-path prepend last-as"),
    _slot("route-map", r"set (as-path \S+)", "no set {0}"),
    _slot("route-map", r"set (ipv6 next-hop \S+)"),
    _slot("route-map", r"set (ip next-hop)"),
    _slot("route-map", r"set (\S+)"),
    # BGP instances.
    _slot("", r"router bgp \S+ (vrf|view) (\S+)"),
    _slot("", r"(router bgp) \S+"),
    _slot("router", r"(bgp router-id)", "no bgp router-id"),
    _slot("router", r"(bgp cluster-id)", "no bgp cluster-id"),
    _slot("router", r"(bgp listen limit)", "no bgp listen limit"),
    _slot("router", r"(bgp listen range) (\S+)", clear_first=True),
    _slot("router", r"(bgp graceful-restart)(?:-disable)?$"),
    _slot("router", r"(bgp graceful-restart \S+)"),
    _slot("router", r"(timers bgp)", "no timers bgp"),
    _slot("router", r"(bgp default local-preference)"),
    _slot("router", r"(bgp bestpath as-path multipath-relax)"),
    _slot("router", r"(bgp bestpath med)"),
    _slot("router", r"(coalesce-time)", "no coalesce-time"),
    _slot("router", r"(write-quanta|read-quanta)"),
    *_NEIGHBOR,
    # Families.
    _slot("address-family", r"(network) (\S+)", "no network {1}", clear_to_shrink=True),
    _slot("address-family", r"(aggregate-address) (\S+)", "no aggregate-address {1}"),
    _slot("address-family", r"(redistribute) (table-direct|table|ospf|isis) (\d+)", "no redistribute {1} {2}",
          clear_to_shrink=True),
    _slot("address-family", r"(redistribute) (\S+)", "no redistribute {1}", clear_to_shrink=True),
    _slot("address-family", r"(maximum-paths ibgp)", "no maximum-paths ibgp", clear_to_shrink=True),
    _slot("address-family", r"(maximum-paths)", "no maximum-paths"),
    _slot("address-family", r"(import vrf route-map)"),
    _slot("address-family", r"(import vrf) (\S+)"),
    _slot("address-family", r"(advertise) (ipv4|ipv6) (unicast)", "no advertise {1} {2}", clear_to_shrink=True),
    _slot("address-family", r"(dup-addr-detection max-moves)"),
    _slot("address-family", r"(dup-addr-detection freeze)"),
    _slot("address-family", r"(rd)"),
    _slot("address-family", r"(flooding)"),
    _slot("vni", r"(rd)"),
)  # fmt: skip


class Place(NamedTuple):
    """A line's slot: the blocks it stands in, by what identifies them, and its key inside."""

    context: tuple[Key, ...]
    key: Key


def first_word(text: str) -> str:
    return text.split(" ", 1)[0]


def positive(text: str) -> str:
    return text[3:] if text.startswith("no ") else text


def rule_of(context: Context, text: str) -> tuple[Slot | None, Key]:
    block = first_word(context[-1]) if context else ""
    plain = positive(text)
    for number, slot in enumerate(TABLE):
        if slot.block == block:
            found = slot.pattern.match(plain)
            if found:
                return slot, (str(number), *(group or "" for group in found.groups()))
    return None, (plain,)


def place(line: Line) -> Place:
    context, text = line
    keys: list[Key] = []
    for depth, header in enumerate(context):
        keys.append(rule_of(context[:depth], header)[1])
    return Place(tuple(keys), rule_of(context, text)[1])


def undo(context: Context, text: str) -> str:
    """The command that takes a line back."""
    if text.startswith("no "):
        return text[3:]
    slot, dummy = rule_of(context, text)
    found = slot.pattern.match(text) if slot else None
    if slot and slot.undo and found:
        return slot.undo.format(*found.groups())
    return "no " + text
