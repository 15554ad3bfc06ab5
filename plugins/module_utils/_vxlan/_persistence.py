# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""What keeps the overlay over a reboot on this node: which files, what was ours, what has to be written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Optional

from ansible_collections.routed.fabric.plugins.module_utils import _interfaces_file as interfaces_file
from ansible_collections.routed.fabric.plugins.module_utils._ip._files import Files
from ansible_collections.routed.fabric.plugins.module_utils._ip._links import Address
from ansible_collections.routed.fabric.plugins.module_utils._ip._persistence import RunCommand, manager
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError
from ansible_collections.routed.fabric.plugins.module_utils._vxlan import _files, _networkd
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._model import Links
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._wanted import Overlay

# path, text before, text after (None: no such file)
FileChange = tuple[str, Optional[str], Optional[str]]


class Persistence(ABC):
    name = ""

    def __init__(self, files: Files, run: RunCommand) -> None:
        self._files = files
        self._run = run

    @abstractmethod
    def owned(self) -> dict[str, tuple[Address, ...]]:
        """The interfaces that the last run made, and their addresses."""

    def stanzas(self) -> dict[str, list[str]]:
        """File of somebody else → the interfaces that it configures."""
        return {}

    def problems(self, overlay: Overlay) -> list[str]:
        """Why files of ours would be impossible or without effect."""
        return []

    @abstractmethod
    def texts(self, overlay: Overlay, wanted: Links, gone: Collection[int] | None) -> Mapping[str, str | None]:
        """Path → text. `gone`: VNIs that are not wanted any more; None: all but those of `overlay`."""

    def changes(self, overlay: Overlay, wanted: Links, gone: Collection[int] | None) -> list[FileChange]:
        found = []
        for path, text in self.texts(overlay, wanted, gone).items():
            before = self._files.read(path)
            if before != text:
                found.append((path, before, text))
        return found

    def announce(self) -> None:  # noqa: B027 - ifupdown2 needs no word
        """Tell a running manager about new files."""


class Ifupdown2(Persistence):
    name = "ifupdown2"

    def owned(self) -> dict[str, tuple[Address, ...]]:
        return _files.owned_addresses(self._files.read(_files.IFUPDOWN2_FILE) or "")

    def stanzas(self) -> dict[str, list[str]]:
        main = interfaces_file.IFUPDOWN2_MAIN
        others = [main, *(f"{main}.d/{name}" for name in self._files.list(f"{main}.d", "*"))]
        texts = {path: self._files.read(path) or "" for path in others if path != _files.IFUPDOWN2_FILE}
        return {path: _files.stanza_names(text) for path, text in texts.items()}

    def texts(self, overlay: Overlay, wanted: Links, gone: Collection[int] | None) -> Mapping[str, str | None]:
        before = self._files.read(_files.IFUPDOWN2_FILE)
        blocks = _files.merged_blocks(before or "", _files.blocks_of(overlay, wanted), gone)
        texts: dict[str, str | None] = {
            _files.IFUPDOWN2_FILE: _files.join_blocks(blocks) if blocks else None,
            _files.VLAN_FILE: _files.vlan_file(wanted[overlay.device], wanted[overlay.bridge])
            if "device" in blocks and overlay.device in wanted
            else None,
        }
        if blocks:
            main = self._files.read(interfaces_file.IFUPDOWN2_MAIN) or ""
            texts[interfaces_file.IFUPDOWN2_MAIN] = interfaces_file.with_source_line(main, _files.IFUPDOWN2_NAME)
        return texts


class Networkd(Persistence):
    name = "systemd-networkd"

    def _own(self) -> dict[str, str]:
        directory = _networkd.DIRECTORY
        names = self._files.list(directory, f"{_networkd.PREFIX}*")
        return {name: self._files.read(f"{directory}/{name}") or "" for name in names}

    def owned(self) -> dict[str, tuple[Address, ...]]:
        return _networkd.owned_addresses(self._own())

    def problems(self, overlay: Overlay) -> list[str]:
        if overlay.form == "single" and overlay.segments:
            way_out = "install ifupdown2, use `form: per_vni`, or set `persist: false` and keep the device yourself"
            return [f"form: systemd-networkd has no words for the VLANs and VNIs of a single VXLAN device; {way_out}"]
        return []

    def texts(self, overlay: Overlay, wanted: Links, gone: Collection[int] | None) -> Mapping[str, str | None]:
        directory = _networkd.DIRECTORY
        texts: dict[str, str | None] = {f"{directory}/{name}": None for name in _networkd.outdated(self._own(), gone)}
        texts.update({f"{directory}/{name}": text for name, text in _networkd.render(overlay, wanted).items()})
        return texts

    def announce(self) -> None:
        rc, out, err = self._run(["networkctl", "reload"])
        if rc != 0:
            raise IpError(f"`networkctl reload` failed: {(err or out).strip()}")


def persistence_of(files: Files, run: RunCommand) -> Persistence:
    """Raises UnsupportedError where we write nothing."""
    return {"ifupdown2": Ifupdown2, "systemd-networkd": Networkd}[manager(files, run)](files, run)
