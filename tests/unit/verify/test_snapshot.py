# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two snapshots: equal means nothing, each difference is one sentence with its path."""

from __future__ import annotations

from ansible_collections.routed.fabric.plugins.module_utils._info import _stable
from ansible_collections.routed.fabric.plugins.plugin_utils._verify.snapshot import difference


def test_equal() -> None:
    state = {"links": [{"name": "lo"}], "nft": ["a", "b"]}
    assert difference(state, {"nft": ["b", "a"], "links": [{"name": "lo"}]}) == []


def test_differences_have_their_path() -> None:
    before = {"sessions": {"default up0": {"connections_established": 1}}, "rules": [1, 2], "gone": 1}
    after = {"sessions": {"default up0": {"connections_established": 2}}, "rules": [2, 3], "new": "x"}
    assert difference(before, after) == [
        "gone: gone, it was 1",
        'new: new, it is "x"',
        "rules: gone: 1",
        "rules: new: 3",
        "sessions.default up0.connections_established: 1 became 2",
    ]


def test_what_changes_by_itself_is_left_out() -> None:
    one = {"dst": "10.0.0.1", "nhid": 11, "dev": "a"}
    two = {"dst": "10.0.0.1", "nhid": 12, "dev": "a"}
    assert _stable.routes([one]) == _stable.routes([two])
    assert _stable.neighbours([{"dst": "fe80::1", "dev": "a", "lladdr": "02::", "state": ["STALE"]}]) == []
    assert _stable.ruleset("x counter packets 7 bytes 90 accept, 10.0.0.1 expires 4m3s") == "x counter accept, 10.0.0.1"


def test_a_link_that_was_made_again_is_another_one() -> None:
    link = {"ifname": "a", "ifindex": 4, "mtu": 1500}
    assert _stable.links([link]) != _stable.links([{**link, "ifindex": 5}])
