"""The words of limits: `20/minute`, `600/minute burst 50`, `1.5m/day`, `200 usd/day`. Text to numbers and back.

Rule 1: reading what was printed gives the same limit again; one meaning has one printed form.
Rule 2: seconds, minutes and hours (and several of them) are rates; day, week and month are UTC calendar budgets.
Rule 3: what cannot be meant is refused (nothing, a negative, more than 10^15), with a `ValueError` in plain words.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from proxy.config.numbers import MICRO, NUMBER, close, plain, shown, whole, word
from proxy.core.quota import Unit, Window

LONGEST_RATE: Final = 31 * 86400
"""Longest window of a rate, seconds."""

SCALES: Final = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9}
RATES: Final = {"second": 1, "minute": 60, "hour": 3600}
CALENDAR: Final = {"day": 86400, "week": 7 * 86400, "month": 31 * 86400}
SHORT: Final = {
    "s": "second", "sec": "second", "m": "minute", "min": "minute", "h": "hour", "hr": "hour", "d": "day", "w": "week",
}  # fmt: skip
"""Short forms that are read; the full word is printed."""

_EXAMPLES: Final = {Unit.REQUESTS: "20/minute", Unit.SPEND: "200 usd/day", Unit.BIASED: "2k/day", Unit.SINGLE: "5k/day"}

_AMOUNT = rf"\$?{NUMBER}[kmb]?(?:\s*usd)?"
_LIMIT = re.compile(
    rf"(?P<amount>{_AMOUNT})"
    r"(?:\s*(?:/|per(?=[\s0-9]))\s*(?P<count>[0-9]{1,9})?\s*(?P<window>[a-z]+)|\s*(?P<short>[rt]p[a-z]))"
    rf"(?:\s+burst\s+(?P<burst>{_AMOUNT}))?"
)
_MONEY = re.compile(rf"(\$)?({NUMBER})([kmb]?)(\s*usd)?")


@dataclass(frozen=True, slots=True)
class Limit:
    """So much in such a window."""

    amount: int
    window: Window
    burst: int
    """Most at once; equals `amount` unless the text says otherwise."""


def limit(value: object, unit: Unit) -> Limit:
    """`20/minute`, `20 rpm`, `600/minute burst 50`, `500k per 5 minutes`, `200 usd/day`. Raises `ValueError`."""
    text = word(value, example(unit))
    match = _LIMIT.fullmatch(text)
    if match is None:
        raise ValueError(_not_a_limit(text, unit))
    found = _short_window(match["short"], unit) if match["short"] else _window(match["window"], int(match["count"] or 1), text)
    amount = _amount(match["amount"], unit)
    if match["burst"] is None:
        return Limit(amount, found, amount)
    if found.kind == "calendar":
        rate = f"{example(unit).rpartition('/')[0]}/minute"
        raise ValueError(f"a budget per {found.name} has no burst; limit the pace with a rate of its own, such as {rate}")
    return Limit(amount, found, _amount(match["burst"], unit))


def limit_words(value: Limit, unit: Unit) -> str:
    """The one printed form of a limit."""
    name = re.sub(r"^([0-9]+)", r"\1 ", value.window.name)
    burst = "" if value.burst == value.amount else f" burst {_amount_words(value.burst, unit)}"
    return f"{_amount_words(value.amount, unit)}/{name}{burst}"


def unit_of_time(text: str, known: Iterable[str], whole_text: str) -> str:
    """The unit of time that `text` names. Raises `ValueError`, with the whole text mended where it is a near miss."""
    names = list(known)
    for name in (text, SHORT.get(text, text), text.removesuffix("s")):
        if name in names:
            return name
    near = close(text, names)
    advice = f"; did you mean {shown(whole_text.replace(text, near))}?" if near else f"; known are {', '.join(names)}"
    raise ValueError(f"{shown(text)} is no unit of time here{advice}")


def example(unit: Unit) -> str:
    """How a limit of that unit is written."""
    return _EXAMPLES.get(unit, "40k/minute")


def _window(name: str, count: int, text: str) -> Window:
    named = unit_of_time(name, (*RATES, *CALENDAR), text)
    if named in RATES:
        return _rate(count * RATES[named])
    if count != 1:
        raise ValueError(f"a budget is per one day, week or month; write {count} {named}s as a rate, in hours")
    return Window("calendar", named, CALENDAR[named])


def _short_window(short: str, unit: Unit) -> Window:
    """`rpm` is requests per minute, `tpd` tokens per day."""
    counts = {"r": {Unit.REQUESTS}, "t": {Unit.TOKENS, Unit.INPUT, Unit.OUTPUT}}[short[0]]
    if unit not in counts or short[2] not in "smhd":
        raise ValueError(f"'{short}' does not fit here; write it like {example(unit)}")
    return _window(SHORT[short[2]], 1, short)


def _rate(seconds: int) -> Window:
    """The largest unit that gives a whole number names it: 60 seconds and one minute are one window."""
    if not 0 < seconds <= LONGEST_RATE:
        raise ValueError("a window must be longer than nothing and at most 31 days")
    name, each = next((name, each) for name, each in reversed(RATES.items()) if seconds % each == 0)
    count = seconds // each
    return Window("rate", name if count == 1 else f"{count}{name}s", seconds)


def _amount(text: str, unit: Unit) -> int:
    dollar, number, scale, usd = _MONEY.fullmatch(text).groups()  # type: ignore[union-attr]  # the limit's own expression let it in
    if bool(dollar or usd) != (unit is Unit.SPEND):
        raise ValueError("spend is given in usd, such as 200 usd/day" if unit is Unit.SPEND else "only spend is given in usd")
    return whole(Decimal(number) * SCALES[scale] * (MICRO if unit is Unit.SPEND else 1), text)


def _amount_words(amount: int, unit: Unit) -> str:
    if unit is Unit.SPEND:
        return f"{plain(Decimal(amount) / MICRO)} usd"
    scale = next(name for name, each in reversed(SCALES.items()) if amount % each == 0)
    return f"{amount // SCALES[scale]}{scale}"


def _not_a_limit(text: str, unit: Unit) -> str:
    if re.fullmatch(_AMOUNT, text):
        return f"{shown(text)} says no window; did you mean '{text}/{example(unit).rpartition('/')[2]}'?"
    return f"{shown(text)} is not a limit; write it like {example(unit)}"
