# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real corosync on the nodes of a twin."""

from __future__ import annotations

import os

from probe import until
from rooted import Rooted, rootfs
from standing import Fabric

TOKEN_MS = 3000  # as Proxmox has it; one node more adds 650 ms


def configuration(name: str, addresses: dict[str, list[str]]) -> str:
    """As Proxmox writes it. *addresses*: node to its address on each link."""
    lines = [
        "totem {",
        "  version: 2",
        f"  cluster_name: {name}",
        "  transport: knet",
        "  ip_version: ipv4-6",
        f"  token: {TOKEN_MS}",
        "  crypto_cipher: aes256",
        "  crypto_hash: sha256",
        "  link_mode: passive",
    ]
    for number in range(len(next(iter(addresses.values())))):
        lines += ["  interface {", f"    linknumber: {number}", f"    knet_link_priority: {20 - 10 * number}", "  }"]
    lines += ["}", "quorum {", "  provider: corosync_votequorum", "}", "nodelist {"]
    for identifier, (node, links) in enumerate(addresses.items(), start=1):
        lines += ["  node {", f"    name: {node}", f"    nodeid: {identifier}", "    quorum_votes: 1"]
        lines += [f"    ring{number}_addr: {address}" for number, address in enumerate(links)]
        lines.append("  }")
    return "\n".join([*lines, "}", "logging {", "  to_logfile: yes", "  logfile: /var/log/corosync.log", "}", ""])


class Member(Rooted):
    """corosync on one node."""

    def votes(self) -> tuple[bool, int]:
        """Whether quorate, and with how many votes."""
        shown = self.ask("corosync-quorumtool", "-s")
        words = dict(line.split(":", 1) for line in shown.splitlines() if ":" in line)
        return words.get("Quorate", "").strip() == "Yes", int(words.get("Total votes", "0").strip() or 0)

    def ring(self) -> str:
        """Changes with every change of the membership, also with one that was over when somebody looked."""
        shown = self.ask("corosync-quorumtool", "-s")
        return next((line.split(":", 1)[1].strip() for line in shown.splitlines() if line.startswith("Ring ID")), "")

    def links(self) -> dict[int, list[bool]]:
        """Number of the link → whether each other node is connected over it."""
        found: dict[int, list[bool]] = {}
        for line in self.ask("corosync-cfgtool", "-s").splitlines():
            words = line.replace(":", " ").split()
            if words[:2] == ["LINK", "ID"]:
                found[int(words[2])] = []
            elif words[:1] == ["nodeid"] and "localhost" not in words:
                found[max(found)].append(words[-1] == "connected")
        return found

    def log(self) -> str:
        """The end of what it has written."""
        return self.ask("tail", "-n", "40", "/var/log/corosync.log")


class Cluster:
    """corosync on several nodes."""

    def __init__(self, fabric: Fabric, addresses: dict[str, list[str]]) -> None:
        root = rootfs("/usr/sbin/corosync")
        files = {
            "/etc/corosync/corosync.conf": configuration("fabric", addresses).encode(),
            "/etc/corosync/authkey": os.urandom(256),
        }
        self.members: list[Member] = []
        try:
            for node in addresses:
                self.members.append(Member(fabric, node, root, files, "corosync -f"))
        except BaseException:
            self.stop()
            raise

    def whole(self) -> bool:
        return all(member.votes() == (True, len(self.members)) for member in self.members)

    def wait(self, deadline_s: float = 60) -> None:
        until(self.whole, f"{len(self.members)} votes on every node", deadline_s)

    def rings(self) -> list[str]:
        return [member.ring() for member in self.members]

    def stop(self) -> None:
        for member in self.members:
            member.stop()
