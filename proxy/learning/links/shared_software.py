"""One combination of user agent, TLS fingerprint and header order, more often among strangers than in the population."""

import math
from typing import ClassVar

from proxy.learning.links.base import Group

USUAL = 3.0
"""Standard deviations that the commonest of many combinations shows by chance."""


class SharedSoftware:
    """Strangers with one software that is not so common otherwise."""

    name: ClassVar[str] = "shared_software"
    weight: ClassVar[float] = 3.0
    shadow: ClassVar[bool] = False
    sufficient: ClassVar[bool] = False

    def measure(self, group: Group) -> tuple[float, str]:
        used = group.strangers((place, profile.software) for place, profile in enumerate(group.members) if profile.software)
        excess, seen = 0.0, 0
        for software, parties in used.items():
            expected = group.parties * group.census.software[software] / group.census.parties
            deviations = (len(parties) - expected) / math.sqrt(expected + 1)
            if deviations > excess:
                excess, seen = deviations, len(parties)
        return (excess - USUAL) / 2, f"{seen} of {group.parties} strangers use the same software, which few others do"
