# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""corosync.conf is read as Proxmox reads it, and compared with the plan."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._proxmox import _corosync
from ansible_collections.routed.fabric.plugins.module_utils._proxmox._corosync import Cluster, Comparison
from pve_corosync import corosync_conf

NODES: list[dict[str, Any]] = [
    {"name": "pve1", "id": 11, "link0": "192.0.2.11", "link1": "2001:db8::b"},
    {"name": "pve2", "id": 12, "link0": "192.0.2.12", "link1": "2001:db8::c"},
]
PARSED = Cluster("ams", {"pve1": {0: "192.0.2.11", 1: "2001:db8::b"}, "pve2": {0: "192.0.2.12", 1: "2001:db8::c"}})


def test_what_pvecm_writes() -> None:
    text = corosync_conf({"name": "ams", "nodes": NODES})
    assert "    ring1_addr: 2001:db8::c\n  }\n}\n\nquorum {\n" in text
    assert _corosync.parse(text) == PARSED
    assert _corosync.compare(PARSED, NODES, "pve1") == Comparison(True, (), ())


def test_comments_one_line_blocks_and_nodes_without_a_name() -> None:
    text = "totem { version: 2 # 3 }\n cluster_name: x }\nnodelist { node { ring0_addr: a nodeid: 1 } }\n"
    assert _corosync.parse(text) == Cluster("x", {"a": {0: "a"}})
    assert _corosync.parse("") == Cluster("", {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("totem {\n", "a '{' without its '}'"),
        ("}\n", "a '}' without its '{'"),
        ("totem {\n version\n}\n", "'version' is neither a block nor a key with its value"),
        ("version:", "'version:' is neither a block nor a key with its value"),
    ],
)
def test_what_is_not_corosyncs(text: str, message: str) -> None:
    with pytest.raises(_corosync.CorosyncError) as error:
        _corosync.parse(text)
    assert str(error.value) == message


def test_no_cluster_lacks_every_node() -> None:
    assert _corosync.compare(None, NODES, "pve1") == Comparison(False, ("pve1", "pve2"), ())


def test_what_differs_is_said() -> None:
    found = Cluster("ams", {"pve1": {0: "192.0.2.99", 1: "2001:DB8:0::b"}, "pve9": {0: "192.0.2.19"}})
    assert _corosync.compare(found, NODES, "pve2") == Comparison(
        False,
        ("pve2",),
        ("link 0 of pve1 is 192.0.2.99, planned is 192.0.2.11", "pve9 is in the cluster and not in the plan"),
    )
    found = Cluster("ams", {"pve1": {0: "192.0.2.11", 2: "192.0.2.77"}, "pve2": PARSED.links["pve2"]})
    assert _corosync.compare(found, NODES, "pve2").differences == (
        "link 1 of pve1 is missing, planned is 2001:db8::b",
        "link 2 of pve1 is 192.0.2.77, planned is none",
    )


def test_commands() -> None:
    assert _corosync.create_command("ams", NODES[0]) == (
        ["pvecm", "create", "ams", "--nodeid", "11", "--link0", "192.0.2.11", "--link1", "2001:db8::b"]
    )
    assert _corosync.join_command("192.0.2.11", {"name": "pve3", "id": 13, "link0": "192.0.2.13", "link1": None}) == (
        ["pvecm", "add", "192.0.2.11", "--use_ssh", "1", "--nodeid", "13", "--link0", "192.0.2.13"]
    )


def test_lines_of_ssh_are_added_once() -> None:
    keys = ["ssh-rsa AAAA root@pve2", "ssh-rsa BBBB root@pve3"]
    made = _corosync.with_lines("ssh-rsa AAAA another-comment", keys)
    assert made == "ssh-rsa AAAA another-comment\nssh-rsa BBBB root@pve3\n"
    assert _corosync.with_lines(made, keys) == made
    hosts = ["192.0.2.11 ssh-rsa AAAA root@pve1", "192.0.2.11 ssh-ed25519 CCCC"]
    made = _corosync.with_lines("192.0.2.11 ssh-rsa AAAA\n", hosts)
    assert made == "192.0.2.11 ssh-rsa AAAA\n192.0.2.11 ssh-ed25519 CCCC\n"
    assert _corosync.with_lines(made, hosts) == made
