# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: frr_bgp
short_description: BGP of FRR
"""

from ansible_collections.routed.fabric.plugins.module_utils._frr._module import run_module


def main() -> None:
    run_module()


if __name__ == "__main__":
    main()
