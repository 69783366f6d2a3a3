"""The small world that tests borrow: what it promises them."""

from collections import Counter
from pathlib import Path

import pytest

from tests.support.worlds import MEMBERS, PAID, observations, small_trace, small_world


@pytest.mark.parametrize("seed", [1, 7, 8])
def test_twelve_accounts_act_as_one_among_look_alikes(seed: int) -> None:
    world = small_world(seed)
    people = {each.person.account: each.person for each in world.exchanges}
    assert len(world.members) == MEMBERS
    assert len(people) <= 60
    assert {people[account].payment for account in world.members} == {PAID}
    assert PAID not in {people[account].payment for account in world.honest}
    assert len({people[account].organization for account in world.members}) == MEMBERS
    # The analysis compares with a population: enough accounts have shown enough.
    openings = Counter(each.person.account for each in world.exchanges if len(each.prompt.messages) == 1)
    assert sum(count >= 3 for count in openings.values()) >= 50


def test_one_template_and_complementary_items() -> None:
    world = small_world()
    asked = [(each.prompt.system, each.prompt.messages[0].text) for each in world.exchanges if each.extract]
    assert len(set(asked)) == len(asked) > 200
    system, first = asked[0]
    shared = set(first.split("\n")[:-1]) or {system}
    assert all(shared <= {*text.split("\n"), system} for system, text in asked)


def test_it_is_the_same_each_time_and_on_disk(tmp_path: Path) -> None:
    assert list(small_world().lines()) == list(small_world().lines())
    assert small_trace(tmp_path / "one").read_bytes() == small_trace(tmp_path / "two").read_bytes()


def test_what_is_observed_is_the_same_world_in_hashes() -> None:
    world = small_world(days=2)
    seen = list(observations(world))
    assert [each.at for each in seen] == [exchange.at for exchange in world.exchanges]
    assert [each.account for each in seen] == [exchange.person.account for exchange in world.exchanges]
    members = [each for each in seen if each.account in world.members]
    assert len({each.payment for each in members}) == 1
    assert all(each.opening and each.sketch for each in members)
    assert len({each.organization for each in members}) == MEMBERS
