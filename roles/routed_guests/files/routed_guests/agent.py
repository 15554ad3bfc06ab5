# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The agent: observes Proxmox and the kernel, lets the state machine decide, makes the kernel follow.

Nothing that matters is only in memory. Killed at any moment and started again, the agent finds what it was doing in the
kernel's routes and goes on with it.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Collection, Hashable, Iterable
from typing import Any

from . import kernel as kernel_edge
from . import machine, status, truth, wanted
from .addresses import Network
from .config import Config
from .journal import ERROR, WARNING, Journal
from .kernel import Failure, Kernel
from .links import Links, Port, guest_of
from .machine import Facts, Name, State
from .netlink import Link
from .nft import Firewall
from .proxmox import Proxmox
from .wanted import Element, Guest, Neighbour, Route

Key = tuple[int, int]  # VMID, number of the interface
QUIET = State()


class Agent:
    """State and its changes; what is due when is `loop`'s business."""

    def __init__(self, config: Config, journal: Journal, kernel: Kernel, firewall: Firewall) -> None:
        self.config = config
        self.journal = journal
        self.kernel = kernel
        self.firewall = firewall
        self.proxmox = Proxmox(config)
        self.links = Links(config)
        peers = tuple(config.forward.peers) if config.forward else ()
        self.rules = machine.Rules(config.node, peers, config.timing)
        self.grants: dict[int, list[truth.Grant]] = {}
        self.guests: dict[Key, Guest] = {}
        self.keys_of: dict[int, list[Key]] = {}
        self.states: dict[Key, State] = {}
        self.since_wall: dict[Key, float] = {}
        self.onward: set[Key] = set()
        self.migrating: set[int] = set()  # VMIDs with `lock: migrate`
        self.backing_up: set[int] = set()  # VMIDs with `lock: backup`
        self.held: dict[int, bool] = {}  # of those: whether QEMU was only prepared, and does not run
        self.incoming: set[Key] = set()
        self.leaving: set[Key] = set()
        self.revision = 0  # grows with everything that the status shows
        self.deadlines: list[tuple[float, Key]] = []
        self.departed: list[tuple[Key, str]] = []  # for the handover: who has just left, and where to
        self._routes: dict[Key, list[Route]] = {}
        self._neighbours: dict[Key, list[Neighbour]] = {}
        self._elements: dict[Hashable, frozenset[Element]] = {}
        self._devices = wanted.Devices(0, 0)
        self._adopted: dict[Network, list[Route]] = {}
        self._refused_claims: list[truth.Refusal] = []
        self._refused: dict[int, list[truth.Refusal]] = {}
        self.synced = False
        self.ready_s: float | None = None
        self.resync_at = 0.0
        self.counters = {"flips": 0, "resyncs": 0, "repairs": 0, "failures": 0, "replayed": 0}
        self.flip_ms: list[float] = []

    # --- beginning

    def start(self) -> None:
        self.links.load(self.kernel.links())
        self.keep_forward()
        self.proxmox.poll()
        self.proxmox.poll_guests()
        self.full_sync()

    @property
    def knows(self) -> bool:
        """Ownership and claims have been read once: only then is anything decided or removed."""
        return (self.proxmox.readable or bool(self.proxmox.owners)) and self.proxmox.guests_known

    def keep_forward(self) -> None:
        forward = self.config.forward
        if not forward:
            return
        link = self.links.named(forward.interface)
        if not kernel_edge.forward_is_right(link, forward):
            try:
                kernel_edge.make_forward(link, forward)
                self.journal.notice(f"{forward.interface}: made as configured")
            except (kernel_edge.KernelError, OSError) as exc:
                self.journal.standing("forward", ERROR, f"nothing can be forwarded to other nodes: {exc}")
                return
            self.links.load(self.kernel.links())
        self.journal.standing("forward", ERROR, "")
        made = self.links.named(forward.interface)
        if made:
            self._report(self.kernel.keep_fdb(forward, made.ifindex))

    def _report(self, failures: Collection[Failure]) -> None:
        for failure in failures:
            self.counters["failures"] += 1
            self.journal.error(f"the kernel refused: {failure}")
        if failures:
            self.resync_at = min(self.resync_at, time.monotonic() + 1)

    # --- truth

    def decide_claims(self) -> None:
        claims, refused = self.proxmox.claims()
        grants, contested = truth.decide(claims, self.config.prefixes)
        self.grants = {}
        for grant in grants.values():
            self.grants.setdefault(grant.vmid, []).append(grant)
        self._note_refusals(self._refused_claims, refused + contested)
        self._refused_claims = refused + contested

    def _note_refusals(self, old: Iterable[truth.Refusal], new: Iterable[truth.Refusal]) -> None:
        before = set(old)
        self.revision += 1
        for refusal in new:
            if refusal not in before:
                self.journal.warning(f"refused: {refusal.why}")

    def relevant(self, vmid: int) -> bool:
        return (
            self.proxmox.owner(vmid) == self.config.node
            or self.links.has(vmid)
            or any(self.states.get(key, QUIET).name is not Name.ABSENT for key in self.keys_of.get(vmid, ()))
        )

    def refresh(self, vmids: Iterable[int]) -> list[Key]:
        """Bring the interfaces of these guests up to date; the keys that have to be looked at."""
        touched: list[Key] = []
        for vmid in vmids:
            before = self.keys_of.get(vmid, [])
            found = self._interfaces(vmid) if self.relevant(vmid) or self._was_ours(vmid) else {}
            for key in before:
                if key not in found:
                    self._drop(key)
                    touched.append(key)
            for key, guest in found.items():
                if self.guests.get(key) != guest:
                    self.guests[key] = guest
                touched.append(key)
            if found:
                self.keys_of[vmid] = list(found)
            else:
                self.keys_of.pop(vmid, None)
                self._note_lock(vmid, "")
                if vmid not in self.proxmox.owners:
                    self.proxmox.forget((vmid,))
        return touched

    def _was_ours(self, vmid: int) -> bool:
        """The kernel still has routes of this guest from before the agent's start."""
        return bool(self._adopted) and any(
            network in self._adopted for grant in self.grants.get(vmid, ()) for network in grant.addresses
        )

    def _interfaces(self, vmid: int) -> dict[Key, Guest]:
        grants = self.grants.get(vmid, [])
        found: dict[Key, Guest] = {}
        refused: list[truth.Refusal] = []
        config = self.proxmox.guest(vmid) if grants else None
        self._note_lock(vmid, config.lock if config else "")
        if config:
            owner = self.proxmox.owners.get(vmid)
            kind = owner.kind if owner else "qemu"
            by_mac = {grant.mac: grant for grant in grants}
            for nic in config.nics:
                grant = by_mac.get(nic.mac)
                if grant and nic.bridge == self.config.bridge:
                    key = (vmid, nic.number)
                    name = grant.name or config.name
                    found[key] = Guest(vmid, nic.number, nic.mac, name, kind, grant.addresses, grant.prefixes)
            refused = truth.mismatches(vmid, config, grants, self.config.bridge)
        self._note_refusals(self._refused.get(vmid, ()), refused)
        if refused:
            self._refused[vmid] = refused
        else:
            self._refused.pop(vmid, None)
        return found

    def _note_lock(self, vmid: int, lock: str) -> None:
        owner = self.proxmox.owners.get(vmid)
        mine = owner is not None and owner.node == self.config.node and owner.kind == "qemu"
        for name, vmids in (("migrate", self.migrating), ("backup", self.backing_up)):
            if mine and lock == name:
                vmids.add(vmid)
            else:
                vmids.discard(vmid)
        if vmid not in self.backing_up:
            self.held.pop(vmid, None)

    def _drop(self, key: Key) -> None:
        """An interface that is not a guest's of ours any more: unplugged, moved to another bridge, its claim removed."""
        self.revision += 1
        guest = self.guests.pop(key, None)
        state = self.states.pop(key, None)
        self.incoming.discard(key)
        self.leaving.discard(key)
        if guest and state and state.name is not Name.ABSENT:
            self.journal.notice(f"{guest.who}: withdrawn: its claim or its interface is gone")

    # --- facts and states

    def port(self, guest: Guest) -> Port | None:
        return self.links.port(guest.vmid, guest.number, guest.kind)

    def facts(self, key: Key, guest: Guest) -> Facts:
        port = self.port(guest)
        return Facts(
            owner=self.proxmox.owner(guest.vmid),
            port=port.ifindex if port else 0,
            held=guest.vmid in self.backing_up and self.held.get(guest.vmid, True),
            onward=key in self.onward,
        )

    def evaluate(self, keys: Iterable[Key]) -> None:
        """Let the machine decide on these interfaces and make the kernel follow, then the firewall."""
        now = time.monotonic()
        changed = []
        keys = list(keys)
        for key in keys:
            guest = self.guests.get(key)
            if guest is None:
                changed.append(key)
                continue
            facts = self.facts(key, guest)
            old = self.states.get(key, QUIET)
            new = machine.step(old, facts, now, self.rules)
            if new is not old:
                self._enter(key, guest, old, new, facts)
            changed.append(key)
        self._follow(changed)

    def _set(self, key: Key, state: State) -> None:
        self.revision += 1
        self.states[key] = state
        self.since_wall[key] = time.time()
        for name, keys in ((Name.INCOMING, self.incoming), (Name.LEAVING, self.leaving)):
            if state.name is name:
                keys.add(key)
            else:
                keys.discard(key)
        due = machine.deadline(state, self.rules)
        if due is not None:
            heapq.heappush(self.deadlines, (due, key))

    def _enter(self, key: Key, guest: Guest, old: State, new: State, facts: Facts) -> None:
        self._set(key, new)
        if new.name is Name.LEAVING:
            if old.name is not Name.LEAVING:
                self.counters["flips"] += 1
            self.departed.append((key, new.target))
        else:
            self.onward.discard(key)
        if new.name is Name.ABSENT and old.name is Name.ABSENT:
            return
        port = self.port(guest)
        addresses = " ".join(str(network) for network in (*guest.addresses, *guest.prefixes))
        self.journal.notice(
            f"{guest.who}{f' on {port.name}' if port else ''}: {machine.reason(old, new, facts, self.rules)} [{addresses}]"
        )

    def _want(self, key: Key) -> tuple[list[Route], list[Neighbour], frozenset[Element]]:
        guest = self.guests.get(key)
        if guest is None:
            return [], [], frozenset()
        state = self.states.get(key, QUIET)
        port = self.port(guest)
        returning = machine.returning(state, Facts("", port.ifindex if port else 0))
        routes = wanted.routes(guest, state, returning, self.config, self._devices)
        neighbours = wanted.neighbours(guest, state, returning, self._devices)
        return routes, neighbours, wanted.guest_elements(guest, port.name) if port else frozenset()

    def _follow(self, keys: Iterable[Key]) -> None:
        got_routes: list[Route] = []
        got_neighbours: list[Neighbour] = []
        want_routes: list[Route] = []
        want_neighbours: list[Neighbour] = []
        sets: dict[Hashable, frozenset[Element]] = {}
        for key in set(keys):
            got_routes += self._routes.get(key, ())
            got_neighbours += self._neighbours.get(key, ())
            routes, neighbours, elements = self._want(key)
            want_routes += routes
            want_neighbours += neighbours
            sets[key] = elements
            self._remember(key, routes, neighbours)
        change = wanted.difference(got_routes, want_routes, got_neighbours, want_neighbours)
        if not change.empty:
            self._report(self.kernel.apply(change, self.config.protocol))
        self._firewall(sets)

    def _remember(self, key: Key, routes: list[Route], neighbours: list[Neighbour]) -> None:
        for store, items in ((self._routes, routes), (self._neighbours, neighbours)):
            if items:
                store[key] = items  # type: ignore[assignment]
            else:
                store.pop(key, None)  # type: ignore[attr-defined]

    def _firewall(self, sets: dict[Hashable, frozenset[Element]]) -> None:
        add: set[Element] = set()
        delete: set[Element] = set()
        for key, elements in sets.items():
            old = self._elements.get(key, frozenset())
            add |= elements - old
            delete |= old - elements
            if elements:
                self._elements[key] = elements
            else:
                self._elements.pop(key, None)
        if add or delete:
            self.firewall.change(add - delete, delete - add, self.all_elements)

    def all_elements(self) -> set[Element]:
        return set().union(*self._elements.values()) if self._elements else set()

    # --- the whole

    def full_sync(self) -> None:
        """Compare everything with the kernel, and make it so."""
        self.resync_at = time.monotonic() + self.config.timing.resync_s
        self.counters["resyncs"] += 1
        self._devices = self.links.devices()
        self._report(self.kernel.keep_rules(self.config))
        self.isolate(self.links.ports())
        self._say_mode()
        if not self.knows:
            return
        got_routes = self.kernel.routes(self.config.protocol)
        if not self.synced:
            self.decide_claims()
            self._adopted = dict(wanted.index_routes(got_routes))
        self.refresh(self._all_relevant())
        if not self.synced:
            self._adopt()
        now = time.monotonic()
        for key, guest in self.guests.items():
            facts = self.facts(key, guest)
            old = self.states.get(key, QUIET)
            new = machine.step(old, facts, now, self.rules)
            if new is not old:
                self._enter(key, guest, old, new, facts)
        self._sync_kernel(got_routes)
        self._sync_firewall()
        self.synced = True

    def _all_relevant(self) -> set[int]:
        vmids = {vmid for vmid, owner in self.proxmox.owners.items() if owner.node == self.config.node}
        vmids.update(vmid for vmid in self.links.vmids if vmid in self.proxmox.owners)
        vmids.update(self.keys_of)
        if self._adopted:
            vmids.update(vmid for vmid in self.grants if self._was_ours(vmid))
        return vmids

    def _adopt(self) -> None:
        """Go on where the agent was when it ended: the kernel's routes tell."""
        now = time.monotonic()
        for key, guest in self.guests.items():
            found = [route for network in guest.addresses for route in self._adopted.get(network, ())]
            name, target = wanted.adopt(found, self.config, self._devices)
            if name is not Name.ABSENT:
                state = State(name, now, target)
                self._set(key, state)
        self._adopted = {}

    def _sync_kernel(self, got_routes: list[Route]) -> None:
        got_neighbours: list[Neighbour] = []
        for interface in self._devices:
            if interface:
                got_neighbours += self.kernel.neighbours(interface, self.config.protocol)
        want_routes: list[Route] = []
        want_neighbours = wanted.peer_neighbours(self.config, self._devices)
        for key in set(self.guests) | set(self._routes) | set(self._neighbours):
            routes, neighbours, dummy = self._want(key)
            want_routes += routes
            want_neighbours += neighbours
            self._remember(key, routes, neighbours)
        change = wanted.difference(got_routes, want_routes, got_neighbours, want_neighbours)
        if not change.empty:
            if self.synced:
                self.counters["repairs"] += sum(len(part) for part in change)
            self._report(self.kernel.apply(change, self.config.protocol))

    def _sync_firewall(self) -> None:
        self._elements = {key: self._want(key)[2] for key in self.guests}
        for link in self.links.ports():
            self._elements[("port", link.ifindex)] = frozenset((wanted.port_element(link.name),))
        self._elements["peers"] = wanted.peer_elements(self.config)
        self.firewall.sync(self.all_elements)

    def _say_mode(self) -> None:
        self.journal.standing(
            "vmlist",
            WARNING,
            ""
            if self.proxmox.readable
            else f"static: {self.config.pve}/.vmlist cannot be read ({self.proxmox.why_unreadable});"
            " everything stays as it is, but for ports that go away",
        )
        self.journal.standing(
            "guests",
            ERROR,
            self.proxmox.why_guests_unknown and f"{self.proxmox.why_guests_unknown}; the last known guests stay",
        )

    # --- news

    def isolate(self, ports: Iterable[Link]) -> None:
        """No port of the bridge hears another, whoever put it there."""
        open_ports = [port for port in ports if not port.isolated]
        if open_ports:
            self._report(self.kernel.isolate(open_ports))

    def on_links(self) -> None:
        """Links have changed."""
        events = self.kernel.read_events()
        if events.lost:
            self.journal.warning("link events were lost: everything is read anew")
            self.links.load(self.kernel.links())
            self.full_sync()
            return
        vmids: set[int] = set()
        fresh: set[int] = set()
        watched = {self.config.bridge, self.config.forward.interface if self.config.forward else self.config.bridge}
        disturbed = False
        ports: dict[Hashable, frozenset[Element]] = {}
        for link in events.changed:
            old = self.links.change(link)
            if link.name in watched or (old and old.name in watched):
                disturbed = disturbed or old is None or not link.up or old.up != link.up or old.mac != link.mac
            self._touch(link, old, vmids)
            if old is None and (plugged := guest_of(link.name)):
                self.proxmox.distrust(plugged[0])
                fresh.add(plugged[0])
            ports[("port", link.ifindex)] = frozenset()
        for index in events.removed:
            old = self.links.remove(index)
            if old:
                disturbed = disturbed or old.name in watched
                self._touch(old, None, vmids)
                ports[("port", index)] = frozenset()
        opened = {index for index, isolated in events.isolation if not isolated}
        bridge_ports = self.links.ports()
        self.isolate(port for port in bridge_ports if port.ifindex in opened or not port.isolated)
        for port in bridge_ports:
            if ("port", port.ifindex) in ports:
                ports[("port", port.ifindex)] = frozenset((wanted.port_element(port.name),))
        if disturbed:
            self.keep_forward()
            self.full_sync()
            return
        self._firewall(ports)
        if self.knows and self.synced and vmids:
            known = [vmid for vmid in vmids if vmid in self.proxmox.owners or vmid in self.keys_of]
            # A guest that starts may have been written a moment ago: `lock: backup` must be known before it is announced
            self.evaluate(key for vmid in known if vmid not in fresh for key in self.keys_of.get(vmid, ()))
            self.evaluate(self.refresh(vmid for vmid in known if vmid in fresh or vmid not in self.keys_of))

    @staticmethod
    def _touch(link: Link, old: Link | None, vmids: set[int]) -> None:
        for name in {link.name, old.name if old else link.name}:
            guest = guest_of(name)
            if guest:
                vmids.add(guest[0])

    def on_poll(self) -> None:
        """Has .vmlist changed? What is known is acted upon first; files are read afterwards."""
        begun = time.perf_counter()
        flips = self.counters["flips"]
        was_known = self.knows
        changed = self.proxmox.poll()
        if not self.proxmox.readable:
            self._say_mode()
        if not self.knows:
            return
        if not was_known or not self.synced:
            self.full_sync()
            return
        if not changed:
            return
        self.evaluate(key for vmid in changed for key in self.keys_of.get(vmid, ()))
        if self.counters["flips"] != flips:
            self.flip_ms = [*self.flip_ms[-99:], (time.perf_counter() - begun) * 1000]
        self._say_mode()
        if self.proxmox.reads_all:
            nics_before = {vmid: self.proxmox.known(vmid) for vmid in changed}
            if any(_claims_differ(before, self.proxmox.guest(vmid)) for vmid, before in nics_before.items()):
                self.on_claims()
                return
        self.evaluate(self.refresh(vmid for vmid in changed))

    def on_guests_file(self) -> None:
        if self.proxmox.poll_guests():
            if self.synced:
                self.on_claims()
            else:
                self.on_poll()
        self._say_mode()

    def on_claims(self) -> None:
        self.decide_claims()
        self.evaluate(self.refresh(self._all_relevant()))

    def on_scrub(self, share: float) -> None:
        changed = self.proxmox.scrub(share)
        if changed and self.synced:
            if self.proxmox.reads_all:
                self.on_claims()
            else:
                self.evaluate(self.refresh(changed))

    def on_deadlines(self, now: float) -> None:
        due = []
        while self.deadlines and self.deadlines[0][0] <= now:
            due.append(heapq.heappop(self.deadlines)[1])
        if due:
            self.evaluate(due)

    def on_resync(self) -> None:
        self.links.load(self.kernel.links())
        self.keep_forward()
        self.full_sync()

    @property
    def seen(self) -> tuple[object, ...]:
        """Changes when the status does."""
        proxmox = self.proxmox
        return (
            self.revision,
            proxmox.readable,
            proxmox.why_guests_unknown,
            self.firewall.mode,
            *self.counters.values(),
        )

    # --- for others

    def status(self) -> dict[str, Any]:
        guests = []
        for key, guest in sorted(self.guests.items()):
            state = self.states.get(key, QUIET)
            if state.name is Name.ABSENT:
                continue
            port = self.port(guest)
            entry: dict[str, Any] = {
                "vmid": guest.vmid,
                "name": guest.name,
                "nic": f"net{guest.number}",
                "port": port.name if port else "",
                "state": state.name.value,
                "addresses": [str(network) for network in (*guest.addresses, *guest.prefixes)],
                "since": status.instant(self.since_wall.get(key, 0)),
            }
            if state.target:
                entry["target"] = state.target
            guests.append(entry)
        refused = [*self._refused_claims, *(each for found in self._refused.values() for each in found)]
        return {
            "node": self.config.node,
            "ready_s": self.ready_s,
            "mode": "normal" if self.proxmox.readable and not self.proxmox.why_guests_unknown else "static",
            "guests": guests,
            "refused": [refusal._asdict() for refusal in refused],
            "firewall": self.firewall.mode,
            "counters": {**self.counters, "flip_ms_worst": round(max(self.flip_ms, default=0), 2)},
        }


def _claims_differ(before: Any, after: Any) -> bool:
    return (before.nics if before else None) != (after.nics if after else None)
