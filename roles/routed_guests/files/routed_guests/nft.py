# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Loads the firewall's rules and keeps its sets, by `nft -f -`: one call, one transaction, however many elements."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from . import ruleset
from .config import Config
from .journal import ERROR, INFO, NOTICE, Journal
from .wanted import Element

BY_BRIDGE = "ibrname"
BY_PORTS = "ports"
_FAMILIES = ("bridge", "inet")
_EVERY = 10  # so many times the sets are taken for right while nft's generation stays; then they are read again
_GETGEN = (10 << 8) | 16  # NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN
_HEADER = struct.Struct("=IHHII")


class NftError(Exception):
    """nft refused; its own words."""


def run(*arguments: str, text: str = "") -> str:
    try:
        done = subprocess.run(("nft", *arguments), input=text, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise NftError(f"nft: {exc}") from exc
    if done.returncode:
        raise NftError(next((line for line in done.stderr.splitlines() if line.strip()), "nft failed"))
    return done.stdout


def generation() -> int:
    """A number that grows with every change of any nft table; 0 where the kernel does not say."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 12) as netfilter:
            netfilter.settimeout(1)
            netfilter.send(_HEADER.pack(20, _GETGEN, 1, 1, 0) + b"\0\0\0\0")
            answer = netfilter.recv(4096)
    except OSError:
        return 0
    kind, value = struct.unpack_from("=H", answer, 22)[0], answer[24:28]
    return int.from_bytes(value, "big") if len(answer) >= 28 and kind & 0x3FFF == 1 else 0


def load(config: Config) -> str:
    """Load the rules; says by what the frames of the bridge are told. What is in the sets stays."""
    try:
        run("-f", "-", text=ruleset.render(config, by_bridge_name=True))
        return BY_BRIDGE
    except NftError:
        # Kernels without nft_meta_bridge. Proxmox' have it.
        run("-f", "-", text=ruleset.render(config, by_bridge_name=False))
        return BY_PORTS


def _value(item: Any) -> str:
    if isinstance(item, dict):
        if "elem" in item:
            return _value(item["elem"]["val"])
        if "concat" in item:
            first, *rest = item["concat"]
            return " . ".join([_part(first, True), *(_part(each, False) for each in rest)])
    return _part(item, isinstance(item, str) and ":" not in item and not item[:1].isdigit())


def _part(item: Any, may_be_name: bool) -> str:
    if isinstance(item, dict) and "prefix" in item:
        return f"{item['prefix']['addr']}/{item['prefix']['len']}"
    if isinstance(item, int):
        return f"0x{item:032x}"
    text = str(item)
    if text.startswith("0x"):
        return f"0x{int(text, 16):032x}"
    return f'"{text}"' if may_be_name and text.count(":") != 5 else text


def parse_sets(listing: str, family: str) -> set[Element]:
    """The elements in `nft -j list table`."""
    found = set()
    for entry in json.loads(listing)["nftables"]:
        if "set" in entry and entry["set"]["name"] in ruleset.SETS[family]:
            name = entry["set"]["name"]
            found |= {Element(family, name, _value(item)) for item in entry["set"].get("elem", ())}
    return found


def script(add: Iterable[Element], delete: Iterable[Element]) -> str:
    lines = []
    for verb, elements in (("delete", delete), ("add", add)):
        by_set: dict[tuple[str, str], list[str]] = {}
        for element in elements:
            by_set.setdefault((element.family, element.set), []).append(element.text)
        for (family, name), texts in sorted(by_set.items()):
            lines.append(f"{verb} element {family} {ruleset.TABLE} {name} {{ {', '.join(sorted(texts))} }}")
    return "\n".join(lines) + "\n"


class Firewall:
    """The sets as they should be. Where they cannot be made so, the frames of the guests concerned are dropped.

    Elements are kept by whom they are for: a guest's interface, a port, the other nodes.
    """

    def __init__(self, config: Config, journal: Journal) -> None:
        self._config = config
        self._journal = journal
        self._elements: dict[Hashable, frozenset[Element]] = {}
        self.mode = ""
        self._generation = 0
        self._trusted = 0

    def update(self, sets: Mapping[Hashable, frozenset[Element]]) -> None:
        """New elements of some; where they cannot be set, because somebody changed a table, all are compared."""
        add: set[Element] = set()
        delete: set[Element] = set()
        for key, elements in sets.items():
            old = self._elements.get(key, frozenset())
            add |= elements - old
            delete |= old - elements
            self._elements[key] = elements
            if not elements:
                del self._elements[key]
        if not add ^ delete:
            return
        try:
            run("-f", "-", text=script(add - delete, delete - add))
            self._generation = generation()
        except NftError:
            self._generation = 0
            self._compare()

    def sync(self, sets: Mapping[Hashable, frozenset[Element]]) -> None:
        """These and no others; compared with the kernel where anything has changed since."""
        changed = {key: elements for key, elements in sets.items() if elements} != self._elements
        self._elements = {key: elements for key, elements in sets.items() if elements}
        now = generation()
        self._trusted += 1
        if changed or not now or now != self._generation or not self._trusted % _EVERY:
            self._compare()

    def _compare(self) -> None:
        try:
            self._repair(set().union(*self._elements.values()))
            self._generation = generation()
            self._journal.standing("nft", ERROR, "")
        except (NftError, ValueError, KeyError) as exc:
            self._generation = 0
            self._journal.standing("nft", ERROR, f"the firewall's sets cannot be kept, guests may be cut off: {exc}")

    def _repair(self, want: set[Element]) -> None:
        try:
            got = self._read()
        except NftError:
            self.mode = load(self._config)
            self._journal.say(NOTICE, f"the firewall was not loaded: now it is, by {self.mode}")
            got = self._read()
        if got != want:
            if self._trusted > 1:
                self._journal.say(INFO, f"the firewall's sets: {len(got ^ want)} elements put right")
            run("-f", "-", text=script(want - got, got - want))

    def _read(self) -> set[Element]:
        found: set[Element] = set()
        for family in _FAMILIES:
            listing = run("-j", "list", "table", family, ruleset.TABLE)
            if family == "bridge":
                self.mode = BY_BRIDGE if '"ibrname"' in listing else BY_PORTS
            found |= parse_sets(listing, family)
        return found
