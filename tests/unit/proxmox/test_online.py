# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that holds the cluster back at boot: what it counts as the fabric, and that it lets go."""

from __future__ import annotations

import importlib.util
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._proxmox import _units

PROGRAM = Path(__file__).resolve().parents[3] / "roles/fabric_online/files/fabric_online.py"
PEERS = ["192.0.2.12", "192.0.2.13"]


@pytest.fixture(scope="module")
def online() -> ModuleType:
    loader = SourceFileLoader("fabric_online", str(PROGRAM))
    spec = importlib.util.spec_from_loader("fabric_online", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def bgp(destination: str, **more: Any) -> dict[str, Any]:
    return {"dst": destination, "protocol": "bgp"} | more


@pytest.mark.parametrize(
    ("routes", "peers", "reason"),
    [
        ([], PEERS, ""),
        ([bgp("default")], PEERS, "a default route"),
        ([{"dst": "default", "protocol": "186"}], [], "a default route"),
        ([bgp("default", type="blackhole")], PEERS, ""),
        ([{"dst": "default", "protocol": "boot"}, {"dst": "192.0.2.12", "protocol": "kernel"}], PEERS, ""),
        ([bgp("192.0.2.12")], PEERS, "routes to 1 of 2 nodes of the cluster"),
        ([bgp("192.0.2.0/24")], PEERS, "routes to 2 of 2 nodes of the cluster"),
        ([bgp("2001:db8::c")], ["192.0.2.12", "2001:db8::c"], "routes to 1 of 2 nodes of the cluster"),
        ([bgp("192.0.2.12")], [*PEERS, "192.0.2.14"], ""),
        ([bgp("192.0.2.12"), bgp("192.0.2.14")], [*PEERS, "192.0.2.14"], "routes to 2 of 3 nodes of the cluster"),
        ([bgp("198.51.100.0/24")], PEERS, ""),
        ([bgp("198.51.100.0/24")], [], "routes from BGP"),
        ([bgp("192.0.2.12", type="unreachable")], [], ""),
    ],
)
def test_what_counts(online: ModuleType, routes: list[dict[str, Any]], peers: list[str], reason: str) -> None:
    assert online.why_online(routes, peers) == reason


@pytest.mark.parametrize(("options", "status"), [([], 0), (["--strict"], 1)])
def test_at_the_deadline_the_boot_goes_on(
    online: ModuleType, options: list[str], status: int, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.setattr(online, "read_routes", list)
    monkeypatch.setattr("sys.argv", ["fabric-online", "--deadline", "0", *options, *PEERS])
    assert online.main() == status
    goes_on = "" if options else "; going on without the fabric"
    wanted = f"after 0 s BGP has given neither a default route nor routes to most of 192.0.2.12, 192.0.2.13{goes_on}\n"
    assert capsys.readouterr().err == wanted


def test_it_waits(online: ModuleType, monkeypatch: Any, capsys: Any) -> None:
    answers = iter([[], [], [bgp("default")]])
    monkeypatch.setattr(online, "read_routes", lambda: next(answers))
    monkeypatch.setattr("sys.argv", ["fabric-online"])
    assert online.main() == 0
    assert "the fabric is there after 0.4 s: a default route" in capsys.readouterr().out


def test_units() -> None:
    units = _units.units(60, ["192.0.2.12", "2001:db8::c"])
    assert sorted(units) == [
        "/etc/systemd/system/corosync.service.d/10-routed-fabric.conf",
        "/etc/systemd/system/fabric-online.service",
        "/etc/systemd/system/pve-cluster.service.d/10-routed-fabric.conf",
    ]
    unit = units["/etc/systemd/system/fabric-online.service"]
    assert (
        "\nExecStart=/usr/local/sbin/fabric-online --deadline 60 192.0.2.12 2001:db8::c\nTimeoutStartSec=90\n" in unit
    )
    drop_in = units["/etc/systemd/system/corosync.service.d/10-routed-fabric.conf"]
    assert drop_in.endswith("[Unit]\nWants=fabric-online.service\nAfter=frr.service fabric-online.service\n")
