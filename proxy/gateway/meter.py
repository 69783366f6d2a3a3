"""A stream's reservation grows as its tokens flow: every `Accounting.slice` tokens, more is reserved before more is passed.

The policy says what happens at the edge (`failure.stream_over_quota`): `finish` lets the stream end, `slow` holds it back
until the quota frees, `stop` ends it at the next event boundary. What may pass beyond the quota is then at most one slice
and the error of the byte estimate, per stream (`stop`, `slow`), or the rest of the answer (`finish`).
"""

import asyncio
from collections.abc import Awaitable, Callable

from proxy.core.engine import more
from proxy.core.facts import Account, Ask
from proxy.core.policy import Policy
from proxy.core.quota import Claim, Denial
from proxy.errors import StoreError
from proxy.gateway.ports import Store


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
        self._step = 1
        self._sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def begin(self, claims: tuple[Claim, ...], output: int) -> None:
        """`output` tokens are reserved by `claims` already."""
        self._claims = claims
        self._reserved = output

    async def flow(self, produced: int) -> Denial | None:
        """Reserves ahead of `produced` tokens. A `Denial` means: stop the stream at the next boundary."""
        if produced < self._reserved or not self._claims:
            return None
        amount = produced - self._reserved + self._policy.accounting.slice
        claims = more(self._claims, amount, self._ask.model, self._policy)
        if not claims:
            self._claims = ()
            return None
        denial = await self._extend(claims)
        if denial is None or self._policy.stream_over_quota == "finish" or not self._policy.enforce:
            self._reserved += amount
            return None
        return denial

    async def _extend(self, claims: tuple[Claim, ...]) -> Denial | None:
        waited = 0.0
        while True:
            try:
                verdict = await self._store.extend(self._request, self._account, claims, self._step)
            except StoreError:
                return None  # the stream was admitted; it is trued up when the store is back
            self._step += 1
            if not isinstance(verdict, Denial):
                return None
            pause = verdict.binding.frees_in
            if not self._may_wait(verdict, waited + pause):
                return verdict
            await self._sleep(max(0.05, pause))
            waited += pause

    def _may_wait(self, denial: Denial, total: float) -> bool:
        return self._policy.stream_over_quota == "slow" and not denial.never and total <= self._policy.idle_seconds
