# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits until the kernel has the fabric's routes, and then says so.

Online is a node that has a default route from BGP, or routes from BGP to so many of its cluster's nodes that it and
they are a majority; without such nodes, any route from BGP. A default route of an interfaces file does not count: it is
there before the fabric is, and leads elsewhere. At the deadline it says what is missing and ends well, so that the boot
goes on (with --strict it fails).
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import subprocess
import sys
import time
from typing import Any

# Routes of these types lead nowhere.
DEAD = ("blackhole", "unreachable", "prohibit", "throw")
BGP = ("bgp", "186")  # the number where iproute2's table of names is missing


def why_online(routes: list[dict[str, Any]], peers: list[str]) -> str:
    """The reason, empty if there is none. `routes`: both families, as `ip -j route` prints them."""
    alive = {r["dst"] for r in routes if r.get("protocol") in BGP and r.get("type", "unicast") not in DEAD}
    if "default" in alive:
        return "a default route"
    if not peers:
        return "routes from BGP" if alive else ""
    networks = [ipaddress.ip_network(destination) for destination in alive]
    found = [peer for peer in peers if any(_inside(peer, network) for network in networks)]
    needed = (len(peers) + 1) // 2  # with this node itself, more than half
    return f"routes to {len(found)} of {len(peers)} nodes of the cluster" if len(found) >= needed else ""


def _inside(peer: str, network: Any) -> bool:
    address = ipaddress.ip_address(peer)
    return address.version == network.version and address in network


def read_routes() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for family in ("-4", "-6"):
        done = subprocess.run(["ip", family, "-j", "route", "show"], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            found += [route for route in json.loads(done.stdout or "[]") if route]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deadline", type=float, default=60, help="seconds")
    parser.add_argument("--strict", action="store_true", help="fail at the deadline")
    parser.add_argument("peers", nargs="*", help="loopback addresses of the cluster's other nodes")
    arguments = parser.parse_args()
    begun = time.monotonic()
    while True:
        reason = why_online(read_routes(), arguments.peers)
        passed = time.monotonic() - begun
        if reason:
            print(f"the fabric is there after {passed:.1f} s: {reason}")
            return 0
        if passed >= arguments.deadline:
            wanted = f"routes to most of {', '.join(arguments.peers)}" if arguments.peers else "any other"
            goes_on = "" if arguments.strict else "; going on without the fabric"
            print(f"after {passed:.0f} s BGP has given neither a default route nor {wanted}{goes_on}", file=sys.stderr)
            return 1 if arguments.strict else 0
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
