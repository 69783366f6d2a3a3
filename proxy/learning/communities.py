"""Groups of accounts that are closer to each other than to the rest: modularity (Newman 2006) by Louvain's method (Blondel et al. 2008).

scikit-network's Louvain is deterministic for a given `random_state` (its Leiden is not), and takes a second for a million links.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sknetwork.clustering import Louvain, get_modularity

FINE = 3.0
"""Resolution at which groups are looked for: small ones must not drown in large ones."""

USUAL = 1.0
"""Link mass of an account in a population where many ask alike. Modularity compares a group with all links there are; where hardly
anybody is linked, that is the group itself, and it would fall to pieces: those who are linked to nobody count too."""

COARSE = 0.4
"""Resolution at which a group may fall into parts."""

APART = 0.3
"""Modularity from which its parts clearly are parts."""

DIVISIBLE = 12
"""Accounts below which a group is not divided."""

SEED = 1


def communities(links: csr_matrix, resolution: float = FINE) -> list[NDArray[np.int64]]:
    """Places by community, ascending; larger first. Accounts without a link are in none."""
    linked = np.flatnonzero(np.diff(links.indptr))
    if len(linked) < 2:  # noqa: PLR2004
        return []
    mass = min(1.0, links.sum() / (USUAL * links.shape[0]))
    labels = Louvain(resolution=resolution * mass, random_state=SEED).fit_predict(links[linked][:, linked])
    found = [linked[labels == label] for label in np.unique(labels)]
    return sorted(found, key=lambda places: (-len(places), int(places[0])))


def parts(links: csr_matrix, places: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The group's parts where it clearly falls apart, else itself."""
    if len(places) < DIVISIBLE:
        return [places]
    inside = links[places][:, places]
    if not inside.nnz:
        return [places]
    labels = Louvain(resolution=COARSE, random_state=SEED).fit_predict(inside)
    if labels.max() == 0 or get_modularity(inside, labels) < APART:
        return [places]
    return [places[labels == label] for label in np.unique(labels)]
