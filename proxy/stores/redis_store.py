"""Counting in Redis: one script call before forwarding; settlements in batches, off the path, and observations with them.

Times are the server's. Every call is idempotent by request, so that a batch whose answer was lost is sent again.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from proxy.core.facts import Account
from proxy.core.quota import ASKED, Claim, Denial, Grant, Meter, Unit
from proxy.errors import StoreError
from proxy.learning.observation import Observation
from proxy.stores.connect import Connection, store_error
from proxy.stores.notes import RedisNotes, note_key
from proxy.stores.scripts import Call, run, run_all
from proxy.stores.stream import Outgoing, appending

log = logging.getLogger(__name__)

LEASE = 6.0
"""Seconds that a reservation outlives its worker."""

BATCH = 256
"""Settlements in one trip."""

GATHER = 0.05
"""Seconds in which observations gather before they ride with a batch: a call for each would cost more than making it."""

MOST_PENDING = 100_000
"""Settlements kept while the store is away, two kilobytes each; past it the oldest is dropped, and counted."""

PATIENCE = 2.0
"""Deadline of what nobody waits for, seconds."""

SCAN = 30.0
"""Deadline for looking through all keys, seconds."""

MONTH = 31 * 86400


class RedisStore:
    """The `Store` port. `work` and `beat` are loops that a task group runs beside it."""

    def __init__(
        self, connection: Connection, lease: float = LEASE, clock: Callable[[], float] = time.monotonic, *, partitions: int = 1
    ) -> None:
        """`partitions`: of the stream of observations."""
        self._connection = connection
        self.notes = RedisNotes(connection)
        self.observations = Outgoing(partitions)
        self._gathered = False
        """Have the observations that wait gathered for long enough?"""
        self._lease = lease
        self._clock = clock
        self._running: dict[str, str] = {}
        """Requests of this worker that hold a lease, or may: the answer was lost. With their organization."""
        self._active: dict[str, bool] = {}
        """Organizations with leases of this worker since its last beat; True once the store knows whom to sweep if we die."""
        self._pending: OrderedDict[str, Callable[[], Call]] = OrderedDict()
        """Made when it is sent: a settlement says how long ago its exchange ended."""
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

    async def reserve(self, request: str, account: Account, claims: Sequence[Claim], note: str = "") -> Grant | Denial:
        keys, places = _usage_keys(account, claims)
        notes = (note_key(account.organization, note),) if note else ()
        names = (*_lease_keys(account.organization), _standing_key(account), *keys, *notes)
        if claims:  # what reserves nothing is never settled
            self._running[request] = account.organization
        args = ("", self._lease, request, account.id, _packed(claims, places))
        found = await run(self._connection, Call("reserve", names, (*args, len(notes))))
        verdict = _verdict(found, claims)
        if isinstance(verdict, Denial):
            self._running.pop(request, None)
        elif account.organization not in self._active:
            self._active[account.organization] = False
            self._more.set()
        return verdict

    async def extend(self, request: str, account: Account, claims: Sequence[Claim], step: int) -> Grant | Denial:
        keys, places = _usage_keys(account, claims)
        names = (*_lease_keys(account.organization), _standing_key(account), *keys)
        call = Call("extend", names, ("", self._lease, request, account.id, step, _packed(claims, places)))
        return _verdict(await run(self._connection, call), claims)

    def settle(self, request: str, account: Account, claims: Sequence[Claim], actual: Mapping[Unit, int]) -> None:
        keys, places = _usage_keys(account, claims)
        names = (*_lease_keys(account.organization), *keys)
        args, ended = ("", self._lease, request, _packed(claims, places, actual)), self._clock()
        self._later(request, lambda: Call("settle", names, (*args, self._clock() - ended)))

    def release(self, request: str, account: Account, claims: Sequence[Claim]) -> None:
        if request in self._running:  # else the store was never asked
            call = Call("release", _lease_keys(account.organization), ("", self._lease, request))
            self._later(request, lambda: call)

    def observe(self, seen: Observation) -> None:
        if not self.observations:
            asyncio.get_running_loop().call_later(GATHER, self._have_gathered)
        self.observations.put(seen)

    def _have_gathered(self) -> None:
        if self.observations:
            self._gathered = True
            self._more.set()

    def _later(self, request: str, make: Callable[[], Call]) -> None:
        self._running.pop(request, None)
        self._pending[request] = make
        if len(self._pending) > MOST_PENDING:
            self._pending.popitem(last=False)
            self._dropped += 1
        self._more.set()

    async def work(self) -> None:
        """Writes settlements as they come, for ever."""
        while True:
            await self._more.wait()
            self._more.clear()
            await self._tell_active()
            while self._pending or self._gathered:
                if not await self.flush(learned=self._gathered):
                    await asyncio.sleep(0.2)

    async def flush(self, *, learned: bool = True) -> bool:
        """One batch; what failed goes to the end, so that it never keeps others waiting. False where nothing was written.
        `learned`: with observations."""
        batch, seen = dict(islice(self._pending.items(), BATCH)), self.observations.batch() if learned else {}
        calls = [*(make() for make in batch.values()), *(appending(partition, some) for partition, some in seen.items())]
        try:
            results = await run_all(self._connection, calls, PATIENCE)
        except StoreError:
            return False
        for some, result in zip(seen.values(), results[len(batch) :], strict=True):
            (self.observations.failed if isinstance(result, Exception) else self.observations.written)(some)
        self._gathered = self._gathered and bool(self.observations)
        for (request, make), result in zip(batch.items(), results[: len(batch)], strict=True):
            if self._pending.get(request) is not make:
                continue
            if isinstance(result, Exception):
                self._pending.move_to_end(request)
            else:
                del self._pending[request]
        return not all(isinstance(result, Exception) for result in results)

    async def drain(self, seconds: float) -> bool:
        """Writes what is left before the worker goes; True where nothing is."""
        try:
            async with asyncio.timeout(seconds):
                while self._pending or self.observations:
                    if not await self.flush():
                        await asyncio.sleep(0.05)
        except TimeoutError:
            left = len(self._pending), len(self.observations)
            log.error("%d settlements could not be written; their leases expire and are charged as estimated. Nor %d observations", *left)
        return not self._pending and not self.observations

    async def beat(self, at: float) -> None:
        """Renews the leases of what still runs, and ends those that others left behind. Raises `StoreError`."""
        by_organization: dict[str, list[str]] = {}
        for request, organization in self._running.items():
            by_organization.setdefault(organization, []).append(request)
        calls = [Call("renew", _lease_keys(name), ("", self._lease, *requests)) for name, requests in by_organization.items()]
        for start in range(0, len(calls), BATCH):
            await run_all(self._connection, calls[start : start + BATCH], PATIENCE)
        self._active = dict.fromkeys(by_organization, True)
        await self._remember_active(by_organization, at)
        await self._sweep_abandoned(at)
        await self._connection.follow()

    async def _tell_active(self) -> None:
        """At once and not with the next beat, which a killed worker does not live to see. Due now: the next beat says until when."""
        new = [name for name, told in self._active.items() if not told]
        self._active |= dict.fromkeys(new, True)
        try:
            if new:
                await self._connection.run(lambda client: client.zadd("sg:active", dict.fromkeys(new, 0.0), nx=True), PATIENCE)
        except StoreError:
            return  # the beat tells them too

    async def _remember_active(self, organizations: Iterable[str], at: float) -> None:
        due = dict.fromkeys(organizations, at + self._lease + 1.0)
        if due:
            await self._connection.run(lambda client: client.zadd("sg:active", due), PATIENCE)

    async def _sweep_abandoned(self, at: float) -> None:
        """An organization whose gateways are all gone is swept by whichever gateway finds it first."""
        stale: list[str] = await self._connection.run(
            lambda client: client.zrangebyscore("sg:active", "-inf", at, start=0, num=BATCH), PATIENCE
        )
        if not stale:
            return
        alive = await run_all(self._connection, [Call("renew", _lease_keys(name), ("", self._lease)) for name in stale], PATIENCE)
        # Some may still run, on a gateway whose clock is behind ours; some could not be asked: they are looked at again.
        empty = [name for name, count in zip(stale, alive, strict=True) if count == 0]
        if empty:
            await self._connection.run(lambda client: client.zrem("sg:active", *empty), PATIENCE)

    async def in_flight(self) -> list[dict[str, Any]]:
        """What is in flight over all gateways, for people: request, account, age in seconds. Raises `StoreError`."""

        async def organizations(client: Any) -> list[str]:
            keys = {key async for key in client.scan_iter(match="sg:{*}:live", count=1000)}
            return sorted(key[len("sg:{") : -len("}:live")] for key in keys)

        names = await self._connection.run(organizations, SCAN)
        found = []
        for start in range(0, len(names), BATCH):
            calls = [Call("inspect", _lease_keys(name), ("", self._lease)) for name in names[start : start + BATCH]]
            for leases in await run_all(self._connection, calls, PATIENCE):
                if isinstance(leases, Exception):
                    raise store_error(leases) from leases
                found += [{"request": request, "account": account, "age": float(age)} for request, account, age in leases]
        return found


def _lease_keys(organization: str) -> tuple[str, str, str]:
    prefix = f"sg:{{{organization}}}:"
    return prefix + "live", prefix + "leases", prefix + "ended"


def _standing_key(account: Account) -> str:
    return f"sg:{{{account.organization}}}:s:{account.id}"


def _usage_keys(account: Account, claims: Sequence[Claim]) -> tuple[tuple[str, ...], dict[str, int]]:
    """One hash per subject, one set per claim of distinct things, and each one's place in the list."""
    names = list(dict.fromkeys([*(f"u:{claim.subject}" for claim in claims), *(_set_name(claim) for claim in claims if claim.members)]))
    return tuple(f"sg:{{{account.organization}}}:{name}" for name in names), {name: place for place, name in enumerate(names)}


def _set_name(claim: Claim) -> str:
    return f"d:{claim.subject}/{claim.quota.field}"


def _packed(claims: Sequence[Claim], places: Mapping[str, int], actual: Mapping[Unit, int] | None = None) -> bytes:
    """Nine values a claim, or twelve, as `common.lua` reads them."""
    return msgspec.msgpack.encode([
        (
            places["u:" + claim.subject], claim.quota.field, claim.quota.window.kind, claim.quota.window.name, claim.quota.unit.value,
            claim.refill, claim.limit, claim.cost if actual is None or claim.quota.unit in ASKED else actual[claim.quota.unit],
            keep_for(claim), *((places[_set_name(claim)], claim.stay, claim.members) if claim.members else ()),
        )
        for claim in claims
    ])  # fmt: skip


def keep_for(claim: Claim) -> int:
    """Seconds that usage must outlast its last change: the window, or until a full bucket has drained."""
    window = claim.quota.window
    drained = claim.limit / claim.refill if claim.refill else 0.0
    return min(MONTH, int(max(600.0, window.seconds, drained)) + 1)


def _verdict(found: str, claims: Sequence[Claim]) -> Grant | Denial:
    """The scripts' answer, as records."""
    line, noted, standing = found.split("\n", 2)
    note = noted[1:] if noted else None
    binding, wait, *rest = map(float, line.split())
    meters = tuple(Meter(claim.quota, rest[2 * i], rest[2 * i + 1]) for i, claim in enumerate(claims))
    if not binding:
        return Grant(meters, standing, note)
    which = int(binding) - 1
    worst = Meter(claims[which].quota, meters[which].used, wait)
    return Denial(worst, claims[which].cost, meters, standing, note)
