# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A router is lost while the cluster is written to: no OSD is marked down, no object is lost."""

from __future__ import annotations

import pytest
from cephlab import Ceph
from figures import accepting, record

HOW = "rados bench, 64 KiB, one at a time, from one node, BFD 3 x 300 ms"
LONGEST_S = 3.0


def lose(ceph: Ceph, router: str, kind: str) -> None:
    if kind == "silent":
        ceph.silence(router)
    else:
        ceph.power(router, on=False)


def give_back(ceph: Ceph, router: str, kind: str) -> None:
    if kind == "silent":
        ceph.twin(faults=[])
    else:
        ceph.power(router, on=True)


@pytest.mark.parametrize("kind", ["silent", "power"] if accepting() else ["silent"])
def test_a_router_is_lost(ceph: Ceph, kind: str, runs: int) -> None:
    longest, written = [], 0
    for run in range(runs):
        router = ("tor01", "tor02")[run % 2]
        ceph.wait("all sessions", lambda router=router: all(ceph.hears(n, router) for n in ceph.members))
        before, name, lost = ceph.came_up(), f"{kind}{run}", ceph.loopback(router, 6)
        try:
            with ceph.bench("ceph01", name, slice_s=10) as bench:
                ceph.wait("the first writes", lambda: "benchmark_data" in ceph.ask("ceph02", "rados -p bench ls"))
                lose(ceph, router, kind)
                # It is lost: nobody has a session with it any more, and nothing comes through.
                ceph.wait("the loss", lambda router=router: not any(ceph.hears(n, router) for n in ceph.members), 30)
                assert "100% packet loss" in ceph.shell("ceph01", f"ping -n -c 3 -i 0.2 -W 1 {lost}").stdout
                # and it is lost still while the next slice is written
                slices = len(bench.results)
                ceph.wait("a slice without the router", lambda slices=slices: len(bench.results) > slices, 60)
                assert not any(ceph.hears(n, router) for n in ceph.members)
            assert bench.longest_s <= LONGEST_S, bench.results
            assert ceph.came_up() == before, "an OSD was marked down"
            written += ceph.check_objects("ceph01", name, bench)
            longest.append(bench.longest_s)
        finally:
            give_back(ceph, router, kind)
        ceph.whole()
    record(
        "ceph",
        f"a router lost ({kind}), longest operation",
        f"{', '.join(f'{s:.2f}' for s in longest)} s; 0 of {written} objects lost, no OSD marked down",
        runs,
        HOW,
    )
