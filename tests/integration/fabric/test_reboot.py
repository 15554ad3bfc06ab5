# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node that lost its power comes back by itself, and the next run finds nothing to do. FRR 10.3 and 8.4."""

from __future__ import annotations

import pytest
from standing import Fabric


@pytest.mark.parametrize("node", ["pve1", "pve2", "tor1"])
def test_node_comes_back_by_itself(fabric: Fabric, node: str) -> None:
    before = fabric.ask(node, "cat /proc/1/stat").split()[21]
    fabric.twin(state="rebooted", reboot=[node])
    assert fabric.ask(node, "cat /proc/1/stat").split()[21] != before, "it was not rebooted"
    fabric.verify()
    done = fabric.play("site")
    assert done.status == 0, done.output[-3000:]
    assert done.changed() == {}, done.output[-3000:]
