# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a peer of the fabric is told that nobody here manages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.peer_config import files


def peer_config(value: Mapping[str, Any]) -> dict[str, str]:
    """`fabric_node.peer_config` with its secrets resolved: file name to text."""
    try:
        return files(value)
    except (KeyError, TypeError, ValueError) as exc:
        # Not the value: a preshared key is in it.
        raise AnsibleFilterError(f"peer_config: {exc}") from None


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"peer_config": peer_config}
