# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guests' agent: which files there should be, and what each change of them restarts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.routed.fabric.plugins.module_utils import _guest_agent as guest_agent
from ansible_collections.routed.fabric.plugins.module_utils._guest_agent import (
    AGENT,
    CODE,
    CONFIG,
    DHCP,
    DNSMASQ,
    ENTRY,
    FIREWALL,
    UNITS,
    GuestAgentError,
    UnitState,
)

OPTIONS: dict[str, Any] = {
    "code": {"__init__.py": "", "agent.py": "x"},
    "entry": "#!/usr/bin/python3\n",
    "units": {AGENT: "a", FIREWALL: "f", DHCP: "d"},
    "config": {"node": "pve1"},
    "dhcp": "",
}
RUNNING = {unit: UnitState(True, True) for unit in (AGENT, FIREWALL, DHCP)}


def after(*changed: str, dhcp: bool = False, states: dict[str, UnitState] | None = None) -> list[str]:
    return [str(a) for a in guest_agent.after_files(changed, dhcp, RUNNING if states is None else states)]


class TestFiles:
    def test_all_of_them(self):
        files = guest_agent.wanted_files(OPTIONS, ["old.py", "agent.py"])
        assert files[f"{CODE}/old.py"].text is None
        assert files[f"{CODE}/agent.py"].text == "x"
        assert files[f"{CODE}/__init__.py"].text == ""
        assert files[ENTRY].mode == 0o755
        assert files[CONFIG].text == '{\n "node": "pve1"\n}\n'
        assert files[f"{UNITS}/{AGENT}"].text == "a"

    def test_without_dhcp_its_files_go(self):
        files = guest_agent.wanted_files(OPTIONS, [])
        assert files[f"{UNITS}/{DHCP}"].text is None
        assert files[DNSMASQ].text is None
        files = guest_agent.wanted_files({**OPTIONS, "dhcp": "port=0\n"}, [])
        assert (files[f"{UNITS}/{DHCP}"].text, files[DNSMASQ].text) == ("d", "port=0\n")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"code": {"../x.py": ""}}, "code: '../x.py' is not the name of a Python module's file"),
            ({"units": {FIREWALL: ""}}, "units: 'routed-guests.service' is missing"),
            ({"units": {AGENT: "", FIREWALL: ""}, "dhcp": "x"}, "units: 'fabric-guests-dhcp.service' is missing"),
            ({"units": {AGENT: "", FIREWALL: "", "x": ""}}, "units: 'x' is none of routed-guests.service, "),
        ],
    )
    def test_bad_input_is_named(self, change, message):
        with pytest.raises(GuestAgentError, match=message):
            guest_agent.wanted_files({**OPTIONS, **change}, [])


class TestServices:
    def test_nothing_changed(self):
        assert after() == []

    def test_on_a_fresh_node(self):
        changed = [f"{UNITS}/{AGENT}", f"{UNITS}/{FIREWALL}", ENTRY, CONFIG]
        assert after(*changed, states={}) == [
            "systemctl daemon-reload",
            "systemctl enable fabric-guests-firewall.service",
            "systemctl start fabric-guests-firewall.service",
            "systemctl enable routed-guests.service",
            "systemctl start routed-guests.service",
        ]

    @pytest.mark.parametrize("path", [CONFIG, ENTRY, f"{CODE}/agent.py"])
    def test_a_change_of_the_agent_reloads_the_firewall_and_restarts_the_agent(self, path):
        assert after(path) == [
            "systemctl reload fabric-guests-firewall.service",
            "systemctl restart routed-guests.service",
        ]

    def test_a_unit_restarts_itself_alone(self):
        assert after(f"{UNITS}/{AGENT}") == ["systemctl daemon-reload", "systemctl restart routed-guests.service"]
        assert after(f"{UNITS}/{FIREWALL}") == [
            "systemctl daemon-reload",
            "systemctl reload fabric-guests-firewall.service",
        ]

    def test_dhcp(self):
        assert after(DNSMASQ, dhcp=True) == ["systemctl restart fabric-guests-dhcp.service"]
        assert after(dhcp=True, states={**RUNNING, DHCP: UnitState(False, True)}) == [
            "systemctl start fabric-guests-dhcp.service"
        ]

    def test_dhcp_that_is_no_longer_wanted_stops_before_its_unit_goes(self):
        gone = [f"{UNITS}/{DHCP}", DNSMASQ]
        assert [str(a) for a in guest_agent.before_files(gone, False, RUNNING)] == [
            "systemctl disable --now fabric-guests-dhcp.service"
        ]
        assert guest_agent.before_files(gone, False, {}) == []
        assert after(*gone) == ["systemctl daemon-reload"]

    def test_states(self):
        text = (
            "Id=routed-guests.service\nActiveState=active\nUnitFileState=enabled\n\n"
            "Id=fabric-guests-firewall.service\nActiveState=inactive\nUnitFileState=\n"
        )
        assert guest_agent.parse_states(text) == {AGENT: UnitState(True, True), FIREWALL: UnitState(False, False)}

    def test_command_lines(self):
        assert guest_agent.Action("disable --now", DHCP).argv == ["systemctl", "disable", "--now", DHCP]
        assert guest_agent.Action("daemon-reload").argv == ["systemctl", "daemon-reload"]


class TestList:
    def test_one_guest_a_line(self):
        guests = [{"name": "a", "addresses": ["192.0.2.1"]}, {"name": "b", "addresses": []}]
        text = guest_agent.render_guests(guests)
        assert text == (
            '{"guests": [\n{"name": "a", "addresses": ["192.0.2.1"]},\n{"name": "b", "addresses": []}\n]}\n'
        )
        assert json.loads(text) == {"guests": guests}

    def test_none(self):
        assert json.loads(guest_agent.render_guests([])) == {"guests": []}

    def test_too_many(self):
        with pytest.raises(GuestAgentError, match=r"guests: the list has \d+ bytes, and Proxmox' cluster file system"):
            guest_agent.render_guests([{"name": "x" * 1000}] * 1100)
