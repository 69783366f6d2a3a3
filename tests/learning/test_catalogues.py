"""One contract for every signal and every link: a new one is tested by standing in its catalogue."""

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core import risk
from proxy.learning.census import Census
from proxy.learning.links import LINKS, Group, Link, View
from proxy.learning.observation import Bias, Observation
from proxy.learning.population import Population
from proxy.learning.profile import Profile
from proxy.learning.signals import SIGNALS, Signal
from tests.support.crowds import BEGIN, Actor, chatting, harvesting, in_order, paid_together, strangers

IDS = st.integers(0, 1 << 18)
SEEN = st.builds(
    Observation, st.floats(BEGIN, BEGIN + 1e6), st.just("r"), st.just("ann"), st.just("ann"), model=st.sampled_from(["m1", "m2"]),
    opening=st.booleans(), sketch=st.lists(st.integers(0, 2**32 - 1), max_size=16, unique=True).map(tuple), forced=st.booleans(),
    cap=st.integers(0, 4000), output=st.integers(0, 4000), reasoning=st.integers(0, 4000), foreign=st.integers(0, 3),
    bias=st.none() | st.builds(Bias, IDS, IDS, st.integers(1, 300)),
)  # fmt: skip


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
@settings(max_examples=30)
@given(seen=st.lists(SEEN, max_size=60))
def test_a_signal_keeps_little_and_says_why(signal: Signal, seen: list[Observation]) -> None:
    population, kept = Population(10), list[int]()
    profile = Profile.of(Actor("ann", 1, 1).asks(BEGIN, ()), vouched=False)
    for each in sorted(seen, key=lambda each: each.at):
        profile = population.meet(each, vouched=False)
        if each.opening:
            population.opening(profile, each.sketch)
        signal.learn(kept, each)
    nats, why = signal.measure(kept, profile)
    assert math.isfinite(nats)
    assert not nats or (why and why == why.strip())
    assert len(kept) <= 128
    assert signal.measure(kept, profile) == (nats, why)
    assert signal.measure([], Profile.of(Actor("new", 1, 1).asks(BEGIN, ()), vouched=False))[0] == 0


def group(seed: int, members: int, view: View, *, campaign: bool) -> Group:
    """A crowd's accounts as one group; `campaign`: they harvest together, else each chats."""
    chance, population = Random(seed), Population(1000)
    actors = paid_together(strangers(chance, members, "bad")) if campaign else strangers(chance, members, "bad")
    acting = harvesting(chance, actors, 48, words=2) if campaign else chatting(chance, actors, 48)
    for seen in in_order(chatting(chance, strangers(chance, 60), 48), acting):
        profile = population.meet(seen, vouched=False)
        if seen.opening:
            population.opening(profile, seen.sketch)
    census = Census(population, 1)
    places = tuple(place for place, profile in enumerate(census.profiles) if profile.account.startswith("bad"))
    return Group(view, census, places, census.party[list(places)] * 0.0 + (0.5 if campaign else 0.01))


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.name)
@settings(max_examples=6)
@given(seed=st.integers(0, 99), members=st.integers(4, 20), view=st.sampled_from(View), campaign=st.booleans())
def test_a_link_is_finite_and_says_why(link: Link, seed: int, members: int, view: View, *, campaign: bool) -> None:
    found = group(seed, members, view, campaign=campaign)
    nats, why = link.measure(found)
    assert math.isfinite(nats)
    assert nats <= 0 or why
    assert link.measure(found) == (nats, why)


def test_strangers_who_chat_show_no_link() -> None:
    for view in (View.ITEMS, View.TEMPLATES):
        assert {link.name: nats for link in LINKS if (nats := link.measure(group(5, 12, view, campaign=False))[0]) > 1} == {}


@pytest.mark.parametrize(
    ("name", "view"),
    [("shared_payment", View.ITEMS), ("coverage", View.TEMPLATES), ("synchrony", View.ITEMS), ("shared_software", View.ITEMS)],
)
def test_a_campaign_shows_its_links(name: str, view: View) -> None:
    link = next(link for link in LINKS if link.name == name)
    nats, why = link.measure(group(5, 12, view, campaign=True))
    assert nats > 1
    assert any(character.isdigit() for character in why), "the counts are said"


def test_the_policy_knows_every_signal_and_link_and_no_other() -> None:
    assert {signal.name: signal.weight for signal in SIGNALS} == dict(risk.SIGNALS)
    assert {link.name: link.weight for link in LINKS} == dict(risk.LINKS)
    assert {term.name for term in (*SIGNALS, *LINKS) if term.shadow} == set(risk.IN_SHADOW)
