# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module as a user does, and looks at the result with podman's and iproute2's eyes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
PREFIX = "twintest"
"""In the name of every twin that the tests make."""

COLLECTIONS = ROOT / "build" / "collections"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.live)


class Machine:
    """This machine, with what the tests ask of it."""

    def __init__(self) -> None:
        self.fabrics: set[str] = set()

    def ansible(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        program = Path(sys.executable).with_name("ansible")
        return subprocess.run(
            [str(program), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1", **environment},
        )

    def twin(self, check: bool = False, **options: Any) -> dict[str, Any]:
        """Call the module; its result, with `failed` when it failed."""
        self.fabrics.add(options["name"])
        arguments = ["localhost", "-m", "routed.fabric.twin", "-a", json.dumps(options)]
        done = self.ansible(*arguments, *(["--check"] if check else []))
        assert "=> {" in done.stdout, done.stdout + done.stderr
        status, _, text = done.stdout.partition(" => ")
        result: dict[str, Any] = json.loads(text)
        result["failed"] = "FAILED" in status
        return result

    def podman(self, *arguments: str) -> str:
        return subprocess.run(
            [sys.executable, str(ROOT / "scripts" / "twin.py"), "podman", *arguments],
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def beside(self, *arguments: str) -> str:
        """A command where the network namespaces have their names."""
        return self.podman("--beside", *arguments)

    def inside(self, container: str, *arguments: str, check: bool = True) -> str:
        pid = self.podman("inspect", "--format={{.State.Pid}}", container).strip()
        return subprocess.run(
            ["nsenter", f"--target={pid}", "--all", *arguments],
            capture_output=True,
            text=True,
            check=check,
        ).stdout

    def link(self, container: str, interface: str) -> dict[str, Any]:
        return dict(json.loads(self.inside(container, "ip", "-j", "-d", "link", "show", "dev", interface))[0])

    def everything(self) -> dict[str, Any]:
        """What a twin could leave on this machine.

        While another twin stands, only what has our name: theirs may change meanwhile, and keeps the limits raised.
        """
        run = Path("/run/fabric-twin")
        containers = self.podman("ps", "--all", "--format={{.Names}}").split()
        alone = not any(path.stem for path in (run / "twins").glob("*.json") if PREFIX not in path.stem)
        names = [f"fs.inotify.max_user_{what}" for what in ("instances", "watches")]
        names += [f"net.{family}.neigh.default.gc_thresh{n}" for family in ("ipv4", "ipv6") for n in (1, 2, 3)]
        found = {
            "containers": containers,
            "namespaces": self.beside("ip", "netns", "list").splitlines(),
            "links": [entry["ifname"] for entry in json.loads(self.beside("ip", "-j", "link"))],
            # podman's mount namespace is there as soon as somebody asks podman, so also for this question.
            "files": [str(path) for path in run.rglob("*") if "mounts" not in str(path)],
            "limits": [f"{name} {Path('/proc/sys', *name.split('.')).read_text()}" for name in names],
        }
        return {key: sorted(text for text in texts if alone or PREFIX in text) for key, texts in found.items()}


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    found = Machine()
    for release in ("trixie", "bookworm"):
        subprocess.run([str(ROOT / "scripts" / "twin_image.sh"), release], check=True)
    yield found
    for fabric in found.fabrics:
        found.twin(name=fabric, state="absent")


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any], str], Any]:
    def wait(condition: Callable[[], Any], what: str, timeout_s: float = 30) -> Any:
        deadline = time.monotonic() + timeout_s
        while True:
            result = condition()
            if result:
                return result
            assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
            time.sleep(0.2)

    return wait
