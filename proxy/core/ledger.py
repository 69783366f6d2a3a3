"""The ledger: how usage is counted. A pure model of what the store's scripts do, and the gateway's own when the store is lost.

* What is estimated (tokens, spend) is *held* by a lease until it is settled, and does not drain meanwhile.
* What is exact on arrival (requests) is used at once, and given back if the exchange never reached the upstream.
* A lease that is not renewed expires: what it held is charged, its place in flight is free, and a late settlement still
  trues it up, once.

`stores/lua` holds the same rules for Redis; a property test drives both with the same steps and compares every answer.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from proxy.core import windows
from proxy.core.quota import Claim, Denial, Grant, Meter, Unit

REMEMBERED = 600.0
"""Seconds that an ended request is remembered, so that a repeated call changes nothing."""

SOON = 1.0
"""Seconds: when a place in flight frees is not known; this is what a refused caller is told."""


@dataclass(slots=True)
class Count:
    """Usage of one quota by one subject."""

    claim: Claim
    """The newest that touched it: how it drains."""
    used: float = 0.0
    at: float = 0.0
    """Of a rate: when `used` was true, epoch seconds. Of a calendar budget: the number of its window."""
    held: float = 0.0


@dataclass(slots=True)
class Entry:
    """What one lease holds of one quota, and what it has been charged."""

    claim: Claim
    held: int = 0
    charged: int = 0


@dataclass(slots=True)
class Lease:
    """A running exchange's reservation."""

    since: float
    expires: float
    entries: list[Entry] = field(default_factory=list)
    step: int = 0
    live: bool = True


class Ledger:
    """Usage of any number of subjects. `lease` is how long a reservation lasts unrenewed, seconds."""

    def __init__(self, lease: float) -> None:
        self._lease = lease
        self._counts: dict[tuple[str, str], Count] = {}
        self._leases: dict[str, Lease] = {}
        self._ended: OrderedDict[str, float] = OrderedDict()
        self._pruned = 0.0

    def reserve(self, request: str, claims: Sequence[Claim], at: float) -> Grant | Denial:
        """All claims or none, under one lease. Asked again for the same request it answers and changes nothing."""
        self.sweep(at)
        if request in self._leases or request in self._ended:
            return Grant(self._meters(claims, at))
        if (denial := self._without_room(claims, at)) is not None:
            return denial
        lease = self._leases[request] = Lease(at, at + self._lease)
        for claim in claims:
            self._take(lease, claim, at)
        return Grant(self._meters(claims, at))

    def extend(self, request: str, claims: Sequence[Claim], step: int, at: float) -> Grant | Denial:
        """Counts as used what the lease held of these quotas, then holds `cost` more of each: all or none."""
        self.sweep(at)
        lease = self._leases.get(request)
        if request in self._ended and lease is None:
            return Grant(self._meters(claims, at))
        lease = self._leases.setdefault(request, Lease(at, at)) if lease is None else lease
        if step <= lease.step:
            return Grant(self._meters(claims, at))
        lease.step, lease.live, lease.expires = step, True, at + self._lease
        self._ended.pop(request, None)
        entries = [self._entry(lease, claim) for claim in claims]
        for entry in entries:
            self._charge_held(entry, at)
        if (denial := self._without_room(claims, at)) is not None:
            return denial
        for entry, claim in zip(entries, claims, strict=True):
            entry.held = claim.cost
            self._count(claim, at).held += claim.cost
        return Grant(self._meters(claims, at))

    def settle(self, request: str, claims: Sequence[Claim], actual: Mapping[Unit, int], at: float, age: float = 0.0) -> None:
        """Trues up to `actual` and ends the lease. Of an unknown request all is charged, but what of a rate would have drained in
        the `age` seconds since it ended: each gateway's own ledger has kept such requests to its share."""
        self.sweep(at)
        lease = self._leases.pop(request, None)
        if lease is None:
            if request in self._ended:
                return
            lease = Lease(at, at, [Entry(claim) for claim in claims])
            drained = {(claim.subject, claim.quota.field): age * claim.refill for claim in claims}
        else:
            drained = {}
        self._end(request, at)
        for entry in lease.entries:
            quota = entry.claim.quota
            known = drained.get((entry.claim.subject, quota.field), 0.0)
            self._true_up(entry, max(0.0, actual[quota.unit] - known), lease.since, at)

    def release(self, request: str, at: float) -> None:
        """Gives everything back."""
        self.sweep(at)
        lease = self._leases.pop(request, None)
        self._end(request, at)
        for entry in lease.entries if lease is not None else []:
            self._true_up(entry, 0, lease.since if lease is not None else at, at)

    def renew(self, request: str, at: float) -> None:
        """A sign of life of a running exchange."""
        lease = self._leases.get(request)
        if lease is None:
            return
        if not lease.live:  # it expired while the store was away, and runs all the same: its place in flight is taken again
            lease.live = True
            self._ended.pop(request, None)
            for entry in lease.entries:
                if entry.claim.quota.unit is Unit.IN_FLIGHT:
                    entry.held = 1
                    self._count(entry.claim, at).held += 1
        lease.expires = at + self._lease

    def sweep(self, at: float) -> None:
        """Ends what was not renewed, and forgets what ended long ago."""
        for request, lease in self._leases.items() if self._lease < math.inf else ():
            if lease.live and lease.expires <= at:
                lease.live = False
                self._end(request, at)
                for entry in lease.entries:
                    self._charge_held(entry, at)
        while self._ended and next(iter(self._ended.values())) <= at - REMEMBERED:
            request, _ = self._ended.popitem(last=False)
            self._leases.pop(request, None)

    def crowded(self, most: int, at: float) -> bool:
        """Are `most` counts in use? Those that have drained are forgotten first, once in a second at most."""
        if len(self._counts) >= most and abs(at - self._pruned) >= 1.0:
            self._pruned = at
            self._counts = {key: count for key, count in self._counts.items() if _drained(count, at).used or count.held}
        return len(self._counts) >= most

    def in_flight(self) -> int:
        """Live leases."""
        return sum(lease.live for lease in self._leases.values())

    def _end(self, request: str, at: float) -> None:
        self._ended.setdefault(request, at)

    def _count(self, claim: Claim, at: float) -> Count:
        """The count as it stands at `at`: drained, or begun anew."""
        count = self._counts.setdefault((claim.subject, claim.quota.field), Count(claim))
        count.claim = claim
        return _drained(count, at)

    def _without_room(self, claims: Sequence[Claim], at: float) -> Denial | None:
        full = [claim for claim in claims if self._filled(claim, at) + claim.cost > claim.limit]
        if not full:
            return None
        worst = max(full, key=lambda claim: (claim.cost > claim.limit, self._fits_in(claim, at)))
        binding = Meter(worst.quota, self._filled(worst, at), self._fits_in(worst, at))
        return Denial(binding, worst.cost, self._meters(claims, at))

    def _filled(self, claim: Claim, at: float) -> float:
        count = self._count(claim, at)
        return count.used + count.held

    def _fits_in(self, claim: Claim, at: float) -> float:
        """Seconds until `cost` more would fit, as far as can be known."""
        return _frees_in(claim, self._filled(claim, at) + claim.cost - claim.limit, at)

    def _meters(self, claims: Sequence[Claim], at: float) -> tuple[Meter, ...]:
        filled = ((claim, self._filled(claim, at)) for claim in claims)
        return tuple(Meter(claim.quota, used, _frees_in(claim, used, at)) for claim, used in filled)

    def _take(self, lease: Lease, claim: Claim, at: float) -> None:
        count = self._count(claim, at)
        if claim.quota.unit is Unit.REQUESTS:
            count.used += claim.cost
            lease.entries.append(Entry(claim, charged=claim.cost))
        else:
            count.held += claim.cost
            lease.entries.append(Entry(claim, held=claim.cost))

    def _entry(self, lease: Lease, claim: Claim) -> Entry:
        for entry in lease.entries:
            if (entry.claim.subject, entry.claim.quota.field) == (claim.subject, claim.quota.field):
                return entry
        lease.entries.append(Entry(claim))
        return lease.entries[-1]

    def _charge_held(self, entry: Entry, at: float) -> None:
        count = self._count(entry.claim, at)
        count.held = max(0.0, count.held - entry.held)
        if entry.claim.quota.unit is not Unit.IN_FLIGHT:
            count.used += entry.held
            entry.charged += entry.held
        entry.held = 0

    def _true_up(self, entry: Entry, actual: float, since: float, at: float) -> None:
        count = self._count(entry.claim, at)
        count.held = max(0.0, count.held - entry.held)
        if entry.claim.quota.unit is Unit.IN_FLIGHT:
            return
        change: float = actual - entry.charged
        if change < 0:
            change = -min(-change, _undrained(entry, since, at))
        count.used = max(0.0, count.used + change)


def _drained(count: Count, at: float) -> Count:
    window = count.claim.quota.window
    if window.kind == "rate":
        count.used = max(0.0, count.used - max(0.0, at - count.at) * count.claim.refill)
        count.at = max(count.at, at)
    elif window.kind == "calendar" and (number := windows.number(window.name, at)) > count.at:
        count.used, count.at = 0.0, number
    return count


def _undrained(entry: Entry, since: float, at: float) -> float:
    """What of a charge can still be in its count: more than that must not be given back, or it would mint quota."""
    window = entry.claim.quota.window
    if window.kind == "calendar":
        return entry.charged if windows.number(window.name, since) == windows.number(window.name, at) else 0.0
    return max(0.0, entry.charged - max(0.0, at - since) * entry.claim.refill)


def _frees_in(claim: Claim, excess: float, at: float) -> float:
    """Seconds until `excess` is gone from a count."""
    if excess <= 0:
        return 0.0
    if claim.quota.window.kind == "rate":
        return excess / claim.refill
    if claim.quota.window.kind == "calendar":
        return windows.ends_in(claim.quota.window.name, at)
    return SOON
