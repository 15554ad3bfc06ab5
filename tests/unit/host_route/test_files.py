# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a small state, whole; and that what is written can be read."""

from __future__ import annotations

from ansible_collections.routed.fabric.plugins.module_utils._host_route import _files
from ansible_collections.routed.fabric.plugins.module_utils._host_route._difference import target_of

from .model import OURS, empty, wanted

WANTED = wanted(
    routes=[
        {"address": "198.51.100.0/28", "interface": "br0", "via": "203.0.113.9"},
        {"address": "203.0.113.9", "interface": "br0", "lladdr": "52:54:00:00:00:09"},
        {"address": "203.0.113.0/24", "type": "unreachable"},
    ],
    proxy={
        "entries": [{"address": "2001:db8::9", "interface": "br0"}],
        "interfaces": [{"interface": "eth0.100", "proxy_arp": True, "proxy_ndp": False}],
    },
)
STATE = target_of(WANTED, empty(), True, True)


def test_batch() -> None:
    assert _files.render_batch(STATE, OURS, 101) == (
        "# Written by the Ansible collection routed.fabric (module host_route).\n"
        "# Do not edit: the next run puts this file back.\n"
        "# protocol 211 table 101\n"
        "neigh replace 203.0.113.9 lladdr 52:54:00:00:00:09 dev br0 nud permanent protocol 211\n"
        "route replace unreachable 203.0.113.0/24 proto 211 table 101 metric 11\n"
        "route replace 203.0.113.9/32 dev br0 proto 211 table 101 metric 11\n"
        "route replace 198.51.100.0/28 via 203.0.113.9 dev br0 proto 211 table 101 metric 11\n"
        "neigh add proxy 2001:db8::9 dev br0 protocol 211\n"
    )
    assert _files.marks_of(None) is None
    assert _files.marks_of("# of somebody else\n") is None


def test_unit_and_hook() -> None:
    unit = _files.render_unit(STATE, OURS)
    assert [line for line in unit.splitlines() if line.startswith("Exec")] == [
        "ExecStart=-/usr/lib/systemd/systemd-sysctl /etc/sysctl.d/91-routed-fabric-host-routes.conf",
        "ExecStart=-ip -4 rule add pref 1001 lookup 101 protocol 211",
        "ExecStart=-ip -6 rule add pref 1001 lookup 101 protocol 211",
        "ExecStart=ip -force -batch /etc/routed-fabric/host-routes.batch",
    ]
    # The hook looks for an interface as a word: none of the batch's lines ends with one.
    batch = _files.render_batch(STATE, OURS, 101)
    assert all(" dev br0 " in line for line in batch.splitlines() if "br0" in line)
    assert '" dev $IFACE "' in _files.render_hook()


def test_sysctl_file() -> None:
    text = _files.render_sysctl(WANTED.sysctl)
    assert "net.ipv4.conf.eth0/100.proxy_arp = 1\nnet.ipv6.conf.eth0/100.proxy_ndp = 0\n" in text
    assert _files.parse_sysctl(text) == WANTED.sysctl
    assert _files.parse_sysctl(None) == {}
