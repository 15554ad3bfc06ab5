# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random configurations for ``frr_bgp`` that FRR accepts, to compare what we think of FRR with what FRR does.

``generate(seed, version, peers)`` makes one; ``mutate(config, seed)`` makes a neighbour of one: part of it the
same, part of it other. Over some hundred seeds every option of the argument tree occurs.
"""

from __future__ import annotations

import random
from typing import Any

from .instances import Generator
from .mixing import mix
from .repair import repair
from .values import ADDRESSES4, ADDRESSES6, UNNUMBERED


def generate(seed: int, version: tuple[int, int], peers: list[str]) -> dict[str, Any]:
    """A configuration that FRR of this version accepts whole.

    peers: interface names or addresses of neighbors that really answer. Each is a neighbor of the default instance,
    external, with only such attributes as leave the session up.
    """
    return Generator(random.Random(f"frr {seed}"), version, peers).config()


def mutate(
    config: dict[str, Any], seed: int, version: tuple[int, int] = (8, 4), peers: list[str] | None = None
) -> dict[str, Any]:
    """A valid configuration that has some parts of ``config`` and some of another.

    peers: as for generate; None: those that stand in ``config``. Later versions know what the default one knows.
    """
    rng = random.Random(f"mutate {seed}")
    if peers is None:
        known = {*UNNUMBERED, *ADDRESSES4, *ADDRESSES6}
        default = [item for item in config.get("instances", []) if item.get("vrf", "default") == "default"]
        names = [neighbor["neighbor"] for item in default for neighbor in item.get("neighbors", [])]
        peers = [name for name in names if name not in known]
    other = generate(rng.randrange(1 << 30), version, peers)
    mixed = mix(config, other, rng, 0.3)
    return repair(mixed)
