# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a role hands a part of the plan to a module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Callable


def pick(items: Iterable[Mapping[str, Any]], keys: Sequence[str]) -> list[dict[str, Any]]:
    """Each dictionary with these keys only."""
    return [{key: item[key] for key in keys if key in item} for item in items]


def secret_names(value: Any) -> list[str]:
    """The names in every `{secret: NAME}` inside of a value, sorted, each once."""
    return sorted(_names(value))


def with_secrets(value: Any, secrets: Sequence[Any]) -> Any:
    """The value with every `{secret: NAME}` replaced; `secrets` in the order of `secret_names`."""
    return _resolved(value, dict(zip(secret_names(value), secrets)))


def _is_secret(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {"secret"} and isinstance(value["secret"], str)


def _names(value: Any) -> set[str]:
    if _is_secret(value):
        return {str(value["secret"])}
    if isinstance(value, Mapping):
        return set().union(*map(_names, value.values()))
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return set().union(*map(_names, value))
    return set()


def _resolved(value: Any, secrets: Mapping[str, Any]) -> Any:
    if _is_secret(value):
        return secrets[value["secret"]]
    if isinstance(value, Mapping):
        return {key: _resolved(item, secrets) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_resolved(item, secrets) for item in value]
    return value


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"pick": pick, "secret_names": secret_names, "with_secrets": with_secrets}
