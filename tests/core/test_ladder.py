"""The laws of the ladder, over any history of scores, time, holds, releases, pardons and verifications."""

import json
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from proxy.core.ladder import CLEAR, NEW_EVIDENCE, Hold, Rung, Standing, Steps, Verified

START = 1_900_000_000.0
RUNGS = st.sampled_from(list(Rung))
SCORES = st.none() | st.integers(0, 100).map(float)
PAUSES = st.sampled_from([0.0, 1.0, 600.0, 1799.0, 1800.0, 4000.0, 90_000.0, 3_000_000.0])
LASTS = st.none() | st.sampled_from([1.0, 3600.0, 86_400.0])


@st.composite
def ladders(draw: st.DrawFn) -> Steps:
    """Thresholds that rise with the rungs; a policy may leave rungs out."""
    rungs = sorted(draw(st.sets(st.sampled_from(list(Rung)[1:]))))
    least = sorted(draw(st.lists(st.integers(1, 100), min_size=len(rungs), max_size=len(rungs), unique=True)))
    expires = {rung: 86_400.0 for rung in rungs if draw(st.booleans())}
    review = frozenset(rung for rung in rungs if draw(st.integers(0, 3)) == 0)
    return Steps(dict(zip(rungs, map(float, least), strict=True)), float(draw(st.integers(0, 20))), 1800.0, expires, review)


class Account(RuleBasedStateMachine):
    """One account's life. Each rule states what it may do and what it must leave alone."""

    @initialize(steps=ladders())
    def begin(self, steps: Steps) -> None:
        self.steps, self.at, self.standing = steps, START, CLEAR
        self.supported = -1.0
        """When a score last earned the rung, or was too near to it to be quiet; or the rung was entered."""

    @rule(pause=PAUSES)
    def time_goes_by(self, pause: float) -> None:
        """Time alone never lifts an account up the ladder, but for a hold or a verification that ends."""
        before, left = self.standing.place(self.at, self.steps), self.at
        self.at += pause
        hold, verified = self.standing.hold, self.standing.verified
        hold_ended = hold is not None and hold.alive(left) and not hold.alive(self.at)
        if not hold_ended and not (verified is not None and left < verified.until <= self.at):
            assert self.standing.place(self.at, self.steps) <= before

    @rule(score=SCORES)
    def score(self, score: float | None) -> None:
        before, earned = self.standing, self.steps.earned(score)
        self.standing = after = before.step(score, f"score {score}", self.at, self.steps)
        assert after.score == score
        assert (after.hold, after.verified, after.forgiven) == (before.hold, before.verified, before.forgiven)
        assert after.rung >= earned, "up at once"
        if after.rung > before.rung:
            assert after.rung is earned
        if after.rung < before.rung:
            assert after.rung is self.steps.next_down(before.rung), "down one at a time"
            assert self.at - self.supported >= self.steps.after or self.at - before.since >= self.steps.expires[before.rung]
        threshold = self.steps.at.get(after.rung)
        loud = score is not None and threshold is not None and score > threshold - self.steps.below
        if loud or after.rung is not before.rung:
            self.supported = self.at
        again = after.step(score, f"score {score}", self.at, self.steps)
        assert again.place(self.at) == after.place(self.at), "the same score at the same time says nothing new"

    @rule()
    def quiet_for_good(self) -> None:
        """Whatever the history, an account that stays quiet comes all the way down, and no rung lasts."""
        found, at = self.standing, self.at
        for _ in Rung:
            at += self.steps.after
            found = found.step(None, "", at, self.steps)
        assert found.rung is Rung.CLEAR

    @rule(rung=RUNGS, lasts=LASTS)
    def hold(self, rung: Rung, lasts: float | None) -> None:
        until = None if lasts is None else self.at + lasts
        self.standing = self.standing.held(Hold(rung, self.at, "ops", "because", until))
        assert self.standing.place(self.at, self.steps) is rung
        if until is not None:
            assert self.standing.place(until, self.steps) is replace(self.standing, hold=None).place(until, self.steps), "it expires"

    @rule()
    def release(self) -> None:
        self.standing = self.standing.released()
        assert self.standing.hold is None

    @rule(lasts=LASTS)
    def pardon(self, lasts: float | None) -> None:
        self.standing = self.standing.pardoned(self.at, "ops", "because", None if lasts is None else self.at + lasts)
        assert self.standing.place(self.at, self.steps) is Rung.CLEAR
        assert (self.standing.rung, self.standing.score, self.standing.forgiven) == (Rung.CLEAR, None, self.at)

    @rule(lasts=st.sampled_from([0.0, 60.0, 2_592_000.0]))
    def verify(self, lasts: float) -> None:
        before = self.standing
        self.standing = after = before.verify(self.at, "oidc", self.at + lasts)
        assert after.rung is before.rung
        assert after.verified is not None
        assert after.verified.until >= self.at + lasts
        assert before.verified is None or after.verified.until >= before.verified.until, "never shortened"
        asked_only = before.hold is not None and before.hold.rung is Rung.CHALLENGED
        assert after.hold == (None if asked_only else before.hold), "only a hold that asks for it is ended by it"

    @invariant()
    def a_live_hold_wins(self) -> None:
        hold = self.standing.hold
        if hold is not None and hold.alive(self.at):
            assert self.standing.place(self.at, self.steps) is hold.rung

    @invariant()
    def verified_is_clear_on_the_same_evidence_and_not_on_new(self) -> None:
        free = replace(self.standing, hold=None)
        if (verified := free.verified) is None:
            return
        new = free.score is not None and free.score > verified.score + NEW_EVIDENCE
        if self.at < verified.until and not new and free.rung not in self.steps.review:
            assert free.place(self.at, self.steps) is Rung.CLEAR
        else:
            assert free.place(self.at, self.steps) is replace(free, verified=None).place(self.at, self.steps)

    @invariant()
    def a_place_is_never_above_what_was_earned_or_decided(self) -> None:
        hold = self.standing.hold
        assert self.standing.place(self.at, self.steps) <= max(self.standing.rung, hold.rung if hold else Rung.CLEAR)
        assert self.standing.rung in {Rung.CLEAR, *self.steps.at}

    @invariant()
    def the_store_keeps_all_of_it(self) -> None:
        assert Standing.parse(self.standing.text()) == self.standing
        assert (self.standing.text() == "") == (self.standing == CLEAR)


TestAccount = Account.TestCase
TestAccount.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)

WORDS = st.text(max_size=30)
NUMBERS = st.floats(0, 4e9)
STANDINGS = st.builds(
    Standing, RUNGS, NUMBERS, st.none() | NUMBERS, NUMBERS, WORDS,
    st.none() | st.builds(Hold, RUNGS, NUMBERS, WORDS, WORDS, st.none() | NUMBERS),
    st.none() | st.builds(Verified, NUMBERS, NUMBERS, WORDS, NUMBERS, WORDS, WORDS),
    NUMBERS,
)  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS
FIELDS = st.sampled_from(["v", "rung", "since", "score", "loud_at", "because", "hold", "verified", "forgiven", "at", "until", "how", "by"])
RECORDS = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=8), max_leaves=12)


@given(STANDINGS)
@example(replace(CLEAR, verified=Verified(1.0, 2.0, "")))
@example(replace(CLEAR, hold=Hold(Rung.CLEAR, 0.0, "", "")))
def test_what_is_written_is_read_again(standing: Standing) -> None:
    assert Standing.parse(standing.text()) == standing


@given(st.text() | RECORDS.map(json.dumps) | st.builds(lambda name, rest: f" {name} {rest}", RUNGS.map(lambda rung: rung.word), WORDS))
@example('{"rung":5,"since":1' + 400 * "0" + "}")
@example('{"rung":5,"hold":{"rung":5,"at":0,"until":NaN}}')
@example("[" * 100_000)
@example('{"rung":' + "[" * 100_000)
def test_any_text_is_read_and_means_the_same_when_written_again(text: str) -> None:
    found = Standing.parse(text)
    assert Standing.parse(found.text()) == found


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "blokced", "{", "[5]", "5", '{"rung":9}', '{"rung":"blocked"}', '{"score":99}', '{"rung":5,"since":"x"}',
        '{"rung":5,"since":1e999}', '{"rung":5,"hold":{"rung":5}}', '{"rung":5,"hold":{"rung":5,"at":0,"until":"never"}}',
        '{"rung":5,"hold":"x"}', '{"rung":5,"verified":[1]}', '{"rung":5,"score":NaN}',
    ],
)  # fmt: skip
def test_a_torn_record_punishes_nobody(text: str) -> None:
    assert Standing.parse(text) == CLEAR


@given(RUNGS)
def test_a_plain_name_is_that_rung(rung: Rung) -> None:
    assert Standing.parse(rung.word) == Standing(rung)
    assert Standing.parse(f" {rung.name} by hand") == Standing(rung)
    assert Standing.parse(rung.word).place(START) is rung


def test_a_rung_that_the_policy_no_longer_has_is_left_after_the_quiet_time() -> None:
    steps = Steps({Rung.WATCH: 40.0, Rung.BLOCKED: 95.0})
    standing = Standing(Rung.CHALLENGED, since=START, loud_at=START)
    for score in (0.0, 39.0, 94.0):
        assert standing.step(score, "", START + 1799, steps).rung is Rung.CHALLENGED
        assert standing.step(score, "", START + 1800, steps).rung is Rung.WATCH


def test_a_score_that_earns_its_rung_is_never_quiet() -> None:
    steps = Steps({Rung.WATCH: 40.0}, below=0.0)
    standing = CLEAR.step(40.0, "", START, steps)
    assert standing.step(40.0, "", START + 1800, steps).rung is Rung.WATCH


def test_a_rung_that_expires_is_left_one_down_by_time_alone() -> None:
    steps = Steps({Rung.DEGRADED: 85.0, Rung.BLOCKED: 95.0}, expires={Rung.BLOCKED: 86_400.0})
    standing = CLEAR.step(97.0, "", START, steps)
    assert standing.place(START + 86_399, steps) is Rung.BLOCKED
    assert standing.place(START + 86_400, steps) is Rung.DEGRADED
    assert standing.step(None, "", START + 86_400, steps).rung is Rung.DEGRADED


def test_who_decided_a_verification_is_kept() -> None:
    standing = CLEAR.verify(START, "operator", START + 60, "ops", "passport seen")
    assert Standing.parse(standing.text()).verified == Verified(START, START + 60, "operator", 0.0, "ops", "passport seen")


@given(RUNGS, st.none() | NUMBERS)
def test_a_place_was_entered_when_the_hold_was_made_or_the_rung_earned(rung: Rung, until: float | None) -> None:
    standing = Standing(Rung.WATCH, since=START).held(Hold(rung, START + 5, "ops", "because", until))
    assert standing.entered(START) == (START + 5 if standing.hold is not None and standing.hold.alive(START) else START)
