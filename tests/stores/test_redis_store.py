"""Counting in a real store: what is reserved, settled and given back, by one gateway and by several."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from itertools import count

import pytest
from redis.asyncio import Redis

from proxy.core.facts import Account
from proxy.core.ledger import EXACT
from proxy.core.quota import HELD, Claim, Denial, Grant, Quota, Unit, subject
from proxy.errors import StoreError
from proxy.stores.connect import Connection
from proxy.stores.redis_store import BATCH, MOST_PENDING, RedisStore
from proxy.stores.scripts import script
from tests.support.claims import ALL, ANNA, BERT, DAILY, IN_FLIGHT, MINUTE, TOKENS, actual, claims
from tests.support.meters import until
from tests.support.servers import Server

AT = 1_900_000_000.0
STEADY_TOKENS = Quota(Unit.TOKENS, 1000, DAILY.window, 1000)
"""A budget, so that nothing drains while a test looks."""


def tokens(account: Account, cost: int) -> tuple[Claim, ...]:
    return (Claim(STEADY_TOKENS, subject(STEADY_TOKENS.scope, account), cost),)


async def used(connection: Connection, account: Account, field: str = STEADY_TOKENS.field) -> tuple[float, float]:
    """(used, held)"""
    packed = await connection.client.hget(f"sg:{{{account.organization}}}:u:a:{account.id}", field)
    numbers = (packed or "0 0 0").split()
    return float(numbers[0]), float(numbers[2])


async def everything(server: Server) -> dict[bytes, bytes]:
    """All keys and values."""
    async with Redis.from_url(server.url) as client:
        return {key: await client.dump(key) async for key in client.scan_iter()}


async def leases(connection: Connection, account: Account = ANNA) -> int:
    return int(await connection.client.zcard(f"sg:{{{account.organization}}}:live"))


@asynccontextmanager
async def working(store: RedisStore) -> AsyncIterator[None]:
    """With its loop for settlements running."""
    async with asyncio.TaskGroup() as group:
        loop = group.create_task(store.work())
        yield
        loop.cancel()


async def test_a_grant_says_how_every_quota_stands(connection: Connection) -> None:
    verdict = await RedisStore(connection).reserve("r1", ANNA, claims(ANNA, 100))
    assert isinstance(verdict, Grant)
    assert not verdict.local
    assert verdict.standing == ""
    assert [meter.quota for meter in verdict.meters] == list(ALL)
    assert [meter.used for meter in verdict.meters] == [1, 100, 100, 300, 1, 1, 3, 3]
    assert verdict.meters[0].frees_in == pytest.approx(10, abs=0.5)  # one of six a minute
    assert verdict.meters[1].frees_in == pytest.approx(10, abs=0.5)  # a hundred of six hundred a minute
    assert verdict.meters[4].remaining == 2


async def test_a_denial_names_the_quota_that_frees_last_and_takes_nothing(store_server: Server, connection: Connection) -> None:
    store = RedisStore(connection)
    await store.reserve("r1", ANNA, claims(ANNA, 250))
    before = await everything(store_server)
    verdict = await store.reserve("r2", ANNA, claims(ANNA, 200))
    assert isinstance(verdict, Denial)
    assert verdict.binding.quota == TOKENS
    assert verdict.cost == 200
    assert verdict.binding.used == 250
    assert verdict.binding.frees_in == pytest.approx(15, abs=0.5)
    assert not verdict.never
    assert await everything(store_server) == before
    assert isinstance(await store.reserve("r3", ANNA, claims(ANNA, 400)), Denial)


async def test_what_could_never_fit_is_told_so(connection: Connection) -> None:
    verdict = await RedisStore(connection).reserve("r1", ANNA, claims(ANNA, 301))
    assert isinstance(verdict, Denial)
    assert verdict.never


async def test_the_standing_comes_back_with_every_answer(connection: Connection) -> None:
    store = RedisStore(connection)
    await connection.client.set("sg:{acme}:s:anna", "blocked 97")
    for verdict in (
        await store.reserve("r1", ANNA, claims(ANNA, 10)),
        await store.reserve("r2", ANNA, claims(ANNA, 1000)),
        await store.extend("r1", ANNA, tokens(ANNA, 5), 1),
    ):
        assert verdict.standing == "blocked 97"
    assert (await store.reserve("r3", BERT, claims(BERT, 10))).standing == ""


async def test_settling_trues_up_and_releasing_gives_back(connection: Connection) -> None:
    store = RedisStore(connection)
    await store.reserve("r1", ANNA, tokens(ANNA, 300))
    await store.reserve("r2", ANNA, tokens(ANNA, 200))
    assert await used(connection, ANNA) == (0, 500)
    store.settle("r1", ANNA, tokens(ANNA, 300), actual(120))
    store.release("r2", ANNA, tokens(ANNA, 200))
    assert store.pending == 2
    assert await store.flush()
    assert store.pending == 0
    assert await used(connection, ANNA) == (120, 0)
    assert await leases(connection) == 0


async def test_a_stream_takes_more_as_it_flows(connection: Connection) -> None:
    store = RedisStore(connection)
    await store.reserve("r1", ANNA, tokens(ANNA, 300))
    for step in (1, 2, 2, 1):  # a step that is repeated, or comes late, changes nothing
        assert isinstance(await store.extend("r1", ANNA, tokens(ANNA, 200), step), Grant)
    assert await used(connection, ANNA) == (500, 200)
    assert isinstance(await store.extend("r1", ANNA, tokens(ANNA, 400), 3), Denial)
    assert await used(connection, ANNA) == (700, 0)
    store.settle("r1", ANNA, tokens(ANNA, 300), actual(650))
    await store.flush()
    assert await used(connection, ANNA) == (650, 0)


async def test_one_round_trip_for_a_reservation(store_server: Server, connection: Connection) -> None:
    store = RedisStore(connection)
    await store.reserve("warm", ANNA, claims(ANNA, 1))
    async with Redis.from_url(store_server.url) as watcher, watcher.monitor() as monitor:
        trips = connection.trips
        await store.reserve("r1", ANNA, claims(ANNA, 1))
        assert connection.trips == trips + 1
        await connection.client.echo("the end")
        seen = []
        while (command := await monitor.next_command())["command"] != "ECHO the end":
            seen.append(command)
    asked = [command["command"].split()[0] for command in seen if command["client_type"] != "lua"]
    assert asked == ["EVALSHA"]


async def test_a_server_that_lost_the_scripts_is_given_them_again(store_server: Server, connection: Connection) -> None:
    store = RedisStore(connection)
    await store.reserve("r1", ANNA, tokens(ANNA, 100))
    store_server.ask("SCRIPT", "FLUSH")
    trips = connection.trips
    assert isinstance(await store.reserve("r2", ANNA, tokens(ANNA, 100)), Grant)
    assert connection.trips == trips + 2
    store_server.ask("SCRIPT", "FLUSH")
    store.settle("r1", ANNA, tokens(ANNA, 100), actual(50))
    store.settle("r2", ANNA, tokens(ANNA, 100), actual(60))
    assert await store.flush()
    assert await used(connection, ANNA) == (110, 0)
    assert await connection.client.script_exists(script("settle").digest) == [True]


async def test_a_repeated_call_changes_nothing(connection: Connection) -> None:
    """A batch whose answer was lost is sent again; so is a reservation."""
    first, again = RedisStore(connection), RedisStore(connection)
    for store in (first, again):
        assert isinstance(await store.reserve("r1", ANNA, tokens(ANNA, 300)), Grant)
        assert await used(connection, ANNA) == (0, 300)
    for store in (first, again):
        store.settle("r1", ANNA, tokens(ANNA, 300), actual(200))
        await store.flush()
        assert await used(connection, ANNA) == (200, 0)
    again._running["r1"] = "acme"
    again.release("r1", ANNA, ())
    await again.flush()
    assert isinstance(await again.reserve("r1", ANNA, tokens(ANNA, 300)), Grant)
    assert isinstance(await again.extend("r1", ANNA, tokens(ANNA, 300), 5), Grant)
    assert await used(connection, ANNA) == (200, 0)


async def test_a_release_that_overtakes_its_reservation_still_ends_it(connection: Connection) -> None:
    """A caller may hang up while the reservation is on its way on another connection."""
    store = RedisStore(connection)
    store._running["r1"] = "acme"
    store.release("r1", ANNA, ())
    await store.flush()
    await store.reserve("r1", ANNA, tokens(ANNA, 300))
    assert await used(connection, ANNA) == (0, 0)


async def test_what_was_never_asked_is_not_released(connection: Connection) -> None:
    """Thousands of refusals while the store is lost must not push real settlements out."""
    store = RedisStore(connection)
    store.release("r1", ANNA, tokens(ANNA, 300))
    assert store.pending == 0


async def test_a_request_without_quotas_leaves_nothing_behind(connection: Connection) -> None:
    """It is never settled: were it renewed, its lease would live for ever."""
    store = RedisStore(connection, lease=0.05)
    assert isinstance(await store.reserve("r1", ANNA, ()), Grant)
    assert store._running == {}

    async def alive() -> int:
        await store.beat(AT)
        await RedisStore(connection).reserve("r2", ANNA, claims(ANNA, 1000))  # sweeps
        return await leases(connection)

    await until(alive, lambda count: count == 0)


async def test_usage_and_leases_survive_a_crash_of_the_server(own_server: Server) -> None:
    connection = Connection(own_server.url, 5.0)
    store = RedisStore(connection, lease=60.0)
    await store.reserve("r1", ANNA, tokens(ANNA, 300))
    await store.reserve("r2", ANNA, tokens(ANNA, 200))
    store.settle("r1", ANNA, tokens(ANNA, 300), actual(120))
    await store.flush()
    own_server.kill()
    store.settle("r2", ANNA, tokens(ANNA, 200), actual(30))
    assert not await store.flush()
    own_server.start()
    async with working(store):
        await until(lambda: _value(store.pending), lambda pending: pending == 0)
    assert await used(connection, ANNA) == (150, 0)
    assert await leases(connection) == 0
    await connection.close()


async def _value(value: int) -> int:
    return value


async def test_an_abandoned_lease_is_swept_by_another_gateway(connection: Connection) -> None:
    killed, other = RedisStore(connection, lease=0.05), RedisStore(connection, lease=0.05)
    await killed.reserve("r1", ANNA, tokens(ANNA, 300))
    await killed.beat(AT)  # and then its worker dies

    async def after_a_beat() -> tuple[float, float]:
        await other.beat(AT + 10)
        return await used(connection, ANNA)

    assert await until(after_a_beat, lambda now: now[1] == 0) == (300, 0)
    assert await leases(connection) == 0
    assert await connection.client.zcard("sg:active") == 0


async def test_a_gateway_whose_clock_is_ahead_does_not_forget_what_still_runs(connection: Connection) -> None:
    owner, ahead = RedisStore(connection), RedisStore(connection)
    await owner.reserve("r1", ANNA, tokens(ANNA, 300))
    await owner.beat(AT)
    await ahead.beat(AT + 1000)
    assert await leases(connection) == 1
    assert await connection.client.zrange("sg:active", 0, -1) == ["acme"]


async def test_a_beat_keeps_a_lease_and_all_it_holds(connection: Connection) -> None:
    """An exchange may last for hours while nothing else touches its counts; they must not expire under it."""
    store = RedisStore(connection, lease=0.5)
    in_flight = (Claim(Quota(Unit.IN_FLIGHT, 3, HELD, 3), "a:anna", 1),)
    await store.reserve("r1", ANNA, in_flight)
    keys = ["sg:{acme}:live", "sg:{acme}:leases", "sg:{acme}:u:a:anna"]
    for key in keys:
        await connection.client.expire(key, 30)
    before = await connection.client.zscore(keys[0], "r1")
    await store.beat(AT)
    assert await connection.client.zscore(keys[0], "r1") > before
    assert [await connection.client.ttl(key) > 600 for key in keys] == [True, True, True]


async def test_leases_outlast_all_that_they_hold(connection: Connection) -> None:
    """Else nothing would ever give it back, when no gateway has run for a while."""
    store = RedisStore(connection, lease=0.01)
    await store.reserve("r1", ANNA, claims(ANNA, 100))
    usage = [await connection.client.ttl(key) async for key in connection.client.scan_iter("sg:{acme}:u:*")]

    async def lasting(*names: str) -> bool:
        return min([await connection.client.ttl(f"sg:{{acme}}:{name}") for name in names]) > max(usage)

    assert len(usage) == 3
    assert await lasting("live", "leases")

    async def expired() -> int:
        await store.beat(AT)
        return await leases(connection)

    store._running.clear()
    store._active.clear()
    await connection.client.zadd("sg:active", {"acme": 0})
    assert await until(expired, lambda alive: alive == 0) == 0
    assert await lasting("leases", "ended")  # it is found there when it is to be forgotten
    store.settle("r1", ANNA, claims(ANNA, 100), actual(100))
    await store.flush()
    assert 0 < await connection.client.ttl("sg:{acme}:ended") <= 1200


@pytest.mark.parametrize("ending", ["settle", "release"])
async def test_who_used_nothing_leaves_nothing_behind(connection: Connection, ending: str) -> None:
    store, quotas = RedisStore(connection), tuple(quota for quota in ALL if ending == "release" or quota.unit not in EXACT)
    asked = claims(ANNA, 100, quotas)
    await store.reserve("r1", ANNA, asked)
    if ending == "settle":
        store.settle("r1", ANNA, asked, actual(0))
    else:
        store.release("r1", ANNA, asked)
    await store.flush()
    assert [key async for key in connection.client.scan_iter("sg:*")] == ["sg:{acme}:ended"]


async def test_a_settlement_says_how_long_ago_its_exchange_ended(connection: Connection) -> None:
    now = [1000.0]
    store, steady = RedisStore(connection, clock=lambda: now[0]), replace(TOKENS, amount=60, burst=600)
    store.settle("r1", ANNA, claims(ANNA, 0, (steady,)), actual(300))
    now[0] += 100
    store.settle("r2", ANNA, claims(ANNA, 0, (steady,)), actual(30))
    await store.flush()
    left, _ = await used(connection, ANNA, steady.field)
    assert 230 <= left <= 246  # a hundred seconds, or a quarter fewer, and what was used just now


async def test_a_beat_revives_what_the_stores_silence_has_ended(connection: Connection) -> None:
    store, asked = RedisStore(connection, lease=0.01), claims(ANNA, 100, (IN_FLIGHT, STEADY_TOKENS))
    await store.reserve("r1", ANNA, asked)

    async def swept() -> tuple[float, float]:
        await RedisStore(connection).reserve("r2", ANNA, tokens(ANNA, 5000))
        return await used(connection, ANNA)

    assert await until(swept, lambda now: now[1] == 0) == (100, 0)
    assert await used(connection, ANNA, IN_FLIGHT.field) == (0, 0)
    store._lease = 60
    await store.beat(AT)
    await store.beat(AT)
    assert await used(connection, ANNA, IN_FLIGHT.field) == (0, 1)
    assert await used(connection, ANNA) == (100, 0)
    store.settle("r1", ANNA, asked, actual(70))
    await store.flush()
    assert await used(connection, ANNA, IN_FLIGHT.field) == (0, 0)
    assert await used(connection, ANNA) == (70, 0)


async def test_a_late_settlement_of_an_expired_lease_is_charged_once(connection: Connection) -> None:
    store = RedisStore(connection, lease=0.01)
    await store.reserve("r1", ANNA, tokens(ANNA, 300))

    async def after_a_sweep() -> tuple[float, float]:
        await RedisStore(connection).reserve("r2", ANNA, tokens(ANNA, 5000))
        return await used(connection, ANNA)

    assert await until(after_a_sweep, lambda now: now[1] == 0) == (300, 0)
    store.settle("r1", ANNA, tokens(ANNA, 300), actual(120))
    await store.flush()
    assert await used(connection, ANNA) == (120, 0)


async def test_what_is_in_flight_is_told_over_all_organizations(connection: Connection) -> None:
    store = RedisStore(connection)
    people = [Account(f"account-{n}", f"organization-{n % 300}", "free") for n in range(600)]
    for start in range(0, 600, 60):
        some = people[start : start + 60]
        await asyncio.gather(*(store.reserve(f"r-{each.id}", each, tokens(each, 10)) for each in some))
    found = await store.in_flight()
    assert sorted(each["request"] for each in found) == sorted(f"r-{each.id}" for each in people)
    assert {each["account"] for each in found} == {each.id for each in people}
    assert all(0 <= each["age"] < 60 for each in found)
    await store.beat(AT)
    assert await connection.client.zcard("sg:active") == 300
    for each in people:
        store.settle(f"r-{each.id}", each, tokens(each, 10), actual(7))
    assert await store.drain(10)
    assert await store.in_flight() == []
    assert {await used(connection, each) for each in people[:20]} == {(7, 0)}


async def test_64_at_once_from_four_gateways_never_pass_the_limit(store_server: Server) -> None:
    daily, costs = replace(STEADY_TOKENS, amount=1000, burst=1000), [(n * 37) % 90 + 10 for n in range(64)]
    async with AsyncExitStack() as stack:
        gateways = []
        for _ in range(4):
            connection = Connection(store_server.url, 30.0)
            stack.push_async_callback(connection.close)
            gateways.append(RedisStore(connection))

        async def one(index: int) -> int:
            claim = (Claim(daily, "a:anna", costs[index]),)
            verdict = await gateways[index % 4].reserve(f"r{index}", ANNA, claim)
            return costs[index] if isinstance(verdict, Grant) else 0

        admitted = sum(await asyncio.gather(*(one(index) for index in range(64))))
        assert 1000 - max(costs) < admitted <= 1000
        assert await used(gateways[0]._connection, ANNA) == (0, admitted)


async def test_what_fails_never_keeps_other_settlements_waiting(connection: Connection) -> None:
    store = RedisStore(connection)
    stuck = [Account(f"stuck-{n}", f"stuck-{n}", "free") for n in range(BATCH + 10)]
    for each in stuck:
        await connection.client.set(f"sg:{{{each.id}}}:leases", "not a hash")
        store.settle(f"r-{each.id}", each, tokens(each, 10), actual(10))
    store.settle("r1", ANNA, tokens(ANNA, 10), actual(10))
    assert not await store.flush()
    assert await store.flush()
    assert await used(connection, ANNA) == (10, 0)
    assert store.pending == len(stuck)
    await connection.client.delete(*(f"sg:{{{each.id}}}:leases" for each in stuck))
    assert await store.drain(10)


async def test_what_cannot_be_written_is_bounded_and_counted() -> None:
    nowhere = Connection("redis://127.0.0.1:1/0", 0.1)
    store = RedisStore(nowhere)
    for n in range(MOST_PENDING + 3):
        store._later(str(n), None)  # type: ignore[arg-type]
    assert store.pending == MOST_PENDING
    assert store.take_dropped() == 3
    assert store.take_dropped() == 0
    assert next(iter(store._pending)) == "3"
    await nowhere.close()


async def test_a_worker_that_goes_says_what_it_could_not_write(caplog: pytest.LogCaptureFixture) -> None:
    nowhere = Connection("redis://127.0.0.1:1/0", 0.1)
    store = RedisStore(nowhere)
    store.settle("r1", ANNA, tokens(ANNA, 10), actual(10))
    assert not await store.drain(0.1)
    assert "1 settlements could not be written" in caplog.text
    with pytest.raises(StoreError):
        await store.beat(AT)
    with pytest.raises(StoreError):
        await store.in_flight()
    await nowhere.close()


async def test_rates_drain_with_the_servers_time(connection: Connection) -> None:
    quick = Quota(Unit.REQUESTS, 60_000, MINUTE, 1)
    store = RedisStore(connection)
    claim = (Claim(quick, "a:anna", 1),)

    names = (f"r{n}" for n in count())

    async def again() -> bool:
        return isinstance(await store.reserve(next(names), ANNA, claim), Grant)

    assert await again()
    assert await until(again, bool)
