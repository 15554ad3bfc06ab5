# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ceph_network on a node of a live cluster: check, run, check, run; and bad input, which leaves the file alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cephlab import Ceph

NODE = "ceph02"
CONF = "/etc/ceph/ceph.conf"


@pytest.fixture
def conf(ceph: Ceph) -> Iterator[str]:
    """The file's text and time; afterwards it is as it was."""
    ceph.ask(NODE, f"cp -p {CONF} /root/ceph.conf.kept")
    yield ceph.ask(NODE, f"cat {CONF}; stat -c %y {CONF}")
    ceph.ask(NODE, f"cp -p /root/ceph.conf.kept {CONF}; rm /root/ceph.conf.kept")


def call(ceph: Ceph, *options: str, **arguments: Any) -> dict[str, Any]:
    done = ceph._run(
        [
            "ansible",
            NODE,
            "-i",
            str(ceph.file),
            "-m",
            "routed.fabric.ceph_network",
            "-a",
            json.dumps(arguments),
            *options,
        ]
    )
    text = done.stdout[done.stdout.index("=> {") + 3 :] if "=> {" in done.stdout else done.stdout + done.stderr
    found: dict[str, Any] = json.JSONDecoder().raw_decode(text)[0]
    return found


def test_check_run_check_run(ceph: Ceph, conf: str) -> None:
    """A comment's and a foreign option's lines stay where they are; mon_host in another form is no restart."""
    ceph.ask(NODE, f"sed -i 's/^mon_host.*/# by hand\\nmon host = [2001:db8:100::1]:6789 ; all/' {CONF}")
    before = ceph.ask(NODE, f"cat {CONF}")
    arguments = {"mon_host": ["2001:db8:100::1", "2001:db8:100::2", "2001:db8:100::3"]}
    starts = ceph.starts()
    checked = call(ceph, "--check", **arguments)
    assert checked["changed"], checked
    assert ceph.ask(NODE, f"cat {CONF}") == before
    done = call(ceph, **arguments)
    assert done["changed"], done
    assert done["after"] == checked["after"]
    assert ceph.ask(NODE, f"cat {CONF}") == before.replace(
        "mon host = [2001:db8:100::1]:6789 ; all", "mon host = 2001:db8:100::1,2001:db8:100::2,2001:db8:100::3 ; all"
    )
    assert not call(ceph, "--check", **arguments)["changed"]
    assert not call(ceph, **arguments)["changed"]
    assert done["plan"]["restarts"] == []
    assert done["plan"]["quorum"]["holds"] is True
    assert ceph.starts() == starts


def test_what_would_restart(ceph: Ceph, conf: str) -> None:
    planned = call(ceph, "--check", cluster_network=["2001:db8:200::/64"])
    osd = [daemon for daemon in planned["daemons"] if daemon.startswith("osd.")]
    assert planned["plan"]["restarts"] == [{"daemon": osd[0], "because": ["cluster_network"]}]
    assert planned["addresses"]["cluster_network"] == "2001:db8:200::2 on lo"


BAD: list[tuple[dict[str, Any], str]] = [
    (
        {"public_network": ["2001:db8:dead::/64"], "mon_host": ["2001:db8:dead::1"]},
        (
            "public_network: this node has no address in 2001:db8:dead::/64, only 2001:db8:100::2, "
            "2001:db8:200::2; its "
            "daemons would not start"
        ),
    ),
    (
        {"public_network": ["2001:db8::/32"]},
        (
            "public_network: this node has 2 addresses in 2001:db8::/32: 2001:db8:100::2, 2001:db8:200::2; "
            "which one its "
            "daemons take is chance, so say it by public_addr"
        ),
    ),
    (
        {"mon_host": ["2001:db8:300::1"]},
        "mon_host: 2001:db8:300::1 lies outside of public_network 2001:db8:100::/64; correct one of the two",
    ),
    (
        {"cluster_network": ["10.0.0.0/8"]},
        (
            "global: cluster_network 10.0.0.0/8 and public_network 2001:db8:100::/64 are of two families; give all "
            "networks, addresses and monitors one family"
        ),
    ),
    (
        {"ms_bind_ipv6": False},
        "ms_bind_ipv6 is false, and public_network 2001:db8:100::/64 is IPv6; set ms_bind_ipv6: true",
    ),
    (
        {"mtu": 9500},
        "mtu: the route to monitor 2001:db8:100::1 leaves through ",
    ),
]


@pytest.mark.parametrize(("arguments", "sentence"), BAD, ids=[next(iter(a)) + str(n) for n, (a, _) in enumerate(BAD)])
def test_bad_input_leaves_the_file_alone(ceph: Ceph, conf: str, arguments: dict[str, Any], sentence: str) -> None:
    for options in (("--check",), ()):
        said = call(ceph, *options, **arguments)["msg"]
        assert said.startswith(sentence), said
        assert "\n" not in said
    assert ceph.ask(NODE, f"cat {CONF}; stat -c %y {CONF}") == conf


def test_a_file_that_does_not_parse(ceph: Ceph, conf: str) -> None:
    ceph.ask(NODE, f"echo nonsense >>{CONF}")
    before = ceph.ask(NODE, f"cat {CONF}; stat -c %y {CONF}")
    lines = len(ceph.ask(NODE, f"cat {CONF}").splitlines())
    said = call(ceph, ms_bind_ipv4=False)["msg"]
    assert said == f"{CONF} line {lines}: 'nonsense' is neither a section, an option nor a comment"
    assert ceph.ask(NODE, f"cat {CONF}; stat -c %y {CONF}") == before


def test_the_monitors_database_has_to_agree(ceph: Ceph, conf: str) -> None:
    ceph.ask(NODE, "ceph config set osd cluster_network 2001:db8:300::/64")
    try:
        said = call(ceph, ms_bind_ipv4=False)["msg"]
        assert said.startswith(
            "cluster_network: `ceph config dump` has 2001:db8:300::/64 for osd, and here [osd] has no "
        )
    finally:
        ceph.ask(NODE, "ceph config rm osd cluster_network")
    assert ceph.ask(NODE, f"cat {CONF}; stat -c %y {CONF}") == conf


def test_proxmox_link_is_followed(ceph: Ceph, conf: str) -> None:
    """As on Proxmox: /etc/ceph/ceph.conf is a link, and stays one."""
    ceph.ask(NODE, f"mkdir -p /root/pve && cp {CONF} /root/pve/ceph.conf && ln -sf /root/pve/ceph.conf {CONF}")
    try:
        assert call(ceph, cluster_network=["2001:db8:200::/64"])["changed"]
        assert ceph.ask(NODE, f"readlink {CONF}").strip() == "/root/pve/ceph.conf"
        assert "cluster_network = 2001:db8:200::/64" in ceph.ask(NODE, "cat /root/pve/ceph.conf")
    finally:
        ceph.ask(NODE, f"rm -rf {CONF} /root/pve")
