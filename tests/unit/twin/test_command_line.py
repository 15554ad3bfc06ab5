# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`scripts/twin.py up` with playbooks that the test plays: each thing that can go wrong makes it exit with 1."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "twin.py"
NODES = {
    name: {"name": name, "id": number, "fabric": "lab", "platform": "frr", "twin": {"release": "trixie"}}
    for number, name in enumerate(("tor1", "pve1"))
}
UNCHANGED = "PLAY RECAP ***\n" + "".join(f"{name} : ok=1 changed=0 unreachable=0 failed=0\n" for name in NODES)


class Played:
    """Stands in for ansible-playbook: what each playbook prints, and what the nodes look like to snapshots."""

    def __init__(self, twin: Any) -> None:
        self.twin = twin
        self.ran: list[str] = []
        self.outputs: dict[str, list[str]] = {}
        self.snapshots = [{"mtu": 9216}, {"mtu": 9216}]
        self.failing: set[str] = set()

    def playbook(self, name: str, *arguments: str) -> str:
        self.ran.append(name)
        if name in self.failing:
            raise self.twin.StepError(f"fatal: {name}")
        if name == "snapshot":
            directory = Path(json.loads(arguments[1])["fabric_snapshot_dir"])
            (directory / "pve1.json").write_text(json.dumps(self.snapshots.pop(0)))
        outputs = self.outputs.get(name, [])
        return outputs.pop(0) if outputs else UNCHANGED


@pytest.fixture
def twin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    specification = importlib.util.spec_from_file_location("twin_command_line", SCRIPT)
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return module


@pytest.fixture
def played(twin: Any, monkeypatch: pytest.MonkeyPatch) -> Played:
    result = Played(twin)
    inventory: dict[str, Any] = {"_meta": {"hostvars": {name: {"fabric_node": node} for name, node in NODES.items()}}}
    inventory["fabric_managed"] = {"hosts": list(NODES)}
    monkeypatch.setattr(twin.Run, "playbook", result.playbook)
    monkeypatch.setattr(twin.Run, "inventory", lambda _run: inventory)
    monkeypatch.setattr(twin.Run, "command", lambda _run, *_arguments: "")
    return result


def up(twin: Any, tmp_path: Path) -> int:
    file = tmp_path / "fabric.yml"
    file.touch()
    options = twin.arguments().parse_args(["up", "--fabric", str(file)])
    return int(options.run(options))


def test_all_is_well(twin: Any, played: Played, tmp_path: Path, capsys: Any) -> None:
    assert up(twin, tmp_path) == 0
    assert played.ran == ["twin_up", "site", "verify", "snapshot", "site", "snapshot", "verify"]
    output = capsys.readouterr().out
    assert "[7/9] Run site.yml again: nothing may change" in output
    assert "changed=0 on 2 hosts" in output


def test_a_failed_playbook_ends_it(twin: Any, played: Played, tmp_path: Path, capsys: Any) -> None:
    played.failing.add("site")
    assert up(twin, tmp_path) == 1
    assert played.ran == ["twin_up", "site"]
    assert "fatal: site" in capsys.readouterr().out


def test_a_change_in_the_second_run_is_named(twin: Any, played: Played, tmp_path: Path, capsys: Any) -> None:
    changed = "TASK [Set the MTU] ***\nchanged: [pve1]\n" + UNCHANGED.replace(
        "pve1 : ok=1 changed=0", "pve1 : ok=1 changed=1"
    )
    played.outputs["site"] = [UNCHANGED, changed]
    assert up(twin, tmp_path) == 1
    assert played.ran[-2:] == ["snapshot", "verify"], "the other checks ran all the same"
    assert "pve1: changed=1\n      - pve1: Set the MTU" in capsys.readouterr().out


def test_a_second_run_that_leaves_a_host_out(twin: Any, played: Played, tmp_path: Path, capsys: Any) -> None:
    played.outputs["site"] = [UNCHANGED, UNCHANGED.replace("pve1", "pve2")]
    assert up(twin, tmp_path) == 1
    assert "site.yml did not run on pve1." in capsys.readouterr().out


def test_what_moved_is_named(twin: Any, played: Played, tmp_path: Path, capsys: Any) -> None:
    played.snapshots[1] = {"mtu": 1500}
    assert up(twin, tmp_path) == 1
    assert "- pve1: mtu: 9216 -> 1500" in capsys.readouterr().out


def test_errors_of_the_file_are_all_shown(
    twin: Any, played: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    errors = {"_meta": {"hostvars": {}}, "all": {"vars": {"fabric_errors": ["nodes.a: one", "nodes.b: two"]}}}
    monkeypatch.setattr(twin.Run, "inventory", lambda _run: errors)
    assert up(twin, tmp_path) == 1
    assert played.ran == []
    assert "- nodes.a: one\n      - nodes.b: two" in capsys.readouterr().out
