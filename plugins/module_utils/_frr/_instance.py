# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The difference inside BGP instances. Private to the collection. Pure.

What is special about peers, measured on FRR 8.4 and 10.3:

- taking a peer away takes all its lines in every family; taking a group away takes its members;
- a group that loses its `remote-as` loses its members;
- a peer cannot change its group in place;
- a peer whose group has a `remote-as` must not be given its own, nor have it removed (that removes the peer);
- with `bgp default ipv4-unicast` a peer is active in IPv4 although no line says so: here the line is always written
out.

So the lines that a removal takes along are followed in a model, and what is missing afterwards is added again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ansible_collections.routed.fabric.plugins.module_utils._frr._graceful import (
    instance_mode,
    mode_of,
    reaches_members,
    way,
)
from ansible_collections.routed.fabric.plugins.module_utils._frr._slots import Place, place, rule_of, undo
from ansible_collections.routed.fabric.plugins.module_utils._frr._tree import Context, Line

_PEER = re.compile(r"(?:no )?neighbor (\S+) ")
_DEFINES = re.compile(r"neighbor (\S+) (peer-group$|interface|remote-as|peer-group \S)")
_OPTIONS = ("route-map", "metric", "backdoor", "label-index", "no-prepend", "replace-as", "dual-as",
            "equal-cluster-length", "warning-only", "restart", "force", "always")  # fmt: skip
IPV4 = "address-family ipv4 unicast"


def difference(got: Sequence[Line], wanted: Sequence[Line], shown: Sequence[Line] = ()) -> list[Line]:
    """`shown`: the lines as FRR prints them, with what the canonical form leaves out as a copy of the group's line."""
    have = _split(got)
    want = _split(wanted)
    commands: list[Line] = []
    going = [header for header in have if header not in want]
    if any(" vrf " not in header for header in going):
        # FRR 10.3 does not delete the default instance while others stand: they go, and come again.
        going = list(have)
    commands += _forget_imports(have, {header.rpartition(" vrf ")[2] for header in going if " vrf " in header})
    # An instance of a VRF may need the default one: it goes first and comes last.
    for header in sorted(going, key=lambda text: " vrf " not in text):
        commands.append(((), "no " + header))
        del have[header]
    for header in sorted(want, key=lambda text: " vrf " in text):
        if header not in have:
            commands.append(((), header))
        commands += _Instance(header, have.get(header, []), want[header], shown).commands()
    # An import makes the other VRF's instance in hiding, with our AS: only once the real one is there.
    imports = [line for line in commands if line[1].startswith("import vrf ")]
    return [line for line in commands if line not in imports] + imports


def _forget_imports(have: dict[str, list[Line]], vrfs: set[str]) -> list[Line]:
    """FRR 8.4 does not delete an instance that another one imports from: stop that first."""
    commands = []
    for header, lines in have.items():
        imports = [line for line in lines if line[1] in {f"import vrf {vrf}" for vrf in vrfs}]
        commands += [(context, "no " + text) for context, text in imports]
        have[header] = [line for line in lines if line not in imports]
    return commands


def _split(lines: Sequence[Line]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for context, text in lines:
        header = context[0] if context else text
        found.setdefault(header, [])
        if context and not text.startswith(("address-family ",)):
            found[header].append((context, text))
    return found


def _peer(text: str) -> str:
    found = _PEER.match(text)
    return found.group(1) if found else ""


class _Peers:
    """Who is defined in a set of lines: groups, members, and how."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.groups: set[str] = set()
        self.defined: dict[str, set[str]] = {}
        self.group_of: dict[str, str] = {}
        self.remote_as: dict[str, str] = {}
        self.interfaces: set[str] = set()
        for context, text in lines:
            found = _DEFINES.match(text) if len(context) == 1 else None
            if not found:
                continue
            name, kind = found.groups()
            words = text.split()
            self.defined.setdefault(name, set()).add(text)
            if kind == "peer-group":
                self.groups.add(name)
            if kind == "interface":
                self.interfaces.add(name)
            if "peer-group" in words[2:-1]:
                self.group_of[name] = words[words.index("peer-group", 2) + 1]
            if "remote-as" in words[2:-1]:
                self.remote_as[name] = words[words.index("remote-as") + 1]


class _Instance:
    def __init__(self, header: str, got: Sequence[Line], wanted: Sequence[Line], shown: Sequence[Line]) -> None:
        self.header = header
        self.top: Context = (header,)
        self.have: dict[Place, Line] = {place(line): line for line in _explicit(header, got)}
        self.want: dict[Place, Line] = {place(line): line for line in _explicit(header, wanted)}
        self.before = _Peers(list(self.have.values()))
        self.after = _Peers(list(self.want.values()))
        self.groups_reach_members = reaches_members(shown)
        self.instance_mode_before = self._instance_mode(self.have)
        self.out: list[Line] = []
        self.late: list[Line] = []

    def commands(self) -> list[Line]:
        self._settings()
        self._remove_ranges()
        self._remove_peers()
        self._groups_without_remote_as()
        missing, changed, surplus = self._compare()
        self._take_back(surplus)
        self._set(changed, missing)
        self._say_members_restart_modes()
        self._remove_groups()
        return self.out + self.late

    # 1. what concerns the whole instance

    def _settings(self) -> None:
        def is_setting(line: Line) -> bool:
            return len(line[0]) == 1 and not _peer(line[1]) and not line[1].startswith("bgp listen range ")

        for where, line in [*self.have.items()]:
            if is_setting(line) and where not in self.want:
                self.out.append((self.top, undo(*line)))
                del self.have[where]
        for where, line in self.want.items():
            if is_setting(line) and self.have.get(where) != line:
                self.out.append(line)
                self.have[where] = line
        # Refused while a neighbour has addpath-tx-bestpath-per-AS, which in turn needs it.
        self.late = [line for line in self.out if line == (self.top, "no bgp deterministic-med")]
        self.out = [line for line in self.out if line not in self.late]

    # 2. what must go before something else can come

    def _remove_ranges(self) -> None:
        for where, line in [*self.have.items()]:
            if line[1].startswith("bgp listen range ") and self.want.get(where) != line:
                self.out.append((self.top, undo(*line)))
                del self.have[where]

    def _remove_peers(self) -> None:
        for name in self.before.defined:
            if name in self.before.groups:
                continue
            stays = name in self.after.defined and name not in self.after.groups
            same_group = self.before.group_of.get(name) == self.after.group_of.get(name)
            same_kind = (name in self.before.interfaces) == (name in self.after.interfaces)
            if stays and same_group and same_kind:
                continue
            form = " interface" if name in self.before.interfaces else ""
            self.out.append((self.top, f"no neighbor {name}{form}"))
            self._forget(name)

    def _groups_without_remote_as(self) -> None:
        for name in self.before.groups & self.after.groups:
            if name in self.before.remote_as and name not in self.after.remote_as:
                self.out.append((self.top, f"no neighbor {name} remote-as {self.before.remote_as[name]}"))
                self.have.pop(place((self.top, f"neighbor {name} remote-as 1")), None)
                for member, group in self.before.group_of.items():
                    if group == name:
                        self._forget(member)

    def _forget(self, name: str) -> None:
        self.have = {where: line for where, line in self.have.items() if _peer(line[1] + " ") != name}

    # 3. the rest, slot by slot

    def _compare(self) -> tuple[list[Line], list[tuple[Line, Line]], list[Line]]:
        self._forget_what_is_dragged_along()
        self._forget_members_activation()
        missing = [line for where, line in self.want.items() if where not in self.have and not self._comes_active(line)]
        missing += self._not_active_by_default()
        changed = [
            (self.have[where], line)
            for where, line in self.want.items()
            if where in self.have and self.have[where][1] != line[1]
        ]
        surplus = [line for where, line in self.have.items() if where not in self.want]
        return missing, changed, surplus

    def _forget_what_is_dragged_along(self) -> None:
        """`route-server-client`, and in EVPN `next-hop-self`, set and take `attribute-unchanged next-hop` with them.

        So that line is said again.
        """
        for one, other in ((self.have, self.want), (self.want, self.have)):
            for where, (context, text) in list(one.items()):
                slot = place((context, f"neighbor {_peer(text)} attribute-unchanged"))
                dragged = slot in self.want or self.have.get(slot, (context, ""))[1].endswith(
                    " attribute-unchanged next-hop"
                )
                in_evpn = context[-1].startswith("address-family l2vpn")
                drags = text.endswith(" route-server-client") or (in_evpn and " next-hop-self" in text)
                if drags and where not in other and dragged:
                    self.have.pop(slot, None)

    def _forget_members_activation(self) -> None:
        """A group's activation is given to all its members, over what they had of their own."""
        for group in self.before.groups & self.after.groups:
            members = [name for name, its_group in self.after.group_of.items() if its_group == group]
            for context in {line[0] for line in (*self.have.values(), *self.want.values()) if len(line[0]) == 2}:
                of_group = place((context, f"neighbor {group} activate"))
                if self.have.get(of_group) != self.want.get(of_group):
                    for member in members:
                        self.have.pop(place((context, f"neighbor {member} activate")), None)

    def _comes_active(self, line: Line) -> bool:
        """True for the activation of somebody who comes, and comes active."""
        context, text = line
        if context != (self.header, IPV4) or text != f"neighbor {_peer(text)} activate":
            return False
        known = _Peers(list(self.have.values())).defined
        return _peer(text) not in known and _default_ipv4(self.header, list(self.want.values()))

    def _not_active_by_default(self) -> list[Line]:
        """Who comes is active in IPv4 at once if the instance says so by default; here: who shall not be."""
        if not _default_ipv4(self.header, list(self.want.values())):
            return []
        known = _Peers(list(self.have.values())).defined
        context = (self.header, IPV4)
        return [
            (context, f"no neighbor {name} activate")
            for name in self.after.defined
            if name not in known
            and name not in self.after.group_of
            and place((context, f"neighbor {name} activate")) not in self.want
        ]

    def _take_back(self, surplus: Sequence[Line]) -> None:
        removed_groups = self.before.groups - self.after.groups
        vnis = {line[1] for line in surplus if line[1].startswith("vni ")}
        for context, text in reversed(surplus):
            name = _peer(text + " ")
            if name in removed_groups:
                continue  # goes with the group, last
            if len(context) > 2 and context[-1] in vnis:
                continue  # goes with the VNI
            if name and _is_definition(context, text) and name not in self.before.groups:
                continue  # the peer stays, defined by its group or by another line
            self.out += self._restart_mode(name) if mode_of(text) else [(context, undo(context, text))]

    # graceful restart of neighbours and groups: see _graceful.py

    def _restart_mode(self, name: str) -> list[Line]:
        """The way of a neighbour or group that stands already to its wanted mode, whatever it has now."""
        commands = way(name, self._wanted_restart_mode(name), self._instance_mode(self.want))
        return [(self.top, text) for text in commands]

    def _instance_mode(self, lines: dict[Place, Line]) -> str:
        return instance_mode([text for context, text in lines.values() if context == self.top])

    def _wanted_restart_mode(self, name: str) -> str:
        wanted = self._mode_in(self.want, name)
        group = self.after.group_of.get(name, "")
        return wanted or (self._mode_in(self.want, group) if self.groups_reach_members else "")

    def _mode_in(self, lines: dict[Place, Line], name: str) -> str:
        line = lines.get(place((self.top, f"neighbor {name} graceful-restart")))
        return mode_of(line[1]) if line else ""

    def _say_members_restart_modes(self) -> None:
        """Where a group's mode changed, or the instance's under a group's, FRR 10.3 has overwritten the members'."""
        if not self.groups_reach_members:
            return
        instance_changed = self.instance_mode_before != self._instance_mode(self.want)
        known = _Peers(list(self.have.values()))
        for member, group in known.group_of.items():
            group_changed = self._mode_in(self.have, group) != self._mode_in(self.want, group)
            follows = not self._mode_in(self.want, member) and self._mode_in(self.want, group) != ""
            if group_changed or (follows and instance_changed):
                said = set(self._restart_mode(member))
                self.out = [line for line in self.out if line not in said] + self._restart_mode(member)

    def _set(self, changed: Sequence[tuple[Line, Line]], missing: Sequence[Line]) -> None:
        lines: list[tuple[tuple[int, ...], Line | None, Line]] = []
        for before, line in changed:
            lines.append((self._rank(line), before, line))
        for line in missing:
            lines.append((self._rank(line), None, line))
        known = _Peers(list(self.have.values())).defined
        for dummy, old, new in sorted(lines, key=lambda entry: entry[0]):
            if old is not None and _must_clear(old[1], new):
                self.out.append((old[0], undo(*old)))
            if old is None and len(new[0]) == 2 and new[1].startswith("rd "):
                # FRR remembers an RD that was taken back, and ignores the same one when it is given again.
                self.out.append((new[0], "rd 0:1" if new[1] != "rd 0:1" else "rd 0:2"))
            name = _peer(new[1] + " ")
            if mode_of(new[1]) and name in known:
                self.out += self._restart_mode(name)
            else:
                self.out.append(self._in_place(old, new))

    def _in_place(self, old: Line | None, new: Line) -> Line:
        """A changed `neighbor IF interface remote-as N` is a change of the AS, not of the interface."""
        name = _peer(new[1])
        if old and name in self.after.interfaces and "interface" in new[1].split()[2:3]:
            flag_same = (" v6only" in old[1]) == (" v6only" in new[1])
            if flag_same and name in self.after.remote_as:
                return self.top, f"neighbor {name} remote-as {self.after.remote_as[name]}"
        return new

    def _rank(self, line: Line) -> tuple[int, ...]:
        """Groups, then peers, then ranges; then families: groups before members, activation last."""
        context, text = line
        name = _peer(text + " ")
        family = 0
        if len(context) > 1:
            families = list(dict.fromkeys(entry[0][1] for entry in self.want.values() if len(entry[0]) > 1))
            families += [] if context[1] in families else [context[1]]
            family = 1 + families.index(context[1])
        if family and not name:
            # The automatic target of a VNI, said as the first one, counts as not configured.
            return (4, family, 0, 1 if self._is_automatic_target(context, text) else 0)
        group = 0 if name in self.after.groups else 1
        if family:
            return (4, family, 1 + group, 1 if text.endswith(" activate") else 0)
        if not name:
            return (3,)
        return (1 + group,)

    def _is_automatic_target(self, context: Context, text: str) -> bool:
        number = int(re.sub(r"\D.*", "", self.header.split()[2]) or 0) & 0xFFFF
        return len(context) == 3 and text.rsplit(maxsplit=1)[-1] == f"{number}:{context[2].split()[-1]}"

    # 4. groups that nobody is in any more

    def _remove_groups(self) -> None:
        for name in sorted(self.before.groups - self.after.groups):
            self.out.append((self.top, f"no neighbor {name} peer-group"))


def _is_definition(context: Context, text: str) -> bool:
    return len(context) == 1 and bool(_DEFINES.match(text))


def _must_clear(old: str, new: Line) -> bool:
    slot, dummy = rule_of(*new)
    if not slot or new[1].startswith("no "):
        return False
    if slot.clear_first:
        return True
    before, after = old.split(), new[1].split()
    return slot.clear_to_shrink and any(word in before and word not in after for word in _OPTIONS)


def _default_ipv4(header: str, lines: Sequence[Line]) -> bool:
    return ((header,), "no bgp default ipv4-unicast") not in lines


def _explicit(header: str, lines: Sequence[Line]) -> list[Line]:
    """Lines in which activation in IPv4 unicast is said for all who are not members, and inactivity for none."""
    peers = _Peers(lines)
    context = (header, IPV4)
    silent = _default_ipv4(header, lines)
    result = []
    inactive = set()
    for line in lines:
        name = _peer(line[1] + " ")
        if line[0] == context and line[1] == f"no neighbor {name} activate" and name not in peers.group_of:
            inactive.add(name)
        else:
            result.append(line)
    if silent:
        for name in peers.defined:
            line = (context, f"neighbor {name} activate")
            if name not in peers.group_of and name not in inactive and line not in result:
                result.append(line)
    return result
