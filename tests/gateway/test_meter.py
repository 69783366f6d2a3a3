"""A stream's meter: what passes beyond a quota is one chunk at most, all of a quota can be used, a slow stream comes to its end."""

from dataclasses import replace

import pytest

from proxy.core.facts import Account, Ask, Operation
from proxy.core.quota import Accounting, Claim, Denial, Price, Quota, Unit, Window
from proxy.gateway.meter import Meter
from tests.support.line import Clock, MemoryStore
from tests.support.policies import policy

ANN = Account("ann", "ann", "free")
ASK = Ask(Operation.CHAT, "m", stream=True)
DAY = Window("calendar", "day", 86400)
MINUTE = Window("rate", "minute", 60)
PRICES = (("*", Price(1_000_000, 2_000_000, 1_000_000, 1_000_000)),)


def claim(limit: int, unit: Unit = Unit.OUTPUT, window: Window = DAY, cost: int = 0) -> Claim:
    return Claim(Quota(unit, limit, window, limit), "a:ann", cost)


class Stream:
    """A stream of an account under quotas, which is told its tokens chunk by chunk."""

    def __init__(
        self, *claims: Claim, name: str = "r", store: MemoryStore | None = None, slice_: int = 256, ask: Ask = ASK, **parts: object
    ) -> None:
        self.clock = Clock()
        self.store = store or MemoryStore(self.clock)
        self.claims = claims
        accounting = Accounting(slice=slice_, prices=PRICES)
        self.meter = Meter(self.store, name, ANN, policy(accounting=accounting, **parts), ask)
        self.meter._sleep = self.clock.sleep
        self.name = name
        self.passed = 0

    async def begin(self, output: int) -> None:
        await self.store.reserve(self.name, ANN, self.claims)
        self.meter.begin(self.claims, output)

    async def run(self, total: int, chunk: int = 1) -> Denial | None:
        """Makes `total` tokens, or as many as may pass."""
        while self.passed < total:
            self.passed += min(chunk, total - self.passed)
            if (denial := await self.meter.flow(self.passed)) is not None:
                return denial
        return None


@pytest.mark.parametrize("unit", [Unit.OUTPUT, Unit.TOKENS, Unit.SPEND])
@pytest.mark.parametrize("mode", ["stop", "slow"])
async def test_all_of_a_quota_may_be_used_and_one_chunk_more(unit: Unit, mode: str) -> None:
    for limit, wished, chunk, slice_ in ((100, 40, 1, 256), (1000, 1, 7, 64), (300, 300, 16, 256), (37, 5, 5, 16)):
        tokens = limit // 2 if unit is Unit.SPEND else limit  # two micro-dollars a token
        reserved = min(wished, tokens)
        cost = reserved * (2 if unit is Unit.SPEND else 1)
        stream = Stream(claim(limit, unit, cost=cost), slice_=slice_, stream_over_quota=mode)
        await stream.begin(reserved)
        denial = await stream.run(10_000, chunk)
        assert denial is not None, "a calendar quota does not free while a stream waits"
        assert not denial.never, "how a stream grows is ours: it must not be told that it never fits"
        assert tokens <= stream.passed < tokens + chunk, (limit, reserved, chunk, slice_)


async def test_streams_side_by_side_pass_no_more_than_the_quota_and_a_chunk_each() -> None:
    store = MemoryStore(Clock())
    streams = [Stream(claim(500, cost=20), name=f"r{n}", store=store, stream_over_quota="stop", slice_=64) for n in range(9)]
    for stream in streams:
        await stream.begin(20)
    running = list(streams)
    while running:
        running = [stream for stream in running if await stream.run(stream.passed + 3, 3) is None]
    assert 500 - len(streams) <= sum(stream.passed for stream in streams) < 500 + 3 * len(streams)


async def test_a_slow_stream_is_held_back_to_its_rate_and_comes_to_its_end() -> None:
    for chunk in (1, 9, 75, 100):
        stream = Stream(claim(60, window=MINUTE, cost=10), stream_over_quota="slow", idle_seconds=120.0)
        await stream.begin(10)
        began = stream.clock()
        assert await stream.run(300, chunk) is None
        assert 239 <= stream.clock() - began <= 300, "60 at once, then one a second, also where one chunk brings more than that"


async def test_a_slow_stream_ends_where_the_wait_would_be_longer_than_any_silence_allowed() -> None:
    stream = Stream(claim(2, window=Window("rate", "hour", 3600), cost=1), stream_over_quota="slow", idle_seconds=30.0)
    await stream.begin(1)
    denial = await stream.run(100)
    assert denial is not None
    assert stream.passed == 2


async def test_a_chunk_larger_than_the_quota_is_not_called_impossible() -> None:
    stream = Stream(claim(50, cost=10), stream_over_quota="stop")
    await stream.begin(10)
    denial = await stream.run(5000, chunk=5000)
    assert denial is None or not denial.never


@pytest.mark.parametrize("parts", [{"stream_over_quota": "finish"}, {"stream_over_quota": "stop", "enforce": False}])
async def test_finish_and_shadow_let_every_stream_end(parts: dict[str, object]) -> None:
    stream = Stream(claim(100, cost=10), **parts)
    await stream.begin(10)
    assert await stream.run(5000, chunk=9) is None
    assert len(stream.store.extensions) <= 5000 / 90, "and ask no oftener than there is something to reserve"


async def test_what_no_token_quota_counts_is_never_asked_about() -> None:
    stream = Stream(claim(10, Unit.REQUESTS, cost=1), claim(10, Unit.INPUT, cost=1), stream_over_quota="stop")
    await stream.begin(1)
    assert await stream.run(100) is None
    assert stream.store.extensions == []


async def test_a_lost_store_lets_an_admitted_stream_go_on_and_no_step_is_used_twice() -> None:
    clock = Clock()
    store = MemoryStore(clock, lambda number: {1: "before", 2: "after"}.get(number, ""))
    stream = Stream(claim(10_000, cost=10), store=store, stream_over_quota="stop", slice_=16)
    await stream.begin(10)
    assert await stream.run(200) is None
    steps = [step for _, step in store.extensions]
    assert steps == list(range(1, len(steps) + 1)), "a call whose answer was lost may have been counted"


async def test_what_the_callers_own_cap_forbids_is_not_reserved() -> None:
    for cap, total in ((100, 100), (100, 60), (40, 40)):
        stream = Stream(claim(100, cost=20), stream_over_quota="stop", ask=replace(ASK, output_cap=cap))
        await stream.begin(20)
        assert await stream.run(total, chunk=7) is None
        assert stream.store.used(stream.claims[0]) <= cap


async def test_a_reservation_is_asked_for_once_per_slice() -> None:
    stream = Stream(claim(100_000, cost=100), stream_over_quota="stop", slice_=256)
    await stream.begin(100)
    await stream.run(100 + 256 * 10 - 1)
    assert len(stream.store.extensions) == 10
