# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every module of this collection says about check mode, diff mode and idempotence."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    support: full
    description: Says what would change, and changes nothing. True on a node that was never configured, too.
  diff_mode:
    support: full
    description: Shows what changes or, in check mode, would change. Secrets are masked.
  idempotent:
    support: full
    description: >-
      Called again with the same arguments, and nothing else having touched the node, the module changes nothing and
      reports no change.
"""
