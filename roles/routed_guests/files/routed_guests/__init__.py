# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The agent of routed guests: keeps a Proxmox node's routes to its guests true while they come, go and move.

It needs nothing but the standard library: of the 2 s in which 1 000 guests have to be ready, importing a netlink
library alone would take an eighth, and its two releases on Debian 12 and 13 differ.
"""

from __future__ import annotations
