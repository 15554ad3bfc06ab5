#!/usr/bin/python
# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: vxlan_bridge
short_description: VXLAN devices and the bridges in front of them, for EVPN
version_added: 0.1.0
description:
  - Brings the VXLAN segments of a VTEP to the given state, now and for the next boot. Each segment is a bridge with a
    VXLAN device as a port (O(form=per_vni)), or a VLAN of one VLAN-aware bridge with a single VXLAN device
    (O(form=single)).
  - The kernel learns nothing by itself (C(nolearning), and C(learning off) on the port). Who is where comes from EVPN,
    that is, from FRR with C(advertise-all-vni); or, with O(remote_vteps), the kernel floods and learns without EVPN.
  - What the kernel can change on a running device is changed there. For what it cannot (VNI, UDP port, IPv4 to IPv6),
    the VXLAN device alone is made again. A bridge that is wanted is never removed, and no port is taken out of it,
    so the guests on it stay connected.
  - Reads everything with one C(ip -d -j link) and one C(ip -j addr) (and three dumps of C(bridge) for a single VXLAN
    device), and writes with C(ip -batch) and C(bridge -batch). If anything is refused, what was already written is
    undone.
  - Owns what it made. Its devices carry the interface alias C(routed.fabric) (see C(ip link show)), and stand in its
    files. It touches no other bridge or VXLAN device.
  - Links are removed 100 at a time, so that the kernel answers FRR's zebra in between. In one go, thousands of them
    keep zebra waiting until watchfrr restarts all daemons.
author:
  - The routed.fabric contributors (@routed)
requirements:
  - iproute2
options:
  state:
    description:
      - With V(present) the listed segments are there. With V(absent) they are not; only O(segments[].vni) is looked at.
      - With V(gathered) nothing is changed, and RV(gathered) tells what is there in the words of these options.
    type: str
    choices: [present, absent, gathered]
    default: present
  form:
    description:
      - With V(per_vni), one VXLAN device and one bridge for each segment. Every kernel and every FRR can do it.
      - With V(single), one VXLAN device for all segments, on one VLAN-aware bridge, with C(external) and C(vnifilter)
        and a map from VLANs to VNIs. It needs Linux 5.18 with C(BRIDGE_VLAN_FILTERING); a kernel that lacks it is
        refused. At most 4094 segments. On nodes with systemd-networkd only with O(persist=false).
    type: str
    choices: [per_vni, single]
    default: per_vni
  local:
    description:
      - The address of this VTEP, IPv4 or IPv6, without a length. It has to be on the node; in check mode, it is only
        warned about where it is not yet there.
      - Required with O(state=present).
    type: str
  port:
    description: The UDP port of VXLAN.
    type: int
    default: 4789
  remote_vteps:
    description:
      - The other VTEPs, without EVPN. All segments flood to them, and learn from what comes back (RFC 7348 section 4).
      - Needed for an IPv6 O(local) with FRR before 10.6. FRR 8.4 and 10.3 take no notice of an IPv6 VTEP; they announce
        0.0.0.0 or the router ID in its place, which reaches nobody. Leave C(advertise-all-vni) out there.
      - Only with O(form=per_vni), and of the same family as O(local).
    type: list
    elements: str
    default: []
  bridge:
    description: The VLAN-aware bridge. Required with O(form=single), and only there.
    type: str
  device:
    description: The single VXLAN device. Required with O(form=single), and only there.
    type: str
  underlay_interfaces:
    description:
      - The uplinks. The smallest of their MTUs has to carry the largest frame of every segment, which VXLAN makes 50
        bytes longer over IPv4 and 70 bytes longer over IPv6.
      - Without it and O(underlay_mtu), the interface that has O(local) is looked at. C(lo) and dummy interfaces say
        nothing about the underlay, so one of the two options is needed there.
    type: list
    elements: str
  underlay_mtu:
    description: The MTU of the underlay, where it is known better than by the interfaces of this node.
    type: int
  purge:
    description:
      - Whether to remove what this module made (in any form) and is not listed.
      - A bridge with guests on it (a tun device, or a port that is named as Proxmox names those of guests) is not
        removed; the module fails and says so.
    type: bool
    default: true
  persist:
    description:
      - Whether to write files, so that the segments are there after a reboot.
      - With ifupdown2 that is F(/etc/network/interfaces.d/routed-fabric-vxlan), which F(/etc/network/interfaces) is
        made to source, and for the single form F(/etc/network/routed-fabric-vxlan.vlans); with systemd-networkd
        F(/etc/systemd/network/11-routed-fabric-vxlan-*).
      - On a node with NetworkManager or the classic ifupdown the module refuses.
    type: bool
    default: true
  segments:
    description: The segments.
    type: list
    elements: dict
    default: []
    suboptions:
      vni:
        description: The VXLAN network identifier, from 1 to 16777215.
        type: int
        required: true
      bridge:
        description: The name of the bridge. Required with O(form=per_vni), and only there.
        type: str
      vxlan:
        description: The name of the VXLAN device, C(vxlan) and the VNI by default. Only with O(form=per_vni).
        type: str
      vlan:
        description: The VLAN of this segment on the bridge. Required with O(form=single), and only there.
        type: int
      ports:
        description:
          - Interfaces that have to be ports of the bridge. With O(form=single) they carry this segment untagged.
          - Other ports, guests' for example, stay; so does a port that is not listed any more.
        type: list
        elements: str
        default: []
      mtu:
        description:
          - The MTU of the bridge and of the VXLAN device. It is pinned, so that it does not follow that of the ports.
          - With O(form=single) bridge and VXLAN device have the largest of all segments.
        type: int
        default: 1500
      addresses:
        description:
          - Addresses of the node in this segment, with their length. With O(form=single) they are on a VLAN interface
            C(BRIDGE.VLAN).
          - Without IPv6 addresses the bridge has no link-local one either, so that guests cannot reach the node by it.
          - No duplicates are looked for, since a gateway's address may stand on every VTEP.
          - An address that stands on the bridge and was not given is left alone, unless the module itself put it there
            in an earlier run (it reads its own file).
        type: list
        elements: str
        default: []
      gateway_mac:
        description:
          - The MAC address of the bridge (or VLAN interface). Where the same gateway address stands on every VTEP, give
            the same MAC address too.
          - Without it, the bridge keeps the one that it has; a new bridge gets one that follows from O(local) and the
            VNI, so that it is the same after every boot and does not change with the ports.
        type: str
      suppress:
        description:
          - Whether the VTEP answers ARP and neighbour solicitations for what EVPN knows, instead of flooding them
            (C(neigh_suppress), RFC 7432 section 10).
          - Think twice. A port with suppression never forwards a gratuitous ARP, even one that says that an address has
            moved. Hosts elsewhere keep the old MAC address until their own timers end; half a minute was measured where
            10 to 30 ms is usual without suppression.
          - With O(form=single), the same for all segments.
        type: bool
        default: false
      flooding:
        description:
          - Whether frames to an unknown unicast or multicast address go to all VTEPs of the segment (C(flood) and
            C(mcast_flood)). Broadcasts, and so ARP, always do.
          - Without it, IPv6 neighbour discovery between VTEPs needs O(segments[].suppress), as it is multicast.
          - With O(form=single), the same for all segments.
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
  - Proxmox' own SDN writes F(/etc/network/interfaces.d/sdn). Interfaces that stand there are refused.
  - With O(persist=false) the module does not remember which addresses it gave to a bridge.
seealso:
  - name: RFC 7348
    description: VXLAN.
    link: https://www.rfc-editor.org/rfc/rfc7348
  - name: RFC 7432
    description: BGP MPLS-based Ethernet VPN.
    link: https://www.rfc-editor.org/rfc/rfc7432
  - name: RFC 8365
    description: EVPN as the control plane of VXLAN.
    link: https://www.rfc-editor.org/rfc/rfc8365
  - name: ip-link(8)
    description: VXLAN devices and bridges.
    link: https://man7.org/linux/man-pages/man8/ip-link.8.html
  - name: bridge(8)
    description: Options of ports, VLANs and VNIs.
    link: https://man7.org/linux/man-pages/man8/bridge.8.html
  - name: FRR on EVPN
    description: What FRR wants from the kernel.
    link: https://docs.frrouting.org/en/latest/evpn.html
"""

EXAMPLES = r"""
- name: Two segments on a Proxmox node, whose VTEP address is on lo
  routed.fabric.vxlan_bridge:
    local: 10.255.254.11
    underlay_interfaces: [enp1s0, enp1s1]
    segments:
      - {vni: 200, bridge: vmbr200}
      - {vni: 202, bridge: vmbr202, addresses: [192.168.202.36/24]}

- name: An anycast gateway over an IPv6 underlay
  routed.fabric.vxlan_bridge:
    local: "2001:db8:100::b"
    underlay_mtu: 9216
    segments:
      - vni: 10010
        bridge: br10
        ports: [eth3]
        mtu: 9000
        addresses: [10.10.0.1/24, "2001:db8:10::1/64"]
        gateway_mac: 02:00:5e:00:02:01

- name: Segments as VLANs of one bridge
  routed.fabric.vxlan_bridge:
    form: single
    bridge: fabric
    device: vxlan0
    local: 10.255.254.11
    underlay_mtu: 9216
    segments:
      - {vni: 20001, vlan: 1}
      - {vni: 20002, vlan: 2, addresses: [10.2.0.1/24]}

- name: What is there
  routed.fabric.vxlan_bridge:
    state: gathered
"""

RETURN = r"""
before:
  description: What this module made and what it touches, before. Interface, then iproute2's words.
  returned: always
  type: dict
  sample: {"vmbr200": {"kind": "bridge", "mtu": "1500", "state": "up", "addresses": []}}
after:
  description: The same afterwards, or as it would be in check mode.
  returned: always
  type: dict
commands:
  description: What was done to the kernel and to files, or would be done in check mode.
  returned: always
  type: list
  elements: str
  sample: ["ip link add dev vxlan200 mtu 1500 type vxlan id 200 dstport 4789 local 10.255.254.11 nolearning"]
persisted:
  description: What keeps the segments on this node; empty with O(persist=false).
  returned: always
  type: str
  sample: ifupdown2
gathered:
  description: What this module made, as its own options.
  returned: with O(state=gathered)
  type: dict
  sample: {"form": "per_vni", "local": "10.255.254.11", "port": 4789, "segments": [{"vni": 200, "bridge": "vmbr200"}]}
"""

from typing import Any
from collections.abc import Collection

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.routed.fabric.plugins.module_utils import _interfaces_file
from ansible_collections.routed.fabric.plugins.module_utils._ip._files import Files
from ansible_collections.routed.fabric.plugins.module_utils._ip._links import Address
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError
from ansible_collections.routed.fabric.plugins.module_utils._vxlan import _difference, _model, _problems
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._gathered import gathered, segments_gone
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._persistence import (
    FileChange,
    Persistence,
    persistence_of,
)
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._transport import Tools
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._wanted import keeping, wanted_links, wanted_overlay


class VxlanBridge:
    """One run: read, compare, and write what differs."""

    def __init__(self, module: AnsibleModule) -> None:
        self._check_mode: bool = module.check_mode
        self._warn = module.warn
        self._state: str = module.params["state"]
        self._purge: bool = module.params["purge"]
        self._overlay = wanted_overlay(module.params)
        self._tools = Tools(
            lambda argv, data: module.run_command(list(argv), data=data, environ_update={"LC_ALL": "C"})
        )
        self._files = Files(module.atomic_move, module.tmpdir)
        self._persistence: Persistence | None = (
            persistence_of(self._files, module.run_command) if module.params["persist"] else None
        )
        self._given: dict[str, tuple[Address, ...]] = self._persistence.owned() if self._persistence else {}

    def run(self) -> dict[str, Any]:
        links = self._links()
        owned = _model.marked(links) | {name for name in self._given if name in links}
        if self._state == "gathered":
            return {"changed": False, "gathered": gathered(links, owned)}
        present = self._overlay._replace(segments=()) if self._state == "absent" else self._overlay
        self._refuse(links, owned)

        gone: list[int] | None = [segment.vni for segment in self._overlay.segments]
        wanted = wanted_links(present, links)
        unwanted: Collection[str] = ()
        if self._state == "absent":
            unwanted, wanted = segments_gone(gone or [], links, owned)
        elif self._purge:
            unwanted, gone = sorted(owned - set(wanted)), None
        else:
            gone, wanted = [], keeping(wanted, links)
        busy = _problems.busy_bridges(unwanted, links)
        if busy:
            raise IpError("; ".join(busy))

        scope = _difference.Scope(tuple(unwanted), self._given)
        files = self._persistence.changes(present, wanted, gone) if self._persistence else []
        wanted = {name: self._unmarked(link, links) for name, link in wanted.items()}
        steps = _difference.difference(wanted, links, scope)
        touched = [*unwanted, *wanted]
        shown = {*owned, *touched}
        before, after = _model.describe(shown, links), _model.describe(shown, _difference.predict(wanted, links, scope))
        if not self._check_mode and (steps or files):
            self._apply(steps, files, wanted, scope, links)
            after = _model.describe(shown, self._links())
        return {
            "changed": bool(steps or files),
            "before": before,
            "after": after,
            "commands": [
                *(f"{step.tool} {command}" for step in steps for command in step.commands),
                *(f"{'write' if text is not None else 'remove'} {path}" for path, _old, text in files),
            ],
            "persisted": self._persistence.name if self._persistence else "",
            "diff": [
                {
                    "before_header": "overlay",
                    "after_header": "overlay",
                    "before": _model.lines(before),
                    "after": _model.lines(after),
                },
                *(
                    {"before_header": path, "after_header": path, "before": old or "", "after": new or ""}
                    for path, old, new in files
                ),
            ],
        }

    def _links(self) -> _model.Links:
        return self._tools.links(bool(self._overlay.remotes) or self._state == "gathered")

    def _refuse(self, links: _model.Links, owned: Collection[str]) -> None:
        if self._state == "absent":
            return
        found = _problems.problems(
            self._overlay, links, owned, self._persistence.stanzas() if self._persistence else {}
        )
        missing = _problems.missing_local(self._overlay, links)
        if missing and self._check_mode:
            self._warn(missing)
        elif missing:
            found.insert(0, missing)
        if self._persistence:
            found += self._persistence.problems(self._overlay)
        if self._overlay.form == "single" and self._overlay.segments:
            lacks = self._tools.single_form_missing()
            if lacks:
                found.insert(0, f"form: this kernel cannot do `single`: it lacks {lacks}; use `form: per_vni`")
        if found:
            raise IpError("; ".join(found))

    def _unmarked(self, link: _model.Link, links: _model.Links) -> _model.Link:
        """systemd-networkd sets no alias: what stands in our files is ours without one."""
        here = links.get(link.name)
        if here is None or link.name not in self._given or here.settings.get("alias"):
            return link
        return link._replace(settings={key: value for key, value in link.settings.items() if key != "alias"})

    def _apply(
        self,
        steps: list[_difference.Step],
        files: list[FileChange],
        wanted: _model.Links,
        scope: _difference.Scope,
        former: _model.Links,
    ) -> None:
        written: list[FileChange] = []
        try:
            self._tools.apply(steps)
            # An address takes others of its network along, and a lowered MTU that of the VLAN interfaces above.
            self._tools.apply(_difference.difference(wanted, self._links(), scope) if steps else [])
            left = _difference.difference(wanted, self._links(), scope) if steps else []
            if left:
                command = f"{left[0].tool} {left[0].commands[0]}"
                raise IpError(f"the kernel took the commands, but this is still to do: {command}")
            for change in files:
                self._files.write(change[0], change[2])
                written.append(change)
            if self._persistence and files:
                self._persistence.announce()
        except IpError as exc:
            lost = self._undo(written, [*scope.unwanted, *wanted], former)
            outcome = f"could not be undone: {'; '.join(lost)}" if lost else "everything is as it was before"
            raise IpError(f"{exc}; {outcome}") from exc

    def _undo(self, written: list[FileChange], touched: list[str], former: _model.Links) -> list[str]:
        """Put everything back; returns what differs from the former state then."""
        refused = []
        for path, before, _after in reversed(written):
            try:
                self._files.write(path, before)
            except IpError as exc:
                refused.append(str(exc))
        now = self._links()
        wanted, scope = _difference.restoration(touched, former, now)
        try:
            self._tools.apply(_difference.difference(wanted, now, scope))
        except IpError as exc:
            refused.append(str(exc))
        was = _model.lines(_model.describe(touched, former)).splitlines()
        is_now = _model.lines(_model.describe(touched, self._links())).splitlines()
        return [
            *refused,
            *(f"'{line}' is missing" for line in was if line not in is_now),
            *(f"'{line}' is new" for line in is_now if line not in was),
        ]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent", "gathered"], "default": "present"},
            "form": {"type": "str", "choices": ["per_vni", "single"], "default": "per_vni"},
            "local": {"type": "str"},
            "port": {"type": "int", "default": 4789},
            "bridge": {"type": "str"},
            "device": {"type": "str"},
            "remote_vteps": {"type": "list", "elements": "str", "default": []},
            "underlay_interfaces": {"type": "list", "elements": "str"},
            "underlay_mtu": {"type": "int"},
            "purge": {"type": "bool", "default": True},
            "persist": {"type": "bool", "default": True},
            "segments": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "vni": {"type": "int", "required": True},
                    "bridge": {"type": "str"},
                    "vxlan": {"type": "str"},
                    "vlan": {"type": "int"},
                    "ports": {"type": "list", "elements": "str", "default": []},
                    "mtu": {"type": "int", "default": 1500},
                    "addresses": {"type": "list", "elements": "str", "default": []},
                    "gateway_mac": {"type": "str"},
                    "suppress": {"type": "bool", "default": False},
                    "flooding": {"type": "bool", "default": True},
                },
            },
        },
        required_if=[("state", "present", ("local",)), ("form", "single", ("bridge", "device"))],
        mutually_exclusive=[("underlay_interfaces", "underlay_mtu")],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**VxlanBridge(module).run())
    except (IpError, _interfaces_file.UnsupportedError) as exc:
        module.fail_json(msg=str(exc))


if __name__ == "__main__":
    main()
