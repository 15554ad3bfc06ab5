# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The home of the example: where its packets come out, counted at the provider's router."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

from standing import Fabric

WORLD = "2001:db8:ffff::1"
NODE, SITE, HOST, NEIGHBOUR = "proxmox01", "home", "home-ether4", "home-bridgelocal"
FABRIC_NET, PROVIDER_NET = "2a14:9b80::/32", "2001:41f0:6f67::/48"
FABRIC_SOURCE, PROVIDER_SOURCE = "2a14:9b80:101:1::a", "2001:41f0:6f67:2::a"
NEIGHBOUR_ADDRESS = "2001:41f0:6f67:1::a"
COUNTERS = ("leaked", "tunnelled", "direct")


class Home:
    """The site and what its provider sees of it."""

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.leg = next(
            link["b"]["interface"]
            for link in fabric.links
            if link["a"]["node"] == SITE and link["b"]["node"] == "outside"
        )
        interfaces = {name: fabric.nodes[name]["wireguard"]["interfaces"][0]["name"] for name in (NODE, SITE)}
        self.hub, self.tunnel = interfaces[NODE], interfaces[SITE]

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count what comes from the site at its provider's router: leaks, the tunnel's packets, what goes past it."""
        counters = "".join(f"counter {name} {{ }}\n" for name in COUNTERS)
        rules = (
            f'iifname "{self.leg}" ip6 saddr {FABRIC_NET} counter name leaked\n'
            f'iifname "{self.leg}" udp dport 51820 counter name tunnelled\n'
            f'iifname "{self.leg}" ip6 saddr {PROVIDER_NET} ip6 daddr {WORLD} counter name direct\n'
        )
        chain = f"chain watching {{\ntype filter hook prerouting priority -300;\n{rules}}}\n"
        table = f"table inet watch {{\n{counters}{chain}}}\n"
        self.fabric.ask("outside", f"nft -f - <<'END'\n{table}END")
        try:
            yield
        finally:
            self.fabric.ask("outside", "nft delete table inet watch")

    def counted(self) -> dict[str, int]:
        rows = json.loads(self.fabric.ask("outside", "nft -j list counters table inet watch"))["nftables"]
        return {row["counter"]["name"]: row["counter"]["packets"] for row in rows if "counter" in row}

    def ping(self, source: str, target: str, count: int, node: str = HOST) -> tuple[int, int]:
        """Sent and received."""
        done = self.fabric.shell(node, f"ping -q -n -i 0.01 -W 1 -c {count} -I {source} {target}", deadline_s=300)
        found = re.search(r"(\d+) packets transmitted, (\d+) received", done.stdout)
        assert found, done.stdout + done.stderr
        return int(found[1]), int(found[2])

    def answers(self, source: str = FABRIC_SOURCE, node: str = HOST) -> bool:
        return self.fabric.shell(node, f"ping -q -n -c 1 -W 1 -I {source} {WORLD}").returncode == 0

    def until_it_answers(self, deadline_s: float = 60) -> None:
        self.fabric.wait("an answer through the tunnel", self.answers, deadline_s)

    def daemon(self, node: str, interface: str) -> str:
        """The process behind an interface; empty where there is none."""
        return self.fabric.shell(node, f"pgrep -f '^wireguard-go {interface}$'").stdout.strip()

    def kill_daemon(self, node: str, interface: str) -> None:
        self.fabric.ask(node, f"kill -9 {self.daemon(node, interface)}")
        self.fabric.wait(
            f"the end of {interface}", lambda: self.fabric.shell(node, f"ip link show {interface}").returncode != 0, 10
        )
