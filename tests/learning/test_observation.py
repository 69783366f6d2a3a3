"""What is believed of an observation's own time."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.learning.observation import AHEAD, BEHIND, Observation

times = st.floats(0, 4e9)


@given(st.floats(), times)
def test_no_time_is_believed_that_its_receipt_does_not_bear_out(said: float, received: float) -> None:
    found = Observation(said, "r", "anna", "acme").received(received)
    assert received - BEHIND <= found.at <= received + AHEAD


@given(times, st.floats(-AHEAD, BEHIND))
def test_what_can_be_is_believed_to_the_bit(said: float, late: float) -> None:
    seen = Observation(said, "r", "anna", "acme")
    found = seen.received(said + late)
    assert found is seen or said + late - BEHIND > said or said + late + AHEAD < said, "but for what rounding makes of the edges"
