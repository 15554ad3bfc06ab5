# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""parse and unparse."""

from __future__ import annotations

from ansible_collections.routed.fabric.plugins.module_utils._frr._tree import Line, parse, unparse
from hypothesis import given
from hypothesis import strategies as st

# Words of leaves that can begin no block and end none.
LEAVES = st.sampled_from(["network 10.0.0.0/8", "neighbor A activate", "set metric 5", "no shutdown",
                          "description two  words",                           "timers bgp 3 9", "rd 1:1"])  # fmt: skip
NUMBERS = st.integers(1, 9)


@st.composite
def configurations(draw: st.DrawFn) -> list[Line]:
    """Well-formed configurations: every block with its header, in one piece, no two neighbours with one header."""
    lines: list[Line] = []
    used: set[tuple[tuple[str, ...], str]] = set()

    def header(context: tuple[str, ...], text: str) -> bool:
        if (context, text) in used:
            return False
        used.add((context, text))
        lines.append((context, text))
        return True

    def leaves(context: tuple[str, ...]) -> None:
        for leaf in draw(st.lists(LEAVES, max_size=3, unique=True)):
            lines.append((context, leaf))

    for kind in draw(st.lists(st.sampled_from(["top", "bgp", "map", "interface", "bfd", "vrf", "vty"]), max_size=7)):
        number = draw(NUMBERS)
        if kind == "top":
            lines.append(((), f"ip route 10.{number}.0.0/16 Null0"))
        elif kind == "map":
            name = f"route-map M{number} permit {draw(NUMBERS)}"
            if header((), name):
                leaves((name,))
        elif kind in ("interface", "vrf"):
            if header((), f"{kind} x{number}"):
                leaves((f"{kind} x{number}",))
        elif kind == "vty":
            if header((), "line vty"):
                leaves(("line vty",))
        elif kind == "bfd":
            if header((), "bfd"):
                for profile in draw(st.lists(NUMBERS, max_size=2, unique=True)):
                    header(("bfd",), f"profile p{profile}")
                    leaves(("bfd", f"profile p{profile}"))
        elif header((), f"router bgp {number}"):
            top = (f"router bgp {number}",)
            leaves(top)
            for family in draw(st.lists(st.sampled_from(["ipv4 unicast", "ipv6 unicast", "l2vpn evpn"]), unique=True)):
                header(top, f"address-family {family}")
                inner = (*top, f"address-family {family}")
                leaves(inner)
                if family == "l2vpn evpn":
                    for vni in draw(st.lists(NUMBERS, max_size=2, unique=True)):
                        header(inner, f"vni {vni}")
                        leaves((*inner, f"vni {vni}"))
    return lines


@given(configurations())
def test_parse_reads_what_unparse_writes(lines: list[Line]) -> None:
    assert parse(unparse(lines)) == lines


@given(configurations())
def test_comments_and_indentation_do_not_matter(lines: list[Line]) -> None:
    text = unparse(lines)
    assert parse("!\n" + text.replace("\n", "\n!\n")) == lines
    assert parse(text + "end\n") == lines


RUNNING_8_4 = """\
Building configuration...

Current configuration:
!
frr version 8.4.4
frr defaults traditional
!
interface lo
 ip address 10.0.0.1/32
exit
!
vrf red
 ip route 10.0.0.0/8 Null0
exit-vrf
!
router bgp 65001
 neighbor T peer-group
 !
 address-family l2vpn evpn
  advertise-all-vni
  vni 100
   rd 1:1
  exit-vni
 exit-address-family
exit
!
line vty
 exec-timeout 5 0
!
bfd
 profile fast
  transmit-interval 100
 exit
 !
exit
!
end
"""


def test_a_running_configuration() -> None:
    family = ("router bgp 65001", "address-family l2vpn evpn")
    assert parse(RUNNING_8_4) == [
        ((), "frr version 8.4.4"),
        ((), "frr defaults traditional"),
        ((), "interface lo"),
        (("interface lo",), "ip address 10.0.0.1/32"),
        ((), "vrf red"),
        (("vrf red",), "ip route 10.0.0.0/8 Null0"),
        ((), "router bgp 65001"),
        (("router bgp 65001",), "neighbor T peer-group"),
        (("router bgp 65001",), "address-family l2vpn evpn"),
        (family, "advertise-all-vni"),
        (family, "vni 100"),
        ((*family, "vni 100"), "rd 1:1"),
        ((), "line vty"),
        (("line vty",), "exec-timeout 5 0"),
        ((), "bfd"),
        (("bfd",), "profile fast"),
        (("bfd", "profile fast"), "transmit-interval 100"),
    ]


def test_text_without_indentation() -> None:
    text = "router bgp 1\nneighbor a remote-as 1\naddress-family ipv4 unicast\nnetwork 10.0.0.0/8\n"
    text += "ip route 10.0.0.0/8 Null0"
    assert parse(text) == [
        ((), "router bgp 1"),
        (("router bgp 1",), "neighbor a remote-as 1"),
        (("router bgp 1",), "address-family ipv4 unicast"),
        (("router bgp 1", "address-family ipv4 unicast"), "network 10.0.0.0/8"),
        ((), "ip route 10.0.0.0/8 Null0"),
    ]


def test_a_block_is_opened_again_where_its_lines_come_apart() -> None:
    lines: list[Line] = [(("router bgp 1",), "a"), ((), "ip x"), (("router bgp 1",), "b")]
    assert unparse(lines) == "router bgp 1\n a\nexit\nip x\nrouter bgp 1\n b\nexit\n"
