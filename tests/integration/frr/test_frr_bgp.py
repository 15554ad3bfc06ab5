# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""frr_bgp against real FRR: what it refuses, what it leaves alone, how it goes back, what it saves."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import frrlab
import pytest
import yaml
from ansible_collections.routed.fabric.plugins.module_utils._frr._gather import gather
from ansible_collections.routed.fabric.plugins.module_utils._frr._render import render
from ansible_collections.routed.fabric.plugins.module_utils._frr._scope import thing_of
from ansible_collections.routed.fabric.plugins.module_utils._frr._tree import Line, parse
from frrlab import CHECKOUT

SECRET = "hunter2-not-to-be-seen"
HEAD = "frr defaults datacenter\nhostname dut\nservice integrated-vtysh-config\n!\n"

CONFIG: dict[str, Any] = {
    "prefix_lists": [
        {
            "name": "fabric-own",
            "afi": "ipv4",
            "entries": [{"sequence": 5, "action": "permit", "prefix": "10.255.0.9/32"}],
        }
    ],
    "route_maps": [
        {
            "name": "fabric-out",
            "entries": [{"sequence": 10, "action": "permit", "match": {"ip_prefix_list": "fabric-own"}}],
        }
    ],
    "bfd_profiles": [{"name": "fabric-fast", "detect_multiplier": 5}],
    "static_routes": [{"prefix": "203.0.113.0/24", "blackhole": True, "distance": 254}],
    "interfaces": [{"name": "up2", "nd": {"ra_interval_ms": 5000}}],
    "instances": [
        {
            "asn": frrlab.DUT_ASN,
            "router_id": "10.255.0.9",
            "peer_groups": [{"name": "TOR", "remote_as": "external", "timers": {"keepalive_s": 3, "hold_s": 9}}],
            "neighbors": [
                {"neighbor": "up1", "interface": True, "peer_group": "TOR"},
                {"neighbor": "10.2.0.0", "peer_group": "TOR"},
                {"neighbor": "2001:db8:3::", "remote_as": "internal"},
                {"neighbor": "192.0.2.77", "remote_as": "external", "password": SECRET},
            ],
            "address_families": [
                {
                    "afi": "ipv4",
                    "safi": "unicast",
                    "networks": [{"prefix": "10.255.0.9/32"}],
                    "neighbors": [{"neighbor": "TOR", "route_map": {"out": "fabric-out"}}],
                }
            ],
        }
    ],
}


@pytest.fixture
def dut(live: frrlab.Lab) -> Iterator[frrlab.Node]:
    """A device under test without BGP, with a small file."""
    node = live.dut
    result = node.module({"config": {}, "state": "overridden", "save": False})
    assert not result.get("failed"), result
    node.write("/etc/frr/frr.conf", HEAD)
    yield node
    node.run("rm -f /etc/frr/frr.conf.local /tmp/running-config")


def changed_config(change: Any) -> dict[str, Any]:
    config = copy.deepcopy(CONFIG)
    change(config)
    return config


def ours(node: frrlab.Node) -> list[Line]:
    """All lines of the kinds that the module knows."""
    return sorted(line for line in parse(node.running()) if thing_of(line))


def everything(node: frrlab.Node) -> tuple[str, str]:
    return node.running(), node.run("cat /etc/frr/frr.conf; stat -c '%Y %i %U %a' /etc/frr/frr.conf")


def test_check_run_check_run(dut: frrlab.Node) -> None:
    args = {"config": CONFIG, "state": "replaced"}
    before = everything(dut)
    foreseen = dut.module(args, check=True)
    assert everything(dut) == before
    done = dut.module(args)
    assert foreseen["changed"] and done["changed"]
    assert (foreseen["commands"], foreseen["diff"], foreseen["after"]) == (
        done["commands"],
        done["diff"],
        done["after"],
    )
    after = everything(dut)
    for check in (True, False):
        again = dut.module(args, check=check)
        assert not again["changed"] and again["commands"] == [] and "diff" not in again
    assert everything(dut) == after


def test_only_what_changes_moves(dut: frrlab.Node) -> None:
    dut.module({"config": CONFIG, "state": "replaced"})
    wanted = {"default up1", "default 10.2.0.0", "default 2001:db8:3::"}
    frrlab.until("three sessions", lambda: frrlab.established(dut) >= wanted)
    before = frrlab.counters(dut)

    def change(config: dict[str, Any]) -> None:
        config["prefix_lists"][0]["entries"].append({"sequence": 10, "action": "deny", "prefix": "any"})
        config["route_maps"][0]["entries"][0]["action"] = "deny"
        config["instances"][0]["neighbors"][2]["description"] = "another"
        config["instances"][0]["peer_groups"][0]["timers"]["hold_s"] = 12
        del config["instances"][0]["neighbors"][3]

    result = dut.module({"config": changed_config(change), "state": "replaced"})
    assert [line.strip() for line in result["commands"] if "exit" not in line] == [
        "ip prefix-list fabric-own seq 10 deny any",
        "route-map fabric-out deny 10",
        f"router bgp {frrlab.DUT_ASN}",
        "no neighbor 192.0.2.77",
        "neighbor TOR timers 3 12",
        "neighbor 2001:db8:3:: description another",
    ]
    after = frrlab.counters(dut)
    assert {name: after[name] for name in wanted} == {name: before[name] for name in wanted}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda c: c["instances"][0]["neighbors"].append({"neighbor": "10.2.0.1", "remote_as": "external"}),
            (
                "instances[0].neighbors[4].neighbor: 10.2.0.1 is an address of this node itself, "
                "a router cannot be its own neighbor"
            ),
        ),
        (
            lambda c: c["instances"][0]["neighbors"].append({"neighbor": "2001:DB8:2:0::1", "remote_as": "external"}),
            (
                "instances[0].neighbors[4].neighbor: 2001:db8:2::1 is an address of this node itself, "
                "a router cannot be its own neighbor"
            ),
        ),
    ],
)
def test_bad_input_touches_nothing(dut: frrlab.Node, change: Any, message: str) -> None:
    before = everything(dut)
    result = dut.module({"config": changed_config(change), "state": "replaced"})
    assert result["failed"] and result["msg"] == message
    assert everything(dut) == before


def test_an_undefined_reference_touches_nothing(dut: frrlab.Node) -> None:
    before = everything(dut)
    result = dut.module({"config": changed_config(lambda c: c.pop("route_maps")), "state": "replaced"})
    assert (
        result["failed"]
        and "fabric-out" in result["msg"]
        and result["msg"].startswith("instances[0].address_families[0]")
    )
    assert everything(dut) == before


def test_another_as_is_not_ours(dut: frrlab.Node) -> None:
    dut.vtysh("conf t", "router bgp 65077")
    result = dut.module({"config": CONFIG, "state": "replaced"})
    dut.vtysh("conf t", "no router bgp 65077")
    assert result["msg"] == (
        "instances[0].asn: VRF default already runs AS 65077, which is not listed; "
        "delete that instance first, or use state overridden"
    )


def test_unknown_syntax_is_found_by_the_dry_run(dut: frrlab.Node) -> None:
    before = everything(dut)
    result = dut.module({"config": {"raw_lines": ["router bgp 65001", " neighbour nonsense"]}, "state": "merged"})
    assert result["failed"]
    assert result["msg"].startswith(
        "FRR does not know this configuration; nothing was touched; refused: neighbour nonsense; "
        "FRR says: line 2: % Unknown command"
    )
    assert everything(dut) == before


def test_a_refused_line_brings_the_former_configuration_back(dut: frrlab.Node) -> None:
    dut.module({"config": CONFIG, "state": "replaced"})
    before = everything(dut)

    def change(config: dict[str, Any]) -> None:
        # Syntax that FRR knows, about a neighbour that does not exist.
        config["raw_lines"] = [f"router bgp {frrlab.DUT_ASN}", " neighbor 192.0.2.99 timers 3 9", "exit"]
        config["instances"][0]["neighbors"].pop()
        config["instances"][0]["neighbors"][2]["description"] = "never seen"
        config["bfd_profiles"][0]["detect_multiplier"] = 7

    result = dut.module({"config": changed_config(change), "state": "replaced"})
    assert result["failed"]
    assert "refused: neighbor 192.0.2.99 timers 3 9" in result["msg"]
    assert "FRR says: % Specify remote-as or peer-group commands first" in result["msg"]
    assert result["msg"].endswith("the former configuration is back, as reading it shows")
    after = everything(dut)
    assert sorted(parse(after[0])) == sorted(parse(before[0])) and after[1] == before[1]


KILLED = """
import os
from ansible_collections.routed.fabric.plugins.module_utils._frr._vtysh import Vtysh
whole = Vtysh.apply
left = {lines}
def until_killed(self, text):
    global left
    lines = text.splitlines()
    said = whole(self, "\\n".join(lines[:left]) + "\\n")
    left -= len(lines)
    if left <= 0:
        os.kill(os.getpid(), 9)
    return said
Vtysh.apply = until_killed
"""


@pytest.mark.parametrize("lines", [1, 3, 9, 14, 19, 25])
def test_killed_half_way_the_next_run_converges(dut: frrlab.Node, lines: int) -> None:
    """SIGKILL after so many lines: real FRR has those, the module has told nobody and saved nothing."""
    before = everything(dut)
    with pytest.raises(frrlab.LabError, match="no JSON"):
        dut.module({"config": CONFIG, "state": "replaced"}, hook=KILLED.replace("{lines}", str(lines)))
    after = everything(dut)
    assert after[0] != before[0] and after[1] == before[1], "the fault did not happen"
    result = dut.module({"config": CONFIG, "state": "replaced"})
    assert not result.get("failed"), result["msg"]
    assert result["changed"] and not dut.module({"config": CONFIG, "state": "replaced"})["changed"]
    wanted = dut.running()
    dut.module({"config": {}, "state": "overridden"})
    dut.module({"config": CONFIG, "state": "replaced"})
    assert sorted(parse(wanted)) == sorted(parse(dut.running()))


def test_no_password_anywhere(dut: frrlab.Node) -> None:
    seen = [
        dut.module({"config": CONFIG, "state": "replaced"}, check=True),
        dut.module({"config": CONFIG, "state": "replaced"}),
        dut.module({"config": {}, "state": "gathered"}),
        dut.module({"running_config": dut.running(), "state": "parsed"}),
        dut.module({"config": CONFIG, "state": "rendered"}),
        dut.module(
            {"config": changed_config(lambda c: c["instances"][0]["neighbors"].pop()), "state": "replaced"}, check=True
        ),
        dut.module({"config": {"instances": [{"asn": frrlab.DUT_ASN}]}, "state": "deleted"}),
    ]
    assert SECRET in json.dumps(CONFIG)
    for result in seen:
        assert not result.get("failed"), result["msg"]
        result["invocation"] = (
            None if SECRET not in json.dumps(result["invocation"].get("module_args", {}).get("config")) else SECRET
        )
        if "running_config" not in str(result["invocation"]):
            result.pop("invocation")
        assert SECRET not in json.dumps(result)
    assert "password ********" in seen[1]["diff"]["after"]


def test_a_changed_password_shows_as_a_change(dut: frrlab.Node) -> None:
    dut.module({"config": CONFIG, "state": "replaced"})
    other = changed_config(lambda c: c["instances"][0]["neighbors"][3].update(password="another-secret"))
    result = dut.module({"config": other, "state": "replaced"})
    assert result["changed"] and "another-secret" not in json.dumps(result)
    assert "password ******** (changed)" in result["diff"]["after"]
    assert "(changed)" not in result["diff"]["before"]


FOREIGN = """\
! a comment of somebody else
frr defaults datacenter
hostname dut
log file /var/log/other.log
ip forwarding
service integrated-vtysh-config
!
ip prefix-list other seq 5 permit 192.0.2.0/24
!
route-map other permit 10
 match ip address prefix-list other
exit
!
interface up2
 description not ours
 ip ospf cost 7
exit
!
router ospf
 ospf router-id 10.255.0.9
exit
!
line vty
 exec-timeout 5 0
exit
!
"""


def test_foreign_lines_stay_where_they_are(dut: frrlab.Node) -> None:
    dut.write("/etc/frr/frr.conf", FOREIGN)
    dut.run("vtysh -f /etc/frr/frr.conf >/dev/null 2>&1", check=False)
    foreign = [line for line in parse(FOREIGN) if not line[1].startswith("frr ")]
    for config, state in (
        (CONFIG, "replaced"),
        ({"instances": [{"asn": frrlab.DUT_ASN}]}, "deleted"),
        (CONFIG, "merged"),
    ):
        result = dut.module({"config": config, "state": state})
        assert not result.get("failed"), result["msg"]
        text = dut.run("cat /etc/frr/frr.conf")
        kept = [line for line in parse(text) if line in foreign]
        assert kept == foreign
        assert "! a comment of somebody else" in text
        running = set(parse(dut.running()))
        assert {line for line in foreign if "prefix-list" in line[1] or "description" in line[1]} <= running
    dut.module(
        {
            "config": {"prefix_lists": [{"name": "other", "afi": "ipv4"}], "route_maps": [{"name": "other"}]},
            "state": "deleted",
        }
    )
    dut.vtysh("conf t", "interface up2", "no description")


def test_owner_and_mode_of_the_file_stay(dut: frrlab.Node) -> None:
    dut.run("chown root:frr /etc/frr/frr.conf; chmod 0644 /etc/frr/frr.conf")
    dut.module({"config": CONFIG, "state": "replaced"})
    assert dut.run("stat -c '%U:%G %a' /etc/frr/frr.conf").strip() == "root:frr 644"
    assert dut.run("ls -A /etc/frr").split() == ["daemons", "frr.conf", "vtysh.conf"]


def test_a_stale_file_is_a_change(dut: frrlab.Node) -> None:
    dut.module({"config": CONFIG, "state": "replaced", "save": False})
    for check in (True, False):
        result = dut.module({"config": CONFIG, "state": "replaced"}, check=check)
        assert result["changed"] and result["saved"] and result["commands"] == []
        assert "frr.conf" in result["diff"]["after_header"] and "neighbor TOR peer-group" in result["diff"]["after"]
    assert not dut.module({"config": CONFIG, "state": "replaced"})["changed"]


def test_a_file_that_cannot_be_written_brings_the_former_configuration_back(dut: frrlab.Node) -> None:
    before = everything(dut)
    dut.run("mount --bind -o ro /etc/frr /etc/frr && mount -o remount,bind,ro /etc/frr")
    try:
        result = dut.module({"config": CONFIG, "state": "replaced"})
    finally:
        dut.run("umount /etc/frr")
    assert result["failed"] and result["msg"].startswith("cannot write /etc/frr/frr.conf: Read-only file system")
    assert result["msg"].endswith("the former configuration is back, as reading it shows")
    after = everything(dut)
    assert sorted(parse(after[0])) == sorted(parse(before[0])) and after[1] == before[1]


def test_no_forwarding_line_is_saved(dut: frrlab.Node) -> None:
    dut.run("echo 0 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv6/conf/all/forwarding")
    try:
        frrlab.until("zebra sees it", lambda: "no ip forwarding" in dut.running(), 5)
        dut.run("rm /etc/frr/frr.conf")
        dut.module({"config": CONFIG, "state": "replaced"})
        assert "forwarding" not in dut.run("cat /etc/frr/frr.conf")
        assert not dut.module({"config": CONFIG, "state": "replaced"})["changed"]
    finally:
        dut.run("echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")


def test_frr_starts_with_what_was_saved(live: frrlab.Lab, dut: frrlab.Node) -> None:
    dut.module({"config": CONFIG, "state": "replaced"})
    before = ours(dut)
    dut.restart_frr()
    assert ours(dut) == before and len(before) == 20
    assert not dut.module({"config": CONFIG, "state": "replaced"})["changed"]


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        (
            "/etc/pve/sdn/.running-config",
            '{"controllers": {"ids": {"evpn1": {"type": "evpn"}}}}',
            "has controllers (evpn1)",
        ),
        (
            "/etc/pve/sdn/.running-config",
            '{"controllers": {"ids": {}}, "fabrics": {"ids": {"lab": {}}}}',
            "has fabrics (lab)",
        ),
        ("/etc/frr/frr.conf.local", "!\n", "frr.conf.local exists"),
    ],
)
def test_a_node_that_belongs_to_proxmox_sdn(dut: frrlab.Node, path: str, text: str, reason: str) -> None:
    hook = ""
    if path.startswith("/etc/pve"):  # the root file system has no such folder, and is read-only
        path = "/tmp/running-config"
        hook = (
            "from pathlib import Path\n"
            "from ansible_collections.routed.fabric.plugins.module_utils._frr import _node\n"
            f"_node.check_owner.__defaults__ = (Path({path!r}), _node.SDN_LOCAL)"
        )
    dut.write(path, text)
    before = everything(dut)
    for check in (True, False):
        result = dut.module({"config": CONFIG, "state": "replaced"}, check=check, hook=hook)
        assert result["failed"] and reason in result["msg"] and "leave FRR of this node to Proxmox" in result["msg"]
    assert everything(dut) == before


def test_no_bgpd_is_one_sentence(live: frrlab.Lab, dut: frrlab.Node) -> None:
    config = dut.run("cat /etc/frr/frr.conf")
    dut.run("kill $(cat /run/frr/bgpd.pid)")
    frrlab.until("bgpd gone", lambda: "bgpd" not in dut.vtysh("show daemons").split())
    result = dut.module({"config": CONFIG, "state": "replaced"})
    dut.stop_frr()
    stopped = dut.module({"config": CONFIG, "state": "replaced"})
    dut.start_frr(config)
    assert result["msg"] == "bgpd does not run: set bgpd=yes in /etc/frr/daemons and start it before configuring BGP"
    assert stopped["msg"].startswith("vtysh gave no running configuration: FRR does not run (systemctl start frr)")


def test_merged_adds_and_changes_only(dut: frrlab.Node) -> None:
    dut.module({"config": CONFIG, "state": "replaced"})
    more = {
        "instances": [
            {"asn": frrlab.DUT_ASN, "neighbors": [{"neighbor": "up1", "interface": True, "description": "one"}]}
        ]
    }
    result = dut.module({"config": more, "state": "merged"})
    assert not result.get("failed"), result["msg"]
    assert [line.strip() for line in result["commands"]] == [
        f"router bgp {frrlab.DUT_ASN}", "neighbor up1 description one", "exit"
    ]  # fmt: skip
    assert not dut.module({"config": more, "state": "merged"})["changed"]
    family = {"afi": "ipv4", "safi": "unicast", "neighbors": [{"neighbor": "TOR", "next_hop_self": True}]}
    result = dut.module(
        {"config": {"instances": [{"asn": frrlab.DUT_ASN, "address_families": [family]}]}, "state": "merged"}
    )
    assert "  neighbor TOR next-hop-self" in result["commands"] and len(result["commands"]) == 5, result


def test_deleted_without_names_takes_the_prefix_only(dut: frrlab.Node) -> None:
    dut.module({"config": CONFIG, "state": "replaced"})
    dut.vtysh("conf t", "ip prefix-list other seq 5 permit 192.0.2.0/24")
    result = dut.module({"config": {"instances": [{"asn": frrlab.DUT_ASN}]}, "state": "deleted"})
    assert not result.get("failed")
    result = dut.module({"config": {}, "state": "deleted"})
    left = dut.running()
    dut.vtysh("conf t", "no ip prefix-list other")
    assert "fabric-" not in left and "ip prefix-list other" in left and "203.0.113.0/24" in left


def test_replaced_takes_unlisted_objects_of_the_prefix(dut: frrlab.Node) -> None:
    dut.module({"config": CONFIG, "state": "replaced"})
    result = dut.module({"config": changed_config(lambda c: c.pop("bfd_profiles")), "state": "replaced"})
    assert [re.sub(r"^ +", "", line) for line in result["commands"]] == ["bfd", "no profile fabric-fast", "exit"]


def test_gathered_is_what_was_given(dut: frrlab.Node) -> None:
    config = changed_config(lambda c: c["instances"][0]["neighbors"].pop())
    dut.module({"config": config, "state": "replaced"})
    first = dut.module({"config": {}, "state": "gathered"})["gathered"]
    result = dut.module({"config": first, "state": "overridden"})
    assert not result["changed"], result["commands"]


SEEDS = sorted((CHECKOUT / "tests" / "unit" / "frr" / "data" / "seeds").glob("*.yml"))


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.stem)
def test_a_seed_is_gathered_as_it_was_given(live: frrlab.Lab, dut: frrlab.Node, path: Path) -> None:
    """The BGP configurations of the documents that the project grew from, on real FRR."""
    config = yaml.safe_load(path.read_text(encoding="utf-8"))["config"]
    result = dut.module({"config": config, "state": "overridden"})
    assert not result.get("failed"), result["msg"]
    version = (10, 3) if live.release == "trixie" else (8, 4)
    gathered = dut.module({"config": {}, "state": "gathered"})["gathered"]
    assert gathered == gather(render(config, version, live.profile), version, live.profile)
    assert not dut.module({"config": gathered, "state": "overridden"})["changed"]
