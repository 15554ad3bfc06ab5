# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""The files and services of the guests' agent, and the guests' list: what there should be, and what follows. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

CODE = "/usr/local/lib/routed-guests/routed_guests"
ENTRY = "/usr/local/sbin/routed-guests"
UNITS = "/etc/systemd/system"
CONFIG = "/etc/routed-guests/config.json"
DNSMASQ = "/etc/routed-guests/dnsmasq.conf"

AGENT = "routed-guests.service"
FIREWALL = "fabric-guests-firewall.service"
DHCP = "fabric-guests-dhcp.service"

# pmxcfs refuses longer files.
LIST_BYTES = 1024 * 1024
_MODULE = re.compile(r"[a-z_][a-z0-9_]*\.py")


class GuestAgentError(Exception):
    """Bad input, or a tool's refusal; one sentence for a person."""


class WantedFile(NamedTuple):
    text: str | None  # None: no such file
    mode: int = 0o644


class UnitState(NamedTuple):
    active: bool
    enabled: bool


class Action(NamedTuple):
    """One call of systemctl."""

    verb: str
    unit: str = ""

    def __str__(self) -> str:
        return f"systemctl {self.verb} {self.unit}".rstrip()

    @property
    def argv(self) -> list[str]:
        return ["systemctl", *self.verb.split(), *([self.unit] if self.unit else [])]


def wanted_files(options: Mapping[str, Any], there: Iterable[str]) -> dict[str, WantedFile]:
    """Path → file. *there*: the names in the directory of the code, of which those that are not given have to go."""
    code: Mapping[str, str] = options["code"]
    for name in code:
        if not _MODULE.fullmatch(name):
            raise GuestAgentError(f"code: '{name}' is not the name of a Python module's file")
    files = {f"{CODE}/{name}": WantedFile(None) for name in there if name not in code}
    files.update({f"{CODE}/{name}": WantedFile(str(text)) for name, text in code.items()})
    files[ENTRY] = WantedFile(options["entry"], 0o755)
    for name in (AGENT, FIREWALL, DHCP):
        text = options["units"].get(name)
        if name == FIREWALL and not options.get("firewall", True):
            continue
        if text is None and (name != DHCP or options["dhcp"]):
            raise GuestAgentError(f"units: '{name}' is missing")
        files[f"{UNITS}/{name}"] = WantedFile(text if name != DHCP or options["dhcp"] else None)
    unknown = sorted(set(options["units"]) - {AGENT, FIREWALL, DHCP})
    if unknown:
        raise GuestAgentError(f"units: '{unknown[0]}' is none of {AGENT}, {FIREWALL} and {DHCP}")
    files[CONFIG] = WantedFile(json.dumps(options["config"], indent=1) + "\n")
    files[DNSMASQ] = WantedFile(options["dhcp"] or None)
    return files


def before_files(changed: Iterable[str], wants_dhcp: bool, states: Mapping[str, UnitState]) -> list[Action]:
    """What has to happen while the old files are there still."""
    dhcp = states.get(DHCP, UnitState(False, False))
    if wants_dhcp or f"{UNITS}/{DHCP}" not in changed:
        return []
    return [Action("disable --now", DHCP)] if dhcp.active or dhcp.enabled else []


def after_files(
    changed: Iterable[str], wants_dhcp: bool, states: Mapping[str, UnitState], firewall: bool = True
) -> list[Action]:
    """
    What has to happen once the files are written: the firewall before the agent, which fills it.

    The agent is restarted only for a change of its own; it withdraws nothing when it stops. The firewall is reloaded
    in one transaction and never taken away.
    """
    paths = set(changed)
    actions = [Action("daemon-reload")] if any(path.startswith(f"{UNITS}/") for path in paths) else []
    concerned = any(path in (ENTRY, CONFIG) or path.startswith(f"{CODE}/") for path in paths)
    wanted = [
        *([(FIREWALL, "reload", concerned or f"{UNITS}/{FIREWALL}" in paths)] if firewall else []),
        (AGENT, "restart", concerned or f"{UNITS}/{AGENT}" in paths),
    ]
    if wants_dhcp:
        wanted.append((DHCP, "restart", DNSMASQ in paths or f"{UNITS}/{DHCP}" in paths))
    for unit, verb, needed in wanted:
        state = states.get(unit, UnitState(False, False))
        if not state.enabled:
            actions.append(Action("enable", unit))
        if not state.active:
            actions.append(Action("start", unit))
        elif needed:
            actions.append(Action(verb, unit))
    return actions


def parse_states(text: str) -> dict[str, UnitState]:
    """The output of `systemctl show --property=Id,ActiveState,UnitFileState UNIT...`."""
    states = {}
    for block in text.strip().split("\n\n"):
        values = dict(line.partition("=")[::2] for line in block.splitlines())
        if values.get("Id"):
            active = values.get("ActiveState") in ("active", "reloading", "activating")
            states[values["Id"]] = UnitState(active, values.get("UnitFileState", "").startswith("enabled"))
    return states


def render_guests(guests: Sequence[Mapping[str, Any]]) -> str:
    """The guests' list: one guest a line, so that differences are readable."""
    lines = ",\n".join(json.dumps(guest) for guest in guests)
    text = f'{{"guests": [\n{lines}\n]}}\n' if guests else '{"guests": []}\n'
    size = len(text.encode())
    if size > LIST_BYTES:
        raise GuestAgentError(
            f"guests: the list has {size} bytes, and Proxmox' cluster file system takes {LIST_BYTES} a file"
        )
    return text
