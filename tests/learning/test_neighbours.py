"""Whom an account is closest to."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from proxy.learning.neighbours import NEAREST, _nearest

CLOSE = st.sampled_from([0.03, 0.1, 0.25, 0.5, 0.50000001, 0.9])
PAIRS = st.dictionaries(st.tuples(st.integers(0, 4), st.integers(0, 30)), CLOSE, max_size=120)


@given(PAIRS)
def test_the_nearest_of_a_row_are_those_that_sorting_all_of_it_gives(pairs: dict[tuple[int, int], float]) -> None:
    given_ = sorted(pairs.items(), key=lambda pair: pair[0][0])
    rows, columns = (np.array([key[side] for key, _ in given_], np.int64) for side in (0, 1))
    found = _nearest(rows, columns, np.array([close for _, close in given_], np.float64))
    by_row = [sorted((-close, column) for (at, column), close in pairs.items() if at == row)[:NEAREST] for row in range(5)]
    assert list(zip(*(each.tolist() for each in found), strict=True)) == [
        (row, column, -close) for row, nearest in enumerate(by_row) for close, column in nearest
    ]
