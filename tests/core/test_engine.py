"""The engine: what a verdict of the store becomes, enforced and in shadow."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.enforcement import Forward, Reason, Refuse
from proxy.core.engine import admissible, decide, holdable, more, over_quota, wanted
from proxy.core.facts import Account, Ask, Operation, Usage
from proxy.core.ladder import Rung, Standing
from proxy.core.policy import Tier
from proxy.core.quota import HELD, Accounting, Denial, Grant, Meter, Price, Quota, Unit, Window, charges
from tests.support.policies import policy

MINUTE = Window("rate", "minute", 60)
DAY = Window("calendar", "day", 86400)
TOKENS = Quota(Unit.TOKENS, 1000, MINUTE, 1000)
ANN = Account("ann", "ann", "free")
ASK = Ask(Operation.CHAT, "small-1", stream=True, reports_usage=False)
POLICY = policy(tiers={"free": Tier("free", (TOKENS, Quota(Unit.REQUESTS, 5, MINUTE, 5), Quota(Unit.IN_FLIGHT, 2, HELD, 2)))})


def denied(quota: Quota, used: float, cost: int, frees_in: float = 7.0) -> Denial:
    meter = Meter(quota, used, frees_in)
    return Denial(meter, cost, (meter,))


def test_every_quota_that_counts_is_claimed() -> None:
    claims = wanted(ASK, ANN, Usage(input=30, output=20), POLICY)
    assert [(claim.quota.unit, claim.cost) for claim in claims] == [(Unit.TOKENS, 50), (Unit.REQUESTS, 1), (Unit.IN_FLIGHT, 1)]


def test_a_growing_stream_claims_tokens_but_no_second_request() -> None:
    claims = wanted(ASK, ANN, Usage(input=30, output=20), POLICY)
    assert [(claim.quota.unit, claim.cost) for claim in more(claims, 256, "small-1", POLICY)] == [(Unit.TOKENS, 256)]


def test_a_grant_forwards_and_asks_for_usage_where_the_stream_would_not_tell() -> None:
    decision = decide(ASK, Grant(()), POLICY, "sg_1")
    assert isinstance(decision.enforcement, Forward)
    assert decision.enforcement.plan.ask_for_usage
    quiet = replace(POLICY, accounting=replace(POLICY.accounting, include_usage=False))
    assert not decide(ASK, Grant(()), quiet, "sg_1").enforcement.plan  # type: ignore[union-attr]


def test_a_denial_refuses_with_429_and_when_to_come_back() -> None:
    decision = decide(ASK, denied(TOKENS, 990, 50), POLICY, "sg_1")
    assert isinstance(decision.enforcement, Refuse)
    fault = decision.enforcement.fault
    assert (fault.status, fault.reason) == (429, Reason.QUOTA)
    assert 7.0 <= (fault.retry_after or 0) <= 7.7
    assert "sg_1" in fault.message


def test_a_request_that_never_fits_is_a_400_with_the_reason() -> None:
    fault = over_quota(denied(TOKENS, 0, 1001), POLICY, "sg_1")
    assert (fault.status, fault.reason, fault.retry) == (400, Reason.NEVER_FITS, False)
    assert "1001 tokens" in fault.message
    assert "1000 tokens per minute" in fault.message


def test_a_long_wait_tells_sdks_not_to_sleep_through_it() -> None:
    assert over_quota(denied(Quota(Unit.TOKENS, 9, DAY, 9), 9, 1, 40_000), POLICY, "sg_1").retry is False
    assert over_quota(denied(TOKENS, 999, 5, 3), POLICY, "sg_1").retry is None


def test_shadow_decides_and_records_but_forwards() -> None:
    decision = decide(ASK, denied(TOKENS, 990, 50), replace(POLICY, enforce=False), "sg_1")
    assert isinstance(decision.enforcement, Forward)
    assert isinstance(decision.advised, Refuse)


def test_a_tier_that_lists_models_serves_no_other() -> None:
    listed = policy(tiers={"free": Tier("free", models=("small-*",))})
    assert admissible(ASK, ANN, listed, "sg_1") is None
    fault = admissible(replace(ASK, model="large-9"), ANN, listed, "sg_1")
    assert fault is not None
    assert (fault.status, fault.reason, fault.param) == (404, Reason.MODEL_NOT_ALLOWED, "model")
    assert admissible(Ask(Operation.LIST_MODELS), ANN, listed, "sg_1") is None


def test_the_standing_comes_back_with_the_reservation() -> None:
    assert decide(ASK, Grant((), "degraded since=1"), POLICY, "sg_1").rung is Rung.DEGRADED
    assert Standing.parse("torn\x00") == Standing()


def test_an_unknown_tier_falls_to_the_default_and_a_listed_account_keeps_its_own() -> None:
    two = policy(tiers={"free": Tier("free"), "team": Tier("team")}, account_tiers={"bob": "team"})
    assert two.tier(Account("ann", "ann", "nonsense")).name == "free"
    assert two.tier(Account("bob", "bob", "free")).name == "team"


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
