"""The store, and what holds while it does not answer: `failure.store_lost`.

Each gateway then admits its share of every limit alone, from a ledger of its own, and says so (`Grant.local`). What was
served meanwhile is settled in the store when it is back.
"""

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from proxy.core.facts import Account
from proxy.core.ledger import Ledger
from proxy.core.policy import Policy
from proxy.core.quota import Claim, Denial, Grant, Quota, Unit
from proxy.errors import StoreError
from proxy.learning.observation import Observation
from proxy.stores.breaker import Breaker
from proxy.stores.redis_store import RedisStore

MOST = 100_000
"""Counts that the local ledger keeps; past it nobody new is served until the store is back."""

STANDINGS = 50_000
"""Accounts whose last standing, and whose organization, are remembered: who was blocked stays so while the store is lost."""


class SteadyStore:
    """The `Store` port over a store that may be lost."""

    def __init__(
        self, remote: RedisStore, breaker: Breaker, policy: Policy, clock: Callable[[], float], *, gateways: int = 1, index: int = 0
    ) -> None:
        self._remote = remote
        self._breaker = breaker
        self._policy = policy
        self._clock = clock
        self._ledger = Ledger(math.inf)
        self._local: set[str] = set()
        self._standings: dict[str, str] = {}
        self._met: dict[str, str] = {}
        self._new: dict[str, str] = {}
        self.gateways = gateways
        """Live workers on the store when it was last seen; at first, those of this gateway."""
        self.index = index
        """Which of them this one is, from 0."""

    def use(self, policy: Policy) -> None:
        self._policy = policy

    def take_met(self) -> dict[str, str]:
        """Organizations of accounts met for the first time since the last look, of those that are not their own: a command that names an
        account finds its standing by them."""
        new, self._new = self._new, {}
        return new

    def _meet(self, account: Account) -> None:
        if self._met.get(account.id) == account.organization:
            return
        self._met[account.id] = self._new[account.id] = account.organization
        if len(self._met) > STANDINGS:
            del self._met[next(iter(self._met))]

    def known(self, account: Account) -> str:
        return self._standings.get(account.id, "") if self._standings else ""

    def note(self, account: Account, name: str, text: str, seconds: float) -> None:
        if not self._breaker.open:
            self._remote.notes.note(account, name, text, seconds)

    async def remember(self, account: Account, notes: Mapping[str, str], seconds: float) -> None:
        if not self._breaker.open:
            await self._remote.notes.remember(account, notes, seconds)

    async def recall(self, account: Account, names: Sequence[str]) -> list[str | None]:
        return [None] * len(names) if self._breaker.open else await self._remote.notes.recall(account, names)

    async def reserve(self, request: str, account: Account, claims: Sequence[Claim], note: str = "") -> Grant | Denial:
        if self._breaker.allows():
            try:
                answer = await self._remote.reserve(request, account, claims, note)
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

    def observe(self, seen: Observation) -> None:
        self._remote.observe(seen)

    def _answered(self, account: Account, standing: str) -> None:
        self._breaker.succeeded()
        if account.organization != account.id:
            self._meet(account)
        if standing:
            self._standings[account.id] = standing
            if len(self._standings) > STANDINGS:
                del self._standings[next(iter(self._standings))]
        elif self._standings:
            self._standings.pop(account.id, None)

    def _alone(self, request: str, account: Account, claims: Sequence[Claim]) -> Grant | Denial:
        """Raises `StoreError` where the policy says refuse."""
        lost, at = self._policy.store_lost, self._clock()
        too_long = lost.then_refuse and self._breaker.open_for() > lost.seconds
        if lost.serve_locally <= 0 or too_long:
            raise StoreError("the store is lost")
        if not claims:  # what reserves nothing is never settled
            return Grant((), self._standings.get(account.id, ""), local=True)
        if self._ledger.crowded(MOST, at):
            raise StoreError("the store is lost")
        verdict = self._ledger.reserve(request, self._share(claims), at)
        if isinstance(verdict, Grant):
            self._local.add(request)
        return replace(verdict, local=True, standing=self._standings.get(account.id, ""))

    def _share(self, claims: Sequence[Claim]) -> list[Claim]:
        """The part of each limit that this worker may admit alone. What is less than one is one, for one worker of them all."""
        part = self._policy.store_lost.serve_locally / self.gateways
        return [replace(claim, quota=_part(claim.quota, part, chosen=self._chosen(claim.subject))) for claim in claims]

    def _chosen(self, subject: str) -> bool:
        return zlib.crc32(subject.encode()) % self.gateways == self.index


def _part(quota: Quota, part: float, *, chosen: bool) -> Quota:
    amount, burst = int(quota.amount * part), int(quota.burst * part)
    if not chosen and min(amount, burst) < 1:
        burst = 0
    elif chosen:
        burst = max(1, burst)
    return replace(quota, amount=max(1, amount), burst=burst)
