"""Complementary coverage: strangers with one tight, rare skeleton over which one list is dealt out, without conversation.

A list that is dealt out is exchangeable: a piece that recurs in it comes back to the account that had it as often as chance says, and
no more (Morisita's index of dispersion, 1959, is 1). Honest look-alikes are not: strangers who found one template bring items of their
own, whose pieces come back to the same account (the index is 2 and more); who goes through a benchmark, a class with one homework, asks
each item once as everybody does (it is far below 1). Users of one product talk on (`single`); a company's jobs are one party, so the
strangers among them are few.
"""

import math
from typing import ClassVar

import numpy as np

from proxy.learning.links.base import Group, View

SCALE = 60.0
"""Nats of a group whose members are all alike."""

ENOUGH = 12
"""Parties from which it counts in full."""

TALKS = 0.6
"""Share of openings from which nobody can be said to hold a conversation."""

ITEM = 0.15
"""Share of any member's openings up to which a piece is an item and no template."""

SURE = 0.5
"""Of the way to `FAR`, on a logarithmic scale, how far the index may stray and still count in full."""

FAR = 2.2
"""Index from which, and below the inverse of which, nothing was dealt out."""

SEVERAL = 20
"""Recurring pieces from which the index can half be believed."""


class Coverage:
    """One list, dealt out over strangers."""

    name: ClassVar[str] = "coverage"
    weight: ClassVar[float] = 20.0
    shadow: ClassVar[bool] = False
    sufficient: ClassVar[bool] = True

    def measure(self, group: Group) -> tuple[float, str]:
        if group.view is not View.TEMPLATES:
            return 0.0, ""
        alike = max(0.0, float(np.mean(group.close)) ** 2 - group.usual**2)
        new, apart = 1 - group.reused, (group.parties / len(group.members)) ** 2
        nats = SCALE * alike * new * apart * min(1.0, group.single / TALKS) * min(1.0, group.parties / ENOUGH)
        return nats and nats * dealt(*dispersion(group)), (
            f"{group.parties} strangers fill one rare template as if one list were dealt out over them: {new:.0%} of its items were never "
            f"sent before, what recurs comes back to anyone of them, and {group.single:.0%} of their requests begin anew"
        )


def dispersion(group: Group) -> tuple[float, int]:
    """Morisita's index of the pieces of items that recur, and how many do."""
    members = group.members
    openings = np.array([profile.openings for profile in members], np.float64)
    owner = np.repeat(np.arange(len(members)), [len(profile.grams) for profile in members])
    counts = np.concatenate([profile.counts for profile in members]).astype(np.float64)
    kinds, places = np.unique(np.concatenate([profile.grams for profile in members]), return_inverse=True)
    share = np.zeros(len(kinds))
    np.maximum.at(share, places, counts / openings[owner])
    times = np.bincount(places, counts, len(kinds))
    items = (share <= ITEM) & (times > 1)
    pairs = float((times * (times - 1))[items].sum())
    if not pairs:
        return 1.0, 0
    within = float((counts * (counts - 1))[items[places]].sum())
    by_chance = float(((openings / openings.sum()) ** 2).sum())
    return within / pairs / by_chance, int(items.sum())


def dealt(index: float, pieces: int) -> float:
    """How far one list seems dealt out, 0–1. `index`: see `dispersion`; `pieces`: those it was made of."""
    far = abs(math.log(max(index, 1e-3))) / math.log(FAR)
    return min(1.0, max(0.0, (1 - far) / (1 - SURE))) * pieces / (pieces + SEVERAL)
