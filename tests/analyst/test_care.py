"""Faults in learning: what is at fault is left out, and all the rest comes to what it would have come to without it."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.analyst import analyst as analysts
from proxy.analyst import care as module
from proxy.analyst import rota as rotas
from proxy.analyst import shift as shifts
from proxy.analyst.care import Care
from proxy.analyst.rota import Rota
from proxy.core.ladder import Rung
from proxy.learning.observation import Observation
from tests.analyst.test_rota import Register, until
from tests.support.analysts import AT, CountingAnalysis, World, seen, watchful

POISON = 13


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for where, name in ((rotas, "BEAT"), (shifts, "BEAT"), (shifts, "LINGER"), (module, "FIRST_PAUSE"), (analysts, "SAVE")):
        monkeypatch.setattr(where, name, 0.001)


class Brittle(CountingAnalysis):
    """Raises in the middle of an observation that pays with `POISON`, and at the first `blind` looks."""

    blind: ClassVar[int] = 0

    def learn(self, one: Observation) -> Iterable[str]:
        found = super().learn(one)
        if one.payment == POISON:
            raise ValueError(f"a value of {one.account}")
        return found

    def look(self, at: float) -> Iterable[str]:
        if Brittle.blind:
            Brittle.blind -= 1
            self.looking = at
            raise ZeroDivisionError("secret")
        return super().look(at)


async def learned(world: World) -> dict[int, tuple[int, str]]:
    """All of `world` is learned; the troubles that there were."""
    stopping = asyncio.Event()

    def clock() -> float:
        world.at += 0.001
        return world.at

    rota = Rota(Register().of("one"), lambda *_: world.ports(), Brittle.restored, clock, watchful())
    running = asyncio.ensure_future(rota.run(1, stopping, dict))
    await until(lambda: world.memory.mark == world.entries[-1].mark)
    troubles = rota.troubles
    stopping.set()
    await running
    return troubles


def picture(world: World) -> tuple[object, ...]:
    return replace(world.memory, keep="", mark=""), world.standings, world.scores, world.campaigns, world.moments


@given(st.lists(st.tuples(st.sampled_from(["anna", "bert", "carla"]), st.booleans()), min_size=1, max_size=25), st.integers(1, 9))
@settings(max_examples=25, deadline=None)
def test_what_is_poisoned_is_as_if_it_had_never_been_observed(some: list[tuple[str, bool]], most: int) -> None:
    one, other = World(), World()
    observations = [seen(n, account, payment=POISON if bad else n % 2) for n, (account, bad) in enumerate(some)]
    one.add(*observations, seen(99))
    other.add(*(each for each in observations if each.payment != POISON), seen(99))
    original, analysts.MOST = analysts.MOST, most
    try:
        troubles = asyncio.run(learned(one))
        asyncio.run(learned(other))
    finally:
        analysts.MOST = original
    assert picture(one) == picture(other)
    bad = sum(each.payment == POISON for each in observations)
    assert troubles.get(0, (0, ""))[0] == one.counted["analyst_failures:observation"] == bad, "each is found once"


async def test_it_is_told_once_by_its_reference_and_without_a_value(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.add(*(seen(n) for n in range(4)), seen(4, "bert", payment=POISON), *(seen(n) for n in range(5, 9)))
    troubles = await learned(world)
    (told,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "(request r4): ValueError at test_care.py" in told.getMessage()
    assert "bert" not in told.getMessage()
    assert troubles == {0: (1, told.getMessage())}
    assert world.standings["anna"].rung is Rung.THROTTLED
    assert world.counted["set_aside"] >= 1


async def test_a_look_that_fails_is_put_off_and_the_observations_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Brittle, "blind", 1)
    world = World()
    world.memory = replace(world.memory, policy="another", mark="0-0")  # so that it looks when it begins
    world.add(*(seen(n) for n in range(4)))
    troubles = await learned(world)
    assert "a look at all accounts failed and is put off" in troubles[0][1]
    assert "ZeroDivisionError" in troubles[0][1]
    assert "secret" not in troubles[0][1]
    assert (world.counted["analyst_failures:look"], world.standings["anna"].rung) == (1, Rung.WATCH)


async def test_whatever_else_fails_is_tried_again_and_what_stands_stays(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.add(*(seen(n) for n in range(4)))
    await learned(world)
    world.add(seen(5))
    world.failing = {"load": RuntimeError("a bug")}
    troubles = await learned(world)
    assert troubles[0][0] == 1
    assert "learning fails and is tried again; standings stay as they are" in caplog.text
    assert world.standings["anna"].rung is Rung.WATCH


def test_each_pause_is_longer_than_the_last_up_to_a_minute_and_short_again_when_all_is_well() -> None:
    care = Care(3600.0)
    pauses = [care.pause() for _ in range(20)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == module.LONGEST_PAUSE
    care.went_well()
    assert care.pause() == pauses[0]


def test_no_look_before_the_next_interval() -> None:
    care = Care(3600.0)
    assert care.failed(ValueError(), AT) == "look"
    assert care.not_before == AT + 3600.0
