# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proxmox' files, as Proxmox writes them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from routed_guests import parsing
from routed_guests.addresses import Network, parse
from routed_guests.parsing import GuestConfig, Nic, Owner

VMLIST = b"""{
"version": 7,
"ids": {
"100": { "node": "pve1", "type": "qemu", "version": 7 },
"101": { "node": "pve2", "type": "lxc", "version": 3 }}

}
"""
QEMU = """#net0: a description\\, not a net
#%0Anet1%3A virtio=BC:24:11:00:00:99,bridge=vmbr1
boot: order=scsi0
ipconfig0: ip=2.57.57.30/32,gw=169.254.0.1,ip6=2001:678:3a4:100::80/128,gw6=fe80::1
ipconfig1: ip=dhcp,ip6=auto
lock: migrate
name: web01
net0: virtio=BC:24:11:AA:BB:CC,bridge=vmbr1,firewall=1
net1: model=e1000,macaddr=BC:24:11:AA:BB:CD,bridge=vmbr0
net2: virtio=BC:24:11:AA:BB:CE
scsi0: local-lvm:vm-100-disk-0,size=8G

[PENDING]
net0: virtio=BC:24:11:00:00:01,bridge=vmbr9

[snap1]
name: old
net0: virtio=BC:24:11:00:00:02,bridge=vmbr1
"""
LXC = """arch: amd64
hostname: ct1
net0: name=eth0,bridge=vmbr1,gw=169.254.0.1,hwaddr=BC:24:11:DD:EE:FF,ip=2.57.57.31/32,ip6=auto,type=veth
"""
FIREWALL = """[OPTIONS]

ipfilter: 1

[IPSET ipfilter-net0] # what it may have

2.57.57.30 # first
2001:678:3a4:100::80
2001:678:3a4:1ff::/64
fe80::be24:11ff:feaa:bbcc
!2.57.57.99
dc/alias

[IPSET other]

2.57.57.98

[ipset ipfilter-net1]

2.57.57.32/31

[RULES]

IN ACCEPT -source 2.57.57.97
"""


def test_vmlist() -> None:
    assert parsing.vmlist(VMLIST) == {100: Owner("pve1", "qemu", 7), 101: Owner("pve2", "lxc", 3)}


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"ids": []}', b'{"ids": {"100": {}}}', VMLIST[:90]])
def test_broken_vmlist(raw: bytes) -> None:
    with pytest.raises(parsing.ParseError):
        parsing.vmlist(raw)


def test_a_cluster_without_guests() -> None:
    assert parsing.vmlist(b'{\n"version": 1\n\n}\n') == {}


def test_version() -> None:
    assert parsing.version(b'{"starttime": 1700000000,\n"clinfo": 2,\n"vmlist": 9}') == (1700000000, 9)
    with pytest.raises(parsing.ParseError):
        parsing.version(b'{"starttime": 1}')


def test_qemu() -> None:
    both = (parse("2.57.57.30"), parse("2001:678:3a4:100::80"))
    assert parsing.qemu(QEMU) == GuestConfig(
        "web01",
        "migrate",
        (
            Nic(0, "bc:24:11:aa:bb:cc", "vmbr1", True, both),
            Nic(1, "bc:24:11:aa:bb:cd", "vmbr0", False, ()),
            Nic(2, "bc:24:11:aa:bb:ce", "", False, ()),
        ),
    )


def test_lxc() -> None:
    assert parsing.lxc(LXC) == GuestConfig(
        "ct1", "", (Nic(0, "bc:24:11:dd:ee:ff", "vmbr1", False, (parse("2.57.57.31"),)),)
    )


def test_ipfilters() -> None:
    assert parsing.ipfilters(FIREWALL) == {
        0: (parse("2.57.57.30"), parse("2001:678:3a4:100::80"), parse("2001:678:3a4:1ff::/64")),
        1: (parse("2.57.57.32/31"),),
    }


ids = st.dictionaries(
    st.integers(100, 130),
    st.tuples(st.sampled_from(["pve1", "pve2"]), st.sampled_from(["qemu", "lxc"]), st.integers(1, 5)),
    max_size=12,
)


def written(entries: dict[int, tuple[str, str, int]], counter: int) -> bytes:
    lines = [
        f'"{vmid}": {{ "node": "{node}", "type": "{kind}", "version": {version} }}'
        for vmid, (node, kind, version) in entries.items()
    ]
    return (f'{{\n"version": {counter},\n"ids": {{\n' + ",\n".join(lines) + "}\n\n}\n").encode()


@given(ids, ids)
def test_changes_by_lines_are_those_by_parsing(
    before: dict[int, tuple[str, str, int]], after: dict[int, tuple[str, str, int]]
) -> None:
    old, new = written(before, 1), written(after, 2)
    old_lines, new_lines = parsing.vmlist_lines(old), parsing.vmlist_lines(new)
    assert old_lines and new_lines
    changes = parsing.vmlist_changes(old_lines, new_lines)
    assert changes is not None
    owners: dict[int, Owner] = parsing.vmlist(old)
    for vmid, owner in changes.items():
        if owner is None:
            del owners[vmid]
        else:
            owners[vmid] = owner
    assert owners == parsing.vmlist(new)


@given(ids, st.integers(1, 400))
def test_a_part_of_the_file_is_never_taken_for_the_whole(entries: dict[int, tuple[str, str, int]], end: int) -> None:
    raw = written(entries, 1)
    part = raw[: min(end, len(raw.rstrip()) - 1)]
    assert parsing.vmlist_lines(part) is None


def test_other_forms_are_left_to_the_parser() -> None:
    one_line = json.dumps(json.loads(VMLIST)).encode()
    old, new = parsing.vmlist_lines(VMLIST), parsing.vmlist_lines(one_line)
    assert old and new
    assert parsing.vmlist_changes(old, new) is None


@given(st.sampled_from([4, 6]), st.data())
def test_networks_survive_their_text(version: int, data: st.DataObject) -> None:
    bits = 32 if version == 4 else 128
    length = data.draw(st.integers(0, bits))
    value = data.draw(st.integers(0, 2**bits - 1)) >> (bits - length) << (bits - length)
    network = Network(version, value, length)
    assert parse(f"{network.address}/{length}") == network
    assert parse(str(network)) == network
    assert network.covers(network)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2.57.57.300", "'2.57.57.300' is not an address"),
        ("2.57.57.1/24", "'2.57.57.1/24' has bits set behind its prefix length"),
        ("2.57.57.0/33", "'2.57.57.0/33' has no prefix length from 0 to 32"),
        ("::/-1", "'::/-1' has no prefix length from 0 to 128"),
        ("web01", "'web01' is not an address"),
    ],
)
def test_what_is_no_network(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=r".*") as caught:
        parse(text)
    assert str(caught.value) == why
