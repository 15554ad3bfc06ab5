# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""What keeps the underlay over a reboot on this node: which files, what was ours, what has to be written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Callable

from ansible_collections.routed.fabric.plugins.module_utils import _interfaces_file as interfaces_file
from ansible_collections.routed.fabric.plugins.module_utils._ip import _sysctl
from ansible_collections.routed.fabric.plugins.module_utils._ip._files import Files
from ansible_collections.routed.fabric.plugins.module_utils._ip._links import Address
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError
from ansible_collections.routed.fabric.plugins.module_utils._ip._wanted import Underlay

RunCommand = Callable[..., "tuple[int, str, str]"]

_NETWORKD_DIRECTORIES = ("/etc/systemd/network", "/run/systemd/network", "/usr/lib/systemd/network")


class Persistence(ABC):
    """The files of one node. Subclasses say which they are."""

    name = ""

    def __init__(self, files: Files, run: RunCommand) -> None:
        self._files = files
        self._run = run

    def problems(self, wanted: Underlay) -> list[str]:
        """Why files of ours would be without effect."""
        return []

    @abstractmethod
    def owned(self) -> dict[str, list[Address]]:
        """The addresses that the last run gave to each interface."""

    @abstractmethod
    def texts(self, wanted: Underlay) -> Mapping[str, str | None]:
        """Path → text (None: no such file any more) of the files about interfaces."""

    def announce(self) -> None:  # noqa: B027 - most managers need no word
        """Tell a running manager about new files."""

    def changes(self, wanted: Underlay) -> list[tuple[str, str | None, str | None]]:
        texts = {**self.texts(wanted), **wanted.names}
        if wanted.sysctl:
            texts[_sysctl.FILE] = _sysctl.render_file(wanted.sysctl)
        found = []
        for path, text in texts.items():
            before = self._files.read(path)
            if before != text:
                found.append((path, before, text))
        return found


class Ifupdown2(Persistence):
    name = "ifupdown2"

    def owned(self) -> dict[str, list[Address]]:
        return interfaces_file.parse_ifupdown2(self._files.read(interfaces_file.IFUPDOWN2_FILE) or "")

    def texts(self, wanted: Underlay) -> Mapping[str, str | None]:
        by_interface: dict[str, dict[str, str]] = {}
        for path, value in wanted.sysctl.items():
            by_interface.setdefault(_sysctl.interface_of(path), {})[path] = value
        main = self._files.read(interfaces_file.IFUPDOWN2_MAIN) or ""
        return {
            interfaces_file.IFUPDOWN2_FILE: interfaces_file.render_ifupdown2(
                [wanted.loopback, *wanted.interfaces], by_interface
            ),
            interfaces_file.IFUPDOWN2_MAIN: interfaces_file.with_source_line(main),
        }


class Networkd(Persistence):
    name = "systemd-networkd"

    def _own_files(self) -> dict[str, str]:
        directory = interfaces_file.NETWORKD_DIRECTORY
        names = self._files.list(directory, f"{interfaces_file.NETWORKD_PREFIX}*")
        return {name: self._files.read(f"{directory}/{name}") or "" for name in names}

    def problems(self, wanted: Underlay) -> list[str]:
        others = {}
        for directory in _NETWORKD_DIRECTORIES:
            for name in self._files.list(directory, "*.network"):
                others[name] = self._files.read(f"{directory}/{name}") or ""
        return interfaces_file.networkd_rivals([i.name for i in (wanted.loopback, *wanted.interfaces)], others)

    def owned(self) -> dict[str, list[Address]]:
        own = self._own_files()
        return interfaces_file.parse_networkd({name: text for name, text in own.items() if name.endswith(".network")})

    def texts(self, wanted: Underlay) -> Mapping[str, str | None]:
        directory = interfaces_file.NETWORKD_DIRECTORY
        texts: dict[str, str | None] = {f"{directory}/{name}": None for name in self._own_files()}
        rendered = interfaces_file.render_networkd([wanted.loopback, *wanted.interfaces])
        texts.update({f"{directory}/{name}": text for name, text in rendered.items()})
        texts[interfaces_file.NETWORKD_CONF] = interfaces_file.NETWORKD_CONF_TEXT
        return texts

    def announce(self) -> None:
        rc, out, err = self._run(["networkctl", "reload"])
        if rc != 0:
            raise IpError(f"`networkctl reload` failed: {(err or out).strip()}")


def manager(files: Files, run: RunCommand) -> str:
    """`ifupdown2` or `systemd-networkd`; raises UnsupportedError where we write nothing."""
    _rc, states, _err = run(["systemctl", "is-active", "systemd-networkd.service", "NetworkManager.service"])
    active: list[Any] = [line == "active" for line in states.split()] or [False, False]
    probe = interfaces_file.Probe(
        ifupdown2=files.exists("/usr/share/ifupdown2") and files.exists("/usr/sbin/ifreload"),
        classic_ifupdown=files.exists("/usr/sbin/ifup") or files.exists("/sbin/ifup"),
        networkd=active[0],
        network_manager=len(active) > 1 and active[1],
    )
    return interfaces_file.manager_of(probe)


def persistence_of(files: Files, run: RunCommand) -> Persistence:
    """Raises UnsupportedError where we write nothing."""
    return {"ifupdown2": Ifupdown2, "systemd-networkd": Networkd}[manager(files, run)](files, run)
