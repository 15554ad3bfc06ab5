# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start, stop, restart, trouble: what the kernel holds for a guest of this node."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

from agentlab import Node, until
from conftest import Lab
from fakeqemu import FakeQemu


def local(number: int, metric: int) -> set[str]:
    return {f"2.57.57.{number} dev vmbr1 metric {metric}", f"2001:678:3a4:100::{number} dev vmbr1 metric {metric}"}


def neighbours(node: Node) -> set[tuple[str, str]]:
    return {
        (each["dst"], each["lladdr"]) for each in node.space.ip("neigh", "show", "dev", "vmbr1", "nud", "permanent")
    }


class Monitor:
    """Everything that rtnetlink says between two moments."""

    def __init__(self, node: Node) -> None:
        command = ["ip", "netns", "exec", node.space.name, "ip", "monitor", "link", "route", "neigh", "rule", "address"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        time.sleep(0.2)

    def lines(self) -> list[str]:
        time.sleep(0.2)
        self.process.send_signal(signal.SIGTERM)
        lines = self.process.communicate()[0].splitlines()
        # What guests say of their link-local addresses goes on, agent or not
        return [line for line in lines if not (line.startswith("fe80::") and "PERMANENT" not in line)]


def test_start_and_stop(lab: Lab) -> None:
    """A guest is announced when it is here and ours, and at once no more when its tap is gone."""
    guest = lab.guest(130, 30)
    lab.begin()
    assert lab.pve1.routes() == set()
    place = lab.plug(guest, lab.pve1)
    until("it is announced fresh", lambda: lab.pve1.routes() == local(30, 10), 2)
    until(
        "its neighbours are there", lambda: neighbours(lab.pve1) == {(each, guest.mac) for each in guest.addresses}, 2
    )
    until("it is announced steadily", lambda: lab.pve1.routes() == local(30, 11), 5)
    until("the routes for forwarded packets are gone", lambda: lab.pve1.routes(102) == set(), 2)
    (port,) = lab.pve1.space.ip("-d", "link", "show", "dev", "tap130i0")
    assert port["linkinfo"]["info_slave_data"]["isolated"] is True
    until("the status says so", lambda: lab.pve1.state(130) == "steady", 2)
    status = json.loads(lab.pve1.agent("status", "--json"))
    assert status["node"] == "pve1" and status["mode"] == "normal" and status["firewall"] in ("ibrname", "ports")
    (shown,) = status["guests"]
    assert {**shown, "since": ""} == {
        "vmid": 130, "name": "web130", "nic": "net0", "port": "tap130i0", "state": "steady",
        "addresses": ["2.57.57.30", "2001:678:3a4:100::30"], "since": "",
    }  # fmt: skip
    assert "web130  VMID 130 net0  tap130i0  steady since " in lab.pve1.agent("status")
    begun = time.monotonic()
    place.unplug()
    until("it is withdrawn", lambda: lab.pve1.routes() == set() and neighbours(lab.pve1) == set(), 2)
    print(f"withdrawn {1000 * (time.monotonic() - begun):.0f} ms after the tap was deleted")
    assert lab.pve2.routes() == set()


def test_container_and_firewall_bridge(lab: Lab) -> None:
    """A container's veth, and a guest behind pve-firewall's bridge, whose port on ours has another name."""
    container = lab.guest(200, 20)
    lab.cluster.add(
        200, "pve1", f"hostname: ct\nnet0: name=eth0,bridge=vmbr1,hwaddr={container.mac.upper()},type=veth\n", "lxc"
    )
    guest = lab.guest(201, 21)
    lab.begin()
    lab.plug(container, lab.pve1, port="veth200i0")
    lab.pve1.space.batch(
        [
            "link add fwbr201i0 type bridge", "link set fwbr201i0 up",
            "link add fwln201i0 type veth peer name fwpr201p0",
            "link set fwln201i0 master fwbr201i0 up", "link set fwpr201p0 up",
        ]
    )  # fmt: skip
    lab.plug(guest, lab.pve1, master="fwbr201i0")
    until("the container is announced", lambda: lab.pve1.state(200) == "fresh")
    assert lab.pve1.state(201) == ""
    lab.pve1.space.run("ip", "link", "set", "fwpr201p0", "master", "vmbr1")
    until("the guest is announced", lambda: lab.pve1.state(201) == "fresh")
    assert lab.pve1.routes() == local(20, 10) | local(21, 10)
    assert {each["port"] for each in lab.pve1.status()["guests"]} == {"veth200i0", "fwpr201p0"}
    assert '"fwpr201p0" . 2.57.57.21' in lab.pve1.nft("list", "set", "bridge", "fabric_guests", "addresses4")


def test_restart_moves_nothing(lab: Lab) -> None:
    """Stopped, or killed, and started again: rtnetlink has nothing to tell. The monitor is shown to hear."""
    guest = lab.guest(130, 30)
    lab.begin()
    lab.plug(guest, lab.pve1)
    until("it is steady", lambda: lab.pve1.state(130) == "steady")
    for how in (signal.SIGTERM, signal.SIGKILL):
        monitor = Monitor(lab.pve1)
        lab.pve1.stop(how)
        assert lab.pve1.routes() == local(30, 11)
        lab.pve1.start()
        assert lab.pve1.state(130) == "steady"
        assert monitor.lines() == []
    control = Monitor(lab.pve1)
    lab.pve1.space.run("ip", "route", "add", "2.57.57.99/32", "dev", "vmbr1", "table", "100")
    assert control.lines() != []


def test_restart_finds_what_changed_meanwhile(lab: Lab) -> None:
    """What was started, stopped or moved while no agent ran is put right at its start, and strays are removed."""
    stays, stops, starts, leaves = (lab.guest(130 + n, 30 + n) for n in range(4))
    lab.begin()
    lab.plug(stays, lab.pve1)
    gone = lab.plug(stops, lab.pve1)
    lab.plug(leaves, lab.pve1)
    until("they are announced", lambda: lab.pve1.routes() == local(30, 11) | local(31, 11) | local(33, 11))
    lab.pve1.stop(signal.SIGKILL)
    gone.unplug()
    lab.plug(starts, lab.pve1)
    lab.cluster.move(133, "pve2")
    lab.pve1.space.batch(
        [
            "route add 2.57.57.77/32 dev vmbr1 table 100 proto 212 metric 11",
            "route add 2.57.57.78/32 dev vmbr1 table 100 proto 211 metric 11",
            "route add 2.57.57.79/32 dev vmbr1 proto 212 metric 5",
        ]
    )
    lab.pve1.start()
    expected = (
        local(30, 11) | local(32, 10) | {f"{each} via fe80::c dev fabric-fwd metric 12" for each in leaves.addresses}
    )
    assert lab.pve1.routes() == expected
    others = lab.pve1.space.run("ip", "route", "show", "table", "100", "proto", "211")
    assert "2.57.57.78" in others, "a foreign route was touched"
    assert "2.57.57.79" not in lab.pve1.space.run("ip", "route", "show", "table", "main")
    until("LEAVING ends by its time", lambda: lab.pve1.state(133) == "left", 6)


def test_bridge_down_and_up(lab: Lab) -> None:
    """The kernel drops all routes of a bridge that goes down; they are back within 100 ms of its coming up."""
    guest = lab.guest(130, 30)
    lab.begin()
    lab.plug(guest, lab.pve1)
    until("it is steady", lambda: lab.pve1.state(130) == "steady")
    lab.pve1.space.batch(["link set vmbr1 down"])
    assert lab.pve1.routes() == set()
    begun = time.monotonic()
    lab.pve1.space.batch(["link set vmbr1 up"])
    until("the routes are back", lambda: lab.pve1.routes() == local(30, 11) and neighbours(lab.pve1) != set(), 2)
    print(f"back {1000 * (time.monotonic() - begun):.0f} ms after the bridge came up, reading included")
    lab.pve1.space.batch(["link set vmbr1 down", "link set vmbr1 up"])
    until("the routes are back after a short dip", lambda: lab.pve1.routes() == local(30, 11), 2)
    lab.pve1.space.batch(["link delete vmbr1"])
    until("without its bridge nothing is announced", lambda: lab.pve1.state(130) == "", 2)
    lab.pve1.make_bridge()
    lab.pve1.space.batch(["link set tap130i0 master vmbr1"])
    until("the made-anew bridge has them", lambda: lab.pve1.routes() == local(30, 10), 2)


def test_unreadable_vmlist(lab: Lab) -> None:
    """While pve-cluster is away everything stays, but a port that goes takes its routes with it."""
    stays, goes = lab.guest(130, 30), lab.guest(131, 31)
    lab.begin()
    lab.plug(stays, lab.pve1)
    gone = lab.plug(goes, lab.pve1)
    until("both are steady", lambda: lab.pve1.routes() == local(30, 11) | local(31, 11))
    away = lab.pve1.pve.with_name("away")
    lab.pve1.pve.joinpath(".vmlist").rename(away)
    lab.pve1.pve.joinpath(".version").unlink()
    until("it says so", lambda: lab.pve1.status()["mode"] == "static")
    gone.unplug()
    until("the gone one is withdrawn", lambda: lab.pve1.routes() == local(30, 11), 2)
    assert any(
        line == "<4>static: /mnt/pve/.vmlist cannot be read ([Errno 2] No such file or directory: '/mnt/pve/.vmlist');"
        " everything stays as it is, but for ports that go away"
        for line in lab.pve1.journal()
    )
    lab.pve1.stop(signal.SIGKILL)
    lab.pve1.start()
    assert lab.pve1.status()["mode"] == "static"
    assert lab.pve1.routes() == local(30, 11), "started without knowing anything, it removed something"
    away.rename(lab.pve1.pve / ".vmlist")
    lab.cluster.publish(["pve1"])
    until("it is back", lambda: lab.pve1.status()["mode"] == "normal" and lab.pve1.state(130) == "steady")
    assert lab.pve1.routes() == local(30, 11)


def test_backup_of_a_stopped_guest(lab: Lab) -> None:
    """A VM that is started only to be backed up has a tap and does not run: nobody is told."""
    guest = lab.guest(130, 30)
    lab.cluster.edit(130, guest.config("lock: backup"))
    lab.begin()
    qemu = FakeQemu(lab.pve1.work / "qmp" / "130.qmp")
    qemu.status = "prelaunch"
    lab.plug(guest, lab.pve1)
    until("it is held", lambda: lab.pve1.state(130) == "held")
    until("QEMU was asked", lambda: qemu.asked > 2)
    assert lab.pve1.routes() == set()
    qemu.status = "running"
    until("it runs and is announced", lambda: lab.pve1.routes() == local(30, 10))
    qemu.close()


def test_refusals(lab: Lab) -> None:
    """What is not done stands in the journal and in the status, in a sentence."""
    outside = lab.guest(140, 40)
    lab.cluster.guests[-1]["addresses"] = ["2.57.58.40"]
    first = lab.guest(141, 41)
    second = lab.guest(142, 42)
    lab.cluster.guests[-1]["addresses"].append("2.57.57.41")
    elsewhere = lab.guest(143, 43)
    lab.cluster.edit(143, elsewhere.config().replace("vmbr1", "vmbr0"))
    unknown = lab.guest(144, 44)
    lab.cluster.edit(144, unknown.config().replace("D2:2C", "D2:FF"))
    lab.begin()
    for guest in (outside, first, second):
        lab.plug(guest, lab.pve1)
    until("what is not contested is announced", lambda: "2.57.57.42 dev vmbr1 metric 10" in lab.pve1.routes())
    assert not any("2.57.57.41 " in route or "2.57.58" in route for route in lab.pve1.routes())
    whys = {refusal["why"] for refusal in lab.pve1.status()["refused"]}
    assert whys == {
        (
            "2.57.58.40 of web140 (VMID 140, 52:02:45:76:d2:28), from fabric, is in none of the guests' prefixes"
            " (2.57.57.0/24, 2001:678:3a4:100::/56)."
        ),
        (
            "2.57.57.41 of web141 (VMID 141, 52:02:45:76:d2:29), from fabric, also belongs to"
            " web142 (VMID 142, 52:02:45:76:d2:2a), from fabric: neither gets it until one is removed."
        ),
        (
            "2.57.57.41 of web142 (VMID 142, 52:02:45:76:d2:2a), from fabric, also belongs to"
            " web141 (VMID 141, 52:02:45:76:d2:29), from fabric: neither gets it until one is removed."
        ),
        "web143 (VMID 143): net0 is on bridge vmbr0, not on vmbr1.",
        "web144 (VMID 144) has no network interface with MAC 52:02:45:76:d2:2c: it has net0 52:02:45:76:d2:ff.",
    }
    journal = lab.pve1.journal()
    assert all(f"<4>refused: {why}" in journal for why in whys)


def test_addresses_change_while_it_runs(lab: Lab) -> None:
    """guests.json is followed; a broken one changes nothing."""
    guest = lab.guest(130, 30)
    lab.begin()
    lab.plug(guest, lab.pve1)
    until("it is steady", lambda: lab.pve1.state(130) == "steady")
    lab.cluster.guests[0]["addresses"] = ["2.57.57.30", "2.57.57.31"]
    lab.cluster.guests[0]["prefixes"] = ["2.57.57.64/28"]
    lab.cluster.publish()
    until(
        "the kernel follows",
        lambda: (
            lab.pve1.routes()
            == {
                "2.57.57.30 dev vmbr1 metric 11",
                "2.57.57.31 dev vmbr1 metric 11",
                "2.57.57.64/28 via 2.57.57.30 dev vmbr1 metric 11",
            }
        ),
    )
    Path(lab.pve1.pve / "fabric" / "guests.json").write_text("{")
    until("it says so", lambda: lab.pve1.status()["mode"] == "static")
    assert len(lab.pve1.routes()) == 3
    lab.cluster.guests.clear()
    lab.cluster.publish()
    until("no claim, no route", lambda: lab.pve1.routes() == set())
