# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""What a change of the network means for a cluster that runs: who restarts, in which order, who has to move. Pure.

Seen with 18.2: OSDs, managers and MDSs take their addresses from the file at each start. A monitor never does: it keeps
the address that the monmap has for it, whatever public_network says. It reads public_network nevertheless, to say by
OSD_UNREACHABLE which OSDs are outside of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._ceph._cluster import Member
from ansible_collections.routed.fabric.plugins.module_utils._ceph._conf import Conf
from ansible_collections.routed.fabric.plugins.module_utils._ceph._errors import CephError
from ansible_collections.routed.fabric.plugins.module_utils._ceph._wanted import (
    BINDS,
    OWNED,
    Address,
    Monitor,
    Values,
    Wanted,
    effective,
    host_addresses,
    same,
    split_networks,
)

# Option → the kinds of daemons that read it at their start.
READERS = {
    "public_network": ("mon", "mgr", "osd", "mds"),
    "public_addr": ("mgr", "osd", "mds"),
    "cluster_network": ("osd",),
    "cluster_addr": ("osd",),
    "ms_bind_ipv4": ("mgr", "osd", "mds"),
    "ms_bind_ipv6": ("mgr", "osd", "mds"),
}
ORDER = ("mon", "mgr", "osd", "mds")


@dataclass(frozen=True)
class Move:
    """A monitor whose address in the monmap goes away."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Plan:
    moves: tuple[Move, ...]
    """Of the whole cluster, in the order of the monmap."""
    restarts: tuple[tuple[str, tuple[str, ...]], ...]
    """Daemons of this node with the options that they have to read again, in order."""
    monitors: tuple[str, ...]
    quorum: tuple[str, ...]

    @property
    def quorum_holds(self) -> bool:
        """While one monitor is away, if all that are in quorum now stay."""
        return len(self.quorum) - 1 >= len(self.monitors) // 2 + 1

    def as_data(self, name: str) -> dict[str, Any]:
        own = [move for move in self.moves if move.name == name]
        return {
            "restarts": [{"daemon": daemon, "because": list(keys)} for daemon, keys in self.restarts],
            "readdress": [{"monitor": m.name, "from": m.before, "to": m.after} for m in self.moves],
            "quorum": {"monitors": list(self.monitors), "in_quorum": list(self.quorum), "holds": self.quorum_holds},
            "order": _order(own, [daemon for daemon, dummy in self.restarts]),
        }


def _order(own: Sequence[Move], restarts: Sequence[str]) -> list[str]:
    if not own and not restarts:
        return []
    steps = ["ceph osd set noout"]
    steps += [f"ceph mon set-addrs {m.name} {m.after}, restart mon.{m.name}, wait for quorum" for m in own]
    moved = [f"mon.{m.name}" for m in own]
    steps += [f"restart {d}, wait until all PGs are active+clean" for d in restarts if d not in moved]
    return [*steps, "ceph osd unset noout"]


def moves(monitors: Sequence[Monitor], monmap: Sequence[Member], vectors: Mapping[str, str]) -> tuple[Move, ...]:
    """Monitors that are wanted elsewhere. `vectors`: name → wanted address vector."""
    by_name = {member.name: member for member in monmap}
    unknown = [m.name for m in monitors if m.name not in by_name]
    if unknown:
        raise CephError(
            f"monitors: the monmap has no monitor {', '.join(unknown)}, only {', '.join(by_name)}; "
            "a new monitor is made first, with an address of its own"
        )
    return tuple(
        Move(m.name, by_name[m.name].vector, vectors[m.name])
        for m in monitors
        if by_name[m.name].addresses != (m.address,)
    )


def restarts(before: Conf, after: Conf, daemons: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Daemons for which another value counts than before."""
    found = []
    for daemon in daemons:
        kind = daemon.partition(".")[0]
        old, new = effective(before, daemon), effective(after, daemon)
        keys = tuple(k for k, kinds in READERS.items() if kind in kinds and not _equal(k, old[k], new[k]))
        if keys:
            found.append((daemon, keys))
    return tuple(sorted(found, key=lambda entry: (ORDER.index(entry[0].partition(".")[0]), entry[0])))


def misplaced(
    after: Conf, there: Mapping[str, Sequence[Address]], daemons: Sequence[str]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """OSDs of this node that still work outside of their public network, as after a change that was stopped."""
    found = []
    for daemon in daemons:
        networks = split_networks(effective(after, daemon)["public_network"], "public_network")
        if networks and any(not any(a in n for n in networks) for a in there.get(daemon, ())):
            found.append((daemon, ("public_network",)))
    return tuple(found)


def _equal(key: str, a: str | None, b: str | None) -> bool:
    if key in BINDS:  # Ceph's defaults: IPv4 alone
        default = "true" if key == "ms_bind_ipv4" else "false"
        a, b = a or default, b or default
    return a == b or (a is not None and b is not None and same(key, a, b))


def check_mon_host(values: Values, monmap: Sequence[Member], moving: Sequence[Move]) -> None:
    """mon_host and monmap agree, once all monitors have moved; else clients would look where nobody is."""
    listed = host_addresses(values.get("mon_host") or "", "mon_host")
    if not listed:
        return
    there = {address for m in monmap if m.name not in {x.name for x in moving} for address in m.addresses}
    for move in moving:
        there |= set(host_addresses(move.after, "monitors"))
    missing = [str(a) for a in listed if a not in there]
    if missing:
        raise CephError(
            f"mon_host: {', '.join(missing)} is the address of no monitor; the monmap has "
            f"{', '.join(f'{m.name} {m.vector}' for m in monmap)}; correct mon_host, or say by monitors where each goes"
        )


def on_the_way(mon_host: str | None, moving: Sequence[Move]) -> str | None:
    """mon_host while monitors move: where each is and where each will be, so that whoever begins finds one.

    A client that begins with the former addresses alone finds nobody once the last of them is given up, and goes on
    looking there for ever; one that begins with the new ones alone finds nobody before the first has moved.
    """
    listed = host_addresses(mon_host or "", "mon_host")
    both = [a for move in moving for vector in (move.before, move.after) for a in host_addresses(vector, "monitors")]
    missing = [str(a) for a in dict.fromkeys(both) if a not in listed]
    return ",".join([*([mon_host] if mon_host else []), *missing]) or None


def check_database(dump: Sequence[Mapping[str, Any]], wanted: Wanted, conf: Conf) -> None:
    """The monitors' own configuration says nothing else: daemons elsewhere and clients without the line follow it."""
    for entry in dump:
        key = re.sub(r"[\s-]", "_", entry["name"])
        if key not in OWNED:
            continue
        section = entry["section"]
        value = conf.get(section, key) or effective(conf, section)[key]
        if section not in wanted.sections and "." in section:
            continue  # one daemon's own, perhaps of another node
        if value is None or not same(key, str(entry["value"]), value):
            raise CephError(
                f"{key}: `ceph config dump` has {entry['value']} for {section}, and {conf_name(section, key, value)}; "
                f"make them one: `ceph config rm {section} {key}`"
            )


def conf_name(section: str, key: str, value: str | None) -> str:
    return f"here it is {value}" if value is not None else f"here [{section}] has no {key}"
