"""The upstream's capacity, shared fairly when it is full.

Start-time fair queueing (Goyal, Vin, Cheng 1996) over accounts: an account's next request is tagged behind its last one by
cost / priority, and the smallest tag goes first, so that a noisy account waits behind itself and twice the priority gets
twice the share. The wait and the queue are bounded; who waits in vain is told 503, and costs nothing.

The limit holds per worker (the policy's figure divided by the workers): a shared counter would cost a second round trip.
"""

import asyncio
import heapq
from dataclasses import dataclass, field
from itertools import count

from proxy.core.policy import Capacity

MOST_TAGS = 10_000
"""Accounts remembered while somebody waits; whose tag is behind the queue's time is no different from a newcomer."""


@dataclass(order=True, slots=True)
class _Waiter:
    tag: float
    turn: int
    place: asyncio.Future[None] = field(compare=False)


class Places:
    """Places at the upstream. `enter` and `leave` come in pairs."""

    def __init__(self, capacity: Capacity, workers: int) -> None:
        self._workers = workers
        self._taken = 0
        self._waiting: list[_Waiter] = []
        self._last_tags: dict[str, float] = {}
        self._now = 0.0
        self._turns = count()
        self.use(capacity)

    def use(self, capacity: Capacity) -> None:
        """A new policy's figures; those who already wait keep their turn."""
        self._limit = max(1, capacity.in_flight // self._workers) if capacity.in_flight else 0
        self._patience = capacity.queue_seconds
        self._longest = capacity.queue_length
        self._admit()

    @property
    def taken(self) -> int:
        return self._taken

    def join(self) -> None:
        """Takes a place whether there is one or not: in shadow nobody waits."""
        self._taken += 1

    async def enter(self, account: str, priority: int, cost: int = 1) -> bool:
        """True once there is a place; False where the queue is full or the wait was too long. `cost`: tokens expected."""
        if not self._limit or (self._taken < self._limit and not self._waiting):
            self._taken += 1
            return True
        if len(self._waiting) >= self._longest:
            return False
        return await self._wait(account, max(1, cost) / max(1, priority))

    async def _wait(self, account: str, share: float) -> bool:
        tag = max(self._now, self._last_tags.get(account, 0.0)) + share
        self._last_tags[account] = tag
        if len(self._last_tags) > MOST_TAGS:
            self._last_tags = {name: last for name, last in self._last_tags.items() if last > self._now}
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(tag, next(self._turns), place)
        heapq.heappush(self._waiting, waiter)
        try:
            async with asyncio.timeout(self._patience):
                await asyncio.shield(place)
        except TimeoutError:
            if place.done():
                return True
            self._forget(waiter)
            return False
        except asyncio.CancelledError:
            if place.done():
                self.leave()
            else:
                self._forget(waiter)
            raise
        return True

    def leave(self) -> None:
        """Gives a place back."""
        self._taken -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and (not self._limit or self._taken < self._limit):
            waiter = heapq.heappop(self._waiting)
            self._now = max(self._now, waiter.tag)
            self._taken += 1
            waiter.place.set_result(None)
        if not self._waiting:
            self._last_tags.clear()

    def _forget(self, waiter: _Waiter) -> None:
        self._waiting.remove(waiter)
        heapq.heapify(self._waiting)
        if not self._waiting:
            self._last_tags.clear()
