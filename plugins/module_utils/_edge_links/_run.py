# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""One run of edge_links: read with one dump, compare, write with one batch, undo when refused."""

from __future__ import annotations

import os
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.routed.fabric.plugins.module_utils._edge_links._model import (
    Change,
    Link,
    describe,
    difference,
    foreign,
    got_of,
    missing,
    render_batch,
    wanted_of,
)
from ansible_collections.routed.fabric.plugins.module_utils._ip import _sysctl
from ansible_collections.routed.fabric.plugins.module_utils._ip._files import Files
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import BatchError, Ip, IpError, Sysctl

BATCH = "/etc/routed-fabric/edge-links.batch"
SYSCTL = "/etc/sysctl.d/92-routed-fabric-edge.conf"
SERVICE = "fabric-edge-links.service"
UNIT = f"/etc/systemd/system/{SERVICE}"
ENABLED = f"/etc/systemd/system/multi-user.target.wants/{SERVICE}"
_HEADER = (
    "# Written by the Ansible collection routed.fabric (module edge_links).\n"
    "# Do not edit: the next run puts this file back.\n"
)
# What is there already is refused line by line, which says nothing.
_UNIT_TEXT = f"""{_HEADER}
[Unit]
Description=Tunnels and device ports of this edge router
After=network-pre.target networking.service systemd-networkd.service
Before=fabric-host-routes.service frr.service routed-guests.service
ConditionPathExists={BATCH}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=-ip -force -batch {BATCH}
ExecStart=-/usr/lib/systemd/systemd-sysctl {SYSCTL}

[Install]
WantedBy=multi-user.target
"""


class EdgeLinks:
    """One run."""

    def __init__(self, module: AnsibleModule) -> None:
        self._wanted = wanted_of(module.params)
        self._sysctls = _sysctl.normalise(module.params["sysctl"])
        self._persist: bool = module.params["persist"]
        self._check_mode: bool = module.check_mode
        self._run_command: Callable[..., tuple[int, str, str]] = module.run_command
        self._ip = Ip(lambda argv, stdin: module.run_command(argv, data=stdin))
        self._sysctl = Sysctl()
        self._files = Files(module.atomic_move, module.tmpdir)

    def run(self) -> dict[str, Any]:
        got = self._read()
        problems = foreign(self._wanted, got)
        late = missing(self._wanted, got)
        if problems or (late and not self._check_mode):
            raise IpError("; ".join(problems or late))
        changes = [] if late else difference(self._wanted, got)
        before = self._state(got)
        files = self._file_changes()
        enable = self._enable()
        done = [f"ip {change.command}" for change in changes]
        if not self._check_mode:
            done += self._apply(changes, files, enable)
        else:
            done += [f"sysctl {_sysctl.key_of(d.path)}={d.after}" for d in self._drifts()]
            done += [f"{'remove' if text is None else 'write'} {path}" for path, text in files.items()]
            done += [] if enable is None else [f"systemctl {'enable' if enable else 'disable'} {SERVICE}"]
        after = before if self._check_mode else self._state(self._read())
        return {
            "changed": bool(done) or bool(late),
            "before": before,
            "after": after,
            "commands": done,
            "pending": late,
            "diff": {
                "before_header": "edge links",
                "after_header": "edge links",
                "before": _lines(before),
                "after": _lines(after) if not self._check_mode else _lines(before) + "".join(f"{c}\n" for c in done),
            },
        }

    def _read(self) -> dict[str, Link]:
        return got_of(self._ip.dump())

    def _state(self, got: dict[str, Link]) -> dict[str, Any]:
        values = {_sysctl.key_of(p): v for p in sorted(self._sysctls) if (v := self._sysctl.read(p)) is not None}
        return {"links": describe(self._wanted, got), "sysctl": values}

    def _drifts(self) -> list[_sysctl.Drift]:
        return _sysctl.drifts(self._sysctls, {path: self._sysctl.read(path) for path in self._sysctls})

    def _file_changes(self) -> dict[str, str | None]:
        if not self._persist:
            return {}
        lines = render_batch(self._wanted)
        gone = not lines and not self._sysctls
        keys = "".join(f"{_sysctl.key_of(p)} = {self._sysctls[p]}\n" for p in _sysctl.in_order(self._sysctls))
        texts = {
            BATCH: None if gone else _HEADER + "".join(f"{line}\n" for line in lines),
            SYSCTL: None if gone else _HEADER + keys,
            UNIT: None if gone else _UNIT_TEXT,
        }
        return {path: text for path, text in texts.items() if self._files.read(path) != text}

    def _enable(self) -> bool | None:
        if not self._persist:
            return None
        wanted = bool(self._wanted.ports or self._wanted.tunnels or self._sysctls)
        return None if os.path.lexists(ENABLED) == wanted else wanted

    def _apply(self, changes: list[Change], files: dict[str, str | None], enable: bool | None) -> list[str]:
        """All of it or nothing; what was done beside the links."""
        done: list[str] = []
        undo: list[Callable[[], None]] = []
        try:
            self._batch(changes, undo)
            for drift in self._drifts():  # those of new interfaces are there only now
                self._sysctl.write(drift.path, drift.after)
                undo.append(lambda drift=drift: self._sysctl.write(drift.path, drift.before))  # type: ignore[misc]
                done.append(f"sysctl {_sysctl.key_of(drift.path)}={drift.after}")
            left = difference(self._wanted, self._read())
            if left:
                raise IpError(f"the kernel took the commands, but this is still to do: ip {left[0].command}")
            if enable is False:
                self._systemctl("disable", SERVICE)
                undo.append(lambda: self._systemctl("enable", SERVICE))
            for path, text in files.items():
                former = self._files.read(path)
                self._files.write(path, text)
                undo.append(lambda path=path, former=former: self._files.write(path, former))  # type: ignore[misc]
                done.append(f"{'remove' if text is None else 'write'} {path}")
            if UNIT in files and self._files.exists("/run/systemd/system"):
                self._systemctl("daemon-reload")
            if enable:
                self._systemctl("enable", SERVICE)
            if enable is not None:
                done.append(f"systemctl {'enable' if enable else 'disable'} {SERVICE}")
        except IpError as exc:
            refused = []
            for action in reversed(undo):
                try:
                    action()
                except IpError as second:
                    refused.append(str(second))
            outcome = f"could not be undone: {'; '.join(refused)}" if refused else "everything is as it was before"
            raise IpError(f"{exc}; {outcome}") from exc
        return done

    def _batch(self, changes: list[Change], undo: list[Callable[[], None]]) -> None:
        count = len(changes)
        try:
            self._ip.batch([change.command for change in changes])
        except BatchError as exc:
            count = exc.done
            raise
        finally:
            inverses = [line for change in reversed(changes[:count]) for line in change.inverse]
            undo.append(lambda: self._ip.batch(inverses, "-force"))

    def _systemctl(self, *words: str) -> None:
        rc, out, err = self._run_command(["systemctl", *words])
        if rc != 0:
            raise IpError(f"`systemctl {' '.join(words)}` failed: {(err or out).strip()}")


def _lines(state: dict[str, Any]) -> str:
    lines = [f"{name} {' '.join(f'{k}={v}' for k, v in entry.items())}\n" for name, entry in state["links"].items()]
    return "".join(lines + [f"{key} = {value}\n" for key, value in state["sysctl"].items()])
