"""The store, and what holds while it does not answer: `failure.store_lost`.

Each gateway then admits its share of every limit alone, from a ledger of its own, and says so (`Grant.local`). What was
served meanwhile is settled in the store when it is back.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from proxy.core.facts import Account
from proxy.core.ledger import Ledger
from proxy.core.policy import Policy
from proxy.core.quota import Claim, Denial, Grant, Unit
from proxy.errors import StoreError
from proxy.stores.breaker import Breaker
from proxy.stores.redis_store import RedisStore

MOST = 100_000
"""Counts that the local ledger keeps; past it nobody new is served until the store is back."""

STANDINGS = 50_000
"""Accounts whose last standing is remembered: who was blocked stays so while the store is lost."""


class SteadyStore:
    """The `Store` port over a store that may be lost."""

    def __init__(self, remote: RedisStore, breaker: Breaker, policy: Policy, clock: Callable[[], float], gateways: int = 1) -> None:
        self._remote = remote
        self._breaker = breaker
        self._policy = policy
        self._clock = clock
        self._ledger = Ledger(math.inf)
        self._local: set[str] = set()
        self._standings: dict[str, str] = {}
        self.gateways = gateways
        """Live workers on the store when it was last seen; before it was, those of this gateway."""

    def use(self, policy: Policy) -> None:
        self._policy = policy

    async def reserve(self, request: str, account: Account, claims: Sequence[Claim]) -> Grant | Denial:
        if self._breaker.allows():
            try:
                answer = await self._remote.reserve(request, account, claims)
            except StoreError as error:
                self._breaker.failed(str(error))
            else:
                self._answered(account, answer.standing)
                return answer
        try:
            verdict = self._alone(request, account, claims)
        except StoreError:
            self._remote.release(request, account, claims)  # the lost call may have been counted
            raise
        if isinstance(verdict, Denial) and self._policy.enforce:  # in shadow it is served, and settled in the end
            self._remote.release(request, account, claims)
        return verdict

    async def extend(self, request: str, account: Account, claims: Sequence[Claim], step: int) -> Grant | Denial:
        if request in self._local:
            return replace(self._ledger.extend(request, self._share(claims), step, self._clock()), local=True)
        if not self._breaker.allows():
            raise StoreError("the store is lost")
        try:
            verdict = await self._remote.extend(request, account, claims, step)
        except StoreError as error:
            self._breaker.failed(str(error))
            raise
        self._answered(account, verdict.standing)
        return verdict

    def settle(self, request: str, account: Account, claims: Sequence[Claim], actual: Mapping[Unit, int]) -> None:
        if request in self._local:
            self._local.discard(request)
            self._ledger.settle(request, (), actual, self._clock())
        self._remote.settle(request, account, claims, actual)

    def release(self, request: str, account: Account, claims: Sequence[Claim]) -> None:
        if request in self._local:
            self._local.discard(request)
            self._ledger.release(request, self._clock())
        self._remote.release(request, account, claims)

    def _answered(self, account: Account, standing: str) -> None:
        self._breaker.succeeded()
        if standing:
            self._standings[account.id] = standing
            if len(self._standings) > STANDINGS:
                del self._standings[next(iter(self._standings))]
        elif self._standings:
            self._standings.pop(account.id, None)

    def _alone(self, request: str, account: Account, claims: Sequence[Claim]) -> Grant | Denial:
        """Raises `StoreError` where the policy says refuse."""
        if not claims:
            return Grant((), self._standings.get(account.id, ""), local=True)
        lost, at = self._policy.store_lost, self._clock()
        too_long = lost.then_refuse and self._breaker.open_for() > lost.seconds
        if lost.serve_locally <= 0 or too_long or self._ledger.crowded(MOST, at):
            raise StoreError("the store is lost")
        verdict = self._ledger.reserve(request, self._share(claims), at)
        if isinstance(verdict, Grant):
            self._local.add(request)
        return replace(verdict, local=True, standing=self._standings.get(account.id, ""))

    def _share(self, claims: Sequence[Claim]) -> list[Claim]:
        """The part of each limit that this worker may admit alone; at least one of anything."""
        part = self._policy.store_lost.serve_locally / max(1, self.gateways)
        return [
            replace(claim, quota=replace(claim.quota, amount=_part(claim.quota.amount, part), burst=_part(claim.quota.burst, part)))
            for claim in claims
        ]


def _part(amount: int, part: float) -> int:
    return max(1, int(amount * part))
