# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Edited files: what is ours in them changes, everything else stays byte for byte, and twice is once."""

from __future__ import annotations

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._proxmox import _texts
from ansible_collections.routed.fabric.plugins.module_utils._proxmox._texts import Host
from hypothesis import given
from hypothesis import strategies as st

HOSTS = [Host("192.0.2.11", ("pve1.example.net", "pve1")), Host("2001:db8::c", ("pve2.example.net", "pve2"))]
PVE1 = "192.0.2.11\tpve1.example.net pve1\t# routed.fabric\n"
PVE2 = "2001:db8::c\tpve2.example.net pve2\t# routed.fabric\n"


class TestHosts:
    def test_as_debian_installs_it(self) -> None:
        before = "127.0.0.1\tlocalhost\n127.0.1.1\tpve1.example.net\tpve1\n\n# IPv6\n::1 localhost ip6-localhost\n"
        after = f"127.0.0.1\tlocalhost\n{PVE1}{PVE2}\n# IPv6\n::1 localhost ip6-localhost\n"
        assert _texts.with_hosts(before, HOSTS) == after
        assert _texts.with_hosts(after, HOSTS) == after

    def test_as_proxmox_installs_it_other_names_of_the_line_stay(self) -> None:
        before = "127.0.0.1 localhost\n203.0.113.5  pve1.example.net PVE1 pvelocalhost backup # the old one: pve1\n"
        assert (
            _texts.with_hosts(before, HOSTS)
            == f"127.0.0.1 localhost\n203.0.113.5 pvelocalhost backup # the old one: pve1\n{PVE1}{PVE2}"
        )

    def test_an_address_that_has_changed_and_a_node_that_has_gone(self) -> None:
        old = PVE1.replace("192.0.2.11", "192.0.2.99")
        gone = "192.0.2.13\tpve3\t# routed.fabric\n"
        assert _texts.with_hosts(f"{old}x y\n{gone}{PVE2}", HOSTS) == f"{PVE1}x y\n{PVE2}"

    def test_an_empty_file_and_one_without_a_last_newline(self) -> None:
        assert _texts.with_hosts("", HOSTS) == PVE1 + PVE2
        assert _texts.with_hosts("127.0.0.1 localhost", HOSTS) == f"127.0.0.1 localhost\n{PVE1}{PVE2}"
        assert _texts.with_hosts("127.0.1.1 pve1\n::1 localhost", HOSTS) == f"{PVE1}{PVE2}::1 localhost"

    def test_a_line_of_ours_twice_and_one_of_another_spelling(self) -> None:
        assert _texts.with_hosts(PVE1 + PVE1 + PVE2.replace("\t", " "), HOSTS) == PVE1 + PVE2

    def test_names_that_only_begin_alike_are_others(self) -> None:
        assert _texts.with_hosts("192.0.2.1 pve10 pve1x\n", HOSTS).startswith("192.0.2.1 pve10 pve1x\n")

    @given(
        st.lists(
            st.sampled_from(
                [
                    "127.0.0.1 localhost",
                    "127.0.1.1 pve1",
                    "# pve1",
                    "",
                    "10.0.0.1 a pve2",
                    PVE1.strip(),
                    "junk",
                    "1.2.3.4",
                ]
            )
        )
    )
    def test_twice_is_once_and_each_name_stands_once(self, lines: list[str]) -> None:
        text = "".join(f"{line}\n" for line in lines)
        made = _texts.with_hosts(text, HOSTS)
        assert _texts.with_hosts(made, HOSTS) == made
        found = [line.split("#")[0].split() for line in made.splitlines()]
        for host in HOSTS:
            for name in host.names:
                assert [words[0] for words in found if name in words[1:]] == [host.address]
        assert [line for line in made.splitlines() if line == "junk"] == [line for line in lines if line == "junk"]


class TestMainInterfaces:
    def test_a_fresh_node(self) -> None:
        made = _texts.with_main_interfaces("", ["eno1"])
        assert made == (
            "auto lo\niface lo inet loopback\n\niface eno1 inet manual\n\nsource /etc/network/interfaces.d/*\n"
        )
        assert _texts.with_main_interfaces(made, ["eno1"]) == made

    def test_what_stands_there_is_left_alone(self) -> None:
        main = f"auto lo\niface lo inet loopback\n\nauto eno1\niface eno1\n\tmtu 9000\n\n{_texts.SOURCE_LINE}\n"
        assert _texts.with_main_interfaces(main, ["eno1"]) == main

    @pytest.mark.parametrize(
        "line",
        [
            "source interfaces.d/*",
            "source-directory /etc/network/interfaces.d",
            "source-directory interfaces.d/",
            "source /etc/network/interfaces.d/sdn",
            "  source /etc/network/interfaces.d/routed-fabric",
        ],
    )
    def test_other_forms_of_the_source_line_are_replaced(self, line: str) -> None:
        text = f"auto lo\n{line}\niface lo inet loopback\nsource interfaces.d/sdn\n"
        assert _texts.with_literal_source(text) == f"auto lo\n{_texts.SOURCE_LINE}\niface lo inet loopback\n"

    def test_the_literal_line_beside_others_is_enough(self) -> None:
        text = f"source /etc/network/other\n{_texts.SOURCE_LINE}\nsource /etc/network/interfaces.d/sdn\n"
        assert _texts.with_literal_source(text) == text


class TestMigration:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("", "migration: secure,network=192.0.2.0/24\n"),
            ("keyboard: de", "keyboard: de\nmigration: secure,network=192.0.2.0/24\n"),
            ("# a\nmigration: insecure\nmac_prefix: BC:24:11\n", None),
            ("# a\nmigration: insecure,network=10.0.0.0/8\nmac_prefix: BC:24:11\n", None),
        ],
    )
    def test_set(self, before: str, after: str | None) -> None:
        wanted = after or "# a\nmigration: secure,network=192.0.2.0/24\nmac_prefix: BC:24:11\n"
        assert _texts.with_migration(before, "secure", "192.0.2.0/24") == wanted

    @pytest.mark.parametrize(
        "line",
        [
            "migration: secure,network=192.0.2.0/24",
            "migration: type=secure,network=192.0.2.0/24",
            "migration: network=192.0.2.0/24,type=secure",
            "migration:   network=192.0.2.0/24,secure,later=1",
        ],
    )
    def test_the_same_as_proxmox_spells_it(self, line: str) -> None:
        assert _texts.with_migration(f"{line}\n", "secure", "192.0.2.0/24") == f"{line}\n"

    def test_a_second_line_goes_and_unknown_properties_stay(self) -> None:
        text = "migration: secure\nx: y\nmigration: secure,later=1\n"
        assert _texts.with_migration(text, "insecure", "2001:db8::/64") == (
            "migration: insecure,later=1,network=2001:db8::/64\nx: y\n"
        )


MANAGEMENT = ["192.0.2.0/24", "2001:db8::/64"]


class TestFirewall:
    FRESH = (
        "[ALIASES]\n\nlocal_network 192.0.2.0/24 # routed.fabric\n\n"
        "[IPSET management]\n\n192.0.2.0/24 # routed.fabric\n2001:db8::/64 # routed.fabric\n"
    )

    def made(self, text: str) -> str:
        found = _texts.with_firewall(text, "192.0.2.0/24", MANAGEMENT)
        assert _texts.with_firewall(found, "192.0.2.0/24", MANAGEMENT) == found
        return found

    def test_a_fresh_file(self) -> None:
        assert self.made("") == self.FRESH

    def test_into_sections_that_are_there(self) -> None:
        before = (
            "[OPTIONS]\n\nenable: 1\n\n[ALIASES]\n\noffice 203.0.113.0/24 # theirs\n\n"
            "[IPSET management] # who may\n\n!192.0.2.7\ndc/office\n198.51.100.0/24\n\n[RULES]\n\nIN ACCEPT\n"
        )
        assert self.made(before) == (
            "[OPTIONS]\n\nenable: 1\n\n[ALIASES]\n\noffice 203.0.113.0/24 # theirs\n"
            "local_network 192.0.2.0/24 # routed.fabric\n\n"
            "[IPSET management] # who may\n\n!192.0.2.7\ndc/office\n198.51.100.0/24\n"
            "192.0.2.0/24 # routed.fabric\n2001:db8::/64 # routed.fabric\n\n[RULES]\n\nIN ACCEPT\n"
        )

    def test_the_firewall_is_never_switched_on(self) -> None:
        assert "enable" not in self.made("")
        assert "enable: 0\n" in self.made("[OPTIONS]\n\nenable: 0\n")

    def test_a_wrong_alias_is_replaced_and_a_right_one_stays_as_it_is(self) -> None:
        assert self.made(self.FRESH.replace("local_network 192.0.2.0/24", "Local_Network 10.0.0.0/8")) == self.FRESH
        own = self.FRESH.replace("local_network 192.0.2.0/24 # routed.fabric", "LOCAL_NETWORK 192.0.2.0/24 # by hand")
        assert self.made(own) == own

    def test_entries_of_ours_that_are_not_wanted_any_more_go_and_others_stay(self) -> None:
        more = self.FRESH + "198.51.100.9 # routed.fabric\n198.51.100.8 # theirs\n198.51.100.7\n"
        assert self.made(more) == self.FRESH + "198.51.100.8 # theirs\n198.51.100.7\n"

    def test_as_proxmox_writes_hosts(self) -> None:
        text = _texts.with_firewall("", "192.0.2.11/32", ["192.0.2.11/32"])
        written = text.replace("/32", "")  # its editor leaves the length of a single address out
        assert _texts.with_firewall(written, "192.0.2.11/32", ["192.0.2.11/32"]) == written

    def test_a_section_at_the_end_without_a_newline(self) -> None:
        assert self.made("[ALIASES]") == self.FRESH.replace("[ALIASES]\n\n", "[ALIASES]\n")
        assert self.made("[IPSET management]\n1.2.3.4").startswith("[IPSET management]\n1.2.3.4\n192.0.2.0/24 #")

    @given(
        st.lists(
            st.sampled_from(
                [
                    "[ALIASES]",
                    "[IPSET management]",
                    "[ipset  other]",
                    "[RULES]",
                    "",
                    "# note",
                    "local_network 10.0.0.0/8",
                    "192.0.2.0/24",
                    "2001:db8:0::/64 # routed.fabric",
                    "9.9.9.9 # routed.fabric",
                    "!192.0.2.9",
                    "x y z",
                ]
            )
        )
    )
    def test_twice_is_once_and_foreign_lines_stay(self, lines: list[str]) -> None:
        made = self.made("".join(f"{line}\n" for line in lines))
        for line in ("# note", "!192.0.2.9", "x y z", "[RULES]"):
            assert made.splitlines().count(line) == lines.count(line)
