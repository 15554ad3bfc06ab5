# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused without looking at the node, word by word, and what the files say."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._interfaces_file import with_source_line
from ansible_collections.routed.fabric.plugins.module_utils._ip._links import parse_address
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import BatchError, IpError
from ansible_collections.routed.fabric.plugins.module_utils._vxlan import _files, _networkd
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._difference import Step
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._model import parse_dump, with_remotes, with_vlans
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._persistence import Networkd
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._transport import Tools
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._wanted import (
    device_mac,
    link_local,
    wanted_links,
    wanted_overlay,
)

from .test_difference import options, segment

SINGLE = {"form": "single", "bridge": "fab", "device": "vx"}
ONE = segment(vni=5, bridge="br5")

REFUSED: dict[str, dict[str, Any]] = {
    "segments[1].vni: 5 stands here twice, first as segments[0].vni": {
        "segments": [ONE, {**ONE, "bridge": "br6", "vxlan": "other"}]
    },
    "segments[1].bridge: 'br5' stands here twice, first as segments[0].bridge": {"segments": [ONE, {**ONE, "vni": 6}]},
    "segments[1].ports[0]: 'eth1' stands here twice, first as segments[0].ports[0]": {
        "segments": [{**ONE, "ports": ["eth1"]}, segment(vni=6, bridge="br6", ports=["eth1"])]
    },
    "segments[0].vni: 0 is not between 1 and 16777215": {"segments": [{**ONE, "vni": 0, "vxlan": "x"}]},
    "segments[0].vni: 16777216 is not between 1 and 16777215": {"segments": [{**ONE, "vni": 16777216, "vxlan": "x"}]},
    "segments[0].bridge: is missing; `form: per_vni` needs the bridge of VNI 5": {"segments": [segment(vni=5)]},
    "segments[0].bridge: 'vmbr-of-customer1' cannot be the name of an interface (1 to 15 characters, no space, slash "
    "or colon)": {"segments": [{**ONE, "bridge": "vmbr-of-customer1"}]},
    "segments[0].vlan: only for `form: single`": {"segments": [{**ONE, "vlan": 5}]},
    "bridge: only for `form: single`": {"bridge": "fab"},
    "segments[0].vlan: is missing; `form: single` needs the VLAN that VNI 5 is on the bridge": {
        **SINGLE,
        "segments": [segment(vni=5)],
    },
    "segments[0].bridge: only for `form: per_vni`": {**SINGLE, "segments": [{**ONE, "vlan": 5}]},
    "segments[0].vlan: 4095 is not between 1 and 4094": {**SINGLE, "segments": [segment(vni=5, vlan=4095)]},
    "segments[1].vlan: 5 stands here twice, first as segments[0].vlan": {
        **SINGLE,
        "segments": [segment(vni=5, vlan=5), segment(vni=6, vlan=5)],
    },
    "segments[1].suppress: differs from segments[0].suppress; the single VXLAN device has one value": {
        **SINGLE,
        "segments": [segment(vni=5, vlan=5), segment(vni=6, vlan=6, suppress=True)],
    },
    "segments[0].mtu: 1279 is not between 1280 (the least that IPv6 takes) and 65465": {
        "segments": [{**ONE, "mtu": 1279}]
    },
    "segments[0].gateway_mac: '01:00:5e:00:00:01' is not the MAC address of one device, as 02:00:5e:00:02:01": {
        "segments": [{**ONE, "gateway_mac": "01:00:5e:00:00:01"}]
    },
    "segments[0].addresses[0]: '10.0.0.300/24' does not appear to be an IPv4 or IPv6 interface": {
        "segments": [{**ONE, "addresses": ["10.0.0.300/24"]}]
    },
    "local: '10.0.0.1/32' is not an IPv4 or IPv6 address without a length": {"local": "10.0.0.1/32"},
    "local: 127.0.0.1 cannot be a VTEP's address: other VTEPs have to reach it by a route": {"local": "127.0.0.1"},
    "local: fe80::1 cannot be a VTEP's address: other VTEPs have to reach it by a route": {"local": "fe80::1"},
    "port: 0 is not between 1 and 65535": {"port": 0},
    "remote_vteps[0]: 2001:db8::2 is of another family than `local` (10.0.0.1)": {"remote_vteps": ["2001:db8::2"]},
    "remote_vteps[0]: 10.0.0.1 is this VTEP itself": {"remote_vteps": ["10.0.0.1"]},
    "remote_vteps[1]: 10.0.0.2 stands here twice, first as remote_vteps[0]": {"remote_vteps": ["10.0.0.2", "10.0.0.2"]},
    "remote_vteps: only for `form: per_vni`": {**SINGLE, "remote_vteps": ["10.0.0.2"]},
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_bad_input_is_refused_in_one_sentence(sentence: str) -> None:
    with pytest.raises(IpError) as caught:
        wanted_overlay(options(**REFUSED[sentence]))
    assert str(caught.value) == sentence


def test_too_many_segments_for_one_bridge() -> None:
    with pytest.raises(IpError) as caught:
        wanted_overlay(options(**SINGLE, segments=[segment(vni=n, vlan=(n - 1) % 4094 + 1) for n in range(1, 4096)]))
    assert str(caught.value) == (
        "segments: 4095 are more than the 4094 VLANs of one VLAN-aware bridge; use `form: per_vni`, or fewer segments "
        "on this node"
    )


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(IpError) as caught:
        wanted_overlay(options(local="nowhere", port=70000, segments=[{**ONE, "vni": 0, "mtu": 5, "vxlan": "x"}]))
    assert len(str(caught.value).split("; ")) == 4


def test_mac_addresses() -> None:
    assert device_mac("10.0.0.1", 200) == device_mac("10.0.0.1", 200) != device_mac("10.0.0.2", 200)
    assert int(device_mac("10.0.0.1", 200)[:2], 16) & 3 == 2  # of one device, and of local administration
    assert link_local("02:00:5e:00:02:02") == parse_address("fe80::5eff:fe00:202/64")


def test_dumps() -> None:
    links = parse_dump(
        [
            {
                "ifname": "vx", "mtu": 1500, "flags": ["UP"], "master": "fab", "address": "02:00:00:00:00:01",
                "inet6_addr_gen_mode": "none", "ifalias": "routed.fabric",
                "linkinfo": {
                    "info_kind": "vxlan",
                    "info_data": {"external": True, "vnifilter": True, "id": 0, "local6": "2001:db8::1", "port": 4789},
                    "info_slave_kind": "bridge",
                    "info_slave_data": {"learning": False, "neigh_suppress": True, "flood": True, "mcast_flood": True},
                },
            }
        ],
        [{"ifname": "vx", "addr_info": [{"local": "10.0.0.1", "prefixlen": 32}]}],
    )  # fmt: skip
    links = with_vlans(
        links,
        [{"ifname": "vx", "vlans": [{"vlan": 1, "vlanEnd": 3}, {"vlan": 5, "flags": ["PVID", "Egress Untagged"]}]}],
        [{"ifname": "vx", "tunnels": [{"vlan": 1, "vlanEnd": 2, "tunid": 11, "tunidEnd": 12}]}],
        [{"ifname": "vx", "vnis": [{"vni": 11, "vniEnd": 12}, {"vni": 20}]}],
    )
    entry = {"mac": "00:00:00:00:00:00", "ifname": "vx", "flags": ["self"]}
    links = with_remotes(links, [{**entry, "dst": "10.0.0.2"}, {**entry, "dst": "10.0.0.3", "flags": ["extern_learn"]}])
    link = links["vx"]
    assert link.fixed == {"external": "on", "vnifilter": "on", "dstport": "4789"}
    assert link.details == {"local": "2001:db8::1", "learning": "off"}
    assert link.port == {"learning": "off", "neigh_suppress": "on", "flood": "on", "mcast_flood": "on"}
    assert link.vlans == {1: "", 2: "", 3: "", 5: "pvid untagged"}
    assert link.tunnels == {1: 11, 2: 12}
    assert link.vnis == {11, 12, 20}
    assert link.remotes == {"10.0.0.2"}


def test_blocks_come_back() -> None:
    overlay = wanted_overlay(
        options(
            segments=[
                segment(
                    vni=7, bridge="br7", addresses=["10.7.0.1/24", "2001:db8:7::1/64"], gateway_mac="02:00:5e:00:02:07"
                ),
                segment(vni=5, bridge="br5", ports=["eth1"]),
            ]
        )
    )
    blocks = _files.blocks_of(overlay, wanted_links(overlay, {}))
    text = _files.join_blocks(blocks)
    assert _files.split_blocks(text) == blocks
    assert text.index("# segment 5") < text.index("# segment 7")
    assert _files.owned_addresses(text) == {
        "vxlan5": (),
        "br5": (),
        "vxlan7": (),
        "br7": tuple(map(parse_address, ["10.7.0.1/24", "2001:db8:7::1/64", "fe80::5eff:fe00:207/64"])),
    }
    assert _files.merged_blocks(text, {"segment 9": "x\n"}, [7]) == {
        "segment 5": blocks["segment 5"],
        "segment 9": "x\n",
    }
    assert _files.merged_blocks(text, {"segment 9": "x\n"}, None) == {"segment 9": "x\n"}
    assert _files.merged_blocks(text, {}, [5, 7]) == {}


def test_the_single_form_in_files() -> None:
    overlay = wanted_overlay(
        options(
            **SINGLE,
            segments=[segment(vni=105, vlan=5, ports=["eth1"]), segment(vni=106, vlan=6, addresses=["10.6.0.1/24"])],
        )
    )
    wanted = wanted_links(overlay, {})
    text = _files.join_blocks(_files.blocks_of(overlay, wanted))
    assert set(_files.owned_addresses(text)) == {"fab", "fab.6"}  # the device has its mark from the kernel
    assert "bridge -batch /etc/network/routed-fabric-vxlan.vlans" in text
    assert _files.vlan_file(wanted["vx"], wanted["fab"]).splitlines()[2:] == [
        "vlan add dev fab vid 5-6 self",
        "vni add dev vx vni 105-106",
        "vlan add dev vx vid 5-6",
        "vlan add dev vx vid 5-6 tunnel_info id 105-106",
    ]


def test_networkd_files() -> None:
    overlay = wanted_overlay(
        options(
            local="2001:db8::1",
            remote_vteps=["2001:db8::2"],
            segments=[segment(vni=7, bridge="br7", ports=["eth1"], addresses=["10.7.0.1/24"])],
        )
    )
    files = _networkd.render(overlay, wanted_links(overlay, {}))
    prefix = "11-routed-fabric-vxlan-"
    assert set(files) == {
        prefix + n for n in ("br7.netdev", "br7.network", "vxlan7.netdev", "vxlan7.network", "eth1.network")
    }
    assert (
        "[VXLAN]\nVNI=7\nLocal=2001:db8::1\nDestinationPort=4789\nMacLearning=yes\nIndependent=yes\n"
        in files[prefix + "vxlan7.netdev"]
    )
    assert "[BridgeFDB]\nMACAddress=00:00:00:00:00:00\nDestination=2001:db8::2\n" in files[prefix + "vxlan7.network"]
    assert _networkd.owned_addresses(files) == {"br7": (parse_address("10.7.0.1/24"),), "vxlan7": ()}
    assert _networkd.outdated(files, [8]) == []
    assert sorted(_networkd.outdated(files, [7])) == sorted(files) == sorted(_networkd.outdated(files, None))


def test_networkd_has_no_words_for_the_single_form() -> None:
    overlay = wanted_overlay(options(**SINGLE, segments=[segment(vni=5, vlan=5)]))
    sentence = (
        "form: systemd-networkd has no words for the VLANs and VNIs of a single VXLAN device; install ifupdown2, use "
        "`form: per_vni`, or set `persist: false` and keep the device yourself"
    )
    assert Networkd(None, None).problems(overlay) == [sentence]  # type: ignore[arg-type]


def test_the_main_file_sources_ours() -> None:
    assert with_source_line("source /etc/network/interfaces.d/*\n", "routed-fabric-vxlan").count("source") == 1
    only_other = "source /etc/network/interfaces.d/routed-fabric\n"
    assert with_source_line(only_other, "routed-fabric-vxlan").endswith("\nsource /etc/network/interfaces.d/*\n")


def test_a_refused_command_is_named() -> None:
    def run(argv: Any, data: str | None) -> tuple[int, str, str]:
        return 1, "", "RTNETLINK answers: File exists\nCommand failed -:2\n"

    for tool in ("ip", "bridge"):
        with pytest.raises(BatchError) as caught:
            Tools(run).apply([Step(tool, ("one", "two", "three"))])
        assert str(caught.value) == f"`{tool} two` was refused: RTNETLINK answers: File exists"
        assert caught.value.done == 1


def test_what_a_kernel_lacks_is_named() -> None:
    def lacks(line: int) -> str:
        return Tools(lambda argv, data: (1, "", f"not supported\nCommand failed -:{line}")).single_form_missing()

    assert lacks(1) == "VLAN filtering on bridges (BRIDGE_VLAN_FILTERING)"
    assert lacks(2) == "a VNI filter on VXLAN devices (vnifilter; Linux 5.18 and iproute2 5.19)"
    assert lacks(3) == "VLAN interfaces (VLAN_8021Q)"
    assert Tools(lambda argv, data: (0, "", "")).single_form_missing() == ""
    with pytest.raises(IpError, match="cannot find out what this kernel can"):
        Tools(lambda argv, data: (1, "", "unshare: not permitted")).single_form_missing()
