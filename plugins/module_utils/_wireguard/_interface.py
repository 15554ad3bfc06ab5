# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""One run of wireguard_interface: read once, compare, write what differs, undo when refused."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable, NamedTuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.routed.fabric.plugins.module_utils._ip import _links
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import Ip, IpError
from ansible_collections.routed.fabric.plugins.module_utils._wireguard import _boot, _config, _underlay
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._common import (
    FileChange,
    Transaction,
    diff_of,
    document_of,
    runner,
)
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._config import Document
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._difference import shown_interface
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._keys import Secret, key_problem
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._model import (
    Interface,
    Running,
    WireguardError,
    is_address,
    split_endpoint,
)
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._options import (
    name_problem,
    refuse,
    wanted_interface,
)
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._store import Store, Stored
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._transport import Wg, ways

NO_TOOLS = (
    "there is no `wg` on this node; install the package wireguard-tools "
    "(and wireguard-go where the kernel has no WireGuard)"
)


class Got(NamedTuple):
    """What is there."""

    link: dict[str, Any] | None  # of `ip -j -d addr show`
    running: Running | None
    document: Document | None
    others: list[dict[str, Any]]  # all links


class Step(NamedTuple):
    command: str
    do: Callable[[], None]
    inverse: Callable[[], None]


class Plan(NamedTuple):
    """What has to be done; all of it empty when nothing differs."""

    steps: list[Step]
    files: list[FileChange]
    enable: bool | None  # None: stays as it is
    up: bool

    def __bool__(self) -> bool:
        return bool(self.steps or self.files or self.enable is not None or self.up)


class WireguardInterface:
    """One run: read, compare, and write what differs."""

    def __init__(self, module: AnsibleModule) -> None:
        options = module.params
        self._name: str = options["name"]
        self._state: str = options["state"]
        refuse(name_problem(self._name, "name"))
        self._wanted = wanted_interface(options) if self._state in ("present", "keyed") else Interface()
        self._persist: bool = options["persist"]
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
        self._boot = _boot.Boot(self._name, options["manager"] if self._persist else "", run, self._store)
        self._path = _boot.configuration_path(self._name, self._persist)

    def run(self) -> dict[str, Any]:
        stored = self._store.read(self._path)
        got = self._read(document_of(self._path, stored.text))
        if self._state == "gathered":
            return self._gather(got)
        pending = self._refuse(got, stored)
        if self._state == "absent":
            return self._absent(got, stored, pending)

        key, public_key = self._key(got)
        target = self._target(got, key)
        document = Document(target, got.document.peers if got.document else ())
        present = self._state == "present"
        plan = Plan(
            self._steps(got, target, public_key) if present else [],
            self._files(stored, got, document),
            self._boot.to_enable(True) if present else None,
            present and got.running is None,
        )
        commands = self._commands(plan)
        if not self._wanted.private_key and not got.running and not _key_of(got.document):
            commands.insert(0, "wg genkey")
        before = self._shown(got)
        after, now = (self._expected(got, target, public_key) if present else before), got
        if plan and not self._check_mode:
            now = self._apply(got, target, public_key, plan)
            after = self._shown(now)
        result = self._result(bool(plan), before, after, plan.files)
        return {**result, "commands": commands, "pending": pending, **self._identity(public_key, now)}

    def _read(self, document: Document | None) -> Got:
        links = self._ip.dump()
        link = next((entry for entry in links if entry["ifname"] == self._name), None)
        running = self._wg.running(self._name) if link and self._has_tools else None
        if document and document.interface.private_key:
            self._conceal(document.interface.private_key.reveal())
        for peer in document.peers if document else ():
            if peer.preshared_key:
                self._conceal(peer.preshared_key.reveal())
        return Got(link, running, document, links)

    def _refuse(self, got: Got, stored: Stored) -> list[str]:
        """Raises for what cannot be; returns what would be refused if it were no check mode."""
        found = []
        kind = (got.link or {}).get("linkinfo", {}).get("info_kind", "physical")
        if got.link and not got.running and self._has_tools and not (kind == "tun" and _config.is_ours(stored.text)):
            found.append(f"name: '{self._name}' is there, but it is no WireGuard interface (its kind is {kind})")
        lost = _config.foreign(stored.text or "")
        held = got.document.interface.private_key if got.document else None
        written = self._state == "present" or (self._state == "keyed" and (not held or self._wanted.private_key))
        if lost and written:
            found.append(
                f"name: {self._path} was written by somebody else and has {', '.join(lost)}, which would be lost; "
                "move it away or take these lines out"
            )
        if held and not self._wanted.private_key and self._state != "absent":
            problem = key_problem(held.reveal())
            found += [f"private_key: in {self._path}, {problem}"] if problem else []
        if self._state == "present":
            found += self._boot.problems() + self._impossible(got)
        refuse(found)
        if self._has_tools:
            return []
        refuse([] if self._check_mode or self._state == "absent" else [NO_TOOLS])
        if self._state != "absent":
            self._warn(NO_TOOLS)
        return [] if self._state == "absent" else [NO_TOOLS]

    def _impossible(self, got: Got) -> list[str]:
        wanted, found = self._wanted, []
        port = wanted.listen_port
        if port and (got.running is None or got.running.listen_port != port):
            tables = [Path(f"/proc/net/{name}") for name in ("udp", "udp6")]
            used = _underlay.udp_ports(path.read_text(encoding="ascii") for path in tables if path.exists())
            if port in used:
                found.append(f"listen_port: UDP port {port} is in use by something else on this node")
        found += _underlay.mtu_problem(self._name, wanted.mtu, got.others)
        peers = {peer.public_key: peer for peer in got.document.peers} if got.document else {}
        if peers and (not got.link or got.link["mtu"] != wanted.mtu):
            found += _underlay.endpoint_mtu_problems(
                self._name,
                wanted.mtu,
                peers,
                paths=dict.fromkeys(peers, "mtu"),
                ways=ways(self._run_tool, _underlay.endpoint_addresses(peers.values())),
                link_mtu={link["ifname"]: link["mtu"] for link in got.others},
            )
        return found

    def _key(self, got: Got) -> tuple[Secret | None, str | None]:
        """The key that shall be, and its public key. In check mode a key that has to be made is None."""
        key = self._wanted.private_key or (got.document.interface.private_key if got.document else None)
        if not self._has_tools:
            return key, None
        if key is None and got.running and got.running.public_key:
            # An interface that somebody else made keeps its key: the other ends know it.
            return self._running_key(), got.running.public_key
        if key is None:
            if self._check_mode:
                return None, None
            key = self._wg.make_key()
        self._conceal(key.reveal())
        return key, self._wg.public_of(key)

    def _running_key(self) -> Secret | None:
        key = self._wg.private_key(self._name)
        if key:
            self._conceal(key.reveal())
        return key

    def _target(self, got: Got, key: Secret | None) -> Interface:
        if self._state == "present":
            return self._wanted._replace(private_key=key)
        former = got.document.interface if got.document else Interface()
        return former._replace(private_key=key)

    def _files(self, stored: Stored, got: Got, document: Document) -> list[FileChange]:
        text = _config.render(document, self._path)
        if self._state == "keyed" and got.document and got.document.interface == document.interface:
            text = stored.text or text  # not ours to write anew as long as the key is there
        files = [self._configuration_change(stored, Stored(text), got.document, document)]
        if self._state == "present":
            for path, wanted in self._boot.files(document.interface, True).items():
                before = self._store.read(path)
                mode = before.mode if before.text is not None else wanted.mode
                after = Stored(wanted.text, mode) if wanted.text is not None else Stored(None)
                files.append(FileChange(path, before, after, (before.text or "", wanted.text or "")))
        return [change for change in files if change]

    def _configuration_change(
        self, stored: Stored, after: Stored, former: Document | None, document: Document | None
    ) -> FileChange:
        def masked(text: str | None, parsed: Document | None) -> str:
            return _config.render(parsed, self._path, masked=True) if text is not None and parsed else ""

        return FileChange(self._path, stored, after, (masked(stored.text, former), masked(after.text, document)))

    def _steps(self, got: Got, target: Interface, public_key: str | None) -> list[Step]:
        """What a running interface needs. One that does not run gets it all from its file."""
        if got.running is None or got.link is None:
            return []
        running, name, steps = got.running, self._name, list[Step]()

        def setting(word: str, before: str, after: str) -> None:
            steps.append(
                Step(
                    f"wg set {name} {word} {after}",
                    lambda: self._wg.set_interface(name, word, after),
                    lambda: self._wg.set_interface(name, word, before),
                )
            )

        if target.listen_port and running.listen_port != target.listen_port:
            setting("listen-port", str(running.listen_port), str(target.listen_port))
        if running.fwmark != target.fwmark:
            setting("fwmark", _mark(running.fwmark), _mark(target.fwmark))
        if target.private_key and public_key and running.public_key != public_key:
            steps.append(self._key_step(target.private_key, public_key))
        wanted = _links.Wanted(name, target.mtu, tuple(map(_links.parse_address, target.addresses)))
        links = _links.parse_dump([got.link])
        owned = got.document.interface.addresses if got.document else ()
        for change in _links.difference([wanted], links, {name: map(_links.parse_address, owned)}, "", ()):
            steps.append(
                Step(
                    f"ip {change.command}",
                    lambda change=change: self._ip.batch([change.command]),  # type: ignore[misc]
                    lambda change=change: self._ip.batch([change.inverse]),  # type: ignore[misc]
                )
            )
        return steps

    def _key_step(self, key: Secret, public_key: str) -> Step:
        former: list[Secret] = []

        def change() -> None:
            there = self._running_key()
            former.extend([there] if there else [])
            self._wg.set_interface(self._name, private_key=key)

        def back() -> None:
            if former:
                self._wg.set_interface(self._name, private_key=former[0])

        return Step(f"wg set {self._name} private-key (of public key {public_key})", change, back)

    def _commands(self, plan: Plan) -> list[str]:
        word = "enable" if plan.enable else "disable"
        return [
            *(step.command for step in plan.steps),
            *(change.command() for change in plan.files),
            *([] if plan.enable is None else [f"systemctl {word} {_boot.unit_of(self._name)}"]),
            *([self._boot.up_command()] if plan.up else []),
        ]

    def _apply(self, got: Got, target: Interface, public_key: str | None, plan: Plan) -> Got:
        transaction = Transaction(self._store)
        try:
            for step in plan.steps:
                transaction.do(step.do, step.inverse)
            for change in plan.files:
                transaction.change_file(change)
            self._enable(transaction, plan.enable)
            if plan.up:
                self._refuse_names(got)
                if got.link:
                    self._ip.batch([f"link del dev {self._name}"])
                transaction.do(self._boot.up, self._take_down, half_way=True)
            document = Document(target, got.document.peers if got.document else ())
            now = self._read(document)
            if self._state == "present":
                self._verify(now, target, public_key)
        except IpError as exc:
            raise WireguardError(f"{exc}; {self._outcome(transaction.undo(), got)}") from exc
        return now

    def _enable(self, transaction: Transaction, wanted: bool | None) -> None:
        if wanted is not None:
            transaction.do(lambda: self._boot.enable(bool(wanted)), lambda: self._boot.enable(not wanted))

    def _verify(self, now: Got, target: Interface, public_key: str | None) -> None:
        if now.running is None:
            raise WireguardError(f"'{self._name}' was brought up, but `wg` does not know it")
        if now.running.public_key != public_key:
            raise WireguardError(
                f"the public key of '{self._name}' is {now.running.public_key or '(none)'} now "
                f"and should be {public_key}"
            )
        left = self._steps(now, target, public_key)
        if left:
            raise WireguardError(f"this is still to do: {left[0].command}")

    def _refuse_names(self, got: Got) -> None:
        """wg-quick's unit waits for ever for a name of a peer in the file that does not resolve."""
        for peer in got.document.peers if got.document else ():
            host = split_endpoint(peer.endpoint)[0] if peer.endpoint else ""
            if host and not is_address(host):
                try:
                    socket.getaddrinfo(host, None)
                except OSError as exc:
                    raise WireguardError(
                        f"the endpoint {peer.endpoint} of the peer {peer.public_key} in {self._path} cannot be resolved"
                    ) from exc

    def _take_down(self) -> None:
        there = any(link["ifname"] == self._name for link in self._ip.json("link", "show"))
        self._boot.down(there)

    def _up_again(self, got: Got) -> None:
        if got.running and self._read(got.document).running is None:
            self._boot.up()

    def _outcome(self, refused: Sequence[str], got: Got) -> str:
        now = self._read(document_of(self._path, self._store.read(self._path).text))
        was, is_now = self._shown(got), self._shown(now)
        if was == is_now and not refused:
            return "everything is as it was before"
        differing = [
            f"{key} is {is_now.get(key)!r} and was {was.get(key)!r}"
            for key in {**was, **is_now}
            if was.get(key) != is_now.get(key)
        ]
        return f"could not be undone: {'; '.join([*differing, *refused])}"

    def _absent(self, got: Got, stored: Stored, pending: list[str]) -> dict[str, Any]:
        routes = _config.routes_path(self._path)
        files = [self._configuration_change(stored, Stored(None), got.document, None)]
        held = self._store.read(routes)
        files.append(FileChange(routes, held, Stored(None), (held.text or "", "")))
        for path in self._boot.files(Interface(), False):
            held = self._store.read(path)
            files.append(FileChange(path, held, Stored(None), (held.text or "", "")))
        files = [change for change in files if change]
        there = got.link is not None
        plan = Plan([], files, self._boot.to_enable(False), False)
        enable = plan.enable
        changed = there or bool(plan)
        commands = [*([f"ip link del dev {self._name}"] if there else []), *self._commands(plan)]
        before = self._shown(got)
        if changed and not self._check_mode:
            transaction = Transaction(self._store)
            try:
                self._enable(transaction, enable)
                if there or self._persist:
                    transaction.do(lambda: self._boot.down(there), lambda: self._up_again(got), half_way=True)
                for change in files:
                    transaction.change_file(change)
                if self._read(None).link:
                    raise WireguardError(f"'{self._name}' was taken away and is still there")
            except IpError as exc:
                raise WireguardError(f"{exc}; {self._outcome(transaction.undo(), got)}") from exc
        result = self._result(changed, before, {}, files)
        nothing = Got(None, None, None, [])
        return {**result, "commands": commands, "pending": pending, **self._identity(None, nothing)}

    def _gather(self, got: Got) -> dict[str, Any]:
        shown = self._shown(got)
        public_key = shown.get("public_key")
        options = {"name": self._name, **{key: value for key, value in shown.items() if key in _OPTIONS and value}}
        result = self._result(False, shown, shown, [])
        result.update(commands=[], pending=[], **self._identity(public_key, got))
        return {**result, "gathered": options if shown else {}}

    def _shown(self, got: Got) -> dict[str, Any]:
        """The interface as it runs, for people; empty where it does not."""
        if got.running is None or got.link is None:
            return {}
        table = got.document.interface.table if got.document else 0
        owned = {*self._wanted.addresses, *(got.document.interface.addresses if got.document else ())}
        link = _links.parse_dump([got.link])[self._name]
        addresses = tuple(
            str(address)
            for address in link.addresses
            # wireguard-go's interface makes a link-local one by itself.
            if str(address) in owned or not address.local.startswith("fe80:")
        )
        interface = Interface(None, got.running.listen_port, addresses, link.mtu, got.running.fwmark, table)
        return {**shown_interface(interface, got.running.public_key or None), "up": link.up}

    def _expected(self, got: Got, target: Interface, public_key: str | None) -> dict[str, Any]:
        """`after` in check mode."""
        link = {"ifname": self._name, "mtu": target.mtu, "flags": ["UP"], "addr_info": []}
        port = target.listen_port or (got.running.listen_port if got.running else 0)
        running = Running(public_key or "", port, target.fwmark)
        if got.link and got.running:
            wanted = _links.Wanted(self._name, target.mtu, tuple(map(_links.parse_address, target.addresses)))
            links = _links.parse_dump([got.link])
            owned = got.document.interface.addresses if got.document else ()
            changes = _links.difference([wanted], links, {self._name: map(_links.parse_address, owned)}, "", ())
            there = _links.predict(links, changes)[self._name].addresses
        else:
            there = tuple(map(_links.parse_address, target.addresses))
        link["addr_info"] = [{"local": a.local, "prefixlen": a.prefix_length} for a in there]
        return self._shown(Got(link, running, Document(target), []))

    def _identity(self, public_key: str | None, now: Got) -> dict[str, str | None]:
        return {
            "public_key": public_key,
            "implementation": _underlay.implementation(now.link) if now.running else None,
        }

    def _result(
        self, changed: bool, before: dict[str, Any], after: dict[str, Any], files: Sequence[FileChange]
    ) -> dict[str, Any]:
        result: dict[str, Any] = {"changed": changed, "before": before, "after": after}
        if self._diff:
            result["diff"] = diff_of(f"interface {self._name}", _lines(before), _lines(after), files)
        return result


_OPTIONS = ("listen_port", "addresses", "mtu", "fwmark", "table")


def _mark(value: int) -> str:
    return f"{value:#x}" if value else "off"


def _lines(shown: dict[str, Any]) -> list[str]:
    return [f"{key} {', '.join(value) if isinstance(value, list) else value}" for key, value in shown.items()]


def _key_of(document: Document | None) -> Secret | None:
    return document.interface.private_key if document else None
