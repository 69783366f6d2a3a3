"""One count: how a rate's bucket drains and a budget begins anew, and what a bucket that stood empty can still serve.

The drain that an empty bucket leaves unused is remembered for a while: what was used while the store was lost, and is settled
late, drains in it. A count of distinct things remembers each of them for the window. `stores/lua/common.lua` holds the same rules.
"""

import math
from dataclasses import dataclass, field

from proxy.core import windows
from proxy.core.quota import Claim

SHORT = 1.0
"""Seconds: a bucket that stood empty for less is not remembered to have done so."""

GAPS = 32
"""Times remembered in which one bucket stood empty."""


@dataclass(slots=True)
class Count:
    """Usage of one quota by one subject."""

    claim: Claim
    """The newest that touched it: how it drains."""
    used: float = 0.0
    at: float = 0.0
    """Of a rate: when `used` was true, epoch seconds. Of a calendar budget: the number of its window."""
    held: float = 0.0
    idle: list[tuple[float, float]] = field(default_factory=list)
    """Of a rate: from when until when it stood empty, and may still serve what was used then and is settled late."""
    met: dict[int, float] = field(default_factory=dict)
    """Of distinct things: each that is counted -> when it was new (of a calendar budget: the number of its window)."""
    shared: set[int] = field(default_factory=set)
    """Those that another request has used since: they stay counted, whatever becomes of the first."""


def drained(count: Count, at: float) -> Count:
    window = count.claim.quota.window
    if window.kind == "rate" and at > count.at:
        empty = count.at + count.used / count.claim.refill
        if empty < at:
            _stood_empty(count, empty, at)
        count.used = max(0.0, count.used - (at - count.at) * count.claim.refill)
        count.at = at
    elif window.kind == "calendar" and (number := windows.number(window.name, at)) > count.at:
        count.used, count.at = 0.0, number
    return count


def _stood_empty(count: Count, start: float, end: float) -> None:
    """Remembers it, and forgets what was not twice as long: what is settled late was used in the long time without a store."""
    if count.idle and count.idle[-1][1] >= start:
        start, _ = count.idle.pop()
    worth = max(SHORT, 2 * (end - start))
    count.idle = [*(gap for gap in count.idle if gap[1] - gap[0] >= worth), (start, end)][-GAPS:]


def served_idle(count: Count, amount: float, since: float) -> float:
    """What is left of `amount`, used at `since`, after the time in which nothing else drained: that is taken up now."""
    left, refill = [], count.claim.refill
    for start, end in count.idle:
        begin = max(start, since)
        served = min(amount, max(0.0, end - begin) * refill)
        amount -= served
        left += [(start, begin), (begin + served / refill, end)] if served else [(start, end)]
    count.idle = [gap for gap in left if gap[1] - gap[0] >= SHORT][-GAPS:]
    return amount


def stepped(since: float, at: float) -> float:
    """A time up to a quarter nearer, the same for all that are close to it: else the idle time between them falls to pieces."""
    step: float = 2.0 ** (math.frexp(max(SHORT, at - since))[1] - 3)
    return min(at, math.ceil(since / step) * step)


def charge(count: Count, claim: Claim) -> int:
    """What `claim` adds to the count: of distinct things, those that are not yet counted in this window.

    More of them than the limit never fit, and are not worth the looking up."""
    return len(unmet(count, claim)) if claim.members and claim.cost <= claim.limit else claim.cost


def unmet(count: Count, claim: Claim) -> tuple[int, ...]:
    """The members that are new; what was counted in a window that is over is forgotten first."""
    over = count.at - claim.stay
    count.met = {member: when for member, when in count.met.items() if when > over}
    count.shared &= count.met.keys()
    return tuple(member for member in claim.members if member not in count.met)


def meet(count: Count, claim: Claim, when: float) -> tuple[int, ...]:
    """Remembers the members; the new ones. A count that is full (it was passed while nobody could refuse) remembers no more of them."""
    if not claim.members:
        return ()
    new = unmet(count, claim)
    count.shared.update(member for member in claim.members if member in count.met)
    if count.used < claim.limit:
        count.met |= dict.fromkeys(new, when)
    return new


def part(count: Count, members: tuple[int, ...], when: float) -> int:
    """Forgets the members that were new `when` and that nobody else has used since; how many those are."""
    lone = [member for member in members if count.met.get(member) == when and member not in count.shared]
    for member in lone:
        del count.met[member]
    return len(lone)
