# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every live test needs: root, and the root file systems of both supported releases. Nothing here is skipped."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

RELEASES = ("trixie", "bookworm")
IMAGES = Path(__file__).resolve().parents[2] / "scripts" / "twin_image.sh"

if os.geteuid() != 0:
    raise pytest.UsageError("live tests need root: they make network namespaces and containers")

for release in RELEASES:
    name = f"FABRIC_ROOTFS_{release}"
    if name not in os.environ:
        done = subprocess.run([str(IMAGES), "--rootfs", release], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise pytest.UsageError(f"no root file system of {release}: {done.stderr}")
        os.environ[name] = done.stdout.strip().splitlines()[-1]
