# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pvecm with the real corosync: a cluster of two over the nodes' loopbacks."""

from __future__ import annotations

import json


def test_a_cluster_of_two(pve1, pve2, eventually):
    assert "is this node part of a cluster?" in pve1.run("pvecm", "status", check=False)
    # As pmxcfs: the node's name has to stand for an address that is not the machine itself.
    assert "'pve1' does not resolve" in pve1.run("pvecm", "create", "lab", check=False)
    for node in (pve1, pve2):
        node.shell("printf '10.255.0.1 pve1\\n10.255.0.2 pve2\\n' >>/etc/hosts")
    assert "not found on local node" in pve1.run("pvecm", "create", "lab", "--link0", "10.255.0.9", check=False)
    pve1.run("pvecm", "create", "lab", "--link0", "10.255.0.1")
    assert "already exists" in pve1.run("pvecm", "create", "lab", "--link0", "10.255.0.1", check=False)
    eventually(
        lambda: "lab" in pve2.run("cat", "/etc/pve/corosync.conf", check=False), "corosync.conf on the other node"
    )
    assert "successfully added node 'pve2'" in pve2.run(
        "pvecm", "add", "10.255.0.1", "--link0", "10.255.0.2", "--use_ssh"
    )
    for node in (pve1, pve2):
        eventually(
            lambda node=node: "Total votes:      2" in node.run("pvecm", "status", check=False),
            f"two votes on {node.name}",
        )
        assert node.run("cat", "/etc/corosync/corosync.conf") == node.run("cat", "/etc/pve/corosync.conf")
        members = json.loads(node.run("cat", "/etc/pve/.members"))
        assert members["cluster"] == {"name": "lab", "version": 2, "nodes": 2, "quorate": 1}
    assert "Name:             lab" in pve1.run("pvecm", "status")
