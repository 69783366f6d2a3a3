"""When a link may clear: the laws, and that every refusal has words."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.ladder import CLEAR, Hold, Rung, Standing, Steps, Verified
from proxy.verification.pages import WORDS
from proxy.verification.rules import Clearance, Subject, Why, masked, refusal

AT = 1_900_000_000.0
TERMS = Clearance()
TIMES = st.floats(AT - 90_000, AT + 90_000)
RUNGS = st.sampled_from(list(Rung))
STANDINGS = st.builds(
    Standing, RUNGS, TIMES, st.none() | st.floats(0, 100), TIMES, st.just(""),
    st.none() | st.builds(Hold, RUNGS, TIMES, st.just("ops"), st.just("x"), st.none() | TIMES),
    st.none() | st.builds(Verified, TIMES, TIMES, st.just("oidc"), st.floats(0, 100)),
    st.just(0.0) | TIMES,
)  # fmt: skip


@given(STANDINGS, st.none() | TIMES)
def test_whoever_may_be_cleared_was_asked_and_is_clear_afterwards(standing: Standing, issued: float | None) -> None:
    if refusal(standing, issued, AT, TERMS) is None:
        assert standing.place(AT, TERMS.steps) in {Rung.CHALLENGED, Rung.DEGRADED}
        after = standing.verify(AT, "oidc", AT + 60).place(AT, TERMS.steps)
        assert after is Rung.CLEAR or (standing.rung is Rung.BLOCKED and standing.hold is not None), "what a hold has hidden shows again"
        assert issued is None or issued >= standing.cleared


@given(STANDINGS, st.floats(AT - 90_000, AT, exclude_max=True))
def test_no_link_clears_twice_whatever_happens_in_between(standing: Standing, issued: float) -> None:
    after = standing.verify(AT, "oidc", AT + 60)
    asked = Hold(Rung.CHALLENGED, AT, "ops", "again")
    louder = after.step(100.0, "new", AT, Steps({Rung.CHALLENGED: 75.0}))
    for later in (after, after.held(asked), louder, after.pardoned(AT, "ops", "x", AT)):
        assert refusal(later, issued, AT, TERMS) is not None
        assert refusal(later.held(asked), issued, AT, TERMS) is Why.USED
    assert refusal(after.held(asked), AT + 100_000, AT + 100_000, TERMS) is None


@given(STANDINGS, RUNGS, st.frozensets(RUNGS.filter(bool)))
def test_a_hold_on_a_rung_that_asks_for_it_is_answered_and_no_other(standing: Standing, rung: Rung, asking: frozenset[Rung]) -> None:
    terms = Clearance(asking=asking)
    held = standing.held(Hold(rung, AT, "ops", "x"))
    may = refusal(held, None, AT, terms) is None
    assert may == (rung in asking | {Rung.CHALLENGED})
    after = held.verify(AT, "oidc", AT + 60, ends=terms.answers)
    assert (after.hold is None) == may
    if may and standing.rung is not Rung.BLOCKED:
        assert after.place(AT, terms.steps) is Rung.CLEAR


@given(STANDINGS, st.none() | TIMES)
def test_what_a_human_holds_elsewhere_is_never_lifted(standing: Standing, issued: float | None) -> None:
    for rung in (Rung.THROTTLED, Rung.DEGRADED, Rung.BLOCKED):
        assert refusal(standing.held(Hold(rung, AT, "ops", "x")), issued, AT, TERMS) is Why.HELD
    for rung in (Rung.CLEAR, Rung.WATCH):
        assert refusal(standing.held(Hold(rung, AT, "ops", "x")), issued, AT, TERMS) in {Why.NOTHING, Why.USED}


@pytest.mark.parametrize(
    ("rung", "why"),
    [
        (Rung.CLEAR, Why.NOTHING), (Rung.WATCH, Why.NOTHING), (Rung.THROTTLED, Why.NOTHING),
        (Rung.CHALLENGED, None), (Rung.DEGRADED, None), (Rung.BLOCKED, Why.REVIEW),
    ],
)  # fmt: skip
def test_what_a_score_has_earned(rung: Rung, why: Why | None) -> None:
    assert refusal(Standing(rung), None, AT, TERMS) is why
    assert refusal(Standing(rung), None, AT, Clearance(rungs=frozenset(Rung), steps=Steps())) is None
    assert refusal(Standing(rung), None, AT, Clearance(rungs=frozenset(Rung), steps=Steps(review=frozenset(Rung)))) is Why.REVIEW


def test_what_a_person_must_look_at_is_said_to_who_was_verified_too() -> None:
    standing = Standing(Rung.BLOCKED, score=99.0).verify(AT - 60, "oidc", AT + 60)
    assert refusal(standing, AT - 1, AT, TERMS) is Why.REVIEW


def test_a_rung_that_has_expired_is_left() -> None:
    steps = Steps({Rung.CHALLENGED: 75.0, Rung.BLOCKED: 95.0}, expires={Rung.BLOCKED: 60.0}, review=frozenset({Rung.BLOCKED}))
    for since, why in ((AT - 59, Why.REVIEW), (AT - 60, None)):
        assert refusal(Standing(Rung.BLOCKED, since), AT, AT, Clearance(steps=steps)) is why


def test_a_hold_that_has_ended_is_none() -> None:
    standing = Standing(Rung.CHALLENGED).held(Hold(Rung.BLOCKED, AT - 60, "ops", "x", AT))
    assert refusal(standing, AT - 1, AT, TERMS) is None
    assert refusal(replace(standing, rung=Rung.CLEAR), AT - 1, AT, TERMS) is Why.NOTHING
    assert refusal(CLEAR, AT - 1, AT, TERMS) is Why.NOTHING


@given(st.text(min_size=1, max_size=60))
def test_a_masked_name_never_shows_more_than_half_of_it(name: str) -> None:
    shown = masked(Subject(name, name, None))
    first, last = shown[: len(shown) // 2], shown[len(shown) // 2 + 1 :]
    assert shown == f"{first}…{last}"
    assert (name.startswith(first), name.endswith(last)) == (True, True)
    assert len(first + last) <= min(6, len(name) / 2)


def test_a_masked_account_can_be_told_from_others_of_its_owner() -> None:
    assert masked(Subject("anna@example.com", "anna@example.com", None)) == "ann…com"
    assert masked(Subject("anna@example.com", "acme", None)) == "ann…com of a…e"
    assert masked(Subject("bo", "research-department", None)) == "… of res…ent"


def test_every_refusal_has_words() -> None:
    assert set(WORDS) == set(Why)
    assert len({status for status, _, _ in WORDS.values()} & {202, 200}) == 0
