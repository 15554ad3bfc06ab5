# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, order and the file of kernel parameters."""

from __future__ import annotations

from ansible_collections.routed.fabric.plugins.module_utils._ip import _sysctl


def test_an_interface_with_dots() -> None:
    path = "net/ipv6/conf/eth0.100/accept_ra"
    assert _sysctl.path_of("net.ipv6.conf.eth0.100.accept_ra") == path
    assert _sysctl.path_of("net.ipv6.conf.eth0/100.accept_ra") == path
    assert _sysctl.path_of(path) == path
    assert _sysctl.key_of(path) == "net.ipv6.conf.eth0/100.accept_ra"
    assert _sysctl.interface_of(path) == "eth0.100"
    assert _sysctl.interface_of("net/ipv6/conf/all/forwarding") == ""


def test_forwarding_comes_first_then_all_and_default() -> None:
    paths = ["net/ipv4/conf/a/x", "net/ipv4/conf/default/x", "net/ipv4/conf/all/x", "net/ipv4/ip_forward"]
    assert _sysctl.in_order(paths) == list(reversed(paths))


def test_drifts_and_what_is_missing() -> None:
    wanted = _sysctl.normalise({"net.ipv4.tcp_rmem": "4096 1  2", "net.ipv4.ip_forward": "1", "kernel.nothing": "1"})
    wanted.update({"net/ipv6/conf/late0/accept_ra": "0", "net/ipv4/neigh/default/gc_thresh3": "8192"})
    got = {"net/ipv4/tcp_rmem": "4096 1 2", "net/ipv4/ip_forward": "0"}
    assert _sysctl.drifts(wanted, got) == [_sysctl.Drift("net/ipv4/ip_forward", "0", "1")]
    excused, unknown = _sysctl.missing(wanted, got, ["lo", "up0"])
    assert excused == ["net/ipv4/neigh/default/gc_thresh3", "net/ipv6/conf/late0/accept_ra"]
    assert unknown == ["kernel/nothing"]
    assert _sysctl.missing(wanted, got, ["late0"])[1] == ["kernel/nothing", "net/ipv6/conf/late0/accept_ra"]


def test_file() -> None:
    text = _sysctl.render_file({"net/ipv6/conf/eth0.100/accept_ra": "0", "net/ipv4/ip_forward": "1"})
    assert text == _sysctl.HEADER + "net.ipv4.ip_forward = 1\nnet.ipv6.conf.eth0/100.accept_ra = 0\n"
