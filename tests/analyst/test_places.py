"""Which standings a score moves: by laws over scores of several accounts at recorded times."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from proxy.analyst.places import Places, moved
from proxy.analyst.records import Change, Place
from proxy.core.ladder import CLEAR, Hold, Rung, Standing, Steps
from proxy.learning.score import Score
from tests.support.analysts import AT, STEPS, known

Events = Sequence[tuple[str, float | None, float]]
ACCOUNTS = ("anna", "bert")


@st.composite
def events(draw: st.DrawFn) -> Events:
    """Scores as they come: account, value, seconds."""
    value = st.one_of(st.none(), st.floats(0, 99), st.sampled_from([39.9, 40, 50.5, 60, 95]))
    some = draw(st.lists(st.tuples(st.sampled_from(ACCOUNTS), value, st.floats(0, 100)), max_size=12))
    at, timed = AT, []
    for account, points, pause in some:
        at += pause
        timed.append((account, points, at))
    return timed


def apply(changes: Sequence[Change], standings: dict[str, Standing], steps: Steps = STEPS) -> None:
    for change in changes:
        standings[change.account] = moved(standings.get(change.account, CLEAR), change.moves, steps)


def told(some: Events, cuts: frozenset[int]) -> tuple[dict[str, Standing], Places]:
    places, standings = Places({}, STEPS), {}
    for index, (account, value, at) in enumerate(some):
        places.scored(account, Score(value, because=f"{value}"), at)
        if index in cuts:
            apply(places.take(str), standings)
    apply(places.take(str), standings)
    return standings, places


@given(events(), st.frozensets(st.integers(0, 11)))
def test_how_observations_are_cut_into_batches_changes_nothing(some: Events, cuts: frozenset[int]) -> None:
    one, all_at_once = told(some, cuts), told(some, frozenset())
    assert one[0] == all_at_once[0]
    assert one[1].changed() == all_at_once[1].changed()


@given(events())
def test_an_account_stands_where_a_ladder_that_heard_every_score_would_have_it(some: Events) -> None:
    places, standings = Places({}, STEPS), {}
    for account, value, at in some:
        places.quieted(at, str)
        places.scored(account, Score(value, because=f"{value}"), at)
    apply(places.take(str), standings)
    for account in ACCOUNTS:
        heard = Standing()
        for whose, value, at in some:
            heard = heard.step(heard.score, heard.because, at, STEPS)
            if whose == account:
                heard = heard.step(None if value is None else int(value) or None, f"{value}", at, STEPS)
        assert places.get(account).rung is heard.rung
        assert standings.get(account, CLEAR).rung is heard.rung
        if account in standings:
            assert standings[account].score == heard.score


@given(events())
def test_what_stays_clear_is_never_written(some: Events) -> None:
    standings, _ = told([(account, None if value is None else value * 0.4, at) for account, value, at in some], frozenset())
    assert standings == {}


@given(events(), st.floats(0, 1000))
def test_a_saved_place_goes_on_as_it_would_have(some: Events, pause: float) -> None:
    _, places = told(some, frozenset())
    known = {account: place for account, place in places.changed().items() if place is not None}
    again = Places(known, STEPS)
    for each in (places, again):
        each.quieted(AT + 2000 + pause, lambda _: "quiet")
        each.scored("anna", Score(55.0), AT + 4000)
    assert places.take(str) == again.take(str)
    assert places.changed() == again.changed()


def test_a_score_is_rounded_down_and_less_than_a_point_is_none() -> None:
    places = Places({}, STEPS)
    assert places.scored("anna", Score(39.99), AT)
    assert places.get("anna") == Place(39)
    assert not places.scored("anna", Score(39.01), AT), "nobody could see a difference"
    assert not places.scored("bert", Score(0.9), AT)
    assert not places.scored("bert", Score(None), AT)
    assert list(places) == ["anna"]
    assert places.take(str) == ()


def test_quiet_is_counted_from_when_the_score_fell_not_from_when_it_was_first_loud() -> None:
    places, standings = Places({}, STEPS), {}
    places.scored("anna", Score(65.0), AT)
    places.scored("anna", Score(45.0), AT + 1000)
    places.quieted(AT + 1059, str)
    apply(places.take(str), standings)
    assert standings["anna"].rung is Rung.THROTTLED
    places.quieted(AT + 1060, str)
    apply(places.take(str), standings)
    assert (standings["anna"].rung, standings["anna"].score, standings["anna"].since) == (Rung.WATCH, 45, AT + 1060)
    assert places.get("anna").rung is Rung.WATCH


@given(events(), events(), st.floats(0, 200))
def test_who_is_pardoned_stands_as_if_nothing_had_been_before(before: Events, after: Events, pause: float) -> None:
    at = max((when for *_, when in before), default=AT) + pause
    later = [(account, value, when - AT + at) for account, value, when in after]
    whole, fresh = Places({}, STEPS), Places({}, STEPS)
    standings, anew = {}, dict.fromkeys(ACCOUNTS, CLEAR.pardoned(at, "ops", "a mistake", at))
    for account, value, when in before:
        whole.scored(account, Score(value), when)
    apply(whole.take(str), standings)
    standings = {account: standings.get(account, CLEAR).pardoned(at, "ops", "a mistake", at) for account in ACCOUNTS}
    for account in ACCOUNTS:
        whole.pardoned(account, "a mistake", at)
    for places in (whole, fresh):
        for account, value, when in later:
            places.scored(account, Score(value), when)
    apply(whole.take(str), standings)
    apply(fresh.take(str), anew)
    assert known(whole.changed()) == known(fresh.changed())
    for account in ACCOUNTS:
        assert (standings[account].rung, standings[account].since) == (anew[account].rung, anew[account].since)


def test_what_a_score_earned_between_a_pardon_and_when_the_analyst_hears_of_it_is_gone_too() -> None:
    places, standings = Places({}, STEPS), {"anna": CLEAR.pardoned(AT, "ops", "a mistake", AT + 1)}
    places.scored("anna", Score(95.0), AT)
    apply(places.take(str), standings)
    assert standings["anna"].rung is Rung.BLOCKED
    places.pardoned("anna", "a mistake", AT)
    apply(places.take(str), standings)
    assert (standings["anna"].rung, standings["anna"].place(AT + 2), standings["anna"].forgiven) == (Rung.CLEAR, Rung.CLEAR, AT)


def test_a_loud_score_is_not_written_again_and_again() -> None:
    places = Places({}, STEPS)
    places.scored("anna", Score(65.0), AT)
    assert len(places.take(str)) == 1
    places.quieted(AT + 100_000, str)
    assert not places.scored("anna", Score(65.2), AT + 100_001)
    assert places.take(str) == ()


def test_a_standing_that_stayed_higher_comes_down_all_the_same() -> None:
    places = Places({"anna": Place(45, Rung.THROTTLED, AT, AT)}, STEPS)
    held = Standing(Rung.THROTTLED, AT, 65, AT + 50, hold=Hold(Rung.BLOCKED, AT, "ops", "looks odd"))
    standings = {"anna": held}
    for at in (AT + 60, AT + 110):
        places.quieted(at, str)
        apply(places.take(str), standings)
        places.found("anna", standings["anna"])
    assert (standings["anna"].rung, standings["anna"].hold) == (Rung.WATCH, held.hold), "and a person's hold is not touched"
