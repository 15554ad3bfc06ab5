# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: how the things of a twin are called. Pure: all follows from fabric and node."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

RUN = Path("/run/fabric-twin")
"""All that a twin keeps outside of podman; empty and gone when the last twin is."""

IMAGE = "localhost/fabric-twin"

NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,40}[a-z0-9])?", re.IGNORECASE)
INTERFACE = re.compile(r"[^\s/:]{1,15}")


class TwinError(Exception):
    """What went wrong with a twin, as one sentence for its user."""


def container_name(fabric: str, node: str) -> str:
    return f"fabric-{fabric}-{node}"


def netns_name(fabric: str, node: str) -> str:
    """The node's network namespace; the same word as its container, so that `ip netns exec` can be guessed."""
    return container_name(fabric, node)


def hold_netns_name(fabric: str) -> str:
    """Where the link ends of nodes without power wait: no node's name can contain a tilde."""
    return f"fabric-{fabric}~off"


def hold_interface_name(node: str, interface: str) -> str:
    """The name of a link end while it waits; two nodes' ends may have the same name."""
    return "h" + hashlib.sha256(f"{node}/{interface}".encode()).hexdigest()[:13]


def shared_directory(fabric: str) -> Path:
    """The directory of this machine that nodes of the twin have in common, if they ask for one."""
    return RUN / "shared" / fabric


def mac_address(fabric: str, node: str, interface: str) -> str:
    """Locally administered, unicast, and the same at every start, so that link-local addresses are, too."""
    digest = hashlib.sha256(f"{fabric}/{node}/{interface}".encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5]))


def pid_file(container: str) -> Path:
    """Written by the module, read by the connection plugin."""
    return RUN / "nodes" / f"{container}.pid"
