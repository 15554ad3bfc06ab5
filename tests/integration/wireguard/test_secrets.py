# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No private and no preshared key in anything that a whole run of Ansible says, at the highest verbosity."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

from machine import CHECKOUT
from wglab import FILE, Lab

PLAY = """
- hosts: node
  gather_facts: false
  vars_files: [secrets.yml]
  tasks:
    - routed.fabric.wireguard_interface: {name: wg0, listen_port: 51820, addresses: [10.77.0.1/24], table: 254}
      check_mode: "{{ item }}"
      loop: [true, false, true, false]
      register: own_key
    - routed.fabric.wireguard_interface: {name: wg1, private_key: "{{ vault_key }}", mtu: "{{ item }}"}
      loop: [1400, 1380]
      register: given_key
    - routed.fabric.wireguard_peer:
        interface: wg0
        peers:
          - {public_key: "{{ public_keys[0] }}", allowed_ips: [10.78.0.0/24], preshared_key: "{{ preshared[item] }}"}
          - {public_key: "{{ public_keys[1] }}", allowed_ips: [10.78.1.0/24], preshared_key: "{{ preshared[2] }}"}
      loop: [0, 1]
      register: peers
    - routed.fabric.wireguard_peer: {interface: wg0, state: gathered}
      register: gathered
    - routed.fabric.wireguard_interface: {name: wg0, state: gathered}
      register: gathered_interface
    - debug: {msg: "{{ [own_key, given_key, peers, gathered, gathered_interface] }}"}
    - routed.fabric.wireguard_peer:
        interface: wg0
        peers: [{public_key: "{{ public_keys[0] }}", preshared_key: "{{ preshared[0] | replace('=', '') }}"}]
      ignore_errors: true
    - routed.fabric.wireguard_interface: {name: wg1, private_key: "{{ vault_key }}x"}
      ignore_errors: true
    - shell: mv /usr/bin/wg /usr/bin/wg.kept; printf '{{ losing }}' >/usr/bin/wg; chmod 755 /usr/bin/wg
    - routed.fabric.wireguard_peer:
        interface: wg0
        peers: [{public_key: "{{ public_keys[0] }}", preshared_key: "{{ preshared[1] }}"}]
      ignore_errors: true
    - routed.fabric.wireguard_interface: {name: wg1, state: absent}
    - routed.fabric.wireguard_interface: {name: wg0, state: absent}
      check_mode: true
"""
# What the search has to find: a key in a message and one that a task reads from the file.
PLANTED = """
- hosts: node
  gather_facts: false
  vars_files: [secrets.yml]
  tasks:
    - debug: {msg: "{{ preshared[0] }}"}
    - command: grep PrivateKey /etc/wireguard/wg0.conf
"""
# A tool that loses the interface's own key when it is asked for a change.
LOSING = '#!/bin/sh\\n[ $1 != addconf ] || wg.kept set $2 private-key /dev/null\\nexec wg.kept "$@"\\n'


def run(lab: Lab, place: Path, play: str = PLAY) -> str:
    """All that a run says: its output and its log."""
    interpreter = place / "python"
    inside = f"nsenter -t {lab.machine.pid} -m -n -u -p -r -w"
    interpreter.write_text(
        f'#!/bin/sh\nexec {inside} env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 python3 "$@"\n',
        encoding="ascii",
    )
    interpreter.chmod(interpreter.stat().st_mode | stat.S_IXUSR)
    (place / "play.yml").write_text(play, encoding="ascii")
    (place / "hosts").write_text(
        "node ansible_connection=local ansible_pipelining=true ansible_remote_tmp=/run "
        f"ansible_python_interpreter={interpreter}\n",
        encoding="ascii",
    )
    log = place / "log"
    log.write_text("", encoding="ascii")
    done = subprocess.run(
        ["ansible-playbook", "-vvvv", "--diff", "-i", "hosts", "play.yml"],
        cwd=place,
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / "build" / "collections"),
            "ANSIBLE_LOG_PATH": str(log),
            "ANSIBLE_NOCOLOR": "1",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = done.stdout + done.stderr + log.read_text(encoding="utf-8")
    assert done.returncode == 0, said[-6000:]
    return said


def hits(said: str, secrets: list[str]) -> list[str]:
    """Also where the end of a key is missing, or stands in JSON."""
    return [secret for secret in secrets if secret[:40] in said or json.dumps(secret)[1:41] in said]


def test_no_key_anywhere(lab: Lab, tmp_path: Path) -> None:
    vault, dummy = lab.key()
    secrets: dict[str, Any] = {
        "vault_key": vault,
        "preshared": [lab.preshared() for dummy in range(3)],
        "public_keys": lab.public_keys(2),
        "losing": LOSING,
    }
    place = tmp_path / "play"
    place.mkdir()
    (place / "secrets.yml").write_text(json.dumps(secrets), encoding="ascii")
    # The key that the node makes is known from here on.
    assert lab.interface(state="keyed")["changed"]
    [made] = re.findall(r"PrivateKey = (\S+)", lab.machine.read(FILE))
    known = [*lab.secrets, made]
    assert len(known) == 5
    lab.logging_wg()
    said = run(lab, place)
    assert re.search(r"failed=0 .*ignored=3", said), said[-3000:]
    assert "sha256:" in said
    assert secrets["public_keys"][0] in said
    assert hits(said, known) == []
    assert hits(lab.shell("cat /run/calls"), known) == []  # nor in the arguments of a tool
    # The search finds what is there: a module that tells a key, in the same run's output.
    assert hits(run(lab, place, PLANTED), known) == [known[1], made]
