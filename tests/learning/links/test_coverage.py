"""A list that is dealt out is told from items that each brought, and from a list that everybody goes through."""

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.learning.census import Census
from proxy.learning.links import Group, View
from proxy.learning.links.coverage import FAR, dealt, dispersion
from proxy.learning.population import Population
from tests.support.crowds import BEGIN, Actor

ACCOUNTS, EACH = 8, 60
SEEDS = st.integers(0, 1 << 30)


def group(asked: Sequence[Sequence[int]]) -> Group:
    """One group; `asked`: of each account the pieces of its openings, one in each."""
    population = Population(100)
    for number, pieces in enumerate(asked):
        actor = Actor(f"ann{number}", 1, 1)
        for at, piece in enumerate(pieces):
            seen = actor.asks(BEGIN + 60 * at, (piece,))
            population.opening(population.meet(seen, vouched=False), seen.sketch)
    census = Census(population, 1)
    places = tuple(range(len(census.profiles)))
    return Group(View.TEMPLATES, census, places, np.ones(len(places)))


@settings(max_examples=20)
@given(seed=SEEDS)
def test_one_list_that_is_dealt_out_comes_back_to_anyone(seed: int) -> None:
    chance = Random(seed)
    cards = [piece for piece in range(1, ACCOUNTS * EACH // 4 + 1) for _ in range(4)]
    chance.shuffle(cards)
    index, pieces = dispersion(group([cards[number::ACCOUNTS] for number in range(ACCOUNTS)]))
    assert 0.6 < index < 1.4
    assert pieces == ACCOUNTS * EACH // 4
    assert dealt(index, pieces) > 0.4


@settings(max_examples=20)
@given(seed=SEEDS)
def test_items_of_ones_own_come_back_to_oneself(seed: int) -> None:
    chance = Random(seed)
    own = [[1000 * (number + 1) + chance.randrange(EACH // 3) for _ in range(EACH)] for number in range(ACCOUNTS)]
    index, pieces = dispersion(group(own))
    assert index > FAR
    assert dealt(index, pieces) == 0


@settings(max_examples=20)
@given(seed=SEEDS)
def test_who_goes_through_one_list_asks_each_item_once(seed: int) -> None:
    chance = Random(seed)
    index, pieces = dispersion(group([chance.sample(range(1, EACH + 1), EACH) for _ in range(ACCOUNTS)]))
    assert index == 0
    assert dealt(index, pieces) == 0


def test_of_few_pieces_little_is_said() -> None:
    assert dispersion(group([[1, 2, 3], [4, 5, 6]])) == (1.0, 0)
    assert dealt(1.0, 0) == 0
    assert dealt(1.0, 5) < dealt(1.0, 50) < 1


@given(index=st.floats(0, 100), pieces=st.integers(0, 10_000))
def test_it_is_a_share_and_the_same_both_ways(index: float, pieces: int) -> None:
    assert 0 <= dealt(index, pieces) <= 1
    if index > 0.01:
        assert dealt(index, pieces) == pytest.approx(dealt(1 / index, pieces), abs=1e-9)
