# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunnels that SSH carries: they come back, take no host key but the one they know, and give nothing but a tunnel."""

from __future__ import annotations

import subprocess
import time
from typing import Any

import pytest
from devicelab import Lab
from figures import accepting, record

PLACE = "/etc/routed-fabric/ssh"
RUNS = 5 if accepting() else 1


def call_of(lab: Lab) -> tuple[str, dict[str, Any]]:
    """An edge that calls another, and whom."""
    return next(
        (edge, calls[0]) for edge in lab.edges if (calls := lab.fabric.nodes[edge]["extension"]["ssh"]["calls"])
    )


def pid(lab: Lab, edge: str, unit: str) -> int:
    return int(lab.fabric.ask(edge, f"systemctl show -P MainPID {unit}"))


def through(lab: Lab, edge: str, call: dict[str, Any]) -> bool:
    """Whether a device of this edge reaches one of the other."""
    here = next(name for name in lab.devices if lab.edge_of(name) == edge)
    there = next(name for name in lab.devices if lab.edge_of(name) == call["peer"])
    return all(
        lab.fabric.shell(here, f"ping -n -q -c 1 -W 1 {lab.address(there, family)}").returncode == 0
        for family in (4, 6)
    )


@pytest.mark.parametrize("end", ["calls", "is called"])
def test_an_ssh_tunnel_that_is_killed_comes_back(lab: Lab, end: str) -> None:
    edge, call = call_of(lab)
    unit = f"fabric-tunnel-ssh-{call['peer']}"
    took = []
    for dummy in range(RUNS):
        lab.fabric.wait("the tunnel carries", lambda: through(lab, edge, call), 60)
        before = pid(lab, edge, unit)
        begun = time.monotonic()
        if end == "calls":
            lab.fabric.ask(edge, f"kill -9 {before}")
        else:  # the server and all that it has begun, as when the machine goes
            lab.fabric.ask(call["peer"], "systemctl kill --signal=KILL fabric-tunnel-sshd.service")
        lab.fabric.wait(f"{unit} runs anew", lambda old=before: pid(lab, edge, unit) not in (0, old), 60)
        lab.fabric.wait("the tunnel carries again", lambda: through(lab, edge, call), 60)
        took.append(time.monotonic() - begun)
    assert lab.fabric.ask(edge, f"systemctl is-active {unit}").strip() == "active"
    figure = f"{min(took):.1f} to {max(took):.1f} s"
    record("l2-over-l3", f"ssh back, the end that {end}", figure, RUNS, "killed until devices reach each other again")


def test_ssh_takes_no_other_host_key(lab: Lab) -> None:
    edge, call = call_of(lab)
    peer, unit = call["peer"], f"fabric-tunnel-ssh-{call['peer']}"
    key = f"{PLACE}/host_ed25519"
    lab.fabric.wait("the tunnel carries", lambda: through(lab, edge, call), 60)
    lab.fabric.ask(
        peer, f"mkdir {PLACE}/kept && mv {key} {key}.pub {PLACE}/kept/ && ssh-keygen -q -t ed25519 -N '' -f {key}"
    )
    try:
        begun = lab.fabric.ask(edge, "date +'%Y-%m-%d %H:%M:%S'").strip()
        lab.fabric.ask(peer, "systemctl kill --signal=KILL fabric-tunnel-sshd.service")
        lab.fabric.wait(
            "the other key is refused",
            lambda: "Host key verification failed" in lab.fabric.ask(edge, f"journalctl -u {unit} --since '{begun}'"),
            60,
        )
        assert not through(lab, edge, call)
    finally:
        lab.fabric.ask(peer, f"mv {PLACE}/kept/* {PLACE}/ && rmdir {PLACE}/kept")
        lab.fabric.ask(peer, "systemctl restart fabric-tunnel-sshd.service")
    lab.fabric.wait("the tunnel carries again", lambda: through(lab, edge, call), 60)


def test_ssh_gives_an_edge_its_tunnel_and_nothing_else(lab: Lab) -> None:
    edge, call = call_of(lab)
    port, own, stranger = lab.fabric.nodes[edge]["extension"]["ssh"]["port"], f"{PLACE}/id_ed25519", "/run/stranger"
    to = f"root@{call['address']}"

    def ssh(key: str, *words: str) -> subprocess.CompletedProcess[str]:
        options = (
            f"UserKnownHostsFile={PLACE}/known_hosts GlobalKnownHostsFile=/dev/null StrictHostKeyChecking=yes "
            "IdentitiesOnly=yes BatchMode=yes ExitOnForwardFailure=yes"
        )
        flags = " ".join(f"-o {option}" for option in options.split())
        # its input is its own: it leaves one that does not block, which Ansible refuses
        return lab.fabric.shell(
            edge, f"timeout 20 ssh -F none -T -p {port} -i {key} {flags} {' '.join(words)} </dev/null"
        )

    done = ssh(own, to, "id")
    assert done.returncode == 1 and "uid=" not in done.stdout and "not available" in done.stdout, done
    # to what listens on the other edge, be it for itself only
    for service in ("127.0.0.1:22", "127.0.0.1:2601", f"{call['address']}:179"):
        done = ssh(own, f"-W {service}", to)
        assert done.returncode == 255 and "administratively prohibited" in done.stderr, done
    written = lab.fabric.ask(call["peer"], f"grep -v '^#' {PLACE}/authorized_keys").splitlines()
    calls = lab.fabric.nodes[call["peer"]]["extension"]["ssh"]["accepts"]
    assert len(written) == len(calls) and all(line.startswith("restrict,tunnel=") for line in written), written
    # another device than its own
    done = ssh(own, "-N", "-o Tunnel=point-to-point", f"-w 4000:{call['remote_device'] + 1}", to)
    assert done.returncode == 255 and "unnel" in done.stderr, done
    lab.fabric.ask(edge, f"rm -f {stranger}*; ssh-keygen -q -t ed25519 -N '' -f {stranger}")
    done = ssh(stranger, "-N", to)
    assert done.returncode == 255 and "Permission denied" in done.stderr, done
    assert through(lab, edge, call)
