# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Enter the nodes of a twin."""

from __future__ import annotations

DOCUMENTATION = r"""
name: twin
short_description: Enter the nodes of a twin
version_added: 0.1.0
description:
  - Runs commands in a container that the module M(routed.fabric.twin) has started on this machine, by entering the
    namespaces of its init with C(nsenter). Pipelining works.
  - Commands get a clean environment, with root's home and the usual search path.
  - The container may have been restarted since. The plugin notices, and asks podman for the new PID.
author:
  - The routed.fabric contributors (@routed)
requirements:
  - root on the controller
options:
  remote_addr:
    description: The container's name, C(fabric-NAME-NODE).
    type: str
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_host
      - name: ansible_twin_container
  pipelining:
    description: Whether modules are run without being copied first.
    type: bool
    default: true
    ini:
      - section: connection
        key: pipelining
    env:
      - name: ANSIBLE_PIPELINING
    vars:
      - name: ansible_pipelining
"""

import shutil
import subprocess
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.connection import ConnectionBase

from ansible_collections.routed.fabric.plugins.module_utils._twin import _state
from ansible_collections.routed.fabric.plugins.module_utils._twin._names import TwinError
from ansible_collections.routed.fabric.plugins.module_utils._twin._podman import Podman, enter

ENVIRONMENT = {
    "HOME": "/root",
    "USER": "root",
    "LOGNAME": "root",
    "SHELL": "/bin/sh",
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "container": "podman",
}


class Connection(ConnectionBase):  # type: ignore[misc]
    """A node of a twin as a host."""

    transport = "routed.fabric.twin"
    has_pipelining = True

    def _connect(self) -> Connection:
        self._init_pid()
        self._connected = True
        return self

    def _init_pid(self) -> int:
        """The PID of the container's init as of now."""
        container = self.get_option("remote_addr")
        pid = _state.read_pid(container)
        if pid is None:
            try:
                pid = Podman().pid(container)
            except TwinError as exc:
                raise AnsibleConnectionFailure(str(exc)) from exc
            if not pid:
                raise AnsibleConnectionFailure(
                    f"The container {container} is not running on this machine. "
                    "The playbook routed.fabric.twin_up starts it (`make twin FABRIC=...`)."
                )
            _state.write_pid(container, pid)
        return pid

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        pid = self._init_pid()
        environment = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
        done = subprocess.run(
            [*enter(pid), "env", "--ignore-environment", "--chdir=/root", *environment, "/bin/sh", "-c", cmd],
            input=in_data or b"",
            capture_output=True,
            check=False,
        )
        if done.returncode == 1 and done.stderr.startswith(b"nsenter: "):
            raise AnsibleConnectionFailure(
                f"{self.get_option('remote_addr')}: {done.stderr.decode(errors='replace').strip()}"
            )
        return done.returncode, done.stdout, done.stderr

    def put_file(self, in_path: str, out_path: str) -> None:
        super().put_file(in_path, out_path)
        if not Path(in_path).is_file():
            raise AnsibleError(f"No file {in_path} to put into {self.get_option('remote_addr')}")
        self._copy(Path(in_path), self._inside(out_path))

    def fetch_file(self, in_path: str, out_path: str) -> None:
        super().fetch_file(in_path, out_path)
        self._copy(self._inside(in_path), Path(out_path))

    def close(self) -> None:
        self._connected = False

    def _inside(self, path: str) -> Path:
        return Path(f"/proc/{self._init_pid()}/root") / path.lstrip("/")

    def _copy(self, source: Path, target: Path) -> None:
        try:
            shutil.copyfile(source, target)
        except OSError as exc:
            raise AnsibleError(f"{self.get_option('remote_addr')}: cannot copy {source} to {target}: {exc}") from exc
