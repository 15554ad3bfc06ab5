# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`config.forwarding`: what is switched, what the file has, and that without it nothing is said of forwarding."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._frr import _forwarding
from ansible_collections.routed.fabric.plugins.module_utils._frr._errors import FrrError
from ansible_collections.routed.fabric.plugins.module_utils._frr._module import Call
from ansible_collections.routed.fabric.plugins.module_utils._frr._scope import is_ours
from ansible_collections.routed.fabric.plugins.module_utils._frr._tree import parse
from ansible_collections.routed.fabric.plugins.module_utils._frr._vtysh import Vtysh

OFF = {"ipv4": False, "ipv6": False}
ON = {"ipv4": True, "ipv6": True}
LINES = ("no ip forwarding", "no ipv6 forwarding")
HEAD = "! of somebody\n!\nfrr version 10.3\nfrr defaults datacenter\nhostname a\n"
REST = "!\nip prefix-list other seq 5 permit any\nrouter bgp 1\n neighbor 10.0.0.1 remote-as 2\nexit\n"


class Frr:
    """An FRR that holds a text and two switches, as a module's `run_command` meets it."""

    def __init__(self, file: Path, *, forwards: bool, refuses: bool = False) -> None:
        self.file = file
        self.on = {"ip": forwards, "ipv6": forwards}
        self.refuses = refuses
        self.fed: list[str] = []

    def running(self) -> str:
        off = "".join(f"no {word} forwarding\n" for word, on in self.on.items() if not on)
        return f"frr version 10.3\nfrr defaults datacenter\nhostname a\n{off}{REST}"

    def run_command(self, argv: list[str], **dummy: Any) -> tuple[int, str, str]:
        if argv[1] == "-c":
            return 0, f"zebra bgpd\nBuilding configuration...\n{self.running()}", ""
        text = Path(argv[-1]).read_text(encoding="utf-8")
        if argv[1:-1] == ["-f"]:
            self.fed += text.splitlines()
            for line in text.splitlines():
                word = line.removeprefix("no ").split()[0]
                if not self.refuses:
                    self.on[word] = not line.startswith("no ")
        return 0, "", ""

    def call(self, config: dict[str, Any], state: str = "replaced", *, check: bool = False) -> dict[str, Any]:
        module = type("Module", (), {})()
        module.run_command, module.tmpdir, module.check_mode = self.run_command, str(self.file.parent), check
        module.params = {
            "state": state,
            "config": config,
            "name_prefix": "fabric-",
            "save": True,
            "renew_protocol_route_maps": False,
            "running_config": self.running(),
        }
        call = Call(module)
        call.vtysh.config_file = self.file
        return call.run()

    def saved(self) -> list[str]:
        """The file's forwarding lines."""
        return [line for line in self.file.read_text(encoding="utf-8").splitlines() if "forwarding" in line]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    path = tmp_path / "frr.conf"
    path.write_text(HEAD + REST, encoding="utf-8")
    return path


def test_switched_off_saved_and_left_alone(file: Path) -> None:
    """Check, run, check, run."""
    frr = Frr(file, forwards=True)
    before = file.read_text(encoding="utf-8")
    told = frr.call({"forwarding": OFF}, check=True)
    assert told["changed"] and told["saved"] and told["commands"] == list(LINES)
    assert frr.fed == [] and file.read_text(encoding="utf-8") == before
    assert told["before"]["forwarding"] == ON and told["after"]["forwarding"] == OFF
    assert told["diff"]["before"] == "" and told["diff"]["after"] == "no ip forwarding\nno ipv6 forwarding\n"
    done = frr.call({"forwarding": OFF})
    assert done == told
    assert frr.fed == list(LINES) and frr.on == {"ip": False, "ipv6": False}
    assert sorted(frr.saved()) == sorted(LINES)
    assert "! of somebody" in file.read_text(encoding="utf-8")
    for check in (True, False):
        again = frr.call({"forwarding": OFF}, check=check)
        assert not again["changed"] and again["commands"] == [] and "diff" not in again


def test_a_kernel_that_does_not_forward_is_not_told_again_but_the_file_is_made_right(file: Path) -> None:
    """As after the sysctls, on a node whose FRR never heard of it."""
    frr = Frr(file, forwards=False)
    done = frr.call({"forwarding": OFF})
    assert done["changed"] and done["saved"] and done["commands"] == [] and frr.fed == []
    assert sorted(frr.saved()) == sorted(LINES)
    assert done["diff"]["before"] == "" and done["diff"]["after"] == "no ip forwarding\nno ipv6 forwarding\n"
    assert not frr.call({"forwarding": OFF})["changed"]


def test_switched_on(file: Path) -> None:
    file.write_text(_forwarding.in_file(HEAD + REST, OFF), encoding="utf-8")
    frr = Frr(file, forwards=False)
    done = frr.call({"forwarding": {"ipv6": True}})
    assert done["commands"] == ["ipv6 forwarding"] and frr.on == {"ip": False, "ipv6": True}
    assert frr.saved() == ["no ip forwarding"], "nobody said anything of IPv4"
    assert not frr.call({"forwarding": {"ipv6": True}})["changed"]


@pytest.mark.parametrize("config", [{}, {"forwarding": {}}, {"forwarding": {"ipv4": None, "ipv6": None}}])
@pytest.mark.parametrize("state", ["merged", "replaced"])
@pytest.mark.parametrize("text", [HEAD + REST, _forwarding.in_file(HEAD + REST, OFF), HEAD + "ip forwarding\n" + REST])
def test_without_the_option_nothing_is_said_of_it(file: Path, text: str, state: str, config: dict[str, Any]) -> None:
    file.write_text(text, encoding="utf-8")
    for forwards in (True, False):
        frr = Frr(file, forwards=forwards)
        done = frr.call(config, state)
        assert done == {"changed": False, "before": {}, "after": {}, "commands": [], "saved": False}
        assert frr.fed == [] and file.read_text(encoding="utf-8") == text


def test_what_is_gathered_leaves_it_out(file: Path) -> None:
    frr = Frr(file, forwards=False)
    for result in (frr.call({}, "gathered")["gathered"], frr.call({}, "parsed")["parsed"]):
        assert "forwarding" not in result


def test_rendered(file: Path) -> None:
    assert Frr(file, forwards=True).call({"forwarding": {"ipv4": False, "ipv6": True}}, "rendered") == {
        "changed": False,
        "rendered": "no ip forwarding\n",
    }


def test_deleted_leaves_the_kernel_as_it_is_and_other_objects_alone(file: Path) -> None:
    file.write_text(_forwarding.in_file(HEAD + REST, OFF), encoding="utf-8")
    frr = Frr(file, forwards=False)
    done = frr.call({"forwarding": OFF}, "deleted")
    assert done["changed"] and done["commands"] == [] and frr.fed == [] and frr.saved() == []
    assert not frr.call({"forwarding": OFF}, "deleted")["changed"]
    test = is_ours({"forwarding": OFF}, [], "deleted", "fabric-")
    assert not any(map(test, parse("ip prefix-list fabric-a seq 5 permit any\nno ip forwarding\n")))


def test_a_refusal(file: Path) -> None:
    frr = Frr(file, forwards=True, refuses=True)
    before = file.read_text(encoding="utf-8")
    with pytest.raises(FrrError) as caught:
        frr.call({"forwarding": OFF})
    assert str(caught.value) == (
        "FRR did not switch forwarding; not in effect: no ip forwarding | no ipv6 forwarding; "
        "the former configuration is unchanged"
    )
    assert file.read_text(encoding="utf-8") == before
    assert frr.fed == [*LINES, "ip forwarding", "ipv6 forwarding"]


def test_a_file_that_cannot_be_written_takes_it_back(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Vtysh, text: str) -> None:
        raise FrrError("cannot write /etc/frr/frr.conf: No space left on device")

    monkeypatch.setattr(Vtysh, "save", full)
    frr = Frr(file, forwards=True)
    with pytest.raises(FrrError) as caught:
        frr.call({"forwarding": OFF})
    assert str(caught.value) == (
        "cannot write /etc/frr/frr.conf: No space left on device; the former configuration is unchanged"
    )
    assert frr.fed == [*LINES, "ip forwarding", "ipv6 forwarding"] and frr.on == {"ip": True, "ipv6": True}


@pytest.mark.parametrize(
    ("text", "wanted", "after"),
    [
        ("", OFF, "no ipv6 forwarding\nno ip forwarding\n"),
        ("", ON, ""),
        (HEAD + REST, {"ipv4": False}, HEAD + "no ip forwarding\n" + REST),
        ("router bgp 1\n no ip forwarding\n", {"ipv4": False}, "no ip forwarding\nrouter bgp 1\n no ip forwarding\n"),
        ("a\nip forwarding\nb\n", {"ipv4": False}, "no ip forwarding\na\nb\n"),
        ("a\nip forwarding\nb\n", {"ipv4": True}, "a\nip forwarding\nb\n"),
        ("a\nno ip forwarding\nb\n", {"ipv4": True}, "a\nb\n"),
        ("a\nno ip forwarding\nb\nno ip forwarding\n", {"ipv4": False}, "no ip forwarding\na\nb\n"),
        ("a\nno ip forwarding\n", {"ipv6": False}, "no ipv6 forwarding\na\nno ip forwarding\n"),
        ("hostname a", {"ipv4": False}, "no ip forwarding\nhostname a"),
    ],
)
def test_the_file(text: str, wanted: dict[str, bool], after: str) -> None:
    assert _forwarding.in_file(text, wanted) == after
    assert _forwarding.in_file(after, wanted) == after
    assert _forwarding.in_file(text, {}) == text
