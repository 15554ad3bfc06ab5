# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests through their life: what is on the bridge, in .vmlist, in the configuration and in QEMU after each step."""

from __future__ import annotations

import time

import pytest

A4, A6 = "203.0.113.30", "2001:db8:100::80"
B4 = "203.0.113.31"
NET0 = "virtio=52:02:45:76:D2:35,bridge=vmbr1"
IPCONFIG = f"ip={A4}/32,gw=169.254.0.1,ip6={A6}/128,gw6=fe80::1"
START, STOP = ["pre-start", "post-start"], ["pre-stop", "post-stop"]


@pytest.fixture(autouse=True)
def _fresh_hooks(cluster):
    cluster.hooks(begin=True)


def hooks(cluster, node):
    return [line.split()[1] for line in cluster.hooks() if line.split()[0] == node.name]


def test_create_and_start(cluster, pve1, pve2, eventually):
    pve1.run("qm", "create", "130", "--name", "web01", "--net0", NET0, "--ipconfig0", IPCONFIG)
    pve1.run("qm", "set", "130", "--hookscript", "local:snippets/hook.sh")
    assert "VM 130 already exists on node 'pve1'" in pve2.run("qm", "create", "130", check=False)
    eventually(lambda: pve2.owner(130) == "pve1", "the owner on the other node")
    assert pve1.links(130) == set()
    pve1.run("qm", "start", "130")
    assert pve1.links(130) == {"tap130i0"}
    assert pve1.run("cat", "/proc/sys/net/ipv6/conf/tap130i0/disable_ipv6").strip() == "1"
    assert pve1.qmp(130) == "running"
    assert pve1.answers(A4)
    pve1.run("ip", "-6", "route", "replace", A6, "dev", "vmbr1")
    assert " 1 received" in pve1.run("ping", "-c1", "-W5", A6)
    assert hooks(cluster, pve1) == START
    assert "already running" in pve1.run("qm", "start", "130", check=False)


def test_live_migration_to_the_newer_release(cluster, pve1, pve2, eventually):
    pve1.shell("pvesim settings delay_ms=20 cont_delay_ms=100")
    since = time.time()
    pve1.run("qm", "migrate", "130", "pve2", "--online")
    pve1.shell("pvesim settings cont_delay_ms=0")
    events = cluster.events(130, since)
    order = [(one["node"], one["event"]) for one in events if not one["event"].startswith(("qmp-", "hook"))]
    wanted = [
        ("pve1", "lock-migrate"),
        ("pve2", "target-start"),
        ("pve2", "plugged"),
        ("pve2", "qemu-started"),
        ("pve1", "copy-began"),
        ("pve1", "copy-completed"),
        ("pve1", "config-moved"),
        ("pve2", "resume-asked"),
        ("pve2", "cont"),
        ("pve1", "qemu-ended"),
        ("pve1", "ended"),
        ("pve1", "unlock"),
    ]
    assert order == wanted
    times = {one["event"]: one["time"] for one in events}
    assert times["cont"] - times["resume-asked"] >= 0.1
    # Hooks: only on the target, both before the memory is copied; nothing at the cut-over, nothing on the source.
    assert cluster.hooks() == ["pve2 pre-start pve1", "pve2 post-start pve1"]
    assert times["qemu-started"] < times["copy-began"]
    assert (pve1.links(130), pve2.links(130)) == (set(), {"tap130i0"})
    eventually(lambda: pve2.owner(130) == "pve2", "the new owner")
    assert "lock" not in pve2.config(130)
    assert pve2.qmp(130) == "running"
    assert pve2.answers(A4)


def test_the_stream_goes_over_the_loopbacks(cluster):
    assert any(one.get("uri") == "tcp:10.255.0.2:60000" for one in cluster.events(130, 0))


def test_while_it_migrates(cluster, pve1, pve2, eventually):
    """Both nodes have the tap, the source owns the guest, the target waits; stopping the task undoes all of it."""
    pve1.run(
        "qm", "create", "131", "--net0", "virtio,bridge=vmbr1,firewall=1", "--ipconfig0", f"ip={B4}/32,gw=169.254.0.1"
    )
    pve1.run("qm", "set", "131", "--hookscript", "local:snippets/hook.sh")
    pve1.run("qm", "start", "131")
    assert pve1.answers(B4)
    cluster.hooks(begin=True)
    task = pve1.start("qm", "migrate", "131", "pve2", "--online", "--bwlimit", "2000")
    eventually(lambda: pve2.links(131) and pve2.qmp(131) == "inmigrate", "the incoming guest")
    assert pve2.links(131) == {"tap131i0", "fwbr131i0", "fwln131i0", "fwpr131p0"}
    assert "master vmbr1" in pve2.run("ip", "link", "show", "dev", "fwpr131p0")
    assert "tap131i0" in pve1.links(131)
    eventually(lambda: any(one["event"] == "copy-began" for one in cluster.events(131, 0)), "the copy's begin")
    assert pve1.config(131)["lock"] == "migrate"
    assert pve1.owner(131) == pve2.owner(131) == "pve1"
    assert "VM is locked (migrate)" in pve1.run("qm", "stop", "131", check=False)
    pve1.run("pkill", "-INT", "-f", "qm migrate 131")
    assert "migration aborted" in task.communicate(timeout=120)[0]
    assert pve2.links(131) == set()
    assert pve1.qmp(131) == "running"
    assert "lock" not in pve1.config(131)
    assert pve1.owner(131) == "pve1"
    # As Proxmox VE since 9.1.13: the target of an aborted migration sees post-stop.
    assert hooks(cluster, pve2) == [*START, "post-stop"]
    assert hooks(cluster, pve1) == []


def test_a_target_lost_after_the_copy(cluster, pve1, pve2):
    pve1.run("pvesim", "settings", "migrate_fail=completed")
    assert "the target is lost" in pve1.run("qm", "migrate", "131", "pve2", "--online", check=False)
    pve1.run("pvesim", "settings", "migrate_fail=")
    assert pve1.qmp(131) == "running"
    assert pve1.answers(B4)
    assert (pve2.links(131), pve2.owner(131)) == (set(), "pve1")
    pve1.run("qm", "stop", "131")
    assert pve1.links(131) == set()


def test_a_guest_keeps_its_machine(pve1, pve2):
    """130 was born on the older release, whose machine it has: it may go back. One of the newer release may not."""
    pve2.run("qm", "migrate", "130", "pve1", "--online")
    assert pve1.qmp(130) == "running"
    pve1.run("qm", "migrate", "130", "pve2", "--online")
    assert pve2.qmp(130) == "running"
    pve2.run("qm", "create", "133", "--net0", "virtio,bridge=vmbr1")
    pve2.run("qm", "start", "133")
    said = pve2.run("qm", "migrate", "133", "pve1", "--online", check=False)
    assert "unsupported machine type" in said
    assert "migration aborted" in said
    assert pve2.qmp(133) == "running"
    assert "lock" not in pve2.config(133)
    assert pve1.links(133) == set()
    pve2.run("qm", "stop", "133")
    pve2.run("qm", "destroy", "133")


def test_pause_and_reset_tell_nobody(cluster, pve2):
    pve2.run("qm", "suspend", "130")
    assert pve2.qmp(130) == "paused"
    assert pve2.links(130) == {"tap130i0"}
    pve2.run("qm", "resume", "130")
    assert pve2.qmp(130) == "running"
    assert cluster.hooks() == []


def test_hotplug(pve2):
    pve2.run("qm", "set", "130", "--net1", "virtio,bridge=vmbr1")
    assert pve2.links(130) == {"tap130i0", "tap130i1"}
    assert "PENDING" not in pve2.run("cat", "/etc/pve/qemu-server/130.conf")
    pve2.run("qm", "set", "130", "--delete", "net1")
    assert pve2.links(130) == {"tap130i0"}
    assert "net1" not in pve2.config(130)


def test_hibernate(cluster, pve2, eventually):
    pve2.run("qm", "suspend", "130", "--todisk", "1")
    assert pve2.config(130)["lock"] == "suspended"
    eventually(lambda: hooks(cluster, pve2) == ["post-stop"], "post-stop by qmeventd")
    assert pve2.links(130) == set()
    pve2.run("qm", "start", "130")
    assert pve2.qmp(130) == "running"
    assert "lock" not in pve2.config(130)
    assert pve2.answers(A4)
    assert hooks(cluster, pve2) == ["post-stop", *START]


def test_power_off_inside(cluster, pve2, eventually):
    pve2.tell(A4, "poweroff")
    eventually(lambda: pve2.links(130) == set(), "the tap's end")
    eventually(lambda: hooks(cluster, pve2) == ["post-stop"], "post-stop by qmeventd")
    assert pve2.run("qm", "status", "130").strip() == "status: stopped"


def test_backup_of_a_stopped_machine(cluster, pve2, eventually):
    task = pve2.start("vzdump", "130", "--seconds", "2")
    eventually(lambda: pve2.links(130) == {"tap130i0"} and pve2.qmp(130) == "prelaunch", "the paused guest")
    assert pve2.config(130)["lock"] == "backup"
    assert "Finished Backup" in task.communicate(timeout=120)[0]
    assert pve2.links(130) == set()
    assert "lock" not in pve2.config(130)
    assert hooks(cluster, pve2) == [*START, *STOP]


def test_shutdown_by_the_power_button(cluster, pve2):
    pve2.run("qm", "start", "130")
    assert pve2.answers(A4)
    pve2.run("qm", "shutdown", "130", "--timeout", "90")
    assert pve2.links(130) == set()
    assert hooks(cluster, pve2) == [*START, *STOP]


def test_crash(cluster, pve2, eventually):
    pve2.run("qm", "start", "130")
    pve2.shell("kill -9 $(cat /run/qemu-server/130.pid)")
    eventually(lambda: hooks(cluster, pve2) == [*START, "post-stop"], "post-stop by qmeventd")
    assert pve2.links(130) == set()
    assert pve2.owner(130) == "pve2"


def test_migration_of_a_stopped_machine(cluster, pve1, pve2):
    pve2.run("qm", "migrate", "130", "pve1")
    assert pve2.owner(130) == "pve1"
    assert "lock" not in pve2.config(130, node="pve1")
    assert cluster.hooks() == []


def test_a_hookscript_may_forbid_the_start(pve1):
    pve1.shell(
        "printf '#!/bin/sh\\n[ $2 != pre-start ]\\n' >/var/lib/vz/snippets/no.sh; chmod +x /var/lib/vz/snippets/no.sh"
    )
    pve1.run("qm", "set", "130", "--hookscript", "local:snippets/no.sh")
    assert "hookscript error for 130 on pre-start" in pve1.run("qm", "start", "130", check=False)
    assert pve1.links(130) == set()
    pve1.run("qm", "set", "130", "--hookscript", "local:snippets/hook.sh")


def test_a_missing_bridge(pve1):
    pve1.run("qm", "create", "132", "--net0", "virtio,bridge=vmbr7")
    said = pve1.run("qm", "start", "132", check=False)
    assert "bridge 'vmbr7' does not exist" in said
    assert "start failed: QEMU exited with code 1" in said
    assert pve1.links(132) == set()
    pve1.run("qm", "destroy", "132")
    assert pve1.owner(132) is None


def test_containers(cluster, pve1, pve2, eventually):
    net = "name=eth0,bridge=vmbr1,ip=203.0.113.40/32,gw=169.254.0.1,ip6=2001:db8:100::40/128,gw6=fe80::1"
    pve1.run("pct", "create", "140", "--net0", net, "--hookscript", "local:snippets/hook.sh")
    pve1.run("pct", "start", "140")
    assert pve1.links(140) == {"veth140i0"}
    assert pve1.answers("203.0.113.40")
    assert "not implemented" in pve1.run("pct", "migrate", "140", "pve2", check=False)
    pve1.run("pct", "migrate", "140", "pve2", "--restart")
    assert (pve1.links(140), pve2.links(140)) == (set(), {"veth140i0"})
    eventually(lambda: pve2.owner(140) == "pve2", "the new owner")
    assert hooks(cluster, pve1) == [*START, *STOP]
    assert hooks(cluster, pve2) == START
    assert pve2.answers("203.0.113.40")
    cluster.hooks(begin=True)
    pve2.tell("203.0.113.40", "reboot")
    eventually(lambda: hooks(cluster, pve2) == START and pve2.links(140), "its return; no post-stop at a reboot inside")
    assert pve2.answers("203.0.113.40")
    pve2.tell("203.0.113.40", "poweroff")
    eventually(lambda: hooks(cluster, pve2) == [*START, "post-stop"], "post-stop")
    assert pve2.links(140) == set()


def test_recovery_from_a_dead_node(cluster, pve1, pve2, eventually):
    """The last test: pve1 is gone afterwards, until its power comes back with everything that it had."""
    assert "would run 130 twice" in pve2.run("pvesim-ha", "recover", "130", "pve2", check=False)
    cluster.cut_power("pve1")
    pve2.run("pvesim-ha", "recover", "130", "pve2")
    assert pve2.owner(130) == "pve2"
    assert pve2.links(130) == {"tap130i0"}
    assert hooks(cluster, pve2) == START
    assert pve2.answers(A4)
    cluster.power_on("pve1")
    eventually(lambda: pve1.run("cat", "/etc/pve/.vmlist", check=False).startswith("{"), "its file system")
    assert pve1.owner(130) == "pve2"
