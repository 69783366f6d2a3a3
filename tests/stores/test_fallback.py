"""What holds while the store does not answer, and what is true once it does again."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from proxy.core.facts import Account
from proxy.core.ledger import Ledger
from proxy.core.policy import StoreLost
from proxy.core.quota import HELD, Claim, Denial, Grant, Quota, Scope, Unit
from proxy.errors import StoreError
from proxy.learning.codec import decode
from proxy.stores import fallback
from proxy.stores.breaker import Breaker
from proxy.stores.connect import Connection
from proxy.stores.fallback import SteadyStore
from proxy.stores.observations import stream
from proxy.stores.redis_store import RedisStore
from tests.support.analysts import seen
from tests.support.claims import ANNA, BERT, BIASED, DAY, MINUTE, actual
from tests.support.identity import Clock
from tests.support.meters import until
from tests.support.policies import policy
from tests.support.servers import Server, server

TOKENS = Quota(Unit.TOKENS, 1000, DAY, 1000)
NOON = 1_900_022_400.0
PATIENCE = 5.0
_names = (f"request-{n}" for n in count())


def tokens(account: Account, cost: int) -> tuple[Claim, ...]:
    return (Claim(TOKENS, f"a:{account.id}", cost),)


@dataclass
class Steady:
    """A gateway's store, and the hands on its clocks and policy."""

    store: SteadyStore
    remote: RedisStore
    breaker: Breaker
    clock: Clock
    connection: Connection

    def lose(self, **parts: Any) -> None:
        """The policy's `failure.store_lost`."""
        whole: dict[str, Any] = {"serve_locally": 0.5, "seconds": 300.0, "then_refuse": True}
        self.store.use(policy(store_lost=StoreLost(**(whole | parts))))

    async def reserve(self, account: Account = ANNA, cost: int = 100) -> tuple[str, Grant | Denial]:
        name = next(_names)
        return name, await self.store.reserve(name, account, tokens(account, cost))

    async def used(self, account: Account = ANNA) -> tuple[float, float]:
        packed = await self.connection.client.hget(f"sg:{{{account.organization}}}:u:a:{account.id}", TOKENS.field)
        numbers = (packed or "0 0 0").split()
        return float(numbers[0]), float(numbers[2])

    def hang(self, server: Server) -> None:
        """The deadline is short only while nobody answers: a busy machine's answer may take a while."""
        self.connection._deadline = 0.1
        server.hang()

    def resume(self, server: Server) -> None:
        self.connection._deadline = PATIENCE
        server.resume()

    async def warm(self) -> None:
        """Connected and its script loaded, so that the next question is counted by a server that hangs."""
        await self.remote.reserve("warm", Account("warm", "warm", "free"), ())

    async def healed(self) -> None:
        async def answer() -> bool:
            self.clock.now += 1.0
            name, verdict = await self.reserve(Account("probe", "probe", "free"), 1)
            self.store.release(name, Account("probe", "probe", "free"), ())
            return not verdict.local

        await until(answer, bool)
        assert await self.remote.drain(10)


@asynccontextmanager
async def steady(url: str) -> AsyncIterator[Steady]:
    clock = Clock()
    clock.now = NOON
    connection = Connection(url, PATIENCE)
    remote, breaker = RedisStore(connection), Breaker(clock, lambda _: None)
    found = Steady(SteadyStore(remote, breaker, policy(), clock), remote, breaker, clock, connection)
    yield found
    await connection.close()


@pytest.fixture
async def lost() -> AsyncIterator[Steady]:
    """Nothing has ever answered there."""
    async with steady("redis://127.0.0.1:1/0") as found:
        yield found


@pytest.fixture
async def breakable(own_server: Server) -> AsyncIterator[Steady]:
    async with steady(own_server.url) as found:
        yield found
        own_server.resume()


@pytest.mark.parametrize(("gateways", "share", "admitted"), [(1, 0.5, 5), (1, 1.0, 10), (5, 0.5, 1), (2, 0.4, 2)])
async def test_each_gateway_admits_its_share_of_every_limit(lost: Steady, gateways: int, share: float, admitted: int) -> None:
    lost.lose(serve_locally=share)
    lost.store.gateways = gateways
    verdicts = [(await lost.reserve())[1] for _ in range(12)]
    assert [isinstance(verdict, Grant) for verdict in verdicts] == [True] * admitted + [False] * (12 - admitted)
    assert all(verdict.local for verdict in verdicts)
    refusal = verdicts[-1]
    assert isinstance(refusal, Denial)
    assert not refusal.never
    assert isinstance((await lost.reserve(BERT))[1], Grant)


async def test_what_is_less_than_one_for_each_is_one_for_one_of_all(lost: Steady) -> None:
    lost.lose(serve_locally=0.01)
    lost.store.gateways = 50
    admitted = []
    for lost.store.index in range(50):
        for who in range(5):
            asked = (Claim(Quota(Unit.REQUESTS, 20, MINUTE, 5), f"a:{who}", 1),)
            verdict = await lost.store.reserve(next(_names), ANNA, asked)
            admitted += [who] if isinstance(verdict, Grant) else []
            assert verdict.local
        lost.store._ledger = Ledger(math.inf)  # each worker has one of its own
    assert sorted(admitted) == [0, 1, 2, 3, 4]


async def test_what_everybody_gets_is_one_at_a_time(lost: Steady) -> None:
    lost.lose(serve_locally=0.01)
    claim = (Claim(Quota(Unit.IN_FLIGHT, 2, HELD, 2), "a:anna", 1), Claim(Quota(Unit.REQUESTS, 20, MINUTE, 5), "a:anna", 1))
    assert isinstance(await lost.store.reserve("r1", ANNA, claim), Grant)
    assert isinstance(await lost.store.reserve("r2", ANNA, claim), Denial)


async def test_until_the_first_beat_the_gateways_own_workers_share(lost: Steady) -> None:
    admitted = 0
    for index in range(4):
        store = SteadyStore(lost.remote, lost.breaker, policy(store_lost=StoreLost(0.5, 300.0)), lost.clock, gateways=4, index=index)
        verdicts = [await store.reserve(next(_names), ANNA, tokens(ANNA, 25)) for _ in range(16)]
        admitted += sum(25 for verdict in verdicts if isinstance(verdict, Grant))
    assert admitted == 500


async def test_what_reserves_nothing_leaves_no_lease_that_nobody_ends(lost: Steady) -> None:
    verdict = await lost.store.reserve("r1", ANNA, ())
    assert isinstance(verdict, Grant)
    assert verdict.local
    assert lost.store._local == set()
    assert lost.store._ledger.in_flight() == 0
    lost.lose(serve_locally=0.0)
    with pytest.raises(StoreError):
        await lost.store.reserve("r2", ANNA, ())


async def test_what_ends_makes_room_for_the_next(lost: Steady) -> None:
    claim = (Claim(Quota(Unit.IN_FLIGHT, 2, HELD, 2), "a:anna", 1),)
    for name in ("r1", "r2", "r3"):
        assert isinstance(await lost.store.reserve(name, ANNA, claim), Grant)
        assert isinstance(await lost.store.reserve(name + "b", ANNA, claim), Denial)
        (lost.store.settle if name == "r1" else lambda *a: lost.store.release(*a[:3]))(name, ANNA, claim, actual(5))  # type: ignore[operator]
    assert lost.store._local == set()
    assert lost.store._ledger.in_flight() == 0


async def test_a_share_of_nothing_refuses_at_once(lost: Steady) -> None:
    lost.lose(serve_locally=0.0)
    for _ in range(5):
        with pytest.raises(StoreError):
            await lost.reserve()
    assert lost.connection.trips == 3  # then the breaker is open


async def test_after_the_time_that_the_policy_gives_it_refuses(lost: Steady) -> None:
    lost.lose(serve_locally=1.0, seconds=60.0)
    for _ in range(4):
        await lost.reserve(cost=1)
    lost.clock.now += 59
    assert isinstance((await lost.reserve(cost=1))[1], Grant)
    lost.clock.now += 2
    with pytest.raises(StoreError):
        await lost.reserve(cost=1)
    lost.lose(serve_locally=1.0, seconds=60.0, then_refuse=False)
    assert isinstance((await lost.reserve(cost=1))[1], Grant)


async def test_one_slow_answer_long_ago_is_not_a_store_lost_long_ago(own_server: Server, breakable: Steady) -> None:
    breakable.lose(seconds=60.0)
    await breakable.reserve(cost=1)
    for _ in range(2):
        breakable.hang(own_server)
        assert (await breakable.reserve(cost=1))[1].local
        breakable.resume(own_server)
        breakable.clock.now += 3600
    assert not breakable.breaker.open


async def test_who_was_blocked_stays_so(own_server: Server, breakable: Steady) -> None:
    await breakable.connection.client.set("sg:{acme}:s:anna", "blocked 97")
    for account in (ANNA, BERT):
        await breakable.reserve(account)
    own_server.kill()
    assert (await breakable.reserve(ANNA))[1].standing == "blocked 97"
    assert (await breakable.reserve(BERT))[1].standing == ""
    own_server.start()
    await breakable.connection.client.delete("sg:{acme}:s:anna")
    await breakable.healed()
    await breakable.reserve(ANNA)
    own_server.kill()
    assert (await breakable.reserve(ANNA))[1].standing == ""


async def test_standings_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch, store_server: Server) -> None:
    monkeypatch.setattr(fallback, "STANDINGS", 3)
    async with steady(store_server.url) as found:
        for n in range(5):
            await found.connection.client.set(f"sg:{{o{n}}}:s:a{n}", "watch 50")
            await found.reserve(Account(f"a{n}", f"o{n}", "free"))
        assert list(found.store._standings) == ["a2", "a3", "a4"]


async def test_counts_kept_alone_are_bounded_and_make_room_as_they_drain(lost: Steady, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fallback, "MOST", 3)
    lost.lose(then_refuse=False)
    rate = Quota(Unit.REQUESTS, 60, MINUTE, 60)
    for n in range(3):
        await lost.store.reserve(f"r{n}", ANNA, (Claim(rate, f"a:{n}", 1),))
        lost.store.settle(f"r{n}", ANNA, (Claim(rate, f"a:{n}", 1),), actual(1))
    with pytest.raises(StoreError):
        await lost.store.reserve("r3", ANNA, (Claim(rate, "a:3", 1),))
    lost.clock.now += 30
    assert isinstance(await lost.store.reserve("r4", ANNA, (Claim(rate, "a:4", 1),)), Grant)
    assert len(lost.store._ledger._counts) == 1


async def test_what_was_served_alone_is_charged_in_full_once(own_server: Server, breakable: Steady) -> None:
    before, _ = await breakable.reserve(cost=200)
    own_server.kill()
    alone, verdict = await breakable.reserve(cost=300)
    assert verdict.local
    assert isinstance(await breakable.store.extend(alone, ANNA, tokens(ANNA, 100), 1), Grant)
    assert isinstance(await breakable.store.extend(alone, ANNA, tokens(ANNA, 200), 2), Denial)
    breakable.store.settle(alone, ANNA, tokens(ANNA, 300), actual(350))
    breakable.store.settle(before, ANNA, tokens(ANNA, 200), actual(70))
    assert not await breakable.remote.flush()
    own_server.start()
    await breakable.healed()
    assert await breakable.used() == (420, 0)
    assert not (await breakable.reserve(cost=1))[1].local


async def test_what_is_learned_meanwhile_is_written_when_it_is_back(own_server: Server, breakable: Steady) -> None:
    own_server.kill()
    alone, _ = await breakable.reserve(cost=300)
    breakable.store.settle(alone, ANNA, tokens(ANNA, 300), actual(350))
    breakable.store.observe(seen(1))
    assert not await breakable.remote.flush()
    own_server.start()
    await breakable.healed()
    [(_, fields)] = await breakable.connection.client.execute_command("XRANGE", stream(0), "-", "+", NEVER_DECODE=True)
    assert decode(fields[b"o"]) == seen(1)


def biasing(*ids: int) -> tuple[Claim, ...]:
    return (Claim(BIASED, "o:acme", len(ids), ids),)


async def test_what_was_biased_alone_is_counted_once_there_and_here(own_server: Server, breakable: Steady) -> None:
    breakable.lose(serve_locally=1.0)
    own_server.kill()
    for name, ids, granted in (("r1", (1, 2, 3, 4, 5), True), ("r2", (4, 5, 6, 7), True), ("r3", (7, 8, 9), False), ("r4", (1, 7), True)):
        verdict = await breakable.store.reserve(name, ANNA, biasing(*ids))
        assert (verdict.local, isinstance(verdict, Grant)) == (True, granted)
        if granted:
            breakable.store.settle(name, ANNA, biasing(*ids), actual(0))
    own_server.start()
    await breakable.healed()
    assert await breakable.remote.drain(10)
    key = "sg:{acme}:d:o:acme/biased_tokens/day"
    assert {name for name in await breakable.connection.client.zrange(key, 0, -1) if name.isdigit()} == {"1", "2", "3", "4", "5", "6", "7"}
    verdict = await breakable.store.reserve("r5", ANNA, biasing(1, 7, 8))
    assert verdict.meters[0].used == 8


async def test_a_stream_that_began_before_is_not_extended_meanwhile(own_server: Server, breakable: Steady) -> None:
    name, _ = await breakable.reserve(cost=100)
    own_server.kill()
    for step in (1, 2, 3, 4, 5):
        with pytest.raises(StoreError):
            await breakable.store.extend(name, ANNA, tokens(ANNA, 50), step)
    assert breakable.breaker.open
    own_server.start()
    breakable.clock.now += 1
    verdict = await until(lambda: extended(breakable, name), lambda verdict: verdict is not None)
    assert isinstance(verdict, Grant)
    assert not breakable.breaker.open
    breakable.store.settle(name, ANNA, tokens(ANNA, 100), actual(170))
    await breakable.healed()
    assert await breakable.used() == (170, 0)


async def extended(found: Steady, name: str) -> Grant | Denial | None:
    try:
        return await found.store.extend(name, ANNA, tokens(ANNA, 50), 6)
    except StoreError:
        found.clock.now += 1
        return None


async def applied(own_server: Server, found: Steady, cost: int = 200) -> tuple[str, Grant | Denial]:
    """A reservation that ran out of time, though the server counted it in the end."""
    await found.warm()
    found.hang(own_server)
    name, verdict = await found.reserve(cost=cost)
    found.resume(own_server)
    await until(found.used, lambda now: now == (0, cost))
    return name, verdict


async def test_a_lost_answer_is_not_counted_twice(own_server: Server, breakable: Steady) -> None:
    name, verdict = await applied(own_server, breakable)
    assert isinstance(verdict, Grant)
    assert verdict.local
    breakable.store.settle(name, ANNA, tokens(ANNA, 200), actual(150))
    await breakable.healed()
    assert await breakable.used() == (150, 0)


async def test_a_lost_answer_keeps_its_lease_while_the_request_runs(own_server: Server, breakable: Steady) -> None:
    name, _ = await applied(own_server, breakable)
    leases = breakable.connection.client.zscore
    before = await leases("sg:{acme}:live", name)
    await breakable.remote.beat(NOON)
    assert await leases("sg:{acme}:live", name) > before


@pytest.mark.parametrize("share", [0.0, 0.1])
async def test_a_refusal_costs_nothing_though_its_question_was_counted(own_server: Server, breakable: Steady, share: float) -> None:
    """Refused alone, by the share or at once, while the lost call had been counted by the store."""
    breakable.lose(serve_locally=share)
    await breakable.warm()
    breakable.hang(own_server)
    if share:
        assert isinstance((await breakable.reserve(cost=200))[1], Denial)
    else:
        with pytest.raises(StoreError):
            await breakable.reserve(cost=200)
    breakable.resume(own_server)
    await breakable.healed()
    await until(breakable.used, lambda now: now == (0, 0))
    assert await breakable.connection.client.zcard("sg:{acme}:live") == 0
    assert breakable.remote._running == {}


async def test_a_caller_who_leaves_during_the_reservation_costs_nothing(own_server: Server, breakable: Steady) -> None:
    await breakable.warm()
    own_server.hang()
    asking = asyncio.ensure_future(breakable.store.reserve("r1", ANNA, tokens(ANNA, 200)))
    await until(lambda: sent(breakable), bool)
    assert asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    breakable.store.release("r1", ANNA, tokens(ANNA, 200))  # as the exchange does, whatever happened
    own_server.resume()
    await breakable.healed()
    assert await breakable.used() == (0, 0)
    assert breakable.remote._running == {}


async def sent(found: Steady) -> bool:
    return found.connection.trips >= 2


async def test_a_hung_store_opens_the_breaker_and_heals(own_server: Server, breakable: Steady, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "proxy")
    loop = asyncio.get_running_loop()
    await breakable.reserve(cost=1)
    breakable.hang(own_server)
    began = loop.time()
    verdicts = await asyncio.gather(*(breakable.reserve(cost=1) for _ in range(50)))
    assert loop.time() - began < 3.0, "they wait together: in line it would be five seconds"
    assert all(verdict.local for _, verdict in verdicts)
    assert breakable.breaker.open
    trips = breakable.connection.trips
    for _ in range(200):
        assert (await breakable.reserve(cost=1))[1].local
    assert breakable.connection.trips == trips, "nobody asks any more, so nobody waits"
    breakable.resume(own_server)
    for name, _ in verdicts:
        breakable.store.settle(name, ANNA, tokens(ANNA, 1), actual(1))
    await breakable.healed()
    assert not breakable.breaker.open
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "the store is lost: the store did not answer (TimeoutError); the policy's failure.store_lost holds",
        "the store answers again",
    ]


@pytest.mark.parametrize("breaking", [("CONFIG", "SET", "maxmemory", "1"), ("REPLICAOF", "127.0.0.1", "1")])
async def test_a_store_that_refuses_to_write_is_lost(own_server: Server, breakable: Steady, breaking: tuple[str, ...]) -> None:
    before, _ = await breakable.reserve(cost=100)
    own_server.ask(*breaking)
    assert all([(await breakable.reserve(cost=10))[1].local for _ in range(4)])
    assert breakable.breaker.open
    breakable.store.settle(before, ANNA, tokens(ANNA, 100), actual(40))
    assert not await breakable.remote.flush()
    with pytest.raises(StoreError):
        await breakable.remote.beat(NOON)
    own_server.ask("CONFIG", "SET", "maxmemory", "0")
    own_server.ask("REPLICAOF", "NO", "ONE")
    await breakable.healed()
    assert await breakable.used() == (40, 0)


async def test_in_shadow_what_is_denied_alone_is_still_charged(own_server: Server, breakable: Steady) -> None:
    breakable.store.use(policy(enforce=False, store_lost=StoreLost(0.1, 300.0)))
    name, verdict = await applied(own_server, breakable, cost=300)
    assert isinstance(verdict, Denial)
    assert await breakable.remote.drain(5)  # a release would end it before it is settled
    breakable.store.settle(name, ANNA, tokens(ANNA, 300), actual(250))
    await breakable.healed()
    assert await breakable.used() == (250, 0)


async def test_four_gateways_alone_stay_within_the_share_together() -> None:
    with server("valkey") as shared:
        gone = shared.url
    admitted = 0
    for _ in range(4):
        async with steady(gone) as gateway:
            gateway.store.gateways = 4
            verdicts = await asyncio.gather(*(gateway.reserve(cost=25) for _ in range(16)))
            admitted += sum(25 for _, verdict in verdicts if isinstance(verdict, Grant))
    assert admitted == 500


def test_the_ledger_forgets_a_budget_when_its_day_is_over() -> None:
    ledger = Ledger(60.0)
    quota = Quota(Unit.TOKENS, 1000, DAY, 1000, Scope.ORGANIZATION)
    ledger.settle("r1", (Claim(quota, "o:acme", 5),), actual(5), NOON)
    assert ledger.crowded(1, NOON + 5)
    assert not ledger.crowded(1, NOON + 86400)
