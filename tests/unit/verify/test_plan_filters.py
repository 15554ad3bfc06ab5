# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of the plan on their way to a module."""

from __future__ import annotations

from ansible_collections.routed.fabric.plugins.filter.plan import pick, secret_names, with_secrets


def test_pick() -> None:
    assert pick([{"name": "a", "mtu": 1, "peer_node": "b"}, {"name": "c"}], ["name", "mtu"]) == [
        {"name": "a", "mtu": 1},
        {"name": "c"},
    ]


def test_secrets() -> None:
    config = {
        "neighbors": [{"password": {"secret": "zulu"}}, {"password": {"secret": "alfa"}}],
        "asn": 1,
        "name": "secret",
    }
    assert secret_names(config) == ["alfa", "zulu"]
    assert with_secrets(config, ["A", "Z"]) == {
        "neighbors": [{"password": "Z"}, {"password": "A"}],
        "asn": 1,
        "name": "secret",
    }
    assert secret_names({"secret": {"more": 1}}) == []
