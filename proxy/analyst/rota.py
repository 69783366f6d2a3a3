"""Who learns from which partition. Analysts on one store share the partitions; each has one owner at a time.

Rule: nobody owns more than its share, so that an analyst that joins finds something to do; who finds nothing stands by.
"""

import asyncio
import math
from collections.abc import Callable, Mapping
from typing import Any

from proxy.analyst.analyst import Analyst
from proxy.analyst.ports import Leases, Ports, Restore
from proxy.analyst.shift import BEAT, Reach, Shift
from proxy.core.policy import Policy
from proxy.errors import StoreError


class Rota:
    """Learns from as many partitions as are its share, by one policy at a time."""

    def __init__(
        self, leases: Leases, opened: Callable[[int, int], Ports], restore: Restore, clock: Callable[[], float], policy: Policy
    ) -> None:
        """`opened`: the ports of a partition, for an ownership of that number."""
        self._leases = leases
        self._opened = opened
        self._restore = restore
        self._clock = clock
        self._reach = Reach()
        self._share = 1
        self._stopping = asyncio.Event()
        self.policy = policy
        """Another one may be put here at any time: it holds from the next round on, and what was learned stays."""
        self._shifts: dict[int, Shift | None] = {}
        """By partition; None while we try to become its owner."""

    @property
    def analysts(self) -> dict[int, Analyst]:
        """By partition, of those that have begun."""
        shifts = {partition: shift.analyst for partition, shift in self._shifts.items() if shift is not None}
        return {partition: analyst for partition, analyst in shifts.items() if analyst is not None}

    @property
    def troubles(self) -> dict[int, tuple[int, str]]:
        """By partition: how many faults there were, and the last of them in words. Only of those that had any."""
        shifts = {partition: shift for partition, shift in self._shifts.items() if shift is not None}
        return {partition: (shift.care.count, shift.care.trouble) for partition, shift in shifts.items() if shift.care.count}

    async def run(self, partitions: int, stopping: asyncio.Event, says: Callable[[], Mapping[str, Any]]) -> None:
        """Until `stopping`; then everything is remembered, and what was owned is free. `says`: what this analyst tells of itself."""
        self._stopping = stopping
        async with asyncio.TaskGroup() as group:
            signing = group.create_task(self._sign(partitions, says))
            keeping = [group.create_task(self._keep(partition)) for partition in range(partitions)]
            await asyncio.wait(keeping)
            signing.cancel()

    def leaves(self, partition: int) -> bool:
        """Must the shift on a partition end?"""
        return self._stopping.is_set() or (len(self._shifts) > self._share and partition == max(self._shifts))

    async def pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _sign(self, partitions: int, says: Callable[[], Mapping[str, Any]]) -> None:
        while True:
            try:
                self._share = math.ceil(partitions / max(1, await self._leases.sign(says())))
            except StoreError as error:
                self._reach.lost(error)
            await asyncio.sleep(BEAT)

    async def _keep(self, partition: int) -> None:
        while not self._stopping.is_set():
            if len(self._shifts) < self._share:
                self._shifts[partition] = None
                await self._try(partition)
                del self._shifts[partition]
            await self.pause(BEAT)

    async def _try(self, partition: int) -> None:
        try:
            ownership = await self._leases.acquire(partition)
        except StoreError as error:
            self._reach.lost(error)
            return
        self._reach.answered()
        if ownership:
            shift = self._shifts[partition] = Shift(partition, ownership, self._leases, self, self._reach)
            await shift.run(self._made)

    def _made(self, shift: Shift, policy: Policy) -> Analyst:
        return Analyst(self._opened(shift.partition, shift.ownership), policy, self._restore, self._clock, shift.care)
