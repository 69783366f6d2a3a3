"""An account's rolling evidence: what it asked (as sketches), when, from where, and how it pays. Two kilobytes, whatever it sends.

What it asked is kept as *grams*: hashes of pieces of its conversations' first turns (`sketch`), each with how many conversations had it.
A piece that recurs in all of them is a template; one that comes once is an item.
"""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from sys import intern

import numpy as np
from numpy.typing import NDArray

from proxy.learning.observation import Observation

Grams = NDArray[np.uint32]
Counts = NDArray[np.uint16]

MOST_GRAMS = 800
"""Grams kept of an account. With 256, campaigns whose accounts each work through a long list fall apart (41 % of one found, not 71 %)."""

MOST_TIMES = int(np.iinfo(np.uint16).max)
"""Most that is counted of one gram."""

MOST_ADDRESSES = 8
MOST_MODELS = 8
MOST_TOOLKITS = 16
MOST_TALKS = 32
HOURS = 14 * 24
"""Hours of activity that are remembered."""

_NO_GRAMS: Grams = np.zeros(0, np.uint32)
_NOTHING: Mapping[str, list[int]] = {}
_NO_COUNTS: Counts = np.zeros(0, np.uint16)


@dataclass(slots=True)
class Profile:
    """One account's. Arrays are sorted by gram."""

    account: str
    organization: str
    vouched: bool = False
    payment: int = 0
    software: int = 0
    created: float | None = None
    first: float = 0.0
    last: float = 0.0
    turn: int = 0
    """Exchanges of everybody up to its last one: the lower, the longer it has been quiet."""
    exchanges: int = 0
    openings: int = 0
    known: int = 0
    """Openings of which somebody had already sent every piece."""
    output: int = 0
    """Tokens."""
    grams: Grams = field(default_factory=lambda: _NO_GRAMS)
    counts: Counts = field(default_factory=lambda: _NO_COUNTS)
    dropped: int = 0
    """Grams that were forgotten; they still count in how much of its text two accounts share."""
    addresses: tuple[int, ...] = ()
    toolkits: tuple[int, ...] = ()
    """The last `MOST_TOOLKITS` that it offered, oldest first."""
    talks: "array[int]" = field(default_factory=lambda: array("Q"))
    """The last `MOST_TALKS` conversations that it began, by hash, oldest first."""
    models: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Exchanges with each, and the hour of the first."""
    hour: int = 0
    """The first hour of `hours`, in hours since the epoch."""
    hours: int = 0
    """Bitmap of the hours in which it was up, from `hour` on."""
    kept: Mapping[str, list[int]] = field(default_factory=lambda: _NOTHING)
    """What each signal keeps, by its name. Of most accounts, none does: they share an empty one, so it is replaced and never changed."""

    @classmethod
    def of(cls, seen: Observation, *, vouched: bool) -> "Profile":
        return cls(
            seen.account, seen.organization, vouched, seen.payment, seen.software, seen.created, seen.at, hour=int(seen.at // 3600)
        )  # fmt: skip

    @property
    def single(self) -> float:
        """Share of its exchanges that begin a conversation: 1 where it never goes on with one."""
        return self.openings / self.exchanges if self.exchanges else 0.0

    @property
    def reused(self) -> float:
        """Share of its openings that somebody had sent before."""
        return self.known / self.openings if self.openings else 0.0

    def learn(self, seen: Observation) -> None:
        """All but its grams, which the population counts too."""
        self.exchanges += 1
        self.last = max(self.last, seen.at)
        self.output += seen.output
        self.payment, self.software = seen.payment or self.payment, self.software or seen.software
        if seen.address and seen.address not in self.addresses and len(self.addresses) < MOST_ADDRESSES:
            self.addresses += (seen.address,)
        if seen.model in self.models or len(self.models) < MOST_MODELS:
            times, first = self.models.get(seen.model, (0, int(seen.at // 3600)))
            self.models[intern(seen.model)] = times + 1, first
        if seen.toolkit and seen.toolkit not in self.toolkits:
            self.toolkits = (*self.toolkits, seen.toolkit)[-MOST_TOOLKITS:]
        if seen.conversation and seen.conversation not in self.talks:
            self.talks.append(seen.conversation)
            del self.talks[:-MOST_TALKS]
        self._was_up(int(seen.at // 3600))

    def _was_up(self, hour: int) -> None:
        if hour < self.hour:
            return  # out of order by more than its memory; the hour is lost, nothing else
        if hour - self.hour >= HOURS:
            forget = hour - self.hour - HOURS + 1
            self.hours, self.hour = self.hours >> forget, self.hour + forget
        self.hours |= 1 << (hour - self.hour)

    def moved(self, model: str, released: int, soon: int) -> bool:
        """Did it, who was there before, take up a model within `soon` hours of `released`?"""
        times, first = self.models.get(model, (0, 0))
        return times > 0 and int(self.first // 3600) < released <= first < released + soon

    def add(self, found: Grams) -> Grams:
        """Counts `found` (sorted, distinct); those that it had not."""
        at = self.grams.searchsorted(found)
        held = self.grams.take(at, mode="clip") == found if len(self.grams) else np.zeros(len(found), bool)
        places = at[held]
        self.counts[places] += self.counts[places] < MOST_TIMES
        new: Grams = found[~held]
        if len(new):
            grams, counts = np.concatenate([self.grams, new]), np.concatenate([self.counts, np.ones(len(new), np.uint16)])
            order = grams.argsort(kind="stable")
            self.grams, self.counts = grams[order], counts[order]
        return new

    def shrink(self, shared: NDArray[np.bool_]) -> Grams:
        """Forgets a quarter of its grams: first what nobody else has, then what came once. Those that it forgot. `shared`: by gram."""
        order = np.lexsort((self.grams, self.counts > 1, shared))
        out = np.sort(order[: MOST_GRAMS // 4])
        gone, keep = self.grams[out], np.setdiff1d(np.arange(len(self.grams)), out)
        self.grams, self.counts = self.grams[keep], self.counts[keep]
        self.dropped += len(gone)
        return gone
