#!/usr/bin/python
# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: frr_daemons
short_description: Which daemons of FRR run
version_added: 0.1.0
description:
  - Enables or disables daemons of FRR in F(/etc/frr/daemons), makes vtysh keep one F(/etc/frr/frr.conf) for all of
    them, and starts FRR.
  - FRR that does not run is started once, after the files are right. FRR that runs is reloaded, only where the daemons
    differ; that keeps the running daemons and their sessions, and the module compares the sessions' counters before and
    after.
  - A reload makes the running configuration what F(/etc/frr/frr.conf) says. If FRR runs with lines that are not saved
    there, the module refuses.
  - It never restarts FRR.
author:
  - The routed.fabric contributors (@routed)
requirements:
  - FRR (packages C(frr) and, for a reload, C(frr-pythontools))
  - systemd
options:
  daemons:
    description:
      - The daemons as names and whether each has to run. A daemon that is not listed stays as it is.
    type: dict
    required: true
  profile:
    description:
      - The profile (C(frr defaults)) of a F(/etc/frr/frr.conf) that nobody has configured yet, before the first start
        of FRR. The profile of a running FRR is never changed.
    type: str
    choices: [datacenter, traditional]
    default: datacenter
  forwarding:
    description:
      - Whether the kernel forwards, for families of which F(/etc/frr/frr.conf) shall say so, as
        O(routed.fabric.frr_bgp#module:config.forwarding) does. The file is made right before FRR starts or is reloaded.
      - A reload switches forwarding on in a kernel where it is off, unless the file has C(no ip forwarding), and C(no
        ipv6 forwarding). For a family that is not given these lines are taken out of the file before a start or a
        reload.
    type: dict
    suboptions:
      ipv4:
        description: Whether IPv4 is forwarded.
        type: bool
      ipv6:
        description: Whether IPv6 is forwarded.
        type: bool
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
- name: BGP with BFD
  routed.fabric.frr_daemons:
    daemons: {bgpd: true, bfdd: true}
"""

RETURN = r"""
before:
  description: Which of the listed daemons were enabled and whether FRR was installed, running and enabled at boot.
  returned: always
  type: dict
  sample: {"daemons": {"bgpd": false}, "installed": true, "running": [], "at_boot": true}
after:
  description: The same afterwards. In check mode its part C(running) is what really runs now.
  returned: always
  type: dict
commands:
  description: What was done, or would be done in check mode.
  returned: always
  type: list
  elements: str
  sample: ["write /etc/frr/daemons", "systemctl reload frr"]
sessions_reset:
  description: BGP neighbors whose session was set up anew by the reload. It should be empty.
  returned: always
  type: list
  elements: str
"""

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.routed.fabric.plugins.module_utils import _frr_service as service
from ansible_collections.routed.fabric.plugins.module_utils._frr import _forwarding
from ansible_collections.routed.fabric.plugins.module_utils._info import _frr, _stable
from ansible_collections.routed.fabric.plugins.module_utils._ip._files import Files
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError

DAEMONS = "/etc/frr/daemons"
VTYSH_CONF = "/etc/frr/vtysh.conf"
FRR_CONF = "/etc/frr/frr.conf"


class ServiceError(Exception):
    """FRR or systemd refused; one sentence."""


class FrrDaemons:
    """One run: what is enabled, what runs, and what has to be done."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._files = Files(module.atomic_move, module.tmpdir)
        self._wanted: dict[str, bool] = wanted_daemons(module.params["daemons"])
        given = module.params["forwarding"] or {}
        self._forwarding: dict[str, bool] = {family: on for family, on in given.items() if on is not None}

    def run(self) -> dict[str, Any]:
        installed = self._files.exists("/usr/lib/frr/frrinit.sh")
        if not installed and not self._module.check_mode:
            raise ServiceError("FRR is not installed on this node: install the packages frr and frr-pythontools")
        running, at_boot = self._running(), self._at_boot()
        texts = {path: self._files.read(path) or "" for path in (DAEMONS, VTYSH_CONF, FRR_CONF)}
        wanted_texts = {
            DAEMONS: service.with_daemons(texts[DAEMONS], self._wanted),
            VTYSH_CONF: service.with_integrated_config(texts[VTYSH_CONF]),
            FRR_CONF: texts[FRR_CONF],
        }
        action = self._action(running)
        if action == "start" and service.is_untouched(texts[FRR_CONF]):
            wanted_texts[FRR_CONF] = service.first_config(socket.gethostname(), self._module.params["profile"])
        if action:
            text = service.without_forwarding_lines(wanted_texts[FRR_CONF], self._forwarding)
            wanted_texts[FRR_CONF] = _forwarding.in_file(text, self._forwarding)
        if action == "reload":
            self._refuse_unsaved(texts[FRR_CONF])
        changed_texts = {path: text for path, text in wanted_texts.items() if text != texts[path]}
        commands = [f"write {path}" for path in changed_texts]
        if not at_boot:
            commands.append("systemctl enable frr")
        if action:
            commands.append(f"systemctl {action} frr")

        reset: list[str] = []
        if not self._module.check_mode and commands:
            reset = self._apply(changed_texts, not at_boot, action)
        now = self._running() if commands else running
        before_enabled, after_enabled = service.enabled(texts[DAEMONS]), service.enabled(wanted_texts[DAEMONS])
        return {
            "changed": bool(commands),
            "before": self._state(before_enabled, installed, running, at_boot),
            "after": self._state(after_enabled, installed, now, True),
            "commands": commands,
            "sessions_reset": reset,
            "diff": [
                {
                    "before_header": path,
                    "after_header": path,
                    "before": _frr.without_secrets(texts[path]),
                    "after": _frr.without_secrets(text),
                }
                for path, text in changed_texts.items()
            ],
        }

    def _state(self, enabled: Mapping[str, bool], installed: bool, running: list[str], at_boot: bool) -> dict[str, Any]:
        return {
            "daemons": {name: enabled.get(name, False) for name in self._wanted},
            "installed": installed,
            "running": running,
            "at_boot": at_boot,
        }

    def _action(self, running: list[str]) -> str:
        if not running:
            return "start"
        wrong = [name for name, on in self._wanted.items() if on != (name in running)]
        return "reload" if wrong else ""

    def _refuse_unsaved(self, frr_conf: str) -> None:
        rc, out, _err = self._call("vtysh", "-c", _frr.RUNNING_CONFIG)
        unsaved = service.unsaved_lines(_frr.masked(out), _frr.masked(frr_conf)) if rc == 0 else []
        if unsaved:
            raise ServiceError(
                f"daemons: FRR has to be reloaded, which would remove what it runs with and {FRR_CONF} does not have "
                f"({len(unsaved)} lines, the first is '{unsaved[0]}'); save it with `vtysh -c write`, or remove it"
            )

    def _apply(self, texts: Mapping[str, str], enable: bool, action: str) -> list[str]:
        """Returns the neighbors whose session was reset."""
        sessions = self._sessions() if action == "reload" else {}
        for path, text in texts.items():
            fresh = not self._files.exists(path)
            self._files.write(path, text)
            if fresh:
                self._own(path)
        if enable:
            self._systemctl("enable", "frr")
        if action:
            self._systemctl(action, "frr")
            self._wait_for_daemons(action)
        if not sessions:
            return []
        after = self._sessions()
        return [name for name, counters in sessions.items() if after.get(name) != counters]

    def _wait_for_daemons(self, action: str) -> None:
        """Both commands return when the daemons answer; this says what does not."""
        running = self._running()
        silent = [name for name, on in self._wanted.items() if on and name not in running]
        if silent:
            raise ServiceError(
                f"`systemctl {action} frr` went well, but {', '.join(silent)} does not run; see `journalctl -u frr`"
            )

    def _own(self, path: str) -> None:
        """The rights that FRR's packages give: frr.conf can hold passwords."""
        try:
            self._module.set_owner_if_different(path, "frr", False)
            self._module.set_group_if_different(path, "frrvty" if path == VTYSH_CONF else "frr", False)
            Path(path).chmod(0o640)
        except OSError as exc:
            raise ServiceError(f"cannot give {path} to the user frr: {exc.strerror}") from exc

    def _running(self) -> list[str]:
        rc, out, _err = self._call("vtysh", "-c", "show daemons")
        return sorted(out.split()) if rc == 0 else []

    def _at_boot(self) -> bool:
        rc, _out, _err = self._call("systemctl", "is-enabled", "--quiet", "frr")
        return rc == 0

    def _sessions(self) -> dict[str, dict[str, int]]:
        answer = _frr.Vtysh(lambda argv: self._call(*argv)).show([_frr.BGP_NEIGHBORS])[_frr.BGP_NEIGHBORS]
        return _stable.sessions(_frr.neighbors(answer))

    def _systemctl(self, *arguments: str) -> None:
        rc, out, err = self._call("systemctl", *arguments)
        if rc != 0:
            raise ServiceError(f"`systemctl {' '.join(arguments)}` failed: {(err or out).strip()}")

    def _call(self, *argv: str) -> tuple[int, str, str]:
        try:
            rc, out, err = self._module.run_command(list(argv), handle_exceptions=False)
        except OSError as exc:
            return 127, "", f"{argv[0]}: {exc.strerror}"
        return rc, out, err


def wanted_daemons(daemons: Mapping[str, Any]) -> dict[str, bool]:
    """Raises ServiceError for a name that FRR does not have or a value that is not a truth value."""
    wanted = {}
    for name, value in daemons.items():
        if name not in service.DAEMONS:
            raise ServiceError(f"daemons.{name}: FRR has no such daemon; it has: {', '.join(service.DAEMONS)}")
        if not isinstance(value, bool):
            raise ServiceError(f"daemons.{name}: '{value}' is neither true nor false")
        wanted[name] = value
    return wanted


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "daemons": {"type": "dict", "required": True},
            "profile": {"type": "str", "choices": ["datacenter", "traditional"], "default": "datacenter"},
            "forwarding": {"type": "dict", "options": {"ipv4": {"type": "bool"}, "ipv6": {"type": "bool"}}},
        },
        supports_check_mode=True,
    )
    try:
        result = FrrDaemons(module).run()
    except (ServiceError, IpError) as exc:
        module.fail_json(msg=str(exc))
    for neighbor in result["sessions_reset"]:
        module.warn(f"reloading FRR reset the session with {neighbor}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
