# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows: one option and the words it is written with, in both directions. Private to this collection.

A table of rows is all that is known about the options of one block. Contracts, checked by ``check_rows`` when a
table is made:

- an option stands in one row only;
- ``decode(negated, words, None)`` of every line of ``encode(sample)`` gives ``sample`` back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

Clause = tuple[bool, str]  # (negated by a leading "no", words)


class _Missing:
    """The clause does not belong to this row."""


MISSING = _Missing()


class Row(NamedTuple):
    option: str  # dotted inside the block: "bestpath.compare_router_id"
    encode: Callable[[Any], list[Clause]]
    decode: Callable[[bool, str, Any], Any]  # (negated, words, value so far) -> value, or MISSING
    sample: Any  # a value that shows the row, for the self-check


def flag(option: str, words: str) -> Row:
    """True: the words; False: ``no`` and the words."""

    def decode(negated: bool, text: str, _so_far: Any) -> Any:
        return (not negated) if text == words else MISSING

    return Row(option, lambda value: [(not value, words)], decode, True)


def value_of(
    option: str, words: str, convert: Callable[[str], Any], sample: Any, show: Callable[[Any], str] = str
) -> Row:
    """The words and one value. ``convert`` raises ValueError for a text that is not such a value."""

    def decode(negated: bool, text: str, _so_far: Any) -> Any:
        if negated or not text.startswith(words + " "):
            return MISSING
        try:
            return convert(text[len(words) + 1 :])
        except ValueError:
            return MISSING

    return Row(option, lambda value: [(False, f"{words} {show(value)}")], decode, sample)


def number(option: str, words: str, sample: int = 7) -> Row:
    return value_of(option, words, int, sample)


def word(option: str, words: str, sample: str = "NAME") -> Row:
    return value_of(option, words, one_word, sample)


def text(option: str, words: str) -> Row:
    return value_of(option, words, str, "several words")


def boolean_or_word(value: Any) -> Any:
    """For options that are a boolean or a word: a template may have made a string of the boolean."""
    return {"true": True, "yes": True, "false": False, "no": False}.get(str(value).lower(), value)


def choice(option: str, spellings: dict[Any, Sequence[Clause]], also: dict[str, Any] | None = None) -> Row:
    """A value with its own words each. ``also``: other words that FRR reads for a value, and never prints."""
    read = {clauses[0]: value for value, clauses in spellings.items() if clauses}
    read.update({(False, words): value for words, value in (also or {}).items()})

    def decode(negated: bool, words: str, _so_far: Any) -> Any:
        return read.get((negated, words), MISSING)

    return Row(option, lambda value: list(spellings[boolean_or_word(value)]), decode, next(iter(read.values())))


def one_word(text_: str) -> str:
    if " " in text_:
        raise ValueError(text_)
    return text_


def number_or_word(text_: Any) -> Any:
    """65001 for "65001", "external" for "external"."""
    return int(text_) if str(text_).isdigit() else one_word(str(text_))


def get_option(block: dict[str, Any], option: str) -> Any:
    value: Any = block
    for key in option.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def set_option(block: dict[str, Any], option: str, value: Any) -> None:
    *parents, last = option.split(".")
    for key in parents:
        block = block.setdefault(key, {})
    block[last] = value


def encode_rows(rows: Iterable[Row], block: dict[str, Any]) -> list[Clause]:
    """All clauses of the options that are given."""
    clauses: list[Clause] = []
    for row in rows:
        value = get_option(block, row.option)
        if value is not None:
            clauses.extend(row.encode(value))
    return clauses


def decode_rows(rows: Iterable[Row], block: dict[str, Any], negated: bool, words: str) -> bool:
    """Put what the clause says into ``block``; False when no row knows the clause."""
    for row in rows:
        value = row.decode(negated, words, get_option(block, row.option))
        if value is not MISSING:
            set_option(block, row.option, value)
            return True
    return False


def split_no(line: str) -> Clause:
    return (True, line[3:]) if line.startswith("no ") else (False, line)


def join_no(negated: bool, words: str) -> str:
    return f"no {words}" if negated else words


def check_rows(rows: Sequence[Row]) -> Sequence[Row]:
    """Hold the table to its contracts, at import."""
    options = [row.option for row in rows]
    if len(set(options)) != len(options):
        raise ValueError(f"an option has two rows: {sorted(options)}")
    for row in rows:
        block: dict[str, Any] = {}
        for negated, words in row.encode(row.sample):
            if not decode_rows(rows, block, negated, words):
                raise ValueError(f"{row.option}: {words!r} is not read back")
        if get_option(block, row.option) != row.sample:
            raise ValueError(f"{row.option}: {block} is not {row.sample!r}")
    return rows
