# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The agent's configuration, ``/etc/routed-guests/config.json``: read, checked, and what is wrong is named."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .addresses import Network, parse, parse_mac

PATH = "/etc/routed-guests/config.json"
SOURCES = ("fabric", "ipfilter", "ipconfig")
MAIN_TABLE = 254


class ConfigError(Exception):
    """The configuration cannot be used; the text says where and why."""


@dataclass(frozen=True)
class Metrics:
    """What the route maps of FRR tell apart (the collection's numbers)."""

    fresh: int = 10
    steady: int = 11
    leaving: int = 12


@dataclass(frozen=True)
class Timing:
    """Seconds."""

    fresh_s: float = 10.0
    leaving_min_s: float = 1.0
    leaving_max_s: float = 30.0
    poll_s: float = 0.1
    fast_poll_s: float = 0.025
    resync_s: float = 30.0


@dataclass(frozen=True)
class Peer:
    """Another node, as the forwarding device reaches it."""

    address: Network
    mac: str
    link_local: Network


@dataclass(frozen=True)
class Forward:
    """The VXLAN device over which packets follow a guest that has just left."""

    interface: str
    vni: int
    port: int
    mtu: int
    local: Network
    mac: str
    link_local: Network
    peers: Mapping[str, Peer]


@dataclass(frozen=True)
class Config:
    node: str
    bridge: str
    table: int
    incoming_table: int
    protocol: int
    prefixes: tuple[Network, ...]
    guests_file: str
    sources: tuple[str, ...]
    forward: Forward | None
    pve: str
    metrics: Metrics = field(default_factory=Metrics)
    timing: Timing = field(default_factory=Timing)
    # `ip rule` priorities of the two tables
    table_priority: int = 1000
    incoming_priority: int = 990
    qmp: str = "/var/run/qemu-server"
    run: str = "/run/routed-guests"

    @property
    def has_own_table(self) -> bool:
        """FRR 8.4 redistributes from main only; then the routes stand there and need no rule."""
        return self.table != MAIN_TABLE


class Reader:
    """Takes typed values out of a mapping and says the path of what is wrong."""

    def __init__(self, data: Any, path: str = "") -> None:
        if not isinstance(data, dict):
            raise ConfigError(f"{path or 'the configuration'} must be a mapping, not {data!r}")
        self.data = data
        self.path = path

    def at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def raw(self, key: str, default: Any = ...) -> Any:
        if key in self.data:
            return self.data[key]
        if default is ...:
            raise ConfigError(f"{self.at(key)} is missing")
        return default

    def text(self, key: str, default: Any = ...) -> str:
        value = self.raw(key, default)
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{self.at(key)} must be a text, not {value!r}")
        return value

    def integer(self, key: str, low: int, high: int, default: Any = ...) -> int:
        value = self.raw(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ConfigError(f"{self.at(key)} must be a whole number from {low} to {high}, not {value!r}")
        return value

    def seconds(self, key: str, default: float) -> float:
        value = self.raw(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 86400:
            raise ConfigError(f"{self.at(key)} must be seconds, from 0 to 86400, not {value!r}")
        return float(value)

    def converted(self, key: str, convert: Callable[[str], Any]) -> Any:
        value = self.text(key)
        try:
            return convert(value)
        except ValueError as exc:
            raise ConfigError(f"{self.at(key)}: {exc}") from exc

    def interface(self, key: str) -> str:
        value = self.text(key)
        if len(value) > 15 or not all(character.isalnum() or character in "._-" for character in value):
            raise ConfigError(f"{self.at(key)}: {value!r} is not the name of an interface")
        return value

    def texts(self, key: str, default: Any = ...) -> tuple[str, ...]:
        value = self.raw(key, default)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigError(f"{self.at(key)} must be a list of texts, not {value!r}")
        return tuple(value)


def _forward(data: Any) -> Forward | None:
    if data is None:
        return None
    reader = Reader(data, "forward")
    peers: dict[str, Peer] = {}
    for name, entry in Reader(reader.raw("peers"), "forward.peers").data.items():
        peer = Reader(entry, f"forward.peers.{name}")
        peers[name] = Peer(
            address=peer.converted("address", parse),
            mac=peer.converted("mac", parse_mac),
            link_local=peer.converted("link_local", parse),
        )
    return Forward(
        interface=reader.interface("interface"),
        vni=reader.integer("vni", 1, 2**24 - 1),
        port=reader.integer("port", 1, 65535),
        mtu=reader.integer("mtu", 1280, 65535),
        local=reader.converted("local", parse),
        mac=reader.converted("mac", parse_mac),
        link_local=reader.converted("link_local", parse),
        peers=peers,
    )


def _prefixes(reader: Reader) -> tuple[Network, ...]:
    prefixes = []
    for number, text in enumerate(reader.texts("prefixes")):
        try:
            prefixes.append(parse(text))
        except ValueError as exc:
            raise ConfigError(f"prefixes[{number}]: {exc}") from exc
    return tuple(prefixes)


def read(data: Any) -> Config:
    """Config from parsed JSON; ConfigError with the path of the first thing that is wrong."""
    reader = Reader(data)
    metrics = Reader(reader.raw("metrics", {}), "metrics")
    timing = Reader(reader.raw("timing", {}), "timing")
    sources = reader.texts("sources", ["fabric"])
    for source in sources:
        if source not in SOURCES:
            raise ConfigError(f"sources: {source!r} is none of {', '.join(SOURCES)}")
    return Config(
        node=reader.text("node"),
        bridge=reader.interface("bridge"),
        table=reader.integer("table", 1, 2**32 - 1),
        incoming_table=reader.integer("incoming_table", 1, 2**32 - 1),
        protocol=reader.integer("protocol", 5, 255),
        prefixes=_prefixes(reader),
        guests_file=reader.text("guests_file", "/etc/pve/fabric/guests.json"),
        sources=sources,
        forward=_forward(reader.raw("forward", None)),
        pve=reader.text("pve", "/etc/pve"),
        metrics=Metrics(
            fresh=metrics.integer("fresh", 1, 2**31, 10),
            steady=metrics.integer("steady", 1, 2**31, 11),
            leaving=metrics.integer("leaving", 1, 2**31, 12),
        ),
        timing=Timing(**{name: timing.seconds(name, getattr(Timing, name)) for name in Timing.__dataclass_fields__}),
        table_priority=reader.integer("table_priority", 1, 32765, 1000),
        incoming_priority=reader.integer("incoming_priority", 1, 32765, 990),
        qmp=reader.text("qmp", "/var/run/qemu-server"),
        run=reader.text("run", "/run/routed-guests"),
    )


def load_data(path: str) -> dict[str, Any]:
    """The file as it is, in which at most the form was checked."""
    try:
        data = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(f"{path}: {exc.strerror}") from exc
    except ValueError as exc:
        raise ConfigError(f"{path} is not JSON: {exc}") from exc
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: the configuration must be a mapping, not {data!r}")
    return data


def load(path: str) -> Config:
    data = load_data(path)
    try:
        return read(data)
    except ConfigError as exc:
        raise ConfigError(f"{path}: {exc}") from exc
