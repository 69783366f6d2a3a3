import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.learning.packing import pack, unpack
from proxy.learning.population import FULL, Population
from proxy.learning.profile import HOURS, MOST_GRAMS
from tests.support.crowds import BEGIN, HOUR, Actor

SKETCHES = st.lists(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=16, unique=True).map(tuple), max_size=40)


def holders(population: Population) -> np.ndarray:
    return population._holders


@settings(max_examples=40)
@given(SKETCHES, st.integers(1, 5))
def test_what_is_counted_can_be_counted_again_from_the_profiles(sketches: list[tuple[int, ...]], accounts: int) -> None:
    population = Population(3)
    for turn, sketch in enumerate(sketches):
        who = Actor(f"a{turn % accounts}", 1, turn % 7)
        population.opening(population.meet(who.asks(BEGIN + turn, sketch), vouched=False), sketch)
        if (quiet := population.quietest()) is not None:
            population.forget(quiet)
    again = Population(3)
    for profile in sorted((unpack(pack(profile)) for profile in population), key=lambda profile: profile.turn):
        again.restore(profile)
    assert list(again.profiles) == list(population.profiles)
    assert np.array_equal(holders(again), holders(population))
    assert all(again.users(address) == population.users(address) for address in range(8))
    assert all(pack(again.profiles[name]) == pack(profile) for name, profile in population.profiles.items())


@settings(max_examples=20)
@given(SKETCHES)
def test_grams_are_counted_by_conversation(sketches: list[tuple[int, ...]]) -> None:
    population, who = Population(3), Actor("ann", 1, 1)
    for turn, sketch in enumerate(sketches):
        population.opening(population.meet(who.asks(BEGIN + turn, sketch), vouched=False), sketch)
    if sketches:
        profile = population.profiles["ann"]
        expected = {piece: sum(piece in sketch for sketch in sketches) for sketch in sketches for piece in sketch}
        assert dict(zip(profile.grams.tolist(), profile.counts.tolist(), strict=True)) == expected


def test_an_account_that_sends_without_end_stays_small() -> None:
    population, who = Population(3), Actor("ann", 1, 1)
    template = (1, 2, 3)
    for turn in range(400):
        sketch = (*template, *range(1000 + turn * 13, 1013 + turn * 13))
        profile = population.meet(Actor("ann", 1, turn).asks(BEGIN + turn * HOUR, sketch, model=f"m{turn}"), vouched=False)
        population.opening(profile, sketch)
    assert len(profile.grams) <= MOST_GRAMS
    assert profile.dropped > 0
    assert set(template) <= set(profile.grams.tolist()), "what recurs is kept"
    assert len(pack(profile)) < 6 * 1024
    assert profile.hours.bit_length() <= HOURS
    assert who.account == profile.account


def test_what_everybody_has_sent_is_known() -> None:
    population = Population(10)
    for turn, (who, sketch) in enumerate([("ann", (1, 2)), ("bob", (1, 2)), ("bob", (3, 4)), ("ann", (3, 5))]):
        population.opening(population.meet(Actor(who, 1, 1).asks(BEGIN + turn, sketch), vouched=False), sketch)
    assert population.profiles["ann"].reused == 0
    assert population.profiles["bob"].reused == 0.5


def test_hours_come_back_and_old_ones_are_forgotten() -> None:
    population, hour = Population(10), int(BEGIN // HOUR)
    for turn in (0, 1, 5, HOURS + 2):
        profile = population.meet(Actor("ann", 1, 1).asks(BEGIN + turn * HOUR, ()), vouched=False)
    assert {profile.hour + place for place in range(HOURS) if profile.hours >> place & 1} == {hour + 5, hour + HOURS + 2}


def test_a_slot_that_is_full_stays_full() -> None:
    population = Population(10)
    population._holders[[7, 8]] = FULL, FULL - 1
    population.opening(population.meet(Actor("ann", 1, 1).asks(BEGIN, (7, 8)), vouched=False), (7, 8))
    population.forget("ann")
    assert population._holders[[7, 8]].tolist() == [FULL, FULL]
