"""The engine: what a verdict of the store and a standing become, enforced and in shadow."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config import measures
from proxy.core.case import Case, Remembered, place
from proxy.core.claims import GRACE
from proxy.core.enforcement import Challenge, Enforcement, Forward, Reason, Refuse
from proxy.core.engine import admissible, decide
from proxy.core.facts import Account, Ask, Operation
from proxy.core.ladder import CLEAR, Hold, Rung, Standing, Steps
from proxy.core.policy import Tier
from proxy.core.quota import HELD, Denial, Grant, Meter, Quota, Unit, Window
from proxy.core.refusals import over_quota
from proxy.core.rules import Binding, Ladder, Rule
from proxy.core.sanctions import CATALOGUE
from proxy.core.sanctions.base import Sanction
from proxy.core.shaping import NO_LOGPROBS, Plan, Show
from tests.support.policies import policy

MINUTE = Window("rate", "minute", 60)
DAY = Window("calendar", "day", 86400)
TOKENS = Quota(Unit.TOKENS, 1000, MINUTE, 1000)
ANN = Account("ann", "ann", "free")
ASK = Ask(Operation.CHAT, "small-1", stream=True, reports_usage=False)
AT = 1_800_000_000.0
POLICY = policy(
    tiers={"free": Tier("free", (TOKENS, Quota(Unit.REQUESTS, 5, MINUTE, 5), Quota(Unit.IN_FLIGHT, 2, HELD, 2)))},
    contact="help@example.com",
)


def denied(quota: Quota, used: float, cost: int, frees_in: float = 7.0) -> Denial:
    meter = Meter(quota, used, frees_in)
    return Denial(meter, cost, (meter,))


def held(rung: Rung, since: float = AT - 10.0) -> str:
    return Standing().held(Hold(rung, since, "ops", "a trial")).text()


def sanction(name: str, value: object) -> Sanction:
    return CATALOGUE[name].read(value, measures)


def ruled(rung: Rung, *sanctions: tuple[str, object], **rule: Any) -> Ladder:
    return Ladder({rung: Rule(tuple(sanction(*each) for each in sanctions), **rule)})


def case(verdict: Grant | Denial | None = None, **parts: Any) -> Case:
    whole = {"ask": ASK, "account": ANN, "verdict": verdict or Grant(()), "at": AT, "reference": "sg_1", "link": "https://v.test/x"}
    return Case(**(whole | parts))


def forwarded(enforcement: Enforcement) -> Forward:
    assert isinstance(enforcement, Forward)
    return enforcement


def refused(enforcement: Enforcement) -> Any:
    assert isinstance(enforcement, Refuse)
    return enforcement.fault


def test_a_grant_forwards_and_asks_for_usage_where_the_stream_would_not_tell() -> None:
    decision = decide(case(), POLICY)
    assert forwarded(decision.enforcement).plan == Plan(ask_for_usage=True)
    quiet = replace(POLICY, accounting=replace(POLICY.accounting, include_usage=False))
    assert not forwarded(decide(case(), quiet).enforcement).plan


def test_a_denial_refuses_with_429_and_when_to_come_back() -> None:
    fault = refused(decide(case(denied(TOKENS, 990, 50)), POLICY).enforcement)
    assert (fault.status, fault.reason) == (429, Reason.QUOTA)
    assert 7.0 <= fault.retry_after <= 7.7
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
    decision = decide(case(denied(TOKENS, 990, 50)), replace(POLICY, enforce=False))
    assert isinstance(decision.enforcement, Forward)
    assert isinstance(decision.advised, Refuse)


def test_a_tier_that_lists_models_serves_no_other() -> None:
    listed = policy(tiers={"free": Tier("free", models=("small-*",))})
    assert admissible(ASK, ANN, listed, "sg_1") is None
    fault = admissible(replace(ASK, model="large-9"), ANN, listed, "sg_1")
    assert fault is not None
    assert (fault.status, fault.reason, fault.param) == (404, Reason.MODEL_NOT_ALLOWED, "model")
    assert admissible(Ask(Operation.LIST_MODELS), ANN, listed, "sg_1") is None


def test_an_unknown_tier_falls_to_the_default_and_a_listed_account_keeps_its_own() -> None:
    two = policy(tiers={"free": Tier("free"), "team": Tier("team")}, account_tiers={"bob": "team"})
    assert two.tier(Account("ann", "ann", "nonsense")).name == "free"
    assert two.tier(Account("bob", "bob", "free")).name == "team"


def test_the_standing_comes_back_with_the_reservation() -> None:
    assert decide(case(Grant((), "degraded since=1")), POLICY).rung is Rung.DEGRADED
    assert decide(case(Grant((), "torn\x00")), POLICY).rung is Rung.CLEAR


def test_blocked_is_403_says_why_what_to_do_and_whom_to_ask() -> None:
    fault = refused(decide(case(Grant((), held(Rung.BLOCKED))), POLICY).enforcement)
    assert (fault.status, fault.reason, fault.retry) == (403, Reason.BLOCKED, False)
    for said in ("blocked", "a person at this service decided so", "sg_1", "help@example.com", "can look at it again"):
        assert said in fault.message


def test_what_a_score_did_is_told_as_such_and_until_when() -> None:
    expiring = replace(POLICY, ladder=Ladder(steps=Steps({Rung.BLOCKED: 95.0}, expires={Rung.BLOCKED: 86400.0})))
    scored = Standing(Rung.BLOCKED, AT, 99.0, AT).text()
    message = refused(decide(case(Grant((), scored)), expiring).enforcement).message
    assert "blocked until 2027-01-16 08:00 UTC, because recent usage of this account resembles model extraction" in message


@pytest.mark.parametrize(("source", "status"), [("keys", 403), ("jwt", 401), ("upstream", 403)])
def test_challenged_shows_where_to_verify_in_the_message(source: str, status: int) -> None:
    """RFC 9470 for OAuth bearers; 403 for API keys, of which an SDK tries no second time."""
    asked = case(Grant((), held(Rung.CHALLENGED, AT - 4000)), account=replace(ANN, source=source))
    decision = decide(asked, POLICY)
    assert isinstance(decision.enforcement, Challenge)
    fault = decision.enforcement.fault
    assert (fault.status, fault.reason, fault.retry) == (status, Reason.VERIFY, False)
    assert "https://v.test/x" in fault.message
    assert ("insufficient_user_authentication" in str(fault.headers)) is (status == 401)


def test_a_challenge_begins_with_a_grace_in_which_it_is_announced() -> None:
    ladder = ruled(Rung.CHALLENGED, ("verify", {"grace": "1h"}))
    asked = replace(POLICY, ladder=ladder)
    during, after = (decide(case(Grant((), held(Rung.CHALLENGED, AT - ago))), asked) for ago in (3599, 3600))
    assert isinstance(after.enforcement, Challenge)
    assert forwarded(during.enforcement)
    assert during.notice is not None
    assert "https://v.test/x" in during.notice.sentence


def test_a_grace_of_so_many_requests_ends_with_the_last() -> None:
    asked = replace(POLICY, ladder=ruled(Rung.CHALLENGED, ("verify", {"grace": "1h", "exchanges": 5})))
    spent = denied(Quota(Unit.REQUESTS, 5, Window("rate", f"{GRACE}{int(AT - 10)}", 10**9), 5), 5, 1)
    assert isinstance(decide(case(replace(spent, standing=held(Rung.CHALLENGED))), asked).enforcement, Challenge)


def test_degraded_hides_reasoning_and_says_so() -> None:
    decision = decide(case(Grant((), held(Rung.DEGRADED))), POLICY)
    plan = forwarded(decision.enforcement).plan
    assert (plan.reasoning.show, plan.logprobs.most) == (Show.OMIT, NO_LOGPROBS)
    assert plan.notice is not None
    assert plan.notice == decision.notice
    assert plan.notice.rung == "degraded"
    for said in ("reasoning is left out", "log probabilities are left out", "sg_1", "help@example.com"):
        assert said in plan.notice.sentence


def test_throttled_paces_and_counts_under_a_share_and_tells_so() -> None:
    slow = replace(POLICY, ladder=ruled(Rung.THROTTLED, ("throttle", {"share": "50%", "pace": 20}), ("delay", "2s")))
    decision = decide(case(Grant((), held(Rung.THROTTLED)), share=0.5), slow)
    forward = forwarded(decision.enforcement)
    assert (forward.pace, forward.delay) == (20.0, 2.0)
    assert forward.plan == Plan(ask_for_usage=True), "what only slows changes no answer"
    assert decision.notice is not None
    fault = refused(decide(case(replace(denied(TOKENS, 490, 50), standing=held(Rung.THROTTLED)), share=0.5), slow).enforcement)
    assert (fault.status, fault.reason) == (429, Reason.SLOWED)
    assert fault.retry_after <= 120
    assert "50% of your plan" in fault.message


def test_a_share_of_which_the_reservation_did_not_know_binds_all_the_same() -> None:
    meter = Meter(TOKENS, 700.0, 42.0)
    known, unknown = (decide(case(Grant((meter,), held(Rung.THROTTLED)), share=share), POLICY).enforcement for share in (0.5, 1.0))
    assert forwarded(known), "it was granted under the smaller limit"
    assert refused(unknown).reason is Reason.SLOWED


def test_and_the_caller_is_told_the_smaller_limit_at_once() -> None:
    meter = Meter(TOKENS, 100.0, 42.0)
    told = [decide(case(Grant((meter,), held(Rung.THROTTLED)), share=share), POLICY).meters[0].quota.burst for share in (0.5, 1.0)]
    assert told == [TOKENS.burst, TOKENS.burst / 2]
    assert decide(case(Grant((meter,), held(Rung.THROTTLED))), replace(POLICY, enforce=False)).meters == (meter,)


def test_watch_changes_nothing_and_tells_nobody() -> None:
    decision = decide(case(Grant((), held(Rung.WATCH))), POLICY)
    assert decision.rung is Rung.WATCH
    assert decision.notice is None
    assert forwarded(decision.enforcement).plan == Plan(ask_for_usage=True)


def test_the_most_restrictive_wins() -> None:
    both = ruled(Rung.BLOCKED, ("verify", True), ("block", True), ("throttle", "10%"))
    denial = replace(denied(TOKENS, 990, 50), standing=held(Rung.BLOCKED))
    assert refused(decide(case(denial), replace(POLICY, ladder=both)).enforcement).reason is Reason.BLOCKED
    asked = replace(denied(TOKENS, 990, 50), standing=held(Rung.CHALLENGED, 0.0))
    assert isinstance(decide(case(asked), POLICY).enforcement, Challenge)


@pytest.mark.parametrize("rung", list(Rung)[2:])
def test_a_rule_in_shadow_is_advised_and_not_done(rung: Rung) -> None:
    ladder = replace(POLICY.ladder, rules={rung: replace(POLICY.ladder.rule(rung), enforce=False)})
    standing = held(rung, 0.0)
    decision = decide(case(Grant((), standing)), replace(POLICY, ladder=ladder))
    assert decision.enforcement == decide(case(), POLICY).enforcement
    assert _untold(decision.advised) == _untold(decide(case(Grant((), standing)), POLICY).enforcement)
    assert decision.notice is None, "nothing is done, so there is nothing to tell"


def _untold(enforcement: Enforcement) -> Enforcement:
    return replace(enforcement, plan=replace(enforcement.plan, notice=None)) if isinstance(enforcement, Forward) else enforcement


def test_lists_outrank_the_score_and_a_human_outranks_them() -> None:
    listed = replace(POLICY, trusted=frozenset({"ann"}), watch=frozenset({"bob"}))
    scored = Standing(Rung.DEGRADED, AT - 5, 90.0, AT - 5).text()
    assert place(ANN, scored, AT, listed).rung is Rung.CLEAR
    assert place(ANN, held(Rung.BLOCKED), AT, listed).rung is Rung.BLOCKED
    bob = replace(ANN, id="bob")
    assert place(bob, "", AT, listed).rung is Rung.WATCH
    assert place(bob, scored, AT, listed).rung is Rung.DEGRADED
    assert place(bob, CLEAR.pardoned(AT - 1, "ops", "", AT + 1).text(), AT, listed).rung is Rung.CLEAR


def test_a_rung_that_a_score_earned_ends_by_itself() -> None:
    steps = Steps({Rung.DEGRADED: 85.0, Rung.BLOCKED: 95.0}, expires={Rung.BLOCKED: 86400.0})
    expiring = replace(POLICY, ladder=Ladder(steps=steps))
    standing = Standing(Rung.BLOCKED, AT, 99.0, AT).text()
    assert [place(ANN, standing, AT + later, expiring).rung for later in (86399, 86400)] == [Rung.BLOCKED, Rung.DEGRADED]


FETCH = Ask(Operation.FETCH_RESPONSE, follows="resp_1")
MADE_CLEAR, MADE_DEGRADED = (Remembered(rung, "anchor", AT - 60, "ann", "m").text() for rung in (Rung.CLEAR, Rung.DEGRADED))


@pytest.mark.parametrize(("rung", "left"), [(Rung.DEGRADED, Rung.CLEAR), (Rung.BLOCKED, Rung.BLOCKED)])
def test_verification_lifts_what_a_score_earned_but_where_a_person_must_look(rung: Rung, left: Rung) -> None:
    standing = Standing(rung, AT - 9, 99.0, AT - 9).verify(AT - 1, "oidc", AT + 1)
    assert place(ANN, standing.text(), AT, POLICY).rung is left


def shaping_of(note: str | None, standing: str, **parts: Any) -> Plan:
    return forwarded(decide(case(Grant((), standing, note), **parts), POLICY).enforcement).plan


def test_a_conversation_keeps_the_shaping_it_began_with() -> None:
    assert shaping_of("0", held(Rung.DEGRADED)).reasoning.show is Show.ALL
    assert shaping_of("4", held(Rung.DEGRADED)).reasoning.show is Show.OMIT
    assert shaping_of(None, held(Rung.DEGRADED)).reasoning.show is Show.OMIT, "one that nobody remembers is a new one"
    assert shaping_of("4", "").reasoning.show is Show.ALL, "what is lifted is lifted at once"
    unpinned = replace(POLICY, ladder=Ladder(pin=0.0))
    assert forwarded(decide(case(Grant((), held(Rung.DEGRADED), "0")), unpinned).enforcement).plan.reasoning.show is Show.OMIT


def test_what_is_told_is_what_is_done_to_this_conversation() -> None:
    began_clear = decide(case(Grant((), held(Rung.DEGRADED), "0")), POLICY)
    assert forwarded(began_clear.enforcement).plan == Plan(ask_for_usage=True)
    assert began_clear.notice is not None
    assert "from your next conversation on, log probabilities are left out and reasoning is left out." in began_clear.notice.sentence
    fetched = decide(case(Grant((), "", MADE_DEGRADED), ask=FETCH), POLICY)
    assert fetched.notice is not None, "what was made under a sanction is shaped, and that is told, whoever fetches it"
    assert forwarded(fetched.enforcement).plan.notice == fetched.notice


def test_what_is_no_shaping_bites_in_the_middle_of_a_conversation() -> None:
    assert isinstance(decide(case(Grant((), held(Rung.BLOCKED), "0")), POLICY).enforcement, Refuse)


BOUND = replace(POLICY, binding=Binding(on=True))


def test_a_response_that_is_fetched_is_shaped_as_it_was_made_whoever_fetches_it() -> None:
    for standing in ("", held(Rung.DEGRADED)):
        assert shaping_of(MADE_DEGRADED, standing, ask=FETCH).reasoning.show is Show.OMIT
        assert shaping_of(MADE_CLEAR, standing, ask=FETCH).reasoning.show is Show.ALL


def test_a_chain_of_responses_is_pinned_from_its_beginning_and_to_its_account() -> None:
    """Else one response made in time would be a way around every later rung, for the account and for its siblings."""
    follow = replace(ASK, follows="resp_1")
    mine, old, other = (
        Remembered(Rung.CLEAR, "anchor", since, account, "m").text()
        for since, account in ((AT - 60, "ann"), (AT - POLICY.ladder.pin, "ann"), (AT - 60, "bob"))
    )
    assert shaping_of(mine, held(Rung.DEGRADED), ask=follow).reasoning.show is Show.ALL
    assert shaping_of(old, held(Rung.DEGRADED), ask=follow).reasoning.show is Show.OMIT
    assert shaping_of(other, held(Rung.DEGRADED), ask=follow).reasoning.show is Show.OMIT


@given(st.builds(Remembered, st.sampled_from(Rung), st.text(max_size=9), st.integers(0, 10**10).map(float), st.text(), st.text()))
def test_what_is_remembered_is_read_again(found: Remembered) -> None:
    assert Remembered.parse(found.text()) == found
    assert "\n" not in found.text(), "the store's answer is read by lines"


@given(st.text(max_size=40))
def test_any_note_can_be_read(note: str) -> None:
    assert Remembered.parse(note).rung in Rung


@pytest.mark.parametrize(("ask", "status", "param"), [(FETCH, 404, None), (replace(ASK, follows="resp_1"), 400, "previous_response_id")])
def test_a_response_of_somebody_else_is_not_there(ask: Ask, status: int, param: str | None) -> None:
    fault = refused(decide(case(ask=ask), BOUND).enforcement)
    assert (fault.status, fault.reason, fault.param) == (status, Reason.NOT_FOUND, param)
    assert forwarded(decide(case(Grant((), "", MADE_CLEAR), ask=ask), BOUND).enforcement)
    assert forwarded(decide(case(ask=ask), POLICY).enforcement), "only where the policy binds"
    assert forwarded(decide(case(ask=ask, account=replace(ANN, source="upstream")), BOUND).enforcement), "there the provider looks itself"
    lost = refused(decide(case(Grant((), local=True), ask=ask), BOUND).enforcement)
    assert lost.reason is Reason.STORE_LOST, "without a store nobody can tell whose it is"


def test_an_opened_route_is_no_way_around_shaping() -> None:
    tunnel = Ask(Operation.TUNNEL, unshaped=True)
    assert refused(decide(case(Grant((), held(Rung.DEGRADED)), ask=tunnel), POLICY).enforcement).status == 403
    assert forwarded(decide(case(ask=tunnel), POLICY).enforcement)
    assert forwarded(decide(case(Grant((), held(Rung.DEGRADED)), ask=replace(tunnel, unshaped=False)), POLICY).enforcement)
    assert forwarded(decide(case(Grant((), held(Rung.THROTTLED)), ask=tunnel), POLICY).enforcement)


standings = st.sampled_from(["", *(held(rung, since) for rung in Rung for since in (0.0, AT - 10))])
verdicts = st.builds(
    lambda standing, note, full: replace(denied(TOKENS, 990, 50), standing=standing, note=note) if full else Grant((), standing, note),
    standings, st.none() | st.sampled_from(["0", MADE_DEGRADED, "nonsense", "[", "[9]", "77"]), st.booleans(),
)  # fmt: skip


@given(verdicts, st.booleans(), st.booleans())
def test_in_shadow_nothing_is_refused_shaped_or_told(verdict: Grant | Denial, bound: bool, stream: bool) -> None:
    shadow = replace(BOUND if bound else POLICY, enforce=False)
    decision = decide(case(verdict, ask=replace(ASK, stream=stream)), shadow)
    assert decision.enforcement == Forward(Plan(ask_for_usage=stream))
    assert decision.notice is None


@given(verdicts)
def test_every_answer_of_a_sanctioned_account_is_told_why(verdict: Grant | Denial) -> None:
    decision = decide(case(verdict), POLICY)
    if isinstance(decision.enforcement, Forward):
        assert (decision.notice is not None) == (decision.rung > Rung.WATCH)
    else:
        assert "sg_1" in decision.enforcement.fault.message
        assert "help@example.com" in decision.enforcement.fault.message
