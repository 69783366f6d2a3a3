"""How many accounts stood where, over the recorded time: a bounded number of even slices, however long the trace is."""

from collections import Counter
from dataclasses import dataclass

from proxy.core.ladder import Rung

MOST = 192
"""Slices kept; past it every second one goes, and the rest are twice as wide."""

BAND = 5
"""Points of a score in one band."""

Spot = tuple[Rung, int]
"""A rung, and the lower edge of a band of scores."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Where accounts stood at one moment."""

    at: float
    accounts: dict[Spot, int]
    """Only those with a score, or on a rung."""

    def on(self, rung: Rung) -> int:
        return sum(count for (stands, _), count in self.accounts.items() if stands is rung)


class Timeline:
    """Takes each account's changes in recorded time, and keeps slices."""

    def __init__(self) -> None:
        self.width = 60.0
        """Seconds of a slice."""
        self.slices: list[Slice] = []
        self._now: Counter[Spot] = Counter()
        self._next = 0.0

    def note(self, at: float, before: Spot, after: Spot) -> None:
        """An account asked at `at`: it stood at `before` when it last did, and stands at `after`."""
        if not self._next:
            self._next = at + self.width
        while at >= self._next:
            self._cut()
        if before != after:
            self._now[before] -= 1
            self._now[after] += 1

    def finish(self) -> None:
        """The last slice, which is not full."""
        if self._next:
            self._cut()

    def _cut(self) -> None:
        self.slices.append(Slice(self._next, {spot: count for spot, count in self._now.items() if count > 0 and spot != NOWHERE}))
        if len(self.slices) >= MOST:
            self.slices = self.slices[1::2]
            self.width *= 2
        self._next = self.slices[-1].at + self.width


NOWHERE: Spot = (Rung.CLEAR, 0)
"""Of an account of which nothing is known."""


def spot(rung: Rung, score: float) -> Spot:
    """Where an account with this rung and score is counted."""
    return rung, int(score) // BAND * BAND
