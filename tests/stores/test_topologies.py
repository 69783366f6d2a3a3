"""Sentinel and Cluster: all that uses the store works on both, through a failover and with a master gone."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from proxy.core.facts import Account
from proxy.core.quota import Claim, Denial, Grant, Quota, Unit
from proxy.errors import StoreError
from proxy.stores.connect import Connection
from proxy.stores.door import LIMIT, RedisDoor
from proxy.stores.keys import RedisKeys
from proxy.stores.redis_store import RedisStore
from proxy.stores.registry import Registry
from tests.stores.test_keys import record
from tests.support.claims import ANNA, BIASED, DAY, actual
from tests.support.identity import Clock
from tests.support.meters import until
from tests.support.servers import Cluster, Watched, cluster, servers, wait_for, watched

TOKENS = Quota(Unit.TOKENS, 1000, DAY, 1000)
AT = 1_900_000_000.0
PEOPLE = [Account(f"a{n}", f"organization-{n}", "free") for n in range(30)]


@pytest.fixture(params=sorted(servers()))
def sentinels(request: pytest.FixtureRequest) -> Iterator[Watched]:
    with watched(request.param) as found:
        yield found


@pytest.fixture(scope="module", params=sorted(servers()))
def three(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with cluster(request.param) as found:
        yield found


@pytest.fixture
def masters(three: Cluster) -> Cluster:
    """Empty, and whole."""
    for node in three.nodes:
        node.ask("FLUSHALL")
    wait_for(three.whole)
    return three


@asynccontextmanager
async def connected(url: str, deadline: float = 5.0) -> AsyncIterator[Connection]:
    found = Connection(url, deadline)
    try:
        yield found
    finally:
        await found.close()


def tokens(account: Account, cost: int) -> tuple[Claim, ...]:
    """With a few biases, whose ids have a key of their own in the organization's slot."""
    return (Claim(TOKENS, f"a:{account.id}", cost), Claim(BIASED, f"o:{account.organization}", 3, (1, 2, 3)))


async def biased(connection: Connection, account: Account) -> int:
    return int(await connection.client.zcard(f"sg:{{{account.organization}}}:d:o:{account.organization}/{BIASED.field}"))


async def used(connection: Connection, account: Account) -> tuple[float, float]:
    packed = await connection.client.hget(f"sg:{{{account.organization}}}:u:a:{account.id}", TOKENS.field)
    numbers = (packed or "0 0 0").split()
    return float(numbers[0]), float(numbers[2])


async def everything_works(url: str) -> None:
    """Counting, keys, register and door."""
    async with connected(url) as connection:
        store = RedisStore(connection)
        verdicts = await asyncio.gather(*(store.reserve(f"r-{each.id}", each, tokens(each, 300)) for each in PEOPLE))
        assert all(isinstance(verdict, Grant) for verdict in verdicts)
        assert isinstance(await store.extend("r-a0", PEOPLE[0], tokens(PEOPLE[0], 100), 1), Grant)
        assert isinstance(await store.reserve("r-more", PEOPLE[1], tokens(PEOPLE[1], 701)), Denial)
        await store.beat(AT)
        assert {each["request"] for each in await store.in_flight()} == {f"r-{each.id}" for each in PEOPLE}
        for each in PEOPLE:
            store.settle(f"r-{each.id}", each, tokens(each, 300), actual(120))
        assert await store.drain(10)
        assert {await used(connection, each) for each in PEOPLE} == {(120, 0)}
        assert {await biased(connection, each) for each in PEOPLE} == {3}
        await RedisStore(connection, lease=0.01).beat(AT + 1000)
        assert await connection.client.zcard("sg:active") == 0

        table = RedisKeys(connection)
        await table.put(record(0))
        mark, _ = await table.changes("")
        for number in range(1, 10):
            await table.put(record(number))
        assert (await table.changes(mark))[1] == tuple(record(number).digest for number in range(1, 10))
        assert {each.id async for each in table.all()} == {f"key_{number}" for number in range(10)}
        assert await table.change("key_3", lambda old: old) == record(3)

        registry = Registry(connection)
        assert await registry.sign("one", {"policy": "p"}, AT) == ["one"]
        assert await registry.sign("two", {"policy": "p"}, AT + 60) == ["two"]
        assert await registry.workers(AT + 60) == [{"id": "two", "policy": "p"}]
        await registry.leave("two")
        assert await registry.workers(AT + 60) == []

    door = RedisDoor(url, Clock())
    for _ in range(LIMIT.amount + 1):
        await door.failed("203.0.113.9")
    assert door.shut("203.0.113.9")
    await door.close()


def succeeds(work: Callable[[], Any]) -> Callable[[], Any]:
    """True once it raises no `StoreError`."""

    async def tried() -> bool:
        try:
            await work()
        except StoreError:
            return False
        return True

    return tried


async def callers_who_leave_are_heard(url: str) -> None:
    """At any step: while the master is found, connected or asked."""
    for steps in range(1, 90):
        async with connected(url) as connection:
            task = asyncio.ensure_future(connection.run(lambda client: client.ping()))
            for _ in range(steps):
                await asyncio.sleep(0)
            if task.cancel():
                with pytest.raises(asyncio.CancelledError):
                    await task
            else:
                assert task.result()


async def test_sentinel(sentinels: Watched) -> None:
    await everything_works(sentinels.url)
    await callers_who_leave_are_heard(sentinels.url)
    async with connected(sentinels.url, 2.0) as connection:
        store = RedisStore(connection)
        for number in range(3):
            await store.reserve(f"before-{number}", ANNA, tokens(ANNA, 100))
        old = sentinels.master()
        assert old is not None

        # Two sentinels of three are enough to find the master: one hangs, so that not even a refusal comes back.
        sentinels.sentinels[0].hang()
        async with connected(sentinels.url, 2.0) as fresh:
            await until(succeeds(lambda: RedisStore(fresh).reserve("fresh", ANNA, tokens(ANNA, 100))), bool)
        await callers_who_leave_are_heard(sentinels.url)
        sentinels.sentinels[0].resume()

        # A planned failover: for ten seconds the old master does not know yet, and would take writes that are then lost.
        await until(lambda: _in_step(old, 2), bool)
        await until(lambda: _failed_over(sentinels), bool)
        await until(lambda: _master(sentinels), lambda master: master not in {None, old})
        await until(succeeds(lambda: store.beat(AT)), bool)
        await until(succeeds(lambda: store.reserve("between", ANNA, tokens(ANNA, 100))), bool)
        for number in range(3):
            store.settle(f"before-{number}", ANNA, tokens(ANNA, 100), actual(10))
        assert await store.drain(10)

        # And one that was not planned.
        second = sentinels.master()
        assert second is not None
        await until(lambda: _in_step(second, 1), bool)
        old.kill()  # so soon, it might be chosen again
        second.kill()
        assert isinstance(await until(lambda: _reserved(store, "after"), bool), Grant)
        for name in ("fresh", "between", "after"):
            store.settle(name, ANNA, tokens(ANNA, 100), actual(10))
        assert await store.drain(10)
        assert (await used(connection, ANNA))[0] == 60


async def _reserved(store: RedisStore, request: str) -> Grant | Denial | None:
    try:
        return await store.reserve(request, ANNA, tokens(ANNA, 100))
    except StoreError:
        return None


async def _failed_over(sentinels: Watched) -> bool:
    try:
        return sentinels.sentinels[1].ask("SENTINEL", "FAILOVER", "mymaster") is not None
    except Exception as error:  # noqa: BLE001 (it says INPROG or NOGOODSLAVE until it may)
        return "INPROG" in str(error)


async def _master(sentinels: Watched) -> Any:
    return await asyncio.to_thread(sentinels.master)


async def _in_step(master: Any, replicas: int) -> bool:
    """Have so many replicas all that it has?"""
    said = master.ask("INFO", "replication")
    return sum(said.get(f"slave{n}", {}).get("offset", -1) >= said["master_repl_offset"] for n in range(2)) >= replicas


async def test_cluster(masters: Cluster) -> None:
    await everything_works(masters.url)
    await callers_who_leave_are_heard(masters.url)


async def test_a_cluster_without_one_master_serves_the_others(masters: Cluster) -> None:
    async with connected(masters.url) as connection:
        store = RedisStore(connection)
        held = {node.port: [each for each in PEOPLE if masters.node_of(each.organization) is node] for node in masters.nodes}
        gone = masters.nodes[1]
        assert all(len(each) > 2 for each in held.values())
        await asyncio.gather(*(store.reserve(f"r-{each.id}", each, tokens(each, 100)) for each in PEOPLE))
        gone.kill()
        for each in PEOPLE:
            store.settle(f"r-{each.id}", each, tokens(each, 100), actual(40))
        for turn in range(5):
            for each in PEOPLE:
                if each in held[gone.port]:
                    with pytest.raises(StoreError):
                        await store.reserve(f"{turn}-{each.id}", each, tokens(each, 1))
                else:
                    assert isinstance(await store.reserve(f"{turn}-{each.id}", each, tokens(each, 1)), Grant)

        async def pending() -> int:
            await store.flush()
            return store.pending

        await until(pending, lambda count: count == len(held[gone.port]))
        await until(lambda: _all_at_once(store, [each for each in PEOPLE if each not in held[gone.port]]), bool)
        gone.start()
        await until(pending, lambda count: count == 0)
        assert {await used(connection, each) for each in held[gone.port]} == {(40, 0)}
        for each in PEOPLE:
            assert isinstance(await store.reserve(f"again-{each.id}", each, tokens(each, 1)), Grant)


async def _all_at_once(store: RedisStore, people: list[Account]) -> bool:
    """Others that fail beside them do not disturb those whose master lives."""
    others = [each for each in PEOPLE if each not in people]
    work = [store.reserve(f"x-{each.id}", each, tokens(each, 1)) for each in (*people, *others)]
    verdicts = await asyncio.gather(*work, return_exceptions=True)
    return all(isinstance(verdict, Grant) for verdict in verdicts[: len(people)])


async def test_a_cluster_that_is_all_gone_is_a_store_error(masters: Cluster) -> None:
    async with connected(masters.url) as connection:
        store, registry = RedisStore(connection), Registry(connection)
        await store.reserve("r1", ANNA, tokens(ANNA, 100))
        for node in masters.nodes:
            node.kill()
        store.settle("r1", ANNA, tokens(ANNA, 100), actual(10))
        for work in (store.reserve("r2", ANNA, tokens(ANNA, 1)), store.beat(AT), registry.sign("a", {}, AT), store.in_flight()):
            with pytest.raises(StoreError):
                await work
        assert not await store.flush()
        for node in masters.nodes:
            node.start()
        assert await store.drain(15)
        assert await until(lambda: _reserved(store, "r3"), bool)
