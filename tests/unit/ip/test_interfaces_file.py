# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files for the next boot; reading our own file back gives what was written."""

from __future__ import annotations

import pytest
from ansible_collections.routed.fabric.plugins.module_utils import _interfaces_file as interfaces_file
from ansible_collections.routed.fabric.plugins.module_utils._ip._links import Wanted, parse_address

WANTED = [
    Wanted("dummy0", 0, (parse_address("10.255.0.1/32"), parse_address("2001:db8::1/128")), create_dummy=True),
    Wanted("up0", 9216, (parse_address("10.9.0.0/31"), parse_address("10.0.1.128/32", "10.0.3.128/32"))),
    Wanted("up1", 0, ()),
]
OWNED = {item.name: list(item.addresses) for item in WANTED}


def test_ifupdown2() -> None:
    text = interfaces_file.render_ifupdown2(WANTED, {"up0": {"net/ipv6/conf/up0/accept_ra": "0"}, "": {"a": "b"}})
    assert text == interfaces_file.HEADER + (
        "\nauto dummy0\niface dummy0\n    address-purge no\n    link-type dummy\n"
        "    address 10.255.0.1/32\n    address 2001:db8::1/128\n"
        "\nauto up0\niface up0\n    address-purge no\n    mtu 9216\n    address 10.9.0.0/31\n"
        "    pre-up echo 0 > /proc/sys/net/ipv6/conf/up0/accept_ra || true\n"
        "    post-up ip addr replace 10.0.1.128 peer 10.0.3.128/32 dev up0\n"
        "\nauto up1\niface up1\n    address-purge no\n"
    )
    assert interfaces_file.parse_ifupdown2(text) == OWNED
    assert interfaces_file.parse_ifupdown2("") == {}


def test_networkd() -> None:
    files = interfaces_file.render_networkd(WANTED)
    assert sorted(files) == [
        "10-routed-fabric-dummy0.netdev",
        "10-routed-fabric-dummy0.network",
        "10-routed-fabric-up0.network",
        "10-routed-fabric-up1.network",
    ]
    assert files["10-routed-fabric-up0.network"] == interfaces_file.HEADER + (
        "\n[Match]\nName=up0\n\n[Link]\nMTUBytes=9216\n"
        "\n[Network]\nIPv6AcceptRA=no\nLinkLocalAddressing=ipv6\nConfigureWithoutCarrier=yes\nKeepConfiguration=static\n"
        "\n[Address]\nAddress=10.9.0.0/31\n\n[Address]\nAddress=10.0.1.128/32\nPeer=10.0.3.128/32\n"
    )
    networks = {name: text for name, text in files.items() if name.endswith(".network")}
    assert interfaces_file.parse_networkd(networks) == OWNED


@pytest.mark.parametrize(
    "main",
    [
        "source /etc/network/interfaces.d/*\n",
        "source interfaces.d/routed-fabric\n",
        "source-directory /etc/network/interfaces.d\n",
        "auto lo\n  source /etc/network/interfaces.d/*  \nauto vmbr0\n",
    ],
)
def test_a_main_file_that_sources_our_directory_stays(main: str) -> None:
    assert interfaces_file.with_source_line(main) == main


def test_source_line_is_added_at_the_end() -> None:
    added = "auto lo\niface lo inet loopback\n\nsource /etc/network/interfaces.d/*\n"
    assert interfaces_file.with_source_line("") == added
    assert interfaces_file.with_source_line("auto lo\niface lo inet loopback") == added
    assert interfaces_file.with_source_line("source /etc/network/interfaces.d/sdn\n").count("source") == 2
    assert interfaces_file.with_source_line(interfaces_file.with_source_line("x")) == interfaces_file.with_source_line(
        "x"
    )


def test_who_keeps_the_interfaces() -> None:
    probe = interfaces_file.Probe
    assert interfaces_file.manager_of(probe(ifupdown2=True, networkd=True)) == "ifupdown2"
    assert interfaces_file.manager_of(probe(networkd=True)) == "systemd-networkd"
    way_out = "install ifupdown2, or enable systemd-networkd, or set `persist: false` and keep the interfaces yourself"
    for found, words in (
        (probe(network_manager=True), "NetworkManager runs on this node, for which no files are written"),
        (
            probe(classic_ifupdown=True),
            "this node has the classic ifupdown, which cannot change a running interface",
        ),
        (probe(), "neither ifupdown2 nor systemd-networkd was found on this node"),
    ):
        with pytest.raises(interfaces_file.UnsupportedError) as error:
            interfaces_file.manager_of(found)
        assert str(error.value) == f"persist: {words}; {way_out}"


def test_a_file_that_comes_before_ours() -> None:
    others = {
        "05-all.network": "[Match]\nType=ether\n",
        "10-netplan-up0.network": "[Match]\nName=up0\n\n[Network]\nName=no\n",
        "99-late.network": "[Match]\nName=up*\n",
    }
    assert interfaces_file.networkd_rivals(["up0", "up1"], others) == [
        (
            "persist: the file 10-netplan-up0.network matches 'up0' too and comes before 10-routed-fabric-up0.network, "
            "so systemd-networkd would never read ours; take the interface out of it (or out of netplan)"
        )
    ]
