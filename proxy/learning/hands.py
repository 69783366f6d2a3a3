"""Which of one look's findings are one hand? Those that overlap, and those that share what nobody else has (`kinship`)."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from proxy.learning.findings import Finding
from proxy.learning.kinship import Kinship
from proxy.learning.score import Reading

SAME = 0.5
"""Share of the smaller one's accounts that two must have in common to be the same."""


@dataclass(frozen=True, slots=True)
class Hand:
    """Accounts that one look takes for one hand."""

    evidence: float
    readings: tuple[Reading, ...]
    members: dict[str, float]
    """Account → share of its links that lead to members."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One part of one finding."""

    found: Finding
    part: frozenset[str]

    @property
    def members(self) -> dict[str, float]:
        return {account: self.found.members[account] for account in self.part}


def hands(sightings: Iterable[Sighting], kinship: Kinship) -> list[Hand]:
    """Put together; the largest first."""
    seen = sorted(sightings, key=lambda each: (-each.found.evidence, -len(each.part), min(each.part)))
    root = list(range(len(seen)))

    def top(one: int) -> int:
        while root[one] != one:
            one = root[one]
        return one

    joined = {*_overlapping(seen), *kinship.pairs([each.part for each in seen])}
    for one, other in sorted(joined):
        first, second = sorted((top(one), top(other)))
        root[second] = first
    by_root: dict[int, list[Sighting]] = defaultdict(list)
    for place, each in enumerate(seen):
        by_root[top(place)].append(each)
    return sorted(map(_hand, by_root.values()), key=lambda hand: (-len(hand.members), min(hand.members)))


def _overlapping(seen: list[Sighting]) -> Iterable[tuple[int, int]]:
    """Indexed by account: sightings that share none are never compared."""
    by_account: dict[str, list[int]] = defaultdict(list)
    for place, each in enumerate(seen):
        for account in each.part:
            by_account[account].append(place)
    touching = {pair for places in by_account.values() for pair in combinations(places, 2)}
    for one, other in touching:
        smaller = min(len(seen[one].part), len(seen[other].part))
        if len(seen[one].part & seen[other].part) >= SAME * smaller:
            yield one, other


def _hand(sightings: list[Sighting]) -> Hand:
    """Evidence is the strongest finding's; it comes first."""
    members: dict[str, float] = {}
    for each in reversed(sightings):
        members |= each.members
    strongest = sightings[0].found
    return Hand(strongest.evidence, strongest.readings, members)
