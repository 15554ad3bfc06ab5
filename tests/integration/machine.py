# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian machine without its init: namespaces, a writable layer over a root file system, ifupdown2 as packaged."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

from frrlab import INIT, LabError, rootfs, until

CHECKOUT = Path(__file__).resolve().parents[2]

CALL = """
import runpy, sys
from ansible.module_utils import basic
basic._ANSIBLE_ARGS = sys.stdin.buffer.read()
if hasattr(basic, "_ANSIBLE_PROFILE"):
    basic._ANSIBLE_PROFILE = "legacy"
runpy.run_module("ansible_collections.routed.fabric.plugins.modules.{name}", run_name="__main__", alter_sys=True)
"""


class Machine:
    """What is written outlives `boot`, as on a disk; the kernel's state does not."""

    def __init__(self, release: str, disk: Path, module: str) -> None:
        self.release = release
        self.module = module  # the one that `call` runs
        self.disk = disk
        self.keeper: subprocess.Popen[bytes] | None = None
        self.boot()

    def boot(self) -> None:
        """A new kernel state (network namespace) over the same disk, with two cables plugged in."""
        self.stop()
        root, place = rootfs(self.release), self.disk / "root"
        layers = f"lowerdir={root},upperdir={self.disk}/upper,workdir={self.disk}/work"
        for name in ("root", "upper", "work"):
            (self.disk / name).mkdir(exist_ok=True)
        import ansible

        here = f"{place}/opt/collections/ansible_collections/routed/fabric"
        script = "\n".join(
            [
                "set -e",
                "mount --make-rprivate /",
                f"mount -t overlay overlay -o {layers} {place}",
                f"mkdir -p {here} {place}/opt/ansible/ansible",
                f"mount --bind {CHECKOUT} {here}",
                f"mount --bind {Path(ansible.__file__).resolve().parent} {place}/opt/ansible/ansible",
                f"mount -t proc proc {place}/proc",
                f"mount -t sysfs sysfs {place}/sys",
                f"mount --bind /dev {place}/dev",
                f"mount -t tmpfs tmpfs {place}/run",
                f"mkdir -p {place}/run/network",
                "ip link set dev lo up",
                "ip link add up0 type veth peer name far0; ip link add up1 type veth peer name far1",
                "ip link set dev far0 mtu 9216 up; ip link set dev far1 mtu 9216 up",
                f"exec chroot {place} python3 -c {shlex.quote(INIT)}",
            ]
        )
        self.keeper = subprocess.Popen(
            ["unshare", "-m", "-n", "-u", "-p", "-f", "--kill-child=KILL", "sh", "-c", script],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self.pid = int(until("the machine's first process", self._first_pid, 10, 0.02))

    def _first_pid(self) -> int | None:
        assert self.keeper is not None
        if self.keeper.poll() is not None:
            assert self.keeper.stderr is not None
            raise LabError(self.keeper.stderr.read().decode())
        children = Path(f"/proc/{self.keeper.pid}/task/{self.keeper.pid}/children").read_text(encoding="ascii").split()
        if children and Path(f"/proc/{children[0]}/cmdline").read_bytes().startswith(b"python3"):
            return int(children[0])
        return None

    def stop(self) -> None:
        if self.keeper is not None:
            self.keeper.kill()
            self.keeper.wait()

    def shell(self, script: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        inside = ["nsenter", "-t", str(self.pid), "-m", "-n", "-u", "-p", "-r", "-w"]
        environment = "PATH=/usr/sbin:/usr/bin:/sbin:/bin PYTHONPATH=/opt/ansible:/opt/collections LC_ALL=C.UTF-8"
        done = subprocess.run(
            [*inside, "env", "-i", *environment.split(), "sh", "-c", script],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if check and done.returncode != 0:
            raise LabError(f"{script}: {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def call(self, options: dict[str, Any], check: bool = False) -> dict[str, Any]:
        """One run of the module."""
        arguments = {**options, "_ansible_check_mode": check, "_ansible_diff": True, "_ansible_tmpdir": "/run"}
        program = shlex.quote(CALL.format(name=self.module))
        done = self.shell(f"python3 -c {program}", json.dumps({"ANSIBLE_MODULE_ARGS": arguments}), check=False)
        try:
            result: dict[str, Any] = json.loads(done.stdout)
        except ValueError as exc:
            raise LabError(done.stdout + done.stderr) from exc
        return result

    def state(self) -> dict[str, tuple[int, bool, list[str]]]:
        """Interface → MTU, whether up, addresses without link-local ones."""
        found = {}
        for link in json.loads(self.shell("ip -j addr show").stdout):
            addresses = [
                f"{item['local']}{' peer ' + item['address'] if 'address' in item else ''}/{item['prefixlen']}"
                for item in link["addr_info"]
                if item["scope"] != "link" and item["local"] not in ("127.0.0.1", "::1")
            ]
            found[link["ifname"]] = (link["mtu"], "UP" in link["flags"], sorted(addresses))
        return found

    def read(self, path: str) -> str:
        return self.shell(f"cat {path}").stdout
