import math

from hypothesis import given
from hypothesis import strategies as st

from proxy.learning.chance import surprise


@given(st.integers(1, 60), st.floats(0.01, 0.99), st.data())
def test_it_never_says_more_than_the_exact_tail(of: int, usual: float, data: st.DataObject) -> None:
    seen = data.draw(st.integers(0, of))
    tail = math.fsum(math.comb(of, k) * usual**k * (1 - usual) ** (of - k) for k in range(seen, of + 1))
    assert surprise(seen, of, usual) <= -math.log(tail) + 1e-6


@given(st.integers(1, 60), st.floats(0, 1))
def test_what_is_usual_surprises_nobody(of: int, usual: float) -> None:
    assert surprise(int(of * usual), of, usual) == 0
    assert surprise(0, 0, usual) == 0
    assert math.isfinite(surprise(of, of, usual))
