# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook peer_config on the example: what it writes, and no preshared key in what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "wireguard-home"
KEYS = "---\npublic_keys:\n  proxmox01: {wg0: IhYOkpqE0cIBclaR7zGLml/7BriPIMoMdjmM5dbkkGs=}\n"


def play(place: Path, *options: str) -> tuple[int, str]:
    done = subprocess.run(
        [
            *("ansible-playbook", "-vvvv", "--diff", "-i", str(place / "fabric.yml")),
            *(str(ROOT / "playbooks" / "peer_config.yml"), "-e", f"fabric_peer_config_dir={place}/out", *options),
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ROUTED_FABRIC_TWIN": "0"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_check_run_run(tmp_path: Path) -> None:
    shutil.copy(EXAMPLE / "fabric.yml", tmp_path)
    shutil.copytree(EXAMPLE / "group_vars", tmp_path / "group_vars")
    secret = yaml.safe_load((EXAMPLE / "group_vars" / "fabric.yml").read_text(encoding="utf-8"))["home_preshared_key"]
    out = tmp_path / "out"
    (tmp_path / "public_keys.yml").write_text(KEYS, encoding="ascii")
    changes = []
    for check in (True, False, False):
        status, said = play(tmp_path, *(["--check"] if check else []))
        found = re.search(r"^home +: .*changed=(\d+) .*failed=0", said, re.MULTILINE)
        assert (status, bool(found)) == (0, True), said[-3000:]
        changes.append(int(found[1]) if found else -1)
        assert secret[:40] not in said
        assert out.exists() is (len(changes) > 1)
    assert changes == [2, 2, 0]
    script = out / "home.rsc"
    assert script.stat().st_mode & 0o777 == 0o600
    assert secret in script.read_text(encoding="utf-8")  # so that the search could have found it
