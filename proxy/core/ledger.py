"""The ledger: how usage is counted. A pure model of what the store's scripts do, and the gateway's own when the store is lost.

* What is estimated (tokens, spend) is *held* by a lease until it is settled, and does not drain meanwhile.
* What is exact on arrival (requests) is used at once, and given back if the exchange never reached the upstream.
* Distinct things (biased token ids) are used at once too, those that the window has not seen; what is given back is forgotten again,
  unless another exchange has used it since.
* A lease that is not renewed expires: what it held is charged, its place in flight is free, and a late settlement still
  trues it up, once. A sign of life that comes late revives it: its place in flight is taken again, room or not.
* What is settled late (it was served while the store was lost) drains from when it was used: in the time in which its bucket
  is known to have stood empty since. No second of that serves twice, so in whatever order it comes, no quota is minted.

`stores/lua` holds the same rules for Redis; a property test drives both with the same steps and compares every answer.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from proxy.core import windows
from proxy.core.counts import Count, charge, drained, meet, part, served_idle, stepped
from proxy.core.quota import ASKED, Claim, Denial, Grant, Meter, Unit

EXACT = ASKED | {Unit.REQUESTS}
"""Known on arrival: used at once, and not held until the answer has come."""

REMEMBERED = 600.0
"""Seconds that an ended request is remembered, so that a repeated call changes nothing."""

SOON = 1.0
"""Seconds: when a place in flight frees is not known; this is what a refused caller is told."""

DUST = 1e-9
"""What is left of a count that floats could not bring to nothing."""


@dataclass(slots=True)
class Entry:
    """What one lease holds of one quota, and what it has been charged."""

    claim: Claim
    held: int = 0
    charged: int = 0
    new: tuple[int, ...] = ()
    """Of distinct things: those that this exchange was the first to use."""
    met: float = 0.0
    """When they were counted, on the count's own clock."""


@dataclass(slots=True)
class Lease:
    """A running exchange's reservation."""

    since: float
    entries: list[Entry] = field(default_factory=list)
    step: int = 0


class Ledger:
    """Usage of any number of subjects. `lease` is how long a reservation lasts unrenewed, seconds."""

    def __init__(self, lease: float) -> None:
        self._lease = lease
        self._counts: dict[tuple[str, str], Count] = {}
        self._leases: dict[str, Lease] = {}
        """Alive, or expired and not yet settled."""
        self._live: OrderedDict[str, float] = OrderedDict()
        """Request -> expiry, the next to expire first."""
        self._ended: OrderedDict[str, float] = OrderedDict()
        self._pruned = 0.0

    def reserve(self, request: str, claims: Sequence[Claim], at: float) -> Grant | Denial:
        """All claims or none, under one lease. Asked again for the same request it answers and changes nothing."""
        self.sweep(at)
        if request in self._leases or request in self._ended:
            return Grant(self._meters(claims, at))
        if (denial := self._without_room(claims, at)) is not None:
            return denial
        lease = self._leases[request] = Lease(at)
        self._lives(request, at)
        for claim in claims:
            self._take(lease, claim, at)
        return Grant(self._meters(claims, at))

    def extend(self, request: str, claims: Sequence[Claim], step: int, at: float) -> Grant | Denial:
        """Counts as used what the lease held of these quotas, then holds `cost` more of each: all or none."""
        self.sweep(at)
        lease = self._leases.get(request)
        if request in self._ended and lease is None:
            return Grant(self._meters(claims, at))
        lease = self._leases.setdefault(request, Lease(at)) if lease is None else lease
        if step <= lease.step:
            return Grant(self._meters(claims, at))
        lease.step = step
        self._revive(request, lease, at)
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
        """Trues up to `actual` and ends the lease. Of an unknown request, which ended `age` seconds ago, all of it is charged."""
        self.sweep(at)
        lease = self._leases.get(request)
        if lease is None and request not in self._ended:
            for claim in claims:
                unit = claim.quota.unit
                self._charge_late(claim, claim.cost if unit in ASKED else actual[unit], at - age, at)
        if lease is not None:
            for entry in lease.entries:
                unit = entry.claim.quota.unit
                self._true_up(entry, entry.charged if unit in ASKED else actual[unit], lease.since, at)
        self._drop(request, at)

    def release(self, request: str, at: float) -> None:
        """Gives everything back."""
        self.sweep(at)
        lease = self._leases.get(request)
        if lease is not None:
            for entry in lease.entries:
                self._true_up(entry, self._kept(entry, at), lease.since, at)
        self._drop(request, at)

    def renew(self, request: str, at: float) -> None:
        """A sign of life of a running exchange."""
        lease = self._leases.get(request)
        if lease is not None:
            self._revive(request, lease, at)

    def sweep(self, at: float) -> None:
        """Ends what was not renewed, and forgets what ended long ago."""
        while self._live and next(iter(self._live.values())) <= at:
            request, _ = self._live.popitem(last=False)
            self._end(request, at)
            for entry in self._leases[request].entries:
                self._charge_held(entry, at)
        while self._ended and next(iter(self._ended.values())) <= at - REMEMBERED:
            request, _ = self._ended.popitem(last=False)
            self._leases.pop(request, None)

    def crowded(self, most: int, at: float) -> bool:
        """Are `most` counts in use? Those that have drained are forgotten first, once in a second at most."""
        if len(self._counts) >= most and abs(at - self._pruned) >= 1.0:
            self._pruned = at
            self._counts = {key: count for key, count in self._counts.items() if drained(count, at).used or count.held}
        return len(self._counts) >= most

    def in_flight(self) -> int:
        """Live leases."""
        return len(self._live)

    def _lives(self, request: str, at: float) -> None:
        self._live[request] = at + self._lease
        self._live.move_to_end(request)

    def _revive(self, request: str, lease: Lease, at: float) -> None:
        """The exchange runs: whatever had expired, its place in flight is taken. What was charged stays so."""
        self._lives(request, at)
        if self._ended.pop(request, None) is None:
            return
        for entry in lease.entries:
            if entry.claim.quota.unit is Unit.IN_FLIGHT:
                entry.held = 1
                self._count(entry.claim, at).held += 1

    def _drop(self, request: str, at: float) -> None:
        self._live.pop(request, None)
        self._leases.pop(request, None)
        self._end(request, at)

    def _end(self, request: str, at: float) -> None:
        self._ended.setdefault(request, at)

    def _count(self, claim: Claim, at: float) -> Count:
        """The count as it stands at `at`: drained, or begun anew."""
        count = self._counts.setdefault((claim.subject, claim.quota.field), Count(claim))
        count.claim = claim
        return drained(count, at)

    def _without_room(self, claims: Sequence[Claim], at: float) -> Denial | None:
        full = [claim for claim in claims if self._excess(claim, at) > 0]
        if not full:
            return None
        worst = max(full, key=lambda claim: (claim.cost > claim.limit, self._fits_in(claim, at)))
        binding = Meter(worst.quota, self._filled(worst, at), self._fits_in(worst, at))
        return Denial(binding, worst.cost, self._meters(claims, at))

    def _filled(self, claim: Claim, at: float) -> float:
        count = self._count(claim, at)
        return count.used + count.held

    def _excess(self, claim: Claim, at: float) -> float:
        """By how much the claim would pass the limit."""
        count = self._count(claim, at)
        return count.used + count.held + charge(count, claim) - claim.limit

    def _fits_in(self, claim: Claim, at: float) -> float:
        """Seconds until the claim would fit, as far as can be known."""
        return _frees_in(claim, self._excess(claim, at), at)

    def _meters(self, claims: Sequence[Claim], at: float) -> tuple[Meter, ...]:
        filled = ((claim, self._filled(claim, at)) for claim in claims)
        return tuple(Meter(claim.quota, used, _frees_in(claim, used, at)) for claim, used in filled)

    def _take(self, lease: Lease, claim: Claim, at: float) -> None:
        count = self._count(claim, at)
        if claim.quota.unit in EXACT:
            cost = charge(count, claim)
            lease.entries.append(Entry(claim, charged=cost, new=meet(count, claim, count.at), met=count.at))
            count.used += cost
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

    def _kept(self, entry: Entry, at: float) -> int:
        """What stays charged of an exchange that is given back: what others have used since."""
        return entry.charged - part(self._count(entry.claim, at), entry.new, entry.met) if entry.new else 0

    def _true_up(self, entry: Entry, actual: int, since: float, at: float) -> None:
        count = self._count(entry.claim, at)
        count.held = max(0.0, count.held - entry.held)
        if entry.claim.quota.unit is Unit.IN_FLIGHT:
            return
        change: float = actual - entry.charged
        if change < 0:
            change = -min(-change, _undrained(entry, since, at))
        count.used = max(0.0, count.used + change)
        if count.used < DUST and change < 0 and actual == 0 and count.idle and count.idle[-1][1] == since:
            count.used, count.idle[-1] = 0.0, (count.idle[-1][0], at)  # as though it had never been charged

    def _charge_late(self, claim: Claim, amount: float, since: float, at: float) -> None:
        count, window = self._count(claim, at), claim.quota.window
        rate = window.kind == "rate"
        if not rate and (window.kind != "calendar" or windows.number(window.name, since) != windows.number(window.name, at)):
            return
        if claim.members:
            amount = len(meet(count, claim, min(since, count.at) if rate else count.at))
        count.used += served_idle(count, amount, stepped(since, at)) if rate else amount


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
