# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module's way through a call. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.routed.fabric.plugins.module_utils._frr import _apply, _forwarding, _node, _saved
from ansible_collections.routed.fabric.plugins.module_utils._frr._argspec import argument_spec
from ansible_collections.routed.fabric.plugins.module_utils._frr._errors import FrrError
from ansible_collections.routed.fabric.plugins.module_utils._frr._gather import gather
from ansible_collections.routed.fabric.plugins.module_utils._frr._render import render
from ansible_collections.routed.fabric.plugins.module_utils._frr._scope import completed, owned
from ansible_collections.routed.fabric.plugins.module_utils._frr._secrets import mask, mask_data, mask_pair
from ansible_collections.routed.fabric.plugins.module_utils._frr._tree import Line, parse, unparse
from ansible_collections.routed.fabric.plugins.module_utils._frr._validate import validate
from ansible_collections.routed.fabric.plugins.module_utils._frr._vtysh import Vtysh

NEWEST = ((10, 3), "datacenter")


class Call:
    """One call of the module."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.state: str = module.params["state"]
        self.config: dict[str, Any] = without_unset(module.params["config"] or {})
        self.forwarding: dict[str, bool] = self.config.get("forwarding") or {}
        self.prefix: str = module.params["name_prefix"]
        self.vtysh = Vtysh(module.run_command, tmpdir=module.tmpdir)
        self.warnings: list[str] = []

    def run(self) -> dict[str, Any]:
        if self.state == "parsed":
            node = _apply.read_node(self.module.params["running_config"] or "")
            return {"changed": False, "parsed": mask_data(gather(node.lines, node.version, node.profile))}
        if self.state == "rendered":
            validate(self.config, NEWEST[0])
            return {"changed": False, "rendered": self._rendered()}
        if self.state == "gathered":
            return {"changed": False, "gathered": self._gathered(self._read())}
        return self._change()

    def _rendered(self) -> str:
        raw = parse("\n".join(self.config.get("raw_lines") or ()))
        return mask(unparse([*_forwarding.lines(self.forwarding), *render(self.config, *NEWEST), *raw]))

    def _gathered(self, node: _apply.Node) -> Any:
        return mask_data(gather(node.lines, node.version, node.profile))

    def _read(self) -> _apply.Node:
        node = _apply.read_node(self.vtysh.read())
        if node.version not in _apply.SUPPORTED:
            known = " and ".join(f"{major}.{minor}" for major, minor in _apply.SUPPORTED)
            self.warnings.append(
                f"this node runs FRR {node.version[0]}.{node.version[1]}; routed.fabric is tested with {known} only"
            )
        return node

    def _change(self) -> dict[str, Any]:
        _node.check_owner()
        if self.state != "deleted":
            _node.check_neighbors(self.config, _node.own_addresses())
        if self.state not in ("deleted", "merged"):  # merged: half an object may be enough, the node has the other half
            validate(self.config, NEWEST[0])
        node = self._read()
        if self.module.params["save"] and ((), "no service integrated-vtysh-config") in node.lines:
            raise FrrError(
                "this node keeps one file per daemon (no service integrated-vtysh-config): "
                "set `service integrated-vtysh-config` in /etc/frr/vtysh.conf, or call with save: false"
            )
        plan = self._plan(node)
        after = node
        if plan.commands and not self.module.check_mode:
            after, warnings = _apply.apply_plan(plan, self.vtysh)
            self.warnings += warnings
        # deleted: the kernel keeps what it has, and the file says nothing of it any more
        switches = _forwarding.commands(node.lines, self.forwarding) if self.state != "deleted" else []
        if switches and not self.module.check_mode:
            after = _apply.switch(switches, plan, self.vtysh)
        renewal = _apply.renewal(plan) if self.module.params["renew_protocol_route_maps"] else []
        if renewal and not self.module.check_mode:
            _apply.renew(renewal, self.vtysh)
        saved_changed, saved_before, saved_after = self._save(plan, after, switches)
        return self._result(plan, [*renewal, *switches], saved_changed, saved_before, saved_after)

    def _plan(self, node: _apply.Node) -> _apply.Plan:
        config = self.config
        if self.state == "merged":
            config = completed(config, gather(node.lines, node.version, node.profile))
        plan = _apply.make_plan(node, config, self.state, self.prefix)
        if self.state != "deleted":
            stays = [line for line in node.lines if self.state == "merged" or not plan.ours(line)]
            validate(config, node.version, gather(stays, node.version, node.profile))
        return plan

    def _save(self, plan: _apply.Plan, after: _apply.Node, switches: list[Line]) -> tuple[bool, str, str]:
        """Bring the file up to date. In check mode, what is there now stands for what will be."""
        if not self.module.params["save"]:
            return False, "", ""
        saved = self.vtysh.saved()
        wanted = dict.fromkeys(self.forwarding, True) if self.state == "deleted" else self.forwarding
        stale = _saved.is_stale(saved, after, plan.ours) or _forwarding.in_file(saved or "", wanted) != (saved or "")
        if not (plan.commands and self.module.check_mode) and not stale:
            return False, "", ""
        text = _forwarding.in_file(_saved.file_text(saved, after, plan.ours), wanted)
        if not self.module.check_mode:
            try:
                self.vtysh.save(text)
            except FrrError as exc:
                _apply.renew(_forwarding.back(switches), self.vtysh)
                raise FrrError(f"{exc}; {_apply.undo_plan(plan, after, self.vtysh)}") from exc
        return True, self._ours_of(saved or "", plan), self._ours_of(text, plan)

    def _ours_of(self, text: str, plan: _apply.Plan) -> str:
        found = parse(text)
        switched = _forwarding.lines(_forwarding.state(found, self.forwarding))
        return _text([*switched, *plan.node.canonical(owned(found, plan.ours))])

    def _result(
        self, plan: _apply.Plan, more: list[Line], saved: bool, saved_before: str, saved_after: str
    ) -> dict[str, Any]:
        node = plan.node
        commands = [mask(line) for line in unparse([*plan.commands, *more]).splitlines()]
        there = _forwarding.state(node.lines, self.forwarding)
        then = there if self.state == "deleted" else self.forwarding
        result: dict[str, Any] = {
            "changed": bool(plan.commands or more) or saved,
            "before": mask_data(gather(plan.got, node.version, node.profile)),
            "after": mask_data(gather(plan.wanted, node.version, node.profile)),
            "commands": commands,
            "saved": saved,
        }
        if self.forwarding:
            result["before"]["forwarding"], result["after"]["forwarding"] = there, dict(then)
        if plan.commands or there != then:
            before, after = mask_pair(
                _text([*_forwarding.lines(there), *plan.got]), _text([*_forwarding.lines(then), *plan.wanted])
            )
            what = "running configuration (lines of this module)"
        else:
            before, after = mask_pair(saved_before, saved_after)
            what = f"{self.vtysh.config_file} (lines of this module)"
        if before != after:
            result["diff"] = {"before": before, "after": after, "before_header": what, "after_header": what}
        return result


def _text(lines: list[Line]) -> str:
    return unparse(sorted(lines, key=lambda line: (line[0] or (line[1],))[0]))


def without_unset(value: Any) -> Any:
    """Options that were not given are absent, however deep they stand."""
    if isinstance(value, Mapping):
        return {key: without_unset(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_unset(item) for item in value]
    return value


def run_module(module: AnsibleModule | None = None) -> None:
    """The whole of main()."""
    module = module or AnsibleModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        required_if=[("state", "parsed", ["running_config"]), ("state", "rendered", ["config"])],
    )
    call = Call(module)
    try:
        result = call.run()
    except FrrError as exc:
        module.fail_json(msg=mask(str(exc)))
    for warning in call.warnings:
        module.warn(warning)
    module.exit_json(**result)
