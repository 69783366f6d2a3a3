"""Are two crowds of accounts one hand? They are where they share pieces that nobody else has, or payments, and hold conversations alike."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from proxy.learning.census import Census
from proxy.learning.profile import Grams, Profile

ALIKE = 0.25
"""Difference in how many of their exchanges begin anew, from which two campaigns are not the same work."""

ITEM = 0.15
"""Share of an account's openings up to which a piece is an item and no template."""

OWN = 0.8
"""Of a piece's holders, the share that must be members of the two, whatever other suspects hold it."""

PIECES = 8
"""Pieces that they must share, or ..."""

PART = 0.05
"""... this part of the pieces that two of the smaller's members have."""

WITH_ADDRESSES = 2
"""Pieces, and accounts at the other's addresses, that are enough together."""

PAYING = 3
"""Members that pay with the other's means of payment: enough on their own."""


class Kinship:
    """What one look knows of the accounts."""

    def __init__(self, census: Census) -> None:
        self._census = census
        self._profiles = census.population.profiles
        self._suspects: tuple[Grams, NDArray[np.int64]] = np.zeros(0, np.uint32), np.zeros(0, np.int64)
        """Pieces of everybody in a crowd, and how many have each."""

    def pairs(self, crowds: Sequence[Collection[str]]) -> Iterator[tuple[int, int]]:
        """Those that are one, by their places. `crowds`: accounts of each."""
        known = [_Sight([self._profiles[one] for one in sorted(crowd)]) for crowd in crowds]
        everyone = sorted({one for crowd in crowds for one in crowd})
        held = [self._profiles[one].grams for one in everyone]
        self._suspects = np.unique(np.concatenate([np.zeros(0, np.uint32), *held]), return_counts=True)
        for one, other in self._touching(known):
            if self._same(known[one], known[other]):
                yield one, other

    def _touching(self, known: "Sequence[_Sight]") -> Iterator[tuple[int, int]]:
        """Pairs that have a payment or a piece in common at all: indexed, so that strangers are never compared."""
        kinds, times = np.unique(np.concatenate([np.zeros(0, np.uint32), *(sight.pieces for sight in known)]), return_counts=True)
        several = kinds[times > 1]
        by_thing: dict[tuple[str, int], list[int]] = defaultdict(list)
        for place, sight in enumerate(known):
            for payment in sight.payments:
                by_thing["payment", payment].append(place)
            for piece in sight.pieces[np.isin(sight.pieces, several)].tolist():
                by_thing["piece", piece].append(place)
        return iter(sorted({pair for places in by_thing.values() for pair in combinations(places, 2)}))

    def _same(self, one: "_Sight", other: "_Sight") -> bool:
        if abs(one.single - other.single) >= ALIKE:
            return False
        shared = self._shared(one, other)
        if shared >= max(PIECES, PART * min(len(one.pieces), len(other.pieces))):
            return True
        at_its_addresses = sum(bool(one.addresses & set(profile.addresses)) for profile in other.profiles)
        paying = sum(profile.payment in one.payments for profile in other.profiles)
        return (shared >= WITH_ADDRESSES and at_its_addresses >= WITH_ADDRESSES) or paying >= PAYING

    def _shared(self, one: "_Sight", other: "_Sight") -> int:
        """Pieces that both have, and hardly anybody else."""
        pieces, mine, theirs = np.intersect1d(one.pieces, other.pieces, assume_unique=True, return_indices=True)
        members = one.members[mine] + other.members[theirs]
        kinds, holders = self._suspects
        honest = self._census.strangers_to(pieces) - holders[np.searchsorted(kinds, pieces)]
        return int(np.count_nonzero(members >= OWN * (members + honest)))


class _Sight:
    """A crowd's accounts, put together."""

    def __init__(self, profiles: list[Profile]) -> None:
        self.profiles = profiles
        self.single = float(np.mean([profile.single for profile in profiles])) if profiles else 0.0
        self.payments = {profile.payment for profile in profiles if profile.payment}
        self.addresses = {address for profile in profiles for address in profile.addresses}
        items = [profile.grams[profile.counts <= max(1.0, ITEM * profile.openings)] for profile in profiles]
        pieces, members = np.unique(np.concatenate([np.zeros(0, np.uint32), *items]), return_counts=True)
        self.pieces: Grams = pieces[members >= 2]  # noqa: PLR2004
        """Items that at least two of them have, ..."""
        self.members: NDArray[np.int64] = members[members >= 2]  # noqa: PLR2004
        """... and how many."""
