# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which lines of a configuration are ours. Private to the collection. Pure.

| state      | ours                                                                              |
|------------|-----------------------------------------------------------------------------------|
| merged     | what is listed                                                                    |
| replaced   | what is listed, and every object whose name begins with the prefix                |
| overridden | every object of the kinds below                                                   |
| deleted    | what is listed; if nothing is listed, every object whose name begins with the prefix |

Kinds: BGP instances (by VRF), prefix, as-path, community and large-community lists, route maps, BFD profiles, nd
settings of
interfaces, static routes, router ids and `protocol` route maps. Whatever is of no kind (host name, log, forwarding,
OSPF, the
vty, interface addresses) is never ours.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._frr._errors import FrrConfigError
from ansible_collections.routed.fabric.plugins.module_utils._frr._slots import place
from ansible_collections.routed.fabric.plugins.module_utils._frr._tree import Line

Thing = tuple[str, ...]  # (kind, name, ...)
NAMED = ("prefix_list", "as_path_list", "community_list", "large_community_list", "route_map", "bfd_profile")

# Line (of the top, or of a VRF block) -> the object it is a part of.
_HEADS: tuple[tuple[str, Callable[[re.Match[str], str], Thing]], ...] = (
    (r"router bgp (\S+)(?: vrf (\S+))?$", lambda m, vrf: ("instance", m[2] or "default")),
    (r"(ip|ipv6) prefix-list (\S+) ", lambda m, vrf: ("prefix_list", m[2], "ipv4" if m[1] == "ip" else "ipv6")),
    (r"bgp as-path access-list (\S+) ", lambda m, vrf: ("as_path_list", m[1])),
    (r"bgp community-list (?:standard|expanded) (\S+) ", lambda m, vrf: ("community_list", m[1])),
    (r"bgp large-community-list (?:standard|expanded) (\S+) ", lambda m, vrf: ("large_community_list", m[1])),
    (r"route-map (\S+) (?:permit|deny) \d+", lambda m, vrf: ("route_map", m[1])),
    (r"(?:no )?(?:ip|ipv6) route (\S+) (?:.* )?vrf (\S+)", lambda m, vrf: ("static_route", m[1], m[2])),
    (r"(?:ip|ipv6) route (\S+) ", lambda m, vrf: ("static_route", m[1], vrf)),
    (r"(ip|ipv6) router-id ", lambda m, vrf: ("router_id", "ipv4" if m[1] == "ip" else "ipv6", vrf)),
    (r"(ip|ipv6) protocol (\S+) route-map ",
     lambda m, vrf: ("protocol_route_map", "ipv4" if m[1] == "ip" else "ipv6", m[2], vrf)),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern), make) for pattern, make in _HEADS)

# Headers of blocks that hold lines of several owners.
_SHARED = re.compile(r"(interface|vrf) \S+$|bfd$")


def thing_of(line: Line) -> Thing | None:
    """The object that a line is a part of; None for a line of no kind of ours."""
    context, text = line
    head = context[0] if context else text
    if head == "bfd":
        profile = context[1] if len(context) > 1 else text
        return ("bfd_profile", profile.split(" ", 1)[1]) if profile.startswith("profile ") else None
    if head.startswith("interface "):
        is_nd = bool(context) and re.match(r"(no )?ipv6 nd ", text)
        return ("interface", head.split(" ")[1]) if is_nd else None
    vrf = "default"
    if head.startswith("vrf ") and context:
        vrf, head = head.split(" ")[1], text
    for pattern, make in _COMPILED:
        found = pattern.match(head)
        if found:
            return make(found, vrf)
    return None


def listed(config: Mapping[str, Any]) -> set[Thing]:
    """The objects that a configuration names."""
    things: set[Thing] = set()
    for entry in config.get("instances") or ():
        things.add(("instance", entry.get("vrf") or "default"))
    for key, kind in (
        ("as_path_lists", "as_path_list"),
        ("community_lists", "community_list"),
        ("large_community_lists", "large_community_list"),
        ("route_maps", "route_map"),
        ("bfd_profiles", "bfd_profile"),
        ("interfaces", "interface"),
    ):
        things.update((kind, entry["name"]) for entry in config.get(key) or ())
    things.update(("prefix_list", entry["name"], entry["afi"]) for entry in config.get("prefix_lists") or ())
    things.update(("static_route", e["prefix"], e.get("vrf") or "default") for e in config.get("static_routes") or ())
    things.update(("router_id", afi, "default") for afi, value in (config.get("router_id") or {}).items() if value)
    things.update(
        ("protocol_route_map", e["afi"], e["protocol"], "default") for e in config.get("protocol_route_maps") or ()
    )
    # no line is a part of it (_forwarding.py), but it is something that is listed
    things.update(("forwarding", family) for family in config.get("forwarding") or ())
    return things


def is_ours(config: Mapping[str, Any], wanted: Iterable[Line], state: str, name_prefix: str) -> Callable[[Line], bool]:
    """The test for one line. `wanted`: the rendered lines, which are ours whatever they are (raw lines among them)."""
    named = listed(config) | {thing for thing in map(thing_of, wanted) if thing}
    raw = {line for line in wanted if thing_of(line) is None and not _SHARED.match(line[1])}

    def begins_with_prefix(thing: Thing) -> bool:
        return bool(name_prefix) and thing[0] in NAMED and thing[1].startswith(name_prefix)

    def test(line: Line) -> bool:
        thing = thing_of(line)
        if thing is None:
            return line in raw
        if state == "overridden" or thing in named:
            return True
        return begins_with_prefix(thing) and (state == "replaced" or (state == "deleted" and not named))

    return test


def owned(lines: Sequence[Line], test: Callable[[Line], bool]) -> list[Line]:
    return [line for line in lines if test(line)]


def check_instances(lines: Iterable[Line], config: Mapping[str, Any], state: str) -> None:
    """An instance that runs under another AS is somebody else's, unless everything is ours.

    Raises FrrConfigError with the path of the instance.
    """
    running: dict[str, str] = {}
    for context, text in lines:
        found = re.match(r"router bgp (\S+)(?: vrf (\S+))?$", text) if not context else None
        if found:
            running[found[2] or "default"] = found[1]
    for number, entry in enumerate(config.get("instances") or ()):
        vrf = entry.get("vrf") or "default"
        other = running.get(vrf, str(entry["asn"]))
        if other != str(entry["asn"]) and state != "overridden":
            raise FrrConfigError(
                f"instances[{number}].asn",
                entry["asn"],
                f"VRF {vrf} already runs AS {other}, which is not listed; "
                "delete that instance first, or use state overridden",
            )


def merge(got: Sequence[Line], given: Sequence[Line]) -> list[Line]:
    """State merged: what is there, with the given lines set over it, slot by slot."""
    result = {place(line): line for line in got}
    for line in given:
        result[place(line)] = line
    # A route map's entry whose action changes takes its lines along.
    headers = {place(line): line[1] for line in result.values() if not line[0]}
    return [
        ((headers.get(place(((), context[0])), context[0]), *context[1:]) if context else context, text)
        for context, text in result.values()
    ]


_IDENTITY = ("interface", "v6only", "remote_as", "peer_group")


def completed(config: Mapping[str, Any], existing: Mapping[str, Any]) -> dict[str, Any]:
    """`config` with what makes a neighbour a neighbour taken from the node where it is not given, for state merged.

    Whom it refers to is added, too, at the end: positions stay, so that a message's path is the caller's.
    """
    there = {(str(item["asn"]), item.get("vrf") or "default"): item for item in existing.get("instances") or ()}
    result = copy.deepcopy(dict(config))
    for instance in result.get("instances") or ():
        known = there.get((str(instance["asn"]), instance.get("vrf") or "default"), {})
        for key, name in (("neighbors", "neighbor"), ("peer_groups", "name")):
            before = {item[name]: item for item in known.get(key) or ()}
            for item in instance.get(key) or ():
                if "remote_as" in item or "peer_group" in item:
                    continue
                old = before.get(item[name], {})
                item.update({option: old[option] for option in _IDENTITY if option in old and option not in item})
        _add_referred(instance, known)
    return result


def _add_referred(instance: dict[str, Any], known: Mapping[str, Any]) -> None:
    families = instance.get("address_families") or ()
    names = {item["neighbor"] for family in families for item in family.get("neighbors") or ()}
    for key, name in (("neighbors", "neighbor"), ("peer_groups", "name")):
        names |= {item["peer_group"] for item in instance.get("neighbors") or () if item.get("peer_group")}
        names |= {item["peer_group"] for item in (instance.get("listen") or {}).get("ranges") or ()}
        given = {item[name] for item in instance.get(key) or ()}
        added = [item for item in known.get(key) or () if item[name] in names - given]
        if added:
            identity = [{option: item[option] for option in (name, *_IDENTITY) if option in item} for item in added]
            instance[key] = [*(instance.get(key) or ()), *identity]
