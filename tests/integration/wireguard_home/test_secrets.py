# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole run at -vvvv with --diff, with changes in every secret: no key in its output, log, events or facts."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import yaml
from home import NODE, SITE, Home
from standing import CHECKOUT, Fabric

# Writes every event of the run with all that is in it, as a callback of somebody else would.
CALLBACK = """
from __future__ import annotations
DOCUMENTATION = "name: events\\ntype: aggregate\\nshort_description: all events\\ndescription: [all events]\\n"
import json, os
from ansible.plugins.callback import CallbackBase

class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "events"

    def __getattribute__(self, name):
        if not name.startswith("v2_") or name == "v2_on_any":
            return super().__getattribute__(name)
        def write(*args, **kwargs):
            with open(os.environ["EVENTS"], "a") as stream:
                for item in (*args, *kwargs.values()):
                    shown = getattr(item, "_result", None) or getattr(item, "_ds", None)
                    stream.write(f"{name} {json.dumps(shown, default=str)} {item}\\n")
        return write
"""
PLANTED = """
- hosts: home
  gather_facts: false
  tasks:
    - command: cat /etc/wireguard/wg-hrl23.conf
    - debug: {msg: "{{ home_preshared_key }}"}
    - set_fact: {told: "{{ home_preshared_key }}", cacheable: true}
"""


def run(fabric: Fabric, place: Path, playbook: str, *options: str) -> tuple[str, str]:
    """All that a run says (output, log, events, facts that are kept), and the output alone."""
    place.mkdir()
    (place / "callbacks").mkdir()
    (place / "callbacks" / "events.py").write_text(CALLBACK, encoding="ascii")
    environment = {
        **fabric.environment,
        "ANSIBLE_LOG_PATH": str(place / "log"),
        "ANSIBLE_CALLBACK_PLUGINS": str(place / "callbacks"),
        "ANSIBLE_CALLBACKS_ENABLED": "events",
        "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(place / "facts"),
        "EVENTS": str(place / "events"),
    }
    done = subprocess.run(
        ["ansible-playbook", "-vvvv", "--diff", "-i", str(fabric.file), playbook, *options],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-4000:]
    kept = (
        "".join(path.read_text(encoding="utf-8") for path in (place / "facts").glob("*"))
        if (place / "facts").exists()
        else ""
    )
    events = (place / "events").read_text(encoding="utf-8")
    assert "v2_runner_on_ok" in events
    return output + (place / "log").read_text(encoding="utf-8") + events + kept, output


def hits(said: str, secrets: dict[str, str]) -> list[str]:
    """The names of those that are found; also where the end of a key is missing, or stands in JSON."""
    return sorted(n for n, key in secrets.items() if key[:40] in said or json.dumps(key)[1:41] in said)


def test_no_key_anywhere(fabric: Fabric, home: Home, tmp_path: Path) -> None:
    variables = fabric.file.parent / "group_vars" / "fabric.yml"
    former = variables.read_text(encoding="utf-8")
    new = fabric.ask(NODE, "wg genpsk").strip()
    private = {
        f"private key of {node}": fabric.ask(node, f"wg show {name} private-key").strip()
        for node, name in ((NODE, home.hub), (SITE, home.tunnel))
    }
    preshared = {"former preshared key": yaml.safe_load(former)["home_preshared_key"], "new preshared key": new}
    secrets = {**private, **preshared}
    assert len(set(secrets.values())) == 4
    # Another preshared key, other peers' prefixes, a lost file: every task that handles a key has something to do.
    variables.write_text(f"---\nhome_preshared_key: {new}\n", encoding="ascii")
    fabric.ask(SITE, f"rm /etc/wireguard/{home.tunnel}.conf; wg set {home.tunnel} listen-port 51999")
    fabric.ask(NODE, f"chmod 644 /etc/wireguard/{home.hub}.conf")
    try:
        said = ""
        for name, playbook, *options in (
            ("keys", "playbooks/wireguard_keys.yml"),
            ("check", "playbooks/site.yml", "--check"),
            ("site", "playbooks/site.yml"),
            ("again", "playbooks/site.yml"),
            ("verify", "playbooks/verify.yml"),
            ("snapshot", "playbooks/snapshot.yml", "-e", f"fabric_snapshot_dir={tmp_path}/snapshots"),
        ):
            told, output = run(fabric, tmp_path / name, playbook, *options)
            assert "unreachable=0" in output
            said += told
        said += "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "snapshots").glob("*.json"))
        assert "sha256:" in said  # fingerprints are what the differences show
        assert hits(said, secrets) == []
        # The search finds what is there.
        (tmp_path / "planted.yml").write_text(PLANTED, encoding="ascii")
        told, _output = run(fabric, tmp_path / "planted", str(tmp_path / "planted.yml"))
        assert hits(told, secrets) == ["new preshared key", f"private key of {SITE}"]
    finally:
        variables.write_text(former, encoding="utf-8")
        back = fabric.play("wireguard")
    assert back.status == 0, back.output[-3000:]
    home.until_it_answers()
