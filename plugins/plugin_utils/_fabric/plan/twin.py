# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the twin changes: interface names that Linux accepts, and FRR in the place of what we do not manage."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import Any

from ..model import End, Fabric, Link, Node

IMAGE = "localhost/fabric-twin"
PVESIM_FLAVOUR = "proxmox"
PVESIM_DIRECTORY = "/run/pvesim"


def twin_interface(name: str) -> str:
    """A name that Linux accepts: ``xe-0/0/1`` becomes ``xe-0-0-1``; one of more than 15 characters ends in a digest."""
    short = re.sub(r"[^A-Za-z0-9_.-]", "-", name)
    if len(short) > 15:
        short = short[:10] + "-" + hashlib.sha256(name.encode()).hexdigest()[:4]
    return short


def twin_fabric(fabric: Fabric) -> Fabric:
    """The fabric as the twin builds it: every node is an FRR node that our roles configure."""

    def end(old: End) -> End:
        return replace(old, interface=twin_interface(old.interface))

    def link(old: Link) -> Link:
        return replace(old, a=end(old.a), b=end(old.b))

    return replace(
        fabric,
        underlay=replace(fabric.underlay, bfd=fabric.underlay.bfd_twin),
        nodes={name: replace(node, managed=True, platform="frr") for name, node in fabric.nodes.items()},
        links=tuple(link(old) for old in fabric.links),
        upstreams=tuple(replace(u, interface=twin_interface(u.interface)) for u in fabric.upstreams),
    )


def twin_links(fabric: Fabric) -> list[dict[str, Any]]:
    """The cables: both ends and the MTU."""
    return [
        {
            "a": {"node": link.a.node, "interface": link.a.interface},
            "b": {"node": link.b.node, "interface": link.b.interface},
            "mtu": link.mtu,
        }
        for link in fabric.links
    ]


def needs_pvesim(fabric: Fabric, node: Node) -> bool:
    """Whether the node's container has the stand-in for Proxmox, QEMU and what guests boot."""
    return "proxmox" in node.functions and bool(fabric.guest_prefixes)


def twin_image(fabric: Fabric, node: Node) -> dict[str, str]:
    """What the node is made of: `scripts/twin_image.sh [--flavour FLAVOUR] RELEASE`."""
    flavour = {"flavour": PVESIM_FLAVOUR} if needs_pvesim(fabric, node) else {}
    return {"release": node.release, **flavour}


def twin_container(fabric: Fabric, node: Node) -> dict[str, str]:
    """The node as the module `twin` takes it."""
    if needs_pvesim(fabric, node):
        image = f"{IMAGE}:{node.release}-{PVESIM_FLAVOUR}"
        return {"name": node.name, "image": image, "shared": PVESIM_DIRECTORY}
    return {"name": node.name, "release": node.release}


def container_name(fabric: str, node: str) -> str:
    return f"fabric-{fabric}-{node}"
