# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the twin changes: interface names that Linux accepts, and FRR in the place of what we do not manage."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import Any

from ..ceph import Ceph
from ..model import End, Fabric, Guest, Link, Node
from ..numbers import GUEST_BRIDGE

IMAGE = "localhost/fabric-twin"
PVESIM_FLAVOUR = "proxmox"
EDGE_FLAVOUR = "edge"
PVESIM_DIRECTORY = "/run/pvesim"
CEPH_FLAVOUR = "ceph"


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
        ceph=_twin_ceph(fabric),
        underlay=replace(fabric.underlay, bfd=fabric.underlay.bfd_twin),
        nodes={name: replace(node, managed=True, platform="frr") for name, node in fabric.nodes.items()},
        links=tuple(link(old) for old in fabric.links),
        upstreams=tuple(replace(u, interface=twin_interface(u.interface)) for u in fabric.upstreams),
    )


def _twin_ceph(fabric: Fabric) -> Ceph | None:
    """In the twin Ceph comes from packages. Left out where others deploy it, or where its nodes run guests, too."""
    plan = fabric.ceph
    if plan is None or plan.deploy == "none" or any(needs_pvesim(fabric, fabric.nodes[name]) for name in plan.members):
        return None
    return replace(plan, deploy="packages")


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
    return fabric.has_guests(node)


def needs_ceph(fabric: Fabric, node: Node) -> bool:
    """Whether the node's container has Ceph. *fabric*: the twin's."""
    return fabric.ceph is not None and node.name in fabric.ceph.addresses


def twin_image(fabric: Fabric, node: Node) -> dict[str, str]:
    """What the node is made of: `scripts/twin_image.sh [--flavour FLAVOUR] RELEASE`."""
    flavour = {"flavour": PVESIM_FLAVOUR} if needs_pvesim(fabric, node) else {}
    if needs_ceph(fabric, node):
        flavour = {"flavour": CEPH_FLAVOUR}
    if not flavour and "edge" in node.functions:
        flavour = {"flavour": EDGE_FLAVOUR}
    return {"release": node.release, **flavour}


def twin_container(fabric: Fabric, node: Node) -> dict[str, str]:
    """The node as the module `twin` takes it."""
    if needs_pvesim(fabric, node):
        image = f"{IMAGE}:{node.release}-{PVESIM_FLAVOUR}"
        return {"name": node.name, "image": image, "shared": PVESIM_DIRECTORY}
    if needs_ceph(fabric, node):
        return {"name": node.name, "image": f"{IMAGE}:{node.release}-{CEPH_FLAVOUR}"}
    if "edge" in node.functions:
        return {"name": node.name, "image": f"{IMAGE}:{node.release}-{EDGE_FLAVOUR}"}
    return {"name": node.name, "release": node.release}


def twin_guests(fabric: Fabric, node: Node) -> list[dict[str, Any]]:
    """The guests that the twin starts on the node, as `qm create` takes them.

    A guest that names no node has one by turns. Its own side is told what a cloud-init of its own would be told; what
    Proxmox has no option for stands in the description, which pvesim reads.
    """
    nodes = sorted((n for n in fabric.nodes.values() if needs_pvesim(fabric, n)), key=lambda n: n.id)
    here = []
    for index, guest in enumerate(sorted(fabric.guests, key=lambda g: g.vmid)):
        if (guest.node or nodes[index % len(nodes)].name) == node.name:
            here.append({"vmid": guest.vmid, "options": _guest_options(guest)})
    return here


def _guest_options(guest: Guest) -> dict[str, str]:
    first: dict[str, str] = {}
    more = []
    for address in guest.addresses:
        six = ":" in address
        text = f"{address}/{128 if six else 32}"
        if ("ip6" if six else "ip") in first:
            more.append(text)
        elif six:
            first.update(ip6=text, gw6=GUEST_BRIDGE["ipv6"].partition("/")[0])
        else:
            first.update(ip=text, gw=GUEST_BRIDGE["ipv4"].partition("/")[0])
    words = [f"name={guest.interface}", *more, *(f"net={prefix}" for prefix in guest.prefixes)]
    return {
        "name": guest.name,
        "net0": f"virtio={guest.mac.upper()},bridge={GUEST_BRIDGE['name']}",
        "ipconfig0": ",".join(f"{key}={value}" for key, value in first.items()),
        "description": f"pvesim.net0: {' '.join(words)}",
        "onboot": "1",
    }


def container_name(fabric: str, node: str) -> str:
    return f"fabric-{fabric}-{node}"
