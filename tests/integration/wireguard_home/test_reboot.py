# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Either end starts anew: the tunnel, its firewall, the rules and the sessions are back without a hand."""

from __future__ import annotations

import time

import pytest
from figures import record
from home import NODE, SITE, Home
from standing import Fabric


@pytest.mark.parametrize("node", [NODE, SITE])
def test_reboot(fabric: Fabric, home: Home, node: str) -> None:
    home.until_it_answers()
    begun = time.monotonic()
    fabric.twin(state="rebooted", reboot=[node])
    home.until_it_answers(180)
    seconds = time.monotonic() - begun
    for name in (NODE, SITE):
        assert fabric.red(name, wait_s=90) == set()
    done = fabric.play("site")
    assert (done.status, done.changed()) == (0, {}), done.output[-3000:]
    record("wireguard", f"reboot of {node}", f"{seconds:.0f} s until the LAN host had an answer", 1, "twin, reboot")
