# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names that iproute2 shows instead of numbers."""

from __future__ import annotations

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._ip import _names
from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError


def test_files() -> None:
    files = _names.render({"protocols": {"fabric-guest": 212, "fabric-host": "211"}, "tables": {}})
    assert list(files) == ["/etc/iproute2/rt_protos.d/fabric.conf"]
    assert files["/etc/iproute2/rt_protos.d/fabric.conf"].splitlines()[2:] == ["211\tfabric-host", "212\tfabric-guest"]
    assert _names.render({}) == {}


def test_bad_names() -> None:
    with pytest.raises(IpError) as error:
        _names.render({"protocols": {"fabric-host": 256}})
    assert str(error.value) == "names.protocols.fabric-host: 256 is not between 1 and 255"
    with pytest.raises(IpError) as error:
        _names.render({"tables": {"my table": 100}})
    assert str(error.value) == (
        "names.tables: 'my table' is no name that iproute2 reads (a letter, then letters and digits)"
    )
