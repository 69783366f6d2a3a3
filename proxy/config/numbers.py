"""What all words of settings and policy files share: numbers read exactly, and how a value is shown in a message."""

from collections.abc import Iterable
from decimal import Decimal
from difflib import get_close_matches
from typing import Final

MOST: Final = 10**15
"""Largest amount, in the unit's own whole numbers (micro-dollars for spend): what Redis counts without rounding."""

MICRO: Final = 1_000_000
"""Micro-dollars in a dollar."""

LONGEST_TEXT: Final = 80
"""Characters of a word that is read, or shown in a message."""

NUMBER: Final = r"[0-9][0-9_]*(?:\.[0-9]+)?"
"""A decimal number as a regular expression."""


def word(value: object, example: str) -> str:
    """`value` as lower-case text; a number counts as its own word. Raises `ValueError`."""
    if isinstance(value, float | int) and not isinstance(value, bool) and abs(value) <= MOST:
        value = plain(Decimal(repr(value)))
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise ValueError(f"a short text such as {example} is expected")
    return value.strip().lower()


def whole(exact: Decimal, text: str, *, least: int = 1) -> int:
    """`exact` where it is a whole number from `least` to `MOST`. Raises `ValueError`."""
    if not least <= exact <= MOST:
        raise ValueError(f"{shown(text)} is too {'little' if exact < least else 'much'} to be counted")
    if exact != int(exact):
        raise ValueError(f"{shown(text)} is finer than what is counted")
    return int(exact)


def plain(number: Decimal) -> str:
    """Digits without an exponent or trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def shown(value: object) -> str:
    """`value` quoted for a message: short, and without characters that could move a terminal's cursor."""
    text = printable(str(value)[: LONGEST_TEXT + 1])
    return f"'{text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + '…'}'"


def printable(value: object) -> str:
    """The text of `value` without what could move a cursor or begin a line."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(value))


def close(text: str, known: Iterable[str]) -> str:
    """The known word that `text` was probably meant to be, or ""."""
    return next(iter(get_close_matches(text[:LONGEST_TEXT], list(known), n=1, cutoff=0.6)), "")


def meant(text: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or "" where nothing known is near."""
    near = close(text, known)
    return f"; did you mean '{near}'?" if near else ""
