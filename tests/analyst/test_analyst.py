"""The loop of one partition over stores in memory: whatever fails and wherever it is killed, it comes to the same."""

import asyncio
import logging
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.analyst import analyst as module
from proxy.analyst.analyst import QUIET, SAVE, Analyst
from proxy.analyst.care import Care
from proxy.analyst.ports import TakenError
from proxy.analyst.records import Checkpoint, Word
from proxy.core.ladder import Rung, Steps
from proxy.core.policy import Policy
from proxy.core.risk import Risk
from proxy.errors import StoreError
from proxy.learning.campaign import Verdict
from tests.support.analysts import AT, STEPS, CountingAnalysis, World, seen, watchful

CALLS = ("read", "change", "save")


async def begun(world: World, policy: Policy | None = None) -> Analyst:
    found = Analyst(world.ports(), policy or watchful(), CountingAnalysis.restored, lambda: world.at, Care(3600.0))
    await found.begin()
    return found


async def saved_round(world: World, analyst: Analyst) -> None:
    world.at += SAVE + 1
    await analyst.round()


def a_world(accounts: list[str], calm: int = 1000) -> World:
    """`calm`: every so many observations, one halves its account's score. Accounts with a name of five letters pay alike."""
    world = World()
    world.add(*(seen(n, account, payment=len(account) % 2, verified=n % calm == 0) for n, account in enumerate(accounts, 1)))
    return world


def picture(world: World) -> tuple[object, ...]:
    """All that anybody can see, and all that is remembered."""
    return replace(world.memory, keep=""), world.standings, world.scores, world.campaigns, world.moments


async def test_what_was_observed_is_learned_told_and_remembered() -> None:
    world = a_world(["anna"] * 4 + ["bert"])
    analyst = await begun(world)
    assert not await analyst.round()
    assert (world.standings["anna"].rung, world.standings["anna"].score) == (Rung.WATCH, 40)
    assert "bert" not in world.standings
    assert (world.scores["bert"].score.value, world.scores["bert"].organization) == (10.0, "o-bert")
    assert world.moments["r5"].account == "bert"
    assert world.counted == {"learned": 5}
    assert world.memory == Checkpoint()
    await saved_round(world, analyst)
    assert (world.memory.mark, world.memory.policy) == ("5-0", "one")
    assert [len(campaign.members) for campaign in world.campaigns] == []
    assert analyst.accounts == 2


@given(
    st.lists(st.sampled_from(["anna", "bert", "carla", "doris"]), min_size=1, max_size=60),
    st.lists(st.tuples(st.sampled_from([*CALLS, "kill", "nothing"]), st.booleans()), max_size=15),
)
@settings(max_examples=60)
def test_whatever_fails_and_wherever_it_is_killed_it_comes_to_the_same(accounts: list[str], faults: list[tuple[str, bool]]) -> None:
    async def uninterrupted() -> World:
        world = a_world(accounts, 5)
        analyst = await begun(world)
        while await analyst.round():
            await analyst.save()
        await analyst.end()
        return world

    async def interrupted() -> World:
        world = a_world(accounts, 5)
        analyst = await begun(world)
        for fault, save in faults:
            world.failing = {fault: StoreError("away")}
            if fault == "kill":
                analyst = await begun(world)
            world.at += SAVE + 1 if save else 0.0
            try:
                await analyst.round()
            except StoreError:
                continue
        world.failing = {}
        while await analyst.round():
            pass
        await analyst.end()
        return world

    original, module.MOST = module.MOST, 7
    try:
        assert picture(asyncio.run(interrupted())) == picture(asyncio.run(uninterrupted()))
    finally:
        module.MOST = original


async def test_a_checkpoint_whose_answer_was_lost_is_written_again_before_the_next() -> None:
    world = a_world(["anna"] * 3)
    analyst = await begun(world)
    world.failing = {"save": StoreError("no answer")}
    with pytest.raises(StoreError):
        await saved_round(world, analyst)
    world.add(seen(90), seen(91))
    await analyst.round()
    assert world.memory.mark == "3-0"
    await analyst.end()
    assert world.memory.mark == "5-0"
    assert CountingAnalysis.restored(Risk(), world.memory.rest, ()).total == 5


async def test_one_that_was_paused_writes_nothing_over_its_successor() -> None:
    world = a_world(["anna"] * 3)
    paused = await begun(world)
    await paused.round()
    world.ownership = 2
    world.add(seen(50), seen(51))
    successor = await begun(world)
    await saved_round(world, successor)
    before = world.memory
    with pytest.raises(TakenError):
        await saved_round(world, paused)
    assert world.memory is before


async def test_who_is_quiet_steps_down_one_rung_at_a_time_but_not_before_all_is_read() -> None:
    world = a_world(["anna"] * 6)
    analyst = await begun(world)
    await analyst.round()
    assert world.standings["anna"].rung is Rung.THROTTLED
    world.words = [Word("anna", Verdict.HONEST, "ops", "a customer of ours", AT + 100, 1)]
    world.at = AT + 100
    await analyst.round()
    assert world.standings["anna"].rung is Rung.THROTTLED, "the quiet begins now"
    world.at += STEPS.after + QUIET
    await analyst.round()
    assert world.standings["anna"].rung is Rung.WATCH
    world.at += STEPS.after + QUIET
    await analyst.round()
    assert world.standings["anna"].rung is Rung.CLEAR
    writes = world.writes
    world.at += 10 * STEPS.after
    await analyst.round()
    assert world.writes == writes


async def test_without_traffic_the_population_is_looked_at_all_the_same() -> None:
    world = a_world(["anna"])
    analyst = await begun(world, watchful(risk=Risk(on=True, every=100.0)))
    await analyst.round()
    assert analyst.learner.analysis.looks == 0
    world.at += 101 + QUIET
    await analyst.round()
    assert analyst.learner.analysis.looks == 1


async def test_another_policy_counts_from_where_the_last_one_was() -> None:
    world = a_world(["anna"] * 3)
    first = await begun(world)
    await first.round()
    await first.end()
    assert world.standings == {}
    strict = Steps({Rung.DEGRADED: 20})
    await (await begun(world)).round()
    assert world.standings == {}, "by the same policy nothing is looked at again"
    await (await begun(world, watchful(strict, digest="two"))).round()
    assert world.standings["anna"].rung is Rung.DEGRADED


async def test_a_gap_in_the_stream_is_told(caplog: pytest.LogCaptureFixture) -> None:
    world = a_world(["anna"] * 5)
    analyst = await begun(world)
    await saved_round(world, analyst)
    await begun(world)
    assert caplog.messages == []
    world.add(seen(70))
    world.entries = world.entries[5:]
    again = await begun(world)
    assert caplog.messages == ["the stream was trimmed past the last checkpoint: what was observed in between may be lost"]
    await again.round()
    assert again.learner.analysis.total == 6


async def test_a_checkpoint_that_cannot_be_read_is_a_new_beginning(caplog: pytest.LogCaptureFixture) -> None:
    world = a_world(["anna"] * 5)
    world.memory = Checkpoint("3-0", rest=b"{torn", profiles={"anna": b"torn", "bert": b"torn"}, policy="one")
    analyst = await begun(world)
    await saved_round(world, analyst)
    assert analyst.learner.analysis.total == 2
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert list(world.memory.profiles) == ["anna"]
    assert (await begun(world)).learner.analysis.total == 2


async def test_without_anything_new_nothing_is_written() -> None:
    world = a_world(["anna"] * 5)
    analyst = await begun(world)
    await saved_round(world, analyst)
    before = world.memory
    await saved_round(world, analyst)
    assert world.memory is before


async def test_lag_is_the_age_of_the_oldest_when_all_was_told() -> None:
    world = World(at=100.0)
    world.add(*(seen(n) for n in range(3)))
    world.entries = [replace(entry, mark=f"{95_000 + n}-0") for n, entry in enumerate(world.entries)]
    analyst = await begun(world)
    await analyst.round()
    assert analyst.lag == pytest.approx(5.0)
    await analyst.round()
    assert analyst.lag == 0.0
