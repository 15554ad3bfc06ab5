# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every event of a guest's life: announced on exactly one node after it, or nowhere."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from figures import accepting, record
from guestlab import Guests
from happenings import MATRIX

VM = 130
CONTAINER = 170
MAC, ADDRESSES = "52:02:45:76:d2:70", ["203.0.113.170", "2001:db8:1000::170"]
LIST = "/etc/pve/fabric/guests.json"
FEW = {  # a virtual machine takes its time: these alone in the small form, all of them at full count
    "shutdown inside the guest",
    "start after it",
    "hibernate",
    "resume from hibernation",
    "aborted migration: after the copy",
    "crash",
    "start after the crash",
}


@pytest.fixture
def container(guests: Guests) -> Iterator[Guests]:
    """A container beside the guests of the file, with a claim in the list as the role would write it."""
    node, before = "pve2", guests.ask("pve2", f"cat {LIST}")
    claim = {"name": "ct01", "vmid": CONTAINER, "mac": MAC, "addresses": ADDRESSES, "prefixes": []}
    claims = {"guests": [*json.loads(before)["guests"], claim]}
    net = f"name=eth0,bridge=vmbr1,hwaddr={MAC.upper()},ip={ADDRESSES[0]}/32,gw=169.254.0.1"
    net += f",ip6={ADDRESSES[1]}/128,gw6=fe80::1"
    guests.ask(node, f"cat >{LIST} <<'END'\n{json.dumps(claims)}\nEND\n")
    guests.ask(node, f"pct create {CONTAINER} local:vztmpl/none.tar --hostname ct01 --net0 {net}")
    guests.guests["ct01"] = {**claim, "node": node}
    guests.wait("the container known everywhere", lambda: CONTAINER in guests.vmlist(), 10)
    try:
        guests.qm(CONTAINER, "start")
        guests.announced(CONTAINER, node)
        yield guests
    finally:
        del guests.guests["ct01"]
        owner = guests.owner(CONTAINER)
        guests.shell(owner, f"pct stop {CONTAINER}; pct destroy {CONTAINER}")
        guests.ask(node, f"cat >{LIST} <<'END'\n{before}END\n")


def test_every_event_of_a_virtual_machine(guests: Guests) -> None:
    _play(guests, VM, "qemu")


def test_every_event_of_a_container(container: Guests) -> None:
    _play(container, CONTAINER, "lxc")


def test_the_cluster_file_system_dies_and_comes_back(guests: Guests) -> None:
    """Nothing changes while it is away; and the agent sees it again, through its own view of the file system."""
    mode = lambda: guests.status("pve1")["mode"]  # noqa: E731
    guests.ask("pve1", "systemctl kill -s KILL pve-cluster")
    guests.wait("the agent failing static", lambda: mode() == "static", 10)
    guests.announced(VM, "pve1", 1)
    guests.ask("pve1", "systemctl start pve-cluster")
    guests.wait("the agent back to normal", lambda: mode() == "normal", 20)
    guests.announced(VM, "pve1", 1)


def _play(guests: Guests, vmid: int, kind: str) -> None:
    played = []
    for happening in MATRIX:
        if kind not in happening.kinds or (kind == "qemu" and not accepting() and happening.name not in FEW):
            continue
        begun = time.monotonic()
        node = happening.do(guests, vmid)
        try:
            guests.announced(vmid, node)
            if node and happening.answers:
                guests.wait(f"{vmid} answers", lambda: all(guests.answers(a) for a in guests.addresses(vmid)), 30)
                guests.announced(vmid, node)
        except AssertionError as exc:
            raise AssertionError(f"after {happening.name!r}: {exc}") from None
        played.append(f"{happening.name} {time.monotonic() - begun:.1f} s")
    print("\n  " + "\n  ".join(played))
    record("guests", f"events of a {kind} guest", f"{len(played)} of {len(played)} right", 1, "; ".join(played))
