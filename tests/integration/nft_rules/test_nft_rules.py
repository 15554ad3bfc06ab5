# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nft_rules with the nft of both releases: four calls, what others own, refusals, the next boot."""

from __future__ import annotations

from typing import Any

import pytest
from machine import Machine

RULES = """\
table ip6 mine
delete table ip6 mine
table arp mine
delete table arp mine
table ip6 mine {
  chain out {
    type filter hook output priority filter; policy accept;
    icmpv6 type nd-redirect drop
    counter comment "all { of them"
  }
}
table arp mine {
  chain questions {
    type filter hook input priority filter; policy accept;
    iifname { "up0", "up1" } arp operation request arp daddr ip != 192.0.2.0/24 drop
  }
}
"""
OPTIONS: dict[str, Any] = {
    "name": "ports",
    "tables": ["ip6 mine", "arp mine"],
    "description": "Rules for ports",
    "rules": RULES,
}
GONE: dict[str, Any] = {"name": "ports", "tables": OPTIONS["tables"], "state": "absent"}
FILE = "/etc/routed-fabric/ports.nft"
UNIT = "/etc/systemd/system/fabric-ports.service"
ENABLED = "/etc/systemd/system/multi-user.target.wants/fabric-ports.service"


@pytest.fixture
def node(machine: Machine) -> Machine:
    """With rules of others, one of which has the same name in another family."""
    machine.shell("nft 'add table ip6 other; add table inet mine; add chain inet mine theirs'")
    return machine


def state(node: Machine) -> tuple[str, str]:
    """The rules, and our files."""
    files = node.shell(f"cat {FILE} {UNIT}; ls -l {FILE} {UNIT} {ENABLED}", check=False).stdout
    return node.shell("nft -s list ruleset").stdout, files


def loaded(node: Machine) -> list[str]:
    return sorted(node.shell("nft list tables").stdout.splitlines())


OTHERS = ["table inet mine", "table ip6 other"]
ALL = sorted([*OTHERS, "table arp mine", "table ip6 mine"])


def test_four_calls(node: Machine) -> None:
    for options, tables in ((OPTIONS, ALL), (GONE, OTHERS)):
        before = state(node)
        told = node.call(options, check=True)
        assert told["changed"], told
        assert state(node) == before
        done = node.call(options)
        assert done["changed"], done
        assert (done["commands"], done["after"]) == (told["commands"], told["after"])
        assert loaded(node) == tables
        after = state(node)
        for check in (True, False):
            again = node.call(options, check=check)
            assert (again["changed"], again["commands"], again["diff"]) == (False, [], []), again
        assert state(node) == after
    assert state(node)[1] == ""


def test_only_what_changed_is_loaded(node: Machine) -> None:
    node.call(OPTIONS)
    assert node.shell(f"readlink -f {ENABLED}").stdout.strip() == UNIT
    # Link-local traffic is counted; loaded again, the counter would begin anew.
    node.shell("ip link set dev up0 up; ping -6 -c 3 -i 0.2 -w 10 ::1")
    counted = node.shell("nft list table ip6 mine").stdout
    assert "counter packets 0 " not in counted
    done = node.call({**OPTIONS, "description": "The same rules"})
    assert done["commands"] == [f"write {UNIT}"]
    assert "counter packets 0 " not in node.shell("nft list table ip6 mine").stdout
    done = node.call({**OPTIONS, "rules": RULES.replace("nd-redirect", "nd-router-advert")})
    assert done["commands"] == [f"write {FILE}", f"write {UNIT}", f"nft -f {FILE}"]
    assert "nd-router-advert" in state(node)[0]
    assert loaded(node) == ALL


def test_one_table_is_missing(node: Machine) -> None:
    node.call(OPTIONS)
    node.shell("nft delete table arp mine")
    assert node.call(OPTIONS, check=True)["commands"] == [f"nft -f {FILE}"]
    assert node.call(OPTIONS)["commands"] == [f"nft -f {FILE}"]
    assert loaded(node) == ALL
    assert not node.call(OPTIONS)["changed"]


def test_the_next_boot(node: Machine) -> None:
    node.call(OPTIONS)
    rules = node.shell("nft list table arp mine").stdout
    node.boot()
    assert loaded(node) == []
    # What the unit runs.
    command = next(line for line in node.read(UNIT).splitlines() if line.startswith("ExecStart="))
    node.shell(command.removeprefix("ExecStart="))
    assert node.shell("nft list table arp mine").stdout == rules
    assert not node.call(OPTIONS)["changed"]


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"rules": RULES.replace("nd-redirect drop", "nd-redirect dropp")},
            f"rules: nft refuses them for {FILE}: line 8: syntax error, ",
        ),
        # What only the kernel's state can tell.
        (
            {"rules": RULES.replace("nd-redirect drop", "nd-redirect jump nowhere")},
            f"rules: nft refuses them for {FILE}: line 8: Could not process rule: No such file or directory",
        ),
        ({"rules": RULES + "flush ruleset\n"}, "rules: 'flush ruleset' is about none of the tables 'ip6 mine', "),
        ({"tables": ["ip6 mine"]}, "rules: 'table arp mine' is about none of the tables 'ip6 mine'"),
    ],
)
def test_refusals(node: Machine, change: dict[str, Any], message: str, check: bool) -> None:
    node.call(OPTIONS)
    before = state(node)
    failed = node.call({**OPTIONS, **change}, check=check)
    assert failed["failed"] and failed["msg"].startswith(message), failed
    assert state(node) == before


def test_what_fails_half_way_is_undone(node: Machine) -> None:
    node.call(OPTIONS)
    node.shell("nft add rule arp mine questions counter drop")
    before = state(node)
    node.shell(f"rm {ENABLED}; mv /usr/bin/systemctl /usr/bin/there; printf '#!/bin/sh\nexit 1\n' >/usr/bin/systemctl")
    node.shell("chmod 755 /usr/bin/systemctl")
    failed = node.call({**OPTIONS, "rules": RULES.replace("nd-redirect", "nd-router-advert")})
    assert failed["msg"].startswith("`systemctl enable fabric-ports.service` failed"), failed
    assert failed["msg"].endswith("; everything is as it was before"), failed
    node.shell("mv /usr/bin/there /usr/bin/systemctl")
    assert node.call(OPTIONS)["commands"] == ["systemctl enable fabric-ports.service"]
    # Of the links only the time differs.
    assert (state(node)[0], node.read(FILE)) == (before[0], RULES)
