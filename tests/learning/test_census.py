"""What one look knows of everybody."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from proxy.learning.census import _numbered

GRAMS = st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 5), min_size=1, max_size=80)


@given(GRAMS)
def test_grams_are_numbered_in_their_order(grams: list[int]) -> None:
    kinds, places = _numbered(np.array(grams, np.uint32))
    assert kinds.tolist() == sorted({*grams})
    assert kinds[places].tolist() == grams
