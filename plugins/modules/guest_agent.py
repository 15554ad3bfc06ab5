#!/usr/bin/python
# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: guest_agent
short_description: The agent of routed guests, its configuration and its services
version_added: 0.2.0
description:
  - Installs the agent C(routed-guests), which follows Proxmox and keeps the guests' routes, neighbours and firewall
    sets, with its configuration and its systemd units, and sees to it that they run.
  - A new configuration is tried with the agent's own C(check) before anything is restarted. If a service does not come
    up, the former files are put back and started again.
  - The agent is restarted only where its code, its unit or its configuration changed; its routes stay meanwhile. The
    firewall is reloaded in one transaction.
author:
  - The routed.fabric contributors (@routed)
requirements:
  - systemd
  - python3-pyroute2 and nftables for the agent itself, on Proxmox nodes
options:
  code:
    description:
      - The files of the Python package, name to text.
      - They are written to F(/usr/local/lib/routed-guests/routed_guests), and other Python files there are removed.
    type: dict
    required: true
  entry:
    description: The text of F(/usr/local/sbin/routed-guests).
    type: str
    required: true
  units:
    description:
      - The systemd units, name to text. These are C(routed-guests.service), C(fabric-guests-firewall.service) and, with
        O(dhcp), C(fabric-guests-dhcp.service).
    type: dict
    required: true
  config:
    description: The agent's configuration, for F(/etc/routed-guests/config.json).
    type: dict
    required: true
  dhcp:
    description:
      - The configuration of dnsmasq, for F(/etc/routed-guests/dnsmasq.conf).
      - Without it there is no DHCP service, and one from an earlier run is removed.
    type: str
  firewall:
    description:
      - Whether the agent has the firewall of routed guests beside it. On an edge router it has none.
      - With V(false), one from an earlier run stays as it is.
    type: bool
    default: true
    version_added: 0.3.0
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying the target.
    support: full
  diff_mode:
    description: Will return details on what has changed when in diff mode.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: The agent
  routed.fabric.guest_agent:
    code: "{{ routed_guests_code }}"
    entry: "{{ lookup('ansible.builtin.file', 'routed-guests') }}"
    units: "{{ routed_guests_units }}"
    config: "{{ fabric_node.guests.agent }}"
"""

RETURN = r"""
before:
  description: The services before, and the files that differ with their former digests.
  returned: always
  type: dict
  sample: {"files": {}, "services": {"routed-guests.service": "inactive, disabled"}}
after:
  description: The same afterwards, or as it would be in check mode.
  returned: always
  type: dict
commands:
  description: What was done, or would be done in check mode.
  returned: always
  type: list
  elements: str
  sample: ["write /etc/routed-guests/config.json", "systemctl restart routed-guests.service"]
"""

import hashlib
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.routed.fabric.plugins.module_utils import _guest_agent as guest_agent
from ansible_collections.routed.fabric.plugins.module_utils._guest_agent import Action, GuestAgentError, WantedFile
from ansible_collections.routed.fabric.plugins.module_utils._ip._files import Files
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError

# path → (former text, wanted file)
Changes = dict[str, "tuple[str | None, WantedFile]"]
_UNITS = (guest_agent.FIREWALL, guest_agent.AGENT, guest_agent.DHCP)


class GuestAgent:
    """One run: read, compare, write what differs, and have the services run with it."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._files = Files(module.atomic_move, module.tmpdir)
        self._dhcp = bool(module.params["dhcp"])
        self._firewall: bool = module.params.get("firewall", True)
        self._units = _UNITS if self._firewall else (guest_agent.AGENT, guest_agent.DHCP)

    def run(self) -> dict[str, Any]:
        directory = Path(guest_agent.CODE)
        wanted = guest_agent.wanted_files(self._module.params, [path.name for path in directory.glob("*.py")])
        changes: Changes = {}
        modes = []
        for path, file in wanted.items():
            former = self._files.read(path)
            if former != file.text:
                changes[path] = (former, file)
            elif file.text is not None and Path(path).stat().st_mode & 0o777 != file.mode:
                modes.append(path)
        states = self._states()
        first = guest_agent.before_files(changes, self._dhcp, states)
        last = guest_agent.after_files([*changes, *modes], self._dhcp, states, self._firewall)
        before = self._described({path: former for path, (former, dummy) in changes.items()}, states)
        after = self._described(
            {path: file.text for path, (dummy, file) in changes.items()},
            {unit: guest_agent.UnitState(*[unit != guest_agent.DHCP or self._dhcp] * 2) for unit in self._units},
        )
        changed = bool(changes or modes or first or last)
        if changed and not self._module.check_mode:
            self._apply(changes, modes, wanted, first, last)
        return {
            "changed": changed,
            "before": before,
            "after": after,
            "commands": [
                *map(str, first),
                *(f"{'remove' if file.text is None else 'write'} {path}" for path, (dummy, file) in changes.items()),
                *(f"chmod {wanted[path].mode:o} {path}" for path in modes),
                *map(str, last),
            ],
            "diff": [
                {
                    "before_header": path,
                    "after_header": path,
                    "before": former or "",
                    "after": file.text or "",
                }
                for path, (former, file) in changes.items()
            ],
        }

    def _apply(
        self,
        changes: Changes,
        modes: list[str],
        wanted: dict[str, WantedFile],
        first: list[Action],
        last: list[Action],
    ) -> None:
        try:
            for action in first:
                self._systemctl(action)
            self._write({path: file for path, (dummy, file) in changes.items()})
            for path in modes:
                Path(path).chmod(wanted[path].mode)
            self._check(changes)
            for action in last:
                self._systemctl(action)
        except (GuestAgentError, IpError, OSError) as exc:
            raise GuestAgentError(f"{exc}; {self._undone(changes, wanted)}") from exc

    def _undone(self, changes: Changes, wanted: dict[str, WantedFile]) -> str:
        """Put the former files back and have the services run with them, where there was an agent before."""
        try:
            self._write({p: WantedFile(former, wanted[p].mode) for p, (former, dummy) in changes.items()})
            self._systemctl(Action("daemon-reload"))
            if changes.get(guest_agent.ENTRY, ("there",))[0] is not None:
                self._systemctl(Action("restart", guest_agent.AGENT))
        except (GuestAgentError, IpError) as exc:
            return f"could not be undone: {exc}"
        return "the former files are back"

    def _write(self, files: dict[str, WantedFile]) -> None:
        for path, file in files.items():
            self._files.write(path, file.text)
            if file.text is not None:
                Path(path).chmod(file.mode)

    def _check(self, changes: Changes) -> None:
        """The agent's own opinion on its configuration, before a service depends on it."""
        if not any(path == guest_agent.CONFIG or path.startswith(guest_agent.CODE) for path in changes):
            return
        rc, out, err = self._module.run_command([guest_agent.ENTRY, "check"])
        if rc != 0:
            raise GuestAgentError(f"config: `routed-guests check` says: {(err or out).strip()}")

    def _states(self) -> dict[str, guest_agent.UnitState]:
        rc, out, err = self._module.run_command(
            ["systemctl", "show", "--property=Id,ActiveState,UnitFileState", *self._units]
        )
        if rc != 0:
            raise GuestAgentError(f"`systemctl show` failed: {(err or out).strip()}")
        return guest_agent.parse_states(out)

    def _systemctl(self, action: Action) -> None:
        rc, out, err = self._module.run_command(action.argv)
        if rc == 0:
            return
        words = " ".join((err or out).strip().splitlines()[:1])
        journal = self._module.run_command(["journalctl", "-n", "5", "-o", "cat", "-u", action.unit])[1]
        said = f" Its journal: {' / '.join(journal.splitlines())}" if journal and action.unit else ""
        raise GuestAgentError(f"`{action}` failed: {words}{said}")

    @staticmethod
    def _described(files: dict[str, str | None], states: dict[str, guest_agent.UnitState]) -> dict[str, Any]:
        return {
            "files": {p: hashlib.sha256(t.encode()).hexdigest() for p, t in sorted(files.items()) if t is not None},
            "services": {
                unit: f"{'active' if state.active else 'inactive'}, {'enabled' if state.enabled else 'disabled'}"
                for unit, state in sorted(states.items())
            },
        }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "code": {"type": "dict", "required": True},
            "entry": {"type": "str", "required": True},
            "units": {"type": "dict", "required": True},
            "config": {"type": "dict", "required": True},
            "dhcp": {"type": "str"},
            "firewall": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**GuestAgent(module).run())
    except (GuestAgentError, IpError) as exc:
        module.fail_json(msg=str(exc))


if __name__ == "__main__":
    main()
