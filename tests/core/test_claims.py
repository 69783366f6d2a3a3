"""What an exchange must reserve: under its tier's quotas, and under what its standing leaves of them."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.claims import GRACE, Squeeze, holdable, more, squeezed, wanted
from proxy.core.facts import Account, Ask, Operation, Usage
from proxy.core.policy import Tier
from proxy.core.quota import HELD, Accounting, Price, Quota, Unit, Window, charges
from proxy.core.terms import Grace
from tests.support.policies import policy

MINUTE = Window("rate", "minute", 60)
DAY = Window("calendar", "day", 86400)
TOKENS = Quota(Unit.TOKENS, 1000, MINUTE, 1000)
ANN = Account("ann", "ann", "free")
ASK = Ask(Operation.CHAT, "small-1", stream=True, reports_usage=False)
POLICY = policy(tiers={"free": Tier("free", (TOKENS, Quota(Unit.REQUESTS, 5, MINUTE, 5), Quota(Unit.IN_FLIGHT, 2, HELD, 2)))})


def test_every_quota_that_counts_is_claimed() -> None:
    claims = wanted(ASK, ANN, Usage(input=30, output=20), POLICY)
    assert [(claim.quota.unit, claim.cost) for claim in claims] == [(Unit.TOKENS, 50), (Unit.REQUESTS, 1), (Unit.IN_FLIGHT, 1)]


def test_a_growing_stream_claims_tokens_but_no_second_request() -> None:
    claims = wanted(ASK, ANN, Usage(input=30, output=20), POLICY)
    assert [(claim.quota.unit, claim.cost) for claim in more(claims, 256, "small-1", POLICY)] == [(Unit.TOKENS, 256)]


def test_a_squeezed_account_claims_the_same_under_smaller_limits() -> None:
    claims = wanted(ASK, ANN, Usage(input=30, output=20), POLICY, squeeze=Squeeze(0.5))
    assert [(claim.quota.unit, claim.limit, claim.cost) for claim in claims] == [
        (Unit.TOKENS, 500, 50), (Unit.REQUESTS, 2, 1), (Unit.IN_FLIGHT, 1, 1),
    ]  # fmt: skip
    assert [claim.quota.field for claim in claims] == [claim.quota.field for claim in wanted(ASK, ANN, Usage(30, 20), POLICY)]


@given(st.integers(1, 10**12), st.integers(1, 10**12), st.floats(0.001, 1.0))
def test_a_share_is_never_more_than_the_whole_and_never_nothing(amount: int, burst: int, share: float) -> None:
    part = squeezed(Quota(Unit.TOKENS, amount, MINUTE, burst), share)
    assert 1 <= part.amount <= amount
    assert 1 <= part.burst <= burst
    assert part.amount == 1 or part.amount <= amount * share


def test_a_grace_is_counted_by_itself_and_a_later_one_begins_anew() -> None:
    first, later = (
        wanted(ASK, ANN, Usage(1, 1), POLICY, squeeze=Squeeze(grace=Grace(3600.0, 7), since=since))[-1] for since in (100.0, 200.0)
    )
    assert (first.quota.window.name, first.limit, first.cost) == (f"{GRACE}100", 7, 1)
    assert first.quota.field != later.quota.field
    assert first.refill * 30 * 86400 < 1, "what is used of it does not come back while anybody waits"
    assert len(wanted(ASK, ANN, Usage(1, 1), POLICY, squeeze=Squeeze(grace=Grace(3600.0)))) == 3


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 3000), st.sampled_from([Unit.TOKENS, Unit.OUTPUT, Unit.SPEND]))
def test_a_guessed_output_is_clamped_to_what_an_empty_quota_holds_and_no_further(taken: int, made: int, limit: int, unit: Unit) -> None:
    """A guess never refuses for ever (operators.md B6); input that cannot fit still does."""
    prices = Accounting(prices=(("*", Price(1_000_000, 3_000_000, 1_000_000, 1_000_000)),))
    tight = policy(tiers={"free": Tier("free", (Quota(unit, limit, DAY, limit), Quota(Unit.REQUESTS, 1, DAY, 1)))}, accounting=prices)
    clamped = holdable(ASK, ANN, Usage(input=taken, output=made), tight)
    assert clamped.input == taken
    assert 1 <= clamped.output <= made

    def cost(output: int) -> int:
        return charges(Usage(input=taken, output=output), "m", prices)[unit]

    if cost(1) <= limit:
        assert cost(clamped.output) <= limit
        assert clamped.output == made or cost(clamped.output + 1) > limit, "no hidden headroom"
    else:
        assert clamped.output == 1


def test_what_generates_nothing_is_not_given_an_output() -> None:
    embeddings = Ask(Operation.EMBEDDINGS, "small-1")
    assert holdable(embeddings, ANN, Usage(input=5000), POLICY) == Usage(input=5000)


def test_a_guess_fits_under_what_a_squeeze_leaves() -> None:
    big = replace(ASK, stream=False)
    assert holdable(big, ANN, Usage(input=100, output=900), POLICY, 0.5).output == 400
