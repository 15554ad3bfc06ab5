# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""nftables tables of our own, each with a file and a unit: options, texts, and one run of the module nft_rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Callable, NamedTuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.routed.fabric.plugins.module_utils._ip._files import Files
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError

_FAMILIES = ("ip", "ip6", "inet", "arp", "bridge", "netdev")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_TABLE = re.compile(r"[a-zA-Z][a-zA-Z0-9_.]*")
# nft(8): what a command may begin with; without one of them it adds.
_VERBS = ("add", "create", "insert", "replace", "delete", "destroy", "flush", "reset")
_OBJECTS = ("table", "chain", "rule", "set", "map", "element", "flowtable", "counter", "quota", "limit")
_REFUSED = re.compile(r"^\S+?:(\d+):[0-9-]+: Error: (.*)$")


class NftError(Exception):
    """Bad input, or a tool's refusal; one sentence for a person."""


class Wanted(NamedTuple):
    name: str
    tables: tuple[str, ...]  # each as nft writes it, `inet fabric_tunnels`
    rules: str | None  # None: they shall be gone
    description: str = ""

    @property
    def path(self) -> str:
        return f"/etc/routed-fabric/{self.name}.nft"

    @property
    def unit(self) -> str:
        return f"fabric-{self.name}.service"

    @property
    def unit_path(self) -> str:
        return f"/etc/systemd/system/{self.unit}"

    @property
    def enabled_path(self) -> str:
        return f"/etc/systemd/system/multi-user.target.wants/{self.unit}"


class Got(NamedTuple):
    texts: Mapping[str, str | None]  # of the two files, by path
    tables: frozenset[str]  # all that are loaded
    enabled: bool
    active: bool | None  # None where systemd does not run


class FileChange(NamedTuple):
    path: str
    before: str | None
    after: str | None


class Plan(NamedTuple):
    """What has to be done; all of it empty when nothing differs."""

    files: list[FileChange]
    load: bool
    delete: list[str]
    enable: bool | None  # None: stays as it is
    active: bool | None

    def __bool__(self) -> bool:
        return bool(self.files or self.load or self.delete or self.enable is not None or self.active is not None)


def wanted_of(options: Mapping[str, Any]) -> Wanted:
    """Raises NftError with all that is wrong with the options."""
    problems = []
    if not _NAME.fullmatch(options["name"]):
        problems.append(f"name: '{options['name']}' is not made of lower-case letters, digits and single dashes")
    tables = [" ".join(text.split()) for text in options["tables"]]
    if not tables:
        problems.append("tables: there has to be one")
    for index, table in enumerate(tables):
        family, dummy, name = table.partition(" ")
        if family not in _FAMILIES or not _TABLE.fullmatch(name):
            problems.append(f"tables[{index}]: '{table}' is not a family ({', '.join(_FAMILIES)}) and a table's name")
        elif table in tables[:index]:
            problems.append(f"tables[{index}]: '{table}' stands here twice")
    rules, description = None, ""
    if options["state"] == "present":
        rules = options["rules"] if options["rules"].endswith("\n") else f"{options['rules']}\n"
        description = options["description"]
        if not description.strip() or not description.isprintable() or set(description) & set("%\\"):
            problems.append(f"description: {description!r} is not one line without '%' and '\\'")
        if not problems:
            problems = problems_of(rules, tables)
    if problems:
        raise NftError("; ".join(problems))
    return Wanted(options["name"], tuple(tables), rules, description)


def problems_of(rules: str, tables: Sequence[str]) -> list[str]:
    """What of the rules is outside of the listed tables, or would pile up when they are loaded again."""
    problems = []
    there = dict.fromkeys(tables, False)
    replaced = dict.fromkeys(tables, False)
    for command in outermost(rules):
        words = command.split()
        verb = words.pop(0) if words[0] in _VERBS else "add"
        table = " ".join(words[1:3])
        if not words or words[0] not in _OBJECTS or table not in there:
            problems.append(f"rules: '{command}' is about none of the tables {', '.join(map(repr, tables))}")
        elif words[0] == "table":
            there[table] = verb not in ("delete", "destroy")
            replaced[table] |= verb in ("delete", "destroy", "flush")
    if problems:
        return problems
    for table in tables:
        if not there[table]:
            problems.append(f"rules: they do not make the table '{table}'")
        elif not replaced[table]:
            problems.append(
                f"rules: loaded again, they would add to the table '{table}'; begin with `table {table}` and "
                f"`delete table {table}`"
            )
    return problems


def outermost(rules: str) -> Iterator[str]:
    """The commands of a file of rules, of each what stands before its braces."""
    depth, head = 0, ""
    # quoted texts, comments and continued lines first, since braces in them are none
    for piece in re.findall(r'"[^"\n]*"|#[^\n]*|\\\n|[{}\n;]|[^"#\\{}\n;]+|.', rules):
        if piece.startswith("#"):
            continue
        if piece == "{":
            if depth == 0 and head.strip():
                yield " ".join(head.split())
            depth, head = depth + 1, ""
        elif piece == "}":
            depth -= 1
        elif depth == 0 and piece in ("\n", ";"):
            if head.strip():
                yield " ".join(head.split())
            head = ""
        elif depth == 0:
            head += " " if piece == "\\\n" else piece
    if depth == 0 and head.strip():
        yield " ".join(head.split())


def render_unit(wanted: Wanted) -> str:
    """
    Loaded before any interface is up, and after nftables.service, which flushes everything. Without the default
    dependencies: with them it would have to wait for what itself may wait for the network (cloud-init). Stopped, the
    rules stay: what they are for goes on.
    """
    return (
        "# Written by the Ansible collection routed.fabric (module nft_rules).\n"
        "# Do not edit: the next run puts this file back.\n"
        f"[Unit]\nDescription={wanted.description} (routed.fabric)\n"
        "DefaultDependencies=no\nAfter=local-fs.target systemd-modules-load.service nftables.service\n"
        "Before=network-pre.target shutdown.target\nWants=network-pre.target\nConflicts=shutdown.target\n"
        "\n[Service]\nType=oneshot\nRemainAfterExit=yes\n"
        f"{_exec_start(wanted)}"
        "\n[Install]\nWantedBy=multi-user.target\n"
    )


def _exec_start(wanted: Wanted) -> str:
    return f"ExecStart=/usr/sbin/nft -f {wanted.path}\n"


def difference(got: Got, wanted: Wanted) -> Plan:
    present = wanted.rules is not None
    texts = {wanted.path: wanted.rules, wanted.unit_path: render_unit(wanted) if present else None}
    files = [FileChange(path, got.texts[path], text) for path, text in texts.items() if got.texts[path] != text]
    loaded = [table for table in wanted.tables if table in got.tables]
    # Somebody may have flushed all rules; the unit would still count as active.
    load = present and (len(loaded) < len(wanted.tables) or any(change.path == wanted.path for change in files))
    return Plan(
        files,
        load,
        [] if present else loaded,
        None if got.enabled == present else present,
        None if got.active in (None, present) else present,
    )


def refusal(rc: int, words: str) -> str:
    """What nft says, without its picture of the line."""
    lines = [line for line in words.splitlines() if line.strip()]
    match = next((found for found in map(_REFUSED.match, lines) if found), None)
    return f"line {match.group(1)}: {match.group(2)}" if match else " ".join(lines[:1]) or f"exit code {rc}"


class NftRules:
    """One run: read, compare, and write what differs. `root` stands before every path, for tests."""

    def __init__(self, module: AnsibleModule, root: str = "") -> None:
        self._module = module
        self._root = root
        self._files = Files(module.atomic_move, module.tmpdir)
        self._program: str | None = module.get_bin_path("nft")
        self._undo: list[Callable[[], None]] = []

    def run(self) -> dict[str, Any]:
        self._wanted = wanted = wanted_of(self._module.params)
        got = self._read()
        self._refuse(got)
        plan = difference(got, wanted)
        self._running = got.active is not None
        if plan.load and self._program:
            self._try_out()
        before, after = self._shown(got), self._shown_after(got)
        commands = self._commands(plan)
        if plan and not self._module.check_mode:
            self._apply(plan, got)
        return {
            "changed": bool(plan),
            "before": before,
            "after": after,
            "commands": commands,
            **({"diff": _diff(wanted, before, after, plan.files)} if self._module._diff else {}),
        }

    def _read(self) -> Got:
        wanted = self._wanted
        active = None
        if self._files.exists(f"{self._root}/run/systemd/system"):
            active = self._module.run_command(["systemctl", "is-active", "--quiet", wanted.unit])[0] == 0
        return Got(
            {path: self._files.read(f"{self._root}{path}") for path in (wanted.path, wanted.unit_path)},
            self._loaded(),
            Path(f"{self._root}{wanted.enabled_path}").is_symlink(),
            active,
        )

    def _loaded(self) -> frozenset[str]:
        if self._program is None:
            return frozenset()
        lines = self._nft("list", "tables").splitlines()
        return frozenset(" ".join(line.split()[1:3]) for line in lines if line.startswith("table "))

    def _refuse(self, got: Got) -> None:
        wanted = self._wanted
        unit = got.texts[wanted.unit_path]
        if unit is not None and _exec_start(wanted) not in unit:
            raise NftError(f"name: {wanted.unit_path} is there and does not load {wanted.path}; take another name")
        if wanted.rules is None:
            return
        if not self._files.exists(f"{self._root}/usr/bin/systemctl"):
            raise NftError("there is no systemd on this node, which loads the rules after a reboot")
        # In check mode the package may be one that an earlier task would install.
        if self._program is None and not self._module.check_mode:
            raise NftError("there is no nft on this node; install the package nftables")

    def _try_out(self) -> None:
        rc, out, err = self._run_nft("-c", "-f", "-", data=self._wanted.rules)
        if rc != 0:
            raise NftError(
                f"rules: nft refuses them for {self._wanted.path}: {refusal(rc, err or out)}; nothing was changed"
            )

    def _apply(self, plan: Plan, got: Got) -> None:
        try:
            former = {table: self._nft("list", "table", *table.split()) for table in self._listed(got)}
            if self._reloads(plan):
                self._undo.append(lambda: self._systemctl("daemon-reload"))
            if self._wanted.rules is None:
                self._remove(plan, former)
            else:
                self._bring(plan, former)
            left = difference(self._read(), self._wanted)
            if left:
                raise NftError(f"all of it went well, but this is still to do: {self._commands(left)[0]}")
        except (NftError, IpError) as exc:
            raise NftError(f"{exc}; {self._undone()}") from exc

    def _bring(self, plan: Plan, former: Mapping[str, str]) -> None:
        self._write(plan)
        unit = self._wanted.unit
        if plan.active:
            # It loads them. It may have done so and be refused nevertheless.
            self._undo += [lambda: self._put_back(former), lambda: self._systemctl("stop", unit)]
            self._systemctl("start", unit)
        elif plan.load:
            self._nft("-f", f"{self._root}{self._wanted.path}")
            self._undo.append(lambda: self._put_back(former))
        if plan.enable:
            self._systemctl("enable", unit)
            self._undo.append(lambda: self._systemctl("disable", unit))

    def _remove(self, plan: Plan, former: Mapping[str, str]) -> None:
        unit = self._wanted.unit
        if plan.active is False:
            self._systemctl("stop", unit)
            self._undo.append(lambda: self._systemctl("start", unit))
        if plan.enable is False:
            self._systemctl("disable", unit)
            self._undo.append(lambda: self._systemctl("enable", unit))
        if plan.delete:
            self._nft("-f", "-", data="".join(f"delete table {table}\n" for table in plan.delete))
            self._undo.append(lambda: self._put_back(former))
        self._write(plan)

    def _write(self, plan: Plan) -> None:
        for change in plan.files:
            self._undo.append(lambda change=change: self._files.write(f"{self._root}{change.path}", change.before))  # type: ignore[misc]
            self._files.write(f"{self._root}{change.path}", change.after)
        if self._reloads(plan):
            self._systemctl("daemon-reload")

    def _put_back(self, former: Mapping[str, str]) -> None:
        gone = "".join(f"table {table}\ndelete table {table}\n" for table in self._wanted.tables)
        self._nft("-f", "-", data=gone + "".join(former.values()))

    def _undone(self) -> str:
        refused = []
        for action in reversed(self._undo):
            try:
                action()
            except (NftError, IpError) as exc:
                refused.append(str(exc))
        return f"could not be undone: {'; '.join(refused)}" if refused else "everything is as it was before"

    def _reloads(self, plan: Plan) -> bool:
        return self._running and any(change.path == self._wanted.unit_path for change in plan.files)

    def _listed(self, got: Got) -> list[str]:
        return [table for table in self._wanted.tables if table in got.tables]

    def _commands(self, plan: Plan) -> list[str]:
        unit = self._wanted.unit
        files = [f"{'remove' if change.after is None else 'write'} {change.path}" for change in plan.files]
        reload = ["systemctl daemon-reload"] if self._reloads(plan) else []
        if self._wanted.rules is None:
            return [
                *([f"systemctl stop {unit}"] if plan.active is False else []),
                *([f"systemctl disable {unit}"] if plan.enable is False else []),
                *(f"nft delete table {table}" for table in plan.delete),
                *files,
                *reload,
            ]
        load = f"nft -f {self._wanted.path}"
        return [
            *files,
            *reload,
            *([f"systemctl start {unit}"] if plan.active else [load] if plan.load else []),
            *([f"systemctl enable {unit}"] if plan.enable else []),
        ]

    def _shown(self, got: Got) -> dict[str, Any]:
        return {"tables": self._listed(got), "enabled": got.enabled, "active": got.active}

    def _shown_after(self, got: Got) -> dict[str, Any]:
        present = self._wanted.rules is not None
        return {
            "tables": list(self._wanted.tables) if present else [],
            "enabled": present,
            "active": None if got.active is None else present,
        }

    def _run_nft(self, *words: str, data: str | None = None) -> tuple[int, str, str]:
        done: tuple[int, str, str] = self._module.run_command(
            [str(self._program), *words], data=data, environ_update={"LC_ALL": "C"}
        )
        return done

    def _nft(self, *words: str, data: str | None = None) -> str:
        rc, out, err = self._run_nft(*words, data=data)
        if rc != 0:
            raise NftError(f"`nft {' '.join(words)}` failed: {refusal(rc, err or out)}")
        return out

    def _systemctl(self, *words: str) -> None:
        rc, out, err = self._module.run_command(["systemctl", *words])
        if rc != 0:
            raise NftError(f"`systemctl {' '.join(words)}` failed: {(err or out).strip()}")


def _diff(
    wanted: Wanted, before: Mapping[str, Any], after: Mapping[str, Any], files: Sequence[FileChange]
) -> list[dict[str, str]]:
    def text(state: Mapping[str, Any]) -> str:
        lines = [f"table {table}" for table in state["tables"]]
        lines += [f"{wanted.unit} {word}" for word in ("enabled", "active") if state[word]]
        return "".join(f"{line}\n" for line in lines)

    rows = [("what is loaded", text(before), text(after)), *((path, old or "", new or "") for path, old, new in files)]
    return [
        {"before_header": name, "after_header": name, "before": old, "after": new}
        for name, old, new in rows
        if old != new
    ]
