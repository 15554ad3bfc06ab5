# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""The only place that runs `wg`. Secrets go in by standard input, never by argument."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import Run
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._keys import Secret, mask
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._model import (
    Peer,
    Peers,
    Running,
    WireguardError,
    allowed_order,
)


class Wg:
    """
    wireguard-tools on one node.

    Not `wg show IF dump`, whose first field is the private key, but one subcommand a field, each once a run.
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    def running(self, name: str) -> Running | None:
        """None where `wg` knows no such interface (wireguard-go died, or it is something else)."""
        rc, out, dummy = self._run(["wg", "show", name, "public-key"], None)
        if rc != 0:
            return None
        mark = self._word(name, "fwmark")
        public_key = out.strip()
        return Running(
            "" if public_key == "(none)" else public_key,
            int(self._word(name, "listen-port") or 0),
            0 if mark in ("off", "") else int(mark, 0),
        )

    def public_key(self, name: str) -> str:
        word = self._word(name, "public-key")
        return "" if word == "(none)" else word

    def peers(self, name: str) -> Peers:
        allowed, endpoints = self._fields(name, "allowed-ips"), self._fields(name, "endpoints")
        keepalives, preshared = self._fields(name, "persistent-keepalive"), self._fields(name, "preshared-keys")
        return {
            key: Peer(
                key,
                tuple(sorted(_listed(words), key=allowed_order)),
                "" if endpoints.get(key, "(none)") == "(none)" else endpoints[key],
                None if preshared.get(key, "(none)") == "(none)" else Secret(preshared[key]),
                0 if keepalives.get(key, "off") == "off" else int(keepalives[key]),
            )
            for key, words in allowed.items()
        }

    def handshakes(self, name: str) -> dict[str, int]:
        """Public key → when the last handshake was, in seconds since 1970; 0: never."""
        return {key: int(value or 0) for key, value in self._fields(name, "latest-handshakes").items()}

    def private_key(self, name: str) -> Secret | None:
        """For putting it back; never for telling."""
        word = self._word(name, "private-key")
        return None if word in ("", "(none)") else Secret(word)

    def make_key(self) -> Secret:
        return Secret(self._said(["wg", "genkey"]))

    def public_of(self, private_key: Secret) -> str:
        return self._said(["wg", "pubkey"], f"{private_key.reveal()}\n")

    def set_interface(self, name: str, *words: str, private_key: Secret | None = None) -> None:
        command = ["wg", "set", name, *words]
        if private_key is not None:
            command += ["private-key", "/dev/stdin"]
        self._said(command, f"{private_key.reveal()}\n" if private_key else None)

    def add(self, name: str, sections: str) -> None:
        """Peers that are new or differ, as [Peer] sections. Those that are not named are not touched."""
        if sections:
            self._said(["wg", "addconf", name, "/dev/stdin"], sections)

    def remove(self, name: str, public_keys: Iterable[str]) -> None:
        words = [word for key in public_keys for word in ("peer", key, "remove")]
        if words:
            self._said(["wg", "set", name, *words])

    def _word(self, name: str, field: str) -> str:
        return self._said(["wg", "show", name, field])

    def _fields(self, name: str, field: str) -> dict[str, str]:
        rows = (line.partition("\t") for line in self._said(["wg", "show", name, field]).splitlines())
        return {key: value.strip() for key, dummy, value in rows if key}

    def _said(self, command: Sequence[str], data: str | None = None) -> str:
        return said(self._run, command, data)


def said(run: Run, command: Sequence[str], data: str | None = None) -> str:
    """What a command prints; raises WireguardError with its words where it fails."""
    rc, out, err = run(command, data)
    if rc != 0:
        shown = mask(" ".join(command))
        raise WireguardError(f"`{shown}` failed: {_last_words(err or out) or f'exit code {rc}'}")
    return out.strip()


def _last_words(text: str) -> str:
    """wg-quick tells every step (`[#] ...`), wireguard-go draws a box: what is left is the reason."""
    lines = (line.strip() for line in mask(text).splitlines())
    return "; ".join(line for line in lines if line and not line.startswith("[#]") and not re.match(r"[│┌└]", line))


def ways(run: Run, hosts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Address → what `ip route get` says about the way there, of all of them in one process. No way: not in it."""
    if not hosts:
        return {}
    lines = "".join(f"route get {host.partition('%')[0]}\n" for host in hosts)
    out = run(["ip", "-j", "-force", "-batch", "-"], lines)[1]
    decoder, place, found = json.JSONDecoder(), 0, {}
    while place < len(out):
        if out[place] != "[":
            place += 1
            continue
        rows, place = decoder.raw_decode(out, place)
        found.update({row["dst"]: row for row in rows if "dst" in row})
    return found


def _listed(words: str) -> list[str]:
    return [] if words == "(none)" else words.split()
