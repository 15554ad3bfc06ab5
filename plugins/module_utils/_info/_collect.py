# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection routed.fabric: no promise is made to code outside of it.
"""Reads a node for fabric_info: one method a subset."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Callable

from ansible_collections.routed.fabric.plugins.module_utils._info import (
    _ceph,
    _frr,
    _guests,
    _ping,
    _stable,
    _vxlan,
    _wireguard,
)
from ansible_collections.routed.fabric.plugins.module_utils._ip import _sysctl
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import Ip, IpError, Sysctl

Run = Callable[..., "tuple[int, str, str]"]
"""(arguments, standard input or nothing) → exit code, output, errors."""

OWNED_FILES = (
    "/etc/frr/frr.conf",
    "/etc/frr/daemons",
    "/etc/frr/vtysh.conf",
    "/etc/network/interfaces",
    "/etc/network/interfaces.d/routed-fabric",
    "/etc/network/interfaces.d/routed-fabric-vxlan",
    "/etc/network/routed-fabric-vxlan.vlans",
    "/etc/routed-fabric/*",
    "/etc/systemd/network/1?-routed-fabric-*",
    "/etc/wireguard/*",
    "/etc/systemd/networkd.conf.d/10-routed-fabric.conf",
    "/etc/sysctl.d/90-routed-fabric.conf",
    "/etc/sysctl.d/91-routed-fabric-guests.conf",
    "/etc/routed-guests/*",
    "/etc/ceph/*",
    "/etc/systemd/system/ceph-*@.service.d/10-routed-fabric.conf",
    "/etc/systemd/system/routed-guests.service",
    "/etc/systemd/system/fabric-*.service",
    "/usr/local/lib/routed-guests/routed_guests/*.py",
    "/usr/local/sbin/routed-guests",
)


DEFAULT_ROUTE = {"ipv4": "0.0.0.0/0", "ipv6": "::/0"}


class Collector:
    """Everything that fabric_info can tell about one node. What several subsets need is read once."""

    def __init__(self, run: Run, options: Mapping[str, Any]) -> None:
        self._run = run
        self._options = options
        self._ip = Ip(run)
        self._link_dump: list[dict[str, Any]] | None = None
        self._shown: dict[str, Any] = {}

    def collect(self, subsets: Sequence[str]) -> dict[str, Any]:
        self._shown = self._ask_frr(subsets)
        return {subset: getattr(self, f"_{subset}")() for subset in subsets}

    def _ask_frr(self, subsets: Sequence[str]) -> dict[str, Any]:
        wanted = set(subsets)
        commands = []
        if wanted & {"advertised", "bgp", "snapshot"}:
            commands.append(_frr.BGP_NEIGHBORS)
        if "bfd" in wanted:
            commands.append(_frr.BFD_PEERS)
        if "evpn" in wanted:
            commands.append(_frr.EVPN_VNIS)
        if "rib" in wanted:
            commands += _frr.RIB.values()
        if "advertised" in wanted:
            commands += [
                _frr.advertised_command(family, neighbor)
                for neighbor in self._options["advertised_to"]
                for family in ("ipv4", "ipv6")
            ]
        if wanted & {"frr_running_config", "snapshot"}:
            commands.append(_frr.RUNNING_CONFIG)  # last: it is not JSON
        return _frr.Vtysh(self._run).show(commands) if commands else {}

    def _links_and_addresses(self) -> list[dict[str, Any]]:
        if self._link_dump is None:
            self._link_dump = self._ip.dump()
        return self._link_dump

    def _bgp(self) -> dict[str, Any]:
        answer = self._shown[_frr.BGP_NEIGHBORS]
        return {"running": answer is not None, "neighbors": _frr.neighbors(answer)}

    def _bfd(self) -> dict[str, Any]:
        answer = self._shown[_frr.BFD_PEERS]
        return {"running": answer is not None, "peers": _frr.bfd_peers(answer)}

    def _evpn(self) -> dict[str, Any]:
        return {"vnis": _frr.vnis(self._shown[_frr.EVPN_VNIS])}

    def _vxlan(self) -> dict[str, dict[str, Any]]:
        rc, out, _err = self._run(["bridge", "-j", "fdb", "show"])
        return _vxlan.devices(self._links_and_addresses(), json.loads(out or "[]") if rc == 0 else [])

    def _rib(self) -> dict[str, list[str]]:
        return {family: _frr.rib_prefixes(self._shown[command]) for family, command in _frr.RIB.items()}

    def _advertised(self) -> dict[str, dict[str, dict[str, str] | None]]:
        return {
            neighbor: {family: self._advertised_to(neighbor, family) for family in DEFAULT_ROUTE}
            for neighbor in self._options["advertised_to"]
        }

    def _advertised_to(self, neighbor: str, family: str) -> dict[str, str] | None:
        routes = _frr.advertised(self._shown[_frr.advertised_command(family, neighbor)])
        if routes is not None and _frr.sends_default(self._shown[_frr.BGP_NEIGHBORS], neighbor, family, len(routes)):
            routes.setdefault(DEFAULT_ROUTE[family], "")
        return routes

    def _links(self) -> list[dict[str, Any]]:
        return _stable.links(self._links_and_addresses())

    def _addresses(self) -> dict[str, list[str]]:
        return _stable.addresses(self._links_and_addresses())

    def _routes(self) -> dict[str, list[dict[str, Any]]]:
        return {
            "ipv4": self._ip.json("-d", "-4", "route", "show", "table", "all"),
            "ipv6": self._ip.json("-d", "-6", "route", "show", "table", "all"),
        }

    def _rules(self) -> dict[str, list[dict[str, Any]]]:
        return {"ipv4": self._ip.json("-4", "rule", "show"), "ipv6": self._ip.json("-6", "rule", "show")}

    def _neighbours(self) -> list[dict[str, Any]]:
        return [*self._ip.json("neigh", "show"), *self._proxies()]

    def _proxies(self) -> list[dict[str, Any]]:
        found = []
        for family in ("-4", "-6"):
            try:
                found += [{**entry, "proxy": None} for entry in self._ip.json(family, "neigh", "show", "proxy")]
            except (IpError, json.JSONDecodeError):
                continue  # a kernel without the family
        return found

    def _nft(self) -> str:
        rc, out, _err = self._run(["nft", "-s", "list", "ruleset"])
        return _stable.ruleset(out) if rc == 0 else ""

    def _sysctl(self) -> dict[str, str | None]:
        sysctl = Sysctl()
        return {key: sysctl.read(_sysctl.path_of(key)) for key in self._options["sysctl"]}

    def _files(self) -> dict[str, dict[str, Any]]:
        found = {}
        for pattern in [*OWNED_FILES, *self._options["files"]]:
            for path in sorted(Path("/").glob(pattern.lstrip("/"))):
                if path.is_file():
                    content = path.read_bytes()
                    found[str(path)] = {
                        "mtime_ns": path.stat().st_mtime_ns,
                        "sha256": hashlib.sha256(content).hexdigest(),
                    }
        return found

    def _frr_running_config(self) -> str:
        return _frr.masked(self._shown[_frr.RUNNING_CONFIG] or "")

    def _pings(self) -> list[dict[str, Any]]:
        pings = [
            _ping.Ping(item["address"], item["interface"] or "", item["source"] or "", item["count"])
            for item in self._options["pings"]
        ]
        return _ping.run(pings, self._options["ping_deadline_s"])

    def _ceph(self) -> dict[str, Any]:
        return _ceph.collect(self._run)

    def _guests(self) -> dict[str, Any]:
        options = self._options["guests"]
        return _guests.collect(self._run, self._ip, options["bridge"], options["protocol"])

    def _wireguard(self) -> dict[str, dict[str, Any]]:
        return _wireguard.collect(self._run)

    def _snapshot(self) -> dict[str, Any]:
        routes = self._routes()
        return {
            "frr_running_config": self._frr_running_config().splitlines(),
            "sessions": _stable.sessions(_frr.neighbors(self._shown[_frr.BGP_NEIGHBORS])),
            "links": self._links(),
            "addresses": self._addresses(),
            "routes": {family: _stable.routes(dump) for family, dump in routes.items()},
            "rules": self._rules(),
            "neighbours": _stable.neighbours(self._neighbours()),
            "vxlan": self._vxlan(),
            "nft": self._nft().splitlines(),
            "sysctl": self._sysctl(),
            "files": self._files(),
        }
