"""Slices of recorded time: even, bounded, and right at the end."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.ladder import Rung
from proxy.replay.timeline import MOST, NOWHERE, Spot, Timeline, spot

SPOTS = st.builds(spot, st.sampled_from(Rung), st.floats(0, 99))


@given(st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 3), SPOTS), min_size=1, max_size=60))
def test_slices_are_even_and_bounded_and_end_with_where_everybody_stands(moves: list[tuple[float, int, Spot]]) -> None:
    line, now, at = Timeline(), dict[int, Spot](), 1e9
    for after, account, to in moves:
        at += after
        line.note(at, now.get(account, NOWHERE), to)
        now[account] = to
    line.finish()
    assert 0 < len(line.slices) <= MOST
    assert {round(b.at - a.at, 3) for a, b in zip(line.slices, line.slices[1:], strict=False)} <= {round(line.width, 3)}
    assert line.slices[-1].accounts == {place: count for place, count in Counter(now.values()).items() if place != NOWHERE}
    assert at < line.slices[-1].at + line.width


def test_a_year_without_a_word_costs_nothing() -> None:
    line = Timeline()
    line.note(1e9, NOWHERE, (Rung.WATCH, 40))
    line.note(1e9 + 365 * 86400, NOWHERE, (Rung.WATCH, 40))
    assert len(line.slices) <= MOST
    assert all(each.on(Rung.WATCH) == 1 for each in line.slices)


def test_bands() -> None:
    assert spot(Rung.WATCH, 44.9) == (Rung.WATCH, 40)
    assert spot(Rung.CLEAR, 0.0) == NOWHERE
