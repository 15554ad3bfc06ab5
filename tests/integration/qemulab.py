# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small QEMU machine with Debian's own kernel, for what the kernel of this machine lacks.

VLAN-aware bridges, VRF, WireGuard, GRE and bonds are there. It is always emulated (inside of a virtual machine,
/dev/kvm may be there and not work), so times inside are no measurements. Its disk is the twin's root file system
(scripts/qemu_machine.sh); what is written to it is gone afterwards.
There is no systemd in it: a shell as first process, and an agent that runs what it is told to. The agent's connection
has a network namespace of its own, so that a test finds no interface but lo.

    with Qemu("vxlan_bridge") as machine:
        machine.shell("modprobe wireguard; ip link add wg0 type wireguard")
        machine.call({...})

QEMU ends with the process that started it, and leaves nothing: no file, no interface, no process.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import socket
import struct
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

from frrlab import LabError, until

CHECKOUT = Path(__file__).resolve().parents[2]
BUILD = CHECKOUT / "scripts" / "qemu_machine.sh"
# An emulated processor does `rep movsb` byte by byte, by which a kernel clears all memory that it gives away:
# without both a Python starts in half of the time.
CPU = "max,-erms,-fsrm"
LEFT_OUT = "mitigations=off audit=0 init_on_alloc=0"

INIT = """
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /tmp
mkdir -p /dev/pts /run/network /run/frr /etc/iproute2/rt_tables.d; mount -t devpts devpts /dev/pts
chown frr:frr /run/frr
modprobe virtio_net
ip link set dev lo up
ip netns add control
while [ ! -e /sys/class/net/eth0 ]; do sleep 0.05; done
ip link set dev eth0 netns control
ip -n control addr add 10.0.2.15/24 dev eth0
ip -n control link set dev eth0 up
ip netns exec control python3 /mnt/agent.py
echo o > /proc/sysrq-trigger
"""

# A request is a length (4 bytes, network order) and JSON {"script", "stdin", "timeout_s"}; an answer likewise.
# With "module" in place of the script a module is run: in a process of its own, but with what it imports imported
# once, since imports take most of the time of a call on an emulated processor.
AGENT = """
import atexit, importlib, json, os, runpy, signal, socket, struct, subprocess, sys, tempfile, time, traceback
host = socket.create_connection(("10.0.2.100", 1))
CODE = ["/mnt/ansible", "/mnt/collections"]

def read(size):
    data = b""
    while len(data) < size:
        piece = host.recv(size - len(data))
        if not piece:
            raise SystemExit
        data += piece
    return data

def script(order):
    try:
        argv = ["nsenter", "--net=/proc/1/ns/net", "sh", "-c", order["script"]]
        done = subprocess.run(argv, input=order["stdin"], capture_output=True, text=True,
                              timeout=order["timeout_s"], cwd="/root", errors="replace")
        return {"rc": done.returncode, "stdout": done.stdout, "stderr": done.stderr}
    except subprocess.TimeoutExpired as exc:
        return {"rc": 124, "stdout": str(exc.stdout), "stderr": f"not within {order['timeout_s']} s"}

def module(order):
    name = "ansible_collections.routed.fabric.plugins.modules." + order["module"]
    sys.path[:] = CODE + [place for place in sys.path if place not in CODE]
    importlib.import_module(name)
    del sys.modules[name]  # what it imports stays
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            run(name, order, out.fileno(), err.fileno())
        end = time.monotonic() + order["timeout_s"]
        status = None
        while status is None:
            ended, found = os.waitpid(child, os.WNOHANG)
            if ended:
                status = os.waitstatus_to_exitcode(found)
            elif time.monotonic() > end:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
                status = 124
            else:
                time.sleep(0.01)
        out.seek(0); err.seek(0)
        return {"rc": status, "stdout": out.read().decode(), "stderr": err.read().decode(errors="replace")}

def run(name, order, out, err):
    status = 1
    try:
        os.setsid()
        os.setns(os.open("/proc/1/ns/net", os.O_RDONLY), os.CLONE_NEWNET)
        for number, file in enumerate((os.open("/dev/null", os.O_RDONLY), out, err)):
            os.dup2(file, number)
        host.close()
        os.chdir("/root")
        os.environ.update(order["environment"], PYTHONPATH=":".join(CODE))
        from ansible.module_utils import basic
        basic._ANSIBLE_ARGS = order["stdin"].encode()
        if hasattr(basic, "_ANSIBLE_PROFILE"):
            basic._ANSIBLE_PROFILE = "legacy"
        runpy.run_module(name, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as exc:
        status = int(exc.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush(); sys.stderr.flush()
        os._exit(status)

host.sendall(b"ready")
while True:
    order = json.loads(read(struct.unpack("!I", read(4))[0]))
    data = json.dumps(module(order) if "module" in order else script(order)).encode()
    host.sendall(struct.pack("!I", len(data)) + data)
"""

# In another network namespace, or with a Python that cannot enter one by itself.
CALL = """
import runpy, sys
from ansible.module_utils import basic
basic._ANSIBLE_ARGS = sys.stdin.buffer.read()
if hasattr(basic, "_ANSIBLE_PROFILE"):
    basic._ANSIBLE_PROFILE = "legacy"
name = "ansible_collections.routed.fabric.plugins.modules." + sys.argv[1]
runpy.run_module(name, run_name="__main__", alter_sys=True)
"""


def built(release: str) -> Path:
    """The directory with kernel, initrd and disk; made when it is not there."""
    done = subprocess.run([str(BUILD), release], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"no QEMU machine: {done.stderr}")
    return Path(done.stdout.strip().splitlines()[-1])


def _payload() -> bytes:
    """What a run brings along: init, agent, the collection's plugins and Ansible's module library, as a tar."""
    import ansible

    def no_caches(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        return None if "__pycache__" in entry.name else entry

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in (("init", INIT), ("agent.py", AGENT), ("call.py", CALL)):
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
        place = "collections/ansible_collections/routed/fabric"
        for part in ("modules", "module_utils"):
            tar.add(CHECKOUT / "plugins" / part, f"{place}/plugins/{part}", filter=no_caches)
        package = Path(ansible.__file__).resolve().parent
        for part in ("__init__.py", "release.py", "_vendor", "module_utils", "_internal"):
            if (package / part).exists():
                tar.add(package / part, f"ansible/ansible/{part}", filter=no_caches)
    return buffer.getvalue()


class Qemu:
    """One machine. `module`: the one that `call` runs."""

    def __init__(self, module: str = "", release: str = "trixie", memory_mb: int = 768) -> None:
        self.module = module
        self.release = release
        place = built(release)
        self.place = Path(tempfile.mkdtemp(prefix="fabric-qemu-"))
        self.process: subprocess.Popen[bytes] | None = None
        try:
            (self.place / "payload.tar").write_bytes(_payload())
            begun = time.monotonic()
            self.process = self._start(place, memory_mb)
            self.port = socket.socket(socket.AF_UNIX)
            until("QEMU's socket", self._connected, 20, 0.05)
            self.port.settimeout(120)
            if self._read(5) != b"ready":
                raise LabError("the machine's agent says something else than ready")
            self.boot_s = time.monotonic() - begun
        except BaseException:
            self.stop()
            raise

    def _start(self, place: Path, memory_mb: int) -> subprocess.Popen[bytes]:
        qemu = shutil.which("qemu-system-x86_64")
        if not qemu:
            raise LabError("qemu-system-x86_64 is missing: scripts/bootstrap.sh live installs it")
        drive = "if=virtio,format=raw,snapshot=on,cache=unsafe,file="
        # fmt: off
        command = [
            "setpriv", "--pdeathsig", "KILL", qemu,
            "-machine", "pc", "-accel", "tcg,thread=multi", "-cpu", CPU, "-smp", "1",
            "-m", str(memory_mb), "-nodefaults", "-display", "none", "-no-user-config", "-no-reboot",
            "-kernel", str(place / "vmlinuz"), "-initrd", str(place / "initrd.gz"),
            "-append", f"console=ttyS0 quiet panic=-1 net.ifnames=0 {LEFT_OUT}",
            "-serial", f"file:{self.place}/console",
            "-drive", f"{drive}{place}/disk.ext4", "-drive", f"{drive}{self.place}/payload.tar",
            "-device", "virtio-rng-pci",
            "-chardev", f"socket,id=agent,path={self.place}/agent,server=on,wait=off",
            "-netdev", "user,id=control,restrict=on,guestfwd=tcp:10.0.2.100:1-chardev:agent",
            "-device", "virtio-net-pci,netdev=control,romfile=",
        ]
        # fmt: on
        with (self.place / "qemu.log").open("wb") as log:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "TMPDIR": str(self.place)}
            )

    def _connected(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise LabError(f"QEMU ended: {(self.place / 'qemu.log').read_text(errors='replace')}")
        try:
            self.port.connect(str(self.place / "agent"))
        except OSError:
            return False
        return True

    def shell(
        self, script: str, stdin: str = "", check: bool = True, timeout_s: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell script as root in the machine."""
        answer = self._ask({"script": script, "stdin": stdin}, timeout_s)
        done = subprocess.CompletedProcess(script, answer["rc"], answer["stdout"], answer["stderr"])
        if check and done.returncode != 0:
            raise LabError(f"{script}: {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def _ask(self, order: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        data = json.dumps({**order, "timeout_s": timeout_s}).encode()
        self.port.settimeout(timeout_s + 30)
        try:
            self.port.sendall(struct.pack("!I", len(data)) + data)
            answer: dict[str, Any] = json.loads(self._read(struct.unpack("!I", self._read(4))[0]))
        except OSError as exc:
            console = (self.place / "console").read_text(errors="replace")[-2000:]
            raise LabError(f"the machine does not answer ({exc}); its console: {console}") from exc
        return answer

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.port.recv(size - len(data))
            if not piece:
                raise OSError("closed")
            data += piece
        return data

    def call(
        self, options: dict[str, Any], check: bool = False, prefix: str = "", module: str = "", timeout_s: float = 300
    ) -> dict[str, Any]:
        """One run of the module; `prefix`: what to run it under, such as `ip netns exec NAME`, or VARIABLE=VALUE."""
        arguments = {**options, "_ansible_check_mode": check, "_ansible_diff": True, "_ansible_tmpdir": "/run"}
        stdin, name = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}), module or self.module
        words = prefix.split()
        if self.release != "bookworm" and all("=" in word for word in words):
            environment = dict(word.split("=", 1) for word in words)
            answer = self._ask({"module": name, "stdin": stdin, "environment": environment}, timeout_s)
        else:
            code = "PYTHONPATH=/mnt/ansible:/mnt/collections"
            done = self.shell(f"{code} {prefix} python3 /mnt/call.py {name}", stdin, check=False, timeout_s=timeout_s)
            answer = {"stdout": done.stdout, "stderr": done.stderr}
        try:
            result: dict[str, Any] = json.loads(answer["stdout"])
        except ValueError as exc:
            raise LabError(answer["stdout"] + answer["stderr"]) from exc
        return result

    def read(self, path: str) -> str:
        return self.shell(f"cat {path}").stdout

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        with contextlib.suppress(AttributeError):
            self.port.close()
        shutil.rmtree(self.place, ignore_errors=True)

    def __enter__(self) -> Qemu:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
