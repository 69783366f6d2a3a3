"""Strangers are up and silent together, beyond the population's own clock (SynchroTrap, CCS 2014, looks for the same in logins)."""

import math
from collections import Counter
from typing import ClassVar

import numpy as np

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
        hours: dict[int, set[int]] = {}
        for profile, party in zip(group.members, group.party, strict=True):
            hours[party] = hours.get(party, set()) | profile.up()
        excess = _overdispersion(list(hours.values()), group.census.clock)
        nats = group.census.identity * min(self.weight, (excess - USUAL) / 4)
        return nats, f"they are up and silent together, {excess:.0f} standard deviations beyond everybody's clock"


def _overdispersion(hours: list[set[int]], clock: dict[int, float]) -> float:
    """How far the number of those who are up, hour by hour, strays from what their own activity and the clock say."""
    together = Counter(hour for each in hours for hour in each)
    sizes = np.array([len(each) for each in hours], np.float64)
    shares = np.array(list(clock.values()))
    chance = np.minimum(1.0, sizes[None, :] * shares[:, None])
    expected, variance = chance.sum(1), (chance * (1 - chance)).sum(1)
    seen = np.array([together[hour] for hour in clock], np.float64)
    stray = float(((seen - expected) ** 2 - variance).sum())
    return stray / math.sqrt(float((2 * variance**2 + variance / 2).sum()) + 1e-9)
