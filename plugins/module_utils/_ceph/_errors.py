# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""What can go wrong with Ceph's network, as one sentence for a person."""

from __future__ import annotations


class CephError(Exception):
    """One sentence: what is wrong, with the value, and what to do."""
