# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines for the journal: on stderr, with the priority in front that systemd takes off."""

from __future__ import annotations

import sys

ERROR, WARNING, NOTICE, INFO, DEBUG = 3, 4, 5, 6, 7


class Journal:
    """Says a thing that lasts once, until it changes."""

    def __init__(self, level: int = INFO) -> None:
        self.level = level
        self._standing: dict[str, str] = {}

    def say(self, priority: int, text: str) -> None:
        if priority <= self.level:
            for line in text.splitlines():
                sys.stderr.write(f"<{priority}>{line}\n")
            sys.stderr.flush()

    def error(self, text: str) -> None:
        self.say(ERROR, text)

    def warning(self, text: str) -> None:
        self.say(WARNING, text)

    def notice(self, text: str) -> None:
        self.say(NOTICE, text)

    def info(self, text: str) -> None:
        self.say(INFO, text)

    def standing(self, subject: str, priority: int, text: str) -> None:
        """Something that goes on being so. An empty text: it is over."""
        if self._standing.get(subject, "") == text:
            return
        if text:
            self._standing[subject] = text
            self.say(priority, text)
        else:
            del self._standing[subject]
