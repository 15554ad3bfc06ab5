# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/etc/pve without a mount: formats to the letter, order, lateness, and what is left when a writer is killed."""

from __future__ import annotations

import errno
import json
import os
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pvesim.cluster_fs import ClusterFs
from pvesim.log import Log, decode, encode
from pvesim.tree import MAX_FILE, Tree, members, version, vmlist

CONFIG = "nodes/{}/qemu-server/{}.conf"


def node(tmp_path, name, delay_ms=(0, 0)):
    files = ClusterFs(tmp_path / "log", name)
    files.log.delay_ms = delay_ms
    files.prepare()
    return files


@pytest.fixture
def pair(tmp_path):
    one, two = node(tmp_path, "pve1"), node(tmp_path, "pve2")
    one.tick()
    return one, two


def put(files, path, text):
    if files.entry(path) is None:
        assert files.change({"op": "create", "path": path}) == 0
    assert files.change({"op": "truncate", "path": path, "size": 0}) == 0
    return files.change({"op": "write", "path": path, "offset": 0, "data": text})


def owners(files):
    return {int(vmid): entry["node"] for vmid, entry in json.loads(files.generated(".vmlist")).get("ids", {}).items()}


def test_vmlist_to_the_letter():
    tree = Tree()
    assert vmlist(tree) == b'{\n"version": 1\n\n}\n'
    for path in ("nodes", "nodes/pve1", "nodes/pve1/qemu-server", "nodes/pve1/lxc"):
        tree.apply({"op": "mkdir", "path": path})
    tree.apply({"op": "create", "path": "nodes/pve1/qemu-server/100.conf"})
    tree.apply({"op": "create", "path": "nodes/pve1/lxc/200.conf"})
    assert vmlist(tree) == (
        b'{\n"version": 3,\n"ids": {\n'
        b'"100": { "node": "pve1", "type": "qemu", "version": 1 },\n'
        b'"200": { "node": "pve1", "type": "lxc", "version": 2 }}\n\n}\n'
    )


def test_version_and_members():
    tree = Tree()
    found = json.loads(version(tree, "pve1", 1700000000, 3))
    assert found["starttime"] == 1700000000
    assert found["clinfo"] == 3
    assert found["vmlist"] == 1
    assert found["corosync.conf"] == 1
    assert found["kvstore"] == {"pve1": {}}
    assert json.loads(members(tree, "pve1", 1)) == {"nodename": "pve1", "version": 1}
    tree.apply({"op": "create", "path": "corosync.conf"})
    text = b"nodelist {\n  node {\n    name: pve1\n    nodeid: 1\n    ring0_addr: 10.0.0.1\n  }\n}\n"
    text += b"totem {\n  cluster_name: ams\n  config_version: 7\n}\n"
    tree.apply({"op": "write", "path": "corosync.conf", "offset": 0, "data": text})
    assert json.loads(version(tree, "pve1", 1, 1))["corosync.conf"] == 3
    found = json.loads(members(tree, "pve1", 3))
    assert found["cluster"] == {"name": "ams", "version": 7, "nodes": 1, "quorate": 1}
    assert found["nodelist"] == {"pve1": {"id": 1, "online": 1, "ip": "10.0.0.1"}}


def test_a_rename_moves_the_ownership_and_counts(pair):
    one, two = pair
    put(one, CONFIG.format("pve1", 100), b"name: a\n")
    before = json.loads(one.generated(".version"))["vmlist"]
    assert one.change({"op": "rename", "path": CONFIG.format("pve1", 100), "to": CONFIG.format("pve2", 100)}) == 0
    assert owners(one) == {100: "pve2"}
    assert json.loads(one.generated(".version"))["vmlist"] == before + 2
    two.tick()
    assert owners(two) == {100: "pve2"}
    assert two.read(CONFIG.format("pve2", 100)) == b"name: a\n"
    assert two.read(CONFIG.format("pve1", 100)) == errno.ENOENT


def test_others_see_it_late_the_writer_at_once(tmp_path):
    one, two = node(tmp_path, "pve1"), node(tmp_path, "pve2", (80, 80))
    two.tick()
    begun = time.time()
    put(one, CONFIG.format("pve1", 100), b"x: y\n")
    assert owners(one) == {100: "pve1"}
    while not owners(two):
        two.tick()
        assert time.time() < begun + 5
    assert time.time() - begun >= 0.08


def test_an_own_change_shows_all_that_was_before_it(tmp_path):
    """Total order: who has written has seen what was written earlier, however late it would have been otherwise."""
    one, two = node(tmp_path, "pve1"), node(tmp_path, "pve2", (60000, 60000))
    put(one, CONFIG.format("pve1", 100), b"")
    two.tick()
    assert owners(two) == {}
    put(two, "fabric/x", b"")
    assert owners(two) == {100: "pve1"}


def test_lateness_never_changes_the_order(tmp_path):
    one, two = node(tmp_path, "pve1"), node(tmp_path, "pve2", (0, 30))
    two.tick()
    for number in range(100, 140):
        put(one, CONFIG.format("pve1", number), b"")
    seen = []
    deadline = time.time() + 5
    while len(seen) < 40:
        two.tick()
        seen += [vmid for vmid in owners(two) if vmid not in seen]
        assert time.time() < deadline
    assert seen == list(range(100, 140))


def test_refusals(pair):
    one, two = pair
    path = CONFIG.format("pve1", 100)
    put(one, path, b"")
    two.tick()
    # A VMID is there once in the cluster.
    assert two.change({"op": "create", "path": CONFIG.format("pve2", 100)}) == errno.EEXIST
    assert two.change({"op": "create", "path": "nodes/pve2/lxc/100.conf"}) == errno.EEXIST
    put(two, CONFIG.format("pve2", 101), b"")
    assert (
        two.change({"op": "rename", "path": CONFIG.format("pve2", 101), "to": "nodes/pve2/lxc/100.conf"})
        == errno.EEXIST
    )
    assert one.change({"op": "write", "path": path, "offset": MAX_FILE - 1, "data": b"ab"}) == errno.EFBIG
    assert one.change({"op": "write", "path": path, "offset": MAX_FILE - 1, "data": b"a"}) == 0
    assert one.change({"op": "create", "path": "nodes/pve9/qemu-server/102.conf"}) == errno.ENOENT
    assert one.change({"op": "rmdir", "path": "nodes/pve1"}) == errno.ENOTEMPTY
    assert one.change({"op": "unlink", "path": "nodes"}) == errno.EISDIR
    assert one.change({"op": "unlink", "path": "nothing"}) == errno.ENOENT


def test_two_nodes_that_want_one_vmid_at_once(pair):
    """Both look before either has seen the other's: the log decides, one is refused."""
    one, two = pair
    results = [files.change({"op": "create", "path": CONFIG.format(files.node, 100)}) for files in (one, two)]
    assert results == [0, errno.EEXIST]
    two.tick()
    assert owners(one) == owners(two) == {100: "pve1"}


def test_a_killed_writer_leaves_nothing_half(tmp_path):
    one = node(tmp_path, "pve1")
    put(one, "fabric/x", b"whole\n")
    line = encode({"op": "write", "path": "fabric/x", "offset": 0, "data": b"half\n", "time": 0, "node": "pve2"})
    with (tmp_path / "log").open("ab") as stream:
        stream.write(line[: len(line) // 2])
    again = ClusterFs(tmp_path / "log", "pve1")
    assert again.read("fabric/x") == b"whole\n"
    put(again, "fabric/y", b"next\n")
    assert ClusterFs(tmp_path / "log", "pve1").read("fabric/y") == b"next\n"


def test_the_state_survives(tmp_path):
    one = node(tmp_path, "pve1")
    put(one, CONFIG.format("pve1", 100), bytes(range(256)))
    one.change({"op": "rename", "path": CONFIG.format("pve1", 100), "to": CONFIG.format("pve1", 101)})
    again = ClusterFs(tmp_path / "log", "pve1")
    assert owners(again) == {101: "pve1"}
    assert again.read(CONFIG.format("pve1", 101)) == bytes(range(256))


def test_the_hole_in_a_rename(tmp_path):
    """pmxcfs forgets the guest and registers it in two steps; who reads in between does not find it."""
    one = node(tmp_path, "pve1")
    node(tmp_path, "pve2")
    put(one, CONFIG.format("pve1", 100), b"")
    one.hole_s = 0.05
    one.change({"op": "rename", "path": CONFIG.format("pve1", 100), "to": CONFIG.format("pve2", 100)})
    assert owners(one) == {}
    time.sleep(0.06)
    assert owners(one) == {100: "pve2"}


@given(st.binary(max_size=200), st.integers(0, 5000))
def test_records_round_trip(data, offset):
    record = {"op": "write", "path": "a/b", "offset": offset, "data": data, "time": 1.5, "node": "n"}
    assert decode(encode(record)) == record
    assert encode(record).count(b"\n") == 1


NAMES = st.sampled_from(
    ["a", "b", "nodes/n/qemu-server/100.conf", "nodes/n/qemu-server/101.conf", "nodes/n/lxc/100.conf"]
)
CHANGES = st.one_of(
    st.builds(lambda p: {"op": "create", "path": p}, NAMES),
    st.builds(
        lambda p, o, d: {"op": "write", "path": p, "offset": o, "data": d},
        NAMES,
        st.integers(0, 9),
        st.binary(max_size=5),
    ),
    st.builds(lambda p, s: {"op": "truncate", "path": p, "size": s}, NAMES, st.integers(0, 9)),
    st.builds(lambda p: {"op": "unlink", "path": p}, NAMES),
    st.builds(lambda p, t: {"op": "rename", "path": p, "to": t}, NAMES, NAMES),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(CHANGES, max_size=25))
def test_vmlist_says_what_is_there(changes):
    """Whatever happens, .vmlist has exactly the guests whose file is there, and every node computes the same."""
    one, two = Tree(), Tree()
    for path in ("nodes", "nodes/n", "nodes/n/qemu-server", "nodes/n/lxc"):
        for tree in (one, two):
            tree.apply({"op": "mkdir", "path": path})
    for change in changes:
        refused = one.refuse(change)
        assert refused == two.refuse(change)
        if not refused:
            one.apply(change)
            two.apply(change)
    files = {path for path, entry in one.entries.items() if path.endswith(".conf")}
    kinds = {"qemu": "qemu-server", "lxc": "lxc"}
    assert files == {f"nodes/{guest.node}/{kinds[guest.kind]}/{vmid}.conf" for vmid, guest in one.guests.items()}
    assert vmlist(one) == vmlist(two)


def test_the_log_is_locked_against_others(tmp_path):
    """While one holds it, another's change waits."""
    log = Log(tmp_path / "log", "pve1")
    taken, take = os.pipe()
    child = os.fork()
    if child == 0:
        other = Log(tmp_path / "log", "pve2")
        with other.locked():
            os.write(take, b"!")
            time.sleep(0.2)  # for whom does not wait
            other.append({"op": "mkdir", "path": "first", "time": 0, "node": "pve2"})
        os._exit(0)
    os.read(taken, 1)
    with log.locked():
        log.fetch()
        log.append({"op": "mkdir", "path": "second", "time": 0, "node": "pve1"})
    os.waitpid(child, 0)
    assert [decode(line)["path"] for line in (tmp_path / "log").read_bytes().splitlines()] == ["first", "second"]
