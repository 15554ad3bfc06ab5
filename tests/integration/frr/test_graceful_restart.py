# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Graceful restart of the instance, groups, members and neighbours: any mode after any other, whoever was here before.

The random pairs change too much at once to come upon all of it: what FRR does depends on the history of each peer.
"""

from __future__ import annotations

import random
from typing import Any

import frrlab
import pytest

STEPS = 40
MODES = (None, "enabled", "disabled", "helper")
LINES = ("graceful-restart", "graceful-restart-disable", "graceful-restart-helper")
MEMBERS, ALONE = ("10.1.0.0", "10.2.0.0"), "10.3.0.0"
IN_FORCE = {"enabled": "Restart", "disabled": "Disable", "helper": "Helper", None: ""}


def configuration(modes: dict[str, str | None]) -> dict[str, Any]:
    def block(name: str, key: str = "neighbor", **more: str) -> dict[str, Any]:
        mode = {"graceful_restart": modes[name]} if modes[name] else {}
        return {key: name, **more, **mode}

    instance: dict[str, Any] = {
        "asn": frrlab.DUT_ASN,
        "peer_groups": [block("G", "name", remote_as="external")],
        "neighbors": [*(block(name, peer_group="G") for name in MEMBERS), block(ALONE, remote_as="internal")],
    }
    if modes["instance"]:
        instance["graceful_restart"] = {"mode": modes["instance"].replace("helper", "helper_only")}
    return {"instances": [instance]}


def in_force(lab: frrlab.Lab) -> dict[str, str]:
    """`*` marks what is inherited."""
    known = lab.dut.neighbors()
    return {
        name: known[f"default {name}"]["gracefulRestartInfo"]["localGrMode"].rstrip("*") for name in (*MEMBERS, ALONE)
    }


def expected(modes: dict[str, str | None], release: str) -> dict[str, str]:
    inherited = IN_FORCE[modes["instance"]] or "Helper"
    of_group = IN_FORCE[modes["G"]] if release == "trixie" else ""  # FRR 8.4 does not hand it down
    own = {name: IN_FORCE[modes[name]] for name in (*MEMBERS, ALONE)}
    return {name: own[name] or (of_group if name in MEMBERS else "") or inherited for name in own}


def by_hand(lab: frrlab.Lab, rng: random.Random) -> None:
    """Somebody says something to FRR that the module does not know of; FRR may refuse it."""
    line = rng.choice(LINES)
    words = f"bgp {line}" if rng.random() < 0.3 else f"neighbor {rng.choice(('G', *MEMBERS, ALONE))} {line}"
    no = rng.choice(("", "no "))
    lab.dut.run(f"vtysh -c 'conf t' -c 'router bgp {frrlab.DUT_ASN}' -c '{no}{words}'", check=False)


@pytest.mark.parametrize("hands", [False, True], ids=["alone", "with others' commands between"])
def test_any_mode_after_any_other(live: frrlab.Lab, hands: bool) -> None:
    live.afresh()
    rng = random.Random(f"graceful restart {hands}")
    modes: dict[str, str | None] = dict.fromkeys(("instance", "G", *MEMBERS, ALONE))
    for step in range(STEPS):
        for name in rng.sample(list(modes), rng.choice((1, 1, 2, 5))):
            modes[name] = rng.choice(MODES)
        if hands and step:
            by_hand(live, rng)
        args = {"config": configuration(modes), "state": "overridden"}
        result = live.dut.module(args)
        assert not result.get("failed"), (step, modes, result["msg"])
        assert not result.get("warnings"), (step, modes, result["warnings"])
        assert not live.dut.module(args, check=True)["changed"], (step, modes)
        if not hands:  # a word for what is there already by inheritance shows in no configuration
            assert in_force(live) == expected(modes, live.release), (step, modes, result["commands"])
