# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is ours, and that the rest stays."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._frr._apply import read_node
from ansible_collections.routed.fabric.plugins.module_utils._frr._node import (
    check_neighbors,
    check_owner,
    own_addresses,
)
from ansible_collections.routed.fabric.plugins.module_utils._frr._saved import file_text, is_stale
from ansible_collections.routed.fabric.plugins.module_utils._frr._scope import is_ours, owned
from ansible_collections.routed.fabric.plugins.module_utils._frr._secrets import mask, mask_data, mask_pair
from ansible_collections.routed.fabric.plugins.module_utils._frr._tree import parse
from ansible_collections.routed.fabric.plugins.module_utils._frr._vtysh import scan

RUNNING = """\
frr version 10.3
frr defaults datacenter
hostname x
log syslog informational
no ip forwarding
ip prefix-list fabric-a seq 5 permit any
ip prefix-list other seq 5 permit any
route-map fabric-m permit 10
 match metric 5
exit
ip route 10.1.0.0/16 Null0
ip route 10.2.0.0/16 Null0
vrf red
 ip route 10.1.0.0/16 Null0
exit-vrf
interface e0
 description foreign
 ipv6 nd ra-interval 5
exit
router ospf
 ospf router-id 1.1.1.1
exit
router bgp 65001
 neighbor 10.0.0.2 remote-as 2
exit
router bgp 65001 vrf red
exit
ip router-id 1.1.1.1
bfd
 profile fabric-p
 exit
 profile other
 exit
exit
line vty
exit
"""


def ours(config: dict[str, Any], state: str) -> list[str]:
    test = is_ours(config, [], state, "fabric-")
    return [" / ".join([*context, text]) for context, text in owned(parse(RUNNING), test)]


def test_replaced() -> None:
    config = {"instances": [{"asn": 65001}], "static_routes": [{"prefix": "10.1.0.0/16"}]}
    assert ours(config, "replaced") == [
        "ip prefix-list fabric-a seq 5 permit any",
        "route-map fabric-m permit 10",
        "route-map fabric-m permit 10 / match metric 5",
        "ip route 10.1.0.0/16 Null0",
        "router bgp 65001",
        "router bgp 65001 / neighbor 10.0.0.2 remote-as 2",
        "bfd / profile fabric-p",
    ]


def test_merged_and_deleted_own_what_is_listed() -> None:
    config = {"interfaces": [{"name": "e0"}], "bfd_profiles": [{"name": "other"}], "router_id": {"ipv4": "2.2.2.2"}}
    expected = ["interface e0 / ipv6 nd ra-interval 5", "ip router-id 1.1.1.1", "bfd / profile other"]
    assert ours(config, "merged") == expected
    assert ours(config, "deleted") == expected


def test_deleted_without_names() -> None:
    assert ours({}, "deleted") == [
        "ip prefix-list fabric-a seq 5 permit any",
        "route-map fabric-m permit 10",
        "route-map fabric-m permit 10 / match metric 5",
        "bfd / profile fabric-p",
    ]


def test_overridden_leaves_what_is_of_no_kind() -> None:
    mine = ours({}, "overridden")
    left = [" / ".join([*c, t]) for c, t in parse(RUNNING) if " / ".join([*c, t]) not in mine]
    assert left == [
        "frr version 10.3",
        "frr defaults datacenter",
        "hostname x",
        "log syslog informational",
        "no ip forwarding",
        "vrf red",
        "interface e0",
        "interface e0 / description foreign",
        "router ospf",
        "router ospf / ospf router-id 1.1.1.1",
        "bfd",
        "line vty",
    ]


SAVED = """\
! somebody's note
frr version 8.4
frr defaults datacenter
ip forwarding
log file /x
interface e0
 description foreign
 ipv6 nd ra-interval 7
exit
interface e1
 ipv6 nd ra-interval 7
exit
router bgp 65001
 neighbor 10.0.0.9 remote-as 9
exit
line vty
exit
"""


def test_the_saved_file_keeps_the_lines_of_others() -> None:
    node = read_node(RUNNING)
    test = is_ours(
        {"instances": [{"asn": 65001}], "interfaces": [{"name": "e0"}, {"name": "e1"}]}, [], "replaced", "fabric-"
    )
    assert is_stale(SAVED, node, test)
    text = file_text(SAVED, node, test)
    assert not is_stale(text, node, test)
    assert file_text(text, node, test) == text
    lines = parse(text)
    assert "! somebody's note" in text
    assert ((), "frr version 10.3") in lines and ((), "frr version 8.4") not in lines
    assert ((), "ip forwarding") in lines and ((), "log file /x") in lines
    assert [t for c, t in lines if c == ("interface e0",)] == ["description foreign", "ipv6 nd ra-interval 5"]
    assert ((), "interface e1") not in lines
    assert (("router bgp 65001",), "neighbor 10.0.0.9 remote-as 9") not in lines


def test_without_a_file_the_running_configuration_is_written_but_for_forwarding() -> None:
    node = read_node(RUNNING)
    text = file_text(None, node, is_ours({}, [], "replaced", "fabric-"))
    assert set(parse(text)) == set(parse(RUNNING)) - {((), "no ip forwarding")}


def test_masks() -> None:
    assert mask("neighbor a password x y; more") == "neighbor a password ********; more"
    assert mask_data({"password": "x", "a": [{"password": None, "b": "c"}]}) == {
        "password": "********", "a": [{"password": None, "b": "c"}]
    }  # fmt: skip
    assert mask_pair(" neighbor a password x\n", " neighbor a password y\n") == (
        " neighbor a password ********\n",
        " neighbor a password ******** (changed)\n",
    )


REJECTED = """\
[210|mgmtd] sending configuration
% Configuration failed.

Error type: validation
Error description: Invalid prefix range for 10.0.0.0/8: Make sure that mask length <= ge <= le
The following commands were dynamically grouped into the same transaction and rejected:
- ip prefix-list A seq 5 permit 10.0.0.0/8 ge 4
Waiting for children to finish applying config...
"""


def test_a_rejected_transaction_is_seen_although_vtysh_says_0() -> None:
    outcome = scan(0, REJECTED, "", "ip prefix-list A seq 5 permit 10.0.0.0/8 ge 4\n")
    assert not outcome.accepted
    assert outcome.refused == ["ip prefix-list A seq 5 permit 10.0.0.0/8 ge 4"]
    assert outcome.words[0] == "% Configuration failed."


def test_a_refused_line_is_named() -> None:
    err = "line 2: Failure to communicate[13] to bgpd, line:  neighbor 1.1.1.1 timers 3 9\n\n"
    outcome = scan(
        13, "% Specify remote-as or peer-group commands first\n", err, "router bgp 9\n neighbor 1.1.1.1 timers 3 9\n"
    )
    assert outcome.refused == ["neighbor 1.1.1.1 timers 3 9"]
    assert outcome.words == ["% Specify remote-as or peer-group commands first"]


def test_progress_alone_is_no_word() -> None:
    assert scan(0, "[1|zebra] sending configuration\n[1|zebra] done\n", "", "").accepted


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"controllers": {"ids": {"bgp1": {}}}}', "has controllers (bgp1)"),
        ('{"fabrics": {"ids": {"f": {}}}}', "has fabrics (f)"),
        ("{", "cannot read"),
    ],
)
def test_proxmox_sdn(tmp_path: Any, text: str, reason: str) -> None:
    (tmp_path / "running").write_text(text)
    with pytest.raises(Exception, match=r"frr[.]conf") as caught:
        check_owner(tmp_path / "running", tmp_path / "none")
    assert reason in str(caught.value)


def test_no_proxmox_sdn(tmp_path: Any) -> None:
    (tmp_path / "running").write_text('{"zones": {"ids": {"z": {}}}, "controllers": {"ids": {}}, "fabrics": null}')
    check_owner(tmp_path / "running", tmp_path / "none")
    check_owner(tmp_path / "none", tmp_path / "none")


def test_own_addresses(tmp_path: Any) -> None:
    (tmp_path / "fib_trie").write_text("     |-- 10.0.0.1\n        /32 host LOCAL\n     |-- 10.0.0.0\n"
                                       "        /24 link UNICAST\n")  # fmt: skip
    (tmp_path / "if_inet6").write_text("20010db8000000000000000000000001 02 40 00 80 eth0\n")
    assert own_addresses(tmp_path) == {"10.0.0.1", "2001:db8::1"}
    check_neighbors(
        {"instances": [{"asn": 1, "neighbors": [{"neighbor": "eth0"}, {"neighbor": "10.0.0.2"}]}]}, {"10.0.0.1"}
    )
