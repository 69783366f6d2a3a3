"""One ownership of one partition, from the lease to its end: by one policy after another, whatever the store does meanwhile.

Rule 1: an owner that was paused may wake up believing in its ownership: what it would remember then is refused, and its shift is over.
Rule 2: while the store is away everything waits, and one log line says so.
Rule 3: nothing that fails in learning ends a shift: it begins again from the checkpoint, without what was at fault (`analyst.care`).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from proxy.analyst.analyst import LINGER, Analyst
from proxy.analyst.care import Care
from proxy.analyst.ports import Leases, TakenError
from proxy.core.policy import Policy
from proxy.errors import StoreError

log = logging.getLogger(__name__)

BEAT = 1.0
"""Seconds between two renewals of a lease."""

LONGEST_PAUSE = 2.0
"""Seconds between two tries of a store that is away."""

FLUSH = 5.0
"""Seconds for the last checkpoint."""


class Reach:
    """Whether the store answers; told in one log line per change."""

    def __init__(self) -> None:
        self._reached = True
        self._pause = 0.1

    def answered(self) -> None:
        self._pause = 0.1
        if not self._reached:
            self._reached = True
            log.warning("the store answers the analyst again")

    def lost(self, error: StoreError) -> float:
        """Seconds until the next try."""
        if self._reached:
            self._reached = False
            log.error("the analyst waits for the store: %s", error)
        self._pause = min(LONGEST_PAUSE, self._pause * 2)
        return self._pause


class Orders(Protocol):
    """What a shift is told meanwhile."""

    @property
    def policy(self) -> Policy: ...

    def leaves(self, partition: int) -> bool:
        """It must end."""
        ...

    async def pause(self, seconds: float) -> None:
        """Shorter, where it must end."""
        ...


class Shift:
    """Ours until `run` returns."""

    def __init__(self, partition: int, ownership: int, leases: Leases, orders: Orders, reach: Reach) -> None:
        self.partition = partition
        self.ownership = ownership
        self._leases = leases
        self._orders = orders
        self._reach = reach
        self._lost = asyncio.Event()
        self.care = Care(orders.policy.risk.every)
        self.analyst: Analyst | None = None

    async def run(self, made: Callable[["Shift", Policy], Analyst]) -> None:
        """`made`: an analyst of this shift's partition, by a policy."""
        async with asyncio.TaskGroup() as group:
            renewing = group.create_task(self._renew())
            try:
                while not self._over():
                    policy = self._orders.policy
                    self.analyst = made(self, policy)
                    await self._carefully(policy, self.analyst)
            except TakenError as error:
                log.warning("partition %d of the observations: %s", self.partition, error)
            finally:
                renewing.cancel()
        await self._release()

    def _over(self) -> bool:
        return self._lost.is_set() or self._orders.leaves(self.partition)

    async def _carefully(self, policy: Policy, analyst: Analyst) -> None:
        self.care.every = policy.risk.every
        try:
            await self._by(policy, analyst)
        except TakenError:
            raise
        except Exception as error:  # noqa: BLE001  # learning is code of ours over what strangers send: whatever it is, the rest goes on
            if analyst.failed(error) == "other":
                await self._orders.pause(self.care.pause())

    async def _by(self, policy: Policy, analyst: Analyst) -> None:
        await self._surely(analyst.begin)
        while not self._over() and self._orders.policy is policy:
            if not await self._surely(analyst.round):
                await self._orders.pause(LINGER)
        if not self._lost.is_set():
            await self._end(analyst)

    async def _surely(self, work: Callable[[], Awaitable[bool | None]]) -> bool:
        """Does it again and again until the store has taken it, or the shift is over."""
        while not self._over():
            try:
                more = await work()
            except StoreError as error:
                await self._orders.pause(self._reach.lost(error))
            else:
                self._reach.answered()
                return bool(more)
        return False

    async def _end(self, analyst: Analyst) -> None:
        """The last checkpoint. Without it nothing is lost: the next owner begins where the last one was made."""
        try:
            async with asyncio.timeout(FLUSH):
                await analyst.end()
        except (StoreError, TimeoutError) as error:
            log.warning("the last checkpoint was not written (%s); what came after the one before is learned again", error)

    async def _renew(self) -> None:
        while not self._lost.is_set():
            try:
                if not await self._leases.renew(self.partition, self.ownership):
                    self._lost.set()
            except StoreError as error:
                self._reach.lost(error)
            await asyncio.sleep(BEAT)

    async def _release(self) -> None:
        try:
            await self._leases.release(self.partition, self.ownership)
        except StoreError:
            return  # it ends by itself
