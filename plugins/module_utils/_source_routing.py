# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""Routing rules and blackhole routes: options, difference, files, and one run of the module source_routing."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.routed.fabric.plugins.module_utils._ip._files import Files
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import BatchError, Ip, IpError

UNIT_NAME = "fabric-source-routing.service"
UNIT = f"/etc/systemd/system/{UNIT_NAME}"
ENABLED = f"/etc/systemd/system/multi-user.target.wants/{UNIT_NAME}"
BATCH = "/etc/routed-fabric/source-routing.ip{version}"
_OWNER = "# Written by the Ansible collection routed.fabric (module source_routing).\n"
_HEADER = f"{_OWNER}# Do not edit: the next run puts this file back.\n"
_MAIN = 254
_BLACKHOLE = "6"  # RTN_BLACKHOLE: dumps are read with numbers, since names of tables differ from node to node
_VERSIONS = (4, 6)
_MOST = 4294967295


class Rule(NamedTuple):
    version: int
    priority: int
    source: str
    destination: str
    table: int
    suppress: int  # -1: nothing is suppressed

    def words(self, protocol: int) -> str:
        text = f"pref {self.priority} from {self.source or 'all'}"
        if self.destination:
            text += f" to {self.destination}"
        text += f" lookup {self.table}"
        if self.suppress >= 0:
            text += f" suppress_prefixlength {self.suppress}"
        return f"{text} protocol {protocol}"


class Blackhole(NamedTuple):
    version: int
    prefix: str
    table: int
    metric: int

    def words(self, protocol: int) -> str:
        return f"blackhole {self.prefix} table {self.table} metric {self.metric} proto {protocol}"


class State(NamedTuple):
    rules: frozenset[Rule]
    blackholes: frozenset[Blackhole]

    def lines(self, protocol: int, version: int) -> list[str]:
        """For `ip -VERSION -batch`. What catches is there before anything is led to it."""
        holes = [f"route add {hole.words(protocol)}" for hole in sorted(self.blackholes) if hole.version == version]
        return holes + [f"rule add {rule.words(protocol)}" for rule in sorted(self.rules) if rule.version == version]

    def shown(self) -> dict[str, list[str]]:
        return {
            "rules": [rule.words(0).partition(" protocol")[0] for rule in sorted(self.rules)],
            "blackholes": [hole.words(0).partition(" proto")[0] for hole in sorted(self.blackholes)],
        }


def wanted_of(options: Mapping[str, Any]) -> State:
    """Raises IpError with all that is wrong with the options."""
    problems: list[str] = []
    rules, holes = list[Rule](), list[Blackhole]()
    if not 5 <= options["protocol"] <= 255:
        problems.append(f"protocol: {options['protocol']} is not between 5 and 255")
    for index, item in enumerate(options["rules"]):
        path = f"rules[{index}]"
        source, destination = (_prefix(f"{path}.{key}", item.get(key), problems) for key in ("from", "to"))
        version = _version(path, source, destination, problems)
        if not 1 <= item["priority"] <= 32765:
            problems.append(f"{path}.priority: {item['priority']} is not between 1 and 32765, which is before main")
        _check_table(f"{path}.table", item["table"], problems)
        suppress = item.get("suppress_prefixlength")
        suppress = -1 if suppress is None else suppress
        if suppress > 128 or suppress < -1:
            problems.append(f"{path}.suppress_prefixlength: {suppress} is not between 0 and 128")
        rule = Rule(version, item["priority"], source, destination, item["table"], suppress)
        if rule in rules:
            problems.append(f"{path}: it stands here twice")
        rules.append(rule)
    for index, item in enumerate(options["blackholes"]):
        path = f"blackholes[{index}]"
        prefix = _prefix(f"{path}.prefix", item["prefix"], problems)
        _check_table(f"{path}.table", item["table"], problems)
        if not 1 <= item["metric"] <= _MOST:
            problems.append(f"{path}.metric: {item['metric']} is not between 1 and {_MOST}")
        hole = Blackhole(6 if ":" in prefix else 4, prefix, item["table"], item["metric"])
        if hole in holes:
            problems.append(f"{path}: it stands here twice")
        holes.append(hole)
    if problems:
        raise IpError("; ".join(problems))
    return State(frozenset(rules), frozenset(holes))


def _prefix(path: str, text: str | None, problems: list[str]) -> str:
    if not text:
        return ""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as exc:
        problems.append(f"{path}: {exc}")
        return ""


def _version(path: str, source: str, destination: str, problems: list[str]) -> int:
    found = {6 if ":" in text else 4 for text in (source, destination) if text}
    if len(found) > 1:
        problems.append(f"{path}: {source} and {destination} are of two families")
    if not found:
        problems.append(f"{path}: a rule needs 'from' or 'to'; one for all traffic would be for everything")
    return max(found, default=6)


def _check_table(path: str, table: int, problems: list[str]) -> None:
    if not 1 <= table <= _MOST or table == 255:
        problems.append(f"{path}: {table} is no table that one may use (1 to {_MOST}, not 255)")


def state_of(
    rules: Mapping[int, Iterable[Mapping[str, Any]]], routes: Mapping[int, Iterable[Mapping[str, Any]]], protocol: int
) -> State:
    """What carries the protocol number, from `ip -N -j`: version → rows."""
    found_rules, holes = set(), set()
    for version in _VERSIONS:
        most = 32 if version == 4 else 128
        for row in rules[version]:
            if str(row.get("protocol")) != str(protocol):
                continue
            found_rules.add(
                Rule(
                    version,
                    int(row["priority"]),
                    "" if row["src"] == "all" else f"{row['src']}/{row.get('srclen', most)}",
                    f"{row['dst']}/{row.get('dstlen', most)}" if row.get("dst") else "",
                    int(row["table"]),
                    int(row.get("suppress_prefixlen", -1)),
                )
            )
        for row in routes[version]:
            if str(row.get("type")) != _BLACKHOLE:
                continue
            text = "::/0" if version == 6 else "0.0.0.0/0"
            prefix = text if row["dst"] == "default" else str(ipaddress.ip_network(row["dst"]))
            holes.add(Blackhole(version, prefix, int(row.get("table", _MAIN)), int(row.get("metric", 0))))
    return State(frozenset(found_rules), frozenset(holes))


class Change(NamedTuple):
    version: int
    command: str
    inverse: str


def difference(got: State, wanted: State, protocol: int) -> list[Change]:
    """Blackholes first, then what leads to them, then what goes: at no moment does a packet find less than it will."""
    changes = [
        Change(h.version, f"route add {h.words(protocol)}", f"route del {h.words(protocol)}")
        for h in sorted(wanted.blackholes - got.blackholes)
    ]
    changes += [
        Change(r.version, f"rule add {r.words(protocol)}", f"rule del {r.words(protocol)}")
        for r in sorted(wanted.rules - got.rules)
    ]
    changes += [
        Change(r.version, f"rule del {r.words(protocol)}", f"rule add {r.words(protocol)}")
        for r in sorted(got.rules - wanted.rules)
    ]
    changes += [
        Change(h.version, f"route del {h.words(protocol)}", f"route add {h.words(protocol)}")
        for h in sorted(got.blackholes - wanted.blackholes)
    ]
    return changes


def render_batch(wanted: State, protocol: int, version: int) -> str:
    return _HEADER + "".join(f"{line}\n" for line in wanted.lines(protocol, version))


def render_unit() -> str:
    """Before any interface has an address: what is led into a tunnel never finds another way first."""
    commands = "".join(f"ExecStart=-/sbin/ip -{v} -force -batch {BATCH.format(version=v)}\n" for v in _VERSIONS)
    return (
        f"{_HEADER}[Unit]\nDescription=Routing by source of routed.fabric\n"
        "DefaultDependencies=no\nAfter=local-fs.target systemd-sysctl.service\n"
        "Before=network-pre.target shutdown.target\nWants=network-pre.target\nConflicts=shutdown.target\n"
        f"\n[Service]\nType=oneshot\nRemainAfterExit=yes\n{commands}\n[Install]\nWantedBy=multi-user.target\n"
    )


class FileChange(NamedTuple):
    path: str
    before: str | None
    after: str | None


class SourceRouting:
    """One run: read, compare, and write what differs."""

    def __init__(self, module: AnsibleModule) -> None:
        self._options = module.params
        self._state: str = module.params["state"]
        self._protocol: int = module.params["protocol"]
        self._check_mode: bool = module.check_mode
        self._diff: bool = module._diff
        self._run_command = module.run_command
        self._ip = Ip(lambda argv, data: module.run_command(list(argv), data=data, environ_update={"LC_ALL": "C"}))
        self._files = Files(module.atomic_move, module.tmpdir)

    def run(self) -> dict[str, Any]:
        wanted = wanted_of(self._options)
        got = self._read()
        if self._state == "gathered":
            return {"changed": False, "before": got.shown(), "after": got.shown(), "commands": []}
        if self._state == "absent":
            wanted = State(frozenset(), frozenset())
        persist = self._options["persist"]
        if persist and not self._files.exists("/usr/bin/systemctl"):
            raise IpError(
                "persist: there is no systemd on this node; set `persist: false` and restore the rules yourself"
            )
        changes = difference(got, wanted, self._protocol)
        files = self._file_changes(wanted) if persist else []
        enable = self._enable() if persist else None
        after = wanted
        if not self._check_mode and (changes or files or enable is not None):
            after = self._apply(changes, files, enable, wanted)
        return {
            "changed": bool(changes or files or enable is not None),
            "before": got.shown(),
            "after": after.shown(),
            "commands": [
                *(f"ip -{change.version} {change.command}" for change in changes),
                *(f"{'remove' if file.after is None else 'write'} {file.path}" for file in files),
                *([] if enable is None else [f"systemctl {'enable' if enable else 'disable'} {UNIT_NAME}"]),
            ],
            **({"diff": _diff(got, after, files)} if self._diff else {}),
        }

    def _read(self) -> State:
        protocol = str(self._protocol)
        return state_of(
            {v: self._ip.json("-N", f"-{v}", "rule", "show") for v in _VERSIONS},
            {v: self._ip.json("-N", f"-{v}", "route", "show", "table", "all", "proto", protocol) for v in _VERSIONS},
            self._protocol,
        )

    def _file_changes(self, wanted: State) -> list[FileChange]:
        present = self._state == "present"
        texts: dict[str, str | None] = {
            BATCH.format(version=v): render_batch(wanted, self._protocol, v) if present else None for v in _VERSIONS
        }
        texts[UNIT] = render_unit() if present else None
        found = [FileChange(path, self._files.read(path), text) for path, text in texts.items()]
        return [change for change in found if change.before != change.after]

    def _enable(self) -> bool | None:
        wanted = self._state == "present"
        return None if os.path.lexists(ENABLED) == wanted else wanted

    def _apply(
        self,
        changes: Sequence[Change],
        files: Sequence[FileChange],
        enable: bool | None,
        wanted: State,
    ) -> State:
        done: list[Change] = []
        written: list[FileChange] = []
        try:
            for change in changes:
                self._ip.batch([change.command], f"-{change.version}")
                done.append(change)
            now = self._read()
            left = difference(now, wanted, self._protocol)
            if left:
                raise IpError(f"the kernel took the commands, but this is still to do: ip {left[0].command}")
            if enable is False:
                self._systemctl("disable", UNIT_NAME)
            for file in files:
                self._files.write(file.path, file.after)
                written.append(file)
            if self._files.exists("/run/systemd/system") and any(file.path == UNIT for file in files):
                self._systemctl("daemon-reload")
            if enable:
                self._systemctl("enable", UNIT_NAME)
        except IpError as exc:
            raise IpError(f"{exc}; {self._undo(done, written)}") from exc
        return now

    def _undo(self, done: list[Change], written: list[FileChange]) -> str:
        refused = []
        for file in reversed(written):
            try:
                self._files.write(file.path, file.before)
            except IpError as exc:
                refused.append(str(exc))
        for change in reversed(done):
            try:
                self._ip.batch([change.inverse], f"-{change.version}")
            except BatchError as exc:
                refused.append(str(exc))
        return f"could not be undone: {'; '.join(refused)}" if refused else "everything is as it was before"

    def _systemctl(self, *words: str) -> None:
        rc, out, err = self._run_command(["systemctl", *words])
        if rc != 0:
            raise IpError(f"`systemctl {' '.join(words)}` failed: {(err or out).strip()}")


def _diff(before: State, after: State, files: Sequence[FileChange]) -> list[dict[str, str]]:
    def text(state: State) -> str:
        return "".join(f"{line}\n" for lines in state.shown().values() for line in lines)

    rows = [{"before_header": "rules", "after_header": "rules", "before": text(before), "after": text(after)}]
    return rows + [
        {"before_header": path, "after_header": path, "before": old or "", "after": new or ""}
        for path, old, new in files
    ]
