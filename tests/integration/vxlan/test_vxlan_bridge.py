# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vxlan_bridge against a real kernel and a real ifupdown2: four calls, changes under a guest, reboot, refusals."""

from __future__ import annotations

import copy
import json
import re
import time
from typing import Any

import pytest
from conftest import LOOPBACK
from figures import accepting

# The file differs by family, and so does what ifupdown2 can do; the small run takes the harder one.
FAMILIES = ["ipv4", "ipv6"] if accepting() else ["ipv6"]
FILE = "/etc/network/interfaces.d/routed-fabric-vxlan"
LOCAL_MISSING = "local: 10.255.0.11 is not an address of this node; put it on the loopback interface first"
LOCAL = {"ipv4": "10.255.0.11", "ipv6": "2001:db8:100::b"}
OPTIONS: dict[str, Any] = {
    "local": LOCAL["ipv4"],
    "underlay_mtu": 9216,
    "segments": [
        {"vni": 200, "bridge": "vmbr200", "ports": ["up1"], "suppress": True, "flooding": False},
        {
            "vni": 202,
            "bridge": "vmbr202",
            "mtu": 9000,
            "addresses": ["192.168.202.36/24", "2001:db8:202::1/64"],
            "gateway_mac": "02:00:5e:00:02:02",
        },
    ],
}
# A real tap, held open as QEMU would: without that it has no carrier.
TAP = (
    "import fcntl, os, signal, struct; tap = os.open('/dev/net/tun', os.O_RDWR);"
    "fcntl.ioctl(tap, 0x400454CA, struct.pack('16sH22s', b'tap100i0', 0x1002, b'')); signal.pause()"
)
GUEST = (
    f'python3 -c "{TAP}" > /dev/null 2>&1 < /dev/null & '
    "while [ ! -e /sys/class/net/tap100i0 ]; do sleep 0.02; done; ip link set dev tap100i0 master vmbr200 up"
)
# The bridge and the guest's port: same devices, still connected, never down. Neighbours and FDB of the kernel.
FDB = "bridge fdb show | grep -v 33:33 | sort"  # without the groups that bridges listen to
FOLLOW = "ip -ts -o monitor link address > /run/moved 2>&1 < /dev/null & echo $! > /run/monitor; sleep 0.3"


def segments(**changes: Any) -> dict[str, Any]:
    """The options with other values for VNI 200."""
    options = copy.deepcopy(OPTIONS)
    options["segments"][0].update(changes)
    return options


def links(machine: Any) -> dict[str, dict[str, Any]]:
    found = {link["ifname"]: link for link in json.loads(machine.shell("ip -d -j link show").stdout)}
    for link in json.loads(machine.shell("ip -j addr show").stdout):
        found[link["ifname"]]["addr_info"] = link["addr_info"]
    return found


def still(machine: Any) -> str:
    """State without what changes by itself: timers, carrier, link-local addresses of other interfaces."""
    found = []
    for link in links(machine).values():
        info = link.get("linkinfo", {})
        data = {
            key: value for key, value in info.get("info_data", {}).items() if "timer" not in key and "fdb" not in key
        }
        plain = {
            key: link.get(key) for key in ("ifindex", "mtu", "address", "master", "ifalias", "inet6_addr_gen_mode")
        }
        addresses = [item["local"] for item in link["addr_info"] if item["scope"] != "link"]
        found.append({**plain, "up": "UP" in link["flags"], "data": data, "addresses": addresses})
    files = machine.shell(f"cat /etc/network/interfaces {FILE}; stat -c '%n %Y' /etc/network/*", check=False).stdout
    return json.dumps(found, sort_keys=True) + files


@pytest.mark.parametrize("family", FAMILIES)
def test_four_calls(each_machine: Any, family: str) -> None:
    machine = each_machine
    options = {**OPTIONS, "local": LOCAL[family]}
    before = still(machine)
    predicted = machine.call(options, check=True)
    assert predicted["changed"], predicted
    assert still(machine) == before

    first = machine.call(options)
    assert first["changed"], first
    assert first["persisted"] == "ifupdown2"
    assert first["commands"] == predicted["commands"]
    assert first["after"]["vxlan200"] == predicted["after"]["vxlan200"] == {
        "kind": "vxlan", "id": "200", "dstport": "4789", "local": LOCAL[family], "learning": "off", "mtu": "1500",
        "addrgenmode": "none", "master": "vmbr200", "state": "up",
        "port_learning": "off", "port_neigh_suppress": "on", "port_flood": "off", "port_mcast_flood": "off",
    }  # fmt: skip
    assert first["after"]["vmbr202"] == predicted["after"]["vmbr202"] == {
        "kind": "bridge", "stp_state": "0", "forward_delay": "0", "mtu": "9000", "address": "02:00:5e:00:02:02",
        "addrgenmode": "none", "state": "up",
        "addresses": ["192.168.202.36/24", "2001:db8:202::1/64", "fe80::5eff:fe00:202/64"],
    }  # fmt: skip
    assert links(machine)["vmbr200"]["addr_info"] == []
    assert links(machine)["up1"]["master"] == "vmbr200"

    machine.shell("sleep 1; ip -o monitor all > /run/moved 2>&1 < /dev/null & echo $! > /run/monitor; sleep 0.3")
    state = still(machine)
    for check in (True, False):
        again = machine.call(options, check=check)
        assert (again["changed"], again["commands"]) == (False, []), again
        assert again["before"] == again["after"]
    machine.shell("kill $(cat /run/monitor)")
    moved = [line for line in machine.read("/run/moved").splitlines() if "vmbr" in line or "vxlan" in line]
    assert moved == []
    assert still(machine) == state

    gathered = machine.call({"state": "gathered"})["gathered"]
    assert not machine.call({**gathered, "underlay_mtu": 9216})["changed"]


CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    # of the module, of VNI 200, and whether the VXLAN device has to be made again
    "mtu": ({}, {"mtu": 1400}, False),
    "suppress": ({}, {"suppress": False}, False),
    "flooding": ({}, {"flooding": True}, False),
    "addresses": ({}, {"addresses": ["10.200.0.1/24", "2001:db8:200::1/64"]}, False),
    "gateway_mac": ({}, {"gateway_mac": "02:00:5e:00:02:00"}, False),
    "local": ({"local": "10.255.0.12"}, {}, False),
    "family": ({"local": LOCAL["ipv6"]}, {}, True),
    "vni": ({}, {"vni": 201}, True),
    "port": ({"port": 4790}, {}, True),
    "vxlan": ({}, {"vxlan": "vni200"}, True),
}


def test_changes_under_a_running_guest(machine: Any) -> None:
    machine.shell("ip addr add 10.255.0.12/32 dev lo")
    machine.call(OPTIONS)
    machine.shell(GUEST)
    machine.shell("sleep 0.5")
    before = links(machine)
    for name, (whole, of_segment, remade) in CHANGES.items():
        device = links(machine)["vxlan200"]["ifindex"]
        options = {**segments(**of_segment), **whole}
        machine.shell(FOLLOW)
        result = machine.call(options)
        machine.shell("kill $(cat /run/monitor)")
        assert result["changed"], (name, result)
        now = links(machine)
        for kept in ("vmbr200", "tap100i0"):
            assert now[kept]["ifindex"] == before[kept]["ifindex"], name
        assert now["tap100i0"]["master"] == "vmbr200", name
        moved = machine.read("/run/moved").splitlines()
        assert moved, name
        assert [line for line in moved if "tap100i0" in line and ("Deleted" in line or "nomaster" in line)] == [], name
        assert [line for line in moved if re.search(r": (vmbr200|tap100i0)\S*: .* state DOWN", line)] == [], name
        vxlan = of_segment.get("vxlan") or f"vxlan{of_segment.get('vni', 200)}"
        assert (now[vxlan]["ifindex"] != device) == remade, name
        assert not machine.call(options)["changed"], name
        if name != "gateway_mac":  # a bridge keeps its MAC address, which its neighbours remember
            assert machine.call(OPTIONS)["changed"], name
    assert not machine.call(OPTIONS)["changed"]
    assert links(machine)["tap100i0"]["ifindex"] == before["tap100i0"]["ifindex"]


@pytest.mark.parametrize("family", FAMILIES)
def test_ifreload_agrees_and_moves_nothing(each_machine: Any, family: str) -> None:
    machine = each_machine
    loopback = " address 10.255.0.11/32\\n address 2001:db8:100::b/128"
    machine.shell(f"sed -i 's#^iface lo.*#&\\n{loopback}#' /etc/network/interfaces; mkdir -p /etc/iproute2/rt_tables.d")
    options = {**OPTIONS, "local": LOCAL[family]}
    machine.call(options)
    machine.shell(GUEST)
    machine.shell("bridge fdb append 00:00:00:00:00:00 dev vxlan202 dst 10.255.0.12 self permanent", check=False)
    machine.shell("sleep 1")
    before, fdb = links(machine), machine.shell(FDB).stdout
    machine.shell(
        "ip -o monitor link address route > /run/moved 2>&1 < /dev/null & echo $! > /run/monitor;"
        "bridge -o monitor fdb link > /run/bridge-moved 2>&1 < /dev/null & echo $! >> /run/monitor; sleep 0.3"
    )
    for _ in range(2):
        done = machine.shell("ifreload -a", check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    machine.shell("sleep 0.3; kill $(cat /run/monitor)")
    for file in ("/run/moved", "/run/bridge-moved"):
        moved = machine.read(file).splitlines()
        assert [line for line in moved if "Deleted" in line or "DOWN" in line] == []
    assert machine.shell(FDB).stdout == fdb
    after = links(machine)
    for name, link in before.items():
        if name.startswith(("vmbr", "vxlan", "tap")):
            for key in ("ifindex", "flags", "mtu", "address", "master", "ifalias", "inet6_addr_gen_mode"):
                assert after[name].get(key) == link.get(key), (name, key)
            addresses = [[item["local"] for item in here["addr_info"]] for here in (link, after[name])]
            assert addresses[0] == addresses[1]
    assert not machine.call(options)["changed"]
    checked = machine.shell("ifquery --check -a", check=False).stdout
    assert "[fail]" not in checked, checked


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_after_a_reboot(each_machine: Any, family: str) -> None:
    machine = each_machine
    options = {**OPTIONS, "local": LOCAL[family]}
    mac = machine.call(options)["after"]["vmbr200"]["address"]
    machine.boot()
    machine.shell(
        f"{LOOPBACK}; mkdir -p /etc/iproute2/rt_tables.d; ip link set dev lo up; ifup vxlan200 vxlan202 vmbr200 vmbr202"
    )
    again = machine.call(options)
    assert (again["changed"], again["commands"]) == (False, []), again
    now = links(machine)
    assert now["vmbr200"]["address"] == mac
    assert now["vmbr200"]["addr_info"] == []
    addresses = [item for item in now["vmbr202"]["addr_info"] if item.get("tentative") or item.get("dadfailed")]
    assert addresses == []
    # The MTU is pinned: a port with a smaller one does not pull it down.
    machine.shell("ip link add tap9i0 mtu 1400 type veth peer name guest9; ip link set dev tap9i0 master vmbr200")
    assert links(machine)["vmbr200"]["mtu"] == 1500


def test_what_was_ours_goes_and_what_was_not_stays(machine: Any) -> None:
    machine.call(OPTIONS)
    machine.shell(
        "ip link add br0 type bridge; ip link add foreign type vxlan id 999 dstport 4789 local 10.255.0.11 nolearning;"
        "ip link set dev foreign master br0; ip addr add 192.0.2.7/32 dev vmbr202"
    )
    options = copy.deepcopy(OPTIONS)
    options["segments"] = [{**OPTIONS["segments"][1], "addresses": ["192.168.202.37/24"]}]
    kept = machine.call({**options, "purge": False})
    assert "vxlan200" in links(machine)
    assert "# segment 200" in machine.read(FILE)
    assert "ip addr del 192.168.202.36/24 dev vmbr202" in kept["commands"]
    purged = machine.call(options)
    now = links(machine)
    assert purged["changed"]
    assert "vxlan200" not in now
    assert "vmbr200" not in now
    assert "master" not in now["up1"]
    assert now["foreign"]["master"] == "br0"
    assert sorted(a["local"] for a in now["vmbr202"]["addr_info"]) == ["192.0.2.7", "192.168.202.37"]
    assert "# segment 200" not in machine.read(FILE)
    gone = machine.call({"state": "absent", "segments": [{"vni": 202}, {"vni": 999}]})
    assert gone["changed"]
    now = links(machine)
    assert "vmbr202" not in now
    assert "foreign" in now
    assert machine.shell(f"ls {FILE}", check=False).returncode != 0
    assert not machine.call({"state": "absent", "segments": [{"vni": 202}]})["changed"]


def test_a_bridge_with_guests_is_not_purged(machine: Any) -> None:
    machine.call(OPTIONS)
    machine.shell(GUEST)
    before = still(machine)
    for options in ({**OPTIONS, "segments": OPTIONS["segments"][1:]}, {"state": "absent", "segments": [{"vni": 200}]}):
        result = machine.call(options)
        assert result["msg"] == (
            "segments: 'vmbr200' is not wanted any more, but guests are on it (tap100i0); stop or move them first, or "
            "keep the segment"
        )
    assert still(machine) == before


def test_drift_is_told_and_repaired(machine: Any) -> None:
    machine.call(OPTIONS)
    machine.shell(
        "ip link set dev vxlan200 mtu 1300; ip link set dev vxlan200 type bridge_slave learning on;"
        "ip link set dev vmbr200 type bridge stp_state 1; ip addr del 192.168.202.36/24 dev vmbr202;"
        f"ip link set dev up1 nomaster; ip link del dev vxlan202; echo broken >> {FILE}"
    )
    told = machine.call(OPTIONS, check=True)["commands"]
    assert told == [
        "ip link set dev vmbr200 type bridge stp_state 0",
        "ip link set dev vmbr200 type bridge forward_delay 0",
        "ip link set dev vxlan200 mtu 1500",
        "ip link set dev vxlan200 type bridge_slave learning off",
        "ip link set dev up1 master vmbr200",
        "ip addr add 192.168.202.36/24 dev vmbr202",
        "ip link add dev vxlan202 mtu 9000 type vxlan id 202 dstport 4789 local 10.255.0.11 nolearning",
        "ip link set dev vxlan202 alias routed.fabric addrgenmode none master vmbr202",
        "ip link set dev vxlan202 type bridge_slave learning off neigh_suppress off flood on mcast_flood on",
        "ip link set dev vxlan202 up",
        f"write {FILE}",
    ]
    repaired = machine.call(OPTIONS)
    assert repaired.get("changed"), repaired
    assert not machine.call(OPTIONS)["changed"]


@pytest.mark.parametrize("from_nothing", [True, False])
def test_a_refusal_half_way_leaves_all_as_it_was(machine: Any, from_nothing: bool) -> None:
    if not from_nothing:
        machine.call(OPTIONS)
    before = machine.call({**OPTIONS, "local": LOCAL["ipv6"]}, check=True)["before"]
    file = machine.shell(f"cat {FILE}", check=False).stdout
    options = copy.deepcopy({**OPTIONS, "local": LOCAL["ipv6"]})
    options["segments"] = [
        {**OPTIONS["segments"][0], "vni": 300},
        {"vni": 301, "bridge": "vmbr301", "addresses": ["ff02::5/128"]},
    ]
    result = machine.call(options)
    assert result["failed"]
    assert result["msg"].startswith("`ip addr add ff02::5/128 dev vmbr301 nodad` was refused: ")
    assert result["msg"].endswith("; everything is as it was before"), result["msg"]
    assert machine.call({**OPTIONS, "local": LOCAL["ipv6"]}, check=True)["before"] == before
    assert "vmbr301" not in links(machine)
    assert machine.shell(f"cat {FILE}", check=False).stdout == file
    if not from_nothing:
        assert not machine.call(OPTIONS)["changed"]


def test_bad_input_touches_nothing(machine: Any) -> None:
    machine.shell(
        "ip link add br9 type bridge; ip link add vx9 type vxlan id 9 dstport 4789 local 10.255.0.11;"
        "ip link add br8 type bridge; ip link set dev up0 master br8; ip link set dev up1 mtu 1500;"
        "printf 'auto vmbr7\\niface vmbr7\\n' > /etc/network/interfaces.d/sdn;"
        "printf '\\nauto vmbr6\\niface vmbr6 inet manual\\n' >> /etc/network/interfaces"
    )
    before = still(machine)
    one = {"vni": 5, "bridge": "vmbr5"}
    lo = "10.255.0.11 is on 'lo', which says nothing about the underlay's MTU; name the uplinks, or give `underlay_mtu`"
    foreign = "that this module did not make"
    cases: dict[str, dict[str, Any]] = {
        f"{LOCAL_MISSING.replace('10.255.0.11', '192.0.2.1')}": {"local": "192.0.2.1", "segments": [one]},
        f"segments[0].bridge: there is a bridge 'br9' {foreign}; take another name, or hand it over: ip link set dev "
        "br9 alias routed.fabric": {"segments": [{"vni": 5, "bridge": "br9"}]},
        "segments[0].bridge: 'vmbr7' belongs to Proxmox' SDN (it stands in /etc/network/interfaces.d/sdn); take "
        "another name, or remove it from the SDN": {"segments": [{"vni": 5, "bridge": "vmbr7"}]},
        "segments[0].bridge: 'vmbr6' is configured in /etc/network/interfaces; take it out of there, or take "
        "another name": {"segments": [{"vni": 5, "bridge": "vmbr6"}]},
        "segments[0].vni: 9 is the VNI of 'vx9', which this module did not make; remove that device, or take another "
        "VNI or UDP port": {"segments": [{"vni": 9, "bridge": "vmbr5"}]},
        "segments[0].ports[0]: there is no interface 'up7' on this node": {"segments": [{**one, "ports": ["up7"]}]},
        "segments[0].ports[0]: 'up0' is a port of 'br8', which this module did not make": {
            "segments": [{**one, "ports": ["up0"]}]
        },
        "segments[0].mtu: 9000 does not fit: VXLAN over IPv4 adds 50 bytes, and the underlay takes 1500 (up1); at most "
        "1450 here, or an underlay of 9050": {
            "segments": [{**one, "mtu": 9000}],
            "underlay_interfaces": ["far0", "up1"],
            "underlay_mtu": None,
        },
        "segments[0].mtu: 9150 does not fit: VXLAN over IPv6 adds 70 bytes, and the underlay takes 9216 "
        "(underlay_mtu); at most 9146 here, or an underlay of 9220": {
            "local": LOCAL["ipv6"],
            "segments": [{**one, "mtu": 9150}],
        },
        f"underlay_interfaces: {lo}": {"segments": [one], "underlay_mtu": None},
        "form: this kernel cannot do `single`: it lacks VLAN filtering on bridges (BRIDGE_VLAN_FILTERING); use `form: "
        "per_vni`": {"segments": [{"vni": 5, "vlan": 5}], "form": "single", "bridge": "fab", "device": "vx"},
    }
    for sentence, changes in cases.items():
        options = {key: value for key, value in {**OPTIONS, **changes}.items() if value is not None}
        result = machine.call(options)
        assert result.get("msg") == sentence
        assert still(machine) == before, sentence


def test_a_new_node_in_check_mode_is_only_warned(machine: Any) -> None:
    machine.shell("ip addr flush dev lo")
    predicted = machine.call(OPTIONS, check=True)
    assert predicted["changed"]
    assert LOCAL_MISSING in str(predicted["warnings"])
    assert machine.call(OPTIONS)["failed"]


def test_without_files(machine: Any) -> None:
    options = {**OPTIONS, "persist": False}
    assert machine.call(options)["persisted"] == ""
    assert machine.shell(f"ls {FILE}", check=False).returncode != 0
    assert not machine.call(options)["changed"]
    begun = time.monotonic()
    assert machine.call({**options, "segments": []})["changed"]
    assert time.monotonic() - begun < 30
    assert not [name for name in links(machine) if name.startswith(("vmbr", "vxlan"))]
