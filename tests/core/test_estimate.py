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
    expected = Estimator().before(ask, "ann", DEFAULT)
    assert expected.input >= 1
    assert expected.output >= 1
    assert cap is None or expected.output <= max(1, cap)


def test_what_costs_nothing_is_estimated_as_nothing() -> None:
    assert Estimator().before(Ask(Operation.LIST_MODELS), "ann", DEFAULT) == Usage()
    assert Estimator().before(Ask(Operation.EMBEDDINGS, "m", prompt_bytes=400), "ann", DEFAULT) == Usage(input=100)
    assert Estimator().before(Ask(Operation.TUNNEL, fixed_input=7), "ann", DEFAULT) == Usage(input=7)


def test_true_usage_teaches_the_ratios_and_the_accounts_own_habit() -> None:
    estimator = Estimator()
    ask = Ask(Operation.CHAT, "m", prompt_bytes=3000)
    for _ in range(200):
        estimator.learn(ask, "ann", Usage(input=1500, output=40), text_bytes=280)
    learned = estimator.before(ask, "ann", DEFAULT)
    assert abs(learned.input - 1500) < 15
    assert abs(learned.output - 40) <= 1
    assert estimator.tokens(ask, "ann", 2800, DEFAULT) == 400, "text has its own ratio: a prompt's bytes are JSON too"


def test_what_one_account_sends_bends_nobody_elses_figures() -> None:
    estimator = Estimator()
    ask = Ask(Operation.CHAT, "m", prompt_bytes=1_000_000)
    before = estimator.before(ask, "bob", DEFAULT)
    for _ in range(500):
        estimator.learn(ask, "eve", Usage(input=1, output=1), text_bytes=10**6)
    assert estimator.before(ask, "bob", DEFAULT) == before
    assert estimator.tokens(ask, "bob", 400, DEFAULT) == 100


def test_a_hostile_usage_report_cannot_bend_a_ratio_out_of_bounds() -> None:
    estimator = Estimator()
    ask = Ask(Operation.CHAT, "m", prompt_bytes=1)
    for _ in range(500):
        estimator.learn(ask, "ann", Usage(input=10**9, output=1), text_bytes=10**9)
    assert estimator.before(Ask(Operation.EMBEDDINGS, "m", prompt_bytes=100), "ann", DEFAULT).input == 100
    assert estimator.tokens(ask, "ann", 160, DEFAULT) == 20


def test_reasoning_that_is_charged_and_not_shown_teaches_nothing_about_text() -> None:
    estimator, ask = Estimator(), Ask(Operation.CHAT, "m", prompt_bytes=40)
    estimator.learn(ask, "ann", Usage(input=10, output=1000, reasoning=990), text_bytes=40)
    assert estimator.tokens(ask, "ann", 400, DEFAULT) == 100


def test_a_new_policys_assumptions_hold_at_once() -> None:
    other = Accounting(bytes_per_token=2.0, typical_output=7)
    expected = Estimator().before(Ask(Operation.CHAT, "m", prompt_bytes=400), "ann", other)
    assert expected == Usage(input=200, output=7)


def test_memory_is_bounded(monkeypatch) -> None:
    monkeypatch.setattr(estimate, "MOST", 10)
    mean = estimate.Mean()
    for number in range(1000):
        mean.learn(str(number), 5.0)
    assert len(mean.values) == 10
    assert mean.of("999", 1.0) == 5.0
    assert mean.of("0", 1.0) == 1.0
