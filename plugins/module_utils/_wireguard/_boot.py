# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""What brings an interface up now and at the next boot. The configuration file is the same, who reads it differs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from ansible_collections.routed.fabric.plugins.module_utils import _interfaces_file as interfaces_file
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import Run
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._model import Interface
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._store import Store
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._transport import said

DIRECTORY = "/etc/wireguard"
# Gone with the next boot, like the interface.
TRANSIENT_DIRECTORY = "/run/routed-fabric/wireguard"
_WANTS = "/etc/systemd/system/multi-user.target.wants"
_IFUPDOWN2 = "/usr/share/ifupdown2"
_SYSTEMCTL = "/usr/bin/systemctl"


class File(NamedTuple):
    text: str | None
    mode: int = 0o644


def configuration_path(name: str, persist: bool) -> str:
    return f"{DIRECTORY if persist else TRANSIENT_DIRECTORY}/{name}.conf"


def unit_of(name: str) -> str:
    return f"wg-quick@{name}.service"


def stanza_path(name: str) -> str:
    return f"/etc/network/interfaces.d/routed-fabric-{name}"


def render_stanza(name: str, interface: Interface) -> str:
    """
    For ifupdown2. `ifreload` runs the commands again, so they look first. It also takes the link down and up, with
    which IPv6 addresses and all routes are gone: so both are named here; without `mtu` it would set its own default.
    Its own `address` does not see every time that the kernel took an IPv6 address away (on a busy node the word of it
    comes after it has looked), so they are put back once more at the end.
    """
    addresses = "".join(f"    address {address}\n" for address in interface.addresses)
    routes = f"{DIRECTORY}/{name}.routes"
    again = "".join(
        f"    post-up ip address replace {address} dev {name}\n" for address in interface.addresses if ":" in address
    )
    return f"""# Written by the Ansible collection routed.fabric (module wireguard_interface).
# Do not edit: the next run puts this file back.

auto {name}
iface {name}
    address-purge no
    mtu {interface.mtu}
{addresses}    pre-up wg show {name} public-key >/dev/null 2>&1 || wg-quick up {name}
{again}    post-up [ ! -e {routes} ] || ip -force -batch {routes} || true
    post-down wg-quick down {name} || true
"""


class Boot:
    """`manager`: wg-quick, ifupdown2, or empty for an interface that shall not outlive the boot."""

    def __init__(self, name: str, manager: str, run: Run, store: Store) -> None:
        self._name = name
        self._manager = manager
        self._run = run
        self._store = store

    def problems(self) -> list[str]:
        if self._manager == "wg-quick" and not self._store.exists(_SYSTEMCTL):
            return [
                "persist: there is no systemd on this node; set `persist: false` and bring the interface up yourself"
            ]
        if self._manager == "ifupdown2" and not self._store.exists(_IFUPDOWN2):
            return ["manager: there is no ifupdown2 on this node; `manager: wg-quick` works on every node with systemd"]
        return []

    def files(self, interface: Interface, present: bool) -> Mapping[str, File]:
        """Besides the configuration itself. Those of the other manager go."""
        if not self._manager:
            return {}
        texts: dict[str, File] = {stanza_path(self._name): File(None)}
        if present and self._manager == "ifupdown2":
            main = self._store.read(interfaces_file.IFUPDOWN2_MAIN).text or ""
            texts[stanza_path(self._name)] = File(render_stanza(self._name, interface))
            texts[interfaces_file.IFUPDOWN2_MAIN] = File(interfaces_file.with_source_line(main))
        return texts

    def enabled(self) -> bool:
        return os.path.lexists(f"{_WANTS}/{unit_of(self._name)}")

    def to_enable(self, present: bool) -> bool | None:
        """Whether the unit has to be enabled or disabled; None: it stays as it is."""
        if not self._manager:
            return None
        wanted = present and self._manager == "wg-quick"
        return None if self.enabled() == wanted else wanted

    def enable(self, wanted: bool) -> None:
        said(self._run, ["systemctl", "enable" if wanted else "disable", unit_of(self._name)])

    def _by_unit(self) -> bool:
        return self._manager == "wg-quick" and self._store.exists("/run/systemd/system")

    def up_command(self) -> str:
        return " ".join(self._up())

    def _up(self) -> list[str]:
        if self._by_unit():
            # Not `start`: after wireguard-go has died the unit is still `active`, and start does nothing.
            return ["systemctl", "restart", unit_of(self._name)]
        if self._manager == "ifupdown2":
            return ["ifup", self._name]
        path = self._name if self._manager else configuration_path(self._name, persist=False)
        return ["wg-quick", "up", path]

    def up(self) -> None:
        said(self._run, self._up())

    def down(self, there: bool) -> None:
        """Whoever brought it up: the unit is stopped, and then the interface is gone."""
        if self._store.exists("/run/systemd/system") and self._manager:
            said(self._run, ["systemctl", "stop", unit_of(self._name)])
        if there:
            self._run(["ip", "link", "del", "dev", self._name], None)
