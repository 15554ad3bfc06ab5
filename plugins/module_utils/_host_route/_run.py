# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""One run of host_route: read with one dump a kind, compare, write with one batch, undo when refused."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from typing import Any, Callable, NamedTuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.routed.fabric.plugins.module_utils._host_route import _files
from ansible_collections.routed.fabric.plugins.module_utils._host_route._difference import (
    Change,
    as_options,
    as_seen,
    describe,
    difference,
    in_batches,
    is_empty,
    target_of,
)
from ansible_collections.routed.fabric.plugins.module_utils._host_route._options import (
    Wanted,
    collisions,
    missing_interfaces,
    refuse,
    sysctl_switches,
    wanted_of,
)
from ansible_collections.routed.fabric.plugins.module_utils._host_route._state import State, state_of
from ansible_collections.routed.fabric.plugins.module_utils._ip import _sysctl
from ansible_collections.routed.fabric.plugins.module_utils._ip._files import Files
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import BatchError, Ip, IpError, Sysctl

# Daemons that follow the kernel (zebra, the agent) drop messages when thousands of removals come at once.
PURGE_CHUNK = 1000
PURGE_PAUSE_S = 0.05


class _Plan(NamedTuple):
    """What has to be done; all of it empty when nothing differs."""

    changes: list[Change]
    drifts: list[_sysctl.Drift]
    files: list[_files.Change]
    enable: bool | None  # None: stays as it is

    def __bool__(self) -> bool:
        return bool(self.changes or self.drifts or self.files or self.enable is not None)


class Transaction:
    """What was done so far, and how to undo it."""

    def __init__(self, ip: Ip, sysctl: Sysctl, files: Files, systemctl: Callable[..., None]) -> None:
        self._ip = ip
        self._sysctl = sysctl
        self._files = files
        self._systemctl = systemctl
        self._undo: list[tuple[str, Callable[[], None]]] = []

    def change_kernel(self, changes: Sequence[Change]) -> None:
        for batch in in_batches(changes, PURGE_CHUNK):
            done, options = len(batch), _options_of(batch[0].family)
            try:
                self._ip.batch([change.command for change in batch], *options)
            except BatchError as exc:
                done = exc.done
                raise
            finally:
                inverses = [line for change in reversed(batch[:done]) for line in change.inverse]
                self._undo.append(
                    ("ip", lambda inverses=inverses, options=options: self._ip.batch(inverses, *options, "-force"))  # type: ignore[misc]
                )
            if batch[0].removal and len(batch) == PURGE_CHUNK:
                time.sleep(PURGE_PAUSE_S)

    def change_sysctl(self, drift: _sysctl.Drift) -> None:
        self._sysctl.write(drift.path, drift.after)
        self._undo.append(("sysctl", lambda: self._sysctl.write(drift.path, drift.before)))

    def change_file(self, change: _files.Change) -> None:
        self._files.write(change.path, change.after, change.mode)
        self._undo.append((f"file {change.path}", lambda: self._files.write(change.path, change.before, change.mode)))

    def change_service(self, enable: bool) -> None:
        words = ("disable", "enable")
        self._systemctl(words[enable], _files.SERVICE)
        self._undo.append((f"file {_files.ENABLED}", lambda: self._systemctl(words[not enable], _files.SERVICE)))

    def undo(self) -> dict[str, str]:
        """Put everything back, last things first; returns what was refused, by name."""
        refused = {}
        for name, action in reversed(self._undo):
            try:
                action()
            except IpError as exc:
                refused[name] = str(exc)
        self._undo.clear()
        return refused


class HostRoute:
    """One run: read, compare, and write what differs."""

    def __init__(self, module: AnsibleModule) -> None:
        options = dict(module.params)
        self._present: bool = options["state"] != "absent"
        self._gathered: bool = options["state"] == "gathered"
        self._purge: bool = options["purge"]
        self._persist: bool = options["persist"]
        self._check_mode: bool = module.check_mode
        self._diff: bool = module._diff
        if not self._present:
            options["allowed_prefixes"] = None  # what should never have been there can be removed
        if self._gathered:
            options.update(routes=[], proxy=None)
        self._wanted: Wanted = wanted_of(options)
        self._run_command = module.run_command
        self._warn = module.warn
        self._ip = Ip(lambda argv, data: module.run_command(list(argv), data=data, environ_update={"LC_ALL": "C"}))
        self._sysctl = Sysctl()
        self._files = Files(module.atomic_move, module.tmpdir)

    def run(self) -> dict[str, Any]:
        wanted, batch_file = self._wanted, self._files.read(_files.BATCH)
        marks = _files.marks_of(batch_file)
        # The routes of an earlier run with another table are ours too.
        self._tables = {wanted.table, *(marks[1:] if marks and marks[0] == wanted.protocol else ())}
        got = self._read()
        owned = _files.parse_sysctl(self._files.read(_files.SYSCTL))
        if self._gathered:
            return self._gather(got, owned)
        if not self._persist:
            owned = {}

        pending = self._refuse(got, marks)
        target = target_of(wanted, got, self._present, self._purge)
        sysctl, kept = self._sysctl_values(owned)
        current = {path: self._sysctl.read(path) for path in sysctl}
        excused, unknown = _sysctl.missing(sysctl, current, self._links)
        refuse([f"sysctl {_sysctl.key_of(path)}: this kernel has no such parameter" for path in unknown])

        plan = _Plan(
            difference(got, target, wanted.protocol),
            _sysctl.drifts(sysctl, current),
            self._file_changes(target, kept) if self._persist else [],
            self._enable(target) if self._persist else None,
        )
        before, after = (
            self._state(got, current),
            self._state(as_seen(target, got), {**current, **{d.path: d.after for d in plan.drifts}}),
        )
        if plan and not self._check_mode:
            now = self._apply(plan, target, before, list(sysctl))
            after = self._state(now, {path: self._sysctl.read(path) for path in sysctl})
        return {
            "changed": bool(plan),
            "before": before,
            "after": after,
            "commands": _commands(plan),
            "pending": pending
            + [f"sysctl {_sysctl.key_of(path)}: its interface does not exist yet" for path in excused],
            **({"diff": _diff(before, after, plan.files)} if self._diff else {}),
        }

    def _read(self) -> State:
        """One dump a kind. The kernel itself filters by protocol, so a full table in main costs little."""
        protocol = str(self._wanted.protocol)
        links = self._ip.json("link", "show")
        self._links = {link["ifname"]: "UP" in link.get("flags", ()) for link in links}
        self._other_names = {name: link["ifname"] for link in links for name in link.get("altnames", ())}
        families = {"inet": "-4", "inet6": "-6"}
        return state_of(
            self._wanted.protocol,
            self._tables,
            routes={
                family: self._ip.json("-N", option, "route", "show", "table", "all", "proto", protocol)
                for family, option in families.items()
            },
            neighbours=self._ip.json("-N", "neigh", "show", "nud", "permanent"),
            proxies=self._ip.json("-N", "neigh", "show", "proxy"),
            rules={family: self._ip.json("-N", option, "rule", "show") for family, option in families.items()},
        )

    def _gather(self, got: State, owned: dict[str, str]) -> dict[str, Any]:
        current = {path: value for path in owned if (value := self._sysctl.read(path)) is not None}
        state = self._state(got, current)
        gathered = as_options(got, sysctl_switches(current.items()))
        return {"changed": False, "before": state, "after": state, "commands": [], "pending": [], "gathered": gathered}

    def _refuse(self, got: State, marks: tuple[int, int] | None) -> list[str]:
        """Raises for what cannot be; returns what would be refused if it were no check mode (on a fresh node an
        earlier task makes the interface)."""
        wanted, found = self._wanted, []
        if self._persist and marks and marks[0] != wanted.protocol:
            found.append(
                f"protocol: {_files.BATCH} holds the routes of protocol {marks[0]}, not {wanted.protocol}; "
                "use `persist: false` for a second set of routes"
            )
        if self._persist and not self._files.exists("/usr/bin/systemctl"):
            found.append(
                "persist: there is no systemd on this node; set `persist: false` and restore the routes yourself"
            )
        refuse(found)
        if not self._present:
            return []
        late = missing_interfaces(wanted, self._links, self._other_names)
        refuse(([] if self._check_mode else late) + collisions(wanted, got))
        for sentence in late:
            self._warn(sentence)
        return late

    def _sysctl_values(self, owned: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """What the kernel shall have, and what shall stand in the file. What is not listed any more is switched off."""
        listed = self._wanted.sysctl
        if not self._present:
            gone = {**owned, **listed} if self._purge else listed
            return dict.fromkeys(gone, "0"), {path: value for path, value in owned.items() if path not in gone}
        former = dict.fromkeys(owned, "0") if self._purge else {}
        kept = {} if self._purge else owned
        return {**{path: value for path, value in former.items() if self._sysctl.read(path)}, **listed}, {
            **kept,
            **listed,
        }

    def _file_changes(self, target: State, sysctl: dict[str, str]) -> list[_files.Change]:
        protocol, table = self._wanted.protocol, self._wanted.table
        gone = not self._present and is_empty(target) and not sysctl
        texts: dict[str, tuple[str | None, int]] = {
            _files.BATCH: (_files.render_batch(target, protocol, table), 0o644),
            _files.SYSCTL: (_files.render_sysctl(sysctl) if sysctl else None, 0o644),
            _files.UNIT: (_files.render_unit(target, protocol), 0o644),
        }
        if self._files.exists(_files.HOOK_DIRECTORY):
            texts[_files.HOOK] = (_files.render_hook(), 0o755)
        if gone:
            texts = {path: (None, mode) for path, (dummy, mode) in texts.items()}
        changes = [_files.Change(path, self._files.read(path), text, mode) for path, (text, mode) in texts.items()]
        return [change for change in changes if change.before != change.after]

    def _enable(self, target: State) -> bool | None:
        wanted = self._present or not is_empty(target)
        return None if os.path.lexists(_files.ENABLED) == wanted else wanted

    def _apply(self, plan: _Plan, target: State, former: dict[str, Any], paths: Iterable[str]) -> State:
        """What answers for others is on last and off first: without the routes behind it, it answers for everything."""
        transaction = Transaction(self._ip, self._sysctl, self._files, self._systemctl)
        try:
            for drift in plan.drifts:
                if drift.after == "0":
                    transaction.change_sysctl(drift)
            transaction.change_kernel(plan.changes)
            for drift in plan.drifts:
                if drift.after != "0":
                    transaction.change_sysctl(drift)
            now = self._read()
            left = difference(now, target, self._wanted.protocol)
            if left:
                raise IpError(f"the kernel took the commands, but this is still to do: ip {left[0].command}")
            if plan.enable is False:
                transaction.change_service(False)
            for change in plan.files:
                transaction.change_file(change)
            if plan.enable:
                transaction.change_service(True)
            self._reload(plan)
        except IpError as exc:
            lost = self._lost(transaction.undo(), former, paths)
            outcome = f"could not be undone: {'; '.join(lost)}" if lost else "everything is as it was before"
            raise IpError(f"{exc}{_hint(str(exc))}; {outcome}") from exc
        return now

    def _lost(self, refused: dict[str, str], former: dict[str, Any], paths: Iterable[str]) -> list[str]:
        """What differs from the former state after an undo, and why files could not be put back."""
        now = self._state(self._read(), {path: self._sysctl.read(path) for path in paths})
        was, is_now = dict.fromkeys(_lines(former)), dict.fromkeys(_lines(now))
        return [
            *(f"'{line}' is missing" for line in was if line not in is_now),
            *(f"'{line}' is new" for line in is_now if line not in was),
            *(f"{name}: {words}" for name, words in refused.items() if name.startswith("file ")),
        ]

    def _reload(self, plan: _Plan) -> None:
        units = any(change.path == _files.UNIT for change in plan.files)
        if units and self._files.exists("/run/systemd/system"):
            self._systemctl("daemon-reload")

    def _systemctl(self, *words: str) -> None:
        rc, out, err = self._run_command(["systemctl", *words])
        if rc != 0:
            raise IpError(f"`systemctl {' '.join(words)}` failed: {(err or out).strip()}")

    def _state(self, state: State, sysctl: dict[str, str | None] | dict[str, str]) -> dict[str, Any]:
        values = {_sysctl.key_of(path): value for path, value in sorted(sysctl.items()) if value is not None}
        return {**describe(state), "sysctl": values}


def _options_of(family: str) -> tuple[str, ...]:
    return ("-6",) if family == "inet6" else ()


def _hint(message: str) -> str:
    if "`ip route add" in message and "File exists" in message:
        return " (a route of another protocol has this prefix and metric)"
    return ""


def _commands(plan: _Plan) -> list[str]:
    return [
        *(f"ip {' '.join((*_options_of(change.family), change.command))}" for change in plan.changes),
        *(f"sysctl {_sysctl.key_of(drift.path)}={drift.after}" for drift in plan.drifts),
        *(f"{'remove' if change.after is None else 'write'} {change.path}" for change in plan.files),
        *([] if plan.enable is None else [f"systemctl {'enable' if plan.enable else 'disable'} {_files.SERVICE}"]),
    ]


def _lines(state: dict[str, Any]) -> list[str]:
    """The state as lines, for the diff."""
    return [
        *(f"route {line}" for line in state["routes"]),
        *(f"neighbour {line}" for line in state["neighbours"]),
        *(f"proxy {line}" for line in state["proxies"]),
        *(f"rule {line}" for line in state["rules"]),
        *(f"{key} = {value}" for key, value in state["sysctl"].items()),
    ]


def _diff(before: dict[str, Any], after: dict[str, Any], files: Sequence[_files.Change]) -> list[dict[str, str]]:
    def text(state: dict[str, Any]) -> str:
        return "".join(f"{line}\n" for line in _lines(state))

    return [
        {"before_header": "host routes", "after_header": "host routes", "before": text(before), "after": text(after)},
        *(
            {
                "before_header": change.path,
                "after_header": change.path,
                "before": change.before or "",
                "after": change.after or "",
            }
            for change in files
        ),
    ]
