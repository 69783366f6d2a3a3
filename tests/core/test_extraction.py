"""The published attacks on a model's last layer find its width in an open API, and do not find it behind the logit guard.

The model is a softmax over 64 tokens, 8 dimensions wide; the guard is the core's own: what is forbidden, the cap, the
rounding, and budgets in a ledger.
"""

import zlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from proxy.core.facts import Account, Ask, LogitAsk, Operation
from proxy.core.ledger import Ledger
from proxy.core.logits import LogitGuard, cap_on, forbidden
from proxy.core.quota import Denial, Quota, Scope, Unit, applies, claimed
from tests.support.claims import DAY
from tests.support.extraction import Answer, RefusedError, Width, with_biases, without_biases, without_logprobs

HIDDEN, VOCABULARY = 8, 64
PROMPTS = [f"prompt {number}" for number in range(14)]
TOKENS = range(VOCABULARY)
FEW = range(14)
"""Tokens enough to show the width, for the attack that needs many queries for each."""
AT = 1_900_000_000.0


class Softmax:
    """The toy model: answers a query with its likeliest token."""

    def __init__(self) -> None:
        self._last_layer = np.random.default_rng(7).normal(size=(VOCABULARY, HIDDEN))

    async def __call__(self, prompt: str, bias: Mapping[int, float], top: int) -> Answer:
        logits = self._last_layer @ np.random.default_rng(zlib.crc32(prompt.encode())).normal(size=HIDDEN)
        for token, lean in bias.items():
            logits[token] += lean
        logprobs = logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())
        order = [int(token) for token in np.argsort(-logprobs)]
        return Answer(order[0], {token: float(logprobs[token]) for token in (order if top < 0 else order[:top])})


class Guarded:
    """The model behind the guard, as the gateway puts the core's parts together."""

    def __init__(self, guard: LogitGuard, accounts: int = 1) -> None:
        self._model, self._guard, self._ledger = Softmax(), guard, Ledger(1e9)
        self._accounts = [Account(f"account-{number}", "acme", "free") for number in range(accounts)]
        self._asked = 0

    async def __call__(self, prompt: str, bias: Mapping[int, float], top: int) -> Answer:
        self._asked += 1
        logits = LogitAsk(tuple(sorted(bias)), logprobs=top != 0, top_logprobs=top, single=True)
        ask, account = Ask(Operation.CHAT, "toy", logits=logits), self._accounts[self._asked % len(self._accounts)]
        claims = [claimed(quota, ask, account, {}) for quota in self._guard.quotas if applies(quota, ask, account)]
        if forbidden(ask, self._guard) or isinstance(self._ledger.reserve(str(self._asked), claims, AT), Denial):
            raise RefusedError
        cap = cap_on(ask, self._guard)
        answer = await self._model(prompt, bias, top if cap is None else cap)
        decimals = self._guard.decimals
        return answer if decimals is None else replace(answer, logprobs={t: round(p, decimals) for t, p in answer.logprobs.items()})


def budget(unit: Unit, amount: int, scope: Scope = Scope.ORGANIZATION) -> Quota:
    return Quota(unit, amount, DAY, amount, scope)


NEVER_BOTH = LogitGuard(never_together=frozenset({"logit_bias", "logprobs"}), top_logprobs=5, decimals=2)
"""Without budgets."""
WHOLE = replace(NEVER_BOTH, quotas=(budget(Unit.BIASED, HIDDEN), budget(Unit.SINGLE, 1000), budget(Unit.BIASED, HIDDEN, Scope.ACCOUNT)))


def recovered(width: Width) -> bool:
    return width.known and width.rank == HIDDEN


async def test_an_open_api_tells_its_width_by_biases_and_logprobs() -> None:
    width = await with_biases(Softmax(), PROMPTS, TOKENS, 20)
    assert recovered(width)
    assert width.queries == len(PROMPTS) * 4  # 63 tokens, nineteen at a time


async def test_it_tells_it_without_logprobs_too_at_a_price() -> None:
    width = await without_logprobs(Softmax(), PROMPTS, FEW)
    assert recovered(width)
    assert width.queries == len(PROMPTS) * len(FEW) * 17  # halvings of 90 to a thousandth


async def test_it_tells_it_without_biases_where_all_alternatives_are_shown() -> None:
    assert recovered(await without_biases(Softmax(), PROMPTS, -1))


async def test_behind_the_guard_no_attack_finds_it() -> None:
    for accounts in (1, 3):
        assert await with_biases(Guarded(WHOLE, accounts), PROMPTS, TOKENS, 20) == Width(0, known=False, queries=len(PROMPTS) * 4)
        searched = await without_logprobs(Guarded(WHOLE, accounts), PROMPTS, FEW)
        seen = await without_biases(Guarded(WHOLE, accounts), PROMPTS * 20, -1)
        assert not recovered(searched)
        assert not recovered(seen)
        assert max(searched.rank, seen.rank) < HIDDEN


async def test_a_bias_and_logprobs_in_one_request_are_what_the_first_attack_lives_by() -> None:
    assert (await with_biases(Guarded(NEVER_BOTH), PROMPTS, TOKENS, 20)).rank == 0
    assert recovered(await with_biases(Guarded(replace(NEVER_BOTH, never_together=frozenset())), PROMPTS, TOKENS, 5))


async def test_rounding_alone_does_not_hide_the_width() -> None:
    """It hides it neither from biases nor in the whole vocabulary: that is why it is only one of the guard's parts."""
    rounded = LogitGuard(decimals=2)
    assert recovered(await with_biases(Guarded(rounded), PROMPTS, TOKENS, 20))
    assert recovered(await without_biases(Guarded(rounded), PROMPTS, -1))


@pytest.mark.parametrize("top", [20, -1])
async def test_few_alternatives_never_span_the_width(top: int) -> None:
    """However many prompts are asked: five alternatives show four differences at most."""
    many = [f"many {number}" for number in range(400)]
    width = await without_biases(Guarded(NEVER_BOTH), many, top)
    assert width.rank < 5
    assert not recovered(width)


@pytest.mark.parametrize(
    ("quota", "found"),
    [
        (budget(Unit.BIASED, HIDDEN), False),
        (budget(Unit.BIASED, len(FEW)), True),
        (budget(Unit.SINGLE, 1000), False),
        (budget(Unit.SINGLE, 10_000), True),
    ],
    ids=["as many ids as the width", "more ids", "some queries", "all that it takes"],
)
async def test_a_budget_holds_against_the_search_while_it_is_no_wider_than_the_model(quota: Quota, *, found: bool) -> None:
    """The budget is the guarantee, so a budget of distinct ids has to be smaller than the hidden size that it protects."""
    assert recovered(await without_logprobs(Guarded(replace(NEVER_BOTH, quotas=(quota,))), PROMPTS, FEW)) is found
