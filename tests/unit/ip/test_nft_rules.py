# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nft_rules over a directory that stands for a node's `/`, with an nft and a systemctl that keep what they are told."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.routed.fabric.plugins.module_utils import _nft_rules
from ansible_collections.routed.fabric.plugins.module_utils._nft_rules import NftError, NftRules, Wanted
from ansible_collections.routed.fabric.plugins.modules import nft_rules
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.planner import plan

ROOT = Path(__file__).resolve().parents[3]
RULES = """\
# A comment with a brace {
table ip mine
delete table ip mine
table ip mine {
\tchain postrouting { # "
\t\ttype nat hook postrouting priority srcnat; policy accept;
\t\toifname "e{th" masquerade
\t}
}
"""
OPTIONS: dict[str, Any] = {
    "name": "gateway",
    "tables": ["ip mine"],
    "description": "Address translation",
    "rules": RULES,
    "state": "present",
}
GONE = {"state": "absent", "rules": None, "description": None}
FILE = "/etc/routed-fabric/gateway.nft"
UNIT = "/etc/systemd/system/fabric-gateway.service"
LINK = "etc/systemd/system/multi-user.target.wants/fabric-gateway.service"
OTHERS = {"inet filter": "table inet filter {\n}\n"}
PUT_BACK = "; everything is as it was before"


class Node:
    """AnsibleModule as far as the module asks for it, and the programs of a node."""

    def __init__(self, root: Path, systemd: bool = True) -> None:
        self.root = root
        self.tmpdir = str(root / "tmp")
        self.tables = dict(OTHERS)
        self.nft: str | None = "/usr/sbin/nft"
        self.active = False
        self.calls: list[str] = []
        self.refused = ""  # the beginning of a call that fails
        self.params: dict[str, Any] = {}
        self.check_mode = False
        self._diff = True
        for name in ("usr/bin", "tmp", *(["run/systemd/system"] if systemd else [])):
            (root / name).mkdir(parents=True)
        (root / "usr/bin/systemctl").write_text("")

    def call(self, check: bool = False, **changes: Any) -> dict[str, Any]:
        self.params = {**OPTIONS, **changes}
        self.check_mode = check
        self.calls = []
        return NftRules(self, str(self.root)).run()  # type: ignore[arg-type]

    def get_bin_path(self, name: str) -> str | None:
        assert name == "nft"
        return self.nft

    def atomic_move(self, source: str, target: str) -> None:
        shutil.move(source, target)

    def run_command(self, argv: list[str], data: str | None = None, **dummy: Any) -> tuple[int, str, str]:
        words = [Path(argv[0]).name, *argv[1:]]
        self.calls.append(" ".join(words).replace(str(self.root), ""))
        if self.refused and self.calls[-1].startswith(self.refused):
            return 1, "", "/dev/stdin:7:3-9: Error: No such file or directory\n\t\toifname\n\t\t^^^^^^^\n"
        return (0, self._nft(words, data), "") if words[0] == "nft" else (self._systemctl(words), "", "")

    def _nft(self, words: list[str], data: str | None) -> str:
        if words[1:3] == ["list", "tables"]:
            return "".join(f"table {table}\n" for table in self.tables)
        if words[1:3] == ["list", "table"]:
            return self.tables[" ".join(words[3:])]
        if words[1] == "-f":
            self._load(data if words[2] == "-" else Path(words[2]).read_text())
        return ""

    def _load(self, text: str | None) -> None:
        assert text is not None
        for command in _nft_rules.outermost(text):
            verb, table = command.split(" ", 1)
            if verb == "delete":
                del self.tables[table.removeprefix("table ")]
            else:
                self.tables[table] = text[text.rindex(f"table {table}") :]

    def _systemctl(self, words: list[str]) -> int:
        link, unit = self.root / LINK, self.root / UNIT[1:]
        if words[1] == "is-active":
            return 0 if self.active else 3
        if words[1] == "enable":
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(unit)
        elif words[1] == "disable":
            link.unlink()
        elif words[1] == "start":
            assert unit.exists()
            self.active = True
            self._load((self.root / FILE[1:]).read_text())
        elif words[1] == "stop":
            self.active = False
        return 0

    def files(self) -> dict[str, str]:
        found = (path for path in sorted((self.root / "etc").rglob("*")) if path.is_file() or path.is_symlink())
        return {f"/{path.relative_to(self.root)}": path.read_text() if path.exists() else "" for path in found}

    def state(self) -> tuple[dict[str, str], dict[str, str], bool]:
        return dict(self.tables), self.files(), self.active


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def said(node: Node, **changes: Any) -> str:
    before = node.state()
    with pytest.raises(NftError) as caught:
        node.call(**changes)
    assert node.state() == before
    return str(caught.value)


class TestFourCalls:
    def test_present_and_absent(self, node: Node) -> None:
        for change, commands in (
            (
                {},
                [
                    f"write {FILE}",
                    f"write {UNIT}",
                    "systemctl daemon-reload",
                    "systemctl start fabric-gateway.service",
                    "systemctl enable fabric-gateway.service",
                ],
            ),
            (
                GONE,
                [
                    "systemctl stop fabric-gateway.service",
                    "systemctl disable fabric-gateway.service",
                    "nft delete table ip mine",
                    f"remove {FILE}",
                    f"remove {UNIT}",
                    "systemctl daemon-reload",
                ],
            ),
        ):
            before = node.state()
            predicted = node.call(check=True, **change)
            assert (predicted["changed"], predicted["commands"]) == (True, commands)
            assert node.state() == before
            done = node.call(**change)
            assert done == predicted
            for check in (True, False):
                again = node.call(check=check, **change)
                assert (again["changed"], again["commands"], again["diff"]) == (False, [], [])
                assert again["before"] == again["after"] == done["after"]
                assert node.calls == ["systemctl is-active --quiet fabric-gateway.service", "nft list tables"]
        assert node.state() == (OTHERS, {}, False)

    def test_what_is_there_then(self, node: Node) -> None:
        done = node.call()
        assert done["before"] == {"tables": [], "enabled": False, "active": False}
        assert done["after"] == {"tables": ["ip mine"], "enabled": True, "active": True}
        assert list(node.tables) == ["inet filter", "ip mine"]
        assert node.files()[FILE] == RULES
        assert "\nDescription=Address translation (routed.fabric)\n" in node.files()[UNIT]
        assert f"\nExecStart=/usr/sbin/nft -f {FILE}\n" in node.files()[UNIT]
        assert [row["before_header"] for row in done["diff"]] == ["what is loaded", FILE, UNIT]
        assert done["diff"][0]["after"] == (
            "table ip mine\nfabric-gateway.service enabled\nfabric-gateway.service active\n"
        )

    def test_other_rules_are_loaded_at_once_and_the_unit_stays(self, node: Node) -> None:
        node.call()
        done = node.call(rules=RULES.replace("e{th", "wan"))
        assert done["commands"] == [f"write {FILE}", f"nft -f {FILE}"]
        assert '"wan"' in node.tables["ip mine"]
        assert not node.call(rules=RULES.replace("e{th", "wan").rstrip("\n"))["changed"]

    def test_another_unit_does_not_load_the_rules_again(self, node: Node) -> None:
        node.call()
        done = node.call(description="Translation")
        assert done["commands"] == [f"write {UNIT}", "systemctl daemon-reload"]

    def test_tables_that_somebody_flushed_come_back(self, node: Node) -> None:
        node.call()
        node.tables = dict(OTHERS)
        assert node.call()["commands"] == [f"nft -f {FILE}"]
        assert not node.call()["changed"]

    def test_one_of_two_tables_is_missing(self, node: Node) -> None:
        both = {"tables": ["ip mine", "arp mine"], "rules": RULES + RULES.replace("ip mine", "arp mine")}
        node.call(**both)
        del node.tables["arp mine"]
        assert node.call(**both)["commands"] == [f"nft -f {FILE}"]
        assert not node.call(**both)["changed"]

    def test_a_unit_that_was_stopped_or_disabled(self, node: Node) -> None:
        node.call()
        node.active = False
        (node.root / LINK).unlink()
        assert node.call()["commands"] == [
            "systemctl start fabric-gateway.service",
            "systemctl enable fabric-gateway.service",
        ]


class TestNodes:
    def test_without_a_running_systemd(self, tmp_path: Path) -> None:
        node = Node(tmp_path, systemd=False)
        done = node.call()
        assert done["commands"] == [
            f"write {FILE}",
            f"write {UNIT}",
            f"nft -f {FILE}",
            "systemctl enable fabric-gateway.service",
        ]
        assert done["after"] == {"tables": ["ip mine"], "enabled": True, "active": None}
        assert not node.call()["changed"]
        assert node.call(**GONE)["commands"] == [
            "systemctl disable fabric-gateway.service",
            "nft delete table ip mine",
            f"remove {FILE}",
            f"remove {UNIT}",
        ]

    def test_without_systemd(self, node: Node) -> None:
        (node.root / "usr/bin/systemctl").unlink()
        assert said(node) == "there is no systemd on this node, which loads the rules after a reboot"

    def test_without_nft(self, node: Node) -> None:
        node.nft = None
        assert node.call(check=True)["changed"]
        assert said(node) == "there is no nft on this node; install the package nftables"
        assert not node.call(**GONE)["changed"]

    def test_an_older_unit_is_taken_over(self, node: Node) -> None:
        """As role border_gateway wrote it before there was the module: the rules are not loaded again."""
        node.call()
        (node.root / UNIT[1:]).write_text(
            f"[Unit]\nDescription=x\n[Service]\nType=oneshot\nExecStart=/usr/sbin/nft -f {FILE}\n"
        )
        assert node.call()["commands"] == [f"write {UNIT}", "systemctl daemon-reload"]

    def test_a_unit_of_somebody_else(self, node: Node) -> None:
        (node.root / UNIT[1:]).parent.mkdir(parents=True)
        (node.root / UNIT[1:]).write_text("[Service]\nExecStart=/bin/true\n")
        wanted = f"name: {UNIT} is there and does not load {FILE}; take another name"
        assert said(node) == said(node, **GONE) == wanted


class TestFailures:
    @pytest.mark.parametrize("check", [True, False])
    def test_rules_that_nft_refuses(self, node: Node, check: bool) -> None:
        node.refused = "nft -c"
        assert said(node, check=check) == (
            f"rules: nft refuses them for {FILE}: line 7: No such file or directory; nothing was changed"
        )

    def test_rules_that_do_not_load(self, node: Node) -> None:
        node.call()
        node.refused = f"nft -f {FILE}"
        assert said(node, rules=RULES + "\n") == (
            f"`nft -f {node.root}{FILE}` failed: line 7: No such file or directory{PUT_BACK}"
        )

    @pytest.mark.parametrize("refused", ["systemctl enable", "systemctl start", "systemctl daemon-reload"])
    def test_a_fresh_node(self, node: Node, refused: str) -> None:
        def ends() -> None:
            """daemon-reload is called again when it is undone."""
            if refused.endswith("reload"):
                assert "; could not be undone: `systemctl daemon-reload` failed" in message
            else:
                assert message.endswith(PUT_BACK), message

        node.refused = refused
        message = said(node)
        assert message.startswith(f"`{refused}")
        ends()

    def test_a_table_that_was_changed_by_hand_is_put_back_as_it_was(self, node: Node) -> None:
        node.call()
        node.tables["ip mine"] = "table ip mine {\n\tchain by_hand {\n\t}\n}\n"
        (node.root / LINK).unlink()
        node.refused = "systemctl enable"
        said(node, rules=RULES + "\n")
        assert "by_hand" in node.tables["ip mine"]

    def test_taking_away_is_undone(self, node: Node) -> None:
        node.call()
        node.refused = "nft -f -"
        with pytest.raises(NftError, match=r"^`nft -f -` failed: line 7"):
            node.call(**GONE)
        assert (node.active, "ip mine" in node.tables, LINK in str(node.files())) == (True, True, True)

    def test_tables_that_do_not_come(self, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
        node.call()
        node.tables = dict(OTHERS)
        monkeypatch.setattr(node, "_load", lambda text: None)
        assert said(node) == f"all of it went well, but this is still to do: nft -f {FILE}{PUT_BACK}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "Gate way"}, "name: 'Gate way' is not made of lower-case letters, digits and single dashes"),
        ({"name": "../x"}, "name: '../x' is not made of lower-case letters, digits and single dashes"),
        ({"tables": []}, "tables: there has to be one"),
        (
            {"tables": ["mine"]},
            "tables[0]: 'mine' is not a family (ip, ip6, inet, arp, bridge, netdev) and a table's name",
        ),
        ({"tables": ["ip mine", "ip  mine"]}, "tables[1]: 'ip mine' stands here twice"),
        ({"description": "a\nb"}, "description: 'a\\nb' is not one line without '%' and '\\'"),
        ({"description": " "}, "description: ' ' is not one line without '%' and '\\'"),
        ({"tables": ["ip mine", "arp mine"]}, "rules: they do not make the table 'arp mine'"),
        (
            {"rules": "table ip mine {\n}\n"},
            (
                "rules: loaded again, they would add to the table 'ip mine'; begin with `table ip mine` and "
                "`delete table ip mine`"
            ),
        ),
        ({"rules": "table ip mine\ndelete table ip mine\n"}, "rules: they do not make the table 'ip mine'"),
        ({"rules": "flush ruleset\n" + RULES}, "rules: 'flush ruleset' is about none of the tables 'ip mine'"),
        ({"rules": RULES + "flush"}, "rules: 'flush' is about none of the tables 'ip mine'"),
        (
            {"rules": RULES + 'include "/etc/*"; delete table \\\n inet filter'},
            (
                "rules: 'include \"/etc/*\"' is about none of the tables 'ip mine'; "
                "rules: 'delete table inet filter' is about none of the tables 'ip mine'"
            ),
        ),
        (
            {"rules": RULES + "add rule inet filter input drop"},
            "rules: 'add rule inet filter input drop' is about none of the tables 'ip mine'",
        ),
        ({"rules": RULES + "table mine {\n}"}, "rules: 'table mine' is about none of the tables 'ip mine'"),
        ({"name": "", "tables": []}, "name: '' is not made of lower-case letters, digits and single dashes; tables: "),
    ],
)
def test_bad_input(node: Node, change: dict[str, Any], message: str) -> None:
    found = said(node, **change)
    assert found == message if not message.endswith(" ") else found.startswith(message)
    assert node.calls == []


@pytest.mark.parametrize(
    ("example", "part", "tables"),
    [
        ("two-datacenters", "gateway", ["ip fabric_gateway"]),
        ("wireguard-home", "wireguard", ["inet fabric_tunnels"]),
        ("l2-over-l3", "extension", ["ip6 fabric_extension", "arp fabric_extension"]),
    ],
)
def test_what_the_plan_gives_is_taken(example: str, part: str, tables: list[str]) -> None:
    """With the tables that the roles name."""
    file = ROOT / "examples" / example / "fabric.yml"
    nodes = plan(yaml.safe_load(file.read_text(encoding="utf-8"))).nodes.values()
    found = [rules for node in nodes if (rules := node.get(part, {}).get("ruleset"))]
    assert found
    for rules in found:
        assert _nft_rules.problems_of(rules, tables) == []


def test_commands_after_the_table() -> None:
    rules = RULES + "add chain ip mine more\nadd element ip mine s { 1.2.3.4, 5.6.7.8 }; flush table ip mine"
    assert _nft_rules.problems_of(rules, ["ip mine"]) == []
    assert list(_nft_rules.outermost(rules)) == [
        "table ip mine",
        "delete table ip mine",
        "table ip mine",
        "add chain ip mine more",
        "add element ip mine s",
        "flush table ip mine",
    ]


def test_refusal() -> None:
    assert _nft_rules.refusal(1, "Error: Could not process rule: no\nx\n") == "Error: Could not process rule: no"
    assert _nft_rules.refusal(3, "") == "exit code 3"


def test_the_unit() -> None:
    unit = _nft_rules.render_unit(Wanted("tunnels", ("inet t",), "", "Firewall of tunnels"))
    assert unit.startswith("# Written by the Ansible collection routed.fabric (module nft_rules).\n")
    for line in ("DefaultDependencies=no", "RemainAfterExit=yes", "WantedBy=multi-user.target"):
        assert f"\n{line}\n" in unit
    after = next(line for line in unit.splitlines() if line.startswith("After="))
    before = next(line for line in unit.splitlines() if line.startswith("Before="))
    assert "nftables.service" in after and "network-pre.target" in before


class TestDocumentation:
    def test_options(self) -> None:
        documented = yaml.safe_load(nft_rules.DOCUMENTATION)["options"]
        spec = nft_rules.argument_spec()
        assert set(documented) == set(spec)
        for name, option in spec.items():
            for item in ("type", "elements", "required", "default", "choices"):
                assert documented[name].get(item) == option.get(item), f"{name}.{item}"

    def test_examples_are_taken(self) -> None:
        for task in yaml.safe_load(nft_rules.EXAMPLES):
            result = ArgumentSpecValidator(nft_rules.argument_spec()).validate(task["routed.fabric.nft_rules"])
            assert result.error_messages == []
            assert _nft_rules.wanted_of(result.validated_parameters).name == "gateway"
