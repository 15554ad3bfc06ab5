# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node without power comes back by itself, and its Ceph after the fabric has routes. A second run moves nothing."""

from __future__ import annotations

import json
import time

import pytest
from cephlab import Ceph
from figures import accepting, record


def since_boot_s(ceph: Ceph, node: str, unit: str, what: str) -> float:
    value = ceph.ask(node, f"systemctl show -p {what} --value {unit}").strip()
    assert value not in ("", "0"), f"{unit} has no {what}"
    return int(value) / 1e6


@pytest.mark.parametrize("node", ["ceph02", "ceph01", "ceph03"] if accepting() else ["ceph02"])
def test_a_node_comes_back_by_itself(ceph: Ceph, node: str) -> None:
    before = ceph.ask(node, "cat /proc/1/stat").split()[21]
    begun = time.monotonic()
    ceph.twin(state="rebooted", reboot=[node])
    assert ceph.ask(node, "cat /proc/1/stat").split()[21] != before, "it was not rebooted"
    ceph.whole(240)
    seconds = time.monotonic() - begun
    # The fabric was there first: by systemd's clock, and by what the program that waited says.
    routes = since_boot_s(ceph, node, "fabric-online-ceph.service", "ExecMainExitTimestampMonotonic")
    osd = json.loads(ceph.ask(node, f"ceph osd ls-tree {node} --format json"))[0]
    for unit in (f"ceph-mon@{node}", f"ceph-mgr@{node}", f"ceph-osd@{osd}"):
        assert since_boot_s(ceph, node, unit, "ExecMainStartTimestampMonotonic") >= routes, unit
    said = ceph.ask(node, "journalctl -b -o cat -u fabric-online-ceph.service")
    assert "the fabric is there after" in said, said
    assert ceph.json(node, "ip -6 -j route show default")[0]["protocol"] == "bgp"
    assert (
        ceph.ask(node, "cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding").split() == ["0"] * 2
    )
    record(
        "ceph",
        f"reboot of {node} to a whole cluster",
        f"{seconds:.0f} s; {said.strip().splitlines()[-1] if said.strip() else ''}",
        1,
        "container with its links, from power off to HEALTH_OK, all OSDs up, placement groups clean",
    )


def test_a_second_run_restarts_nothing(ceph: Ceph) -> None:
    before = ceph.starts()
    assert all(len(units) == 3 for units in before.values()), before
    done = ceph.play("site")
    assert done.status == 0, done.output[-3000:]
    assert done.changed() == {}, done.output[-3000:]
    assert ceph.starts() == before


def test_one_node_alone(ceph: Ceph) -> None:
    """A running cluster: a run limited to a node finds nothing to do, and does what there is to do there."""
    done = ceph.play("site", "--limit", "localhost,ceph02")
    assert done.status == 0, done.output[-3000:]
    assert set(done.hosts) == {"localhost", "ceph02"}
    assert done.changed() == {}, done.output[-3000:]
    ceph.ask("ceph02", "systemctl disable --now ceph-mgr@ceph02")
    done = ceph.play("ceph", "--limit", "localhost,ceph02")
    assert done.status == 0, done.output[-3000:]
    assert done.changed() == {"ceph02": 1}, done.output[-3000:]
    assert ceph.ask("ceph02", "systemctl is-active ceph-mgr@ceph02").strip() == "active"
    ceph.whole()


def test_a_cluster_does_not_begin_with_a_part_of_its_monitors(ceph: Ceph) -> None:
    """A node without power and keys, as before there was a cluster: refused, and nothing touched."""
    ceph.ask("ceph01", "mv /etc/ceph/ceph.client.admin.keyring /root/kept && mv /etc/ceph/ceph.conf /root/kept.conf")
    try:
        done = ceph.play("ceph", "--limit", "localhost,ceph01")
        assert done.status != 0
        assert (
            "No node of this run has the keys of a cluster, and one begins with all of its monitors, but ceph02, "
            "ceph03 did not come this far in this run; run it again without --limit."
        ) in " ".join(done.output.split())
        assert ceph.shell("ceph01", "test -e /etc/ceph/ceph.conf").returncode != 0
    finally:
        ceph.ask("ceph01", "mv /root/kept /etc/ceph/ceph.client.admin.keyring; mv /root/kept.conf /etc/ceph/ceph.conf")
    ceph.whole()


def test_a_node_that_lost_its_keys_gets_them_from_another(ceph: Ceph) -> None:
    """As a node that joins: the source has no file with the monitors' key any more."""
    ceph.ask("ceph03", "mv /etc/ceph/ceph.client.admin.keyring /root/kept")
    try:
        done = ceph.play("ceph")
        assert done.status == 0, done.output[-3000:]
        assert done.changed() == {"ceph03": 1}, done.output[-3000:]
        assert ceph.shell("ceph03", "cmp /root/kept /etc/ceph/ceph.client.admin.keyring").returncode == 0
        assert ceph.ask("ceph03", "stat -c %a /etc/ceph/ceph.client.admin.keyring").strip() == "600"
        key = ceph.ask("ceph03", "ceph-authtool -p /root/kept").strip()
        assert key not in done.output
    finally:
        ceph.ask("ceph03", "rm -f /root/kept")
