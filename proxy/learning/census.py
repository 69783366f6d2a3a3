"""One look at the whole population: whom to look at, who belongs together, and what is usual there. Made anew for each look."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from proxy.learning.parties import Parties, most_in_a_place
from proxy.learning.population import Population
from proxy.learning.profile import Grams

SOON = 24
"""Hours from a model's first use by anybody, in which taking it up is a move to it at once."""

CHUNK = 4096
"""Accounts whose hours are looked at together."""

WARM_UP = 24
"""Hours from the first exchange ever seen, in which every model seems new."""


@dataclass(slots=True)
class Held:
    """Which account holds which gram how often; one entry each, by account then gram."""

    rows: NDArray[np.int64]
    """Places in `Census.profiles`."""
    grams: NDArray[np.int64]
    """Places in `kinds`."""
    counts: NDArray[np.float64]
    kinds: Grams
    """All grams, sorted."""
    holders: NDArray[np.int64]
    """Accounts that hold each, over everybody."""
    vouched: NDArray[np.int64]
    """Those among them that are vouched for."""


class Census:
    """What one look knows. Accounts are sorted by name, so that the same population gives the same look."""

    def __init__(self, population: Population, minimum: int, blocked: Mapping[str, float] | None = None) -> None:
        """`minimum`: openings below which an account is not looked at. `blocked`: when accounts were."""
        self.population = population
        self._minimum = minimum
        self.blocked = blocked or {}
        self.everybody = sorted(population, key=lambda profile: profile.account)
        self.profiles = [profile for profile in self.everybody if profile.openings >= minimum]
        self.party = Parties(population).numbered([profile.account for profile in self.profiles])
        self.most_in_a_place = most_in_a_place(len(population))

    def __len__(self) -> int:
        """Accounts, all of them."""
        return len(self.everybody)

    @cached_property
    def held(self) -> Held:
        """Grams of the accounts that are looked at, with their popularity among all."""
        sizes = [len(profile.grams) for profile in self.everybody]
        if not sum(sizes):
            none = np.zeros(0, np.int64)
            return Held(none, none, np.zeros(0), np.zeros(0, np.uint32), none, none)
        kinds, places = _numbered(np.concatenate([profile.grams for profile in self.everybody]))
        owners = np.repeat([profile.vouched for profile in self.everybody], sizes)
        looked = np.array([profile.openings >= self._minimum for profile in self.everybody])
        rows = np.repeat(np.where(looked, looked.cumsum() - 1, -1), sizes)
        kept = rows >= 0
        counts = np.concatenate([profile.counts for profile in self.everybody]).astype(np.float64)
        holders = np.bincount(places, minlength=len(kinds))
        vouched = np.bincount(places[owners], minlength=len(kinds))
        return Held(rows[kept], places[kept], counts[kept], kinds, holders, vouched)

    def strangers_to(self, pieces: Grams) -> NDArray[np.int64]:
        """How many accounts hold each of `pieces`, whoever is vouched for left out."""
        held = self.held
        places = np.searchsorted(held.kinds, pieces)
        return held.holders[places] - held.vouched[places]

    @cached_property
    def parties(self) -> int:
        return len(set(self.party.tolist()))

    @cached_property
    def identity(self) -> float:
        """Share of accounts of which something says who they are: a payment, or an address that is no front. Where most are nobody,
        colleagues cannot be told from strangers."""
        most = self.most_in_a_place
        known = sum(
            bool(profile.payment) or any(self.population.users(address) <= most for address in profile.addresses)
            for profile in self.everybody
        )  # fmt: skip
        return known / len(self.everybody) if self.everybody else 0.0

    @cached_property
    def hours(self) -> tuple[int, int]:
        """The first hour that anybody's memory holds, in hours since the epoch, and how many there are up to the last."""
        first = min((profile.hour for profile in self.everybody), default=0)
        return first, max((profile.hour + profile.hours.bit_length() - first for profile in self.everybody), default=0)

    def up(self, bitmaps: Sequence[int]) -> NDArray[np.uint8]:
        """A row for each bitmap that begins at the first of `hours`: 1 where it was up."""
        size = (self.hours[1] + 7) // 8
        packed = np.frombuffer(b"".join(bits.to_bytes(size, "little") for bits in bitmaps), np.uint8).reshape(-1, size)
        return np.unpackbits(packed, axis=1, bitorder="little")

    @cached_property
    def clock(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The hours in which anybody was up, as places in `hours`; of all in which accounts were up, the share of each."""
        first, many = self.hours[0], np.zeros((self.hours[1] + 7) // 8 * 8, np.int64)
        for start in range(0, len(self.everybody), CHUNK):
            some = self.everybody[start : start + CHUNK]
            many += self.up([profile.hours << (profile.hour - first) for profile in some]).sum(0, np.int64)
        hours = np.flatnonzero(many)
        return hours, many[hours] / many.sum()

    @cached_property
    def software(self) -> dict[int, int]:
        """Parties that use each software."""
        seen = {(profile.software, int(party)) for profile, party in zip(self.profiles, self.party, strict=True)}
        return Counter(software for software, _ in seen)

    @cached_property
    def moves(self) -> dict[str, tuple[int, float]]:
        """Models that came while it was looking: the hour of their first use, and the share of accounts that took them up `SOON`."""
        first = min((profile.first for profile in self.everybody), default=0.0)
        used: dict[str, int] = {}
        for profile in self.everybody:
            for model, (_, hour) in profile.models.items():
                used[model] = min(used.get(model, hour), hour)
        new = {model: hour for model, hour in sorted(used.items()) if hour > first // 3600 + WARM_UP}
        size = max(1, len(self.profiles))
        return {model: (hour, sum(profile.moved(model, hour, SOON) for profile in self.profiles) / size) for model, hour in new.items()}


def _numbered(grams: Grams) -> tuple[Grams, NDArray[np.int64]]:
    """What `np.unique` gives with its inverse, of at least one: numbers are sorted several times faster than places by their numbers."""
    keys = grams.astype(np.uint64) << np.uint64(32) | np.arange(len(grams), dtype=np.uint64)
    keys.sort()
    ordered, order = (keys >> np.uint64(32)).astype(np.uint32), (keys & np.uint64(0xFFFFFFFF)).view(np.int64)
    new = np.diff(ordered, prepend=ordered[:1]) != 0
    places = np.empty(len(grams), np.int64)
    places[order] = new.cumsum()
    new[0] = True
    return ordered[new], places
