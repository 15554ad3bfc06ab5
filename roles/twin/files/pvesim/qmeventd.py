# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon of the unit qmeventd: notices when a guest's QEMU ends, and answers the other nodes (remote.py).

Every QEMU connects its second monitor to it. When a guest shuts itself down, QEMU stays (-no-shutdown) and says so:
qmeventd tells it to quit. When a connection ends, however it ended, `qm cleanup` runs.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import subprocess
import threading
from pathlib import Path

from . import remote
from .fs_daemon import notify
from .places import QMEVENTD_SOCKET, event


def vmid_of(pid: int) -> int | None:
    """Whose QEMU this is, by its command line."""
    try:
        text = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return None
    found = re.search(r"/qemu-server/(\d+)\.qmp,", text)
    return int(found[1]) if found else None


def follow(connection: socket.socket) -> None:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    vmid = vmid_of(struct.unpack("3i", credentials)[0])
    if vmid is None:
        connection.close()
        return
    try:
        connection.sendall(b'{"execute": "qmp_capabilities"}\n')
        with connection.makefile("rb") as lines:
            for line in lines:
                what = json.loads(line).get("event")
                if what:
                    event(f"qmp-{what}", vmid)
                if what == "SHUTDOWN":
                    connection.sendall(b'{"execute": "quit"}\n')
    except OSError:
        pass
    connection.close()
    subprocess.run(["/usr/sbin/qm", "cleanup", str(vmid), "0", "0"], stdin=subprocess.DEVNULL, check=False)


def main() -> None:
    path = Path(QMEVENTD_SOCKET)
    path.unlink(missing_ok=True)
    remote.serve()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(64)
        notify("READY=1")
        while True:
            connection, dummy = listener.accept()
            threading.Thread(target=follow, args=(connection,), daemon=True).start()
