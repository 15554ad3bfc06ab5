# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module twin and its connection against real containers. The tests follow one twin through its life, in order."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
NAME = "twintest"
A, B, C = (f"fabric-{NAME}-{node}" for node in "abc")
NODES = [{"name": "a"}, {"name": "b", "release": "bookworm"}]
LINK_AB = {"a": {"node": "a", "interface": "enp1s0"}, "b": {"node": "b", "interface": "xe-0-0-1"}, "mtu": 9000}
LINK_BC = {"a": {"node": "b", "interface": "swp2"}, "b": {"node": "c", "interface": "enp1s0"}}
TWO: dict[str, Any] = {"name": NAME, "nodes": NODES, "links": [LINK_AB]}
THREE: dict[str, Any] = {"name": NAME, "nodes": [*NODES, {"name": "c"}], "links": [LINK_AB, LINK_BC]}
INTERFACE_FILE = "auto enp1s0\niface enp1s0 inet static\n    address 192.0.2.1/24\n"
BOOT_UNIT = """[Unit]
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'ip -br link >/root/at-boot'
[Install]
WantedBy=sysinit.target
"""


def ping(machine: Any, count: int = 3) -> int:
    """How many of `count` packets from a come back from b."""
    text = machine.inside(A, "ping", "-c", str(count), "-i", "0.2", "-W", "1", "192.0.2.2", check=False)
    found = re.search(r"(\d+) packets transmitted, (\d+) received", text)
    assert found, text
    assert int(found[1]) == count
    return int(found[2])


@pytest.fixture(scope="module")
def before(machine: Any) -> dict[str, Any]:
    machine.twin(name=NAME, state="absent")
    return dict(machine.everything())


@pytest.fixture(scope="module", autouse=True)
def _start(before: dict[str, Any]) -> None:
    """The state before is taken before the first test."""


def test_check_mode_makes_nothing(machine: Any, before: dict[str, Any]) -> None:
    result = machine.twin(check=True, **TWO)
    assert result["changed"]
    assert result["steps"]["create"] == ["a", "b"]
    assert machine.everything() == before


def test_present(machine: Any) -> None:
    result = machine.twin(**TWO)
    assert result["changed"], result
    assert result["after"] == {"faults": [], "links": ["a:enp1s0 - b:xe-0-0-1"], "nodes": {"a": "on", "b": "on"}}
    assert {node["system"] for node in result["nodes"]} == {"running"}
    assert machine.inside(A, "hostname").strip() == "a"
    end = machine.link(A, "enp1s0")
    assert end["mtu"] == 9000
    assert end["address"].startswith("02:")
    labels = json.loads(machine.podman("inspect", "--format={{json .Config.Labels}}", A))
    assert labels["fabric"] == NAME


def test_again_changes_nothing(machine: Any) -> None:
    assert not machine.twin(check=True, **TWO)["changed"]
    pid = machine.podman("inspect", "--format={{.State.Pid}}", A)
    index = machine.link(A, "enp1s0")["ifindex"]
    assert not machine.twin(**TWO)["changed"]
    assert machine.podman("inspect", "--format={{.State.Pid}}", A) == pid
    assert machine.link(A, "enp1s0")["ifindex"] == index


def test_connection(machine: Any, tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(f"all: {{hosts: {{a: {{ansible_connection: routed.fabric.twin, ansible_host: {A}}}}}}}")
    module = ["-i", str(inventory), "a", "-m"]
    assert '"ping": "pong"' in machine.ansible(*module, "ping").stdout
    environment = machine.ansible(*module, "command", "-a", "env", SECRET_OF_THE_CONTROLLER="1").stdout
    assert "PATH=/usr/local/sbin:" in environment
    assert "HOME=/root" in environment
    assert "SECRET_OF_THE_CONTROLLER" not in environment
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(bytes(range(256)))
    for pipelining in ("True", "False"):
        done = machine.ansible(*module, "copy", "-a", f"src={source} dest=/root/copied", ANSIBLE_PIPELINING=pipelining)
        assert done.returncode == 0, done.stdout
    machine.ansible(*module, "fetch", "-a", f"src=/root/copied dest={back} flat=yes")
    assert back.read_bytes() == source.read_bytes()

    # A PID that was given to somebody else since is noticed.
    file = Path(f"/run/fabric-twin/nodes/{A}.pid")
    good = file.read_text()
    file.write_text("1 12345\n")
    assert '"ping": "pong"' in machine.ansible(*module, "ping").stdout
    assert file.read_text() == good

    inventory.write_text("all: {hosts: {a: {ansible_connection: routed.fabric.twin, ansible_host: fabric-no-such}}}")
    assert "The container fabric-no-such is not running on this machine." in machine.ansible(*module, "ping").stdout


def test_reboot(machine: Any, eventually: Any) -> None:
    """What was saved comes back by itself, as the links were there before init; what was set by hand is gone."""
    root = Path(f"/proc/{machine.podman('inspect', '--format={{.State.Pid}}', A).strip()}/root")
    (root / "etc/network/interfaces.d/test").write_text(INTERFACE_FILE)
    (root / "etc/systemd/system/at-boot.service").write_text(BOOT_UNIT)
    machine.inside(A, "systemctl", "enable", "at-boot.service")
    machine.inside(A, "ip", "address", "add", "198.51.100.1/32", "dev", "lo")
    machine.inside(B, "ip", "link", "set", "xe-0-0-1", "up")
    machine.inside(B, "ip", "address", "add", "192.0.2.2/24", "dev", "xe-0-0-1")
    boot = machine.inside(A, "cat", "/proc/1/stat").split()[21]
    peer, address = machine.link(B, "xe-0-0-1"), machine.link(A, "enp1s0")["address"]

    assert machine.twin(check=True, **TWO, state="rebooted", reboot=["a"])["steps"]["cycle"] == ["a"]
    result = machine.twin(name=NAME, state="rebooted", reboot=["a"])
    assert result["changed"], result
    assert machine.inside(A, "cat", "/proc/1/stat").split()[21] != boot
    assert "enp1s0" in machine.inside(A, "cat", "/root/at-boot")
    assert "198.51.100.1" not in machine.inside(A, "ip", "address")
    assert machine.link(A, "enp1s0")["address"] == address
    assert machine.link(B, "xe-0-0-1")["ifindex"] == peer["ifindex"], "the cable's other end was made anew"
    assert "192.0.2.2" in machine.inside(B, "ip", "address")
    eventually(lambda: ping(machine) == 3, "ping from a to b after the reboot")


def test_silent_fault(machine: Any) -> None:
    fault = {"node": "b", "interface": "xe-0-0-1", "kind": "silent"}
    assert ping(machine) == 3
    result = machine.twin(**TWO, faults=[fault])
    assert result["changed"]
    assert result["after"]["faults"] == ["b:xe-0-0-1 silent"]
    assert not machine.twin(**TWO, faults=[fault])["changed"]
    assert ping(machine) == 0
    assert "LOWER_UP" in machine.link(A, "enp1s0")["flags"]
    assert "LOWER_UP" in machine.link(B, "xe-0-0-1")["flags"]
    assert machine.twin(check=True, name=NAME)["changed"]
    assert ping(machine, 1) == 0
    result = machine.twin(name=NAME)
    assert result["changed"]
    assert result["after"]["faults"] == []
    assert ping(machine) == 3
    assert "fabric_twin_fault" not in machine.inside(B, "nft", "list", "tables")


def test_down_fault(machine: Any, eventually: Any) -> None:
    fault = {"node": "b", "interface": "xe-0-0-1", "kind": "down"}
    assert machine.twin(name=NAME, faults=[fault])["changed"]
    assert not machine.twin(name=NAME, faults=[fault])["changed"]
    assert "NO-CARRIER" in machine.link(A, "enp1s0")["flags"]
    assert ping(machine, 1) == 0
    assert machine.twin(name=NAME)["changed"]
    eventually(lambda: ping(machine) == 3, "ping after the fault was lifted")


def test_only_the_missing_is_made(machine: Any) -> None:
    index = machine.link(A, "enp1s0")["ifindex"]
    result = machine.twin(**THREE)
    assert result["changed"]
    assert result["steps"]["create"] == ["c"]
    assert machine.link(C, "enp1s0")["mtu"] == 1500
    assert machine.link(A, "enp1s0")["ifindex"] == index
    assert ping(machine) == 3
    machine.inside(C, "ip", "link", "delete", "enp1s0")
    assert machine.twin(check=True, **THREE)["before"]["links"] == ["a:enp1s0 - b:xe-0-0-1"]
    assert machine.twin(**THREE)["changed"]
    assert machine.link(B, "swp2")["mtu"] == 1500
    assert not machine.twin(**THREE)["changed"]


def test_a_node_that_died_comes_back(machine: Any, eventually: Any) -> None:
    machine.podman("kill", "--signal=KILL", A)
    eventually(lambda: "exited" in machine.podman("inspect", "--format={{.State.Status}}", A), "the container's end")
    result = machine.twin(name=NAME)
    assert result["steps"]["start"] == ["a"]
    eventually(lambda: ping(machine) == 3, "ping after a crash")


def test_a_stop_that_was_interrupted_is_ended(machine: Any, eventually: Any) -> None:
    hang = "trap : TERM; while :; do sleep 1; done"
    machine.inside(C, "systemd-run", "--unit=hang", "--property=TimeoutStopSec=60", "sh", "-c", hang)
    command = [sys.executable, str(ROOT / "scripts" / "twin.py"), "podman", "stop", "--time=40", C]
    stop = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    eventually(lambda: "stopping" in machine.podman("inspect", "--format={{.State.Status}}", C), "the stop's begin")
    stop.kill()
    stop.wait()
    assert machine.twin(name=NAME)["steps"]["start"] == ["c"]
    assert not machine.twin(name=NAME)["changed"]


def test_power(machine: Any, eventually: Any) -> None:
    off = {**THREE, "nodes": [{"name": "a", "powered": False}, NODES[1], {"name": "c"}]}
    assert machine.twin(**off)["after"]["nodes"] == {"a": "off", "b": "on", "c": "on"}
    assert not machine.twin(**off)["changed"]
    assert "NO-CARRIER" in machine.link(B, "xe-0-0-1")["flags"]
    assert machine.twin(**THREE)["changed"]
    eventually(lambda: ping(machine) == 3, "ping after the power came back")


def test_side_by_side(machine: Any) -> None:
    other = f"{NAME}-other"
    result = machine.twin(name=other, nodes=[{"name": "a"}], links=[])
    assert result["changed"], result
    # Names that would run into each other: twin "twintest", node "other-a" is container fabric-twintest-other-a, too.
    clash = machine.twin(name=NAME, nodes=[{"name": "other-a"}], links=[])
    assert clash["failed"]
    assert f"a container named fabric-{other}-a exists and is not of the twin '{NAME}'" in clash["msg"]
    assert machine.twin(name=other, state="absent")["changed"]
    assert not machine.twin(**THREE)["changed"]
    assert ping(machine) == 3


def test_nodes_that_are_not_listed_go(machine: Any) -> None:
    assert machine.twin(**TWO)["steps"]["remove"] == ["c"]
    assert C not in machine.podman("ps", "--all", "--format={{.Names}}").split()
    assert "swp2" not in machine.inside(B, "ip", "link")
    assert ping(machine) == 3


def test_bad_input_touches_nothing(machine: Any) -> None:
    held = machine.everything()
    link = {"a": {"node": "a", "interface": "e/1"}, "b": {"node": "z", "interface": "eth0"}}
    result = machine.twin(name=NAME, nodes=[*NODES, {"name": "a"}], links=[LINK_AB, LINK_AB, link])
    assert result["failed"]
    assert result["msg"] == (
        "nodes[2].name: 'a' is there twice; "
        "links[1].a: a:enp1s0 is an end of links[0] already; links[1].b: b:xe-0-0-1 is an end of links[0] already; "
        "links[2].a.interface: 'e/1' cannot name a Linux interface: 1 to 15 characters, no space, '/' or ':'; "
        "links[2].b.node: no node 'z' in nodes"
    )
    result = machine.twin(**{**TWO, "nodes": [{"name": "a", "image": "localhost/no-such"}, NODES[1]]})
    assert result["msg"].startswith("No image localhost/no-such on this machine")
    result = machine.twin(name="nosuch")
    assert result["msg"] == "nodes: left out, but no twin 'nosuch' stands whose nodes could be kept"
    assert machine.everything() == held


def test_absent_leaves_nothing(machine: Any, before: dict[str, Any]) -> None:
    assert machine.twin(check=True, name=NAME, state="absent")["changed"]
    result = machine.twin(name=NAME, state="absent")
    assert result["changed"]
    assert not machine.twin(name=NAME, state="absent")["changed"]
    assert machine.everything() == before
