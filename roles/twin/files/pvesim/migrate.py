# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Live migration, in the order of PVE::QemuMigrate (the same in Proxmox VE 7, 8 and 9).

The order is the point of it: the target's tap is there long before the guest, the configuration moves before the guest
runs on the target, and the source's tap goes after that. `Steps` lists it; each is also written to the twin's events.
"""

from __future__ import annotations

import re
import signal
import time
from types import FrameType
from typing import Any, Protocol

from . import cluster, qemu
from .places import PVE, PvesimError, event, node_name, settings
from .qmp import Qmp, QmpError, ask
from .remote import Connection

LISTENS = re.compile(r"migration listens on (tcp:\S+)")
DOWNTIME_MS = 100


class InterruptedTaskError(PvesimError):
    """The task was stopped."""


class Sides(Protocol):
    """What a migration does on either side; the tests put a recorder in its place."""

    def lock(self) -> None: ...
    def start_target(self) -> str: ...
    def copy_memory(self, uri: str) -> None: ...
    def move_config(self) -> None: ...
    def resume_target(self) -> None: ...
    def stop_source(self) -> None: ...
    def unlock_target(self) -> None: ...
    def cancel_copy(self) -> None: ...
    def stop_target(self) -> None: ...
    def unlock_source(self) -> None: ...


def migrate(sides: Sides) -> None:
    """The order itself. Up to `move_config`, a failure leaves the guest where it is; after it there is no way back."""
    sides.lock()
    copying = False
    try:
        uri = sides.start_target()
        copying = True
        sides.copy_memory(uri)
        sides.move_config()
    except PvesimError:
        if copying:
            sides.cancel_copy()
        sides.stop_target()
        sides.unlock_source()
        raise
    try:
        sides.resume_target()
    finally:
        sides.stop_source()
        sides.unlock_target()


class Live:
    """The real sides: this node's QEMU and the target's, through its daemon."""

    def __init__(self, vmid: int, target: str, bwlimit_kib: int = 0) -> None:
        self.vmid = vmid
        self.source = node_name()
        self.target = target
        self.bwlimit = bwlimit_kib
        self.settings = settings()
        self.remote = Connection(target)
        self.began = time.monotonic()

    def lock(self) -> None:
        cluster.set_lock(self.vmid, "qemu", "migrate")

    def start_target(self) -> str:
        if self.settings["migrate_fail"] == "start":
            raise PvesimError("the target does not start (migrate_fail=start)")
        machine = qemu.machine_type(self.vmid)
        command = ["qm", "start", str(self.vmid), "--skiplock", "--migratedfrom", self.source, "--machine", machine]
        lines = self.remote.run(*command)
        for line in lines:
            found = LISTENS.search(line)
            if found:
                print(f"start remote tunnel; migration listens on {found[1]}", flush=True)
                return found[1]
        raise PvesimError("unable to detect remote migration address: " + " / ".join(lines))

    def copy_memory(self, uri: str) -> None:
        with Qmp(self.vmid) as monitor:
            monitor.do("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}])
            parameters: dict[str, Any] = {"downtime-limit": DOWNTIME_MS, "max-bandwidth": 1 << 34}
            if self.bwlimit:
                parameters["max-bandwidth"] = self.bwlimit * 1024
            monitor.do("migrate-set-parameters", **parameters)
            monitor.do("migrate", uri=uri)
        event("copy-began", self.vmid, uri=uri)
        rounds = 0
        while True:
            # A connection for each question: others use this socket, too.
            found = ask(self.vmid, "query-migrate")
            state = found.get("status")
            if state == "completed":
                break
            if state in ("failed", "cancelled"):
                raise PvesimError(f"online migrate failure - aborting: {found.get('error-desc', state)}")
            if self.settings["migrate_fail"] == "ram" and found.get("ram", {}).get("transferred", 0) > 1 << 20:
                raise PvesimError("the copy breaks (migrate_fail=ram)")
            rounds += 1
            time.sleep(self.settings["migrate_poll_ms"] / 1000)
        event("copy-completed", self.vmid, downtime_ms=found.get("downtime"), rounds=rounds)
        print(
            f"migration completed, transferred {found.get('ram', {}).get('transferred', 0) >> 20} MiB, "
            f"QEMU's own downtime {found.get('downtime')} ms",
            flush=True,
        )
        if self.settings["migrate_fail"] == "completed":
            raise PvesimError("the target is lost (migrate_fail=completed)")

    def move_config(self) -> None:
        cluster.move(self.vmid, "qemu", self.source, self.target)

    def resume_target(self) -> None:
        code, lines = self.remote.ask(tunnel="resume", vmid=self.vmid)
        if code != 0:
            raise PvesimError(f"resume on the target failed: {' / '.join(lines)}")

    def stop_source(self) -> None:
        with cluster.guest_lock(self.vmid, "qemu"):
            config = cluster.load(self.vmid, "qemu", self.target)
            qemu.quit_now(self.vmid)
            # No hook: the source of a live migration sees none.
            qemu.clean_up(self.vmid, config, skip_hook=True)

    def unlock_target(self) -> None:
        cluster.set_lock(self.vmid, "qemu", None, self.target)

    def cancel_copy(self) -> None:
        try:
            ask(self.vmid, "migrate_cancel")
            for dummy in range(250):
                if ask(self.vmid, "query-migrate").get("status") in ("cancelled", "failed", "completed"):
                    break
                time.sleep(0.02)
            # After a completed copy the guest stands still here; it is still ours.
            if ask(self.vmid, "query-status")["status"] != "running":
                ask(self.vmid, "cont")
        except QmpError as exc:
            print(f"migrate_cancel error: {exc}", flush=True)

    def stop_target(self) -> None:
        event("aborted", self.vmid)
        try:
            self.remote.close()
            self.remote = Connection(self.target)
            self.remote.run("qm", "stop", str(self.vmid), "--skiplock", "--migratedfrom", self.source)
        except PvesimError as exc:
            print(exc, flush=True)

    def unlock_source(self) -> None:
        cluster.set_lock(self.vmid, "qemu", None)


def run(vmid: int, target: str, *, online: bool, bwlimit_kib: int = 0) -> None:
    """`qm migrate`."""
    source = node_name()
    if target == source:
        raise PvesimError("target is local node.")
    config = cluster.load(vmid, "qemu")
    cluster.check_lock(config)
    if not (PVE / "nodes" / target).is_dir():
        raise PvesimError(f"no such cluster node '{target}'")
    if not qemu.running(vmid):
        Connection(target).close()
        cluster.set_lock(vmid, "qemu", "migrate")
        cluster.move(vmid, "qemu", source, target)
        cluster.set_lock(vmid, "qemu", None, target)
        return
    if not online:
        raise PvesimError("can't migrate running VM without --online")

    def interrupted(number: int, _frame: FrameType | None) -> None:
        raise InterruptedTaskError(f"received interrupt (signal {number})")

    live = Live(vmid, target, bwlimit_kib)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    began = time.monotonic()
    try:
        migrate(live)
    except PvesimError as exc:
        raise PvesimError(f"migration aborted (duration {time.monotonic() - began:.1f} s): {exc}") from exc
    print(f"migration finished successfully (duration {time.monotonic() - began:.1f} s)")
