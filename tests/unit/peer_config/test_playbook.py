# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook peer_config: what it writes and where, what it refuses, and no preshared key in what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SECRET = f"{'S' * 42}E="
KEYS = """\
---
public_keys:
  gw1:
    wg0: IhYOkpqE0cIBclaR7zGLml/7BriPIMoMdjmM5dbkkGs=
    wg1: ZZkW3L0OES1bqQKdDpe3GQ88G4I3ABZVasuEVyvS5iM=
    wg2: ZZkW3L0OES1bqQKdDpe3GQ88G4I3ABZVasuEVyvS5iM=
"""
FILES = ["gate/office.frr.conf", "gate/wg0.conf", "router/home.rsc", "till/wg0.conf", "tor2/tor2.junos"]
CHANGED = {"gate": 2, "router": 2, "till": 2, "tor2": 2, "tor3": 0}  # the directory, and the files in it


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A fabric file with its keys and its secret."""
    shutil.copy(HERE / "fabric.yml", tmp_path)
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "fabric.yml").write_text(f"---\nhome_preshared_key: {SECRET}\n", encoding="ascii")
    (tmp_path / "public_keys.yml").write_text(KEYS, encoding="ascii")
    return tmp_path


def play(place: Path, *options: str) -> tuple[int, str]:
    done = subprocess.run(
        [
            *("ansible-playbook", "--diff", "-i", str(place / "fabric.yml")),
            *(str(ROOT / "playbooks" / "peer_config.yml"), *options),
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ROUTED_FABRIC_TWIN": "0"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def written(out: Path) -> dict[str, str]:
    return {str(p.relative_to(out)): p.read_text(encoding="utf-8") for p in sorted(out.rglob("*")) if p.is_file()}


def test_check_run_run(place: Path) -> None:
    out = place / "out"
    for check, expected in ((True, CHANGED), (False, CHANGED), (False, dict.fromkeys(CHANGED, 0))):
        options = ["-vvvv", "-e", f"fabric_peer_config_dir={out}", *(["--check"] if check else [])]
        status, said = play(place, *options)
        found = re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+) .*failed=0", said, re.MULTILINE)
        changed = {host: int(number) for host, number in found if host != "localhost"}
        assert (status, changed) == (0, expected), said[-3000:]
        assert SECRET[:40] not in said
        # what is no secret is shown
        assert ("+set routing-options router-id 10.255.254.2" in said) is (expected == CHANGED)
        assert "Nothing is written for tor3: there is no form for a node of platform frr." in said
        assert out.exists() is not check
    texts = written(out)
    assert list(texts) == FILES
    assert SECRET in texts["router/home.rsc"]  # so that the search could have found it
    assert "AllowedIPs = 0.0.0.0/0, ::/0\n" in texts["gate/wg0.conf"]
    assert "AllowedIPs = 2001:db8:100::/64\n" in texts["till/wg0.conf"]
    assert {path.stat().st_mode & 0o777 for path in out.rglob("*") if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (out, *out.iterdir())} == {0o700}


def test_a_directory_that_is_there_keeps_its_mode(place: Path) -> None:
    out = place / "out"
    out.mkdir(mode=0o755)
    status, said = play(place, "-e", f"fabric_peer_config_dir={out}", "--limit", "localhost,tor2")
    assert status == 0, said[-3000:]
    assert list(written(out)) == ["tor2/tor2.junos"]
    assert out.stat().st_mode & 0o777 == 0o755


def test_it_has_to_be_told_where(place: Path) -> None:
    status, said = play(place, "--limit", "localhost,tor2")
    assert status == 2
    assert '"msg": "Say where to: -e fabric_peer_config_dir=DIRECTORY"' in said


def test_a_key_that_nobody_knows(place: Path) -> None:
    out = place / "out"
    (place / "public_keys.yml").unlink()
    status, said = play(place, "-e", f"fabric_peer_config_dir={out}")
    assert status == 2
    for interface in ("wg0", "wg1", "wg2"):
        assert (
            f"No public key of gw1, interface {interface}, in {place}/public_keys.yml. "
            "Make it with `ansible-playbook -i FABRIC.yml routed.fabric.wireguard_keys`."
        ) in said
    assert list(written(out)) == ["tor2/tor2.junos"]
