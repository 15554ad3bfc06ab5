# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""One run of ceph_network: read, check, plan, and write or roll."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.routed.fabric.plugins.module_utils._ceph import _node, _plan, _wanted
from ansible_collections.routed.fabric.plugins.module_utils._ceph._cluster import Cluster, Member, daemons
from ansible_collections.routed.fabric.plugins.module_utils._ceph._conf import Conf
from ansible_collections.routed.fabric.plugins.module_utils._ceph._errors import CephError
from ansible_collections.routed.fabric.plugins.module_utils._ceph._file import File
from ansible_collections.routed.fabric.plugins.module_utils._ceph._rolling import Rolling


class Work(NamedTuple):
    """A change: the file before and after, and what it means for daemons that run."""

    before: Conf
    after: Conf
    moving: tuple[_plan.Move, ...]
    restarts: tuple[tuple[str, tuple[str, ...]], ...]


class Network:
    """The state of one node, and the way from it to the wanted one."""

    def __init__(self, module: Any, root: str = "/") -> None:
        self._module = module
        self._params: dict[str, Any] = module.params
        self._file = File(module, self._params["path"])
        self._cluster = Cluster(self._command, self._params["path"])
        self._daemons = daemons(root)

    def run(self) -> dict[str, Any]:
        wanted = _wanted.wanted_network(self._params)
        text = self._file.read()
        before = Conf(text or "", self._file.path)
        if self._params["state"] == "gathered":
            return self._result(Work(before, before, (), ()), {}, self._monmap([]))
        pure = Conf(text or "", self._file.path)
        _wanted.apply(pure, wanted)
        values = _wanted.effective(pure, "global")
        picked = self._check(pure, wanted, values)
        monmap = self._monmap([str(a) for a in _wanted.host_addresses(values.get("mon_host") or "", "mon_host")])
        vectors = {m.name: _wanted.vector(m.address) for m in wanted.monitors}
        moving = _plan.moves(wanted.monitors, monmap, vectors) if monmap else ()
        restarts = _plan.restarts(before, pure, self._daemons)
        if monmap and not restarts:
            restarts = _plan.misplaced(pure, self._cluster.osd_addresses(), self._daemons)
        after = self._written(before, pure, moving)
        work = Work(before, after, tuple(moving), restarts)
        result = self._result(work, picked, monmap)
        if monmap:
            _plan.check_mon_host(values, monmap, moving)
            _plan.check_database(self._cluster.config(), wanted, pure)
        elif before.text != pure.text and self._daemons:
            raise CephError(
                f"this node has {', '.join(self._daemons)}, and no monitor answers, so nobody can say what a change of "
                f"{self._file.path} would do; bring the cluster up first"
            )
        return self._change(work, result)

    def _written(self, before: Conf, pure: Conf, moving: Sequence[_plan.Move]) -> Conf:
        """What is written now: as long as monitors have to move, their former addresses stay beside the new ones."""
        mode = self._params["readdress"]
        if mode == "refuse" or (mode == "rolling" and not moving):
            return pure
        after = Conf((before if mode == "prepare" else pure).text, self._file.path)
        if moving and self._params["mon_host"] is not None:
            after.set("global", "mon_host", _plan.on_the_way(after.get("global", "mon_host"), moving))
        return after

    def _check(self, after: Conf, wanted: _wanted.Wanted, values: _wanted.Values) -> dict[str, str]:
        """The node, whatever the cluster says."""
        _wanted.check_families(values, wanted.monitors, "")
        _wanted.check_monitors(values, wanted.monitors)
        links = self._json("ip", "-j", "address", "show")
        local = _node.local_addresses(links)
        picked = _node.check_address(values, local)
        for section in wanted.sections:
            if section != "global" and self._concerns(section):
                own = _wanted.effective(after, section)
                _wanted.check_families(own, (), f"[{section}] ")
                _node.check_address(own, local, f"[{section}] ")
        routes = [*self._json("ip", "-4", "-j", "route", "show"), *self._json("ip", "-6", "-j", "route", "show")]
        mtus = {link["ifname"]: int(link["mtu"]) for link in links}
        targets = [m.address for m in wanted.monitors]
        targets += _wanted.host_addresses(values.get("mon_host") or "", "mon_host")
        for target in dict.fromkeys(targets):
            family = [r for r in routes if _version(r, target.version)]
            _node.check_route(target, family, mtus, wanted.mtu, local)
        return picked

    def _concerns(self, section: str) -> bool:
        """Whether a section is of this node: that of one daemon may be another node's."""
        return "." not in section or section in self._daemons or section == f"mon.{self._params['monitor']}"

    def _monmap(self, hosts: Sequence[str]) -> list[Member]:
        """Empty where no cluster answers. Where the file leads nowhere, the wanted addresses are tried."""
        if not self._daemons and not Path("/etc/ceph/ceph.client.admin.keyring").exists():
            return []
        for cluster in [self._cluster, *([self._cluster.at(hosts)] if hosts else [])]:
            with contextlib.suppress(CephError, ValueError):
                monmap = cluster.monmap()
                self._cluster = cluster
                return monmap
        return []

    def _change(self, work: Work, result: dict[str, Any]) -> dict[str, Any]:
        before, after, moving, restarts = work
        own = next((move for move in moving if move.name == self._params["monitor"]), None)
        rolling = self._params["readdress"] == "rolling"
        if self._params["readdress"] == "prepare":
            return self._prepare(work, own, result)
        if moving and not rolling:
            listed = ", ".join(f"{m.name} from {m.before} to {m.after}" for m in moving)
            raise CephError(
                f"monitors have to move: {listed}; say readdress: rolling for that, one node after the other "
                "(check mode shows the plan)"
            )
        result["changed"] = before.text != after.text or own is not None or (rolling and bool(restarts))
        writes = [f"write {self._file.path}"] if before.text != after.text else []
        if restarts and not rolling:
            self._module.warn(
                f"{', '.join(daemon for daemon, dummy in restarts)} keep their former addresses until they restart; "
                "readdress: rolling restarts them one at a time"
            )
        if not result["changed"]:
            return result
        if self._module.check_mode:
            result["commands"] = result["plan"]["order"] if rolling and (own or restarts) else writes
            return result
        if rolling and (own or restarts):
            roll = Rolling(self._cluster, self._params["deadline_s"], lambda: self._file.write(after.text))
            roll.run(own, [daemon for daemon, dummy in restarts])
            result["commands"] = roll.commands
            return result
        self._file.write(after.text)
        result["commands"] = writes
        return result

    def _prepare(self, work: Work, own: _plan.Move | None, result: dict[str, Any]) -> dict[str, Any]:
        """mon_host alone, and only where the change could begin now."""
        result["changed"] = work.before.text != work.after.text
        if result["changed"]:
            Rolling(self._cluster, 0, lambda: None).check(own)
            result["commands"] = [f"write {self._file.path}"]
            if not self._module.check_mode:
                self._file.write(work.after.text)
        return result

    def _result(self, work: Work, picked: dict[str, str], monmap: Sequence[Member]) -> dict[str, Any]:
        before, after, moving, restarts = work
        health = self._cluster.health() if monmap else None
        plan = _plan.Plan(
            moving,
            restarts,
            tuple(m.name for m in monmap),
            health.quorum if health else (),
        )
        return {
            "changed": False,
            "before": _owned(before),
            "after": _owned(after),
            "commands": [],
            "addresses": picked,
            "daemons": self._daemons,
            "cluster": {"answers": bool(monmap), "monitors": {m.name: m.vector for m in monmap}},
            "plan": plan.as_data(self._params["monitor"] or ""),
            "diff": {
                "before_header": self._file.path,
                "after_header": self._file.path,
                "before": before.masked,
                "after": after.masked,
            },
        }

    def _command(self, argv: Sequence[str]) -> tuple[int, str, str]:
        try:
            rc, out, err = self._module.run_command(
                list(argv), environ_update={"LC_ALL": "C.UTF-8"}, handle_exceptions=False
            )
        except OSError as exc:
            return 127, "", f"{argv[0]}: {exc.strerror}"
        return rc, out, err

    def _json(self, *argv: str) -> list[dict[str, Any]]:
        rc, out, err = self._command(argv)
        if rc != 0:
            raise CephError(f"`{' '.join(argv)}` failed: {err.strip()}")
        return [entry for entry in json.loads(out or "[]") if entry]


def _owned(conf: Conf) -> dict[str, dict[str, str]]:
    found = {}
    for section in conf.sections():
        values = {key: value for key, value in conf.options(section).items() if key in _wanted.OWNED}
        if values:
            found[section] = values
    return found


def _version(route: dict[str, Any], version: int) -> bool:
    """A default route has no address of its own: it is told by its gateway."""
    texts = [route.get("dst", ""), route.get("gateway", ""), route.get("via", {}).get("host", "")]
    for hop in route.get("nexthops", []):
        texts += [hop.get("gateway", ""), hop.get("via", {}).get("host", "")]
    destination = texts[0] if texts[0] != "default" else ""
    six = ":" in destination if destination else any(":" in text for text in texts)
    return six == (version == 6)
