# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ceph.conf: what is not asked for stays as it is, byte for byte."""

from __future__ import annotations

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._ceph._conf import Conf
from ansible_collections.routed.fabric.plugins.module_utils._ceph._errors import CephError
from hypothesis import given
from hypothesis import strategies as st

TEXT = """\
# made by hand
[global]
    fsid = 8c1e9d0a-52a1-4b53-9b49-6ad0f1a1a001
    public network = 2001:db8:100::/64   ; the old one
\t# kept
    auth-cluster-required = cephx

[mon.a]
host = a

[osd]
osd_mkfs_options = "-a \\"b\\" # c"
long = one \\
  two
rgw_keystone_admin_password = geheim
"""


def test_reads_what_ceph_reads():
    conf = Conf(TEXT)
    assert conf.sections() == ["global", "mon.a", "osd"]
    assert conf.options("global") == {
        "fsid": "8c1e9d0a-52a1-4b53-9b49-6ad0f1a1a001",
        "public_network": "2001:db8:100::/64",
        "auth_cluster_required": "cephx",
    }
    assert conf.options("osd") == {
        "osd_mkfs_options": '-a "b" # c',
        "long": "one two",
        "rgw_keystone_admin_password": "geheim",
    }
    assert conf.text == TEXT


def test_a_value_changes_in_its_place_and_keeps_its_comment():
    conf = Conf(TEXT)
    conf.set("global", "public_network", "2001:db8:200::/64")
    assert conf.text == TEXT.replace("2001:db8:100::/64", "2001:db8:200::/64")


def test_a_new_option_stands_behind_the_last_one_of_its_section():
    conf = Conf(TEXT)
    conf.set("global", "mon_host", "2001:db8::1")
    assert conf.text == TEXT.replace("= cephx\n", "= cephx\n    mon_host = 2001:db8::1\n")


def test_a_new_section_comes_last():
    conf = Conf(TEXT)
    conf.set("mgr", "public_addr", "2001:db8::1")
    assert conf.text == TEXT + "\n[mgr]\npublic_addr = 2001:db8::1\n"


def test_an_option_goes_with_its_line_and_nothing_else():
    conf = Conf(TEXT)
    conf.set("mon.a", "host", None)
    assert conf.text == TEXT.replace("host = a\n", "")


def test_of_an_option_that_stands_there_twice_the_last_one_counts_and_stays():
    conf = Conf("[global]\na = 1\n[osd]\n[global]\na = 2\n")
    assert conf.get("global", "a") == "2"
    conf.set("global", "a", "3")
    assert conf.text == "[global]\n[osd]\n[global]\na = 3\n"


def test_an_empty_file_begins_with_a_section():
    conf = Conf("")
    conf.set("global", "fsid", "x")
    assert conf.text == "[global]\nfsid = x\n"


def test_secrets_are_not_in_the_diff():
    assert "geheim" not in Conf(TEXT).masked
    assert Conf(TEXT).masked == TEXT.replace("geheim", "********")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[global\na = 1\n", "ceph.conf line 1: '[global' is no section; write it as [NAME]"),
        ("\n[global]\nnonsense\n", "ceph.conf line 3: 'nonsense' is neither a section, an option nor a comment"),
        ("a = 1\n", "ceph.conf line 1: the option 'a' stands before the first section"),
        ('[global]\na = "b\n', 'ceph.conf line 2: the quote in "b is never closed'),
    ],
)
def test_what_does_not_parse_is_said_in_one_sentence(text, sentence):
    with pytest.raises(CephError) as caught:
        Conf(text)
    assert str(caught.value) == sentence


LINES = st.sampled_from(
    [
        "",
        "# a",
        "; b",
        "  # c",
        "a = 1",
        " b=2 # x",
        "c d = 3;y",
        "e-f = '4 # 5'",
        "g =",
        "[osd]",
        "[mon.a] # z",
        "h = 6 \\\n 7",
    ]
)


@given(st.lists(LINES), st.booleans())
def test_reading_and_writing_changes_nothing(lines, end):
    text = "\n".join(["[global]", *lines]) + ("\n" if end else "")
    assert Conf(text).text == text


@given(st.lists(LINES), st.sampled_from(["global", "osd", "new"]), st.sampled_from(["a", "b", "c_d", "z"]))
def test_a_set_option_is_read_back_and_the_others_stay(lines, section, key):
    before = Conf("\n".join(["[global]", *lines, ""]))
    after = Conf(before.text)
    after.set(section, key, "new value")
    again = Conf(after.text)
    assert again.get(section, key) == "new value"
    for name in before.sections():
        kept = {k: v for k, v in before.options(name).items() if (name, k) != (section, key)}
        assert {k: v for k, v in again.options(name).items() if (name, k) != (section, key)} == kept
    after.set(section, key, "new value")
    assert after.text == again.text
