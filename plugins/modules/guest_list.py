#!/usr/bin/python
# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: guest_list
short_description: The list of routed guests in Proxmox' cluster file system
version_added: 0.2.0
description:
  - Writes the addresses of all guests to one file under F(/etc/pve), where every node of the cluster sees it.
  - The file is written beside and renamed over the old one, as Proxmox itself does it. The cluster file system knows
    neither owners nor modes, so that M(ansible.builtin.copy) is no help there.
author:
  - The routed.fabric contributors (@routed)
options:
  guests:
    description: Every guest with C(name), C(vmid), C(mac), C(addresses) and C(prefixes).
    type: list
    elements: dict
    required: true
  path:
    description: The file.
    type: path
    default: /etc/pve/fabric/guests.json
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
notes:
  - One node of a cluster is enough.
"""

EXAMPLES = r"""
- name: The guests of the cluster
  routed.fabric.guest_list:
    guests:
      - name: web01
        vmid: 130
        mac: "52:02:45:76:d2:35"
        addresses: [203.0.113.30, "2001:db8:1000::80"]
        prefixes: []
"""

RETURN = r"""
before:
  description: The number of guests in the file before; null where there was no file.
  returned: always
  type: int
  sample: 3
after:
  description: The number of guests in the file afterwards.
  returned: always
  type: int
  sample: 4
commands:
  description: What was done, or would be done in check mode.
  returned: always
  type: list
  elements: str
  sample: ["write /etc/pve/fabric/guests.json"]
"""

import json
import socket
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.routed.fabric.plugins.module_utils import _guest_agent as guest_agent
from ansible_collections.routed.fabric.plugins.module_utils._guest_agent import GuestAgentError


class GuestList:
    """One run: read, compare, replace."""

    def __init__(self, module: AnsibleModule) -> None:
        self._path = Path(module.params["path"])
        self._text = guest_agent.render_guests(module.params["guests"])
        self._count = len(module.params["guests"])
        self._check_mode: bool = module.check_mode

    def run(self) -> dict[str, Any]:
        before = self._read()
        changed = before != self._text
        if changed and not self._check_mode:
            self._write()
        return {
            "changed": changed,
            "before": _count(before),
            "after": self._count,
            "commands": [f"write {self._path}"] if changed else [],
            "diff": {
                "before_header": str(self._path),
                "after_header": str(self._path),
                "before": before or "",
                "after": self._text,
            },
        }

    def _read(self) -> str | None:
        try:
            return self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise GuestAgentError(f"path: cannot read {self._path}: {exc.strerror}") from exc

    def _write(self) -> None:
        directory = self._path.parent
        if not directory.parent.is_dir():
            raise GuestAgentError(
                f"path: there is no {directory.parent} on this node: Proxmox' cluster file system does not run"
            )
        # Its own name on each node: two that write at the same time must not write into one file.
        beside = directory / f"{self._path.name}.tmp.{socket.gethostname().partition('.')[0]}"
        try:
            directory.mkdir(exist_ok=True)
            beside.write_text(self._text, encoding="utf-8")
            beside.replace(self._path)
        except OSError as exc:
            beside.unlink(missing_ok=True)
            raise GuestAgentError(
                f"path: cannot write {self._path}: {exc.strerror} (a cluster without a quorum refuses all writes)"
            ) from exc


def _count(text: str | None) -> int | None:
    try:
        return None if text is None else len(json.loads(text)["guests"])
    except (ValueError, KeyError, TypeError):
        return None


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "guests": {"type": "list", "elements": "dict", "required": True},
            "path": {"type": "path", "default": "/etc/pve/fabric/guests.json"},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**GuestList(module).run())
    except GuestAgentError as exc:
        module.fail_json(msg=str(exc))


if __name__ == "__main__":
    main()
