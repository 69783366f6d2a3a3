"""Who owns a partition, in a real store."""

import pytest

from proxy.errors import StoreError
from proxy.stores.connect import Connection
from proxy.stores.leases import SAYS, RedisLeases, owner_key
from tests.support.servers import Server, wait_for


async def test_one_owner_at_a_time_and_each_ownership_has_a_higher_number(connection: Connection) -> None:
    first, second = RedisLeases(connection, "one"), RedisLeases(connection, "two")
    assert (await first.acquire(0), await second.acquire(0), await second.acquire(1)) == (1, 0, 1)
    assert await first.renew(0, 1)
    assert not await second.renew(0, 1)
    await second.release(0, 7)
    assert await second.acquire(0) == 0, "only the owner gives it back"
    await first.release(0, 1)
    assert await second.acquire(0) == 2
    assert not await first.renew(0, 1)
    await first.release(0, 1)
    assert await second.renew(0, 2)


async def test_one_that_was_started_again_need_not_wait_and_the_paused_one_is_out(connection: Connection) -> None:
    before, again = RedisLeases(connection, "one"), RedisLeases(connection, "one")
    assert (await before.acquire(0), await again.acquire(0)) == (1, 2)
    assert not await before.renew(0, 1)
    await before.release(0, 1)
    assert await again.renew(0, 2)


async def test_a_lease_ends_by_itself_and_may_be_renewed_until_somebody_takes_it(connection: Connection, store_server: Server) -> None:
    first, second = RedisLeases(connection, "one", lease=0.05), RedisLeases(connection, "two")
    assert await first.acquire(0) == 1
    wait_for(lambda: not store_server.ask("EXISTS", owner_key(0)))
    assert await first.renew(0, 1)
    wait_for(lambda: not store_server.ask("EXISTS", owner_key(0)))
    assert await second.acquire(0) == 2
    assert not await first.renew(0, 1)


async def test_a_number_that_a_failover_took_back_does_not_make_two_owners(connection: Connection) -> None:
    first, second = RedisLeases(connection, "one"), RedisLeases(connection, "two")
    assert await first.acquire(0) == 1
    await connection.client.flushall()
    assert await second.acquire(0) == 1
    assert not await first.renew(0, 1)


async def test_analysts_are_counted_and_forgotten(connection: Connection) -> None:
    first, second = RedisLeases(connection, "one"), RedisLeases(connection, "two")
    assert await first.sign({"lag": 0.5}) == 1
    assert await second.sign({}) == 2
    assert await connection.client.hget(SAYS, "one") == '{"lag":0.5}'
    await second.leave()
    assert await first.sign({}) == 1


async def test_a_lost_store_is_a_store_error(own_server: Server) -> None:
    connection = Connection(own_server.url, 1.0)
    leases = RedisLeases(connection, "one")
    own_server.kill()
    for work in (leases.sign({}), leases.leave(), leases.acquire(0), leases.renew(0, 1), leases.release(0, 1)):
        with pytest.raises(StoreError):
            await work
    await connection.close()
