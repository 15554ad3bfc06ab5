# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Graceful restart of neighbours and groups: the ways on which FRR's state machine follows. Private. Pure.

bgpd keeps two things for each neighbour and group: the *state* (inherits, or one of three modes), which decides what a
command does, and the *flags*, which the running configuration is printed from. They come apart:

- FRR 8.4: a group's flags do not follow when the instance's mode changes, and a command for the mode that the instance
  has does not touch them: the group then shows the mode that the instance had when the group was made. The command for
  the mode that the state has already, and `no` for another mode than the state's, are refused.
- FRR 10.3: a group's command writes its members' flags and leaves their states alone, a member that joins gets the
  flags, and a change of the instance's mode writes them again for every member whose state still inherits. Commands
  that find the state as wanted are silently ignored: the flags stay as they are.

The state cannot be read, so no command relies on it. Each way leads through a mode that is neither the wanted one nor
the instance's, and back to inherit: entering the mode makes the state known; leaving it writes the flags anew, since
they differ. The wanted mode, given then, finds both as FRR makes them for somebody new. Only the first step may find
its state already there, which 8.4 calls an error and which changes nothing.
None of these commands touches a session: the capability is told when one opens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ansible_collections.routed.fabric.plugins.module_utils._frr._tree import Line

HELPER, RESTART, DISABLE = "graceful-restart-helper", "graceful-restart", "graceful-restart-disable"
INHERIT = ""
# The mode to go through: (the instance's mode, the wanted one).
THROUGH = {
    (HELPER, INHERIT): DISABLE,
    (HELPER, HELPER): DISABLE,
    (HELPER, RESTART): DISABLE,
    (HELPER, DISABLE): RESTART,
    (RESTART, INHERIT): HELPER,
    (RESTART, HELPER): DISABLE,
    (RESTART, RESTART): HELPER,
    (RESTART, DISABLE): HELPER,
    (DISABLE, INHERIT): HELPER,
    (DISABLE, HELPER): RESTART,
    (DISABLE, RESTART): HELPER,
    (DISABLE, DISABLE): HELPER,
}
_LINE = re.compile(rf"neighbor (\S+) ({HELPER}|{DISABLE}|{RESTART})")


def mode_of(text: str) -> str:
    """The mode that a neighbour's or group's line sets; nothing for every other line."""
    found = _LINE.fullmatch(text)
    return found.group(2) if found else INHERIT


def instance_mode(texts: Sequence[str]) -> str:
    """The mode of an instance with these lines, as its neighbours would say it."""
    for text in texts:
        if text in (f"bgp {RESTART}", f"bgp {DISABLE}"):
            return text[len("bgp ") :]
    return HELPER


def way(name: str, wanted: str, instance: str) -> list[str]:
    """The commands that bring a neighbour or group that stands already, in whatever mode, to one or to inherit."""
    through = THROUGH[instance, wanted]
    reset = [f"neighbor {name} {through}", f"no neighbor {name} {through}"]
    return [*reset, f"neighbor {name} {wanted}"] if wanted else reset


def is_step(text: str) -> bool:
    """True for a command that FRR 8.4 may refuse for no other reason than that it is so already."""
    return bool(_LINE.fullmatch(text.strip()))


def reaches_members(shown: Sequence[Line]) -> bool:
    """Whether a group's line is written over its members' in this FRR. `shown`: its running configuration."""
    return not any(not context and text.startswith("frr version 8.") for context, text in shown)
