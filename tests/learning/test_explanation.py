"""Every rule considered: the one that holds is the one that the engine acts on, and each that does not says why."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from proxy.config.policy import compile_text
from proxy.core.facts import Account
from proxy.core.ladder import Hold, Rung, Standing, Verified
from proxy.core.policy import Policy
from proxy.core.risk import LINKS, SIGNALS
from proxy.learning.campaign import Verdict
from proxy.learning.explanation import Considered, Subject, considered, stands
from proxy.learning.score import Reading, Score
from tests.support.campaigns import AT, COVERAGE, NEW_MODEL, SWEEP, campaign

HOUR = 3600.0
TEXT = """
tiers: {free: {requests: 20/minute}, gold: {requests: 90/minute, priority: 3}}
accounts: {default_tier: free}
risk: {vouched: {tiers: [gold]}}
ladder:
  watch: {at: 40}
  throttled: {at: 60, sanctions: [{throttle: 50%}]}
  degraded: {at: 85, sanctions: [{reasoning: omit}], mode: shadow}
  blocked: {at: 95, sanctions: [block], review: required, expires: 24h}
guards: {reasoning_binding: {mode: shadow}}
contact: help@example.com
"""
POLICY = compile_text(TEXT)
ANNA = Account("anna", "acme", "")


def rules(subject: Subject, policy: Policy = POLICY, at: float = AT) -> dict[str, Considered]:
    return {rule.rule: rule for rule in considered(subject, policy, at)}


def on(rung: Rung, score: float, **more: object) -> Subject:
    return Subject(ANNA, Standing(rung, AT - HOUR, score, AT - HOUR, "a sweep", **more), Score(score, 9.0))  # type: ignore[arg-type]


@st.composite
def subjects(draw: st.DrawFn) -> Subject:
    rungs, times = st.sampled_from(list(Rung)), st.floats(AT - 1e6, AT + 1e6)
    hold = st.builds(Hold, rungs, times, st.just("ops"), st.just("odd"), st.none() | times)
    verified = st.builds(Verified, times, times, st.just("oidc"), st.floats(0, 99))
    standing = st.builds(
        Standing, rungs, times, st.none() | st.floats(0, 99), times, st.just(""), st.none() | hold, st.none() | verified, times
    )
    account = Account(draw(st.sampled_from(["anna", "bert", "carl"])), "acme", draw(st.sampled_from(["", "free", "gold"])))
    score = draw(st.none() | st.builds(Score, st.none() | st.floats(0, 99)))
    return Subject(account, draw(standing), score, tuple(draw(st.lists(st.just(SWEEP), max_size=1))), draw(st.none() | st.just(campaign())))


LISTED = (POLICY, replace(POLICY, trusted=frozenset({"bert"}), watch=frozenset({"bert", "carl"})))


@given(subjects(), st.sampled_from(LISTED))
def test_the_rung_that_holds_is_where_the_engine_sees_it(subject: Subject, policy: Policy) -> None:
    found = list(considered(subject, policy, AT))
    here = stands(subject, policy, AT).rung
    holding = [
        rule.rule.partition(" ")[0] for rule in found if rule.part == "ladder" and rule.holds and rule.rule not in {"hold", "verified"}
    ]
    assert holding == ([] if here is Rung.CLEAR else [here.word])
    parts = [rule.part for rule in found]
    order = ["routes", "lists", "quotas", "guards", "signals", "links", "ladder", "capacity"]
    assert parts == sorted(parts, key=order.index)
    assert {rule.rule for rule in found} >= {*SIGNALS, *LINKS, "hold", "verified", "trusted", "watch", "vouched"}
    assert all(rule.why.strip() for rule in found)


def test_rung_by_rung_it_says_what_is_reached_and_what_not() -> None:
    found = rules(on(Rung.THROTTLED, 64.0))
    assert found["watch at 40"].why == "reached, 64 points"
    assert found["throttled at 60"].why == (
        "reached, 64 points; earned since 2030-03-17 16:46 UTC, left when it was below 50 for long enough; "
        "stands here since 2030-03-17 16:46 UTC: limits are 50% of the plan's"
    )
    assert found["challenged"].why == "the policy leaves it out"
    assert (found["degraded at 85"].why, found["degraded at 85"].shadow) == ("not reached, 64 points", True)
    assert [found[name].holds for name in ("watch at 40", "throttled at 60", "blocked at 95")] == [False, True, False]
    assert found["tier free"].why.endswith("of which it has 50% now")


def test_what_is_quiet_says_when_it_comes_down() -> None:
    quiet = rules(on(Rung.THROTTLED, 20.0), at=AT - HOUR + 60)["throttled at 60"].why
    assert quiet.startswith("not reached, 20 points; earned since 2030-03-17 16:46 UTC, quiet now and left 2030-03-17 17:16 UTC")
    assert "quiet for long enough" in rules(on(Rung.THROTTLED, 20.0))["throttled at 60"].why
    assert "left by itself 2030-03-18 16:46 UTC" in rules(on(Rung.BLOCKED, 97.0))["blocked at 95"].why


def test_people_are_part_of_it() -> None:
    hold = Hold(Rung.BLOCKED, AT - 60, "ops", "a trial", AT + 60)
    found = rules(on(Rung.WATCH, 45.0, hold=hold))
    assert (found["hold"].holds, found["hold"].why) == (True, "blocked until 2030-03-17 17:47 UTC, by ops: a trial")
    assert found["blocked at 95"].holds
    assert "that is over" in rules(on(Rung.WATCH, 45.0, hold=hold), at=AT + 61)["hold"].why
    assert rules(on(Rung.WATCH, 45.0))["hold"].why == "no person holds it anywhere"


def test_verification_says_whether_it_still_answers() -> None:
    seen = Verified(AT - 60, AT + HOUR, "oidc", 62.0)
    clear = rules(on(Rung.THROTTLED, 64.0, verified=seen))["verified"]
    assert (clear.holds, clear.why.partition("; ")[2]) == (True, "it is clear on the same evidence")
    assert "the evidence is new: 80 points, and it was verified at 62" in rules(on(Rung.THROTTLED, 80.0, verified=seen))["verified"].why
    assert "blocked is a rung that a person must look at" in rules(on(Rung.BLOCKED, 64.0, verified=seen))["verified"].why
    assert rules(on(Rung.THROTTLED, 64.0, verified=seen), at=AT + 2 * HOUR)["verified"].why.endswith("that is over")


def test_signals_and_links_say_what_they_saw_and_what_they_could_add() -> None:
    found = rules(Subject(ANNA, score=Score(69.5, 9.1), readings=(SWEEP,), campaign=campaign()))
    assert found["coverage"].why == f"9.1 of 20 nats: {COVERAGE.why}"
    assert (found["template_sweep"].holds, found["template_sweep"].shadow) == (True, True)
    assert found["new_model"].why == f"1.0 of 2 nats: {NEW_MODEL.why}"
    assert (found["logit_sweep"].holds, found["logit_sweep"].why) == (False, "nothing seen (it could add 20 nats)")
    assert found["minimum_evidence"].holds


def test_a_persons_word_is_said() -> None:
    honest = rules(Subject(ANNA, campaign=campaign(), verdict=Verdict.HONEST, said="by ops: a class"))["verdict"]
    assert (honest.holds, honest.why) == (True, "nothing counts against it: honest by ops: a class")
    assert rules(Subject(ANNA, verdict=Verdict.CONFIRMED))["verdict"].why == "its campaign is certain: confirmed"
    assert not rules(Subject(ANNA))["verdict"].holds


def test_what_is_not_known_is_said() -> None:
    found = rules(Subject(ANNA))
    assert found["minimum_evidence"].why == "not enough to say, or nothing: it takes 3 conversations begun"
    assert found["throttled at 60"].why == "not reached: no score"
    off = rules(Subject(ANNA), compile_text("tiers: {free: {}}"))
    assert off["coverage"].why == "the policy has no risk"
    assert "minimum_evidence" not in off


def test_a_contract_speaks_for_a_verified_account_of_its_tier() -> None:
    gold = Account("anna", "acme", "gold", verified=True)
    assert rules(Subject(gold))["vouched"].holds
    assert rules(Subject(ANNA))["vouched"].why == "not known to be verified; of tier free"


def test_a_shadow_policy_holds_nothing_in_earnest() -> None:
    shadow = compile_text(TEXT + "mode: shadow")
    found = rules(Subject(ANNA, Standing(Rung.THROTTLED, AT, 64.0, AT), readings=(Reading("logit_sweep", 12.0, "x"),)), shadow)
    assert all(found[name].shadow for name in ("throttled at 60", "tier free", "reasoning_binding"))
    assert found["throttled at 60"].holds
