"""Counting in Redis: one script call before forwarding; settlements in batches, off the path.

Times are the server's. Every call is idempotent by request, so that a batch whose answer was lost is sent again.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from proxy.core.facts import Account
from proxy.core.quota import Claim, Denial, Grant, Meter, Unit
from proxy.errors import StoreError
from proxy.stores.connect import Connection
from proxy.stores.scripts import Call, run, run_all

log = logging.getLogger(__name__)

LEASE = 6.0
"""Seconds that a reservation outlives its worker."""

BATCH = 256
"""Settlements in one trip."""

MOST_PENDING = 200_000
"""Settlements kept while the store is away; past it the oldest is dropped, and counted."""

PATIENCE = 2.0
"""Deadline of what nobody waits for, seconds."""

MONTH = 31 * 86400


class RedisStore:
    """The `Store` port. `work` and `beat` are loops that a task group runs beside it."""

    def __init__(self, connection: Connection, lease: float = LEASE) -> None:
        self._connection = connection
        self._lease = lease
        self._running: dict[str, str] = {}
        """Requests of this worker that hold a lease, and their organization."""
        self._pending: OrderedDict[str, Call] = OrderedDict()
        self._more = asyncio.Event()
        self._dropped = 0

    @property
    def pending(self) -> int:
        """Settlements that are not yet written."""
        return len(self._pending)

    def take_dropped(self) -> int:
        """Settlements given up since the last look."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    async def reserve(self, request: str, account: Account, claims: Sequence[Claim]) -> Grant | Denial:
        keys, places = _usage_keys(account, claims)
        names = (*_lease_keys(account.organization), _standing_key(account), *keys)
        found = await run(self._connection, Call("reserve", names, ("", self._lease, request, account.id, *_flat(claims, places))))
        verdict = _verdict(found, claims)
        if isinstance(verdict, Grant):
            self._running[request] = account.organization
        return verdict

    async def extend(self, request: str, account: Account, claims: Sequence[Claim], step: int) -> Grant | Denial:
        keys, places = _usage_keys(account, claims)
        names = (*_lease_keys(account.organization), _standing_key(account), *keys)
        call = Call("extend", names, ("", self._lease, request, account.id, step, *_flat(claims, places)))
        return _verdict(await run(self._connection, call), claims)

    def settle(self, request: str, account: Account, claims: Sequence[Claim], actual: Mapping[Unit, int]) -> None:
        keys, places = _usage_keys(account, claims)
        names = (*_lease_keys(account.organization), *keys)
        args = ("", self._lease, request, *_flat(claims, places, actual))
        self._later(request, Call("settle", names, args))

    def release(self, request: str, account: Account, claims: Sequence[Claim]) -> None:
        self._later(request, Call("release", _lease_keys(account.organization), ("", self._lease, request)))

    def _later(self, request: str, call: Call) -> None:
        self._running.pop(request, None)
        self._pending[request] = call
        if len(self._pending) > MOST_PENDING:
            self._pending.popitem(last=False)
            self._dropped += 1
        self._more.set()

    async def work(self) -> None:
        """Writes settlements as they come, for ever."""
        while True:
            await self._more.wait()
            self._more.clear()
            while self._pending:
                if not await self.flush():
                    await asyncio.sleep(0.2)

    async def flush(self) -> bool:
        """One batch; what failed stays for the next. False where the store did not answer."""
        batch = dict(list(self._pending.items())[:BATCH])
        try:
            results = await run_all(self._connection, list(batch.values()), PATIENCE)
        except StoreError:
            return False
        failed = 0
        for request, result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                failed += 1
            elif self._pending.get(request) is batch[request]:
                del self._pending[request]
        return failed == 0

    async def drain(self, seconds: float) -> bool:
        """Writes what is left before the worker goes; True where nothing is."""
        try:
            async with asyncio.timeout(seconds):
                while self._pending:
                    if not await self.flush():
                        await asyncio.sleep(0.05)
        except TimeoutError:
            log.error("%d settlements could not be written; their leases expire and are charged as estimated", len(self._pending))
        return not self._pending

    async def beat(self, at: float) -> None:
        """Renews the leases of what still runs, and ends those that others left behind. Raises `StoreError`."""
        by_organization: dict[str, list[str]] = {}
        for request, organization in self._running.items():
            by_organization.setdefault(organization, []).append(request)
        calls = [Call("renew", _lease_keys(name), ("", self._lease, *requests)) for name, requests in by_organization.items()]
        for start in range(0, len(calls), BATCH):
            await run_all(self._connection, calls[start : start + BATCH], PATIENCE)
        await self._remember_active(by_organization, at)
        await self._sweep_abandoned(at)

    async def _remember_active(self, organizations: Iterable[str], at: float) -> None:
        due = dict.fromkeys(organizations, at + self._lease + 1.0)
        if due:
            await self._connection.run(lambda client: client.zadd("sg:active", due), PATIENCE)

    async def _sweep_abandoned(self, at: float) -> None:
        """An organization whose gateways are all gone is swept by whichever gateway finds it first."""
        stale: list[str] = await self._connection.run(
            lambda client: client.zrangebyscore("sg:active", "-inf", at, start=0, num=BATCH), PATIENCE
        )
        if stale:
            await run_all(self._connection, [Call("renew", _lease_keys(name), ("", self._lease)) for name in stale], PATIENCE)
            await self._connection.run(lambda client: client.zrem("sg:active", *stale), PATIENCE)

    async def in_flight(self) -> list[dict[str, Any]]:
        """What is in flight over all gateways, for people: request, account, age in seconds."""
        found = []
        async for key in self._connection.client.scan_iter(match="sg:{*}:live", count=1000):
            organization = key[len("sg:{") : -len("}:live")]
            for request, account, age in await run(
                self._connection, Call("inspect", _lease_keys(organization), ("", self._lease)), PATIENCE
            ):
                found.append({"request": request, "account": account, "age": float(age)})
        return found


def _lease_keys(organization: str) -> tuple[str, str, str]:
    prefix = f"sg:{{{organization}}}:"
    return prefix + "live", prefix + "leases", prefix + "ended"


def _standing_key(account: Account) -> str:
    return f"sg:{{{account.organization}}}:s:{account.id}"


def _usage_keys(account: Account, claims: Sequence[Claim]) -> tuple[tuple[str, ...], dict[str, int]]:
    """One hash per subject, and each subject's place in the list."""
    subjects = list(dict.fromkeys(claim.subject for claim in claims))
    return tuple(f"sg:{{{account.organization}}}:u:{name}" for name in subjects), {name: place for place, name in enumerate(subjects)}


def _flat(claims: Sequence[Claim], places: Mapping[str, int], actual: Mapping[Unit, int] | None = None) -> list[object]:
    """Nine values a claim, as `common.lua` reads them."""
    flat: list[object] = []
    for claim in claims:
        quota = claim.quota
        cost = claim.cost if actual is None else actual[quota.unit]
        flat += (
            places[claim.subject], quota.field, quota.window.kind, quota.window.name, quota.unit.value,
            repr(claim.refill), claim.limit, cost, keep_for(claim),
        )  # fmt: skip
    return flat


def keep_for(claim: Claim) -> int:
    """Seconds that usage must outlast its last change: the window, or until a full bucket has drained."""
    window = claim.quota.window
    drained = claim.limit / claim.refill if claim.refill else 0.0
    return min(MONTH, int(max(600.0, window.seconds, drained)) + 1)


def _verdict(found: Sequence[Any], claims: Sequence[Claim]) -> Grant | Denial:
    """The scripts' answer, as records."""
    binding, standing, wait, *rest = found
    numbers = [float(value) for value in rest]
    meters = tuple(Meter(claim.quota, numbers[2 * i], numbers[2 * i + 1]) for i, claim in enumerate(claims))
    if not int(binding):
        return Grant(meters, str(standing))
    claim = claims[int(binding) - 1]
    worst = Meter(claim.quota, meters[int(binding) - 1].used, float(wait))
    return Denial(worst, claim.cost, meters, str(standing))
