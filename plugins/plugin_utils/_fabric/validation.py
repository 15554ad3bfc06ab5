# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the data of a file to data that keeps to the schema, with every mistake in form collected.

What is wrong is taken out, so that the rules between fields can still be applied to the rest: a file with five
mistakes reports five.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable
from typing import Any

from . import addressing
from .errors import MissingLibrary, Path, Problems

_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "empty",
}

# Written in the design, built later: a clear word instead of "unknown key".
_LATER = ("ceph",)


def plain(value: Any, path: Path, problems: Problems) -> Any:
    """A copy made of Python's own types: Ansible marks strings with origin and trust, and those marks end here."""
    if isinstance(value, dict):
        result = {}
        for key, inner in value.items():
            if not isinstance(key, str):
                problems.add("key_type", path, key=repr(key), found=_found(key))
                continue
            name = str.__str__(key)
            _refuse_template(name, path, problems)
            result[name] = plain(inner, (*path, name), problems)
        return result
    if isinstance(value, (list, tuple)):
        return [plain(inner, (*path, index), problems) for index, inner in enumerate(value)]
    if isinstance(value, str):
        text = str.__str__(value)
        return None if _refuse_template(text, path, problems) else text
    if isinstance(value, bool) or value is None:
        return value if value is None else bool(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    return str(value)


def _refuse_template(text: str, path: Path, problems: Problems) -> bool:
    if "{{" in text or "{%" in text or "{#" in text:
        problems.add("template", path, value=f"'{text}'")
        return True
    return False


def _found(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true or false"
    for kind, name in ((dict, "object"), (list, "array"), (str, "string"), (int, "integer"), (float, "number")):
        if isinstance(value, kind):
            return _TYPES[name]
    return type(value).__name__


def _show(value: Any) -> str:
    return (
        "it"
        if isinstance(value, (dict, list)) or value is None
        else f"'{value}'"
        if isinstance(value, str)
        else str(value).lower()
    )


def _example(schema: dict[str, Any]) -> str:
    examples = schema.get("examples") or (
        [schema["enum"][0]] if schema.get("enum") else [schema["const"]] if "const" in schema else []
    )
    return f"For example: {_inline(examples[0])}" if examples else "See the reference of fabric.yml"


def _inline(value: Any) -> str:
    """A value as YAML in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(v) for v in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) and (":" in value or not value) else str(value)


def _family(family: str, parse: Callable[[str], str]) -> Callable[[str], str]:
    name = {"ipv4": "IPv4", "ipv6": "IPv6"}[family]

    def check(value: str) -> str:
        result = parse(value)
        if addressing.family_of(result) != family:
            raise ValueError(f"'{value}' is not {name}")
        return result

    return check


def _with_length(value: str) -> str:
    result = addressing.interface_address(value)
    if "/" not in result:
        raise ValueError(f"'{value}' has no prefix length")
    return result


FORMATS: dict[str, Callable[[str], Any]] = {
    "ipv4": _family("ipv4", addressing.address),
    "ipv6": _family("ipv6", addressing.address),
    "ip-address": addressing.address,
    "ipv4-prefix": _family("ipv4", addressing.prefix),
    "ipv6-prefix": _family("ipv6", addressing.prefix),
    "ip-prefix": addressing.prefix,
    "ipv4-interface": _family("ipv4", addressing.interface_address),
    "ipv6-interface": _family("ipv6", addressing.interface_address),
    "ip-interface": _with_length,
    "prefix-rule": addressing.prefix_rule,
    "asn-range": addressing.asn_range,
    "mac-address": addressing.mac_address,
}


def validate(data: Any, schema: dict[str, Any], problems: Problems) -> dict[str, Any]:
    """The part of *data* that keeps to *schema*; what does not is in *problems*.

    In lists a bad entry becomes None, so that the indexes of the others stay true.
    """
    try:
        import jsonschema  # noqa: PLC0415 - documentation must be readable without it
    except ImportError as exc:
        raise MissingLibrary("jsonschema") from exc

    if not isinstance(data, dict):
        problems.add("not_a_mapping", (), found=_found(data))
        return {}
    checker = jsonschema.FormatChecker(formats=())
    for name, parse in FORMATS.items():
        checker.checks(name, raises=ValueError)(_only_strings(parse))
    validator = jsonschema.Draft202012Validator(schema, format_checker=checker)
    good = copy.deepcopy(data)
    for error in sorted(validator.iter_errors(data), key=lambda e: [str(p) for p in e.absolute_path]):
        path: Path = tuple(error.absolute_path)
        if "propertyNames" in error.absolute_schema_path:
            problems.add(
                "bad_name", (*path, str(error.instance)), value=error.instance, wanted=error.schema.get("x-pattern", "")
            )
            _take_out(good, (*path, str(error.instance)))
        elif error.validator == "additionalProperties":
            for key in [k for k in error.instance if k not in error.schema.get("properties", {})]:
                problems.add("unknown_key", (*path, key), key=key, hint=_hint_for_key(key, path, error.schema))
                _take_out(good, (*path, key))
        elif error.validator == "required":
            for key in [k for k in error.validator_value if k not in error.instance]:
                if not problems.at((*path, key)):
                    wanted = error.schema["properties"][key]
                    problems.add("missing_key", (*path, key), key=key, hint=_example(wanted))
        else:
            if not problems.at(path):
                _report(error, path, problems)
            if error.validator != "uniqueItems":
                _take_out(good, path)
    return good


def _only_strings(parse: Callable[[str], Any]) -> Callable[[object], bool]:
    def check(value: object) -> bool:
        if isinstance(value, str):
            parse(value)
        return True

    return check


def _hint_for_key(key: str, path: Path, schema: dict[str, Any]) -> str:
    if not path and key in _LATER:
        return "This version does not know that topic yet; remove it"
    known = sorted(schema.get("properties", {}))
    close = [k for k in known if k.startswith(key)] or difflib.get_close_matches(key, known, n=1, cutoff=0.7)
    return f"Did you mean '{close[0]}'?" if close else f"Known here: {', '.join(known)}"


def _report(error: Any, path: Path, problems: Problems) -> None:
    value, schema, limit = error.instance, error.schema, error.validator_value
    if error.validator == "type":
        wanted = " or ".join(_TYPES[t] for t in ([limit] if isinstance(limit, str) else limit))
        problems.add("wrong_type", path, value=_show(value), found=_found(value), wanted=wanted, hint=_example(schema))
    elif error.validator in ("enum", "const"):
        allowed = ", ".join(limit) if error.validator == "enum" else limit
        problems.add("not_one_of", path, value=_show(value), allowed=allowed)
    elif error.validator == "pattern":
        problems.add(
            "bad_pattern", path, value=value, wanted=schema.get("x-pattern", "in the right form"), hint=_example(schema)
        )
    elif error.validator == "minimum":
        problems.add("too_small", path, value=value, limit=limit)
    elif error.validator == "maximum":
        problems.add("too_large", path, value=value, limit=limit)
    elif error.validator in ("minItems", "minProperties"):
        problems.add("empty", path, hint=_example(schema))
    elif error.validator == "maxProperties":
        problems.add("too_many", path, count=len(value), limit=limit)
    elif error.validator == "uniqueItems":
        problems.add("repeated", path)
    elif error.validator == "format":
        problems.add("bad_value", path, sentence=str(error.cause), hint=_example(schema))
    else:
        raise AssertionError(f"the schema uses {error.validator}, which has no text here")


def _take_out(data: Any, path: Path) -> None:
    for part in path[:-1]:
        if not isinstance(data, (dict, list)) or (isinstance(data, dict) and part not in data):
            return
        data = data[part]  # type: ignore[index]
    if isinstance(data, dict) and path:
        data.pop(path[-1], None)
    elif isinstance(data, list):
        data[int(path[-1])] = None
