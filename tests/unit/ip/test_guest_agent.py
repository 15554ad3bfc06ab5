# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guests' agent: which files there should be, and what each change of them restarts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
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
from ansible_collections.routed.fabric.plugins.modules import guest_agent as guest_agent_module
from ansible_collections.routed.fabric.plugins.modules import guest_list as guest_list_module

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


class Machine:
    """AnsibleModule as far as the module asks for it, over a directory instead of a node."""

    def __init__(self, tmp_path, **more: Any) -> None:
        self.params = {**OPTIONS, **more}
        self.check_mode = False
        self.tmpdir = str(tmp_path)
        self.calls: list[str] = []
        self.refuse = ""

    def atomic_move(self, source: str, target: str) -> None:
        shutil.move(source, target)

    def run_command(self, argv: list[str]) -> tuple[int, str, str]:
        text = " ".join([Path(argv[0]).name, *argv[1:]])
        self.calls.append(text)
        return (1, "", "no") if self.refuse and text.startswith(self.refuse) else (0, "", "")


@pytest.fixture
def node(tmp_path, monkeypatch):
    for name in ("CODE", "ENTRY", "UNITS", "CONFIG", "DNSMASQ"):
        path = tmp_path / "node" / getattr(guest_agent, name).lstrip("/")
        monkeypatch.setattr(guest_agent, name, str(path))
    return tmp_path / "node"


class TestModule:
    def test_a_second_run_changes_nothing(self, node, tmp_path):
        assert guest_agent_module.GuestAgent(Machine(tmp_path)).run()["changed"]
        entry = Path(guest_agent.ENTRY)
        assert entry.stat().st_mode & 0o777 == 0o755
        entry.chmod(0o600)
        machine = Machine(tmp_path)
        done = guest_agent_module.GuestAgent(machine).run()
        assert [c for c in done["commands"] if not c.startswith("systemctl")] == [f"chmod 755 {entry}"]
        assert entry.stat().st_mode & 0o777 == 0o755

    def test_a_configuration_that_the_agent_refuses_goes_back(self, node, tmp_path):
        guest_agent_module.GuestAgent(Machine(tmp_path)).run()
        good = Path(guest_agent.CONFIG).read_text()
        machine = Machine(tmp_path, config={"node": "bad"}, code={"__init__.py": "", "new.py": ""})
        machine.refuse = "routed-guests check"
        with pytest.raises(GuestAgentError, match="`routed-guests check` says: no; the former files are back"):
            guest_agent_module.GuestAgent(machine).run()
        assert Path(guest_agent.CONFIG).read_text() == good
        assert sorted(path.name for path in Path(guest_agent.CODE).iterdir()) == ["__init__.py", "agent.py"]
        assert machine.calls[-1] == "systemctl restart routed-guests.service"

    def test_an_agent_that_does_not_start_goes_back(self, node, tmp_path):
        machine = Machine(tmp_path)
        machine.refuse = "systemctl start routed-guests.service"
        with pytest.raises(GuestAgentError, match=r"`systemctl start routed-guests.service` failed: no; the former"):
            guest_agent_module.GuestAgent(machine).run()
        assert not [path for path in node.rglob("*") if path.is_file()]

    def test_check_mode_writes_nothing(self, node, tmp_path):
        machine = Machine(tmp_path)
        machine.check_mode = True
        assert guest_agent_module.GuestAgent(machine).run()["changed"]
        assert not node.exists()


class TestGuestList:
    @staticmethod
    def run(path: Path, guests: list[dict[str, Any]], check_mode: bool = False) -> dict[str, Any]:
        module = SimpleNamespace(params={"path": str(path), "guests": guests}, check_mode=check_mode)
        return guest_list_module.GuestList(module).run()

    def test_four_calls(self, tmp_path):
        path = tmp_path / "fabric" / "guests.json"
        guests = [{"name": "a"}]
        assert self.run(path, guests, check_mode=True)["changed"]
        assert not path.exists()
        assert self.run(path, guests)["commands"] == [f"write {path}"]
        assert not self.run(path, guests, check_mode=True)["changed"]
        assert self.run(path, guests) | {"diff": None} == {
            "changed": False,
            "before": 1,
            "after": 1,
            "commands": [],
            "diff": None,
        }
        assert [entry.name for entry in path.parent.iterdir()] == ["guests.json"]

    def test_without_proxmox(self, tmp_path):
        with pytest.raises(GuestAgentError, match="Proxmox' cluster file system does not run"):
            self.run(tmp_path / "pve" / "fabric" / "guests.json", [])
