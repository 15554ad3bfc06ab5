# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster that role proxmox made: the real corosync, with nothing between its nodes but routes."""

from __future__ import annotations

import re

from guestlab import Guests


def connected(guests: Guests, node: str) -> list[int]:
    """Of each link, how many other nodes it reaches."""
    links = guests.ask(node, "corosync-cfgtool -s").split("LINK ID")[1:]
    return [len(re.findall(r":\s+connected$", link, re.MULTILINE)) for link in links]


def test_every_node_votes_and_reaches_all_others_over_both_families(guests: Guests) -> None:
    others = len(guests.pves) - 1
    for node in guests.pves:
        guests.wait(f"both links of {node} to all others", lambda n=node: connected(guests, n) == [others, others], 60)
        said = guests.ask(node, "pvecm status")
        assert re.search(r"^Quorate:\s+Yes$", said, re.MULTILINE), said
        assert re.search(rf"^Total votes:\s+{others + 1}$", said, re.MULTILINE), said
        addresses = [str(guests.nodes[node]["loopback"][family]).partition("/")[0] for family in ("ipv4", "ipv6")]
        sockets = guests.ask(node, "ss -Hlun")
        assert all(address in sockets for address in addresses), sockets


def test_a_second_run_changes_nothing(guests: Guests) -> None:
    """On a node of each release; `make twin` runs it again on all of them."""
    done = guests.play("site", "--limit", "localhost,pve1,pve3")
    assert done.status == 0, done.output[-3000:]
    assert done.changed() == {}
