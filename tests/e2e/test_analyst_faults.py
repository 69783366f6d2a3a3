"""Analysts in processes of their own on real stores: killed, paused, doubled, cut off. What they learned is counted in the end."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from redis import Redis

from proxy.analyst.records import Checkpoint
from proxy.core.risk import Risk
from proxy.learning.codec import encode
from proxy.learning.observation import Bias, Observation
from proxy.stores.analyst_memory import RedisMemory
from proxy.stores.board import RedisBoard
from proxy.stores.connect import Connection
from proxy.stores.observations import stream
from proxy.stores.standings import RedisStandings
from tests.support.analysts import AT, CountingAnalysis, seen
from tests.support.servers import Server, server, servers, wait_for

ROOT = Path(__file__).parent.parent.parent
FLAGS = ("--most", "50")


@pytest.fixture(params=sorted(servers()))
def store(request: pytest.FixtureRequest) -> Iterator[Server]:
    with server(request.param) as found:
        yield found


@pytest.fixture
def one_store() -> Iterator[Server]:
    with server(min(servers())) as found:
        yield found


@asynccontextmanager
async def opened(store: Server) -> AsyncIterator[Connection]:
    connection = Connection(store.url, 5.0)
    try:
        yield connection
    finally:
        await connection.close()


@contextmanager
def analyst(store: Server, name: str, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.support.analyst_process", store.url, name, *FLAGS, *flags]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ends(process: subprocess.Popen[bytes]) -> str:
    """Stops it as its supervisor would; what it logged."""
    process.send_signal(signal.SIGTERM)
    _, logged = process.communicate(timeout=20)
    assert process.returncode == 0, logged.decode()
    return logged.decode()


def lifelike(count: int, luck: random.Random) -> list[Observation]:
    """Of accounts that ask about the same things, two of which read a vocabulary out; more than a look's time between first and last."""
    pieces = [luck.getrandbits(32) for _ in range(300)]
    return [
        seen(
            n, f"a{n % 70}", at=AT + n * 40.0, opening=True, sketch=tuple(sorted(luck.sample(pieces, 12))), turns=1, model="large",
            address=1 + n % 50, bias=Bias(n, n + 1, 60) if n % 70 < 2 else None,
        )
        for n in range(count)
    ]  # fmt: skip


def some(count: int, luck: random.Random, accounts: int = 9) -> list[Observation]:
    return [
        seen(n, f"a{luck.randrange(accounts)}", at=AT + n / 10, payment=luck.randrange(3), verified=luck.random() < 0.2)
        for n in range(count)
    ]


def total(rest: object) -> int:
    """What the simple analysis has counted."""
    assert isinstance(rest, bytes)
    return CountingAnalysis.restored(Risk(), rest, ()).total


async def append(connection: Connection, observations: list[Observation], partition: int = 0) -> None:
    async with connection.client.pipeline(transaction=False) as pipe:
        for each in observations:
            pipe.xadd(stream(partition), {"o": encode(each)})
        await pipe.execute()


async def append_recorded(connection: Connection, observations: list[Observation]) -> None:
    """As if each were received when it says it came: then the same is learned whenever that is done."""
    async with connection.client.pipeline(transaction=False) as pipe:
        for each in observations:
            pipe.xadd(stream(0), {"o": encode(each)}, id=f"{round(each.at * 1000)}-0")
        await pipe.execute()


def mark(store: Server, partition: int = 0) -> str:
    return str(store.ask("HGET", f"sg:{{analyst}}:head:{partition}", "mark"))


def last(store: Server, partition: int = 0) -> str:
    with Redis(port=store.port) as client:
        return client.xrevrange(stream(partition), count=1)[0][0].decode()


def caught_up(store: Server, partition: int = 0) -> None:
    wait_for(lambda: mark(store, partition) == last(store, partition))


async def picture(connection: Connection) -> tuple[object, ...]:
    """Everything that was learned and told, without the marks, which are times of the store."""
    found: Checkpoint = await RedisMemory(connection, 0, 0).load()
    board = RedisBoard(connection)
    standings = {account: standing async for _, account, standing in RedisStandings(connection).all()}
    scores = {account: await board.score(account) for account in found.profiles}
    return found.profiles, found.rest, found.places, standings, scores, await board.campaigns()


async def uninterrupted(kind: str, observations: list[Observation], flags: tuple[str, ...]) -> tuple[object, ...]:
    """What an analyst that nothing happens to makes of it."""
    with server(kind) as calm, analyst(calm, "calm", *flags) as process:
        async with opened(calm) as connection:
            await append_recorded(connection, observations)
            await asyncio.to_thread(caught_up, calm)
            await asyncio.to_thread(ends, process)
            found = await picture(connection)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("make", "kills", "flags"), [(some, 10, ()), (lifelike, 4, ("--real",))])
async def test_killed_at_any_moment_it_loses_nothing_and_counts_nothing_twice(
    make: Callable[[int, random.Random], list[Observation]], kills: int, flags: tuple[str, ...]
) -> None:
    luck, kind = random.Random(4), min(servers())
    observations = make(250 * kills, luck)
    with server(kind) as store:
        async with opened(store) as connection:
            for number in range(kills):
                with analyst(store, "one", *flags) as process:
                    before = mark(store)
                    await append_recorded(connection, observations[250 * number : 250 * (number + 1)])
                    if number % 3:
                        await asyncio.to_thread(wait_for, lambda before=before: mark(store) != before)
                    await asyncio.sleep(luck.random() * 0.1)
                    process.kill()
            with analyst(store, "one", *flags) as process:
                await asyncio.to_thread(caught_up, store)
                await asyncio.to_thread(ends, process)
            found = await picture(connection)
    assert found == await uninterrupted(kind, observations, flags)
    assert found[3], "somebody has moved"
    assert flags or total(found[1]) == 250 * kills


@pytest.mark.slow
async def test_an_owner_that_was_paused_does_not_undo_its_successors_work(store: Server) -> None:
    async with opened(store) as connection:
        observations = some(600, random.Random(5))
        with analyst(store, "one", "--lease", "2") as paused, analyst(store, "two", "--lease", "2") as other:
            await append(connection, observations[:200])
            await asyncio.to_thread(caught_up, store)
            owner = store.ask("GET", "sg:{analyst}:owner:0")
            first, second = (paused, other) if owner == "one" else (other, paused)
            os.kill(first.pid, signal.SIGSTOP)
            await append(connection, observations[200:400])
            await asyncio.to_thread(caught_up, store)
            assert store.ask("GET", "sg:{analyst}:owner:0") not in {owner, None}
            os.kill(first.pid, signal.SIGCONT)
            await append(connection, observations[400:])
            await asyncio.to_thread(caught_up, store)
            await asyncio.to_thread(ends, first)
            await asyncio.to_thread(ends, second)
        assert total((await RedisMemory(connection, 0, 0).load()).rest) == 600


@pytest.mark.slow
async def test_the_store_goes_and_comes_back(store: Server) -> None:
    async with opened(store) as connection:
        observations = some(400, random.Random(6))
        with analyst(store, "one") as process:
            await append(connection, observations[:200])
            await asyncio.to_thread(caught_up, store)
            store.kill()
            store.start()
            await asyncio.to_thread(wait_for, lambda: store.ask("PING") is not None)
            await append(connection, observations[200:])
            await asyncio.to_thread(caught_up, store)
            logged = await asyncio.to_thread(ends, process)
        assert logged.count("the analyst waits for the store") <= 1
        assert logged.count("the store answers the analyst again") <= 1
        assert "Traceback" not in logged
        assert total((await RedisMemory(connection, 0, 0).load()).rest) == 400


@pytest.mark.slow
async def test_what_is_delivered_twice_counts_once_also_over_a_restart(store: Server) -> None:
    async with opened(store) as connection:
        observations = some(300, random.Random(7))
        for piece in (observations[:200], observations[100:], observations):
            with analyst(store, "one") as process:
                await append(connection, piece)
                await asyncio.to_thread(caught_up, store)
                await asyncio.to_thread(ends, process)
        assert total((await RedisMemory(connection, 0, 0).load()).rest) == 300


@pytest.mark.slow
async def test_a_stream_that_was_trimmed_under_it_is_read_on_and_told(store: Server) -> None:
    async with opened(store) as connection:
        with analyst(store, "one") as process:
            await append(connection, some(100, random.Random(8)))
            await asyncio.to_thread(caught_up, store)
            await asyncio.to_thread(ends, process)
        await append(connection, [seen(n) for n in range(1000, 1100)])
        await connection.client.xtrim(stream(0), maxlen=40, approximate=False)
        with analyst(store, "one") as process:
            await asyncio.to_thread(caught_up, store)
            assert "the stream was trimmed past the last checkpoint" in await asyncio.to_thread(ends, process)
        assert total((await RedisMemory(connection, 0, 0).load()).rest) == 140


@pytest.mark.slow
async def test_several_share_the_partitions_and_one_takes_over_what_another_leaves(one_store: Server) -> None:
    store = one_store
    async with opened(store) as connection:

        def owners() -> list[str]:
            return [str(store.ask("GET", f"sg:{{analyst}}:owner:{partition}")) for partition in range(4)]

        flags = ("--partitions", "4", "--lease", "2")
        with analyst(store, "one", *flags) as first:
            await asyncio.to_thread(wait_for, lambda: owners() == ["one"] * 4)
            with analyst(store, "two", *flags) as second:
                await asyncio.to_thread(wait_for, lambda: sorted(owners()) == ["one", "one", "two", "two"])
                for partition in range(4):
                    await append(connection, [seen(n, f"p{partition}") for n in range(30)], partition)
                for partition in range(4):
                    await asyncio.to_thread(caught_up, store, partition)
                second.kill()
            await asyncio.to_thread(wait_for, lambda: owners() == ["one"] * 4)
            await asyncio.to_thread(ends, first)
        for partition in range(4):
            loaded = await RedisMemory(connection, partition, 0).load()
            assert list(loaded.profiles) == [f"p{partition}"]
        assert owners() == ["None"] * 4
