"""The logit guard: what it refuses, in which words, and that it never refuses a request that uses one thing alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.facts import Ask, LogitAsk, Operation
from proxy.core.logits import SHOWS, STEERS, LogitGuard, cap_on, forbidden

THINGS = ("logit_bias", "logprobs", "top_logprobs", "n")
ONE_OF_TWO = LogitGuard(never_together=frozenset({"logit_bias", "logprobs"}), top_logprobs=5, decimals=2, prompt_logprobs=False)

asks = st.builds(
    LogitAsk,
    biased=st.frozensets(st.integers(0, 99), max_size=3).map(lambda ids: tuple(sorted(ids))),
    logprobs=st.booleans(),
    top_logprobs=st.integers(-1, 20),
    prompt=st.booleans(),
    single=st.booleans(),
    answers=st.integers(1, 3),
    extras=st.lists(st.sampled_from([*STEERS, *SHOWS, "echo", "return_token_ids"]), unique=True).map(tuple),
)
guards = st.builds(
    LogitGuard,
    never_together=st.frozensets(st.sampled_from(THINGS)),
    top_logprobs=st.none() | st.integers(0, 20),
    prompt_logprobs=st.booleans(),
)


def asking(logits: LogitAsk | None) -> Ask:
    return Ask(Operation.CHAT, "m", logits=logits)


def used(logits: LogitAsk) -> set[str]:
    """What a request uses, where alternatives and the log probabilities that they come with are one thing."""
    shows = logits.logprobs or logits.prompt or logits.top_logprobs != 0
    steers = logits.biased or "bad_words" in logits.extras
    return {name for name, is_used in (("bias", steers), ("shown", shows), ("n", logits.answers > 1)) if is_used}


@given(asks, guards)
def test_what_uses_one_thing_alone_is_never_refused_for_using_two(logits: LogitAsk, guard: LogitGuard) -> None:
    found = forbidden(asking(logits), guard)
    if found is not None and "cannot be used together" in found.message:
        assert len(used(logits)) > 1
        assert len(guard.never_together) > 1


@given(asks, st.sampled_from(sorted({"logprobs", "top_logprobs"})))
def test_a_bias_never_passes_together_with_what_it_reads(logits: LogitAsk, shown: str) -> None:
    guard = LogitGuard(never_together=frozenset({"logit_bias", shown}))
    both = logits.biased and (logits.top_logprobs != 0 if shown == "top_logprobs" else logits.logprobs or logits.prompt)
    assert (forbidden(asking(logits), guard) is not None) or not both


@given(asks, guards)
def test_the_order_of_parameters_means_nothing(logits: LogitAsk, guard: LogitGuard) -> None:
    turned = LogitAsk(**{name: getattr(logits, name) for name in LogitAsk.__slots__} | {"extras": logits.extras[::-1]})
    assert forbidden(asking(logits), guard) == forbidden(asking(turned), guard)


@given(asks, guards)
def test_a_refusal_says_what_to_send_and_names_one_parameter_of_the_request(logits: LogitAsk, guard: LogitGuard) -> None:
    found = forbidden(asking(logits), guard)
    if found is not None:
        assert f"'{found.param}'" in found.message
        assert "Send " in found.message
        assert found.param in {*STEERS, *SHOWS, "echo"}


@given(asks)
def test_a_guard_that_says_nothing_refuses_nothing(logits: LogitAsk) -> None:
    assert forbidden(asking(logits), LogitGuard()) is None
    assert cap_on(asking(logits), LogitGuard()) is None


@given(asks, guards)
def test_what_is_capped_asked_for_more(logits: LogitAsk, guard: LogitGuard) -> None:
    cap = cap_on(asking(logits), guard)
    more = guard.top_logprobs is not None and (logits.top_logprobs < 0 or logits.top_logprobs > guard.top_logprobs)
    assert cap == (guard.top_logprobs if more else None)


BOTH = "cannot be used together here. Send one of them."


@pytest.mark.parametrize(
    ("logits", "message", "param"),
    [
        (LogitAsk((1,), logprobs=True, extras=("logit_bias", "logprobs")), f"'logit_bias' and 'logprobs' {BOTH}", "logit_bias"),
        (LogitAsk((1,), logprobs=True, extras=("logit_bias", "include")), f"'logit_bias' and 'include' {BOTH}", "logit_bias"),
        (
            LogitAsk((1,), logprobs=True, top_logprobs=1, extras=("logprob_token_ids", "logprobs")),
            f"'logprob_token_ids' and 'logprobs' {BOTH}",
            "logprob_token_ids",
        ),
        (LogitAsk(logprobs=True, extras=("bad_words", "logprobs")), f"'bad_words' and 'logprobs' {BOTH}", "bad_words"),
        (
            LogitAsk(prompt=True, extras=("prompt_logprobs",)),
            "Log probabilities of the prompt are not served here. Send the request without 'prompt_logprobs'.",
            "prompt_logprobs",
        ),
        (
            LogitAsk(logprobs=True, prompt=True, extras=("logprobs", "echo")),
            "Log probabilities of the prompt are not served here. Send the request without 'echo'.",
            "echo",
        ),
    ],
)
def test_what_is_refused(logits: LogitAsk, message: str, param: str) -> None:
    found = forbidden(asking(logits), ONE_OF_TWO)
    assert found is not None
    assert (found.message, found.param) == (message, param)


@pytest.mark.parametrize(
    "logits",
    [
        None,
        LogitAsk(single=True),
        LogitAsk((1, 2), extras=("logit_bias",)),
        LogitAsk(logprobs=True, top_logprobs=20, extras=("logprobs", "top_logprobs")),
        LogitAsk(logprobs=True, answers=4, extras=("logprobs",)),
        LogitAsk(extras=("return_token_ids",)),
    ],
)
def test_what_is_served(logits: LogitAsk | None) -> None:
    assert forbidden(asking(logits), ONE_OF_TWO) is None


def test_tokens_named_one_by_one_are_no_way_round_the_cap() -> None:
    guard = LogitGuard(top_logprobs=5)
    shown = LogitAsk((1, 2, 3, 4, 5, 6), logprobs=True, top_logprobs=6, extras=("logprob_token_ids", "logprobs"))
    found = forbidden(asking(shown), guard)
    assert found is not None
    assert found.param == "logprob_token_ids"
    assert "more than 5" in found.message
