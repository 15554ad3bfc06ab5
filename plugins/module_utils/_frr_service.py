# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection routed.fabric: no promise is made to code outside of it.
"""FRR's own files beside its configuration: which daemons start, where the configuration is kept. Pure."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping

# FRR names them in /etc/frr/daemons; zebra, staticd, mgmtd and watchfrr always start and do not stand there.
DAEMONS = (
    "bgpd",
    "ospfd",
    "ospf6d",
    "ripd",
    "ripngd",
    "isisd",
    "pimd",
    "pim6d",
    "ldpd",
    "nhrpd",
    "eigrpd",
    "babeld",
    "sharpd",
    "pbrd",
    "bfdd",
    "fabricd",
    "vrrpd",
    "pathd",
)

_INTEGRATED = "service integrated-vtysh-config"
_FORWARDING = re.compile(r"^no (ip|ipv6) forwarding\n", re.MULTILINE)
_FAMILY = {"ip": "ipv4", "ipv6": "ipv6"}


def enabled(text: str) -> dict[str, bool]:
    """Daemon → whether it starts; the last line of a name counts, as it does for the shell that reads the file."""
    return {name: value == "yes" for name, value in re.findall(r"^(\w+)=(\w+)\s*$", text, re.MULTILINE)}


def with_daemons(text: str, wanted: Mapping[str, bool]) -> str:
    """The file with these daemons as wanted; other lines stay as they are."""
    for name, on in wanted.items():
        line = f"{name}={'yes' if on else 'no'}"
        pattern = re.compile(rf"^{re.escape(name)}=\w*[ \t]*$", re.MULTILINE)
        if pattern.search(text):
            text = pattern.sub(line, text)
        else:
            text = f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{line}\n"
    return text


def with_integrated_config(vtysh_conf: str) -> str:
    """vtysh.conf that keeps one frr.conf for all daemons; a line that says otherwise goes."""
    lines = [line for line in vtysh_conf.splitlines() if line.strip() != f"no {_INTEGRATED}"]
    if _INTEGRATED not in (line.strip() for line in lines):
        lines.append(_INTEGRATED)
    return "".join(f"{line}\n" for line in lines)


def first_config(hostname: str, profile: str) -> str:
    """frr.conf for an FRR that has none: the profile, and nothing that anyone could miss."""
    return f"frr defaults {profile}\nhostname {hostname}\nlog syslog informational\n{_INTEGRATED}\n!\n"


def is_untouched(frr_conf: str) -> bool:
    """Whether nobody has configured anything: only what the packages put there."""
    packaged = {"log syslog informational", _INTEGRATED, "!", ""}
    lines = (line.strip() for line in frr_conf.splitlines())
    return all(line in packaged or line.startswith("#") for line in lines)


def without_forwarding_lines(frr_conf: str, but: Container[str] = ()) -> str:
    """
    FRR writes `no ip forwarding` when the sysctl is 0 at that moment, and turns forwarding off when it reads it again.
    Forwarding belongs to sysctl.d. `but`: families of which somebody says what the file shall have.
    """
    return _FORWARDING.sub(lambda found: found[0] if _FAMILY[found[1]] in but else "", frr_conf)


def unsaved_lines(running: str, saved: str) -> list[str]:
    """What FRR runs with and its file does not have, apart from what FRR adds by itself."""
    own = re.compile(
        r"frr (version|defaults) |hostname |no (ip|ipv6) forwarding$|service integrated-vtysh-config$|exit|end$|!|$"
    )
    there = {line.strip() for line in saved.splitlines()}
    return [line.strip() for line in running.splitlines() if not own.match(line.strip()) and line.strip() not in there]
