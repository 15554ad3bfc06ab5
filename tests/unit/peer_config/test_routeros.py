# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scripts for RouterOS: golden files, every line known to RouterOS, pasted twice nothing more, rules in order."""

from __future__ import annotations

import dataclasses
import re

import pytest
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.peer_config import routeros
from hypothesis import given
from hypothesis import strategies as st

from .routeros import PATHS, Router, ScriptError
from .sites import BOTH, SEED, SITES

VERSIONS = ((7, 18), (7, 19), (7, 20), (7, 21))


@pytest.mark.parametrize("name", SITES)
def test_golden(name, golden):
    golden(f"{name}.rsc", routeros.render(SITES[name]))


@pytest.mark.parametrize("name", SITES)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_line_is_known_and_a_second_paste_adds_nothing(name, version):
    script = routeros.render(dataclasses.replace(SITES[name], version=version))
    router = Router(version)
    router.run(script)
    once = router.state()
    assert once
    router.run(script)
    assert router.state() == once
    assert all(len(line) < 1000 for line in script.splitlines())


def test_what_the_seed_has():
    """The configuration of the article, item by item."""
    router = Router()
    router.run(routeros.render(SEED))
    state = router.state()

    def without_comment(path):
        return [{key: value for key, value in item.items() if key != "comment"} for item in state[path]]

    assert without_comment("/interface wireguard") == [{"name": "wg-hrl23", "listen-port": "51820", "mtu": "1420"}]
    [peer] = without_comment("/interface wireguard peers")
    assert peer["allowed-address"] == "::/0"
    assert (peer["endpoint-address"], peer["endpoint-port"]) == ("2001:678:3a4:1::100", "51820")
    assert peer["persistent-keepalive"] == "30s"
    assert without_comment("/routing table") == [{"name": "wireguard", "fib": "yes"}]
    assert without_comment("/ipv6 route") == [
        {"dst-address": "2a14:9b80:101::/48", "blackhole": "yes", "distance": "254"},
        {"dst-address": "::/0", "gateway": "wg-hrl23", "routing-table": "wireguard"},
    ]
    assert [item["address"] for item in state["/ipv6 address"]] == ["2a14:9b80:101::1/64", "2a14:9b80:101:1::1/64"]
    assert without_comment("/ipv6 firewall filter") == [
        {
            "chain": "input",
            "action": "accept",
            "protocol": "udp",
            "dst-port": "51820",
            "src-address": "2001:678:3a4:1::100/128",
            "in-interface-list": "WAN",
        }
    ]
    rules = [
        (item["action"], item["src-address"], item.get("dst-address"), item["table"]) for item in state["/routing rule"]
    ]
    home = "2a14:9b80:101::/48"
    assert rules == [
        ("lookup", home, home, "main"),
        ("lookup", home, "2001:41f0:6f67::/48", "main"),
        ("lookup-only-in-table", home, None, "wireguard"),
    ]


@given(st.data())
def test_rules_come_back_in_order(data):
    """Whatever was deleted, and whatever stands there besides: an exception is never behind its rule."""
    router = Router()
    other = {"action": "lookup", "table": "main", "comment": "somebody else's"}
    router.items["/routing rule"] = [other]
    router.run(routeros.render(BOTH))
    rules = router.items["/routing rule"]
    everything = [dict(item) for item in rules]
    router.items["/routing rule"] = [item for item in rules if item is other or data.draw(st.booleans())]
    router.run(routeros.render(BOTH))
    now = router.items["/routing rule"]
    assert sorted(item["comment"] for item in now) == sorted(item["comment"] for item in everything)
    for prefix in BOTH.prefixes:
        actions = [item["action"] for item in now if item.get("src-address") == prefix]
        assert actions == sorted(actions)  # "lookup" before "lookup-only-in-table"


def test_the_firewall_rule_stands_before_a_drop():
    router = Router()
    router.items["/ipv6 firewall filter"] = [
        {"chain": "input", "action": "accept", "protocol": "icmpv6"},
        {"chain": "input", "action": "drop", "in-interface-list": "!LAN"},
        {"chain": "forward", "action": "drop"},
    ]
    router.run(routeros.render(SEED))
    assert [item.get("comment") for item in router.items["/ipv6 firewall filter"]] == [
        None,
        "home: WireGuard proxmox01",
        None,
        None,
    ]


@pytest.mark.parametrize("version", [(7, 18), (7, 19), (7, 20)])
def test_bgp_by_version(version):
    router = Router(version)
    router.run(routeros.render(dataclasses.replace(BOTH, version=version)))
    [connection] = router.state()["/routing bgp connection"]
    assert ("instance" in connection) == (version >= (7, 20))
    assert ("router-id" in connection) == (version < (7, 20))
    assert connection["afi" if version >= (7, 19) else "address-families"] == "ip,ipv6"
    # The script of one version is not for another.
    wrong = (7, 18) if version >= (7, 19) else (7, 20)
    with pytest.raises(ScriptError):
        Router(wrong).run(routeros.render(dataclasses.replace(BOTH, version=version)))


MUTATIONS = {
    "a property that does not exist": lambda line: re.sub(
        r" (mtu|interface|dst-address|chain)=", r" x\1=", line, count=1
    ),
    "a property of no path": lambda line: re.sub(r" add ", " add fully-understood=1 ", line, count=1),
    "an unknown path": lambda line: (
        line.replace("/ip", "/ipx").replace("/routing", "/route").replace("/inter", "/infer")
    ),
    "a bracket less": lambda line: line.replace("]", "", 1),
    "a brace less": lambda line: line[::-1].replace("}", "", 1)[::-1],
    "a quote less": lambda line: line.replace('"', "", 1),
    "another command": lambda line: re.sub(r" add ", " remove ", line, count=1),
    "a word too many": lambda line: f"{line} now",
    "a line cut short": lambda line: line[: len(line) * 2 // 3],
    "the same property twice": lambda line: re.sub(r"( [a-z.-]+=[^ ]+) }", r"\1\1 }", line, count=1),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutated_script_fails(name):
    """The parser can fail: on every line that adds something and that the mutation changes."""
    lines = [line for line in routeros.render(BOTH).splitlines() if line.startswith(":if")]
    tried = 0
    for line in lines:
        mutated = MUTATIONS[name](line)
        if mutated == line:
            continue
        tried += 1
        with pytest.raises(ScriptError):
            Router().run(mutated)
    assert tried >= 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": (7, 17)}, "version: RouterOS 7.17 is older than 7.18"),
        ({"interface": 'wg"; /system reset'}, "interface: 'wg\"; /system reset' is no name"),
        ({"prefixes": ("2a14:9b80:101::1/48",)}, r"prefixes\[0\]: 2a14:9b80:101::1/48 has host bits set"),
        ({"prefixes": ()}, "prefixes: source routing needs the prefixes that it is about"),
        ({"addresses": (("10.0.0.300/24", "ether1"),)}, r"addresses\[0\]: '10.0.0.300/24'"),
    ],
)
def test_refusals(change, words):
    with pytest.raises(ValueError, match=words):
        routeros.render(dataclasses.replace(SEED, **change))


def test_a_bad_key_is_refused_and_not_shown():
    bad = dataclasses.replace(SEED.peers[0], preshared_key="c2VjcmV0")
    with pytest.raises(ValueError, match=r"peers\[0\]\.preshared_key: this is no key") as caught:
        routeros.render(dataclasses.replace(SEED, peers=(bad,)))
    assert "c2VjcmV0" not in str(caught.value)


def test_every_path_of_the_table_is_used():
    script = "".join(routeros.render(dataclasses.replace(BOTH, version=version)) for version in VERSIONS)
    script += routeros.render(SEED)
    assert [path for path in PATHS if f"{path} add" not in script] == []
