#!/usr/bin/python
# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: guest_bridge
short_description: The bridge of routed guests on a Proxmox node
version_added: 0.2.0
description:
  - Brings a bridge without ports of its own to the given MAC address, addresses and kernel parameters, now and for the
    next boot. Guests are plugged into it and have it as their gateway.
  - The bridge is never set down and never made anew where it exists, so that running guests lose nothing.
  - Its stanzas are written into F(/etc/network/interfaces) itself, so that Proxmox offers it for guests, and in a form
    that Proxmox' network editor gives back unchanged. Everything else in that file stays as it is, byte for byte, and
    so do options of these stanzas that are not given here, as C(mtu).
author:
  - The routed.fabric contributors (@routed)
requirements:
  - iproute2
options:
  name:
    description: The name of the bridge.
    type: str
    default: vmbr1
  mac:
    description:
      - Its MAC address. It has to be the same on all nodes, since a guest that moves keeps its gateway's.
    type: str
    required: true
  ipv4:
    description: Its IPv4 address with its length.
    type: str
    default: 169.254.0.1/32
  ipv6:
    description: Its link-local IPv6 address with its length.
    type: str
    default: fe80::1/64
  sysctl:
    description:
      - Kernel parameters as key and value. They are written to F(/etc/sysctl.d/91-routed-fabric-guests.conf), which
        this module owns as a whole, and set before the bridge has addresses.
    type: dict
    default: {}
  persist:
    description:
      - Whether to write files, so that the bridge is there after a reboot. That needs ifupdown2, which every Proxmox
        node has.
    type: bool
    default: true
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
  - C(ifreload) is not called. Where Proxmox' editor holds changes back (F(/etc/network/interfaces.new)), the bridge is
    written there, too, since they replace the file once they are applied.
"""

EXAMPLES = r"""
- name: The bridge of routed guests
  routed.fabric.guest_bridge:
    mac: "02:00:5e:00:01:01"
    sysctl:
      net.ipv4.conf.all.send_redirects: "0"
      net.ipv4.conf.vmbr1.send_redirects: "0"
      net.ipv6.conf.vmbr1.accept_dad: "0"
"""

RETURN = r"""
before:
  description: The bridge and the kernel parameters before.
  returned: always
  type: dict
  sample: {"bridge": null, "sysctl": {"net.ipv4.conf.all.send_redirects": "1"}}
after:
  description: The same afterwards, or as it would be in check mode.
  returned: always
  type: dict
commands:
  description: What was done to the kernel and to files, or would be done in check mode.
  returned: always
  type: list
  elements: str
  sample: ["ip addr add 169.254.0.1/32 dev vmbr1", "write /etc/network/interfaces"]
"""

import json
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.routed.fabric.plugins.module_utils import _guest_bridge as guest_bridge
from ansible_collections.routed.fabric.plugins.module_utils._ip import _sysctl
from ansible_collections.routed.fabric.plugins.module_utils._ip._files import Files
from ansible_collections.routed.fabric.plugins.module_utils._ip._transaction import Transaction
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import Ip, IpError, Sysctl

FileChange = tuple[str, "str | None", str]


class GuestBridge:
    """One run: read, compare, and write what differs."""

    def __init__(self, module: AnsibleModule) -> None:
        self._check_mode: bool = module.check_mode
        self._persist: bool = module.params["persist"]
        self._ip = Ip(lambda argv, data: module.run_command(list(argv), data=data, environ_update={"LC_ALL": "C"}))
        self._sysctl = Sysctl()
        self._files = Files(module.atomic_move, module.tmpdir)
        self._wanted = guest_bridge.wanted_bridge(module.params)

    def run(self) -> dict[str, Any]:
        wanted = self._wanted
        got, sysctl = self._read()
        files = self._file_changes()
        creation = guest_bridge.creation(wanted, got)
        drifts = _sysctl.drifts(wanted.sysctl, sysctl)
        unknown = _sysctl.missing(wanted.sysctl, sysctl, [wanted.name] if got else [])[1]
        if unknown:
            keys = ", ".join(map(_sysctl.key_of, unknown))
            raise IpError(f"sysctl: this kernel has no such parameter: {keys}")
        planned = guest_bridge.changes(wanted, got or guest_bridge.Got(False, wanted.mac, False, (), ()))
        changed = bool(creation or drifts or planned or files)
        before = self._state(got, sysctl)
        after = self._state(guest_bridge.predicted(wanted, got), {**sysctl, **wanted.sysctl})
        if changed and not self._check_mode:
            self._apply(files)
            after = self._state(*self._read())
        return {
            "changed": changed,
            "before": before,
            "after": after,
            "commands": [
                *(f"ip {change.command}" for change in creation),
                *(f"sysctl {_sysctl.key_of(drift.path)}={drift.after}" for drift in drifts),
                *(f"ip {change.command}" for change in planned),
                *(f"write {path}" for path, dummy, text in files),
            ],
            "diff": [
                {
                    "before_header": wanted.name,
                    "after_header": wanted.name,
                    "before": json.dumps(before, indent=1) + "\n",
                    "after": json.dumps(after, indent=1) + "\n",
                },
                *(
                    {"before_header": path, "after_header": path, "before": old or "", "after": new}
                    for path, old, new in files
                ),
            ],
        }

    def _read(self) -> tuple[guest_bridge.Got | None, dict[str, str | None]]:
        got = guest_bridge.got_bridge(self._ip.dump(), self._wanted.name)
        return got, {path: self._sysctl.read(path) for path in self._wanted.sysctl}

    def _file_changes(self) -> list[FileChange]:
        if not self._persist:
            return []
        if not self._files.exists("/usr/share/ifupdown2"):
            raise IpError(
                "persist: ifupdown2 was not found on this node, and the bridge is kept in its file; "
                "install it (Proxmox VE has it), or set `persist: false` and keep the bridge yourself"
            )
        main = self._files.read(guest_bridge.MAIN_FILE) or "auto lo\niface lo inet loopback\n"
        texts = {
            guest_bridge.SYSCTL_FILE: guest_bridge.render_sysctl(self._wanted),
            guest_bridge.MAIN_FILE: guest_bridge.with_bridge(main, self._wanted),
        }
        pending = self._files.read(guest_bridge.PENDING_FILE)
        if pending is not None:
            texts[guest_bridge.PENDING_FILE] = guest_bridge.with_bridge(pending, self._wanted)
        befores = {path: self._files.read(path) for path in texts}
        return [(path, befores[path], text) for path, text in texts.items() if befores[path] != text]

    def _apply(self, files: list[FileChange]) -> None:
        """The device, its parameters, then its addresses: an address that comes first stays tentative."""
        wanted = self._wanted
        transaction = Transaction(self._ip, self._sysctl, self._files)
        try:
            transaction.change_links(guest_bridge.creation(wanted, self._read()[0]))
            for drift in _sysctl.drifts(wanted.sysctl, self._read()[1]):
                transaction.change_sysctl(drift)
            got = self._read()[0]
            if got is None:
                raise IpError(f"the kernel took the commands, but there is no '{wanted.name}'")
            transaction.change_links(guest_bridge.changes(wanted, got))
            got, sysctl = self._read()
            if got is None or guest_bridge.changes(wanted, got) or _sysctl.drifts(wanted.sysctl, sysctl):
                raise IpError(f"the kernel took the commands, but '{wanted.name}' is not as wanted: {got}")
            for path, before, after in files:
                transaction.change_file(path, before, after)
        except IpError as exc:
            lost = transaction.undo()
            words = "; ".join(f"{name}: {text}" for name, text in lost.items())
            outcome = f"could not be undone: {words}" if lost else "everything is as it was before"
            raise IpError(f"{exc}; {outcome}") from exc

    def _state(self, got: guest_bridge.Got | None, sysctl: dict[str, str | None]) -> dict[str, Any]:
        return {
            "bridge": guest_bridge.describe(got),
            "sysctl": {_sysctl.key_of(path): value for path, value in sorted(sysctl.items()) if value is not None},
        }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "default": "vmbr1"},
            "mac": {"type": "str", "required": True},
            "ipv4": {"type": "str", "default": "169.254.0.1/32"},
            "ipv6": {"type": "str", "default": "fe80::1/64"},
            "sysctl": {"type": "dict", "default": {}},
            "persist": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**GuestBridge(module).run())
    except IpError as exc:
        module.fail_json(msg=str(exc))


if __name__ == "__main__":
    main()
