# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of the FRR modules. Private to this collection."""

from __future__ import annotations

from typing import Any


class FrrError(Exception):
    """Base of every error that the FRR modules raise on purpose."""


class FrrConfigError(FrrError):
    """The wanted configuration cannot be meant as it stands.

    path: the option, e.g. ``instances[0].neighbors[2].peer_group``; value: what stands there;
    sentence: what is wrong and, where there is one, the way out.
    """

    def __init__(self, path: str, value: Any, sentence: str) -> None:
        super().__init__(f"{path}: {sentence}")
        self.path = path
        self.value = value
        self.sentence = sentence
