#!/usr/bin/env python3
# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric's twin from the command line: `make twin`, `make demo`, `make twin-down` and `make shell` come here.

    scripts/twin.py up --fabric PATH [--remove]   image, up, site, guests, verify, site again (must move
                                                  nothing), verify; --once leaves out the second run
    scripts/twin.py down --fabric PATH            take it away (--name NAME when the file no longer reads)
    scripts/twin.py list                          the twins that stand on this machine
    scripts/twin.py shell NODE [COMMAND...]       a shell, or a command, in a node
    scripts/twin.py podman ARGUMENTS...           podman as the twin uses it
    scripts/twin.py podman --beside COMMAND...    another program that sees what podman sees, as `ip netns`

Standard library only. Exit code 0 only when all steps went well.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
for directory in (ROOT / "plugins" / "module_utils", ROOT / "scripts"):
    sys.path.insert(0, str(directory))

import twin_report as report  # noqa: E402
from _twin import _state  # noqa: E402
from _twin._lifecycle import Lifecycle  # noqa: E402
from _twin._names import TwinError, container_name  # noqa: E402
from _twin._podman import Podman, enter  # noqa: E402

TAIL_LINES = 40
NO_ID = 1 << 24  # servers, which are no nodes of the routing, come last


class StepError(Exception):
    """A step failed; the text is for the user, the log has the rest."""


def say(text: str = "") -> None:
    print(text, flush=True)


class Run:
    """One `up` or `down`: numbered steps with their times, one log file."""

    def __init__(self, fabric_file: Path, steps: int) -> None:
        self.fabric_file = fabric_file
        self.steps = steps
        self.number = 0
        self.times: list[tuple[str, float, str]] = []
        self.directory = ROOT / "build" / "twin" / "unnamed"
        self.environment = {
            **os.environ,
            "ROUTED_FABRIC_TWIN": "1",
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_FORCE_COLOR": "0",
            "PYTHONUNBUFFERED": "1",
        }

    @property
    def log(self) -> Path:
        return self.directory / "log.txt"

    def named(self, name: str) -> None:
        """From now on the log belongs to this twin; that of an earlier run is replaced."""
        self.directory = ROOT / "build" / "twin" / name
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log.write_text("", encoding="utf-8")

    def step(self, what: str, work: Callable[[], str]) -> bool:
        """Run one step; whether it went well. `work` returns a short remark or raises StepError."""
        self.number += 1
        head = f"[{self.number}/{self.steps}] {what}"
        say(head)
        begin = time.monotonic()
        try:
            remark = work()
        except (StepError, TwinError) as exc:
            seconds = time.monotonic() - begin
            self.times.append((what, seconds, "FAILED"))
            say(f"      FAILED after {seconds:.0f} s")
            say("      " + str(exc).replace("\n", "\n      "))
            return False
        seconds = time.monotonic() - begin
        self.times.append((what, seconds, remark))
        say(f"      {seconds:.0f} s{', ' + remark if remark else ''}")
        return True

    def command(self, command: list[str], watch: bool = False) -> str:
        """Run a program with its output in the log; what it printed. On a terminal, `watch` shows the running task."""
        terminal = watch and sys.stdout.isatty()
        lines = []
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"\n$ {' '.join(command)}\n")
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=ROOT,
                env=self.environment,
                errors="replace",
            )
            assert process.stdout is not None
            for line in process.stdout:
                log.write(line)
                log.flush()
                lines.append(line)
                task = report.heading(line)
                if terminal and task:
                    print(f"\r      {task[:100]}\033[K", end="", flush=True)
        if terminal:
            print("\r\033[K", end="", flush=True)
        if process.wait() != 0:
            tail = "".join(lines[-TAIL_LINES:]).rstrip()
            raise StepError(
                f"{tail}\n\n{Path(command[0]).name} ended with {process.returncode}. The whole log: {self.log}"
            )
        return "".join(lines)

    def playbook(self, name: str, *arguments: str) -> str:
        path = ROOT / "playbooks" / f"{name}.yml"
        return self.command(
            [program("ansible-playbook"), "-i", str(self.fabric_file), str(path), *arguments], watch=True
        )

    def inventory(self) -> dict[str, Any]:
        done = subprocess.run(
            [program("ansible-inventory"), "-i", str(self.fabric_file), "--list", "--export"],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env=self.environment,
        )
        try:
            return dict(report.plain(json.loads(done.stdout)))
        except ValueError as exc:
            raise StepError(done.stderr.strip() or "ansible-inventory printed nothing") from exc


def program(name: str) -> str:
    """A program of the virtual environment that runs this script, or of PATH."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise StepError(f"{name} is not installed: `make setup`")
    return found


def ensure_collection_path() -> None:
    """Ansible finds a collection by its directory's name."""
    link = ROOT / "build" / "collections" / "ansible_collections" / "routed" / "fabric"
    if link.resolve() != ROOT:
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(ROOT)


def up(options: argparse.Namespace) -> int:
    fabric_file = options.fabric.resolve()
    run = Run(fabric_file, steps=9 + options.remove - 4 * options.once)
    nodes: dict[str, dict[str, Any]] = {}
    managed: set[str] = set()
    run.named("unnamed")

    def has_guests() -> bool:
        return any(node["twin"].get("guests") for node in nodes.values())

    def has_tunnels() -> bool:
        return any(node.get("wireguard") for node in nodes.values())

    def read() -> str:
        if not fabric_file.is_file():
            raise StepError(f"No file {fabric_file}")
        inventory = run.inventory()
        errors = report.errors_of(inventory)
        if errors:
            raise StepError(f"{len(errors)} errors in {fabric_file}:\n" + "\n".join(f"- {text}" for text in errors))
        nodes.update(report.nodes_of(inventory))
        managed.update(inventory.get("fabric_managed", {}).get("hosts", []))
        run.steps += has_guests() + has_tunnels()
        if not nodes:
            raise StepError(f"{fabric_file} has no nodes. Does it begin with `plugin: routed.fabric.fabric`?")
        run.named(next(iter(nodes.values()))["fabric"])
        return f"{len(nodes)} nodes"

    def images() -> str:
        kinds = sorted({(node["twin"]["release"], node["twin"].get("flavour", "")) for node in nodes.values()})
        for release, flavour in kinds:
            options = ["--flavour", flavour] if flavour else []
            run.command([str(ROOT / "scripts" / "twin_image.sh"), *options, release])
        return ", ".join("-".join(filter(None, kind)) for kind in kinds)

    def site() -> str:
        counts = report.recap(run.playbook("site"))
        return f"changes on {sum(1 for host in counts.values() if host['changed'])} hosts"

    def guests() -> str:
        run.playbook("twin_guests")
        return ", ".join(
            f"{len(node['twin']['guests'])} on {name}"
            for name, node in sorted(nodes.items())
            if node["twin"].get("guests")
        )

    def snapshot(name: str) -> str:
        directory = run.directory / name
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        run.playbook("snapshot", "-e", json.dumps({"fabric_snapshot_dir": str(directory)}))
        return f"{sum(1 for path in directory.rglob('*.json'))} files in {directory.relative_to(ROOT)}"

    def site_again() -> str:
        output = run.playbook("site", "--diff")
        counts = report.recap(output)
        absent = sorted(managed - set(counts))
        if absent:
            raise StepError(f"site.yml did not run on {', '.join(absent)}. The whole log: {run.log}")
        moved = [f"{host}: changed={entry['changed']}" for host, entry in sorted(counts.items()) if entry["changed"]]
        if moved:
            tasks = "\n".join(f"- {entry}" for entry in report.changed_tasks(output))
            raise StepError(
                f"A second run changed something: {', '.join(moved)}\n{tasks}\nThe whole log, with diffs: {run.log}"
            )
        return f"changed=0 on {len(counts)} hosts"

    def compare() -> str:
        snapshot("after")
        moved = list(compare_directories(run.directory / "before", run.directory / "after"))
        if moved:
            raise StepError("The second run moved something:\n" + "\n".join(f"- {line}" for line in moved))
        return "before and after are equal"

    def verify() -> str:
        run.playbook("verify")
        return "all checks passed"

    good = (
        run.step(f"Read {options.fabric}", read)
        and run.step("Build the image, or find it", images)
        and run.step("Bring nodes and links up", lambda: _nothing(run.playbook("twin_up")))
        and (not has_tunnels() or run.step("Make WireGuard keys", lambda: _nothing(run.playbook("wireguard_keys"))))
        and run.step("Run site.yml", site)
        and (not has_guests() or run.step("Start the guests, and wait until they answer", guests))
        and run.step("Verify on live state", verify)
        and (options.once or run.step("Take a snapshot of all nodes", lambda: snapshot("before")))
    )
    if good and not options.once:
        results = [
            run.step("Run site.yml again: nothing may change", site_again),
            run.step("Compare with a second snapshot: nothing may have moved", compare),
            run.step("Verify again", verify),
        ]
        good = all(results)
    stands = bool(nodes) and _state.load(next(iter(nodes.values()))["fabric"]) is not None
    overview = look(nodes) if stands else []
    if stands and options.remove:
        stands = False
        good = run.step("Take it away", lambda: _nothing(run.playbook("twin_down"))) and good
    summary(run, nodes, overview, options.fabric, good=good, again=not options.once, stands=stands)
    return 0 if good else 1


def _nothing(_output: str) -> str:
    return ""


def compare_directories(before: Path, after: Path) -> list[str]:
    """One line for each difference between the JSON files of two directories."""
    found = []
    names = {path.relative_to(top) for top in (before, after) for path in top.rglob("*.json")}
    if not names:
        return [f"no snapshot was written to {before}"]
    for name in sorted(names):
        old, new = (json.loads((top / name).read_text()) if (top / name).exists() else {} for top in (before, after))
        found += [f"{name.with_suffix('')}: {line}" for line in report.differences(old, new)]
    return found


def look(nodes: dict[str, dict[str, Any]]) -> list[list[str]]:
    """A row for each node: what it is, and how many of its BGP sessions are up."""
    rows = [["node", "platform", "loopback", "BGP sessions"]]
    for name, node in sorted(nodes.items(), key=lambda item: item[1].get("id", NO_ID)):
        pid = _state.read_pid(container_name(node["fabric"], node["name"]))
        up_sessions = "not running"
        if pid is not None:
            done = subprocess.run(
                [*enter(pid), "vtysh", "-c", "show bgp summary json"],
                capture_output=True,
                text=True,
                check=False,
            )
            try:
                found = report.sessions(json.loads(done.stdout))
                up_sessions = f"{sum(found.values())} of {len(found)} up"
            except ValueError:
                up_sessions = "no BGP"
        addresses = [node.get("loopback", {}).get(family, "") for family in ("ipv4", "ipv6")]
        platform = node["twin"].get("stand_in_for", node["platform"])
        if "stand_in_for" in node["twin"]:
            platform += " (stand-in)"
        rows.append([name, platform, " ".join(filter(None, addresses)), up_sessions])
    return rows


def summary(
    run: Run,
    nodes: dict[str, dict[str, Any]],
    overview: list[list[str]],
    fabric_file: Path,
    *,
    good: bool,
    again: bool,
    stands: bool,
) -> None:
    say()
    if overview:
        say(report.table(overview))
        say()
    say(report.table([[what, f"{seconds:.0f} s", remark] for what, seconds, remark in run.times]))
    say()
    name = run.directory.name
    if good:
        second = ", and a second run moved nothing" if again else ""
        say(f"The fabric '{name}' came up and was checked on live state{second}.")
    else:
        say(f"NOT GOOD: see the step that failed above, and {run.log.relative_to(ROOT)}")
    if stands:
        first = min(nodes, key=lambda name: int(nodes[name].get("id", NO_ID)))
        say(f"It stands. Look inside:  make shell NODE={first}    (then, say, `vtysh -c 'show bgp summary'`)")
        say(f"Take it away:            make twin-down FABRIC={fabric_file}")


def down(options: argparse.Namespace) -> int:
    name = options.name
    if name is None and options.fabric is None:
        say("Say which twin: --fabric PATH or --name NAME. Standing: " + (", ".join(_state.standing()) or "none"))
        return 2
    if name is None:
        run = Run(options.fabric.resolve(), steps=1)
        run.named("down")
        return (
            0 if run.step(f"Take the twin of {options.fabric} away", lambda: _nothing(run.playbook("twin_down"))) else 1
        )
    with _state.locked(name):
        result = Lifecycle(name, Podman()).absent()
    say(f"The twin '{name}' is gone." if result["changed"] else f"There was no twin '{name}'.")
    for line in [*result["limits"], *result["warnings"]]:
        say(line)
    return 0


def list_twins(_options: argparse.Namespace) -> int:
    for name in _state.standing():
        state = _state.load(name) or {}
        say(f"{name}: {' '.join(sorted(state['nodes']))}")
        for node, interface, kind in state["faults"]:
            say(f"  fault: {node}:{interface} {kind}")
    return 0


def shell(options: argparse.Namespace) -> int:
    owners = [name for name in _state.standing() if options.node in (_state.load(name) or {}).get("nodes", {})]
    if options.name:
        owners = [name for name in owners if name == options.name]
    if len(owners) != 1:
        standing = "; ".join(
            f"{name}: {' '.join(sorted((_state.load(name) or {})['nodes']))}" for name in _state.standing()
        )
        which = "In several twins there is a" if owners else "No standing twin has a"
        say(f"{which} node '{options.node}' (give --name). Standing: {standing or 'none'}")
        return 2
    container = container_name(owners[0], options.node)
    pid = _state.read_pid(container) or Podman().pid(container)
    if not pid:
        say(f"{container} does not run")
        return 1
    environment = [
        "HOME=/root",
        "USER=root",
        "LANG=C.UTF-8",
        f"TERM={os.environ.get('TERM', 'dumb')}",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ]
    wanted = options.command or ["/bin/bash", "-l"]
    os.execvp("nsenter", [*enter(pid), "env", "-i", "-C", "/root", *environment, *wanted])  # noqa: S606
    return 1


def podman(arguments: list[str]) -> int:
    runner = Podman()
    command = [*runner.prefix, *arguments[1:]] if arguments[:1] == ["--beside"] else runner.command(arguments)
    os.execvp(command[0], command)  # noqa: S606
    return 1


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("up", help="bring it up, run the playbooks on it twice, verify")
    one.add_argument("--fabric", type=Path, required=True, metavar="PATH", help="a fabric.yml")
    one.add_argument("--remove", action="store_true", help="take it away at the end")
    one.add_argument("--once", action="store_true", help="run the playbooks once: the caller sees to the second run")
    one.set_defaults(run=up)
    one = commands.add_parser("down", help="take it away")
    one.add_argument("--fabric", type=Path, metavar="PATH")
    one.add_argument("--name", help="the fabric's name, when its file no longer reads")
    one.set_defaults(run=down)
    commands.add_parser("list", help="the twins that stand").set_defaults(run=list_twins)
    one = commands.add_parser("shell", help="a shell in a node")
    one.add_argument("--name", help="the fabric's name, when several twins have such a node")
    one.add_argument("node")
    one.add_argument("command", nargs=argparse.REMAINDER)
    one.set_defaults(run=shell)
    commands.add_parser("podman", help="podman as the twin uses it")
    return parser


def main() -> int:
    try:
        if sys.argv[1:2] == ["podman"]:
            return podman(sys.argv[2:])
        ensure_collection_path()
        options = arguments().parse_args()
        return int(options.run(options))
    except TwinError as exc:
        say(str(exc))
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted. What stands: scripts/twin.py list")
        return 130


if __name__ == "__main__":
    sys.exit(main())
