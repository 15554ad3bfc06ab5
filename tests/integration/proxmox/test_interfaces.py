# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real ifupdown2 reads the same from our files before and after Proxmox' editor, and reloads them unchanged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pve_interfaces
import pytest
from ansible_collections.routed.fabric.plugins.module_utils import _interfaces_file as interfaces_file
from ansible_collections.routed.fabric.plugins.module_utils._interfaces_file import Iface
from ansible_collections.routed.fabric.plugins.module_utils._proxmox import _texts
from machine import Machine

MAIN = interfaces_file.IFUPDOWN2_MAIN
BRIDGE = [
    Iface("vmbr1", "inet", "static", (("address", "169.254.0.1/32"), ("bridge-ports", "none"), ("bridge-fd", "0"))),
    Iface("vmbr1", "inet6", "static", (("address", "fe80::1/64"),)),
]
OPTIONS: dict[str, Any] = {
    "loopback": {"addresses": ["10.255.0.11/32", "2001:db8::b/128"]},
    "interfaces": [{"name": "up0", "mtu": 9216}, {"name": "up1", "mtu": 9000}],
}


@pytest.fixture(params=["trixie", "bookworm"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    made = Machine(request.param, tmp_path, "underlay_interfaces")
    yield made
    made.stop()


def understood(machine: Machine) -> list[str]:
    """What ifupdown2 makes of the files: stanzas, whatever their order."""
    text = machine.shell("ifquery -a").stdout
    return sorted(stanza.strip() for stanza in re.split(r"\n\n+", text) if stanza.strip())


def test_the_editor_changes_nothing_that_ifupdown2_sees(machine: Machine) -> None:
    machine.shell("mkdir -p /etc/network/interfaces.d /etc/iproute2/rt_tables.d")
    assert machine.call(OPTIONS)["changed"]
    main = _texts.with_main_interfaces(machine.read(MAIN), ["up0", "up1"])
    main = interfaces_file.with_interface(main, "vmbr1", BRIDGE)
    machine.shell(f"cat > {MAIN}", main)
    machine.shell("ifreload -a")
    before, wanted = machine.state(), understood(machine)
    assert before["vmbr1"][2] == ["169.254.0.1/32"]
    assert before["up0"][0] == 9216

    made = pve_interfaces.rewrite(main, ["up0", "up1"])
    assert made != main
    machine.shell(f"cat > {MAIN}", made)
    assert understood(machine) == wanted
    machine.shell("ifreload -a")
    assert machine.state() == before
    again = machine.call(OPTIONS, check=True)
    assert (again["changed"], again["commands"]) == (False, [])

    # the same question asked of a file that the editor does damage to has another answer
    blog = main.replace("\taddress 169.254.0.1/32\n", "\taddress 169.254.0.1/32\n\taddress fe80::1/64\n")
    machine.shell(f"cat > {MAIN}", pve_interfaces.rewrite(blog, ["up0", "up1"]))
    assert understood(machine) != wanted
