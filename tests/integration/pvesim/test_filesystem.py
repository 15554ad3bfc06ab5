# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/etc/pve as the kernel shows it: late on the other node, without notification, and dead when its daemon is."""

from __future__ import annotations

import json
import time

WATCH = """
import ctypes, json, os, select, sys, time
libc = ctypes.CDLL(None)
watch = libc.inotify_init1(os.O_NONBLOCK)
libc.inotify_add_watch(watch, sys.argv[1].encode(), 0xFFF)
print("ready", flush=True)
found = bool(select.select([watch], [], [], float(sys.argv[2]))[0])
print(json.dumps(found), flush=True)
"""
READ_MANY = """
import time
begun = time.monotonic()
for number in range(2000, 3000):
    open(f"/etc/pve/nodes/pve1/qemu-server/{number}.conf").read()
print(time.monotonic() - begun)
"""
WAIT_FOR_OWNER = """
import json, sys, time
while True:
    if json.load(open("/etc/pve/.vmlist"))["ids"]["150"]["node"] == sys.argv[1]:
        print(time.time())
        break
"""


def test_it_looks_as_the_real_one(pve1):
    assert pve1.run("stat", "-f", "-c", "%T", "/etc/pve").strip() == "fuseblk" or "/etc/pve fuse" in pve1.run(
        "cat", "/proc/mounts"
    )
    assert pve1.run("readlink", "/etc/pve/local", "/etc/pve/qemu-server", "/etc/pve/lxc").split() == [
        "nodes/pve1",
        "nodes/pve1/qemu-server",
        "nodes/pve1/lxc",
    ]
    assert pve1.run("stat", "-c", "%a %U %G", "/etc/pve/.vmlist", "/etc/pve/priv").split("\n")[:2] == [
        "440 root www-data",
        "700 root www-data",
    ]
    assert "nodename" in json.loads(pve1.run("cat", "/etc/pve/.members"))
    refused = pve1.shell("chmod 777 /etc/pve/fabric; (echo >/etc/pve/.vmlist); ln -s a /etc/pve/b", check=False)
    assert (
        refused.count("Operation not permitted") + refused.count("Permission denied") + refused.count("not implemented")
        == 3
    )


def test_a_file_may_have_a_mebibyte(pve1, pve2, eventually):
    pve1.shell("head -c 1048576 /dev/zero >/etc/pve/fabric/large")
    assert "File too large" in pve1.shell("head -c 1048577 /dev/zero >/etc/pve/fabric/larger", check=False)
    eventually(lambda: pve2.run("stat", "-c", "%s", "/etc/pve/fabric/large").strip() == "1048576", "the large file")
    pve1.shell("rm /etc/pve/fabric/large*")


def test_ownership_arrives_late_and_in_order(cluster, pve1, pve2):
    pve1.shell("pvesim settings delay_ms=200; echo 'name: a' >/etc/pve/qemu-server/150.conf")
    time.sleep(0.5)
    watcher = pve2.start("python3", "-c", WAIT_FOR_OWNER, "pve2")
    time.sleep(0.5)
    moved = float(
        pve1.shell("mv /etc/pve/nodes/pve1/qemu-server/150.conf /etc/pve/nodes/pve2/qemu-server/; date +%s.%N")
    )
    assert pve1.owner(150) == "pve2"
    seen = float(watcher.communicate(timeout=60)[0])
    assert 0.1 < seen - moved < 5
    # The other node's own change brings everything that was before it.
    pve1.shell(
        "pvesim settings delay_ms=30000; rm /etc/pve/nodes/pve2/qemu-server/150.conf; echo x >/etc/pve/fabric/order"
    )
    assert pve2.owner(150) == "pve2"
    assert "order" not in pve2.run("ls", "/etc/pve/fabric")
    pve2.shell("echo y >/etc/pve/fabric/own")
    assert pve2.owner(150) is None
    assert pve2.run("cat", "/etc/pve/fabric/order") == "x\n"
    pve1.shell("pvesim settings delay_ms=20")


def test_nobody_is_notified_of_others_changes(pve1, pve2):
    for writer, expected in ((pve1, False), (pve2, True)):
        watcher = pve2.start("python3", "-c", WATCH, "/etc/pve/fabric", "1")
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == "ready\n"
        writer.shell(f"echo {writer.name} >/etc/pve/fabric/watched")
        assert json.loads(watcher.communicate(timeout=60)[0]) is expected


def test_reading_a_thousand_configurations(pve1, pve2, eventually):
    pve1.run(
        "python3", "-c", "for n in range(2000, 3000): open(f'/etc/pve/qemu-server/{n}.conf', 'w').write('name: a\\n')"
    )
    eventually(lambda: pve2.owner(2999) == "pve1", "a thousand guests")
    seconds = float(pve2.run("python3", "-c", READ_MANY))
    print(f"a thousand configurations read in {seconds * 1000:.0f} ms")
    assert seconds < 5
    pve1.shell("rm /etc/pve/qemu-server/2???.conf")


def test_a_stopped_daemon_is_a_missing_file_system(pve1, eventually):
    pve1.shell("echo kept >/etc/pve/fabric/kept; systemctl stop pve-cluster")
    assert "No such file" in pve1.run("cat", "/etc/pve/.vmlist", check=False)
    pve1.run("systemctl", "start", "pve-cluster")
    assert pve1.run("cat", "/etc/pve/fabric/kept") == "kept\n"


def test_a_killed_daemon_comes_back_with_everything(pve1, eventually):
    before = pve1.run("systemctl", "show", "-p", "MainPID", "--value", "pve-cluster")
    pve1.shell("echo killed >/etc/pve/fabric/kept; systemctl kill -s KILL pve-cluster")
    eventually(
        lambda: pve1.run("systemctl", "show", "-p", "MainPID", "--value", "pve-cluster") not in ("0\n", before),
        "a new one",
    )
    eventually(lambda: pve1.run("cat", "/etc/pve/fabric/kept", check=False) == "killed\n", "what was written before")
