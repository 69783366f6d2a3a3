"""One partition's learning, without a store: what counts, what is said, and that a checkpoint goes on where it was made."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.analyst import learner as module
from proxy.analyst.care import Care
from proxy.analyst.learner import Learner
from proxy.analyst.records import About, Checkpoint, Entry, Place, Word
from proxy.core.ladder import Rung
from proxy.core.risk import Risk
from proxy.learning.campaign import Verdict
from tests.support.analysts import AT, STEPS, CountingAnalysis, known, seen


def learner(loaded: Checkpoint | None = None, recent: tuple[Entry, ...] = ()) -> Learner:
    loaded = loaded or Checkpoint()
    profiles = {account: packed for account, packed in loaded.profiles.items() if packed is not None}
    return Learner(CountingAnalysis.restored(Risk(), loaded.rest, profiles.items()), loaded, recent, STEPS, Care(3600.0))


def entries(*accounts: str) -> list[Entry]:
    return [Entry(f"{number}-0", seen(number, account)) for number, account in enumerate(accounts, 1)]


def test_what_comes_twice_counts_once() -> None:
    found, some = learner(), entries("anna", "bert")
    found.learn([*some, Entry("9-0", some[0].seen), Entry("10-0", None)])
    assert found.analysis.total == 2
    assert found.take_results() == {"learned": 2, "repeated": 1, "unreadable": 1}
    assert found.mark == "10-0"
    assert [moment.request for moment in found.take_moments()] == ["r1", "r2"]


def test_also_over_a_restart_and_what_must_stay_in_the_stream_is_named(monkeypatch: object) -> None:
    first, some = learner(), entries("anna", "bert", "carl")
    first.learn(some)
    saved = first.checkpoint("p")
    assert saved.keep == "1-0"
    second = learner(saved, tuple(some))
    second.learn([Entry("4-0", some[1].seen)])
    assert second.analysis.total == 3
    assert second.take_results() == {"repeated": 1}


def test_memory_of_requests_is_bounded() -> None:
    found, module_recent = learner(), module.RECENT
    found.learn(Entry(f"{number}-0", seen(number, f"a{number % 7}")) for number in range(1, module_recent + 11))
    assert len(found._recent) == module_recent
    assert found.checkpoint("p").keep == "11-0"


def test_a_score_that_moved_is_recorded_with_its_reasons() -> None:
    found = learner()
    found.learn(entries(*["anna"] * 4, "bert"))
    records = found.take_records()
    assert records["anna"] is not None
    assert (records["anna"].at, records["anna"].organization, records["anna"].score.value) == (AT + 4, "o-anna", 40.0)
    assert records["anna"].readings
    assert records["anna"].links
    assert found.take_records() == {}
    (change,) = found.take_changes()
    assert (change.account, change.organization, len(change.moves)) == ("anna", "o-anna", 1)
    assert found.take_changes() == ()


def test_what_a_person_says_is_heard_once_and_in_order() -> None:
    found = learner()
    found.learn(entries(*["anna"] * 7))
    found.hear([Word("anna", Verdict.HONEST, "ops", "known", AT + 60, 3)])
    assert found.words == 3
    assert found.places.get("anna") == Place(None, Rung.THROTTLED, AT + 6, AT + 60)
    assert found.take_records() == {"anna": None}
    found.hear([Word("anna", None, "ops", "a mistake", AT + 61, 4)])
    assert found.places.get("anna").points == 70


def pardon(account: str, at: float, number: int = 1) -> Word:
    return Word(account, None, "ops", "a mistake of ours", at, number, About.PARDON)


def test_who_is_pardoned_begins_anew() -> None:
    found = learner()
    found.learn(entries(*["anna"] * 7))
    found.take_changes()
    found.hear([pardon("anna", AT + 60)])
    assert found.places.get("anna") == Place()
    assert found.take_records() == {"anna": None}
    (change,) = found.take_changes()
    assert (change.organization, change.moves[-1].pardon) == ("o-anna", True)
    assert found.checkpoint("p").profiles == {"anna": None}
    found.learn([Entry("20-0", seen(20, "anna", AT + 61))])
    assert found.places.get("anna").points == 10


def test_a_pardon_that_is_heard_again_takes_nothing_that_was_earned_since() -> None:
    """As when everything that was learned is lost, and all words are heard anew."""
    found = learner()
    found.learn([Entry(f"{n}-0", seen(n, "anna", AT + 100 + n)) for n in range(1, 8)])
    found.hear([pardon("anna", AT + 60)])
    assert found.places.get("anna").rung is Rung.THROTTLED


def test_a_block_by_hand_is_told_to_the_analysis() -> None:
    found = learner()
    found.learn(entries("anna"))
    found.hear([Word("anna", None, "ops", "it resells", AT + 60, 4, About.BLOCK)])
    assert (found.analysis.stopped, found.words) == ({"anna": AT + 60}, 4)


def test_who_has_earned_the_last_rung_is_told_to_the_analysis_at_that_very_observation() -> None:
    found = learner()
    found.learn(entries(*["anna"] * 12))
    assert found.analysis.stopped == {"anna": AT + 9}


def test_another_policy_looks_at_everybody_again() -> None:
    found = learner(Checkpoint("5-0", places={"anna": Place(45)}, profiles={"anna": b"[4.5, 0, 4]", "bert": b"[6, 0, 6]"}, rest=b"{}"))
    found.reconsider(["anna", "bert"], AT)
    assert {change.account: change.moves[-1].points for change in found.take_changes()} == {"anna": 45, "bert": 60}
    assert found.analysis.looks == 1


@given(st.lists(st.sampled_from(["anna", "bert", "carl"]), max_size=40), st.integers(0, 40), st.booleans())
def test_a_checkpoint_goes_on_where_it_was_made(accounts: list[str], cut: int, verified: bool) -> None:
    some = [Entry(f"{n}-0", seen(n, account, verified=verified and n % 3 == 0)) for n, account in enumerate(accounts, 1)]
    whole = learner()
    whole.learn(some)
    first = learner()
    first.learn(some[:cut])
    saved = first.checkpoint("p")
    second = learner(saved, tuple(some[:cut]))
    second.learn(some[cut:])
    one, other = whole.checkpoint("p"), second.checkpoint("p")
    assert (one.mark, one.rest) == (other.mark, other.rest)
    assert known(one.places) == {
        account: place for account in (*saved.places, *other.places) if (place := second.places.get(account)) != Place()
    }
    assert one.profiles == {**saved.profiles, **other.profiles}
