"""Whom an account is closest to in what it asks, among strangers. Indexed by rare pieces: pairs that share none are never compared.

Closeness is the cosine of gram profiles, each gram weighing `share ** recurrence · log(N / holders)` (tf-idf; Spärck Jones 1972). A low
exponent asks what is asked, a high one what recurs: a campaign that deals out one list shows in the second, one that repeats it in the
first.
"""

import math
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from proxy.learning.census import Census, Held
from proxy.learning.profile import Profile

NEAREST = 8
"""Neighbours kept of each account."""

FAINT = 0.02
"""Closeness below which nothing is kept."""

LINK = 0.04
"""Closeness from which two who are among each other's nearest are linked."""

SAMPLE = 150
"""Holders of one gram that are compared; of a gram with more, always the same ones (a large campaign is found in a sample of its
accounts, and the others by what they share with it)."""

POPULAR = 0.0375
"""Share of all accounts past which what they share is a product, and links nobody."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Links between accounts, by their places in the census."""

    near: csr_matrix
    """Each account's nearest strangers."""
    mutual: csr_matrix
    """Those that see each other so. Symmetric."""


class Pieces:
    """What the accounts hold, and how rare it is: whatever the exponent."""

    def __init__(self, census: Census) -> None:
        self.census = census
        held, profiles = census.held, census.profiles
        self._rows, self._counts = held.rows, held.counts
        self._openings = np.array([profile.openings for profile in profiles], np.float64)
        self._dropped = np.array([profile.dropped for profile in profiles], np.float64)
        self._rare = math.log(len(census) + 50)
        self._rarity = (self._rare - np.log(np.maximum(held.holders, 1)))[held.grams]
        self._again = np.flatnonzero(held.counts > 1)
        self._links = np.flatnonzero(_linking(held, profiles, len(census)))
        self._grams = held.grams[self._links]
        self._starts = np.searchsorted(held.rows[self._links], np.arange(len(profiles) + 1))
        self._kinds = len(held.kinds)

    def vectors(self, recurrence: float) -> csr_matrix:
        """Unit vectors over the grams that may link."""
        weights = self._share(recurrence) * self._rarity
        forgotten = self._dropped * self._rare**2 * np.maximum(self._openings, 1.0) ** (-2 * recurrence)
        norms = np.sqrt(np.bincount(self._rows, weights**2, len(self._openings)) + forgotten)
        values = weights[self._links] / np.maximum(norms, 1e-9)[self._rows[self._links]]
        return csr_matrix((values, self._grams, self._starts), shape=(len(self._openings), self._kinds))

    def _share(self, recurrence: float) -> NDArray[np.float64]:
        """Of its account's openings, raised. Most pieces came once."""
        raised: NDArray[np.float64] = (np.minimum(1.0, 1 / np.maximum(self._openings, 1.0)) ** recurrence)[self._rows]
        rows = self._rows[self._again]
        raised[self._again] = np.minimum(1.0, self._counts[self._again] / self._openings[rows]) ** recurrence
        return raised


def neighbours(pieces: Pieces, recurrence: float) -> Neighbours:
    """Everybody's nearest strangers."""
    vectors, party = pieces.vectors(recurrence), pieces.census.party
    pairs = (vectors @ vectors.T).tocoo()
    seen = np.flatnonzero(pairs.data > FAINT)
    rows, columns, close = pairs.row[seen], pairs.col[seen], pairs.data[seen]
    strange = np.flatnonzero(party[rows] != party[columns])
    rows, columns, close = _nearest(rows[strange], columns[strange], close[strange])
    near = csr_matrix((close, (rows, columns)), shape=vectors.shape[:1] * 2)
    strong = near.multiply(near > LINK)
    return Neighbours(near, strong.minimum(strong.T).tocsr())


def _linking(held: Held, profiles: list[Profile], accounts: int) -> NDArray[np.bool_]:
    """Entries that may link: what nobody else holds cannot, what everybody holds does not."""
    holders = held.holders[held.grams]
    links: NDArray[np.bool_] = (holders >= 2) & (holders <= max(SAMPLE, POPULAR * accounts))  # noqa: PLR2004
    crowded = links & (holders > SAMPLE)
    if crowded.any():
        lots = np.array([crc32(profile.account.encode()) for profile in profiles])[held.rows]
        links &= ~crowded | (lots < (1 << 32) * SAMPLE / np.maximum(holders, 1))
    return links


def _nearest(
    rows: NDArray[np.int64], columns: NDArray[np.int64], close: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The nearest of each row; of equals the first by place. `rows` ascend."""
    near = close >= _least(rows, close)
    rows, columns, close = rows[near], columns[near], close[near]
    order = np.lexsort((columns, -close, rows))
    rows, columns, close = rows[order], columns[order], close[order]
    starts = np.searchsorted(rows, rows)
    kept = np.arange(len(rows)) - starts < NEAREST
    return rows[kept], columns[kept], close[kept]


def _least(rows: NDArray[np.int64], close: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each entry the closeness of its row's last that may be among the nearest: sorting all of them takes ten times as long."""
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    sizes, left, least = np.diff(starts, append=len(rows)), close, close
    for _ in range(NEAREST if len(rows) else 0):
        least = np.repeat(np.maximum.reduceat(left, starts), sizes)
        left = np.where(left < least, left, 0.0)
    return least
