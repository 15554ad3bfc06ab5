# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""One run of wireguard_peer: read one field after the other, compare, touch only the peers that differ, undo."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.routed.fabric.plugins.module_utils._host_route._difference import Change as RouteChange
from ansible_collections.routed.fabric.plugins.module_utils._host_route._difference import (
    difference as route_difference,
)
from ansible_collections.routed.fabric.plugins.module_utils._host_route._state import (
    Route,
    RouteKey,
    State,
    route_words,
    state_of,
)
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import BatchError, Ip, IpError
from ansible_collections.routed.fabric.plugins.module_utils._wireguard import _boot, _config, _underlay
from ansible_collections.routed.fabric.plugins.module_utils._wireguard import _difference as peer_difference
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._common import (
    FileChange,
    Transaction,
    diff_of,
    document_of,
    runner,
)
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._config import Document
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._interface import NO_TOOLS
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._keys import Secret
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._model import (
    ALIVE_S,
    Peers,
    WireguardError,
    split_endpoint,
)
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._options import (
    WantedPeers,
    loops,
    overlaps,
    refuse,
    wanted_peers,
)
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._store import Store, Stored
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._transport import Wg, ways

_ROUTES_HEADER = (
    "# Written by the Ansible collection routed.fabric (module wireguard_peer).\n"
    "# Do not edit: the next run puts this file back.\n"
)
Routes = dict[RouteKey, Route]


class Got(NamedTuple):
    """What is there. No interface: `public_key` None."""

    public_key: str | None
    peers: Peers
    alive: tuple[str, ...]
    routes: Routes


class Plan(NamedTuple):
    peers: list[peer_difference.Change]
    routes: list[RouteChange]
    files: list[FileChange]

    def __bool__(self) -> bool:
        return bool(self.peers or self.routes or self.files)


class WireguardPeer:
    """One run: read, compare, and write what differs."""

    def __init__(self, module: AnsibleModule) -> None:
        options = module.params
        self._name: str = options["interface"]
        self._state: str = options["state"]
        self._wanted: WantedPeers = wanted_peers({**options, "peers": [] if self._gathering else options["peers"]})
        self._purge: bool = options["purge"] and self._state == "present"
        self._persist: bool = options["persist"]
        self._metric: int = options["metric"]
        self._protocol: int = options["protocol"]
        self._check_mode: bool = module.check_mode
        self._diff: bool = module._diff
        self._warn = module.warn
        self._has_tools = module.get_bin_path("wg") is not None
        self._conceal: Callable[[str], None] = module.no_log_values.add
        run = runner(module)
        self._run_tool = run
        self._ip = Ip(run)
        self._wg = Wg(run)
        self._store = Store()
        self._path = _boot.configuration_path(self._name, self._persist)

    @property
    def _gathering(self) -> bool:
        return self._state == "gathered"

    def run(self) -> dict[str, Any]:
        stored = self._store.read(self._path)
        document = document_of(self._path, stored.text)
        self._conceal_all(document)
        self._links = self._ip.json("-d", "link", "show")
        got = self._read()
        if self._gathering:
            return self._gather(got, document)
        pending = self._refuse(got, document, stored)
        table = document.interface.table if document else 0
        target, targeted_routes = self._targets(got, document, table)
        plan = Plan(
            peer_difference.difference(got.peers, target),
            route_difference(_routes_only(got.routes), _routes_only(targeted_routes), self._protocol),
            self._files(stored, document, targeted_routes),
        )
        before, after = self._shown(got.peers, got.routes), self._shown(target, targeted_routes)
        if plan and not self._check_mode:
            now = self._apply(plan, got, target, targeted_routes)
            after = self._shown(now.peers, now.routes)
        result: dict[str, Any] = {
            "changed": bool(plan),
            "before": before,
            "after": after,
            "commands": [
                *peer_difference.commands(self._name, plan.peers),
                *(f"ip {change.command}" for change in plan.routes),
                *(change.command() for change in plan.files),
            ],
            "pending": pending,
            "public_key": got.public_key,
            "implementation": self._implementation(got),
        }
        if self._diff:
            result["diff"] = diff_of(f"peers of {self._name}", _lines(before), _lines(after), plan.files)
        return result

    def _read(self) -> Got:
        link = self._link()
        running = self._wg.public_key(self._name) if link and self._is_wireguard(link) else None
        if running is None:
            return Got(None, {}, (), {})
        peers, now = self._wg.peers(self._name), time.time()
        for peer in peers.values():
            if peer.preshared_key:
                self._conceal(peer.preshared_key.reveal())
        handshakes = self._wg.handshakes(self._name)
        alive = tuple(key for key, at in handshakes.items() if at and now - at < ALIVE_S)
        rows = {
            family: self._ip.json(
                "-N", option, "route", "show", "table", "all", "dev", self._name, "proto", str(self._protocol)
            )
            for family, option in (("inet", "-4"), ("inet6", "-6"))
        }
        for entry in (entry for entries in rows.values() for entry in entries):
            entry.setdefault("dev", self._name)  # a dump of one device does not name it
        tables = {int(entry.get("table", 254)) for entries in rows.values() for entry in entries}
        state = state_of(self._protocol, tables, routes=rows, neighbours=(), proxies=(), rules={})
        return Got(running, peers, alive, state.routes)

    def _link(self) -> dict[str, Any] | None:
        return next((link for link in self._links if link["ifname"] == self._name), None)

    def _is_wireguard(self, link: dict[str, Any]) -> bool:
        return self._has_tools and _underlay.implementation(link) is not None

    def _refuse(self, got: Got, document: Document | None, stored: Stored) -> list[str]:
        """Raises for what cannot be; returns what would be refused if it were no check mode."""
        table = document.interface.table if document else 0
        found = loops(self._wanted, table) if self._state == "present" else []
        late = []
        link = self._link()
        if link and self._has_tools and not self._is_wireguard(link):
            kind = link.get("linkinfo", {}).get("info_kind", "physical")
            found.append(f"interface: '{self._name}' is no WireGuard interface (its kind is {kind})")
        elif got.public_key is None:
            late.append(
                f"interface: there is no WireGuard interface '{self._name}' on this node; wireguard_interface makes it"
            )
        elif "UP" not in link.get("flags", ()) if link else False:
            late.append(
                f"interface: '{self._name}' is down, so the kernel puts no route on it; "
                "wireguard_interface brings it up"
            )
        lost = _config.foreign(stored.text or "")
        if self._persist and lost:
            found.append(
                f"interface: {self._path} was written by somebody else and has {', '.join(lost)}, which would be lost; "
                "move it away or take these lines out"
            )
        if self._persist and document is None and got.public_key is not None:
            found.append(
                f"persist: there is no {self._path} to write the peers into; make the interface with "
                "wireguard_interface, or set `persist: false`"
            )
        if got.public_key and got.public_key in self._wanted.peers:
            found.append(
                f"{self._wanted.paths[got.public_key]}.public_key: {got.public_key} is the key of '{self._name}' itself"
            )
        if self._state == "present":
            found += self._strangers(got) + self._too_large(link)
        refuse(found)
        late = late if self._has_tools else [NO_TOOLS]
        if self._state == "absent" and got.public_key is None:
            return []
        refuse([] if self._check_mode else late)
        for sentence in late:
            self._warn(sentence)
        return late

    def _strangers(self, got: Got) -> list[str]:
        """Without purge: prefixes that a peer has which is not listed. The kernel would just take them from it."""
        if self._purge:
            return []
        strangers = {
            key: (f"the peer {key}, which is not listed,", peer.allowed_ips)
            for key, peer in got.peers.items()
            if key not in self._wanted.peers
        }
        mine = {key: (self._wanted.paths[key], peer.allowed_ips) for key, peer in self._wanted.peers.items()}
        return overlaps({**strangers, **mine}) if strangers else []

    def _too_large(self, link: dict[str, Any] | None) -> list[str]:
        if not link:
            return []
        peers = self._wanted.peers
        return _underlay.endpoint_mtu_problems(
            self._name,
            int(link["mtu"]),
            peers,
            paths={key: f"{path}.endpoint" for key, path in self._wanted.paths.items()},
            ways=ways(self._run_tool, _underlay.endpoint_addresses(peers.values())),
            link_mtu={other["ifname"]: other["mtu"] for other in self._links},
        )

    def _targets(self, got: Got, document: Document | None, table: int) -> tuple[Peers, Routes]:
        peers, tables = self._wanted.peers, self._wanted.tables
        former = [got.peers.get(key) for key in peers]
        if self._state == "absent":
            target = {key: peer for key, peer in got.peers.items() if key not in peers}
            return target, peer_difference.kept_routes(got.routes, former)
        recorded = {peer.public_key: peer.endpoint for peer in document.peers} if document else {}
        resolved = self._resolve(peer_difference.names_to_resolve(peers, got.peers, recorded, got.alive), got, recorded)
        target = peer_difference.target_of(peers, got.peers, recorded, got.alive, resolved, purge=self._purge)
        kept = {} if self._purge else peer_difference.kept_routes(got.routes, former)
        return target, {**kept, **peer_difference.routes_of(self._name, peers, tables, table, self._metric)}

    def _resolve(self, keys: Sequence[str], got: Got, recorded: dict[str, str]) -> dict[str, list[str]]:
        """
        Public key → addresses. A name that cannot be looked up is refused where it is new; where the peer runs with
        it already, that is no reason to fail.
        """
        resolved, found = {}, []
        for key in keys:
            endpoint = self._wanted.peers[key].endpoint
            host = split_endpoint(endpoint)[0]
            try:
                rows = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
                resolved[key] = list(dict.fromkeys(str(row[4][0]) for row in rows))
            except OSError as exc:
                resolved[key] = []
                if not (key in got.peers and recorded.get(key) == endpoint):
                    found.append(f"{self._wanted.paths[key]}.endpoint: '{host}' cannot be resolved: {exc.strerror}")
        refuse([] if self._check_mode else found)
        for sentence in found:
            self._warn(sentence)
        return resolved

    def _files(self, stored: Stored, document: Document | None, routes: Routes) -> list[FileChange]:
        if document is None:
            return []
        after = document._replace(
            peers=peer_difference.filed(self._wanted.peers, document.peers, self._purge, absent=self._state == "absent")
        )
        files = [
            FileChange(
                self._path,
                stored,
                Stored(_config.render(after, self._path)),
                (_config.render(document, self._path, masked=True), _config.render(after, self._path, masked=True)),
            )
        ]
        path = _config.routes_path(self._path)
        held, text = self._store.read(path), None
        if routes:
            rows = sorted(routes.values())
            text = _ROUTES_HEADER + "".join(f"route replace {route_words(row, self._protocol)}\n" for row in rows)
        mode = 0o600
        files.append(
            FileChange(path, held, Stored(text, mode) if text else Stored(None), (held.text or "", text or ""))
        )
        return [change for change in files if change]

    def _apply(self, plan: Plan, got: Got, target: Peers, routes: Routes) -> Got:
        """New peers and routes first, old routes and peers last."""
        transaction = Transaction(self._store)
        key = self._wg.private_key(self._name) if plan.peers else None
        if key:
            self._conceal(key.reveal())
        try:
            if plan.peers:
                text, gone = peer_difference.sections(plan.peers), peer_difference.removals(plan.peers)
                transaction.do(
                    lambda: self._wg.add(self._name, text), lambda: self._peers_back(got, key), half_way=True
                )
                self._change_routes(transaction, plan.routes)
                self._wg.remove(self._name, gone)
            else:
                self._change_routes(transaction, plan.routes)
            now = self._read()
            self._verify(now, got, target, routes)
            for change in plan.files:
                transaction.change_file(change)
        except IpError as exc:
            raise WireguardError(f"{exc}; {self._outcome(transaction.undo(), got)}") from exc
        return now

    def _change_routes(self, transaction: Transaction, changes: Sequence[RouteChange]) -> None:
        if not changes:
            return
        done: list[RouteChange] = []

        def change() -> None:
            try:
                self._ip.batch([item.command for item in changes])
                done.extend(changes)
            except BatchError as exc:
                done.extend(changes[: exc.done])
                raise

        def back() -> None:
            self._ip.batch([line for item in reversed(done) for line in item.inverse], "-force")

        transaction.do(change, back, half_way=True)

    def _peers_back(self, got: Got, key: Secret | None) -> None:
        """The interface's own key first: without it no peer answers."""
        if key and self._wg.public_key(self._name) != got.public_key:
            self._wg.set_interface(self._name, private_key=key)
        # Compared with what is there now: the change may have come half-way.
        back = peer_difference.difference(self._wg.peers(self._name), got.peers)
        self._wg.remove(self._name, peer_difference.removals(back))
        self._wg.add(self._name, peer_difference.sections(back))

    def _verify(self, now: Got, got: Got, target: Peers, routes: Routes) -> None:
        if now.public_key != got.public_key:
            raise WireguardError(
                f"the public key of '{self._name}' was {got.public_key or '(none)'} "
                f"and became {now.public_key or '(none)'}"
            )
        left = [
            *peer_difference.commands(self._name, peer_difference.difference(_still(now.peers, target), target)),
            *(
                f"ip {change.command}"
                for change in route_difference(_routes_only(now.routes), _routes_only(routes), self._protocol)
            ),
        ]
        if left:
            raise WireguardError(f"this is still to do: {left[0]}")

    def _outcome(self, refused: Sequence[str], got: Got) -> str:
        now = self._read()
        was, is_now = (
            _lines(self._shown(got.peers, got.routes)),
            _lines(self._shown(_still(now.peers, got.peers), now.routes)),
        )
        lost = [
            *(
                []
                if now.public_key == got.public_key
                else [f"the public key is {now.public_key} and was {got.public_key}"]
            ),
            *(f"'{line}' is missing" for line in was if line not in is_now),
            *(f"'{line}' is new" for line in is_now if line not in was),
            *refused,
        ]
        return f"could not be undone: {'; '.join(lost)}" if lost else "everything is as it was before"

    def _gather(self, got: Got, document: Document | None) -> dict[str, Any]:
        names = {peer.public_key: peer.name for peer in document.peers} if document else {}
        default = document.interface.table if document else 0
        by_prefix = {route.destination: route.table for route in got.routes.values()}
        tables = {
            key: by_prefix[peer.allowed_ips[0]]
            for key, peer in got.peers.items()
            if peer.allowed_ips and by_prefix.get(peer.allowed_ips[0], default) != default
        }
        shown = self._shown(got.peers, got.routes)
        return {
            "changed": False,
            "before": shown,
            "after": shown,
            "commands": [],
            "pending": [],
            "public_key": got.public_key,
            "implementation": self._implementation(got),
            "gathered": {
                "interface": self._name,
                "peers": peer_difference.as_options(got.peers, names, tables),
            },
        }

    def _implementation(self, got: Got) -> str | None:
        return _underlay.implementation(self._link()) if got.public_key is not None else None

    def _conceal_all(self, document: Document | None) -> None:
        for secret in (
            *(peer.preshared_key for peer in (document.peers if document else ())),
            document.interface.private_key if document else None,
        ):
            if secret:
                self._conceal(secret.reveal())

    def _shown(self, peers: Peers, routes: Routes) -> dict[str, list[str]]:
        return {
            "peers": peer_difference.lines(peers),
            "routes": [route_words(route, self._protocol) for route in sorted(routes.values())],
        }


def _still(now: Peers, before: Peers) -> Peers:
    """What moved by itself meanwhile is no difference: a peer roams when it likes."""
    return {
        key: peer._replace(endpoint=before[key].endpoint) if key in before and before[key].endpoint else peer
        for key, peer in now.items()
    }


def _routes_only(routes: Routes) -> State:
    return State(routes, {}, {}, {}, {}, {}, {})


def _lines(shown: dict[str, list[str]]) -> list[str]:
    return [*(f"peer {line}" for line in shown["peers"]), *(f"route {line}" for line in shown["routes"])]
