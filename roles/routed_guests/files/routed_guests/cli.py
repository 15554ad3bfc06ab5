# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`routed-guests run | status [--json] | firewall | check`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from . import config as configuration
from .journal import ERROR, NOTICE, Journal


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="routed-guests", description="Keeps routes to the guests of this Proxmox node."
    )
    parser.add_argument("--config", default=configuration.PATH, metavar="FILE", help="default: %(default)s")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="the agent; ends with SIGTERM and leaves everything in place")
    shown = commands.add_parser("status", help="what it does for which guest, and what it refuses")
    shown.add_argument("--json", action="store_true", help="as one JSON object")
    commands.add_parser("firewall", help="load the rules that stand without the agent, and say by what they tell ports")
    commands.add_parser("check", help="check the configuration")
    options = parser.parse_args(arguments)
    journal = Journal()
    try:
        data = configuration.load_data(options.config)
        if "ports" in data:
            return _edge(options, data, journal)
        config = configuration.load(options.config)
    except configuration.ConfigError as exc:
        journal.say(ERROR, str(exc))
        return 2
    if options.command == "check":
        print(f"{options.config}: node {config.node}, table {config.table}, sources {', '.join(config.sources)}")
        return 0
    if options.command == "firewall":
        return _firewall(config, journal)
    if options.command == "status":
        return _status(config.run, options.json)
    return _run(config, journal)


def _edge(options: argparse.Namespace, data: dict[str, Any], journal: Journal) -> int:
    """An edge router of extended subnets: devices instead of guests."""
    from . import edge  # noqa: PLC0415

    try:
        config = edge.read_config(data)
    except configuration.ConfigError as exc:
        raise configuration.ConfigError(f"{options.config}: {exc}") from exc
    if options.command == "check":
        print(f"{options.config}: node {config.node}, ports {', '.join(port.interface for port in config.ports)}")
        return 0
    if options.command == "firewall":
        return 0
    if options.command == "status":
        return _status(config.run, options.json)
    from .kernel import Kernel  # noqa: PLC0415

    edge.EdgeAgent(config, journal, Kernel()).run()
    return 0


def _firewall(config: configuration.Config, journal: Journal) -> int:
    from . import nft  # noqa: PLC0415

    try:
        mode = nft.load(config)
    except nft.NftError as exc:
        journal.say(ERROR, f"the firewall cannot be loaded: {exc}")
        return 1
    told = (
        "the bridge's name" if mode == nft.BY_BRIDGE else "the agent's set of ports (this kernel has no `meta ibrname`)"
    )
    journal.say(NOTICE, f"loaded; frames of {config.bridge} are told by {told}")
    print(mode)
    return 0


def _status(place: str, as_json: bool) -> int:
    import json  # noqa: PLC0415

    from . import status  # noqa: PLC0415

    try:
        data = status.read(place)
    except (OSError, ValueError) as exc:
        sys.stderr.write(f"{place}/status.json: {exc}\n")
        return 1
    print(json.dumps(data, indent=2) if as_json else status.text(data))
    return 0


def _run(config: configuration.Config, journal: Journal) -> int:
    from .agent import Agent  # noqa: PLC0415
    from .kernel import Kernel  # noqa: PLC0415
    from .loop import Loop  # noqa: PLC0415
    from .nft import Firewall  # noqa: PLC0415

    Loop(Agent(config, journal, Kernel(), Firewall(config, journal))).run()
    return 0
