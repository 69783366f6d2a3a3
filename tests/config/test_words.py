"""Laws of the words: what was printed reads the same again, nonsense is a ValueError in plain words."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config import measures
from proxy.config.numbers import MICRO, MOST, meant
from proxy.config.words import CALENDAR, RATES, SCALES, Limit, limit, limit_words
from proxy.core.quota import Unit, Window

MINUTE = Window("rate", "minute", 60)
DAY = Window("calendar", "day", 86400)
units = st.sampled_from([Unit.REQUESTS, Unit.TOKENS, Unit.INPUT, Unit.OUTPUT, Unit.SPEND])
amounts = st.one_of(st.integers(1, MOST), st.integers(1, 10**6).map(lambda n: n * 10**9))
junk = st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.integers()))


@st.composite
def limits(draw: st.DrawFn) -> tuple[str, Unit]:
    """A limit as somebody may write it."""
    unit, number = draw(units), draw(st.integers(1, 999))
    scale = draw(st.sampled_from(sorted(SCALES.keys() - {"b"})))
    money = " usd" if unit is Unit.SPEND else ""
    window = draw(st.sampled_from([*RATES, *CALENDAR]))
    count = draw(st.integers(1, 24)) if window in RATES else 1
    per = draw(st.sampled_from(["/", " per ", " / "])) + (f"{count} {window}s" if count > 1 else window)
    burst = f" burst {draw(st.integers(1, 999))}{money}" if window in RATES and draw(st.booleans()) else ""
    return f"{number}{scale}{money}{per}{burst}", unit


@given(limits())
def test_a_limit_reads_the_same_after_printing(written: tuple[str, Unit]) -> None:
    text, unit = written
    read = limit(text, unit)
    assert limit(limit_words(read, unit), unit) == read
    assert limit(text.upper(), unit) == read


@given(amounts, amounts, st.integers(1, 31 * 86400), units)
def test_every_limit_can_be_printed_and_read(amount: int, burst: int, seconds: int, unit: Unit) -> None:
    window = limit(f"1/{seconds} seconds", Unit.REQUESTS).window
    assert window.seconds == seconds
    value = Limit(amount, window, burst)
    assert limit(limit_words(value, unit), unit) == value


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("20/minute", Unit.REQUESTS, Limit(20, MINUTE, 20)),
        ("20 per minute", Unit.REQUESTS, Limit(20, MINUTE, 20)),
        ("20 rpm", Unit.REQUESTS, Limit(20, MINUTE, 20)),
        ("40k tpm", Unit.TOKENS, Limit(40_000, MINUTE, 40_000)),
        ("600/minute burst 50", Unit.REQUESTS, Limit(600, MINUTE, 50)),
        ("1.5m/day", Unit.TOKENS, Limit(1_500_000, DAY, 1_500_000)),
        ("500_000/day", Unit.TOKENS, Limit(500_000, DAY, 500_000)),
        ("200 usd/day", Unit.SPEND, Limit(200 * MICRO, DAY, 200 * MICRO)),
        ("$0.5/day", Unit.SPEND, Limit(MICRO // 2, DAY, MICRO // 2)),
        ("500k/5 minutes", Unit.INPUT, Limit(500_000, Window("rate", "5minutes", 300), 500_000)),
        ("1/60 seconds", Unit.REQUESTS, Limit(1, MINUTE, 1)),
        ("9/2h", Unit.REQUESTS, Limit(9, Window("rate", "2hours", 7200), 9)),
    ],
)
def test_limits_as_people_write_them(text: str, unit: Unit, expected: Limit) -> None:
    assert limit(text, unit) == expected


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        ("20/minut", Unit.REQUESTS, "did you mean '20/minute'"),
        ("20", Unit.REQUESTS, "did you mean '20/minute'"),
        (20, Unit.REQUESTS, "says no window"),
        ("0/minute", Unit.REQUESTS, "too little"),
        ("-3/minute", Unit.REQUESTS, "is not a limit"),
        ("1/0 minutes", Unit.REQUESTS, "longer than nothing"),
        ("2000b/day", Unit.TOKENS, None),
        ("2000000b/day", Unit.TOKENS, "too much"),
        ("9999999 hours", Unit.TOKENS, "is not a limit"),
        ("1/9999 hours", Unit.TOKENS, "at most 31 days"),
        ("1.5/minute", Unit.REQUESTS, "finer than"),
        ("0.0000001 usd/day", Unit.SPEND, "too little"),
        ("1/2 days", Unit.REQUESTS, "one day, week or month"),
        ("9/day burst 3", Unit.REQUESTS, "has no burst"),
        ("20 rpm", Unit.TOKENS, "does not fit here"),
        ("20 rpx", Unit.REQUESTS, "does not fit here"),
        ("200/day", Unit.SPEND, "in usd"),
        ("200 usd/day", Unit.TOKENS, "only spend"),
        ("20/minute " * 20, Unit.REQUESTS, "a short text"),
        (True, Unit.REQUESTS, "a short text"),
        ("٣/minute", Unit.REQUESTS, "is not a limit"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(value: object, unit: Unit, words: str | None) -> None:
    if words is None:
        assert limit(value, unit).amount == 2 * 10**12
        return
    with pytest.raises(ValueError, match=r"\w") as error:
        limit(value, unit)
    assert words in str(error.value)


@given(junk, units)
def test_anything_is_a_limit_or_a_value_error(value: object, unit: Unit) -> None:
    for read in (lambda: limit(value, unit), *(lambda kind=kind: kind(value) for kind in KINDS)):
        try:
            assert read() is not None
        except ValueError as error:
            assert "\n" not in str(error)
            assert len(str(error)) < 400


KINDS = (measures.duration, measures.share, measures.conversations, measures.price, measures.size)


@given(st.integers(1, 10**6), st.sampled_from(["ms", "s", "m", "min", "h", "d", "w", "seconds", " minutes", " days", "weeks"]))
def test_a_duration_reads_the_same_after_printing(number: int, unit: str) -> None:
    try:
        read = measures.duration(f"{number}{unit}")
    except ValueError:
        assert number > 3660 / 7
        return
    assert measures.duration(measures.duration_words(read)) == read


@given(st.integers(0, 10_000))
def test_a_share_reads_the_same_after_printing(hundredths: int) -> None:
    read = measures.share(f"{Decimal(hundredths) / 100}%")
    assert 0 <= read <= 1
    assert measures.share(measures.share_words(read)) == read
    assert measures.share(read) == read


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_prices_and_conversations_read_the_same_after_printing(micro: int, count: int) -> None:
    assert measures.price(measures.price_words(micro)) == micro
    assert measures.conversations(measures.conversations_words(count)) == count


def test_measures_as_people_write_them() -> None:
    assert [measures.duration(text) for text in ("7d", "30m", "2s", "500ms", "1.5 hours", 90)] == [604800, 1800, 2, 0.5, 5400, 90]
    assert [measures.share(value) for value in ("50%", 0.5, 1, "0%")] == [0.5, 0.5, 1.0, 0.0]
    assert [measures.conversations(value) for value in ("3 conversations", "1 conversation", "3 exchanges", 3)] == [3, 1, 3, 3]
    prices = [measures.price(value) for value in ("3 usd/1m", "$3/1m tokens", 3, 3.0, "0.003 usd per 1k", 0)]
    assert prices == [3 * MICRO, 3 * MICRO, 3 * MICRO, 3 * MICRO, 3 * MICRO, 0]
    assert [measures.size(value) for value in ("64 MiB", "10mb", 7)] == [64 << 20, 10_000_000, 7]


@pytest.mark.parametrize("text", ["0s", "-1s", "1 fortnight", "99999d", "", "s"])
def test_durations_that_cannot_be_meant(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        measures.duration(text)


@pytest.mark.parametrize("value", ["150%", 2, "half", "3", "-1%"])
def test_shares_that_cannot_be_meant(value: object) -> None:
    with pytest.raises(ValueError, match="write it like 50%"):
        measures.share(value)


def test_a_near_miss_is_suggested_and_nothing_else() -> None:
    assert meant("requets", ["requests", "tokens"]) == "; did you mean 'requests'?"
    assert meant("zzz", ["requests", "tokens"]) == ""
