"""Strangers who offer several of the same rare toolkits: one harness, dealt out over accounts.

One shared toolkit is a product, and says nothing: support desks share theirs with dozens of organizations. Two that nobody has together
are already rare, and three that few have are a signature. So the first one that two accounts share is free.
"""

import math
from collections import Counter

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from sknetwork.topology import get_core_decomposition

from proxy.learning.census import Census
from proxy.learning.neighbours import Neighbours

FEWEST = 2
"""Toolkits that two must share, and ..."""

PART = 0.5
"""... this part of the rarer ones that the one with fewer has: a reseller has many, and shares some with everybody."""

LINK = 2.0
"""Nats of what they share beyond the first, from which they are linked."""

CORE = 3
"""Links that an account must have among those who have as many: a chain of pairs is no crowd."""


def toolkits(census: Census) -> tuple[Neighbours, list[NDArray[np.int64]]]:
    """Links in nats, and the crowds that they make."""
    links = _links(census)
    deep = np.flatnonzero(get_core_decomposition(links) >= CORE) if links.nnz else np.zeros(0, np.int64)
    inside = links[deep][:, deep]
    labels = connected_components(inside, directed=False)[1] if len(deep) else np.zeros(0, np.int64)
    crowds = [deep[labels == label] for label in np.unique(labels)]
    return Neighbours(links, links), crowds


def _links(census: Census) -> csr_matrix:
    rows, kits, worth = _rare(census)
    if not len(rows):
        return csr_matrix((len(census.profiles),) * 2)
    size = (len(census.profiles), int(kits.max(initial=-1)) + 1)
    has = csr_matrix((np.ones(len(rows)), (rows, kits)), shape=size)
    worths = csr_matrix((np.sqrt(worth), (rows, kits)), shape=size)
    shared, nats = (has @ has.T).tocoo(), (worths @ worths.T).tocsr()
    many = np.asarray(has.sum(1)).ravel()
    smaller = np.minimum(many[shared.row], many[shared.col])
    beyond = np.asarray(nats[shared.row, shared.col]).ravel() * (1 - 1 / np.maximum(shared.data, 1))
    linked = (shared.data >= np.maximum(FEWEST, PART * smaller)) & (beyond >= LINK) & (census.party[shared.row] != census.party[shared.col])
    return csr_matrix((beyond[linked], (shared.row[linked], shared.col[linked])), shape=(size[0], size[0]))


def _rare(census: Census) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Who offers which toolkit that several strangers have and few others, and the nats of sharing it."""
    having = [(place, kit) for place, profile in enumerate(census.profiles) if not profile.vouched for kit in profile.toolkits]
    parties = {(int(census.party[place]), kit) for place, kit in having}
    holders = Counter(kit for _, kit in parties)
    users = len({party for party, _ in parties})
    rare = {kit: number for number, kit in enumerate(sorted(holders)) if 2 <= holders[kit] <= census.most_in_a_place}  # noqa: PLR2004
    found = [(place, rare[kit], math.log(users / holders[kit])) for place, kit in having if kit in rare]
    places, numbers, worth = zip(*found, strict=True) if found else ((), (), ())
    return np.array(places, np.int64), np.array(numbers, np.int64), np.maximum(np.array(worth, np.float64), 0)
