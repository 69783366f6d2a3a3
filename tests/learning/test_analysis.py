from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.risk import Risk, Term, Vouched
from proxy.learning.analysis import Analysis
from proxy.learning.campaign import Verdict
from proxy.learning.census import Census
from proxy.learning.kinship import Kinship
from proxy.learning.observation import BEHIND, Bias, Observation
from tests.support.crowds import (
    BEGIN,
    HOUR,
    Actor,
    chatting,
    harvesting,
    in_order,
    infested,
    learned,
    paid_together,
    pieces,
    strangers,
)  # fmt: skip

RISK = Risk(on=True)


@pytest.fixture(scope="module")
def crowd() -> list[Observation]:
    return infested()


@pytest.fixture(scope="module")
def known(crowd: list[Observation]) -> Analysis:
    return learned(Analysis(RISK), crowd)


def test_a_campaign_is_found_and_nobody_else_is(known: Analysis) -> None:
    (campaign,) = known.campaigns()
    assert {member.account for member in campaign.members} == {f"bad{i}" for i in range(12)}
    assert all((known.score(f"bad{i}").value or 0) >= 60 for i in range(12))
    assert all((known.score(f"ann{i}").value or 0) == 0 for i in range(120))


def test_a_campaign_says_what_it_rests_on(known: Analysis) -> None:
    (campaign,) = known.campaigns()
    assert {reading.name for reading in campaign.readings} >= {"shared_payment", "synchrony"}
    assert "means of payment" in campaign.words
    assert campaign.exchanges == 12 * 24
    assert campaign.output == 12 * 24 * 100
    assert campaign.models == (("m1", 12 * 24),)
    assert campaign.payments
    assert campaign.skeleton
    assert BEGIN < campaign.first_seen <= campaign.seen


def test_shares_add_up_and_the_largest_comes_first(known: Analysis) -> None:
    score = known.score("bad3")
    assert sum(share.points for share in score.shares) == pytest.approx(score.value)
    assert [share.points for share in score.shares] == sorted((share.points for share in score.shares), reverse=True)
    assert all(share.why for share in score.shares)
    assert score.because.startswith(f"one of 12 accounts of campaign {score.campaign}")


def test_too_little_is_not_enough_to_say() -> None:
    analysis = learned(Analysis(RISK), [Actor("new", 1, 1).asks(BEGIN, (1, 2, 3))])
    assert analysis.score("new").value is None
    assert analysis.score("never seen").value is None
    assert analysis.score("new").because == "not enough to say"


def test_a_newcomer_is_known_within_its_first_few_exchanges(crowd: list[Observation]) -> None:
    """By what only the campaign sends, long before the next look."""
    chance, analysis = Random(1), learned(Analysis(RISK), crowd)
    (campaign,) = analysis.campaigns()
    newcomer = Actor("newcomer", 1, 2)
    at = crowd[-1].at
    for turn in range(4):
        list(analysis.learn(newcomer.asks(at + turn, (*campaign.skeleton, *pieces(chance, 8)))))
    assert (analysis.score("newcomer").value or 0) >= 60
    assert next(member.how for member in analysis.campaigns()[0].members if member.account == "newcomer") == "skeleton"


def test_vouched_accounts_are_never_members() -> None:
    chance = Random(3)
    bad = [
        Actor(a.account, a.payment, a.address, a.software, "", "enterprise", verified=True)
        for a in paid_together(strangers(chance, 12, "bad"))
    ]
    seen = in_order(chatting(chance, strangers(chance, 120), 48), harvesting(chance, bad, 48))
    analysis = learned(Analysis(Risk(on=True, vouched=Vouched(frozenset({"enterprise"})))), seen)
    assert analysis.campaigns() == ()


def test_one_customer_is_no_campaign() -> None:
    """A company's own accounts act as one, openly."""
    chance = Random(4)
    firm = [Actor(a.account, a.payment, a.address, a.software, "acme") for a in paid_together(strangers(chance, 12, "acme"))]
    seen = in_order(chatting(chance, strangers(chance, 120), 48), harvesting(chance, firm, 48))
    assert learned(Analysis(RISK), seen).campaigns() == ()


@given(st.lists(st.floats(0, 4e9), min_size=1, max_size=30), st.floats(1e9, 2e9))
def test_whatever_time_an_observation_says_the_next_look_is_never_far_off(said: list[float], now: float) -> None:
    analysis, one = Analysis(RISK), Actor("ann", 1, 1)
    for at in [*said, now]:
        list(analysis.learn(one.asks(at, (1, 2, 3))))
    assert 0 < analysis.state.next <= now + 2 * RISK.every


def test_who_is_pardoned_is_judged_by_what_comes_after_only(crowd: list[Observation]) -> None:
    analysis, at = learned(Analysis(RISK), crowd), crowd[-1].at
    (campaign,) = analysis.campaigns()
    analysis.blocked("bad1", at)
    assert list(analysis.pardon("bad1", at)) == ["bad1"]
    assert analysis.score("bad1").value is None
    assert not analysis.state.blocked
    list(analysis.learn(next(seen for seen in crowd if seen.account == "bad1")))  # received late
    assert "bad1" not in analysis.population.profiles
    list(analysis.look(at + HOUR))
    assert "bad1" not in {member.account for member in analysis.campaigns()[0].members}
    for turn in range(4):
        list(analysis.learn(Actor("bad1", 1, 2).asks(at + 2 * HOUR + turn, (*campaign.skeleton, *pieces(Random(1), 8)))))
    assert (analysis.score("bad1").value or 0) >= 60, "it goes on as before"
    assert list(analysis.pardon("bad1", at)) == [], "the same pardon takes no more than it did"
    assert list(analysis.pardon("never seen", at)) == []


def test_it_says_which_look_failed_which_can_be_put_off(crowd: list[Observation], monkeypatch: pytest.MonkeyPatch) -> None:
    analysis, at = learned(Analysis(RISK), crowd), crowd[-1].at
    monkeypatch.setattr("proxy.learning.analysis.look", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        analysis.look(at)
    assert analysis.looking == at
    due = analysis.state.next
    with pytest.raises(ZeroDivisionError):
        analysis.learn(Actor("ann0", 1, 1).asks(due, (1, 2, 3)))
    analysis.postpone(due + RISK.every)
    list(analysis.learn(Actor("ann0", 1, 1).asks(due + 1, (1, 2, 3))))


def test_what_is_remembered_of_pardons_is_bounded() -> None:
    analysis = Analysis(RISK)
    for day in range(5):
        analysis.pardon(f"a{day}", day * BEHIND)
        list(analysis.look(day * BEHIND + 1))
    assert set(analysis.state.pardoned) == {"a4"}
    analysis.blocked("never seen", 0.0)
    assert analysis.state.blocked == {}


def test_a_person_outranks_the_evidence(crowd: list[Observation]) -> None:
    analysis = learned(Analysis(RISK), crowd)
    (campaign,) = analysis.campaigns()
    assert set(analysis.judge(campaign.id, Verdict.HONEST, BEGIN)) == {member.account for member in campaign.members}
    assert analysis.score("bad1").value == 0
    assert "a person" in analysis.score("bad1").because
    analysis.judge(campaign.id, Verdict.CONFIRMED, BEGIN)
    assert (analysis.score("bad1").value or 0) > 90
    analysis.judge(campaign.id, None, BEGIN)
    list(analysis.judge("bad1", Verdict.HONEST, BEGIN))
    assert analysis.score("bad1").value == 0
    assert (analysis.score("bad2").value or 0) >= 60
    list(analysis.look(crowd[-1].at))
    assert "bad1" not in {member.account for member in analysis.campaigns()[0].members}


def test_evidence_fades_until_the_campaign_is_dissolved(crowd: list[Observation]) -> None:
    analysis = learned(Analysis(RISK), crowd)
    before, nothing_new = analysis.campaigns()[0], Kinship(Census(analysis.population, RISK.minimum))
    analysis.all.renew([], nothing_new, crowd[-1].at + 4 * 86400)
    assert analysis.campaigns()[0].evidence < 0.6 * before.evidence
    assert (analysis.score("bad1").value or 0) < before.score
    analysis.all.renew([], nothing_new, crowd[-1].at + 12 * 86400)
    assert analysis.campaigns() == ()
    assert (analysis.score("bad1").value or 0) == 0


def test_terms_in_shadow_are_shown_and_add_nothing(crowd: list[Observation]) -> None:
    shadowed = {name: Term(12.0, enforce=False) for name in ("shared_payment", "coverage")}
    analysis = learned(Analysis(Risk(on=True, terms=shadowed)), crowd)
    assert analysis.campaigns() == ()
    assert (analysis.score("bad1").value or 0) < 60


def test_a_weight_of_nothing_adds_nothing(crowd: list[Observation]) -> None:
    quiet = {name: Term(0.0) for name in ("shared_payment", "coverage")}
    assert learned(Analysis(Risk(on=True, terms=quiet)), crowd).campaigns() == ()


def test_a_vocabulary_that_is_read_out_is_seen_alone() -> None:
    prober, label = Actor("prober", 1, 1), Actor("label", 2, 2)
    analysis = Analysis(RISK)
    for turn in range(20):
        list(analysis.learn(prober.asks(BEGIN + turn, (turn,), bias=Bias(turn * 50, turn * 50 + 1, 50))))
        list(analysis.learn(label.asks(BEGIN + turn, (turn,), bias=Bias(11, 42, 5))))
    assert (analysis.score("prober").value or 0) >= 85
    assert analysis.score("prober").shares[0].name == "logit_sweep"
    assert (analysis.score("label").value or 0) == 0


@pytest.mark.parametrize("every", [97, 501])
def test_a_restart_changes_nothing(crowd: list[Observation], every: int) -> None:
    straight, broken, stored = Analysis(RISK), Analysis(RISK), dict[str, bytes]()
    for place, seen in enumerate(crowd):
        assert list(straight.learn(seen)) == list(broken.learn(seen))
        if place % every == 0:
            rest, changed = broken.changed()
            stored = {account: packed for account, packed in (stored | changed).items() if packed is not None}
            broken = Analysis.restored(RISK, rest, stored.values())
    assert straight.campaigns() == broken.campaigns()
    assert straight.changed()[0] == broken.changed()[0]
    assert all(straight.score(seen.account) == broken.score(seen.account) for seen in crowd)


def test_a_torn_checkpoint_is_said_so(known: Analysis) -> None:
    with pytest.raises(ValueError, match="not what was saved"):
        Analysis.restored(RISK, b"torn", [])
    with pytest.raises(ValueError, match="not a profile"):
        Analysis.restored(RISK, b"\x80", [b"torn"])


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3)), max_size=120))
def test_no_more_accounts_are_kept_than_was_said(visits: list[tuple[int, int]]) -> None:
    analysis = Analysis(RISK, accounts=10)
    for turn, (who, what) in enumerate(visits):
        list(analysis.learn(Actor(f"a{who}", who, who % 5).asks(BEGIN + turn, (what, 99))))
        assert len(analysis.population) <= 10
    latest = list(dict.fromkeys(f"a{who}" for who, _ in reversed(visits)))[:10]
    assert set(analysis.population.profiles) == set(latest)


def test_the_quietest_is_forgotten_everywhere(crowd: list[Observation]) -> None:
    analysis = learned(Analysis(RISK, accounts=140), crowd)
    chance = Random(9)
    learned(analysis, chatting(chance, strangers(chance, 140, "new"), 6, crowd[-1].at + HOUR))
    assert analysis.campaigns() == ()
    assert {account for account in analysis.population.profiles if account.startswith("bad")} == set()
    assert analysis.score("bad1").value is None


def test_nothing_is_kept_of_who_is_forgotten() -> None:
    analysis = Analysis(RISK, accounts=2)
    for turn in range(50):
        list(analysis.learn(Actor(f"a{turn}", 1, turn).asks(BEGIN + turn, (turn, 99))))
        analysis.blocked(f"a{turn}", BEGIN + turn)
    assert set(analysis.state.blocked) == set(analysis.population.profiles) == {"a48", "a49"}


def test_links_are_its_campaigns_own_strangers(known: Analysis) -> None:
    links = known.links("bad3")
    assert 0 < len(links) <= 8
    assert {account for account, _ in links} <= {f"bad{i}" for i in range(12)} - {"bad3"}
    assert [close for _, close in links] == sorted((close for _, close in links), reverse=True)
    assert all(0 < close <= 1 for _, close in links)
    assert known.links("ann3") == known.links("never seen") == ()
