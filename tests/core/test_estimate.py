"""Laws of estimates: never zero where something costs, never past the caller's cap, bounded memory, learning converges."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.core import estimate
from proxy.core.estimate import Estimator
from proxy.core.facts import Ask, Operation, Usage
from proxy.core.quota import Accounting

DEFAULT = Accounting()


@given(st.integers(0, 1 << 26), st.none() | st.integers(0, 1 << 20), st.integers(1, 128), st.integers(0, 20))
def test_what_generates_costs_something_and_no_more_than_its_cap(size: int, cap: int | None, choices: int, media: int) -> None:
    ask = Ask(Operation.CHAT, "m", output_cap=cap, choices=choices, prompt_bytes=size, media=media)
    expected = Estimator(DEFAULT).before(ask, "ann", DEFAULT)
    assert expected.input >= 1
    assert expected.output >= 1
    assert cap is None or expected.output <= max(1, cap)


def test_what_costs_nothing_is_estimated_as_nothing() -> None:
    assert Estimator(DEFAULT).before(Ask(Operation.LIST_MODELS), "ann", DEFAULT) == Usage()
    assert Estimator(DEFAULT).before(Ask(Operation.EMBEDDINGS, "m", prompt_bytes=400), "ann", DEFAULT) == Usage(input=100)
    assert Estimator(DEFAULT).before(Ask(Operation.TUNNEL, fixed_input=7), "ann", DEFAULT) == Usage(input=7)


def test_true_usage_teaches_the_ratio_and_the_accounts_own_habit() -> None:
    estimator = Estimator(DEFAULT)
    ask = Ask(Operation.CHAT, "m", prompt_bytes=3000)
    for _ in range(200):
        estimator.learn(ask, "ann", Usage(input=1500, output=40), DEFAULT)
    learned = estimator.before(ask, "ann", DEFAULT)
    assert abs(learned.input - 1500) < 15
    assert abs(learned.output - 40) <= 1
    assert estimator.before(ask, "bob", DEFAULT).output == DEFAULT.typical_output
    assert estimator.tokens("m", 2000) == 1000


def test_a_hostile_usage_report_cannot_bend_the_ratio_out_of_bounds() -> None:
    estimator = Estimator(DEFAULT)
    for _ in range(500):
        estimator.learn(Ask(Operation.CHAT, "m", prompt_bytes=1), "ann", Usage(input=10**9), DEFAULT)
    assert estimator.tokens("m", 100) == 100


def test_memory_is_bounded(monkeypatch) -> None:
    monkeypatch.setattr(estimate, "MOST", 10)
    mean = estimate.Mean(1.0)
    for number in range(1000):
        mean.learn(str(number), 5.0)
    assert len(mean.values) == 10
    assert mean.of("999") == 5.0
    assert mean.of("0") == 1.0
