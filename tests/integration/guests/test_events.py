# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every event of a guest's life: announced on exactly one node after it, or nowhere."""

from __future__ import annotations

import time

from figures import record
from guestlab import Guests
from happenings import MATRIX

VM = 130
CONTAINER = 170


def test_every_event_of_a_virtual_machine(guests: Guests) -> None:
    _play(guests, VM, "qemu")


def test_every_event_of_a_container(guests: Guests) -> None:
    _play(guests, CONTAINER, "lxc")


def _play(guests: Guests, vmid: int, kind: str) -> None:
    played = []
    for happening in MATRIX:
        if kind not in happening.kinds:
            continue
        begun = time.monotonic()
        node = happening.do(guests, vmid)
        try:
            guests.announced(vmid, node)
            if node:
                guests.wait(f"{vmid} answers", lambda: all(guests.answers(a) for a in guests.addresses(vmid)), 30)
                guests.announced(vmid, node)
        except AssertionError as exc:
            raise AssertionError(f"after {happening.name!r}: {exc}") from None
        played.append(f"{happening.name} {time.monotonic() - begun:.1f} s")
    print("\n  " + "\n  ".join(played))
    record("guests", f"events of a {kind} guest", f"{len(played)} of {len(played)} right", 1, "; ".join(played))
