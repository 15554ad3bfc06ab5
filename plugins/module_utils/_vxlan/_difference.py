# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""The difference between the links that are there and those that are wanted, as batches of `ip` and `bridge`. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from ansible_collections.routed.fabric.plugins.module_utils._ip._links import Address, removable
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._model import (
    FLOOD_MAC,
    KINDS,
    NO_TUNNELS,
    NO_VLANS,
    NOTHING,
    Link,
    Links,
    Words,
    runs,
    text_of,
)

# Links that go in one batch. The kernel takes 9 ms for each and answers nobody in between, neither zebra: 100 of them
# keep it waiting for a second, and watchfrr gives it 90. One by one they take 30 ms each (2 000 links: 19 s and 57 s).
REMOVED_AT_ONCE = 100
# Commands of one batch otherwise; a pause follows, so that zebra reads what was made before more comes.
COMMANDS_AT_ONCE = 2500

# How iproute2 writes what is not "key value".
_BARE = {
    ("state", "up"): "up",
    ("state", "down"): "down",
    ("master", ""): "nomaster",
    ("alias", ""): 'alias ""',
    ("learning", "on"): "learning",
    ("learning", "off"): "nolearning",
    ("external", "on"): "external",
    ("vnifilter", "on"): "vnifilter",
    ("vnifilter", "off"): "",
}


class Step(NamedTuple):
    """One batch for one tool. `removal`: of links."""

    tool: str  # ip or bridge
    commands: tuple[str, ...]
    removal: bool = False


class Scope(NamedTuple):
    """
    unwanted: links to remove
    formerly: addresses that we gave to a link, so that they may be taken away
    exact: whether VLANs are taken from ports too, as an undo does; else guests and people have theirs
    """

    unwanted: tuple[str, ...] = ()
    formerly: Mapping[str, tuple[Address, ...]] = MappingProxyType({})
    exact: bool = False


def words(values: Words) -> str:
    return " ".join(filter(None, (_BARE.get((key, value), f"{key} {value}") for key, value in values.items())))


def port_words(values: Words) -> str:
    """A bridge port's `learning` takes a value, a VXLAN device's does not."""
    return " ".join(f"{key} {value}" for key, value in values.items())


def remade(want: Link, got: Link) -> bool:
    """
    Whether the kernel cannot bring `got` to `want`. It refuses another VNI, UDP port or address family for a VXLAN
    device that is there ("Cannot change VNI."), and takes another local address or learning.
    """
    if want.kind and want.kind != got.kind:
        return True
    if any(got.fixed.get(key) != value for key, value in want.fixed.items()):
        return True
    if want.kind != "vxlan" or "local" not in want.details:
        return False
    return (":" in want.details["local"]) != (":" in got.details.get("local", ""))


def difference(wanted: Links, got: Links, scope: Scope) -> list[Step]:
    """
    First what goes (so that its VNI and name are free), then link by link what comes or changes; VLANs and VNIs last.
    """
    again = [name for name, want in wanted.items() if name in got and remade(want, got[name])]
    going = [*(name for name in scope.unwanted if name in got and name not in wanted), *again]
    steps = removals(going, got)
    left = after_removal(got, going)
    ip: list[str] = []
    bridge: list[str] = []
    for name, want in wanted.items():
        ip += _link_commands(want, left.get(name), scope.formerly.get(name, ()))
        bridge += remote_commands(want, left.get(name))
        bridge += vlan_commands(want, left.get(name), scope.exact)
    for tool, commands in (("ip", ip), ("bridge", bridge)):
        steps += [
            Step(tool, tuple(commands[start : start + COMMANDS_AT_ONCE]))
            for start in range(0, len(commands), COMMANDS_AT_ONCE)
        ]
    return steps


def removals(names: Sequence[str], got: Links) -> list[Step]:
    """VXLAN devices before bridges, VLAN interfaces with theirs; many at once by a group that nothing else is in."""
    order = {"vlan": 0, "vxlan": 1}
    ordered = sorted(dict.fromkeys(names), key=lambda name: order.get(got[name].kind, 2))
    if len(ordered) == 1:
        return [Step("ip", (f"link del dev {ordered[0]}",), True)]
    used = {link.group for link in got.values()}
    group = next(str(number) for number in range(4789, 4789 + len(used) + 1) if str(number) not in used)
    steps = []
    for start in range(0, len(ordered), REMOVED_AT_ONCE):
        chunk = ordered[start : start + REMOVED_AT_ONCE]
        steps.append(
            Step("ip", (*(f"link set dev {name} group {group}" for name in chunk), f"link del group {group}"), True)
        )
    return steps


def after_removal(got: Links, names: Iterable[str]) -> dict[str, Link]:
    """What the kernel does to the others: ports are free, and VLAN interfaces of a bridge go with it."""
    gone = set(names)
    gone |= {link.name for link in got.values() if link.kind == "vlan" and link.fixed.get("link") in gone}
    result = {}
    for link in got.values():
        if link.name in gone:
            continue
        kept = link
        if link.master in gone:
            settings = {**link.settings, "master": ""}
            kept = link._replace(settings=settings, port=NOTHING, vlans=NO_VLANS, tunnels=NO_TUNNELS)
        result[link.name] = kept
    return result


def _link_commands(want: Link, got: Link | None, formerly: Collection[Address]) -> list[str]:
    name, commands = want.name, []
    if got is None:
        commands.append(_creation(want))
        mtu = {} if want.kind == "bridge" else {"mtu": want.settings.get("mtu", "")}
        got = Link(name, want.kind, want.fixed, want.details, {**mtu, "address": want.settings.get("address", "")})
        settings = {key: value for key, value in want.settings.items() if got.settings.get(key) != value}
    else:
        # A kernel without IPv6 has no addrgenmode.
        settings = {
            key: value
            for key, value in want.settings.items()
            if got.settings.get(key) != value and (key in got.settings or key != "addrgenmode")
        }
    moved = "master" in settings
    details = {key: value for key, value in want.details.items() if got.details.get(key) != value}
    port = {key: value for key, value in want.port.items() if moved or got.port.get(key) != value}
    # Up comes last: a bridge would learn from its port, and of the words of one command the kernel obeys "up" before
    # addrgenmode.
    state = settings.pop("state", "") if want.port or "addrgenmode" in settings else ""
    # One by one: a forward delay of 0 is refused while STP is on, and the kernel looks at the delay first.
    commands += [f"link set dev {name} type {want.kind} {words({key: value})}" for key, value in details.items()]
    if settings:
        commands.append(f"link set dev {name} {words(settings)}")
    if port:
        commands.append(f"link set dev {name} type bridge_slave {port_words(port)}")
    if state:
        commands.append(f"link set dev {name} {state}")
    for address in removable(got.addresses, want.addresses, formerly, ()):
        commands.append(f"addr del {address} dev {name}")
    for address in want.addresses:
        if address not in got.addresses:
            # A gateway's address stands on every VTEP: to look for a duplicate would find one.
            nodad = " nodad" if ":" in address.local else ""
            commands.append(f"addr add {address} dev {name}{nodad}")
    return commands


def _creation(want: Link) -> str:
    """
    `ip link add`. A bridge is made with an MTU one too large: only a change of the MTU pins it, and an MTU that is not
    pinned follows the ports.
    """
    settings = {key: want.settings[key] for key in ("mtu", "address") if want.settings.get(key)}
    if want.kind == "bridge" and "mtu" in settings:
        settings["mtu"] = str(int(settings["mtu"]) + 1)
    below = {key: value for key, value in want.fixed.items() if key == "link"}
    fixed = {key: value for key, value in want.fixed.items() if key != "link"}
    parts = ["link add", words(below), f"{'name' if below else 'dev'} {want.name}", words(settings)]
    return " ".join(filter(None, [*parts, f"type {want.kind}", words({**fixed, **want.details})]))


def _as_port(want: Link, here: Link) -> Link:
    """What is left of a link when it changes its bridge: the kernel forgets its VLANs."""
    if want.settings.get("master", here.master) == here.master:
        return here
    return here._replace(vlans=NO_VLANS, tunnels=NO_TUNNELS)


def remote_commands(want: Link, got: Link | None) -> list[str]:
    """For `bridge -batch`: to which VTEPs a VXLAN device floods."""
    if want.kind != "vxlan":
        return []
    there = got.remotes if got else frozenset()
    entry = f"{FLOOD_MAC} dev {want.name}"
    return [
        *(f"fdb del {entry} dst {remote} self" for remote in sorted(there - want.remotes)),
        *(f"fdb append {entry} dst {remote} self permanent" for remote in sorted(want.remotes - there)),
    ]


def vlan_commands(want: Link, got: Link | None, exact: bool) -> list[str]:
    """For `bridge -batch`. `exact`: see Scope."""
    name = want.name
    here = _as_port(want, got or Link(name))
    self_word = " self" if want.kind == "bridge" else ""
    commands = []
    if is_external(want):
        for vlan, vni in sorted(here.tunnels.items()):
            if want.tunnels.get(vlan) != vni:
                commands.append(f"vlan del dev {name} vid {vlan} tunnel_info id {vni}")
        for span in runs(here.vnis - want.vnis):
            commands.append(f"vni del dev {name} vni {text_of(span)}")
        for span in runs(want.vnis - here.vnis):
            commands.append(f"vni add dev {name} vni {text_of(span)}")
    if exact or owns_vlans(want):
        for span in runs(set(here.vlans) - set(want.vlans)):
            commands.append(f"vlan del dev {name} vid {text_of(span)}{self_word}")
    missing = [vlan for vlan in want.vlans if not _has_vlan(here, vlan, want.vlans[vlan])]
    for flags in sorted({want.vlans[vlan] for vlan in missing}):
        for span in runs(vlan for vlan in missing if want.vlans[vlan] == flags):
            commands.append(f"vlan add dev {name} vid {text_of(span)} {flags}".rstrip() + self_word)
    if is_external(want):
        new = {vlan: vni for vlan, vni in want.tunnels.items() if here.tunnels.get(vlan) != vni}
        for first, last in tunnel_runs(new):
            vnis = text_of((new[first], new[last]))
            commands.append(f"vlan add dev {name} vid {text_of((first, last))} tunnel_info id {vnis}")
    return commands


def is_external(link: Link) -> bool:
    """Whether it is a single VXLAN device."""
    return link.kind == "vxlan" and bool(link.fixed.get("external"))


def owns_vlans(want: Link) -> bool:
    """The VLANs of our device and of our VLAN-aware bridge are ours; those of other ports are whoever's."""
    return is_external(want) or (want.kind == "bridge" and want.details.get("vlan_filtering") == "1")


def _has_vlan(here: Link, vlan: int, flags: str) -> bool:
    """A VLAN with flags that nobody asked for will do."""
    return vlan in here.vlans and flags in ("", here.vlans[vlan])


def tunnel_runs(tunnels: Mapping[int, int]) -> list[tuple[int, int]]:
    """VLANs (first, last) of which both they and their VNIs are consecutive."""
    found: list[tuple[int, int]] = []
    for vlan in sorted(tunnels):
        if found and found[-1][1] == vlan - 1 and tunnels[vlan] == tunnels[vlan - 1] + 1:
            found[-1] = (found[-1][0], vlan)
        else:
            found.append((vlan, vlan))
    return found


def predict(wanted: Links, got: Links, scope: Scope) -> dict[str, Link]:
    """What will be there afterwards."""
    again = [name for name, want in wanted.items() if name in got and remade(want, got[name])]
    going = [*(name for name in scope.unwanted if name in got and name not in wanted), *again]
    result = after_removal(got, going)
    for name, want in wanted.items():
        here = result.get(name)
        if here is None:
            result[name] = want
            continue
        here = _as_port(want, here)
        gone = removable(here.addresses, want.addresses, scope.formerly.get(name, ()), ())
        kept = tuple(address for address in here.addresses if address not in gone)
        ours = is_external(want)
        vlans = {vlan: flags for vlan, flags in want.vlans.items() if not _has_vlan(here, vlan, flags)}
        result[name] = here._replace(
            details={**here.details, **want.details},
            settings={**here.settings, **want.settings},
            port={**here.port, **want.port},
            addresses=(*kept, *(address for address in want.addresses if address not in kept)),
            vlans=want.vlans if owns_vlans(want) else {**here.vlans, **vlans},
            remotes=want.remotes if want.kind == "vxlan" else here.remotes,
            tunnels=want.tunnels if ours else here.tunnels,
            vnis=want.vnis if ours else here.vnis,
        )
    return result


def restoration(touched: Iterable[str], former: Links, now: Links) -> tuple[dict[str, Link], Scope]:
    """
    What brings the touched links back to what they were, as `difference` takes it. What was a device of ours is made
    again if it is gone; of any other only the settings go back.
    """
    names = list(dict.fromkeys(touched))
    wanted = {}
    for name in names:
        was = former.get(name)
        if was is not None:
            settings = {key: value for key, value in was.settings.items() if key != "address" or was.kind != "vxlan"}
            wanted[name] = was._replace(settings=settings, addresses=was.addresses if was.kind in KINDS else ())
    order = {"bridge": 0, "vxlan": 1}
    wanted = dict(sorted(wanted.items(), key=lambda item: order.get(item[1].kind, 2)))
    added = {name: now[name].addresses for name in names if name in now and now[name].kind in KINDS}
    return wanted, Scope(tuple(name for name in names if name not in former), added, True)
