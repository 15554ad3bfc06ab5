# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role packages as other roles include it, with a dpkg-query that says what it is told to."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CALLER = """
- name: Have the packages
  ansible.builtin.include_role:
    name: routed.fabric.packages
    rolespec_validate: false
  when: caller_packages | length > 0
  vars:
    packages_names: "{{ caller_packages }}"
"""
PLAY = """
- hosts: localhost
  gather_facts: false
  roles:
    - {role: caller, tags: [caller]}
    - {role: caller, tags: [other]}
"""
# As playbook wireguard_keys does.
KEYS = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Have the packages of another role
      ansible.builtin.include_role:
        name: routed.fabric.wireguard
        tasks_from: packages.yml
"""
# dpkg-query's exit code is 1 where it does not know a package.
DPKG_QUERY = """#!/bin/sh
[ "$1" = --show ] && [ "$2" = --showformat ] || exit 2
shift 3
echo "$@" >>{place}/asked
printf 'installed here\\nnot-installed removed\\nconfig-files purged\\n'
exit 1
"""
CALLER_ALONE = ("--tags", "caller")  # as `site --tags underlay`


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "roles/caller/tasks").mkdir(parents=True)
    (tmp_path / "roles/caller/tasks/main.yml").write_text(CALLER, encoding="ascii")
    (tmp_path / "play.yml").write_text(PLAY, encoding="ascii")
    (tmp_path / "keys.yml").write_text(KEYS, encoding="ascii")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/dpkg-query"
    program.write_text(DPKG_QUERY.format(place=tmp_path), encoding="ascii")
    program.chmod(0o755)
    return tmp_path


def play(place: Path, name: str, variables: dict[str, object], *options: str) -> list[tuple[str, str]]:
    """Each task that was played, and how it ended."""
    environment = {
        "PATH": f"{place}/bin:{os.environ['PATH']}",
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
        "ANSIBLE_ROLES_PATH": str(place / "roles"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_NOCOLOR": "1",
    }
    argv = ["ansible-playbook", str(place / f"{name}.yml"), "-e", json.dumps(variables), *options]
    done = subprocess.run(
        argv, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tasks: list[tuple[str, str]] = []
    for block in done.stdout.split("\nTASK [")[1:]:
        name, dummy, rest = block.partition("]")
        outcome = rest.split("\n", 1)[1].split(":", 1)[0]
        said = [line.strip() for line in rest.splitlines() if '"msg"' in line]
        tasks.append((name.rpartition(" : ")[2], " ".join([outcome, *said])))
    return tasks


def asked(place: Path) -> list[str]:
    """What dpkg-query was asked for since the last time."""
    file = place / "asked"
    lines = file.read_text(encoding="ascii").splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return lines


def test_nothing_is_missing(place: Path) -> None:
    tasks = play(place, "play", {"caller_packages": ["here", "here"]}, *CALLER_ALONE)
    assert tasks == [
        ("Have the packages", "included"),
        ("See which packages are there", "ok"),
        ("Install the packages that are missing", "skipping"),
    ]
    assert asked(place) == ["here"]


def test_what_is_missing_in_check_mode(place: Path) -> None:
    tasks = play(place, "play", {"caller_packages": ["removed", "here", "purged"]}, "--check", *CALLER_ALONE)
    assert tasks[2:] == [
        ("Install the packages that are missing", "included"),
        ("Install packages from the repositories that the node knows", "skipping"),
        ("Say which packages would be installed", 'changed "msg": "Would install purged, removed"'),
    ]


def test_no_packages(place: Path) -> None:
    assert play(place, "play", {"caller_packages": []}, *CALLER_ALONE) == [("Have the packages", "skipping")]
    assert asked(place) == []


def test_two_roles_one_after_the_other(place: Path) -> None:
    tasks = play(place, "play", {"caller_packages": ["here"]})
    assert len(tasks) == 6 and asked(place) == ["here", "here"]


def test_of_a_role_that_is_not_played(place: Path) -> None:
    tasks = play(place, "keys", {}, "--check")
    assert asked(place) == ["wireguard-tools nftables"]
    assert tasks[-1] == (
        "Say which packages would be installed",
        'changed "msg": "Would install nftables, wireguard-tools"',
    )
