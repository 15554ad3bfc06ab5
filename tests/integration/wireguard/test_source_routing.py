# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""source_routing on a real kernel: four calls, the next boot, refusals."""

from __future__ import annotations

from typing import Any

from wglab import Lab

PREFIX = "2001:db8:101::/48"
STATE: dict[str, Any] = {
    "rules": [
        {"priority": 1100, "from": PREFIX, "table": 254, "suppress_prefixlength": 0},
        {"priority": 1101, "from": PREFIX, "table": 110},
        {"priority": 1101, "from": "198.51.100.0/24", "to": "192.0.2.0/24", "table": 110},
    ],
    "blackholes": [{"prefix": "::/0", "table": 110}, {"prefix": "0.0.0.0/0", "table": 110}, {"prefix": PREFIX}],
}
RULES = [
    "1100:\tfrom 2001:db8:101::/48 lookup 254 suppress_prefixlength 0 proto 213",
    "1101:\tfrom 198.51.100.0/24 to 192.0.2.0/24 lookup 110 proto 213",
    "1101:\tfrom 2001:db8:101::/48 lookup 110 proto 213",
]
UNIT = "/etc/systemd/system/fabric-source-routing.service"
FILES = ("/etc/routed-fabric/source-routing.ip4", "/etc/routed-fabric/source-routing.ip6")


def call(lab: Lab, check: bool = False, **options: Any) -> dict[str, Any]:
    lab.machine.module = "source_routing"
    return lab.machine.call(options, check)


def rules(lab: Lab) -> list[str]:
    lines = lab.shell("ip -N -4 rule; ip -N -6 rule").splitlines()
    return sorted(" ".join(line.split(" ")).strip() for line in lines if "proto 213" in line)


def holes(lab: Lab) -> int:
    return lab.shell("ip -4 route show table all; ip -6 route show table all").count("blackhole")


def test_four_calls_of_rules(lab: Lab) -> None:
    before = lab.kernel()
    planned = call(lab, True, **STATE)
    assert planned["changed"], planned
    assert (rules(lab), lab.kernel()) == ([], before)
    made = call(lab, **STATE)
    assert (made["changed"], made["commands"], made["after"]) == (True, planned["commands"], planned["after"])
    assert (rules(lab), holes(lab)) == (RULES, 3)
    for check in (True, False):
        again = call(lab, check, **STATE)
        assert (again["changed"], again["commands"]) == (False, [])
    # A rule goes, and nobody else's does.
    lab.shell("ip -6 rule add pref 900 from 2001:db8:9::/48 lookup 9; ip -6 route add blackhole 2001:db8:9::/48")
    fewer = {**STATE, "rules": STATE["rules"][:2]}
    changed = call(lab, **fewer)
    assert changed["commands"][0].startswith("ip -4 rule del pref 1101 from 198.51.100.0/24")
    assert (len(rules(lab)), holes(lab)) == (2, 4)
    for check, changes in ((True, True), (False, True), (True, False), (False, False)):
        assert call(lab, check, state="absent")["changed"] is changes
    assert (rules(lab), holes(lab)) == ([], 1)
    assert lab.shell("ip -6 rule show pref 900").strip()
    assert lab.machine.shell(f"ls {' '.join(FILES)}", check=False).stdout == ""


def test_rules_after_the_next_boot(lab: Lab) -> None:
    assert call(lab, **STATE)["changed"]
    lab.boot()
    assert (rules(lab), holes(lab)) == ([], 0)
    lab.shell(f"sed -n 's/^ExecStart=-//p' {UNIT} | sh")  # what systemd runs, before any interface is up
    assert (rules(lab), holes(lab)) == (RULES, 3)
    again = call(lab, **STATE)
    assert (again["changed"], again["commands"]) == (False, [])


def test_rules_that_cannot_be_are_refused_whole(lab: Lab) -> None:
    before = lab.kernel()
    bad = {
        "rules": [
            {"priority": 0, "from": "2001:db8:101::1/48", "table": 255},
            {"priority": 5, "from": PREFIX, "to": "192.0.2.0/24", "table": 110},
            {"priority": 5, "table": 110, "suppress_prefixlength": 129},
        ],
        "blackholes": [{"prefix": "::/0", "metric": 0}, {"prefix": "x"}],
        "protocol": 3,
    }
    for check in (True, False):
        assert call(lab, check, **bad)["msg"] == (
            "protocol: 3 is not between 5 and 255; "
            "rules[0].from: 2001:db8:101::1/48 has host bits set; "
            "rules[0]: a rule needs 'from' or 'to'; one for all traffic would be for everything; "
            "rules[0].priority: 0 is not between 1 and 32765, which is before main; "
            "rules[0].table: 255 is no table that one may use (1 to 4294967295, not 255); "
            "rules[1]: 2001:db8:101::/48 and 192.0.2.0/24 are of two families; "
            "rules[2]: a rule needs 'from' or 'to'; one for all traffic would be for everything; "
            "rules[2].suppress_prefixlength: 129 is not between 0 and 128; "
            "blackholes[0].metric: 0 is not between 1 and 4294967295; "
            "blackholes[1].prefix: 'x' does not appear to be an IPv4 or IPv6 network"
        )
    assert lab.kernel() == before
    # Somebody else's route in the way: what was done before it is undone.
    lab.shell("ip -6 route add unreachable 2001:db8:101::/48 metric 4096")
    before = lab.kernel()
    refused = call(lab, **STATE)["msg"]
    assert "File exists" in refused
    assert refused.endswith("everything is as it was before")
    lab.settles(before)
