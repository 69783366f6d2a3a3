"""Strangers are up and silent together, beyond the population's own clock (SynchroTrap, CCS 2014, looks for the same in logins)."""

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from proxy.learning.links.base import Group

USUAL = 4.0
"""Standard deviations that time zones and working hours bring about."""


class Synchrony:
    """Hours in which more, or fewer, strangers are up than the population's clock says. Colleagues are up together too, so it counts
    only as far as they could be told from strangers."""

    name: ClassVar[str] = "synchrony"
    weight: ClassVar[float] = 5.0
    shadow: ClassVar[bool] = False
    sufficient: ClassVar[bool] = False

    def measure(self, group: Group) -> tuple[float, str]:
        hours: dict[int, int] = {}
        first, _ = group.census.hours
        for profile, party in zip(group.members, group.party, strict=True):
            hours[party] = hours.get(party, 0) | profile.hours << (profile.hour - first)
        excess = _overdispersion(group.census.up(list(hours.values())), *group.census.clock)
        nats = group.census.identity * min(self.weight, (excess - USUAL) / 4)
        return nats, f"they are up and silent together, {excess:.0f} standard deviations beyond everybody's clock"


def _overdispersion(up: NDArray[np.uint8], hours: NDArray[np.int64], shares: NDArray[np.float64]) -> float:
    """How far the number of those who are up, hour by hour, strays from what their own activity and the clock say."""
    sizes = up.sum(1, np.float64)
    chance = np.minimum(1.0, sizes[None, :] * shares[:, None])
    expected, variance = chance.sum(1), (chance * (1 - chance)).sum(1)
    seen = up.sum(0, np.float64)[hours]
    stray = float(((seen - expected) ** 2 - variance).sum())
    return stray / math.sqrt(float((2 * variance**2 + variance / 2).sum()) + 1e-9)
