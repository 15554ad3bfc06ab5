"""The inventory plugin as people use it: through Ansible's own commands, from a directory without our ansible.cfg."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples/spine-leaf/fabric.yml"
BIN = Path(sys.executable).parent


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    (tmp_path / "play.yml").write_text(
        "- import_playbook: routed.fabric.require_fabric\n"
        "- hosts: all\n  gather_facts: false\n  connection: local\n  tasks:\n"
        "    - ansible.builtin.debug: {msg: 'reached {{ fabric_node.name }}'}\n"
    )
    return tmp_path


def run(program: str, *arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ANSIBLE_", "ROUTED_FABRIC_"))}
    clean |= {
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build/collections"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
    } | environment
    return subprocess.run(
        [BIN / program, *arguments], cwd=cwd, env=clean, capture_output=True, text=True, check=False, timeout=120
    )


def listed(*arguments: str, cwd: Path, **environment: str) -> dict:
    done = run("ansible-inventory", *arguments, cwd=cwd, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_hosts_groups_and_variables_beside_the_file(foreign):
    text = EXAMPLE.read_text() + "compose: {from_plan: fabric_node.asn + 1}\n"
    text += (
        "groups: {second_rack: fabric_node.rack == 'a2'}\nkeyed_groups: [{key: fabric_node.release, prefix: release}]\n"
    )
    (foreign / "fabric.yml").write_text(text)
    (foreign / "host_vars").mkdir()
    (foreign / "host_vars/pve1.yml").write_text("ansible_host: 192.0.2.7\n")
    everything = listed("-i", "fabric.yml", "--list", cwd=foreign)
    assert everything["function_proxmox"]["hosts"] == ["pve1", "pve2"]
    assert everything["second_rack"]["hosts"] == ["tor2", "pve2", "gw1"]
    assert everything["release_bookworm"]["hosts"] == ["pve2"]
    variables = everything["_meta"]["hostvars"]["pve1"]
    assert variables["ansible_host"] == "192.0.2.7"
    assert variables["from_plan"] == 4200000012
    assert variables["fabric_node"]["loopback"]["ipv4"] == "10.255.254.11/32"
    assert variables["fabric_name"] == "spine-leaf"
    assert variables["fabric_links"][0] == {
        "a": {"node": "pve1", "interface": "enp1s0"},
        "b": {"node": "tor1", "interface": "swp1"},
        "mtu": 9216,
    }


def test_the_twin_is_an_option_of_the_environment(foreign):
    variables = listed("-i", str(EXAMPLE), "--host", "gw1", cwd=foreign, ROUTED_FABRIC_TWIN="true")
    assert variables["ansible_connection"] == "routed.fabric.twin"
    assert variables["ansible_host"] == "fabric-spine-leaf-gw1"
    assert "ansible_connection" not in listed("-i", str(EXAMPLE), "--host", "gw1", cwd=foreign)


def test_another_file_name_is_recognised_by_the_key(foreign):
    shutil.copy(EXAMPLE, foreign / "network.yaml")
    assert "pve1" in listed("-i", "network.yaml", "--list", cwd=foreign)["fabric"]["hosts"]


@pytest.mark.parametrize("name", ["fabric.yml", "network.yaml"])
def test_a_broken_file_fails_every_playbook_with_all_its_mistakes(foreign, name):
    broken = (
        EXAMPLE.read_text()
        .replace("tor2:swp1", "tor9:swp1")
        .replace("id: 12", "id: 11")
        .replace("[ceph]", '["{{ x }}"]')
    )
    (foreign / name).write_text(broken)
    done = run("ansible-playbook", "-i", name, "play.yml", cwd=foreign)
    assert done.returncode == 2
    assert "reached" not in done.stdout
    for mistake in (
        "nodes.pve1.uplinks.enp1s1: no node 'tor9'",
        "nodes.pve2.id: id 11 is the id of node 'pve1' as well",
        "nodes.ceph1.functions[0]: '{ { x }}' contains '{ {', '{ %' or '{ #'",
    ):
        assert mistake in done.stdout


def test_a_playbook_without_a_fabric_fails(foreign):
    done = run("ansible-playbook", "play.yml", cwd=foreign)
    assert done.returncode == 2
    assert "No node in the group 'fabric'" in done.stdout


def test_a_sound_file_reaches_its_nodes(foreign):
    done = run("ansible-playbook", "-i", str(EXAMPLE), "play.yml", "--limit", "pve1,localhost", cwd=foreign)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "reached pve1" in done.stdout


def test_the_documentation_can_be_read(foreign):
    done = run("ansible-doc", "-t", "inventory", "routed.fabric.fabric", cwd=foreign)
    assert done.returncode == 0, done.stderr
    assert "keyed_groups" in done.stdout
