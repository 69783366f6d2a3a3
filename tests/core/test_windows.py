"""Calendar windows agree with the calendar."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core import windows

moments = st.datetimes(min_value=datetime(1980, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(moments, st.sampled_from(["day", "week", "month"]))
def test_a_window_ends_where_the_next_begins(moment, name):
    at = moment.timestamp()
    end = at + windows.ends_in(name, at)
    assert end > at
    assert windows.number(name, end + 0.001) == windows.number(name, at) + 1
    assert windows.number(name, end - 0.001) == windows.number(name, at)


@pytest.mark.parametrize(("name", "end"), [("day", "2026-11-25"), ("week", "2026-11-30"), ("month", "2026-12-01")])
def test_by_example(name, end):
    at = datetime(2026, 11, 24, 15, 30, tzinfo=UTC).timestamp()
    assert datetime.fromtimestamp(at + windows.ends_in(name, at), UTC).date().isoformat() == end
