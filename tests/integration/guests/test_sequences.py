# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random sequences of events, with things killed between any two: in the end the announced set equals the truth.

The truth: a guest is announced by the node that .vmlist names, if its port is there; else by none.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable

import pytest
from figures import accepting, record
from guestlab import OBSERVER, Guests

SETTLED_S = 30
STEPS = (2, 5)


def count() -> int:
    return 200 if accepting() else 3


def truth(guests: Guests) -> dict[str, set[str]]:
    """Address to the nodes that have to announce it."""
    ports = {node: guests.ports(node) for node in guests.pves}
    owners = {vmid: entry["node"] for vmid, entry in guests.vmlist().items()}
    found = {}
    for guest in guests.guests.values():
        vmid, owner = guest["vmid"], owners[guest["vmid"]]
        here = {f"tap{vmid}i0", f"veth{vmid}i0"} & ports[owner]
        for address in guest["addresses"]:
            found[address] = {owner} if here else set()
    return found


def announced(guests: Guests) -> dict[str, set[str]]:
    """The same, as a third router has it."""
    found: dict[str, set[str]] = {a: set() for guest in guests.guests.values() for a in guest["addresses"]}
    by_asn = {asn: name for name, asn in guests.asn.items()}
    for afi in ("ipv4", "ipv6"):
        routes = guests.json(OBSERVER, f"vtysh -c 'show bgp {afi} unicast json'")["routes"]
        for prefix, paths in routes.items():
            address = prefix.partition("/")[0]
            if address in found and prefix == guests.prefix(address):
                found[address] = {by_asn[int(path["path"].split()[-1])] for path in paths}
    return found


class Chance:
    """What may happen next; nothing here has to succeed."""

    def __init__(self, guests: Guests, seed: int) -> None:
        self.guests = guests
        self.random = random.Random(seed)
        self.said: list[str] = []
        self.running: list[subprocess.Popen[str]] = []

    def play(self) -> None:
        steps: list[tuple[int, Callable[[], None]]] = [
            (4, self.start),
            (3, self.stop),
            (5, self.migrate),
            (2, self.kill_guest),
            (4, self.kill_agent),
            (2, self.kill_pvesim),
            (2, self.bridge_down_and_up),
            (1, self.restart_agent),
        ]
        for dummy in range(self.random.randint(*STEPS)):
            weights = [weight for weight, _step in steps]
            self.random.choices([step for _weight, step in steps], weights)[0]()
            self.guests.settle(self.random.choice((0, 0, 0.05, 0.3)))
        if self.random.random() < 0.08:
            self.reboot()

    def end(self) -> None:
        """Wait for what still runs in the background."""
        for process in self.running:
            process.wait(timeout=120)

    def _guest(self) -> int:
        return int(self.random.choice(sorted(g["vmid"] for g in self.guests.guests.values())))

    def _node(self) -> str:
        return str(self.random.choice(self.guests.pves))

    def _say(self, text: str) -> None:
        self.said.append(text)

    def _owner(self, vmid: int) -> tuple[str, str]:
        entry = self.guests.vmlist()[vmid]
        return str(entry["node"]), "pct" if entry["type"] == "lxc" else "qm"

    def _background(self, node: str, command: str) -> None:
        """As somebody does who does not wait: the next step comes in between."""
        self._say(f"{node}: {command}")
        enter = ["nsenter", "-t", self.guests.pid(node), "-m", "-u", "-i", "-n", "-p"]
        enter += ["sh", "-c", f"timeout 60 {command}"]
        self.running.append(
            subprocess.Popen(enter, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )

    def start(self) -> None:
        vmid = self._guest()
        node, tool = self._owner(vmid)
        self._background(node, f"{tool} start {vmid}")

    def stop(self) -> None:
        vmid = self._guest()
        node, tool = self._owner(vmid)
        self._background(node, f"{tool} stop {vmid}")

    def migrate(self) -> None:
        vmid = self._guest()
        node, tool = self._owner(vmid)
        same = [n for n in self.guests.pves if self.guests.nodes[n]["release"] == self.guests.nodes[node]["release"]]
        others = [n for n in (same if tool == "qm" else self.guests.pves) if n != node]
        if others:
            how = "--restart" if tool == "pct" else "--online"
            self._background(node, f"{tool} migrate {vmid} {self.random.choice(others)} {how}")

    def kill_guest(self) -> None:
        vmid = self._guest()
        node, tool = self._owner(vmid)
        if tool == "qm":
            self._say(f"{node}: kill QEMU of {vmid}")
            self.guests.shell(node, f"kill -9 $(cat /run/qemu-server/{vmid}.pid)")

    def kill_agent(self) -> None:
        node = self._node()
        self._say(f"{node}: kill the agent")
        self.guests.shell(node, "systemctl kill -s KILL routed-guests")

    def restart_agent(self) -> None:
        node = self._node()
        self._say(f"{node}: restart the agent")
        self.guests.shell(node, "systemctl restart routed-guests")

    def kill_pvesim(self) -> None:
        node = self._node()
        self._say(f"{node}: kill pvesim")
        self.guests.shell(node, "systemctl kill -s KILL pve-cluster")

    def bridge_down_and_up(self) -> None:
        node = self._node()
        self._say(f"{node}: vmbr1 down and up")
        self.guests.shell(node, "ip link set vmbr1 down; ip link set vmbr1 up")

    def reboot(self) -> None:
        node = self._node()
        self._say(f"{node}: reboot")
        self.end()
        self.guests.twin(state="rebooted", reboot=[node])


def heal(guests: Guests) -> None:
    """What an operator or systemd does about it: every node's services run. Guests stay as they are."""
    for node in guests.pves:
        guests.ask(node, "systemctl reset-failed; systemctl start pve-cluster routed-guests")
        guests.comes_back(node)


def unlock(guests: Guests) -> None:
    """A task that was killed leaves its lock; `qm unlock` is the operator's."""
    for vmid, entry in guests.vmlist().items():
        guests.shell(entry["node"], f"{'pct' if entry['type'] == 'lxc' else 'qm'} unlock {vmid}")


@pytest.mark.chance
@pytest.mark.parametrize("seed", range(count()))
def test_the_announced_set_equals_the_truth(guests: Guests, seed: int) -> None:
    chance = Chance(guests, seed)
    chance.play()
    chance.end()
    heal(guests)
    last: dict[str, object] = {}

    def right() -> bool:
        expected, seen = truth(guests), announced(guests)
        last.update(expected=expected, seen=seen)
        return expected == seen

    try:
        guests.wait("the announced set equal to the truth", right, SETTLED_S)
    except AssertionError:
        agents = {node: guests.status(node) for node in guests.pves}
        pytest.fail(f"after {chance.said}: {last}; the agents: {agents}")
    finally:
        unlock(guests)
    if seed == count() - 1:
        how = f"{STEPS[0]} to {STEPS[1]} random steps each, in the background, with kill -9 and reboots between"
        record("guests", "random sequences of events", f"{count()} run", count(), how)
