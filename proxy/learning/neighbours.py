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


def neighbours(census: Census, recurrence: float) -> Neighbours:
    """Everybody's nearest strangers."""
    size = len(census.profiles)
    vectors = _vectors(census.held, census.profiles, len(census), recurrence)
    pairs = (vectors @ vectors.T).tocoo()
    strange = (pairs.data > FAINT) & (census.party[pairs.row] != census.party[pairs.col])
    rows, columns, close = _nearest(pairs.row[strange], pairs.col[strange], pairs.data[strange])
    near = csr_matrix((close, (rows, columns)), shape=(size, size))
    strong = near.multiply(near > LINK)
    return Neighbours(near, strong.minimum(strong.T).tocsr())


def _vectors(held: Held, profiles: list[Profile], accounts: int, recurrence: float) -> csr_matrix:
    """Unit vectors over the grams that may link."""
    openings = np.array([profile.openings for profile in profiles], np.float64)
    dropped = np.array([profile.dropped for profile in profiles], np.float64)
    rare = math.log(accounts + 50)
    share = np.minimum(1.0, held.counts / openings[held.rows])
    weights = share**recurrence * (rare - np.log(held.holders[held.grams]))
    forgotten = dropped * rare**2 * np.maximum(openings, 1.0) ** (-2 * recurrence)
    norms = np.sqrt(np.bincount(held.rows, weights**2, len(profiles)) + forgotten)
    links = _linking(held, profiles, accounts)
    rows, grams = held.rows[links], held.grams[links]
    values = weights[links] / np.maximum(norms[rows], 1e-9)
    return csr_matrix((values, (rows, grams)), shape=(len(profiles), len(held.kinds)))


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
    """The nearest of each row; of equals the first by place."""
    order = np.lexsort((columns, -close, rows))
    rows, columns, close = rows[order], columns[order], close[order]
    starts = np.searchsorted(rows, rows)
    kept = np.arange(len(rows)) - starts < NEAREST
    return rows[kept], columns[kept], close[kept]
