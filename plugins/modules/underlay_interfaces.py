#!/usr/bin/python
# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: underlay_interfaces
short_description: Loopback addresses, uplinks and kernel parameters of a router
version_added: 0.1.0
description:
  - Brings the loopback addresses, the MTU, state and addresses of the uplinks, and the kernel parameters of a Linux
    router to the given state, now and for the next boot.
  - Reads everything with one C(ip -j addr) and writes it with one C(ip -batch). If anything is refused, what was
    already written is undone.
  - Only what was given is owned. An address that stands on one of the interfaces and was not given is left alone,
    unless the module itself put it there in an earlier run (it reads its own file), or O(loopback_scope) covers it.
  - An interface that is no longer listed loses the addresses that the module gave it; its MTU stays.
author:
  - The routed.fabric contributors (@routed)
requirements:
  - iproute2
options:
  loopback:
    description: The interface that carries the addresses of the node itself.
    type: dict
    required: true
    suboptions:
      interface:
        description:
          - Its name. V(lo), or a name that begins with C(dummy), which is created if it is missing.
        type: str
        default: lo
      addresses:
        description:
          - Its addresses, as C(10.0.0.1/32). Without a length, the address is a host's.
        type: list
        elements: str
        default: []
  loopback_scope:
    description:
      - Prefixes in which this module owns every address of the loopback interface, so that it removes those that are
        not listed.
      - Useful for addresses that FRR or a person left behind.
    type: list
    elements: str
    default: []
  interfaces:
    description:
      - The uplinks. Each has to exist and must not be a port of a bridge. Each is brought up.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name of the interface.
        type: str
        required: true
      mtu:
        description: Its MTU in bytes. Without it, the MTU is not touched.
        type: int
      addresses:
        description: Its addresses.
        type: list
        elements: dict
        default: []
        suboptions:
          address:
            description: The address with its prefix length.
            type: str
            required: true
          peer:
            description: The address of the other end, as in C(ip addr add A peer B).
            type: str
  sysctl:
    description:
      - Kernel parameters as key and value. An interface whose name has dots can be written as it is.
      - They are written to F(/etc/sysctl.d/90-routed-fabric.conf), which this module owns as a whole.
      - A parameter that the kernel does not have is an error, except where it belongs to an interface that does not
        exist yet, or to the host of a container; those are listed in RV(sysctl_pending).
    type: dict
    default: {}
  names:
    description:
      - Names for the numbers of route protocols and tables, so that C(ip route) shows them. They are written to
        F(/etc/iproute2/rt_protos.d/fabric.conf) and F(/etc/iproute2/rt_tables.d/fabric.conf), with O(persist=true).
    type: dict
    suboptions:
      protocols:
        description: Name and number (1 to 255).
        type: dict
        default: {}
      tables:
        description: Name and number.
        type: dict
        default: {}
  persist:
    description:
      - Whether to write files, so that the state is there after a reboot.
      - With ifupdown2 that is F(/etc/network/interfaces.d/routed-fabric), which F(/etc/network/interfaces) is made to
        source; with systemd-networkd F(/etc/systemd/network/10-routed-fabric-*) and
        F(/etc/systemd/networkd.conf.d/10-routed-fabric.conf).
      - On a node with NetworkManager or the classic ifupdown the module refuses.
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
  - Nothing is restarted and C(ifreload) is not called; the files say the same as the kernel, so that a later
    C(ifreload -a) changes nothing.
  - With O(persist=false) the module does not remember which addresses it gave to an interface.
"""

EXAMPLES = r"""
- name: A host with two unnumbered uplinks
  routed.fabric.underlay_interfaces:
    loopback:
      addresses: [10.255.254.11/32, "2001:db8:100::b/128"]
    interfaces:
      - {name: enp1s0, mtu: 9216}
      - {name: enp1s1, mtu: 9216}
    sysctl:
      net.ipv4.ip_forward: "1"
      net.ipv6.conf.enp1s0.accept_ra: "0"

- name: A point-to-point link, and nothing else from 10.255.0.0/16 on the loopback interface
  routed.fabric.underlay_interfaces:
    loopback:
      addresses: [10.255.254.12/32]
    loopback_scope: [10.255.0.0/16]
    interfaces:
      - name: eth2
        mtu: 9000
        addresses:
          - {address: 10.0.1.128/32, peer: 10.0.3.128/32}
"""

RETURN = r"""
before:
  description: The interfaces (MTU, whether up, addresses) and the kernel parameters before.
  returned: always
  type: dict
  sample: {"interfaces": {"lo": {"mtu": 65536, "up": true, "addresses": []}}, "sysctl": {"net.ipv4.ip_forward": "0"}}
after:
  description: The same afterwards, or as it would be in check mode.
  returned: always
  type: dict
commands:
  description: What was done to the kernel and to files, or would be done in check mode.
  returned: always
  type: list
  elements: str
  sample: ["sysctl net.ipv4.ip_forward=1", "ip addr add 10.255.254.11/32 dev lo"]
persisted:
  description: What keeps the interfaces on this node; empty with O(persist=false).
  returned: always
  type: str
  sample: ifupdown2
sysctl_pending:
  description: Kernel parameters that stand in the file but do not exist now.
  returned: always
  type: list
  elements: str
  sample: [net.ipv4.neigh.default.gc_thresh3]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.routed.fabric.plugins.module_utils import _interfaces_file
from ansible_collections.routed.fabric.plugins.module_utils._ip import _links, _sysctl
from ansible_collections.routed.fabric.plugins.module_utils._ip._files import Files
from ansible_collections.routed.fabric.plugins.module_utils._ip._persistence import Persistence, persistence_of
from ansible_collections.routed.fabric.plugins.module_utils._ip._transaction import Transaction
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import Ip, IpError, Sysctl
from ansible_collections.routed.fabric.plugins.module_utils._ip._wanted import Underlay, wanted_underlay


class UnderlayInterfaces:
    """One run: read, compare, and write what differs."""

    def __init__(self, module: AnsibleModule) -> None:
        self._check_mode: bool = module.check_mode
        self._ip = Ip(lambda argv, data: module.run_command(list(argv), data=data, environ_update={"LC_ALL": "C"}))
        self._sysctl = Sysctl()
        self._files = Files(module.atomic_move, module.tmpdir)
        self._underlay: Underlay = wanted_underlay(module.params)
        self._persistence: Persistence | None = (
            persistence_of(self._files, module.run_command) if module.params["persist"] else None
        )

    def run(self) -> dict[str, Any]:
        wanted = self._underlay
        links = _links.parse_dump(self._ip.dump())
        found = _links.problems(wanted.loopback, wanted.interfaces, links)
        if self._persistence:
            found += self._persistence.problems(wanted)
        sysctl = {path: self._sysctl.read(path) for path in wanted.sysctl}
        pending, unknown = _sysctl.missing(wanted.sysctl, sysctl, links)
        found += [f"sysctl.{_sysctl.key_of(path)}: this kernel has no such parameter" for path in unknown]
        if found:
            raise IpError("; ".join(found))

        owned = self._persistence.owned() if self._persistence else {}
        changes = self._changes(links, owned)
        drifts = _sysctl.drifts(wanted.sysctl, sysctl)
        files = self._persistence.changes(wanted) if self._persistence else []
        after_links, after_sysctl = _links.predict(links, changes), {**sysctl, **{d.path: d.after for d in drifts}}

        before = self._state(links, sysctl, owned)
        if not self._check_mode and (changes or drifts or files):
            self._apply(changes, drifts, files, owned, before)
            after_links = _links.parse_dump(self._ip.dump())
            after_sysctl = {path: self._sysctl.read(path) for path in wanted.sysctl}

        after = self._state(after_links, after_sysctl, owned)
        return {
            "changed": bool(changes or drifts or files),
            "before": before,
            "after": after,
            "commands": [
                *(f"sysctl {_sysctl.key_of(d.path)}={d.after}" for d in drifts),
                *(f"ip {change.command}" for change in changes),
                *(f"{'write' if text is not None else 'remove'} {path}" for path, _old, text in files),
            ],
            "persisted": self._persistence.name if self._persistence else "",
            "sysctl_pending": [_sysctl.key_of(path) for path in pending],
            "diff": [
                {
                    "before_header": "underlay",
                    "after_header": "underlay",
                    "before": _lines(before),
                    "after": _lines(after),
                },
                *(
                    {"before_header": path, "after_header": path, "before": old or "", "after": new or ""}
                    for path, old, new in files
                ),
            ],
        }

    def _changes(self, links: dict[str, _links.Link], owned: dict[str, list[_links.Address]]) -> list[_links.Change]:
        wanted = self._underlay
        return _links.difference(
            [wanted.loopback, *wanted.interfaces], links, owned, wanted.loopback.name, wanted.loopback_scope
        )

    def _apply(
        self,
        changes: list[_links.Change],
        drifts: list[_sysctl.Drift],
        files: list[tuple[str, str | None, str | None]],
        owned: dict[str, list[_links.Address]],
        former: dict[str, Any],
    ) -> None:
        """Parameters before links: an uplink must not accept a router advertisement in the moment it comes up."""
        transaction = Transaction(self._ip, self._sysctl, self._files)
        try:
            for drift in drifts:
                transaction.change_sysctl(drift)
            transaction.change_links(changes)
            # Removing an IPv4 address takes the others of its network along, and a new dummy has its own parameters.
            transaction.change_links(self._changes(_links.parse_dump(self._ip.dump()), owned))
            for drift in self._sysctl_drifts():
                transaction.change_sysctl(drift)
            left = self._changes(_links.parse_dump(self._ip.dump()), owned)
            if left:
                raise IpError(f"the kernel took the commands, but this is still to do: {left[0].command}")
            for path, before, after in files:
                transaction.change_file(path, before, after)
            if self._persistence and files:
                self._persistence.announce()
        except IpError as exc:
            lost = self._lost(transaction.undo(), former, owned)
            outcome = f"could not be undone: {'; '.join(lost)}" if lost else "everything is as it was before"
            raise IpError(f"{exc}; {outcome}") from exc

    def _lost(
        self, refused: dict[str, str], former: dict[str, Any], owned: dict[str, list[_links.Address]]
    ) -> list[str]:
        """What differs from the former state after an undo, and why files could not be put back."""
        links = _links.parse_dump(self._ip.dump())
        now = self._state(links, {path: self._sysctl.read(path) for path in self._underlay.sysctl}, owned)
        was, is_now = _lines(former).splitlines(), _lines(now).splitlines()
        return [
            *(f"'{line}' is missing" for line in was if line not in is_now),
            *(f"'{line}' is new" for line in is_now if line not in was),
            *(f"{name}: {words}" for name, words in refused.items() if name.startswith("file ")),
        ]

    def _sysctl_drifts(self) -> list[_sysctl.Drift]:
        wanted = self._underlay.sysctl
        return _sysctl.drifts(wanted, {path: self._sysctl.read(path) for path in wanted})

    def _state(
        self, links: dict[str, _links.Link], sysctl: dict[str, str | None], owned: dict[str, list[_links.Address]]
    ) -> dict[str, Any]:
        wanted = self._underlay
        return {
            "interfaces": _links.describe([wanted.loopback, *wanted.interfaces], links, owned),
            "sysctl": {_sysctl.key_of(path): value for path, value in sorted(sysctl.items()) if value is not None},
        }


def _lines(state: dict[str, Any]) -> str:
    """The state as lines, for the diff."""
    lines = []
    for name, link in state["interfaces"].items():
        lines.append(f"{name} mtu {link['mtu']} {'up' if link['up'] else 'down'}")
        lines += [f"{name} address {address}" for address in link["addresses"]]
    lines += [f"{key} = {value}" for key, value in state["sysctl"].items()]
    return "".join(f"{line}\n" for line in lines)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "loopback": {
                "type": "dict",
                "required": True,
                "options": {
                    "interface": {"type": "str", "default": "lo"},
                    "addresses": {"type": "list", "elements": "str", "default": []},
                },
            },
            "loopback_scope": {"type": "list", "elements": "str", "default": []},
            "interfaces": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "mtu": {"type": "int"},
                    "addresses": {
                        "type": "list",
                        "elements": "dict",
                        "default": [],
                        "options": {"address": {"type": "str", "required": True}, "peer": {"type": "str"}},
                    },
                },
            },
            "sysctl": {"type": "dict", "default": {}},
            "names": {
                "type": "dict",
                "options": {"protocols": {"type": "dict", "default": {}}, "tables": {"type": "dict", "default": {}}},
            },
            "persist": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**UnderlayInterfaces(module).run())
    except (IpError, _interfaces_file.UnsupportedError) as exc:
        module.fail_json(msg=str(exc))


if __name__ == "__main__":
    main()
