"""The words of everything that is not a limit: durations, shares, prices, sizes. Text to numbers and back.

As with limits, reading what was printed gives the same value again. All raise `ValueError` in plain words.
"""

import re
from decimal import Decimal
from typing import Final

from proxy.config.numbers import MICRO, NUMBER, plain, shown, whole, word
from proxy.config.words import unit_of_time

LONGEST: Final = 3660 * 86400
"""Longest duration, seconds."""

SECONDS: Final = {
    "second": Decimal(1), "minute": Decimal(60), "hour": Decimal(3600), "day": Decimal(86400), "week": Decimal(604800),
    "ms": Decimal("0.001"),
}  # fmt: skip
SIZES: Final = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}

_DURATION = re.compile(rf"({NUMBER})\s*([a-z]*)")
_PRICE = re.compile(rf"(\$?)({NUMBER})(\s*usd)?\s*(?:/|per\s)\s*1?\s*([km])(?:\s*tokens?)?")


def duration(value: object) -> float:
    """Seconds of `7d`, `30m`, `1.5 hours`, `500ms`, or of a plain number."""
    text = word(value, "30s, 5m or 7d")
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{shown(text)} is not a duration; write it like 30s, 5m, 2h or 7d")
    each = SECONDS[unit_of_time(match[2] or "second", SECONDS, text)]
    seconds = float(Decimal(match[1]) * each)
    if not 0 < seconds <= LONGEST:
        raise ValueError(f"{shown(text)} must be more than nothing and at most ten years")
    return seconds


def duration_words(seconds: float) -> str:
    """The one printed form of a duration: the largest unit that gives a whole number."""
    exact = Decimal(repr(seconds))
    for name, unit in (("d", "day"), ("h", "hour"), ("m", "minute")):
        if exact % SECONDS[unit] == 0:
            return f"{int(exact / SECONDS[unit])}{name}"
    return f"{plain(exact)}s"


def share(value: object) -> float:
    """0–1 from `50%` or 0.5."""
    text = word(value, "50%")
    match = re.fullmatch(rf"({NUMBER})\s*(%?)", text)
    number = Decimal(match[1]) / (100 if match[2] else 1) if match else None
    if number is None or number > 1:
        raise ValueError(f"{shown(text)} is not a share; write it like 50%")
    return float(number)


def share_words(value: float) -> str:
    """The one printed form of a share."""
    return f"{plain(Decimal(repr(value)) * 100)}%"


def conversations(value: object) -> int:
    """3 from `3 conversations`, or from `3 exchanges`, each of which begins one."""
    text = word(value, "3 conversations")
    match = re.fullmatch(r"([0-9][0-9_]*)(?:\s*(?:conversations?|exchanges?))?", text)
    if match is None:
        raise ValueError(f"{shown(text)} is not a number of conversations; write it like 3 conversations")
    return whole(Decimal(match[1]), text)


def conversations_words(value: int) -> str:
    """The one printed form of a number of conversations."""
    return f"{value} conversation{'' if value == 1 else 's'}"


def price(value: object) -> int:
    """Micro-dollars per million tokens, from `3 usd/1m` or a number of dollars per million."""
    text = word(value, "3 usd/1m")
    match = _PRICE.fullmatch(text)
    if match and (match[1] or match[3]):
        return whole(Decimal(match[2]) * MICRO * (1000 if match[4] == "k" else 1), text, least=0)
    if not re.fullmatch(NUMBER, text):
        raise ValueError(f"{shown(text)} is not a price; write it like 3 usd/1m (dollars per million tokens)")
    return whole(Decimal(text) * MICRO, text, least=0)


def price_words(micro: int) -> str:
    """The one printed form of a price."""
    return f"{plain(Decimal(micro) / MICRO)} usd/1m"


def size(value: object) -> int:
    """Bytes of `64 MiB`, `10 MB` or a plain number."""
    text = word(value, "64 MiB")
    match = re.fullmatch(rf"({NUMBER})\s*([a-z]*)", text)
    if match is None or match[2] not in SIZES:
        raise ValueError(f"{shown(text)} is not a size; write it like 64 MiB")
    return whole(Decimal(match[1]) * SIZES[match[2]], text)
