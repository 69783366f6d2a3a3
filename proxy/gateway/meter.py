"""A stream's reservation grows as its tokens flow: every `Accounting.slice` tokens, more is reserved before more is passed.

The policy says what happens at the edge (`failure.stream_over_quota`): `finish` lets the stream end, `slow` holds it back
until the quota frees, `stop` ends it at the next event boundary. Near the edge the slices shrink, so that all of a quota can
be used. What may pass beyond it is then at most one chunk and the error of the byte estimate, per stream (`stop`, `slow`), or
the rest of the answer (`finish`). What the model makes ahead of us while we hold back is bounded by the connection's buffers.

A `pace` (of a throttled account) holds a stream to so many tokens a second, whatever its quotas.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from proxy.core.claims import GROWING, affordable, more, room_for
from proxy.core.facts import Account, Ask, Usage
from proxy.core.policy import Policy
from proxy.core.quota import Claim, Denial
from proxy.errors import StoreError
from proxy.gateway.ports import Store

SHORTEST = 0.05
"""Seconds: a stream that is held back asks no oftener than this."""


class Meter:
    """One stream's meter. `flow` is told how many tokens have been made and answers once more may be passed."""

    def __init__(self, store: Store, request: str, account: Account, policy: Policy, ask: Ask) -> None:
        self._store = store
        self._request = request
        self._account = account
        self._policy = policy
        self._ask = ask
        self._claims: tuple[Claim, ...] = ()
        self._reserved = 0
        self._step = 0
        self._waited = 0.0
        """Seconds that the chunk at hand has been followed by silence."""
        self._holds = policy.enforce and policy.stream_over_quota != "finish"
        self._pace: float | None = None
        self._began = 0.0
        self._sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
        self._now: Callable[[], float] = time.monotonic

    def begin(self, claims: tuple[Claim, ...], output: int, *, pace: float | None = None) -> None:
        """`output` tokens are reserved by `claims` already. `pace`: most tokens per second."""
        self._claims = tuple(claim for claim in claims if claim.quota.unit in GROWING)
        self._reserved = output
        self._pace = pace
        self._began = self._now()

    async def flow(self, produced: int) -> Denial | None:
        """Reserves ahead of `produced` tokens. A `Denial` means: stop the stream at the next boundary."""
        self._waited = 0.0
        if self._pace is not None:
            await self._slowed(produced / self._pace)
        while self._claims and (missing := produced - self._reserved) >= 0 and (wished := missing + self._ahead(produced)):
            most = self._ever(wished)
            if (denial := await self._grow(min(missing + 1, most), most)) is not None:
                return denial
        return None

    async def _slowed(self, due: float) -> None:
        """Until `due` seconds after the beginning: what was made so far is then sent at the pace."""
        if (early := due - (self._now() - self._began)) > 0:
            await self._sleep(early)

    async def _grow(self, needed: int, wished: int) -> Denial | None:
        """Reserves `wished` tokens, or what is left of the quota if that is `needed` at least."""
        while True:
            denial = await self._extend(wished)
            if denial is None or not self._holds:
                self._reserved += wished
                return None
            left = self._left(denial, wished)
            if needed <= left < wished:
                wished = left
            elif self._policy.stream_over_quota == "slow" and wished > needed:
                wished = needed  # how long until that is free?
            else:
                pause = max(SHORTEST, denial.binding.frees_in)
                self._waited += pause
                if not self._may_wait(denial):
                    return denial
                await self._sleep(pause)

    async def _extend(self, output: int) -> Denial | None:
        """Every call is a step of its own, also after one whose answer was lost: it may have been counted."""
        self._step += 1
        claims = more(self._claims, output, self._ask.model, self._policy)
        try:
            verdict = await self._store.extend(self._request, self._account, claims, self._step)
        except StoreError:
            return None  # the stream was admitted; it is trued up when the store is back
        return verdict if isinstance(verdict, Denial) else None

    def _ahead(self, produced: int) -> int:
        """A slice, but not past the caller's own cap while it is kept: what will not be made need not be reserved."""
        size, cap = self._policy.accounting.slice, self._ask.output_cap
        return size if cap is None or produced > cap else min(size, cap - produced)

    def _ever(self, output: int) -> int:
        """No more than the quotas could hold when empty: a small quota is met in small slices, and waited for slice by slice."""
        if not self._holds:
            return output
        quotas = [claim.quota for claim in self._claims]
        return room_for(quotas, Usage(output=output), self._ask.model, self._policy.accounting)

    def _left(self, denial: Denial, output: int) -> int:
        """Of `output` tokens, how many still fit under the quota that binds."""
        quota, used = denial.binding.quota, denial.binding.used
        return affordable(quota, quota.burst - used, Usage(output=output), self._ask.model, self._policy.accounting)

    def _may_wait(self, denial: Denial) -> bool:
        return self._policy.stream_over_quota == "slow" and not denial.never and self._waited <= self._policy.idle_seconds
