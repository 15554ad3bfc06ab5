# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""The rolling change: this node's monitor, then its other daemons, one at a time, with the cluster asked between.

It stops at the first doubt and says the way back. Each node of a cluster makes its own part; the role sees to it that
they do so one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ansible_collections.routed.fabric.plugins.module_utils._ceph._cluster import Cluster
from ansible_collections.routed.fabric.plugins.module_utils._ceph._errors import CephError
from ansible_collections.routed.fabric.plugins.module_utils._ceph._plan import Move
from ansible_collections.routed.fabric.plugins.module_utils._ceph._wanted import host_addresses


class Rolling:
    """`write`: puts the new ceph.conf in its place."""

    def __init__(self, cluster: Cluster, deadline_s: float, write: Callable[[], None]) -> None:
        self._cluster = cluster
        self._deadline_s = deadline_s
        self._write = write
        self.commands: list[str] = []
        self._back: list[str] = []
        """What undoes the steps so far, the last one first."""

    def check(self, own: Move | None) -> int:
        """That this is a time to begin; the number of monitors. `own`: this node's monitor if it moves."""
        monitors = self._cluster.monmap()
        known = [str(a) for m in monitors for a in m.addresses]
        going = [str(a) for a in host_addresses(own.after, "monitors")] if own else []
        # whoever of them answers: the file knows only where the monitors will be
        self._cluster = self._cluster.at([*known, *(a for a in going if a not in known)])
        count = len(monitors)
        doubts = self._cluster.health().doubts(count)
        # one without a unit of its own, as in cephadm's containers, could not be started again
        doubts += self._cluster.not_running(f"mon.{own.name}") if own else []
        if doubts:
            raise CephError(f"the cluster is in no state to restart daemons: {'; '.join(doubts)}; nothing was changed")
        if "noout" in self._cluster.flags():
            # The next node sees by this, too, that the one before it did not come to its end.
            raise CephError(
                "noout is set: somebody works on the cluster, or a change like this one was stopped; nothing was "
                "changed. When all is well, `ceph osd unset noout`, and run this again: it goes on where it was"
            )
        return count

    def run(self, own: Move | None, daemons: Sequence[str]) -> None:
        """`daemons`: what restarts after the monitor."""
        count = self.check(own)
        try:
            self._do("ceph osd set noout", lambda: self._cluster.ask("osd", "set", "noout"))
            self._back.insert(0, "ceph osd unset noout")
            if own:
                self._leave(own)
            self._do("write ceph.conf", self._write)
            self._back.insert(0, "put the former ceph.conf back")
            if own:
                self._join(own, count)
            for daemon in daemons:
                if not own or daemon != f"mon.{own.name}":
                    self._restart(daemon, count)
        except CephError as exc:
            raise CephError(self._stopped(exc)) from exc
        self._do("ceph osd unset noout", lambda: self._cluster.ask("osd", "unset", "noout"))
        self._cluster.wait(lambda: self._cluster.health().doubts(count), self._deadline_s, "after the change")

    def _do(self, words: str, work: Callable[[], object]) -> None:
        work()
        self.commands.append(words)

    def _leave(self, own: Move) -> None:
        daemon = f"mon.{own.name}"
        self._wait_to_stop(daemon)
        self._do(f"ceph mon set-addrs {own.name} {own.after}", lambda: self._cluster.set_addresses(own.name, own.after))
        self._back[:0] = [f"ceph mon set-addrs {own.name} {own.before}", f"systemctl restart ceph-mon@{own.name}"]

    def _join(self, own: Move, count: int) -> None:
        daemon = f"mon.{own.name}"
        # It saw that its address is gone from the monmap and ended; systemd does not start it again (exit status 0).
        self._do(f"systemctl restart ceph-mon@{own.name}", lambda: self._cluster.restart(daemon))
        self._cluster.wait(lambda: self._joined(own, count), self._deadline_s, f"{daemon} at its new address")

    def _joined(self, own: Move, count: int) -> list[str]:
        doubts = self._cluster.out_of_quorum(own.name)
        doubts += [d for d in self._cluster.health().doubts(count) if "monitors" in d]
        there = next((m for m in self._cluster.monmap() if m.name == own.name), None)
        if there is None or there.addresses != tuple(host_addresses(own.after, "monitors")):
            doubts.append(f"the monmap has {there.vector if there else 'nothing'} for {own.name}")
        return doubts

    def _wait_to_stop(self, daemon: str) -> None:
        """A manager that has just become the active one knows of no placement group for some seconds, and says so."""

        def refusal() -> list[str]:
            said = self._cluster.ok_to_stop(daemon)
            return [said] if said else []

        self._cluster.wait(refusal, self._deadline_s, f"{daemon} cannot be stopped")

    def _restart(self, daemon: str, count: int) -> None:
        if not daemon.startswith("mgr."):
            self._wait_to_stop(daemon)
        since = self._cluster.up_from(daemon)
        self._do(f"restart {daemon}", lambda: self._cluster.restart(daemon))
        self._cluster.wait(
            lambda: self._back_up(daemon, count, since), self._deadline_s, f"after the restart of {daemon}"
        )

    def _back_up(self, daemon: str, count: int, since: int) -> list[str]:
        doubts = self._cluster.out_of_quorum(daemon[4:]) if daemon.startswith("mon.") else []
        doubts = doubts or self._cluster.health().doubts(count) or self._cluster.not_running(daemon)
        # the cluster takes a moment to notice: until then its health is that of before
        if not doubts and daemon.startswith("osd.") and self._cluster.up_from(daemon) <= since:
            doubts = [f"{daemon} has not come up anew"]
        return doubts

    def _stopped(self, exc: CephError) -> str:
        """The sentence, after what can be undone without a person's judgement was."""
        if not self.commands:
            return f"{exc}; nothing was changed"
        if len(self.commands) == 1:
            # nothing but noout
            if self._cluster.try_ask("osd", "unset", "noout")[0] == 0:
                return f"{exc}; nothing was changed (noout is unset again)"
            return f"{exc}; nothing else was changed, and noout is still set: `ceph osd unset noout`"
        return f"{exc}; done so far: {'; '.join(self.commands)}. The way back: {'; '.join(self._back)}"
