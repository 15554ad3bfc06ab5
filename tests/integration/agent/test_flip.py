# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest moves while it runs: what still arrives at its old node follows it."""

from __future__ import annotations

import json
import socket
import threading
import time

from agentlab import Guest, Namespace, Node, Place, until
from conftest import Lab
from fakeqemu import FakeQemu
from frames import Wire, udp

PORT = 7000


class Sender:
    """A counter in UDP packets to a guest, from a machine behind a node that it does not leave."""

    def __init__(self, node: Node, targets: list[str], interval_s: float = 0.002) -> None:
        self.space = Namespace(f"{node.space.name}-c")
        node.space.batch([f"link add client type veth peer name eth0 netns {self.space.name}", "link set client up"])
        node.space.batch(["address add 192.0.2.1/24 dev client", "address add 2001:db8:c::1/64 dev client nodad"])
        self.space.batch(
            [
                "link set eth0 up", "address add 192.0.2.2/24 dev eth0", "address add 2001:db8:c::2/64 dev eth0 nodad",
                "route add default via 192.0.2.1", "route add default via 2001:db8:c::1",
            ]
        )  # fmt: skip
        self.targets, self.interval_s = targets, interval_s
        self.sent: dict[str, list[tuple[int, float]]] = {target: [] for target in targets}
        self.ending = threading.Event()
        families = {target: socket.AF_INET6 if ":" in target else socket.AF_INET for target in targets}
        self.sockets = {target: self.space.socket(family, socket.SOCK_DGRAM) for target, family in families.items()}
        self.thread = threading.Thread(target=self._send)
        self.thread.start()

    def _send(self) -> None:
        number = 0
        while not self.ending.wait(self.interval_s):
            number += 1
            for target, out in self.sockets.items():
                self.sent[target].append((number, time.monotonic()))
                try:
                    out.sendto(str(number).encode(), (target, PORT))
                except OSError:
                    self.sent[target].pop()  # told at once that there is no way: seen in the beginning only

    def end(self) -> None:
        self.ending.set()
        self.thread.join()
        self.space.delete()


class Receiver:
    """What a guest hears in one place. It runs from `run` to `stop`, as a VM does on one of two nodes."""

    def __init__(self, place: Place) -> None:
        self.heard: dict[str, list[int]] = {address: [] for address in place.guest.addresses}
        self.running = threading.Event()
        self.ending = threading.Event()
        self.threads = []
        for address in place.guest.addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            incoming = place.space.socket(family, socket.SOCK_DGRAM)
            incoming.bind((address, PORT))
            incoming.settimeout(0.05)
            thread = threading.Thread(target=self._listen, args=(address, incoming))
            thread.start()
            self.threads.append(thread)

    def _listen(self, address: str, incoming: socket.socket) -> None:
        with incoming:
            while not self.ending.is_set():
                try:
                    data = incoming.recv(100)
                except TimeoutError:
                    continue
                if self.running.is_set():
                    self.heard[address].append(int(data))

    def end(self) -> None:
        self.ending.set()
        for thread in self.threads:
            thread.join()


def move(lab: Lab, guest: Guest, old: tuple[Node, Place], new: tuple[Node, Place], sender: Sender) -> None:
    """As Proxmox moves a VM: stopped at the source, the configuration renamed, continued at the target. 60 ms pause."""
    (source, before), (target, after) = old, new
    here, there = Receiver(before), Receiver(after)
    qemu = FakeQemu(source.work / "qmp" / f"{guest.vmid}.qmp")
    try:
        here.running.set()
        until("the target waits for it", lambda: target.state(guest.vmid) == "incoming")
        lab.cluster.edit(guest.vmid, guest.config("lock: migrate"))
        qemu.migrating(20)
        until("QEMU was asked", lambda: qemu.asked > 1)
        qemu.migrating(0.2)
        asked = qemu.asked
        until("its end was seen", lambda: qemu.asked > asked + 3)
        here.running.clear()
        qemu.status, qemu.migration = "postmigrate", {"status": "completed"}
        time.sleep(0.03)
        there.running.set()  # the target's QEMU has its tap open: what arrives waits for `cont`
        lab.cluster.move(guest.vmid, target.name)
        time.sleep(0.03)
        until("it is fresh at the target", lambda: target.state(guest.vmid) == "fresh")
        time.sleep(0.3)
    finally:
        here.end()
        sender.ending.set()
        sender.thread.join()
        time.sleep(0.2)
        there.end()
        qemu.close()
    for address, sent in sender.sent.items():
        numbers = {number for number, dummy in sent}
        first = min(here.heard[address])
        missing = (
            {number for number in numbers if number >= first} - set(here.heard[address]) - set(there.heard[address])
        )
        twice = set(here.heard[address]) & set(there.heard[address])
        print(
            f"{source.name} -> {target.name} {address}: {len(numbers)} sent, {len(here.heard[address])} before,"
            f" {len(there.heard[address])} after, {len(twice)} twice, {len(missing)} lost"
        )
        assert here.heard[address] and there.heard[address]
        assert not missing, f"{address}: lost {sorted(missing)}"
        assert len(twice) <= 60, "more was sent again than what came since the last word from a running guest"


def test_flip_both_ways(lab: Lab) -> None:
    """No packet of a counter is lost, come it while the guest is stopped or after it has gone; there and back."""
    guest = lab.guest(130, 30)
    lab.begin()
    first = lab.plug(guest, lab.pve1)
    until("it is steady", lambda: lab.pve1.state(130) == "steady")
    second = lab.plug(guest, lab.pve2)
    sender = Sender(lab.pve1, guest.addresses)
    try:
        move(lab, guest, (lab.pve1, first), (lab.pve2, second), sender)
    finally:
        sender.end()
    status = lab.pve1.status()
    assert status["counters"]["flips"] == 1
    assert status["counters"]["replayed"] > 0
    wall, processor = (status["counters"][key] for key in ("flip_ms_worst", "flip_cpu_ms_worst"))
    print(f"from the look at .vmlist to the kernel: {wall} ms, {processor} ms of a core")
    assert processor < 5
    (shown,) = [each for each in status["guests"] if each["vmid"] == 130]
    assert shown["state"] == "leaving" and shown["target"] == "pve2"
    assert lab.pve1.routes() == {f"{each} via fe80::c dev fabric-fwd metric 12" for each in guest.addresses}

    # Back, while the first departure still lasts: the new tap makes it incoming beside
    first.unplug()
    lab.places.remove(first)
    again = lab.plug(guest, lab.pve1)
    until("pve1 is ready for it", lambda: lab.pve1.routes(102) != set())
    lab.cluster.edit(130, guest.config())
    lab.cluster.move(130, "pve1")
    until("it is fresh again", lambda: lab.pve1.state(130) == "fresh")
    until("and follows it back", lambda: lab.pve2.state(130) == "leaving")
    assert lab.pve2.routes() == {f"{each} via fe80::b dev fabric-fwd metric 12" for each in guest.addresses}
    again.unplug()
    until("a stop after a move withdraws", lambda: lab.pve1.routes() == set())


def test_flip_seen_late_by_the_target(lab: Lab) -> None:
    """The target hears of the move 300 ms after the source: packets go round in no circle, they arrive."""
    guest = lab.guest(130, 30)
    lab.begin()
    lab.plug(guest, lab.pve1)
    until("it is steady", lambda: lab.pve1.state(130) == "steady")
    place = lab.plug(guest, lab.pve2)
    until("the target waits for it", lambda: lab.pve2.state(130) == "incoming")
    receiver = Receiver(place)
    sender = Sender(lab.pve1, guest.addresses)
    try:
        receiver.running.set()
        lab.cluster.move(130, "pve2", ["pve1"])
        until("the source forwards", lambda: lab.pve1.state(130) == "leaving")
        time.sleep(0.3)
        assert lab.pve2.state(130) == "incoming"
        heard = {address: len(numbers) for address, numbers in receiver.heard.items()}
        assert all(count > 50 for count in heard.values()), heard
    finally:
        sender.end()
        receiver.end()


def test_killed_while_it_forwards(lab: Lab) -> None:
    """A new agent goes on forwarding, and ends it."""
    guest = lab.guest(130, 30)
    lab.begin()
    lab.plug(guest, lab.pve1)
    until("it is steady", lambda: lab.pve1.state(130) == "steady")
    lab.cluster.move(130, "pve2")
    until("the source forwards", lambda: lab.pve1.state(130) == "leaving")
    lab.pve1.stop(9)
    lab.pve1.start()
    assert lab.pve1.state(130) == "leaving"
    assert lab.pve1.routes() == {f"{each} via fe80::c dev fabric-fwd metric 12" for each in guest.addresses}
    until("it ends by its time", lambda: lab.pve1.state(130) == "left" and lab.pve1.routes() == set(), 6)


def test_who_may_forward(lab: Lab) -> None:
    """Into the forwarding device comes only what another node sent; out of it, only what is for a guest here."""
    guest = lab.guest(130, 30)
    lab.begin()
    place = lab.plug(guest, lab.pve1)
    until("it is here", lambda: lab.pve1.state(130) == "fresh")
    hears = Wire(place.space, "eth0")

    def sealed(target: str, source: str = "2.57.57.200") -> bytes:
        """A VXLAN packet's payload, as another node makes it."""
        inner = udp(lab.pve2.mac, source, target, data=b"x" * 8)
        return b"\x08\0\0\0\0\0\xd3\0" + bytes.fromhex(lab.pve1.mac.replace(":", "")) + inner[6:]

    def arrives(target: str) -> bool:
        hears.clear()
        limit = time.monotonic() + 0.3
        hears.socket.settimeout(0.3)
        while time.monotonic() < limit:
            try:
                data = hears.socket.recv(2000)
            except TimeoutError:
                return False
            if b"x" * 8 in data and socket.inet_aton(target) in data:
                return True
        return False

    out = lab.pve2.space.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    out.bind((lab.pve2.loopback, 0))

    def send(target: str, via: socket.socket = out) -> bool:
        threading.Timer(0.05, lambda: via.sendto(sealed(target), (lab.pve1.loopback, 4787))).start()
        return arrives(target)

    assert send("2.57.57.30"), "the control does not arrive"
    lab.pve1.space.batch(["route add 2.57.57.31/32 dev vmbr1", f"neigh add 2.57.57.31 lladdr {guest.mac} dev vmbr1"])
    assert not send("2.57.57.31"), "something for no guest of this node came out"
    lab.pve2.space.batch(["address add 2001:db8:bad::1/128 dev lo"])
    lab.pve1.space.batch(["route add 2001:db8:bad::1/128 via fe80::ff:c dev up12"])
    stranger = lab.pve2.space.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    stranger.bind(("2001:db8:bad::1", 0))
    assert not send("2.57.57.30", stranger), "a stranger's packet came out"
    counters = lab.pve1.nft("list", "counters", "table", "inet", "fabric_guests")
    assert "packets 1" in counters.split("counter not_local")[1].split("}")[0]
    assert "packets 1" in counters.split("counter not_a_peer")[1].split("}")[0]
    hears.close()


def test_onward_path_ends_it_early(lab: Lab) -> None:
    """When FRR shows a path through the fabric the source withdraws, before its longest time."""
    guest = lab.guest(130, 30)
    lab.pve1.extra = {"timing": {**lab.pve1.config()["timing"], "leaving_max_s": 30}}
    vtysh = lab.pve1.work / "vtysh"
    vtysh.write_text(
        "#!/usr/bin/python3\nimport json, sys\n"
        "for command in sys.argv[2::2]:\n"
        "    prefix = command.split()[4]\n"
        "    paths = [{'valid': True, 'sourced': True, 'peer': {'peerId': '::'}}]\n"
        "    if open('/mnt/onward').read() == 'yes':\n"
        "        paths.append({'valid': True, 'peer': {'peerId': 'eth0', 'type': 'external'}})\n"
        "    print(json.dumps({'prefix': prefix, 'paths': paths}, indent=2))\n"
    )
    vtysh.chmod(0o755)
    onward = lab.pve1.work / "onward"
    onward.write_text("no")
    lab.pve1.programs = "/mnt"
    lab.begin()
    lab.plug(guest, lab.pve1)
    until("it is steady", lambda: lab.pve1.state(130) == "steady")
    lab.cluster.move(130, "pve2")
    until("the source forwards", lambda: lab.pve1.state(130) == "leaving")
    time.sleep(2.5)
    assert lab.pve1.state(130) == "leaving", "its own announcement was taken for a path through the fabric"
    onward.write_text("yes")
    until("it is withdrawn", lambda: lab.pve1.state(130) == "left", 4)
    assert any("withdrawn: the fabric leads to pve2 after" in line for line in lab.pve1.journal())
    assert json.loads(lab.pve1.agent("status", "--json"))["guests"][0]["state"] == "left"
