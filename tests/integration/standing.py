# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A twin that stands: run commands in its nodes and playbooks over it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Play:
    """What a playbook run came to."""

    status: int
    output: str
    hosts: dict[str, dict[str, int]]

    def changed(self) -> dict[str, int]:
        """Changed tasks of each host that has any."""
        return {host: counts["changed"] for host, counts in self.hosts.items() if counts["changed"]}


def faults(example: str) -> list[dict[str, str]]:
    """Those of an example's checks, by faults/EXAMPLE.yml, whose head says what an entry holds."""
    file = Path(__file__).parent / "faults" / f"{example}.yml"
    return list(yaml.safe_load(file.read_text(encoding="utf-8")))


def recap(output: str) -> dict[str, dict[str, int]]:
    """{host: {ok: 5, changed: 0, ...}} from the lines under PLAY RECAP."""
    hosts: dict[str, dict[str, int]] = {}
    for line in output.partition("PLAY RECAP")[2].splitlines():
        match = re.match(r"^(\S+)\s+: (ok=.*)$", line)
        if match:
            hosts[match[1]] = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", match[2])}
    return hosts


class Fabric:
    """One standing twin."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.environment = {
            **os.environ,
            "ROUTED_FABRIC_TWIN": "1",
            "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "false",
        }
        listing = json.loads(self._run(["ansible-inventory", "-i", str(file), "--list"]).stdout)
        self.nodes: dict[str, dict[str, Any]] = {
            host: values["fabric_node"]
            for host, values in listing["_meta"]["hostvars"].items()
            if "fabric_node" in values
        }
        self.links: list[dict[str, Any]] = next(
            values["fabric_links"] for values in listing["_meta"]["hostvars"].values() if "fabric_links" in values
        )
        self.containers = {
            host: values.get("ansible_host", host) for host, values in listing["_meta"]["hostvars"].items()
        }

    def require(self) -> None:
        for node in self.nodes:
            assert self.shell(node, "true").returncode == 0, f"{node} does not stand: make demo brings it up"

    def _run(self, command: Sequence[str], deadline_s: float = 900) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=CHECKOUT, env=self.environment, capture_output=True, text=True, timeout=deadline_s, check=False
        )

    def play(self, playbook: str, *options: str) -> Play:
        """Run a playbook of the collection over the twin."""
        done = self._run(["ansible-playbook", "-i", str(self.file), f"playbooks/{playbook}.yml", *options])
        output = done.stdout + done.stderr
        return Play(done.returncode, output, recap(output))

    def shell(self, node: str, script: str, deadline_s: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a script in a node."""
        pid = Path(f"/run/fabric-twin/nodes/{self.containers[node]}.pid").read_text(encoding="ascii").split()[0]
        return subprocess.run(
            ["nsenter", "-t", pid, "-m", "-u", "-i", "-n", "-p", "sh", "-c", script],
            capture_output=True,
            text=True,
            timeout=deadline_s,
            check=False,
        )

    def ask(self, node: str, script: str) -> str:
        """The output of a script that has to succeed."""
        done = self.shell(node, script)
        assert done.returncode == 0, f"{node}: {script}: {done.stdout}{done.stderr}"
        return done.stdout

    def json(self, node: str, script: str) -> Any:
        """The JSON that a script prints."""
        return json.loads(self.ask(node, script))

    def vtysh(self, node: str, *commands: str) -> str:
        """FRR commands, all of which have to succeed."""
        return self.ask(node, "vtysh " + " ".join(f"-c '{command}'" for command in commands))

    def twin(self, **options: Any) -> None:
        """Call the module twin for this fabric: faults, reboots."""
        arguments = json.dumps({"name": next(iter(self.nodes.values()))["fabric"], **options})
        done = self._run(["ansible", "localhost", "-m", "routed.fabric.twin", "-a", arguments])
        assert done.returncode == 0, done.stdout + done.stderr

    def wait(self, what: str, check: Callable[[], object], deadline_s: float = 60) -> Any:
        """Poll until `check` is true; the failure names what was missing."""
        end = time.monotonic() + deadline_s
        while not (value := check()):
            assert time.monotonic() < end, f"not within {deadline_s:g} s: {what}"
            time.sleep(0.2)  # poll
        return value

    def link(self, a: str, b: str) -> tuple[str, str]:
        """The interfaces at both ends of the link between two nodes."""
        for interface in self.nodes[a]["underlay"]["interfaces"]:
            if interface.get("peer_node") == b:
                return interface["name"], interface["peer_interface"]
        raise AssertionError(f"no link between {a} and {b}")

    def loopback(self, node: str, family: int) -> str:
        """A node's loopback address, without its length."""
        return str(self.nodes[node]["loopback"][f"ipv{family}"]).partition("/")[0]

    def red(self, node: str, wait_s: int) -> set[str]:
        """The checks of role verify that fail on a node."""
        done = self.play("verify", "--limit", f"localhost,{node}", "-e", f"verify_wait_s={wait_s}")
        if done.status == 0:
            return set()
        report = re.search(rf'"msg": "{node}: \d+ of \d+ checks failed(.*?)"\n', done.output)
        assert report, done.output[-3000:]
        return set(re.findall(r"\\n  ([a-z_]+) ", report[1]))

    def turns_red(self, fault: dict[str, str], settled: Callable[[], None] = lambda: None) -> None:
        """A fault, by `faults`, turns exactly its check red on its node; undone and settled, all is green again."""
        node, place = fault["node"], fault.get("elsewhere", fault["node"])
        self.ask(place, fault["inject"])
        try:
            if "seen" in fault:
                self.wait(f"the effect of {fault['check']}", lambda: self.shell(node, fault["seen"]).returncode == 0)
            red = self.red(node, wait_s=0)
            assert red == {fault["check"]}, f"red: {sorted(red)}"
        finally:
            self.ask(place, fault["undo"])
        settled()
        red = self.red(node, wait_s=60)
        assert red == set(), f"still red: {sorted(red)}"

    def verify(self) -> Play:
        """The checks on live state, which have to pass."""
        done = self.play("verify")
        assert done.status == 0, done.output[-4000:]
        return done
