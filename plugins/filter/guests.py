# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest's own network configuration, for playbooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ansible_collections.routed.fabric.plugins.plugin_utils._fabric import guest_side


def guest_config(guest: Mapping[str, Any], form: str) -> str:
    """The configuration of one guest (an entry of `fabric_guests`) in one form."""
    try:
        return guest_side.config(guest, form)
    except ValueError as exc:
        raise AnsibleFilterError(f"routed.fabric.guest_config: {exc}") from exc


def guest_files(guest: Mapping[str, Any]) -> dict[str, str]:
    """File name → text, of all forms."""
    try:
        return guest_side.files(guest)
    except ValueError as exc:
        raise AnsibleFilterError(f"routed.fabric.guest_files: {exc}") from exc


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"guest_config": guest_config, "guest_files": guest_files}
