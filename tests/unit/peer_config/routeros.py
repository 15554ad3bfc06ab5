# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RouterOS as far as our scripts use it: its commands with their properties, and an interpreter of its scripting.

The paths and properties are those of MikroTik's documentation (https://help.mikrotik.com/docs/: WireGuard, Routing
Rule, IP Routing, BGP, Routing Filter, Filter, Address-lists, IPv6 Address) and were compared with the data of the
collection community.routeros 3.14.0 (plugins/module_utils/_api_data.py), which also says since or until when a property
is there.
`place-before` is a parameter of every `add` in a list with an order (Command Line Interface, General Commands).
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple


class Property(NamedTuple):
    since: tuple[int, int] = (7, 0)
    until: tuple[int, int] = (99, 0)  # not any more in this version


ANY = Property()
_ROUTE = ("blackhole", "comment", "disabled", "distance", "dst-address", "gateway", "routing-table", "scope")
_FILTER = (
    "action", "chain", "comment", "disabled", "dst-port", "in-interface", "in-interface-list", "protocol",
    "src-address", "place-before",
)  # fmt: skip
PATHS: dict[str, dict[str, Property]] = {
    "/interface wireguard": dict.fromkeys(("comment", "disabled", "listen-port", "mtu", "name", "private-key"), ANY),
    "/interface wireguard peers": {
        **dict.fromkeys(
            ("allowed-address", "comment", "disabled", "endpoint-address", "endpoint-port", "interface",
             "persistent-keepalive", "preshared-key", "public-key"), ANY
        ),
        "name": Property((7, 15)),
    },
    "/routing table": dict.fromkeys(("comment", "disabled", "fib", "name"), ANY),
    "/routing rule": dict.fromkeys(
        ("action", "comment", "disabled", "dst-address", "interface", "min-prefix", "routing-mark", "src-address",
         "table", "place-before"), ANY
    ),
    "/ip route": dict.fromkeys(_ROUTE, ANY),
    "/ipv6 route": dict.fromkeys(_ROUTE, ANY),
    "/ip address": dict.fromkeys(("address", "comment", "disabled", "interface", "network"), ANY),
    "/ipv6 address": dict.fromkeys(
        ("address", "advertise", "comment", "disabled", "eui-64", "interface", "no-dad"), ANY
    ),
    "/ip firewall filter": dict.fromkeys(_FILTER, ANY),
    "/ipv6 firewall filter": dict.fromkeys(_FILTER, ANY),
    "/ip firewall address-list": dict.fromkeys(("address", "comment", "disabled", "list"), ANY),
    "/ipv6 firewall address-list": dict.fromkeys(("address", "comment", "disabled", "list"), ANY),
    "/routing filter rule": dict.fromkeys(("chain", "comment", "disabled", "rule"), ANY),
    "/routing bgp instance": dict.fromkeys(("as", "name", "router-id"), Property((7, 20))),
    "/routing bgp connection": {
        **dict.fromkeys(
            ("comment", "disabled", "input.filter", "local.address", "local.role", "name", "output.network",
             "remote.address", "remote.as"), ANY
        ),
        "as": Property(until=(7, 20)),
        "router-id": Property(until=(7, 20)),
        "address-families": Property(until=(7, 19)),
        "afi": Property((7, 19)),
        "instance": Property((7, 20)),
    },
}  # fmt: skip
# Read-only ones, which `get` tells.
TOLD = {"/interface wireguard": ("public-key", "running")}
FLAGS = ("fib", "blackhole")
VALUES = {
    "action": r"accept|drop|lookup|lookup-only-in-table",
    "listen-port": r"\d{1,5}",
    "endpoint-port": r"\d{1,5}",
    "dst-port": r"\d{1,5}",
    "mtu": r"\d{3,5}",
    "distance": r"\d{1,3}",
    "persistent-keepalive": r"\d+s",
    "dst-address": r"[0-9a-f:.]+/\d+",
    "src-address": r"[0-9a-f:.]+/\d+",
    "allowed-address": r"[0-9a-f:.]+/\d+(,[0-9a-f:.]+/\d+)*",
    "public-key": r'"[A-Za-z0-9+/]{43}="',
    "preshared-key": r'"[A-Za-z0-9+/]{43}="',
    "local.role": r"ebgp|ibgp",
    "protocol": r"udp|tcp",
    "advertise": r"yes|no",
    "rule": r'"if \(dst == [0-9a-f:.]+/\d+\) \{ accept \}"',
}

_TOKEN = re.compile(r'\s+|"(?:[^"\\]|\\.)*"|->|[\[\](){}=;]|:[a-z]+|[^\s\[\](){}=;"]+')


class ScriptError(ValueError):
    """A line that RouterOS would not take."""


class Router:
    """Its lists, and what a script does to them."""

    def __init__(self, version: tuple[int, int] = (7, 18)) -> None:
        self.version = version
        self.items: dict[str, list[dict[str, str]]] = {}
        self.said: list[str] = []

    def run(self, script: str) -> None:
        for line in script.splitlines():
            if line and not line.startswith("#"):
                _Line(self, line).run()

    def state(self) -> dict[str, list[dict[str, str]]]:
        return {path: [dict(item) for item in items] for path, items in self.items.items() if items}


class _Line:
    """Reads and does one line; what is not taken is read and checked all the same."""

    def __init__(self, router: Router, line: str) -> None:
        self.router = router
        self.line = line
        self.tokens = []
        place = 0
        while place < len(line):
            match = _TOKEN.match(line, place)
            if not match:
                raise ScriptError(f"cannot be read at {line[place:]!r}")
            if not match.group().isspace():
                self.tokens.append(match.group())
            place = match.end()

    def run(self) -> None:
        self._command(True)
        if self.tokens:
            raise ScriptError(f"more at the end: {self.tokens}")

    def _next(self, wanted: str = "") -> str:
        if not self.tokens:
            raise ScriptError("ends too early")
        token = self.tokens.pop(0)
        if wanted and token != wanted:
            raise ScriptError(f"{wanted!r} is missing before {token!r}")
        return token

    def _command(self, doing: bool) -> None:
        token = self._next()
        if token == ":if":
            self._next("(")
            true = bool(self._value())
            self._next("=")
            equal = str(int(true)) == "0" if self._next() == "0" else True
            self._next(")")
            self._block("do", doing and equal)
            if self.tokens[:1] == ["else"]:
                self._block("else", doing and not equal)
        elif token == ":put":
            self._next("[")
            path, verb = self._path(self._next())
            if verb != "get":
                raise ScriptError(f"{verb} tells nothing")
            found = self._value()
            name = self._next()
            if name not in TOLD.get(path, ()):
                raise ScriptError(f"{path} tells no {name}")
            self._next("]")
            if doing:
                self.router.said += [item.get(name, "made by the router") for item in found]
        elif token.startswith("/"):
            path, verb = self._path(token)
            if verb != "add":
                raise ScriptError(f"{verb} is not what our scripts do")
            self._add(path, doing)
        else:
            raise ScriptError(f"{token!r} is no command")

    def _block(self, word: str, doing: bool) -> None:
        self._next(word)
        self._next("=")
        self._next("{")
        self._command(doing)
        self._next("}")

    def _path(self, first: str) -> tuple[str, str]:
        words = [first]
        while self.tokens:
            word = self._next()
            if word in ("add", "find", "get", "set", "remove", "print"):
                path = " ".join(words)
                if path not in PATHS:
                    raise ScriptError(f"{path} is no command path")
                return path, word
            words.append(word)
        raise ScriptError(f"{' '.join(words)} has no command")

    def _value(self) -> Any:
        """`[:len [...]]`, `[PATH find where ...]`, `(... -> 0)`."""
        opening = self._next()
        if opening == "(":
            found = self._value()
            self._next("->")
            number = int(self._next())
            self._next(")")
            return found[number : number + 1]
        if opening != "[":
            raise ScriptError(f"{opening!r} is no value")
        token = self._next()
        if token == ":len":
            found = len(self._value())
            self._next("]")
            return found
        path, verb = self._path(token)
        if verb != "find":
            raise ScriptError(f"{verb} finds nothing")
        self._next("where")
        wanted = {}
        while True:
            key = self._next()
            self._known(path, key)
            self._next("=")
            wanted[key] = _plain(self._next())
            if self.tokens[:1] != ["and"]:
                break
            self._next("and")
        self._next("]")
        return [item for item in self.router.items.get(path, []) if wanted.items() <= item.items()]

    def _add(self, path: str, doing: bool) -> None:
        item: dict[str, str] = {}
        before = None
        while self.tokens and self.tokens[0] != "}":
            key = self._next()
            self._known(path, key)
            if key in item:
                raise ScriptError(f"{key} stands there twice")
            if self.tokens[:1] != ["="]:
                if key not in FLAGS:
                    raise ScriptError(f"{key} has no value")
                item[key] = "yes"
                continue
            self._next("=")
            if key == "place-before":
                before = self._value()
                continue
            value = self._next()
            if key in FLAGS or not re.fullmatch(VALUES.get(key, r'"[^"]*"|[A-Za-z0-9_.:/,-]+'), value):
                raise ScriptError(f"{key} cannot be {value}")
            item[key] = _plain(value)
        if not doing:
            return
        items = self.router.items.setdefault(path, [])
        if before is not None:
            if not before:
                raise ScriptError("place-before names nothing")
            items.insert(next(index for index, other in enumerate(items) if other is before[0]), item)
        else:
            items.append(item)

    def _known(self, path: str, key: str) -> None:
        known = PATHS[path].get(key)
        if known is None:
            raise ScriptError(f"{path} has no {key}")
        if not known.since <= self.router.version < known.until:
            raise ScriptError(f"{path} has no {key} in {self.router.version}")


def _plain(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
