"""Places at a full upstream: bounded, fair by priority, and never leaked by a caller who gives up."""

import asyncio

from proxy.core.policy import Capacity
from proxy.gateway.capacity import Places


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_without_a_limit_everybody_enters() -> None:
    places = Places(Capacity(0, 0.0, 0), workers=1)
    assert all([await places.enter("ann", 1) for _ in range(1000)])


async def test_the_figure_is_shared_by_the_workers() -> None:
    places = Places(Capacity(8, 0.0, 0), workers=4)
    assert [await places.enter("ann", 1) for _ in range(3)] == [True, True, False]


async def test_a_queue_has_an_end_and_a_wait_too() -> None:
    places = Places(Capacity(1, 0.01, 1), workers=1)
    assert await places.enter("ann", 1)
    first = asyncio.ensure_future(places.enter("bob", 1))
    await settle()
    assert not await places.enter("eve", 1), "the queue is full"
    assert not await first, "the wait was too long"
    places.leave()
    assert places.taken == 0


async def test_a_noisy_account_waits_behind_itself_and_priority_doubles_the_share() -> None:
    places = Places(Capacity(1, 60.0, 100), workers=1)
    assert await places.enter("first", 1)
    order: list[str] = []

    async def ask(account: str, priority: int) -> None:
        assert await places.enter(account, priority)
        order.append(account)

    tasks = [asyncio.ensure_future(ask("noisy", 1)) for _ in range(6)]
    await settle()
    tasks += [asyncio.ensure_future(ask("paying", 2)) for _ in range(4)]
    tasks += [asyncio.ensure_future(ask("quiet", 1))]
    await settle()
    for _ in range(11):
        places.leave()
        await settle()
    await asyncio.gather(*tasks)
    assert order.index("quiet") < 4, order
    assert order[:6].count("paying") >= 3, order


async def test_who_gives_up_leaks_no_place() -> None:
    places = Places(Capacity(1, 60.0, 100), workers=1)
    assert await places.enter("ann", 1)
    waiting = [asyncio.ensure_future(places.enter("bob", 1)) for _ in range(5)]
    await settle()
    for task in waiting[:3]:
        task.cancel()
    places.leave()  # admits a fourth in the same tick as the cancellations arrive
    waiting[3].cancel()
    await asyncio.gather(*waiting[:4], return_exceptions=True)
    assert await waiting[4]
    assert places.taken == 1
    places.leave()
    assert places.taken == 0


async def test_a_new_policy_lets_more_in_at_once() -> None:
    places = Places(Capacity(1, 60.0, 100), workers=1)
    assert await places.enter("ann", 1)
    waiting = asyncio.ensure_future(places.enter("bob", 1))
    await settle()
    places.use(Capacity(2, 60.0, 100))
    assert await waiting
