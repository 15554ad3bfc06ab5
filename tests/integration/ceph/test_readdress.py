# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All monitors move to another /64 while the cluster is written to, and back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cephlab import Ceph
from figures import record
from standing import CHECKOUT

OLD, NEW = "2001:db8:100:", "2001:db8:200:"


@pytest.fixture
def moved(ceph: Ceph) -> Iterator[Ceph]:
    """The same fabric with the other public network: a file beside the standing one."""
    place = CHECKOUT / "build" / "try" / f"{ceph.file.parent.name}-moved.fabric.yml"
    place.parent.mkdir(parents=True, exist_ok=True)
    text = ceph.file.read_text(encoding="utf-8")
    assert f"public_network: {OLD}:/64" in text
    place.write_text(text.replace(f"public_network: {OLD}:/64", f"public_network: {NEW}:/64"), encoding="utf-8")
    yield Ceph(Path(place))
    place.unlink()


def addresses(ceph: Ceph) -> dict[str, set[str]]:
    """Where monitors and OSDs are."""
    found = {
        m["name"]: {a["addr"] for a in m["public_addrs"]["addrvec"]} for m in ceph.ceph("ceph02", "mon dump")["mons"]
    }
    for osd in ceph.ceph("ceph02", "osd dump")["osds"]:
        found[f"osd.{osd['osd']}"] = {a["addr"] for a in osd["public_addrs"]["addrvec"]}
    return found


def all_in(ceph: Ceph, network: str) -> bool:
    return all(text.startswith(f"[{network}:") for texts in addresses(ceph).values() for text in texts)


def roll(source: Ceph, target: Ceph, network: str, name: str) -> tuple[float, float]:
    """Seconds that it took, and the longest operation meanwhile."""
    with source.watching() as quorum, source.bench("ceph03", name) as bench:
        begun = time.monotonic()
        done = target.play("ceph", "-e", "ceph_readdress=rolling")
        seconds = time.monotonic() - begun
        assert done.status == 0, done.output[-3000:]
    assert quorum.samples > 20
    assert quorum.fewest >= 2, quorum
    target.whole()
    assert all_in(target, network), addresses(target)
    written = target.check_objects("ceph03", name, bench)
    record(
        "ceph",
        f"all monitors moved to {network}:/64",
        f"{seconds:.0f} s; 0 of {written} objects lost, longest operation {bench.longest_s:.1f} s; never fewer than "
        f"{quorum.fewest} of 3 monitors in quorum ({quorum.samples} samples), elections of {quorum.without_s:.1f} s",
        1,
        "rolling, three nodes one after the other, rados bench 64 KiB one at a time from one of them",
    )
    return seconds, bench.longest_s


def test_monitors_move_while_the_cluster_is_written_to(ceph: Ceph, moved: Ceph) -> None:
    before = ceph.starts()
    refused = moved.play("ceph")
    assert refused.status != 0
    assert "monitors have to move: ceph01 from [v2:[2001:db8:100::1]:3300" in refused.output
    assert "say readdress: rolling for that" in refused.output
    planned = moved.play("ceph", "-e", "ceph_readdress=rolling", "--check", "-v")
    assert planned.status == 0, planned.output[-3000:]
    assert "ceph mon set-addrs ceph02 [v2:[2001:db8:200::2]:3300,v1:[2001:db8:200::2]:6789]" in planned.output
    assert ceph.starts() == before, "a refusal or check mode restarted something"
    assert all_in(ceph, OLD)
    try:
        roll(ceph, moved, NEW, "there")
        again = moved.play("ceph")
        assert again.status == 0, again.output[-3000:]
        assert again.changed() == {}, again.output[-3000:]
    finally:
        roll(moved, ceph, OLD, "back")
    again = ceph.play("ceph")
    assert again.changed() == {}, again.output[-3000:]


def test_it_stops_at_a_doubt_and_nothing_has_changed(ceph: Ceph, moved: Ceph) -> None:
    """An OSD that is down: no node begins."""
    conf = ceph.ask("ceph01", "cat /etc/ceph/ceph.conf")
    monmap = ceph.ceph("ceph01", "mon dump")["mons"]
    osd = json.loads(ceph.ask("ceph03", "ceph osd ls-tree ceph03 --format json"))[0]
    ceph.ask("ceph03", f"systemctl stop ceph-osd@{osd}")
    try:
        ceph.wait("the OSD's being down", lambda: "2 of 3 OSDs up" in ceph.missing(), 60)
        done = moved.play("ceph", "-e", "ceph_readdress=rolling")
        assert done.status != 0
        assert "the cluster is in no state to restart daemons: " in done.output
        assert "2 of 3 OSDs are up" in done.output
        assert "nothing was changed" in done.output
        assert ceph.ask("ceph01", "cat /etc/ceph/ceph.conf") == conf
        assert ceph.ceph("ceph01", "mon dump")["mons"] == monmap
        assert "noout" not in ceph.ceph("ceph01", "osd dump")["flags_set"]
    finally:
        ceph.ask("ceph03", f"systemctl start ceph-osd@{osd}")
        ceph.whole()


def test_it_goes_on_after_a_stop(ceph: Ceph, moved: Ceph) -> None:
    """noout, as a change that was stopped leaves it: refused in one sentence, and without it the change is made."""
    ceph.ask("ceph01", "ceph osd set noout")
    try:
        done = moved.play("ceph", "-e", "ceph_readdress=rolling", "--limit", "localhost,ceph01")
        assert done.status != 0
        assert "noout is set: somebody works on the cluster, or a change like this one was stopped" in done.output
    finally:
        ceph.ask("ceph01", "ceph osd unset noout")
        ceph.whole()
