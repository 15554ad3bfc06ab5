# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the other end of a tunnel is to be told, where this collection does not manage that machine. Pure.

One renderer a platform, from one description (`model.Site`) to one text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from . import routeros, wg_quick
from .model import Site

# By the node's `platform`.
RENDERERS: Mapping[str, Callable[[Site], str]] = {"routeros": routeros.render, "debian": wg_quick.render}
