# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad options are refused with their path before the node is read."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import BatchError, Ip, IpError
from ansible_collections.routed.fabric.plugins.module_utils._ip._wanted import wanted_underlay


def options(**changes: Any) -> dict[str, Any]:
    return {
        "loopback": {"interface": "lo", "addresses": ["10.255.0.1/32"]},
        "loopback_scope": [],
        "interfaces": [],
        "sysctl": {},
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"loopback": {"interface": "lo", "addresses": ["10.0.0.1/33"]}},
            "loopback.addresses[0]: '10.0.0.1/33' does not appear to be an IPv4 or IPv6 interface",
        ),
        (
            {"interfaces": [{"name": "a", "mtu": 900, "addresses": []}]},
            "interfaces[0].mtu: 900 is not between 1280 (the least that IPv6 takes) and 65535",
        ),
        (
            {"interfaces": [{"name": "a", "mtu": None, "addresses": [{"address": "10.0.0.1/32", "peer": "fe80::1"}]}]},
            "interfaces[0].addresses[0]: 10.0.0.1/32 and its peer fe80::1 are of different families",
        ),
        (
            {"loopback_scope": ["10.0.0.1/24"]},
            "loopback_scope[0]: '10.0.0.1/24' is not a prefix: 10.0.0.1/24 has host bits set",
        ),
    ],
)
def test_bad_options(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(IpError) as error:
        wanted_underlay(options(**changes))
    assert str(error.value) == message


def test_a_refused_batch_tells_the_command_and_what_was_done() -> None:
    words = "RTNETLINK answers: Operation not permitted\nCommand failed -:2\n"
    ip = Ip(lambda _argv, _data: (1, "", words))
    with pytest.raises(BatchError) as error:
        ip.batch(["link set dev a up", "addr add 10.0.0.1/32 dev a", "link set dev b up"])
    assert error.value.done == 1
    assert str(error.value) == "`ip addr add 10.0.0.1/32 dev a` was refused: RTNETLINK answers: Operation not permitted"
