"""The stream of observations, from the writing side: with the settlements, once, bounded, on a cluster, and after the store was away."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from proxy.core.facts import Account
from proxy.errors import StoreError
from proxy.learning.codec import decode
from proxy.learning.observation import Observation
from proxy.stores import redis_store
from proxy.stores import stream as outgoing
from proxy.stores.connect import Connection
from proxy.stores.observations import stream
from proxy.stores.redis_store import RedisStore
from tests.support.analysts import seen
from tests.support.claims import ANNA, BERT, actual, claims
from tests.support.meters import until
from tests.support.servers import Cluster, Server, cluster, servers, wait_for


async def written(connection: Connection, partition: int = 0) -> list[Observation]:
    """As it was written: the reading side believes a time only within that of receipt."""
    rows = await connection.client.execute_command("XRANGE", stream(partition), "-", "+", NEVER_DECODE=True)
    return [decode(fields[b"o"]) for _, fields in rows]


async def reserved(store: RedisStore, request: str, account: Account = ANNA) -> None:
    await store.reserve(request, account, claims(account, 10))
    store.settle(request, account, claims(account, 10), actual(10))


async def test_they_are_written_with_the_settlements_in_one_trip(connection: Connection) -> None:
    store = RedisStore(connection)
    await reserved(store, "r1")
    await reserved(store, "r2", BERT)
    for number in (1, 2, 3):
        store.observe(seen(number))
    await store.flush()
    await reserved(store, "r4")
    store.observe(seen(4))
    trips = connection.trips
    assert await store.flush()
    assert connection.trips == trips + 1
    assert (store.pending, len(store.observations)) == (0, 0)
    assert await written(connection) == [seen(1), seen(2), seen(3), seen(4)]


async def test_an_account_has_one_partition_on_every_gateway(connection: Connection) -> None:
    one, other = RedisStore(connection, partitions=4), RedisStore(connection, partitions=4)
    for number in range(40):
        (one if number % 2 else other).observe(seen(number, f"account-{number % 8}"))
    assert await one.flush()
    assert await other.flush()
    found = [{each.account for each in await written(connection, partition)} for partition in range(4)]
    assert sum(map(len, found)) == len(set.union(*found)) == 8
    assert sum(bool(accounts) for accounts in found) > 1


async def test_the_loop_writes_them_where_nothing_is_settled(connection: Connection) -> None:
    store = RedisStore(connection)
    async with asyncio.TaskGroup() as group:
        loop = group.create_task(store.work())
        store.observe(seen(1))
        assert await until(lambda: written(connection), bool) == [seen(1)]
        loop.cancel()


async def test_they_gather_before_they_are_written(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settlements do not wait for them."""
    monkeypatch.setattr(redis_store, "GATHER", 1e9)
    store = RedisStore(connection)
    async with asyncio.TaskGroup() as group:
        loop = group.create_task(store.work())
        store.observe(seen(0))
        for number in range(1, 6):
            await reserved(store, f"r{number}")
            await until(lambda: _pending(store), lambda pending: not pending)
            store.observe(seen(number))
        assert len(store.observations) == 6
        trips = connection.trips
        store._have_gathered()
        assert await until(lambda: _waiting(store), lambda waiting: not waiting) == 0
        assert connection.trips == trips + 1
        loop.cancel()
    assert await written(connection) == [seen(number) for number in range(6)]


async def _pending(store: RedisStore) -> int:
    return store.pending


async def _waiting(store: RedisStore) -> int:
    return len(store.observations)


async def test_what_could_not_be_written_is_written_later_and_settlements_never_wait_for_it(connection: Connection) -> None:
    store = RedisStore(connection)
    await connection.client.set(stream(0), "no stream")
    await reserved(store, "r1")
    store.observe(seen(1))
    assert await store.flush()
    assert (store.pending, len(store.observations)) == (0, 1)
    assert not await store.flush()
    await connection.client.delete(stream(0))
    assert await store.drain(5.0)
    assert await written(connection) == [seen(1)]


async def test_a_partition_that_fails_keeps_no_other_waiting(connection: Connection) -> None:
    store = RedisStore(connection, partitions=2)
    accounts = sorted({store.observations._partition(f"a{number}"): f"a{number}" for number in range(20)}.items())
    await connection.client.set(stream(0), "no stream")
    for number in range(outgoing.BATCH + 10):
        store.observe(seen(number, accounts[0][1]))
    store.observe(seen(9999, accounts[1][1]))
    await store.flush()
    assert await store.flush()
    assert await written(connection, 1) == [seen(9999, accounts[1][1])]


async def test_while_the_store_is_away_so_many_are_kept_and_the_rest_is_counted(
    own_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "MOST_WAITING", 3)
    connection = Connection(own_server.url, 1.0)
    store = RedisStore(connection)
    own_server.kill()
    for number in range(5):
        store.observe(seen(number))
    assert not await store.flush()
    own_server.start()
    assert await store.drain(10.0)
    assert await written(connection) == [seen(2), seen(3), seen(4)]
    assert (store.observations.take_dropped(), store.observations.take_dropped()) == (2, 0)
    await connection.close()


async def test_a_stream_without_an_analyst_is_bounded(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "KEPT", 1000)
    store = RedisStore(connection)
    for number in range(3000):
        store.observe(seen(number))
    assert await store.drain(10.0)
    assert 1000 <= await connection.client.xlen(stream(0)) < 1300
    assert (await written(connection))[-1] == seen(2999)


def test_a_name_that_is_longer_than_an_observation_is_dropped_and_counted() -> None:
    queue = outgoing.Outgoing()
    queue.put(replace(seen(1), account="ж" * 600))
    assert (len(queue), queue.take_dropped()) == (0, 1)


@pytest.fixture(scope="module", params=sorted(servers()))
def three(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with cluster(request.param) as found:
        wait_for(found.whole)
        yield found


async def test_on_a_cluster_they_go_beside_the_settlements(three: Cluster) -> None:
    """Whose keys are elsewhere."""
    connection = Connection(three.url, 5.0)
    store = RedisStore(connection, partitions=3)
    for number in range(12):
        account = Account(f"a{number}", f"o{number}", "free")
        await reserved(store, f"r{number}", account)
        store.observe(seen(number, account.id))
    assert await store.flush()
    assert (store.pending, len(store.observations)) == (0, 0)
    found = [each for partition in range(3) for each in await written(connection, partition)]
    assert sorted(each.request for each in found) == sorted(f"r{number}" for number in range(12))
    await connection.close()


async def test_the_store_that_cannot_be_reached_is_no_error_of_the_exchange(own_server: Server) -> None:
    connection = Connection(own_server.url, 0.2)
    own_server.kill()
    store = RedisStore(connection)
    store.observe(seen(1))
    assert not await store.drain(0.3)
    with pytest.raises(StoreError):
        await connection.run(lambda client: client.ping())
    await connection.close()
