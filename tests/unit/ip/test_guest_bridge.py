# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridge of routed guests: what differs, and stanzas that Proxmox' network editor does not damage."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.routed.fabric.plugins.module_utils import _guest_bridge as guest_bridge
from ansible_collections.routed.fabric.plugins.module_utils import _interfaces_file as interfaces_file
from ansible_collections.routed.fabric.plugins.module_utils._guest_bridge import Got
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError

OPTIONS: dict[str, Any] = {
    "name": "vmbr1",
    "mac": "02:00:5E:00:01:01",
    "ipv4": "169.254.0.1/32",
    "ipv6": "fe80::1/64",
    "sysctl": {"net.ipv6.conf.vmbr1.accept_dad": "0", "net.ipv4.conf.all.send_redirects": 0},
}
WANTED = guest_bridge.wanted_bridge(OPTIONS)
PRE_UP = (
    "ip link add dev vmbr1 type bridge 2>/dev/null; sysctl -q -e -p /etc/sysctl.d/91-routed-fabric-guests.conf || true"
)
STANZAS = f"""\
auto vmbr1
iface vmbr1 inet static
	address 169.254.0.1/32
	bridge-ports none
	bridge-stp off
	bridge-fd 0
	hwaddress 02:00:5e:00:01:01
	bridge-ports-condone-regex ^(tap|veth|fwpr)
	pre-up {PRE_UP}

iface vmbr1 inet6 static
	address fe80::1/64
	ipv6-addrgen off
"""
MAIN = "auto lo\niface lo inet loopback\n\niface eno1 inet manual\n\nsource /etc/network/interfaces.d/*\n"
RIGHT = Got(True, "02:00:5e:00:01:01", False, ("169.254.0.1/32", "fe80::1/64"), ())


def commands(got: Got) -> list[str]:
    return [change.command for change in guest_bridge.changes(WANTED, got)]


class TestLive:
    def test_nothing_where_it_is_right(self):
        assert guest_bridge.creation(WANTED, RIGHT) == []
        assert commands(RIGHT) == []

    def test_from_nothing(self):
        assert [c.command for c in guest_bridge.creation(WANTED, None)] == [
            "link add dev vmbr1 address 02:00:5e:00:01:01 type bridge stp_state 0 forward_delay 0"
        ]
        assert commands(Got(False, WANTED.mac, False, (), ())) == [
            "addr add 169.254.0.1/32 dev vmbr1",
            "addr add fe80::1/64 dev vmbr1 nodad",
            "link set dev vmbr1 up",
        ]

    def test_a_tentative_address_is_set_anew_and_nothing_else_is_touched(self):
        got = RIGHT._replace(tentative=("fe80::1/64",))
        assert commands(got) == ["addr del fe80::1/64 dev vmbr1", "addr add fe80::1/64 dev vmbr1 nodad"]

    def test_mac_and_spanning_tree_change_in_place(self):
        got = RIGHT._replace(mac="52:54:00:00:00:01", stp=True)
        assert commands(got) == [
            "link set dev vmbr1 address 02:00:5e:00:01:01",
            "link set dev vmbr1 type bridge stp_state 0",
        ]

    def test_it_is_never_set_down(self):
        for got in (RIGHT, RIGHT._replace(mac="x", stp=True, addresses=(), up=False)):
            assert not [c for c in commands(got) if c.endswith(" down") or c.startswith("link del")]

    def test_addresses_of_others_stay(self):
        assert commands(RIGHT._replace(addresses=(*RIGHT.addresses, "192.0.2.1/24"))) == []

    def test_what_is_predicted_is_what_is_wanted(self):
        for got in (None, RIGHT, RIGHT._replace(addresses=(), tentative=(), up=False, stp=True)):
            assert guest_bridge.changes(WANTED, guest_bridge.predicted(WANTED, got)) == []

    def test_from_a_dump(self):
        entry = {
            "ifname": "vmbr1",
            "flags": ["UP"],
            "address": "02:00:5e:00:01:01",
            "linkinfo": {"info_kind": "bridge", "info_data": {"stp_state": 1}},
            "addr_info": [{"local": "fe80::1", "prefixlen": 64, "tentative": True}, {}],
        }
        assert guest_bridge.got_bridge([entry], "vmbr1") == Got(
            True, "02:00:5e:00:01:01", True, ("fe80::1/64",), ("fe80::1/64",)
        )
        assert guest_bridge.got_bridge([], "vmbr1") is None

    def test_something_else_with_that_name_is_refused(self):
        with pytest.raises(
            IpError, match="name: 'vmbr1' is a device of kind 'dummy' on this node, not a bridge; rename"
        ):
            guest_bridge.got_bridge([{"ifname": "vmbr1", "linkinfo": {"info_kind": "dummy"}}], "vmbr1")


class TestOptions:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"name": "a/b"}, "name: 'a/b' cannot be the name of an interface"),
            ({"mac": "01:00:5e:00:00:01"}, "mac: '01:00:5e:00:00:01' is not the MAC address of one interface"),
            ({"mac": "x"}, "mac: 'x' is not the MAC address of one interface"),
            ({"ipv4": "fe80::1/64"}, "ipv4: 'fe80::1/64' is not an IPv4 address"),
            ({"ipv6": "fe80::/x"}, "ipv6: 'fe80::/x' does not appear to be an IPv4 or IPv6 interface"),
        ],
    )
    def test_bad_input_is_named(self, change, message):
        with pytest.raises(IpError, match=message):
            guest_bridge.wanted_bridge({**OPTIONS, **change})


class TestFile:
    """What Proxmox' editor does to a file when somebody changes anything in it, rule by rule."""

    def test_stanzas_are_added_behind_the_others(self):
        made = guest_bridge.with_bridge(MAIN, WANTED)
        assert made == MAIN.replace("manual\n", f"manual\n\n{STANZAS}")
        assert guest_bridge.with_bridge(made, WANTED) == made

    def test_one_address_a_stanza(self):
        for stanza in guest_bridge.stanzas(WANTED, []):
            assert [key for key, dummy in stanza.options].count("address") == 1

    def test_the_blog_s_stanza_with_two_addresses_becomes_two_stanzas(self):
        blog = (
            "auto vmbr1\niface vmbr1 inet static\n    address 169.254.0.1/32\n    address fe80::1/64\n"
            "    bridge-ports none\n    bridge-stp off\n    bridge-fd 0\n"
        )
        assert guest_bridge.with_bridge(MAIN + "\n" + blog, WANTED) == f"{MAIN}\n{STANZAS}"

    def test_known_options_stand_in_the_editor_s_order_and_unknown_ones_behind_them(self):
        keys = [key for key, dummy in guest_bridge.stanzas(WANTED, [])[0].options]
        assert keys == [
            "address",
            "bridge-ports",
            "bridge-stp",
            "bridge-fd",
            "hwaddress",
            "bridge-ports-condone-regex",
            "pre-up",
        ]

    def test_no_comment_of_ours_that_the_editor_would_move(self):
        assert "#" not in guest_bridge.with_bridge("", WANTED)

    def test_no_option_that_the_editor_drops(self):
        assert "bridge-disable-mac-learning" not in guest_bridge.with_bridge("", WANTED)

    def test_no_blank_line_inside_of_a_stanza(self):
        # the editor's parser ends a stanza there
        assert STANZAS.count("\n\n") == 1

    def test_the_editor_s_own_form_is_left_alone(self):
        # its order of interfaces, an MTU and a comment that somebody typed in
        edited = "auto lo\niface lo inet loopback\n\n" + STANZAS.replace("fd 0\n", "fd 0\n\tmtu 9000\n")
        edited += "#the guests\n\nsource /etc/network/interfaces.d/*\n\n"
        assert guest_bridge.with_bridge(edited, WANTED) == edited

    def test_options_of_others_survive_a_change_of_ours(self):
        old = (
            "auto vmbr1\niface vmbr1 inet static\n\taddress 10.0.0.1/24\n\tbridge_ports eno9\n\tmtu 9000\n"
            "\tpost-up logger up\n\tpre-up ip link add dev vmbr1 type bridge; "
            "sysctl -p /etc/sysctl.d/91-routed-fabric-guests.conf\n"
        )
        made = interfaces_file.ifaces(guest_bridge.with_bridge(old, WANTED), "vmbr1")
        assert made[0].options == (
            ("address", "169.254.0.1/32"),
            ("bridge-ports", "none"),
            ("bridge-stp", "off"),
            ("bridge-fd", "0"),
            ("mtu", "9000"),
            ("hwaddress", "02:00:5e:00:01:01"),
            ("bridge-ports-condone-regex", "^(tap|veth|fwpr)"),
            ("pre-up", PRE_UP),
            ("post-up", "logger up"),
        )
        assert made[1].options == (("address", "fe80::1/64"), ("ipv6-addrgen", "off"))

    def test_a_change_adds_no_blank_lines(self):
        made = guest_bridge.with_bridge(MAIN, WANTED)
        assert guest_bridge.with_bridge(made.replace("hwaddress 02", "hwaddress 06"), WANTED) == made

    def test_a_stanza_without_a_family_becomes_two(self):
        typeless = (
            "auto vmbr1\niface vmbr1\n\taddress 169.254.0.1/32\n\taddress fe80::1/64\n\tmtu 9000\n\tbridge-ports none\n"
        )
        made = interfaces_file.ifaces(guest_bridge.with_bridge(typeless, WANTED), "vmbr1")
        assert [(stanza.family, dict(stanza.options).get("mtu")) for stanza in made] == [
            ("inet", "9000"),
            ("inet6", None),
        ]

    def test_the_parameters_file(self):
        assert guest_bridge.render_sysctl(WANTED).splitlines()[2:] == [
            "net.ipv4.conf.all.send_redirects = 0",
            "net.ipv6.conf.vmbr1.accept_dad = 0",
        ]
