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
from . import machine, wanted
from .addresses import Network
from .config import Config
from .inventory import Inventory, Key
from .journal import ERROR, WARNING, Journal
from .kernel import Failure, Kernel
from .links import Links, Port, guest_of
from .machine import Facts, Name, State
from .netlink import Link
from .nft import Firewall
from .proxmox import Proxmox
from .wanted import Element, Guest, Neighbour, Route

QUIET = State()
SOON_S = 1.0  # after the bridge was disturbed: the kernel itself looks at carriers once a second


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
        self.inventory = Inventory(config, self.proxmox, journal)
        self.guests = self.inventory.guests
        self.keys_of = self.inventory.keys_of
        self.states: dict[Key, State] = {}
        self.since_wall: dict[Key, float] = {}
        self.onward: set[Key] = set()
        self.held: dict[int, bool] = {}  # VMIDs with `lock: backup`: whether QEMU was only prepared, and does not run
        self.incoming: set[Key] = set()
        self.leaving: set[Key] = set()
        self.revision = 0  # grows with everything that the status shows
        self.deadlines: list[tuple[float, Key]] = []
        self.departed: list[tuple[Key, str]] = []  # for the handover: who has just left, and where to
        self._routes: dict[Key, list[Route]] = {}
        self._neighbours: dict[Key, list[Neighbour]] = {}
        self._devices = wanted.Devices(0, 0)
        self._adopted: dict[Network, list[Route]] = {}
        self._failed: set[str] = set()
        self._failed_before: set[str] = set()
        self.synced = False
        self.ready_s: float | None = None
        self.resync_at = 0.0
        self.frr_at = time.monotonic() + SOON_S  # when to look at what FRR has taken up
        self.disturbed_at = time.monotonic()
        self.counters = {"flips": 0, "resyncs": 0, "repairs": 0, "renewals": 0, "failures": 0, "replayed": 0}
        self.flip_ms = self.flip_cpu_ms = 0.0  # the worst from looking at .vmlist to the changed kernel

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
        """Each is told once, as long as it lasts; and tried again soon, once, and then with every comparison."""
        for failure in failures:
            self.counters["failures"] += 1
            text = str(failure)
            if text not in self._failed and text not in self._failed_before:
                self.journal.error(f"the kernel refused: {text}")
                self.resync_at = min(self.resync_at, time.monotonic() + 1)
            self._failed.add(text)

    # --- truth

    def relevant(self, vmid: int) -> bool:
        return (
            self.proxmox.owner(vmid) == self.config.node
            or self.links.has(vmid)
            or any(self.states.get(key, QUIET).name is not Name.ABSENT for key in self.keys_of.get(vmid, ()))
        )

    def refresh(self, vmids: Iterable[int]) -> list[Key]:
        """Bring the interfaces of these guests up to date; the keys that have to be looked at."""
        touched, dropped = self.inventory.refresh(vmids, lambda vmid: self.relevant(vmid) or self._was_ours(vmid))
        self.held = {vmid: waits for vmid, waits in self.held.items() if vmid in self.inventory.backing_up}
        for key, guest in dropped:  # unplugged, moved to another bridge, its claim removed
            self.revision += 1
            state = self.states.pop(key, None)
            self.incoming.discard(key)
            self.leaving.discard(key)
            if state and state.name is not Name.ABSENT:
                self.journal.notice(f"{guest.who}: withdrawn: its claim or its interface is gone")
        return touched + [key for key, dummy in dropped]

    def _was_ours(self, vmid: int) -> bool:
        """The kernel still has routes of this guest from before the agent's start."""
        return bool(self._adopted) and any(
            network in self._adopted for grant in self.inventory.grants.get(vmid, ()) for network in grant.addresses
        )

    # --- facts and states

    def port(self, guest: Guest) -> Port | None:
        return self.links.port(guest.vmid, guest.number, guest.kind)

    def facts(self, key: Key, guest: Guest) -> Facts:
        port = self.port(guest)
        return Facts(
            owner=self.proxmox.owner(guest.vmid),
            port=port.ifindex if port else 0,
            held=guest.vmid in self.inventory.backing_up and self.held.get(guest.vmid, True),
            onward=key in self.onward,
        )

    def evaluate(self, keys: Iterable[Key]) -> None:
        """Let the machine decide on these interfaces and make the kernel follow, then the firewall."""
        keys = list(keys)
        self._decide(keys)
        self._follow(keys)

    def _decide(self, keys: Iterable[Key]) -> None:
        now = time.monotonic()
        for key in keys:
            guest = self.guests.get(key)
            if guest is not None:
                facts = self.facts(key, guest)
                old = self.states.get(key, QUIET)
                new = machine.step(old, facts, now, self.rules)
                if new is not old:
                    self._enter(key, guest, old, new, facts)

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
        where = f" on {port.name}" if port else ""
        addresses = " ".join(str(network) for network in (*guest.addresses, *guest.prefixes))
        self.journal.notice(f"{guest.who}{where}: {machine.reason(old, new, facts, self.rules)} [{addresses}]")

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
        self.firewall.update(sets)

    def _remember(self, key: Key, routes: list[Route], neighbours: list[Neighbour]) -> None:
        self._routes[key], self._neighbours[key] = routes, neighbours
        if not routes and not neighbours:
            del self._routes[key], self._neighbours[key]

    # --- the whole

    def full_sync(self) -> None:
        """Compare everything with the kernel, and make it so."""
        self.resync_at = time.monotonic() + self.config.timing.resync_s
        self.counters["resyncs"] += 1
        self._failed_before, self._failed = self._failed, set()
        self._devices = self.links.devices()
        self._report(self.kernel.keep_rules(self.config))
        self.isolate(self.links.ports())
        self._say_mode()
        if not self.knows:
            return
        got_routes = self.kernel.routes(self.config.protocol)
        if not self.synced:
            self.inventory.decide()
            self._adopted = dict(wanted.index_routes(got_routes))
        self.refresh(self._all_relevant())
        if not self.synced:
            self._adopt()
        self._decide(self.guests)
        self._sync_kernel(got_routes)
        self._sync_firewall()
        self.synced = True

    def _all_relevant(self) -> set[int]:
        vmids = {vmid for vmid, owner in self.proxmox.owners.items() if owner.node == self.config.node}
        vmids.update(vmid for vmid in self.links.vmids if vmid in self.proxmox.owners)
        vmids.update(self.keys_of)
        if self._adopted:
            vmids.update(vmid for vmid in self.inventory.grants if self._was_ours(vmid))
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
                repairs = sum(len(part) for part in change)
                self.counters["repairs"] += repairs
                self.journal.notice(
                    f"the kernel differed from what is right here: {repairs} routes and neighbours put right"
                )
            self._report(self.kernel.apply(change, self.config.protocol))

    def _sync_firewall(self) -> None:
        sets: dict[Hashable, frozenset[Element]] = {key: self._want(key)[2] for key in self.guests}
        for link in self.links.ports():
            sets[("port", link.ifindex)] = frozenset((wanted.port_element(link.name),))
        sets["peers"] = wanted.peer_elements(self.config)
        self.firewall.sync(sets)

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

    # --- FRR

    def announced_before(self, instant: float) -> set[Route]:
        """Routes that FRR has to announce, of interfaces whose state has not changed since."""
        return {
            route
            for key, routes in self._routes.items()
            for route in routes
            if route.table == self.config.table and self.states.get(key, QUIET).since <= instant
        }

    def renew(self, routes: Collection[Route]) -> None:
        """FRR does not know these, though they stand in the kernel."""
        self.counters["renewals"] += len(routes)
        self.journal.warning(f"FRR had not taken up {len(routes)} routes of the kernel's: made anew")
        self._report(self.kernel.renew(routes, self.config.protocol))

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
        for index, isolated in events.isolation:
            self.links.note_isolation(index, isolated)
        bridge_ports = self.links.ports()
        self.isolate(bridge_ports)
        for port in bridge_ports:
            if ("port", port.ifindex) in ports:
                ports[("port", port.ifindex)] = frozenset((wanted.port_element(port.name),))
        if disturbed:
            self.keep_forward()
            self.full_sync()
            self.disturbed_at = time.monotonic()
            # Its addresses come back with ifupdown; where it went down by another hand, in a moment by ours.
            self.resync_at = min(self.resync_at, self.disturbed_at + SOON_S)
            self.frr_at = min(self.frr_at, self.disturbed_at + SOON_S)
            return
        self.firewall.update(ports)
        if self.knows and self.synced and vmids:
            known = [vmid for vmid in vmids if vmid in self.proxmox.owners or vmid in self.keys_of]
            # Its configuration may have been written a moment ago: `lock: backup` must be known before it is announced
            self.evaluate(key for vmid in known if vmid not in fresh for key in self.keys_of.get(vmid, ()))
            self.evaluate(self.refresh(vmid for vmid in known if vmid in fresh or vmid not in self.keys_of))

    @staticmethod
    def _touch(link: Link, old: Link | None, vmids: set[int]) -> None:
        for name in (link.name, old.name if old else ""):
            guest = guest_of(name)
            if guest:
                vmids.add(guest[0])

    def on_poll(self) -> None:
        """Has .vmlist changed? What is known is acted upon first; files are read afterwards."""
        begun, begun_cpu = time.perf_counter(), time.thread_time()
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
            self.flip_ms = max(self.flip_ms, (time.perf_counter() - begun) * 1000)
            self.flip_cpu_ms = max(self.flip_cpu_ms, (time.thread_time() - begun_cpu) * 1000)
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
        self.inventory.decide()
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
        if self._devices.bridge:
            self._report(self.kernel.keep_gateways(self._devices.bridge))

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


def _claims_differ(before: Any, after: Any) -> bool:
    return (before.nics if before else None) != (after.nics if after else None)
