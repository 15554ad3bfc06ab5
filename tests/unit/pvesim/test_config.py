# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests' configuration files, the properties in them, and what follows for QEMU, bridges and the guest's kernel."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pvesim import config, corosync, lxc, network, options, qemu
from pvesim.places import PvesimError

TEXT = """\
#a%3A 100%25
#second line
memory: 128
name: web01
net0: virtio=52:02:45:76:D2:35,bridge=vmbr1,firewall=1

[PENDING]
delete: net1

[before-upgrade]
#why
memory: 64
"""
KEYS = st.from_regex(r"[a-z][a-z_\-]{0,8}[0-9]{0,2}", fullmatch=True)
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)
LINES = st.lists(st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20), max_size=3)


def test_reading_and_writing():
    found = config.parse(TEXT)
    assert found.description == "a: 100%\nsecond line\n"
    assert found.values == {
        "memory": "128",
        "name": "web01",
        "net0": "virtio=52:02:45:76:D2:35,bridge=vmbr1,firewall=1",
    }
    assert found.pending == {"delete": "net1"}
    assert found.sections["before-upgrade"].values == {"memory": "64"}
    assert config.write(found) == TEXT


def test_an_empty_pending_section_is_not_written():
    found = config.parse("name: a\n")
    assert found.pending == {}
    assert config.write(found) == "name: a\n"


@given(st.dictionaries(KEYS, VALUES, max_size=5), LINES, st.dictionaries(KEYS, VALUES, min_size=1, max_size=3))
def test_round_trip(values, lines, pending):
    description = "".join(line + "\n" for line in lines)
    one = config.Config(values, description, {config.PENDING: config.Section(pending)})
    assert config.parse(config.write(one)) == one
    assert config.write(config.parse(config.write(one))) == config.write(one)


def test_nics():
    found = config.parse_nic(0, "virtio=52:02:45:76:D2:35,bridge=vmbr1,firewall=1,mtu=1")
    assert (found.mac, found.bridge, found.firewall, found.mtu) == ("52:02:45:76:d2:35", "vmbr1", True, None)
    assert config.parse_nic(1, "model=e1000,macaddr=52:02:45:76:D2:35,bridge=b,mtu=9000").mtu == 9000
    found = config.parse_nic(
        0, "name=eth0,bridge=vmbr1,hwaddr=AA:BB:CC:00:00:01,ip=10.0.0.1/32,gw=169.254.0.1,link_down=1"
    )
    assert (found.mac, found.ip, found.gw, found.link_down) == ("aa:bb:cc:00:00:01", "10.0.0.1/32", "169.254.0.1", True)
    with pytest.raises(PvesimError, match="net3: no bridge in 'virtio=1'"):
        config.parse_nic(3, "virtio=1")


@pytest.mark.parametrize(
    ("given_text", "written"),
    [
        ("virtio,bridge=vmbr1", "virtio=BC:24:11:"),
        ("bridge=vmbr1,model=e1000", "e1000=BC:24:11:"),
        ("name=eth0,bridge=vmbr1", "name=eth0,bridge=vmbr1,hwaddr=BC:24:11:"),
        ("virtio=52:02:45:76:D2:35,bridge=vmbr1", "virtio=52:02:45:76:D2:35,bridge=vmbr1"),
    ],
)
def test_a_mac_is_made_where_none_is_given(given_text, written):
    found = config.with_mac(100, 0, given_text)
    assert found.startswith(written)
    assert config.with_mac(100, 0, found) == found
    assert config.parse_nic(0, found).bridge == "vmbr1"


def test_what_the_guest_kernel_is_told():
    found = config.Config(
        {
            "net0": "virtio=52:02:45:76:d2:35,bridge=vmbr1",
            "net1": "virtio=52:02:45:76:d2:36,bridge=vmbr1",
            "ipconfig0": "ip=203.0.113.30/32,gw=169.254.0.1,ip6=2001:db8:100::80/128,gw6=fe80::1",
            "ipconfig1": "ip=dhcp",
        },
        "web\npvesim.net0: 203.0.113.31/32 net=2001:db8:100:80::/64 name=eth7\n",
    )
    assert config.guest_words(found) == [
        (
            "pvesim.nic0=eth7,203.0.113.30/32,gw=169.254.0.1,2001:db8:100::80/128,gw6=fe80::1,203.0.113.31/32,"
            "net=2001:db8:100:80::/64"
        ),
        "pvesim.nic1=ens19",
    ]


def test_ports_and_bridges():
    nic = config.parse_nic(1, "virtio=52:02:45:76:D2:35,bridge=vmbr1")
    assert network.plug_steps("tap100i1", 100, nic) == ["link set dev tap100i1 master vmbr1"]
    nic = config.parse_nic(1, "virtio=52:02:45:76:D2:35,bridge=vmbr1,firewall=1")
    steps = network.plug_steps("tap100i1", 100, nic)
    assert "link set dev fwpr100p1 master vmbr1" in steps
    assert "link set dev fwln100i1 master fwbr100i1" in steps
    assert steps[-1] == "link set dev tap100i1 master fwbr100i1"
    assert network.port_name(200, 0, "lxc") == "veth200i0"


def test_qemu_command_line():
    found = config.Config({"name": "web01", "net0": "virtio=52:02:45:76:d2:35,bridge=vmbr1", "memory": "96"})
    command = qemu.command_line(100, found, ["-S"])
    text = " ".join(command)
    assert "socket,id=qmp,path=/run/qemu-server/100.qmp,server=on,wait=off" in text
    assert "socket,id=qmp-event,path=/var/run/qmeventd.sock,reconnect=5" in text
    assert "-m 96" in text
    assert "ifname=tap100i0,script=/usr/libexec/qemu-server/pve-bridge," in text
    assert "virtio-net-pci,netdev=net0,id=net0,mac=52:02:45:76:d2:35,bus=pci.0,addr=0x12,romfile=" in command
    assert command[-1] == "-S"
    assert "-machine pc,accel=tcg" in text
    assert "pc-i440fx-7.2,accel=tcg" in qemu.command_line(100, found, [], "pc-i440fx-7.2")


def test_inside_of_a_container():
    nic = config.parse_nic(0, "name=eth0,bridge=b,ip=10.0.0.1/32,gw=169.254.0.1,ip6=2001:db8::1/128,gw6=fe80::1")
    assert lxc.inside_steps(nic, ["net=2001:db8:1::/64"]) == [
        "link set dev eth0 up",
        "address add 10.0.0.1/32 dev eth0",
        "address add 2001:db8::1/128 dev eth0 nodad",
        "route add local 2001:db8:1::/64 dev lo",
        "route add default via 169.254.0.1 dev eth0 onlink",
        "route add default via fe80::1 dev eth0",
    ]


def test_options():
    assert options.split(["100", "pve2", "--online", "-bwlimit", "8", "--x=y"], ("online",)) == (
        ["100", "pve2"],
        {"online": "1", "bwlimit": "8", "x": "y"},
    )
    assert options.split(["--todisk", "1", "100"], ("todisk",)) == (["100"], {"todisk": "1"})
    with pytest.raises(PvesimError, match="name: option needs a value"):
        options.split(["--name"])
    with pytest.raises(PvesimError, match="'99' is not a VMID"):
        options.vmid(["99"])


def test_corosync_round_trip():
    cluster = corosync.Corosync(
        "ams",
        3,
        [corosync.Node("pve1", 1, ["2001:db8::1", "10.0.0.1"]), corosync.Node("pve2", 2, ["2001:db8::2", "10.0.0.2"])],
    )
    text = corosync.write(cluster)
    assert corosync.parse(text) == cluster
    # corosync refuses blocks in one line.
    assert "{ " not in text
    assert text.count("linknumber") == 2
