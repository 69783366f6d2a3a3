"""What an exchange cost, however it ended: never zero, never less than what is known to have flowed."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.facts import Ask, Operation, Usage
from proxy.dialects.base import Tally
from proxy.gateway.settlement import true_usage

counts = st.integers(0, 10**6)
STREAM, WHOLE = Ask(Operation.CHAT, "m", stream=True), Ask(Operation.CHAT, "m")
EXPECTED = Usage(input=10, output=500)


def test_the_providers_word_counts() -> None:
    assert true_usage(STREAM, EXPECTED, Tally(usage=Usage(7, 3)), 99, complete=True) == (Usage(7, 3), True)


def test_a_stream_that_ended_early_costs_what_flowed() -> None:
    assert true_usage(STREAM, EXPECTED, Tally(), 40, complete=False) == (Usage(10, 40), False)
    assert true_usage(STREAM, EXPECTED, Tally(usage=Usage(7, 1)), 40, complete=False) == (Usage(7, 40), False)


def test_hanging_up_before_an_unstreamed_answer_is_not_free() -> None:
    assert true_usage(WHOLE, EXPECTED, Tally(), 0, complete=False) == (EXPECTED, False)


@given(st.booleans(), st.booleans(), counts)
def test_what_generates_is_never_free(stream: bool, complete: bool, flowed: int) -> None:
    usage, _ = true_usage(STREAM if stream else WHOLE, EXPECTED, Tally(generated_bytes=flowed * 4), flowed, complete=complete)
    assert usage.input > 0
    assert usage.output >= max(1, flowed)


def test_embeddings_make_no_output() -> None:
    ask = Ask(Operation.EMBEDDINGS, "m")
    assert true_usage(ask, Usage(input=10), Tally(), 0, complete=True) == (Usage(input=10), False)


def test_a_report_of_nothing_is_no_report() -> None:
    asked, expected = Ask(Operation.CHAT, "m"), Usage(input=7, output=30)
    assert true_usage(asked, expected, Tally(usage=Usage()), 0, complete=True) == (expected, False)
    assert true_usage(asked, expected, Tally(usage=Usage(input=9)), 12, complete=True) == (Usage(input=9, output=12), False)
    assert true_usage(asked, expected, Tally(usage=Usage(input=9)), 0, complete=True) == (Usage(input=9), True), "an empty answer"
    free = Ask(Operation.COUNT_TOKENS, "m")
    assert true_usage(free, Usage(), Tally(usage=Usage()), 0, complete=True) == (Usage(), True)
