# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the only place that runs podman, and that knows what kind of host this is.

Two kinds of hosts are known.

- A plain Debian or Ubuntu: unified cgroups, systemd. podman runs as it is.
- A host with hybrid cgroups (a tmpfs with version 1 hierarchies on /sys/fs/cgroup) or lowered rlimits, as inside of
  build machines. crun needs a cgroup2 mount there, which it gets in a private mount namespace. It is one persistent
  namespace for all calls: a second one would mount a running container's overlay a second time, after which the
  container answers writes with ENOENT.

Needs the standard library only, since scripts/twin.py uses it without Ansible.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._names import RUN, TwinError

NAMESPACE = RUN / "mounts" / "namespace"
PODMAN_NOFILE = 1048576
"""The open-files limit that podman gives containers by default, whether or not it may."""

CAP_SYS_RESOURCE = 24
"""linux/capability.h"""


@dataclass(frozen=True)
class Host:
    """What podman needs to be told on this host."""

    private_mounts: bool
    global_options: tuple[str, ...]
    container_options: tuple[str, ...]


def detect(mountinfo: str, systemd: bool, may_raise: bool, nofile: int, nproc: int) -> Host:
    """Decide what this host needs.

    `mountinfo`: /proc/self/mountinfo; `systemd`: whether it is PID 1; `may_raise`: whether this process may raise its
    own rlimits (CAP_SYS_RESOURCE); `nofile`, `nproc`: the highest that it can give a container otherwise.
    """
    cgroup_types = []
    for line in mountinfo.splitlines():
        left, _dash, right = line.partition(" - ")
        if left.split()[4] == "/sys/fs/cgroup":
            cgroup_types.append(right.split()[0])
    unified = cgroup_types[-1:] == ["cgroup2"]
    global_options = () if systemd and unified else ("--cgroup-manager=cgroupfs", "--events-backend=file")
    # podman asks for limits of its own, and crun fails where they are higher than what this process has.
    ulimits = () if may_raise else (f"--ulimit=nofile={nofile}:{nofile}", f"--ulimit=nproc={nproc}:{nproc}")
    # Many systems need more processes than podman's default; version 1 hierarchies leave no pids controller to set.
    return Host(not unified, global_options, (*ulimits, "--pids-limit=0"))


def this_host() -> Host:
    """What podman needs here, read from /proc."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    capabilities = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:"))
    # podman lowers its own limit of processes to the number of PIDs before crun runs.
    pid_max = int(Path("/proc/sys/kernel/pid_max").read_text(encoding="ascii"))
    nproc = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    nofile = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return detect(
        Path("/proc/self/mountinfo").read_text(encoding="utf-8"),
        Path("/run/systemd/system").is_dir(),
        bool(capabilities & 1 << CAP_SYS_RESOURCE),
        min(nofile, PODMAN_NOFILE),
        pid_max if nproc == resource.RLIM_INFINITY else min(nproc, pid_max),
    )


class Podman:
    """Runs podman, and other programs beside it in the mount namespace in which its mounts can be seen."""

    def __init__(self) -> None:
        if os.geteuid() != 0:
            raise TwinError(
                "A twin needs root on the machine that it runs on (network namespaces, privileged containers)."
            )
        self.host = this_host()
        self.prefix: list[str] = []
        if self.host.private_mounts:
            ensure_namespace()
            self.prefix = ["nsenter", f"--mount={NAMESPACE}", f"--wdns={Path.cwd()}"]

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The command line of one podman call, for those that must exec it themselves."""
        return [*self.prefix, *self.podman(*arguments)]

    def run(self, *arguments: str) -> str:
        """Run podman; its stdout. Raises with podman's words when it fails."""
        return self.beside(*self.podman(*arguments))

    def podman(self, *arguments: str) -> list[str]:
        """A podman command line for `beside` and `try_beside`."""
        return ["podman", *self.host.global_options, *arguments]

    def beside(self, *command: str, check: bool = True, stdin: str | None = None) -> str:
        """Run a program in podman's mount namespace; its stdout. With `check`, a failure raises with its own words."""
        done = self._done(command, stdin)
        if done.returncode != 0 and check:
            shown = [word for word in command if word not in self.host.global_options]
            words = done.stderr.strip() or done.stdout.strip() or "no output"
            raise TwinError(f"`{' '.join(shown)}` failed with {done.returncode}: {words}")
        return done.stdout

    def try_beside(self, *command: str) -> tuple[int, str]:
        done = self._done(command, None)
        return done.returncode, done.stdout if done.returncode == 0 else done.stderr

    def _done(self, command: Sequence[str], stdin: str | None) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [*self.prefix, *command],
                input=stdin or "",
                capture_output=True,
                text=True,
                check=False,
            )
        except FileNotFoundError as exc:
            raise TwinError(
                f"{exc.filename} is not installed on this machine: apt-get install podman iproute2"
            ) from exc

    def containers(self, *filters: str) -> list[dict[str, Any]]:
        """Containers with these filters (`label=fabric=ams`), running or not, as `podman ps` describes them."""
        options = [f"--filter={text}" for text in filters]
        return list(json.loads(self.run("ps", "--all", *options, "--format=json") or "[]") or [])

    def pid(self, container: str) -> int:
        """The PID of a container's init; 0 when it does not run."""
        code, text = self.try_beside(*self.podman("container", "inspect", "--format={{.State.Pid}}", container))
        return int(text) if code == 0 else 0

    def image_id(self, image: str) -> str | None:
        code, text = self.try_beside(*self.podman("image", "inspect", "--format={{.Id}}", image))
        return text.strip() if code == 0 else None


def enter(pid: int) -> list[str]:
    """The head of a command line that runs in the container with this init, from any mount namespace of the machine."""
    return ["nsenter", f"--target={pid}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd"]


def ensure_namespace() -> None:
    """Make the persistent mount namespace with a plain cgroup2 mount, unless it is there."""
    NAMESPACE.parent.mkdir(parents=True, exist_ok=True)
    with (RUN / "mounts.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (
            subprocess.run(
                ["nsenter", f"--mount={NAMESPACE}", "true"],
                capture_output=True,
                check=False,
            ).returncode
            == 0
        ):
            return
        _checked(["mount", "--bind", str(NAMESPACE.parent), str(NAMESPACE.parent)])
        # A namespace cannot be pinned on a mount that propagates into it.
        _checked(["mount", "--make-private", str(NAMESPACE.parent)])
        NAMESPACE.touch()
        script = "umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup"
        _checked(["unshare", f"--mount={NAMESPACE}", "--propagation=slave", "sh", "-c", script])


def drop_namespace() -> None:
    """Take the mount namespace away; only when no container of anybody needs it."""
    for mount in (NAMESPACE, NAMESPACE.parent):
        subprocess.run(["umount", str(mount)], capture_output=True, check=False)
    NAMESPACE.unlink(missing_ok=True)
    if NAMESPACE.parent.is_dir():
        NAMESPACE.parent.rmdir()
    (RUN / "mounts.lock").unlink(missing_ok=True)


def start_time(pid: int) -> str | None:
    """When the process began (field 22 of /proc/PID/stat, in clock ticks): with the PID it names a process for good."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    return text.rpartition(")")[2].split()[19]


def wait_until(missing: Any, timeout_s: float, what: str, interval_s: float = 0.2) -> None:
    """Poll `missing()` until it returns nothing. At the deadline, say what it returned last."""
    deadline = time.monotonic() + timeout_s
    while True:
        still = missing()
        if not still:
            return
        if time.monotonic() > deadline:
            raise TwinError(f"{what} did not happen within {timeout_s:g} s: {still}")
        time.sleep(interval_s)


def _checked(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise TwinError(f"`{' '.join(command)}` failed with {done.returncode}: {done.stderr.strip()}")
