# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, the host's kinds, what is asked of the module, and what follows for containers."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._twin import _faults
from ansible_collections.routed.fabric.plugins.module_utils._twin._names import (
    TwinError,
    container_name,
    hold_interface_name,
    mac_address,
)
from ansible_collections.routed.fabric.plugins.module_utils._twin._podman import Host, detect, start_time, wait_until
from ansible_collections.routed.fabric.plugins.module_utils._twin._wanted import (
    Container,
    Steps,
    foreign,
    steps,
    wanted,
)

UNIFIED = "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate"
HYBRID = (
    "28 20 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "36 28 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"
)


def test_a_shared_directory_is_part_of_the_node() -> None:
    plain, errors = wanted("ams", [{"name": "pve1"}], [], [])
    shared, more = wanted("ams", [{"name": "pve1", "shared": "/run/pvesim"}], [], [])
    assert errors == more == []
    assert plain.nodes["pve1"].specification([]) != shared.nodes["pve1"].specification([])
    for wrong in ("run", "/", "/a b", "/run/x:y"):
        assert wanted("ams", [{"name": "pve1", "shared": wrong}], [], [])[1] == [
            f"nodes[0].shared: '{wrong}' is not an absolute path of plain characters"
        ]


def test_names_are_stable() -> None:
    assert container_name("ams", "pve1") == "fabric-ams-pve1"
    assert mac_address("ams", "pve1", "enp1s0") == mac_address("ams", "pve1", "enp1s0")
    assert mac_address("ams", "pve1", "enp1s0").startswith("02:")
    assert mac_address("ams", "pve1", "enp1s0") != mac_address("ams2", "pve1", "enp1s0")
    assert len(hold_interface_name("n" * 42, "i" * 15)) <= 15


def test_a_plain_host_needs_nothing() -> None:
    assert detect(UNIFIED, True, True, 1024, 2048) == Host(False, (), ("--pids-limit=0",))


def test_hybrid_cgroups_and_lowered_limits() -> None:
    assert detect(HYBRID, False, False, 20000, 32768) == Host(
        True,
        ("--cgroup-manager=cgroupfs", "--events-backend=file"),
        ("--ulimit=nofile=20000:20000", "--ulimit=nproc=32768:32768", "--pids-limit=0"),
    )


def test_all_errors_at_once() -> None:
    nodes = [{"name": "pve1"}, {"name": "pve/2"}, {"name": "pve1"}]
    links = [
        {"a": {"node": "pve1", "interface": "xe-0/0/1"}, "b": {"node": "tor9", "interface": "swp1"}, "mtu": 1500},
        {"a": {"node": "pve1", "interface": "xe-0/0/1"}, "b": {"node": "pve1", "interface": "eth1"}, "mtu": 10},
    ]
    faults = [{"node": "pve1", "interface": "eth7", "kind": "down"}]
    _twin, errors = wanted("am s", nodes, links, faults)
    assert errors == [
        "name: 'am s' cannot name a twin: letters, digits, dots and dashes, at most 42",
        "nodes[1].name: 'pve/2' cannot name a container: letters, digits, dots and dashes, at most 42",
        "nodes[2].name: 'pve1' is there twice",
        "links[0].a.interface: 'xe-0/0/1' cannot name a Linux interface: 1 to 15 characters, no space, '/' or ':'",
        "links[0].b.node: no node 'tor9' in nodes",
        "links[1].a.interface: 'xe-0/0/1' cannot name a Linux interface: 1 to 15 characters, no space, '/' or ':'",
        "links[1].a: pve1:xe-0/0/1 is an end of links[0] already",
        "links[1].mtu: 10 is not between 68 and 65535",
        "faults[0]: no link ends at pve1:eth7",
    ]


def container(specification: str, running: bool = True, image_id: str = "I") -> Container:
    return Container("id", running, 1, image_id, specification)


@pytest.mark.parametrize(
    ("got", "powered", "reboot", "expected"),
    [
        (None, True, [], {"create": ["n"]}),
        ({}, True, [], {}),
        ({}, True, ["n"], {"cycle": ["n"]}),
        ({}, False, [], {"stop": ["n"]}),
        ({"running": False}, False, [], {}),
        ({"running": False}, True, [], {"start": ["n"]}),
        ({"running": False}, True, ["n"], {"start": ["n"]}),
        ({"image_id": "older"}, True, [], {"remove": ["n"], "create": ["n"]}),
    ],
)
def test_steps(got: dict[str, Any] | None, powered: bool, reboot: list[str], expected: dict[str, list[str]]) -> None:
    twin, errors = wanted("f", [{"name": "n", "image": "i", "powered": powered}], [], [])
    assert not errors
    there = {} if got is None else {"n": container(twin.nodes["n"].specification([]), **got)}
    result = vars(steps(twin, there, {"i": "I"}, reboot, []))
    assert {name: value for name, value in result.items() if value} == expected


def test_other_options_of_the_host_make_a_container_anew() -> None:
    twin, _errors = wanted("f", [{"name": "n", "image": "i"}], [], [])
    there = {"n": container(twin.nodes["n"].specification(["--ulimit=nofile=1"])), "old": container("")}
    assert steps(twin, there, {"i": "I"}, [], []) == Steps(["old", "n"], ["n"], [], [], [])


def test_containers_of_others_are_named() -> None:
    twin, _errors = wanted("a", [{"name": "b-c"}], [], [])
    listed = [{"Names": ["fabric-a-b-c"], "Labels": {"fabric": "a-b"}}, {"Names": ["mine"], "Labels": None}]
    assert foreign("a", twin.nodes, listed) == [
        "a container named fabric-a-b-c exists and is not of the twin 'a': rename the node or remove it"
    ]


def test_silent_faults_are_one_transaction() -> None:
    text = _faults.commands({"swp2", "swp1"}, exists=True)
    assert text.splitlines()[:3] == [
        "delete table netdev fabric_twin_fault",
        "add table netdev fabric_twin_fault",
        (
            "add chain netdev fabric_twin_fault ingress0 "
            '{ type filter hook ingress device "swp1" priority -500; policy drop; }'
        ),
    ]
    assert len(text.splitlines()) == 6
    assert _faults.commands(set(), exists=True) == "delete table netdev fabric_twin_fault\n"


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        ('device "xe-0-0-1"', {"xe-0-0-1"}),
        ('devices = { "swp1", "swp2" }', {"swp1", "swp2"}),
        ("devices = { swp1 }", {"swp1"}),
    ],
)
def test_silenced_interfaces_are_read(devices: str, expected: set[str]) -> None:
    chain = f"  chain ingress0 {{\n    type filter hook ingress {devices} priority -500; policy drop;\n  }}\n"
    assert _faults.silenced(f"table netdev fabric_twin_fault {{\n{chain}}}\n") == expected


def test_a_wait_says_what_is_missing() -> None:
    with pytest.raises(TwinError, match=r"^The start did not happen within 0.01 s: pve1 is 'starting'$"):
        wait_until(lambda: "pve1 is 'starting'", 0.01, "The start", interval_s=0.005)


def test_start_time_of_nobody() -> None:
    assert start_time(2**30) is None
    assert start_time(1)
