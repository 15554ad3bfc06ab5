# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/etc/network/interfaces, edited by stanza: the one that is meant changes, everything else stays byte for byte."""

from __future__ import annotations

import pytest
from ansible_collections.routed.fabric.plugins.module_utils import _interfaces_file as interfaces_file
from ansible_collections.routed.fabric.plugins.module_utils._interfaces_file import Iface
from hypothesis import given
from hypothesis import strategies as st

MAIN = """\
# by the installer
auto lo
iface lo inet loopback

auto vmbr0 vmbr9
iface vmbr0 inet static
	address 192.0.2.5/24
	# the office
	bridge_ports eno1 \\
		eno2
	bridge-stp off

# about eno1
iface eno1 inet manual
mapping eth0
	script /bin/true

source /etc/network/interfaces.d/*
"""
VMBR1 = [
    Iface("vmbr1", "inet", "static", (("address", "169.254.0.1/32"), ("bridge-ports", "none"))),
    Iface("vmbr1", "inet6", "static", (("address", "fe80::1/64"),)),
]
RENDERED = """\
iface vmbr1 inet static
	address 169.254.0.1/32
	bridge-ports none

iface vmbr1 inet6 static
	address fe80::1/64
"""


def test_what_stands_there() -> None:
    assert interfaces_file.ifaces(MAIN) == [
        Iface("lo", "inet", "loopback"),
        Iface(
            "vmbr0",
            "inet",
            "static",
            (("address", "192.0.2.5/24"), ("bridge-ports", "eno1 eno2"), ("bridge-stp", "off")),
        ),
        Iface("eno1", "inet", "manual"),
    ]
    assert interfaces_file.ifaces("iface a\n\tmtu 9000\n", "a") == [Iface("a", "", "", (("mtu", "9000"),))]
    assert [interfaces_file.is_auto(MAIN, name) for name in ("lo", "vmbr0", "vmbr9", "eno1")] == [
        True,
        True,
        True,
        False,
    ]


def test_a_new_interface_stands_after_the_last_stanza() -> None:
    made = interfaces_file.with_interface(MAIN, "vmbr1", VMBR1)
    assert made == MAIN.replace("iface eno1 inet manual\n", f"iface eno1 inet manual\n\nauto vmbr1\n{RENDERED}\n")
    assert interfaces_file.with_interface(made, "vmbr1", VMBR1) == made


def test_into_an_empty_file_and_after_one_without_a_last_newline() -> None:
    assert interfaces_file.with_interface("", "vmbr1", VMBR1) == f"auto vmbr1\n{RENDERED}"
    assert (
        interfaces_file.with_interface("iface lo inet loopback", "vmbr1", VMBR1)
        == f"iface lo inet loopback\n\nauto vmbr1\n{RENDERED}"
    )
    assert interfaces_file.with_interface("# only\n", "vmbr1", VMBR1) == f"# only\n\nauto vmbr1\n{RENDERED}"


def test_the_same_in_another_order_is_left_alone() -> None:
    other = (
        "iface vmbr1 inet6 static\n  address fe80::1/64\n"
        "iface vmbr1 inet static\n  bridge_ports none\n  address   169.254.0.1/32\n#mine\nallow-auto vmbr1\n"
    )
    assert interfaces_file.with_interface(other, "vmbr1", VMBR1) == other


def test_the_order_of_the_values_of_one_key_counts() -> None:
    up = [Iface("a", "inet", "manual", (("post-up", "one"), ("post-up", "two")))]
    text = interfaces_file.with_interface("", "a", up)
    turned = [up[0]._replace(options=up[0].options[::-1])]
    assert interfaces_file.with_interface(text, "a", turned) != text


def test_a_stanza_that_differs_is_replaced_where_it_stands() -> None:
    text = (
        "auto vmbr1\niface vmbr1\n\taddress fe80::2/64\n\t# a note\n\tmtu 1400\n\nauto x\niface x inet manual\n"
        "iface vmbr1 inet6 static\n\taddress fe80::3/64\n"
    )
    assert interfaces_file.with_interface(text, "vmbr1", VMBR1) == (
        f"auto vmbr1\n{RENDERED}\t# a note\n\nauto x\niface x inet manual\n"
    )


def test_a_comment_below_a_stanza_is_its_own() -> None:
    text = "iface x inet manual\n#uplink\n\n# loose\n"
    made = interfaces_file.with_interface(text, "vmbr1", VMBR1)
    assert made == f"iface x inet manual\n#uplink\n\nauto vmbr1\n{RENDERED}\n# loose\n"
    assert interfaces_file.with_interface(text, "x", [], auto=False) == "\n# loose\n"
    static = [Iface("x", "inet", "static", (("address", "192.0.2.1/32"),))]
    changed = interfaces_file.with_interface(text, "x", static, auto=False)
    assert changed == "iface x inet static\n\taddress 192.0.2.1/32\n#uplink\n\n# loose\n"


def test_without_auto() -> None:
    nic = [Iface("eno2", "inet", "manual")]
    assert interfaces_file.with_interface("", "eno2", nic, auto=False) == "iface eno2 inet manual\n"


def test_an_interface_is_taken_out() -> None:
    assert interfaces_file.with_interface(MAIN, "vmbr0", []) == (
        "# by the installer\nauto lo\niface lo inet loopback\n\nauto vmbr9\n\n# about eno1\n"
        "iface eno1 inet manual\nmapping eth0\n\tscript /bin/true\n\nsource /etc/network/interfaces.d/*\n"
    )
    assert interfaces_file.with_interface(MAIN, "none", []) == MAIN


LINES = st.lists(
    st.sampled_from(
        [
            "auto a",
            "auto a b",
            "iface a inet static",
            "iface a inet6 static",
            "iface b",
            "\taddress 192.0.2.1/32",
            "mtu 9000 \\",
            "# note",
            "",
            "mapping x",
            "source /etc/network/interfaces.d/*",
            "source-directory x",
            "allow-hotplug b",
        ]
    ),
    max_size=12,
)


@given(LINES, st.booleans())
def test_twice_is_once_and_the_others_stay(lines: list[str], newline: bool) -> None:
    text = "\n".join(lines) + ("\n" if newline else "")
    assert "".join(block.text for block in interfaces_file._blocks(text)) == text
    made = interfaces_file.with_interface(text, "vmbr1", VMBR1)
    assert interfaces_file.with_interface(made, "vmbr1", VMBR1) == made
    assert interfaces_file.ifaces(made, "vmbr1") == VMBR1
    assert interfaces_file.ifaces(made, "a") == interfaces_file.ifaces(text, "a")
    replaced = interfaces_file.with_interface(text, "a", [Iface("a", "inet", "manual")])
    assert interfaces_file.ifaces(replaced, "a") == [Iface("a", "inet", "manual")]
    assert interfaces_file.is_auto(replaced, "a")
    assert interfaces_file.ifaces(replaced, "b") == interfaces_file.ifaces(text, "b")
    assert interfaces_file.ifaces(interfaces_file.with_interface(replaced, "a", []), "a") == []


@pytest.mark.parametrize("text", ["", "\n", "iface", "auto", "iface x inet"])
def test_what_is_no_stanza_is_kept(text: str) -> None:
    assert interfaces_file.with_interface(text, "vmbr1", VMBR1).startswith(text)
